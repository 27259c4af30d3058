//! Whether and how connections are encrypted: main.cf, `smtp_tls_policy_maps` and
//! `smtp_tls_per_site`.

mod listed;

use std::sync::Arc;

use self::listed::Listed;
use super::dane::{self, Dane, DaneSettings};
use super::external::Sts;
use super::reason::Reason;
use super::servers::Found;
use super::settings::{Named, Routing};
use crate::config::{Config, Problem, parameters as p, split_list};
use crate::dns::Resolver;
use crate::log::Log;
use crate::lookup::{Maps, TableError, Tables};
use crate::mail::hostname;
use crate::mail::status::Status;
use crate::tls::words::{Level, LogLevel, Protocols};
use crate::wire::tlsa::Tlsa;

/// The parameters of one line.
#[derive(Debug)]
pub struct Encryption {
    parameter: String,
    /// Without a policy of the destination's own.
    level: Level,
    policies: Maps,
    per_site: Maps,
    /// `smtp_tls_wrappermode`
    pub wrapper: bool,
    /// `smtp_tls_note_starttls_offer`
    pub notes_offers: bool,
    reuse: bool,
    server_name: String,
    protocols: String,
    mandatory_protocols: String,
    exclude: String,
    mandatory_exclude: String,
    grade: String,
    mandatory_grade: String,
    fingerprints: Vec<String>,
    verify_match: Vec<String>,
    secure_match: Vec<String>,
    trust_anchors: Vec<String>,
    enforce_exchangers: bool,
    dane: DaneSettings,
    log_level: LogLevel,
    log_level_maps: Maps,
    /// `starttls_timeout`
    pub timeout: std::time::Duration,
    /// `minimal_backoff_time`: mail younger than this is not sent in the clear after a handshake
    /// has failed.
    pub patience: std::time::Duration,
    #[cfg(feature = "ssl")]
    lists: CipherLists,
    /// What does the work; none where there can be no TLS.
    #[cfg(feature = "ssl")]
    pub client: Option<crate::tls::client::Client>,
}

#[cfg(feature = "ssl")]
#[derive(Debug)]
struct CipherLists {
    medium: String,
    high: String,
    groups: String,
}

/// How one server of one next hop is to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The security level.
    pub level: Level,
    /// Versions.
    pub protocols: Protocols,
    /// The cipher grade.
    pub grade: String,
    /// Ciphers that are excluded.
    pub exclude: String,
    /// The server name that is sent.
    pub server_name: Option<String>,
    /// Fingerprints, or the names that certificates must have, next hop and host filled in.
    pub matching: Vec<String>,
    /// TLSA records by which the server proves itself.
    pub dane: Option<Dane>,
    /// The MTA-STS policy that a plug-in has found: it is reported.
    pub sts: Option<Sts>,
    /// PEM files of authorities that count instead of the usual ones.
    pub trust_anchors: Vec<String>,
    /// What is in them.
    pub anchors: Anchors,
    /// Encrypted connections may be kept for further mail.
    pub reuse: bool,
}

/// Trust anchors, shown by their number only: their files are what policies are told apart by.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Anchors(pub Vec<Tlsa>);

impl std::fmt::Debug for Anchors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.len().fmt(f)
    }
}

/// What a policy is for.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The next hop, with brackets and port where it has them.
    pub nexthop: &'a str,
    /// The next hop without brackets and port: what certificates are for.
    pub domain: &'a str,
    /// The server.
    pub host: &'a str,
    /// Where it listens; zero for UNIX sockets.
    pub port: u16,
    /// How its address was found; none for UNIX sockets.
    pub name: Option<&'a Found>,
    /// The MX or SRV records that led to it.
    pub exchange: Option<&'a Found>,
    /// Name service.
    pub resolver: &'a Resolver,
    /// Parameters.
    pub routing: &'a Routing,
}

impl Policy {
    /// Nothing is encrypted.
    pub fn plain() -> Self {
        Self {
            level: Level::None,
            protocols: Protocols { tls12: true, tls13: true },
            grade: String::new(),
            exclude: String::new(),
            server_name: None,
            matching: Vec::new(),
            dane: None,
            sts: None,
            trust_anchors: Vec::new(),
            anchors: Anchors::default(),
            reuse: true,
        }
    }

    /// What connections that are kept are told apart by.
    pub fn key(&self) -> String {
        match self.level {
            Level::None => String::new(),
            _ => format!("{self:?}"),
        }
    }
}

impl Encryption {
    /// Reads them.
    pub(super) fn read(
        named: &Named<'_>,
        config: &Arc<Config>,
        tables: &Tables,
    ) -> Result<Self, Problem> {
        let prefix = named.prefix;
        let list = |suffix: &str| -> Vec<String> {
            let text = named.text(suffix);
            text.split([',', ' ', '\t', '\r', '\n', ':'])
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let words = |suffix: &str| -> Vec<String> {
            split_list(&named.text(suffix)).into_iter().map(str::to_owned).collect()
        };
        let loglevel = named.text("tls_loglevel");
        let level = global_level(named)?;
        Ok(Self {
            parameter: format!("{prefix}_tls_policy_maps"),
            level,
            policies: named.maps(tables, "tls_policy_maps")?,
            per_site: named.maps(tables, "tls_per_site")?,
            wrapper: named.bool("tls_wrappermode"),
            notes_offers: named.bool("tls_note_starttls_offer"),
            reuse: named.bool("tls_connection_reuse"),
            server_name: named.text("tls_servername"),
            protocols: named.text("tls_protocols"),
            mandatory_protocols: named.text("tls_mandatory_protocols"),
            exclude: named.text("tls_exclude_ciphers"),
            mandatory_exclude: named.text("tls_mandatory_exclude_ciphers"),
            grade: named.text("tls_ciphers"),
            mandatory_grade: named.text("tls_mandatory_ciphers"),
            fingerprints: words("tls_fingerprint_cert_match"),
            verify_match: list("tls_verify_cert_match"),
            secure_match: list("tls_secure_cert_match"),
            trust_anchors: words("tls_trust_anchor_file"),
            enforce_exchangers: named.bool("tls_enforce_sts_mx_patterns"),
            dane: DaneSettings {
                insecure_mx: dane::insecure_mx(named)?,
                force: named.bool("tls_force_insecure_host_tlsa_lookup"),
                ignores_mx_errors: prefix == "smtp" && config.bool(&p::ignore_mx_lookup_error),
                curious: LogLevel::parse(&loglevel)
                    .is_some_and(|level| level.dane || level.verbose),
            },
            log_level: LogLevel::parse(&loglevel).ok_or_else(|| Problem {
                text: format!("unknown {prefix}_tls_loglevel value \"{loglevel}\""),
            })?,
            log_level_maps: named.maps(tables, "tls_loglevel_maps")?,
            timeout: named.time("starttls_timeout"),
            patience: config.time(&p::minimal_backoff_time),
            #[cfg(feature = "ssl")]
            lists: CipherLists {
                medium: config.text(&p::tls_medium_cipherlist),
                high: config.text(&p::tls_high_cipherlist),
                groups: config.text(&p::tls_eecdh_auto_curves),
            },
            #[cfg(feature = "ssl")]
            client: None,
        })
    }

    /// Whether any destination may need TLS.
    pub fn may_encrypt(&self) -> bool {
        self.level > Level::None || !self.policies.is_empty() || !self.per_site.is_empty()
    }

    /// What the log is to hear about connections with a server.
    pub async fn log_level(&self, host: &str, address: &str) -> Result<LogLevel, TableError> {
        if self.log_level_maps.is_empty() {
            return Ok(self.log_level);
        }
        let mut found = self.log_level_maps.find(host).await?;
        if found.is_none() {
            found = self.log_level_maps.find(address).await?;
        }
        Ok(found.and_then(|level| LogLevel::parse(&level)).unwrap_or(self.log_level))
    }

    /// The policy for a server of a next hop. An error defers the mail; what is wrong has been
    /// logged.
    pub async fn policy(&self, log: &Log, site: &Site<'_>) -> Result<Policy, Reason> {
        let mut listed = Listed::default();
        if !self.policies.is_empty() {
            listed = self.listed(log, site.nexthop).await?;
        } else if !self.per_site.is_empty() {
            listed.level = self.site_level(log, site.nexthop, site.host).await?;
        }
        let (mut level, mut records) = (listed.level.unwrap_or(self.level), None);
        if level.uses_dane() {
            (level, records) = Box::pin(dane::apply(log, &self.dane, site, level)).await?;
        }
        if level == Level::None {
            return Ok(Policy::plain());
        }
        self.authorize(log, &listed, site.host)?;
        let mut policy = self.complete(log, listed, level, site.nexthop, site.domain, site.host)?;
        if let Some(records) = records {
            policy.server_name = Some(records.base.clone());
            policy.dane = Some(records);
        }
        Ok(policy)
    }

    /// The policy where the sender says that no TLS is needed (`TLS-Required: no`): no table and
    /// no TLSA record is asked for, and nothing more than opportunistic TLS is wanted, or what
    /// wrappermode cannot do without.
    pub fn relaxed(&self, log: &Log, site: &Site<'_>) -> Result<Policy, Reason> {
        let most = if self.wrapper { Level::Encrypt } else { Level::May };
        let Site { nexthop, domain, host, .. } = *site;
        match self.level.min(most) {
            Level::None => Ok(Policy::plain()),
            level => self.complete(log, Listed::default(), level, nexthop, domain, host),
        }
    }

    /// Fills in what main.cf says.
    fn complete(
        &self,
        log: &Log,
        listed: Listed,
        level: Level,
        nexthop: &str,
        domain: &str,
        host: &str,
    ) -> Result<Policy, Reason> {
        let mandatory = level > Level::May;
        let pick = |may: &String, must: &String| if mandatory { must.clone() } else { may.clone() };
        let protocols =
            listed.protocols.unwrap_or_else(|| pick(&self.protocols, &self.mandatory_protocols));
        let Some(protocols) = Protocols::parse(&protocols).filter(|left| !left.is_empty()) else {
            log.warning(format_args!(
                "{nexthop}: Invalid TLS protocol list \"{protocols}\": aborting TLS session"
            ));
            return Err(configuration());
        };
        let server_name = listed.server_name.unwrap_or_else(|| self.server_name.clone());
        if !server_name.is_empty() && !hostname::is_valid(&server_name) {
            let name = self.parameter.replace("policy_maps", "servername");
            log.warning(format_args!("\"{name} = {server_name}\" specifies an invalid hostname"));
            return Err(configuration());
        }
        let server_name = match server_name.as_str() {
            "" => None,
            "hostname" => Some(host.to_owned()),
            "nexthop" => Some(domain.to_owned()),
            _ => Some(server_name),
        };
        let exclude = listed.exclude.unwrap_or_else(|| match mandatory {
            true => format!("{} {}", self.exclude, self.mandatory_exclude),
            false => self.exclude.clone(),
        });
        let mut matching = self.matching(level, listed.matching, domain, host);
        if level == Level::Fingerprint {
            matching.retain(|text| is_fingerprint(log, text));
        }
        if level == Level::Fingerprint && matching.is_empty() {
            log.warning(format_args!(
                "nexthop domain {nexthop}: configured at fingerprint security level, but with no \
                 fingerprints to match."
            ));
            return Err(configuration());
        }
        let trust_anchors = match listed.trust_anchors.is_empty() {
            true if level.uses_authorities() => self.trust_anchors.clone(),
            _ => listed.trust_anchors,
        };
        Ok(Policy {
            level,
            protocols,
            grade: listed.grade.unwrap_or_else(|| pick(&self.grade, &self.mandatory_grade)),
            exclude,
            server_name,
            matching,
            dane: None,
            sts: listed.external.sts(),
            anchors: read_anchors(log, &trust_anchors)?,
            trust_anchors,
            reuse: listed.reuse.unwrap_or(self.reuse),
        })
    }

    /// What the server's certificate must have.
    fn matching(&self, level: Level, own: Vec<String>, domain: &str, host: &str) -> Vec<String> {
        let or = |usual: &Vec<String>| if own.is_empty() { usual.clone() } else { own.clone() };
        let patterns = match level {
            Level::Fingerprint => return or(&self.fingerprints),
            Level::Verify => or(&self.verify_match),
            Level::Secure => or(&self.secure_match),
            _ => return Vec::new(),
        };
        let filled = |pattern: String| match pattern.to_ascii_lowercase().as_str() {
            "nexthop" => ascii(domain),
            "dot-nexthop" => format!(".{}", ascii(domain)),
            "hostname" => ascii(host),
            _ => pattern
                .strip_prefix('.')
                .map_or_else(|| ascii(&pattern), |parent| format!(".{}", ascii(parent))),
        };
        patterns.into_iter().map(filled).filter(|pattern| !pattern.is_empty()).collect()
    }

    /// `smtp_tls_policy_maps`: the next hop as it is, and if it is a name, its parent domains as
    /// `.example.com`.
    async fn listed(&self, log: &Log, nexthop: &str) -> Result<Listed, Reason> {
        let mut key = nexthop;
        let is_name = hostname::is_valid(&ascii(nexthop));
        loop {
            let place = format!("{}, next-hop destination \"{key}\"", self.policies.title());
            match self.policies.find(key).await {
                Ok(Some(policy)) => {
                    return Listed::parse(&policy)
                        .map_err(|complaint| {
                            log.warning(format_args!("{place}: {complaint}"));
                            configuration()
                        })
                        .inspect(|listed| listed.warn(log, &place, &policy));
                }
                Ok(None) => {}
                Err(_) => {
                    log.warning(format_args!("{place}: policy table lookup error"));
                    return Err(configuration());
                }
            }
            let after = key.get(1..).unwrap_or_default();
            match after.find('.').filter(|_| is_name) {
                Some(dot) => key = after.get(dot..).unwrap_or_default(),
                None => return Ok(Listed::default()),
            }
        }
    }

    /// `smtp_tls_per_site`, which policies have replaced.
    async fn site_level(
        &self,
        log: &Log,
        nexthop: &str,
        host: &str,
    ) -> Result<Option<Level>, Reason> {
        let mut level = None;
        let mut keys = vec![(nexthop, "next-hop destination")];
        if !nexthop.eq_ignore_ascii_case(host) {
            keys.push((host, "server hostname"));
        }
        for (key, class) in keys {
            let title = self.per_site.title();
            let found = self.per_site.find(key).await.map_err(|_| {
                log.warning(format_args!(
                    "{title}: {class} \"{key}\": per-site table lookup error"
                ));
                Reason::own(Status::new(4, 3, 0), "Temporary lookup error".into())
            })?;
            level = match found.as_deref().map(str::to_ascii_uppercase).as_deref() {
                None => level,
                Some("NONE") if level <= Some(Level::May) => Some(Level::None),
                Some("MAY") if level.is_none() => Some(Level::May),
                Some("MUST_NOPEERMATCH") => level.max(Some(Level::Encrypt)),
                Some("MUST") => level.max(Some(Level::Verify)),
                Some("NONE" | "MAY") => level,
                Some(_) => {
                    let word = found.unwrap_or_default();
                    log.warning(format_args!(
                        "{title}: unknown TLS policy '{word}' for {class} {key}"
                    ));
                    return Err(configuration());
                }
            };
        }
        if level == Some(Level::May) && self.level > Level::May {
            level = Some(self.level);
        }
        Ok(level)
    }

    /// An MTA-STS policy names the exchangers that may be used.
    fn authorize(&self, log: &Log, listed: &Listed, host: &str) -> Result<(), Reason> {
        let external = &listed.external;
        let is_sts = external.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("sts"));
        if !self.enforce_exchangers || !is_sts || external.exchangers.is_empty() {
            return Ok(());
        }
        let host = ascii(host);
        let fits = |pattern: &String| {
            host.eq_ignore_ascii_case(pattern)
                || pattern.strip_prefix("*.").is_some_and(|parent| {
                    host.split_once('.').is_some_and(|(label, rest)| {
                        !label.is_empty() && !parent.is_empty() && rest.eq_ignore_ascii_case(parent)
                    })
                })
        };
        if external.exchangers.iter().any(fits) {
            return Ok(());
        }
        log.warning(format_args!("MX name '{host}' does not match STS MX pattern for ''"));
        Err(configuration())
    }

    /// Ciphers and key exchange of a policy.
    #[cfg(feature = "ssl")]
    pub fn ciphers(&self, policy: &Policy) -> crate::tls::provider::Ciphers {
        let high = policy.grade.eq_ignore_ascii_case("high");
        crate::tls::provider::Ciphers {
            list: if high { self.lists.high.clone() } else { self.lists.medium.clone() },
            exclude: policy.exclude.clone(),
            groups: self.lists.groups.clone(),
        }
    }
}

/// Whether it is hexadecimal, with or without colons between the octets.
pub fn is_fingerprint(log: &Log, text: &str) -> bool {
    let mut bytes = text.as_bytes();
    while let [a, b, rest @ ..] = bytes
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
    {
        bytes = rest.strip_prefix(b":").filter(|rest| !rest.is_empty()).unwrap_or(rest);
    }
    if text.len() > FINGERPRINT_MAX {
        let shown = text.get(..text.floor_char_boundary(100)).unwrap_or_default();
        log.warning(format_args!("malformed fingerprint value: {shown}..."));
    } else if !bytes.is_empty() {
        log.warning(format_args!("malformed fingerprint value: {text}"));
    }
    bytes.is_empty() && text.len() <= FINGERPRINT_MAX
}

/// Three characters for each octet of the longest digest.
const FINGERPRINT_MAX: usize = 3 * 64;

#[cfg(feature = "ssl")]
fn read_anchors(log: &Log, files: &[String]) -> Result<Anchors, Reason> {
    let mut anchors = Anchors::default();
    for file in files {
        anchors.0.extend(crate::tls::dane::read_anchors(file).map_err(|problem| {
            log.warning(format_args!("{problem}"));
            configuration()
        })?);
    }
    Ok(anchors)
}

/// Without TLS there is nobody to trust.
#[cfg(not(feature = "ssl"))]
fn read_anchors(_: &Log, _: &[String]) -> Result<Anchors, Reason> {
    Ok(Anchors::default())
}

/// What is said of mail that our own configuration keeps from being sent.
pub(super) fn configuration() -> Reason {
    Reason::own(Status::new(4, 7, 5), "client TLS configuration problem".into())
}

/// `smtp_tls_security_level`, and `smtp_use_tls`, `smtp_enforce_tls` and
/// `smtp_tls_enforce_peername`, which it replaced.
fn global_level(named: &Named<'_>) -> Result<Level, Problem> {
    let text = named.text("tls_security_level");
    if !text.is_empty() {
        return Level::parse(&text)
            .ok_or_else(|| Problem { text: format!("invalid tls security level: \"{text}\"") });
    }
    Ok(if named.bool("enforce_tls") {
        if named.bool("tls_enforce_peername") { Level::Verify } else { Level::Encrypt }
    } else if named.bool("use_tls") {
        Level::May
    } else {
        Level::None
    })
}

fn ascii(name: &str) -> String {
    #[cfg(feature = "eai")]
    if !name.is_ascii()
        && let Ok(ascii) = idna::domain_to_ascii(name)
    {
        return ascii;
    }
    name.to_owned()
}

#[cfg(test)]
mod tests;
