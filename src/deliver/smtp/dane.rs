//! DANE (RFC 7672): whether a server has TLSA records to prove itself by, and what the levels
//! `dane` and `dane-only` come to when it has none, or none that count.
//!
//! What is validated is what the name server says is (the AD bit): it has to be one that
//! validates, and is reached by a way that nobody can meddle with.

use super::encryption::{Site, configuration};
use super::reason::Reason;
use super::servers::Found;
use super::settings::Named;
use crate::config::Problem;
use crate::dns::{Data, DnsError, Kind, Record, Resolver, Search};
use crate::log::Log;
use crate::mail::status::Status;
#[cfg(feature = "ssl")]
use crate::tls::client::{Client, Matching, Records};
use crate::tls::words::Level;
use crate::wire::tlsa::Tlsa;

/// The usages that apply to mail (RFC 7672 section 3.1): DANE-TA and DANE-EE.
const USAGES: [u8; 2] = [2, 3];
/// Matching type for private use; here it stands for fingerprints of the configuration.
const PRIVATE: u8 = 255;

/// How a server is to prove itself by DANE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dane {
    /// The name that has the records: sent as server name.
    pub base: String,
    /// Names that certificates of the domain's authorities may be for.
    pub names: Vec<String>,
    /// The records.
    pub records: Vec<Tlsa>,
    /// The name of the host was not signed itself: the log says `Trusted`, not `Verified`.
    pub half: bool,
}

/// Parameters of DANE.
#[derive(Clone, Copy, Debug)]
pub struct DaneSettings {
    /// `smtp_tls_dane_insecure_mx_policy`
    pub insecure_mx: Level,
    /// `smtp_tls_force_insecure_host_tlsa_lookup`
    pub force: bool,
    /// `ignore_mx_lookup_error`, for SMTP
    pub ignores_mx_errors: bool,
    /// `smtp_tls_loglevel` asks for TLSA records.
    pub curious: bool,
}

/// The TLSA records of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tlsas {
    /// It has none, or none that have been validated.
    None,
    /// It has some, but none that anything can be done with.
    Unusable,
    /// It has these.
    Some {
        /// The name that has them.
        base: String,
        /// Usage 2 or 3.
        records: Vec<Tlsa>,
    },
}

/// The look-up failed: nobody can say whether there are TLSA records. The log has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// Why DANE is not possible.
enum Obstacle {
    /// Our configuration.
    Configuration(String),
    /// The destination does not do it.
    Destination(&'static str),
    /// It does, but its server cannot prove itself.
    NoProof(&'static str),
}

/// Reads `smtp_tls_dane_insecure_mx_policy`; there is none for LMTP.
pub(super) fn insecure_mx(named: &Named<'_>) -> Result<Level, Problem> {
    if named.prefix != "smtp" {
        return Ok(Level::May);
    }
    let text = named.text("tls_dane_insecure_mx_policy");
    match Level::parse(&text) {
        Some(level @ (Level::May | Level::Encrypt | Level::Dane)) => Ok(level),
        _ => Err(Problem { text: format!("invalid smtp_tls_dane_insecure_mx_policy: \"{text}\"") }),
    }
}

/// What level `dane` or `dane-only` comes to for one server of a next hop.
pub async fn apply(
    log: &Log,
    settings: &DaneSettings,
    site: &Site<'_>,
    level: Level,
) -> Result<(Level, Option<Dane>), Reason> {
    let Some(name) = site.name else {
        log.warning(format_args!(
            "{}: the \"dane\" security level is invalid for delivery via unix-domain sockets",
            site.nexthop
        ));
        return Err(configuration());
    };
    if let Some(obstacle) = obstacle(settings, site, level) {
        return give_way(log, level, obstacle);
    }
    let found =
        look_up(site.resolver, log, settings, name, site.port).await.map_err(|Unknown| {
            let text = format!("TLSA lookup error for {}:{}", site.host, site.port);
            Reason::own(Status::new(4, 7, 5), text)
        })?;
    let (base, records) = match found {
        Tlsas::None => {
            return give_way(log, level, Obstacle::Destination("no TLSA records found"));
        }
        Tlsas::Unusable => {
            return give_way(log, level, Obstacle::NoProof("TLSA records unusable"));
        }
        Tlsas::Some { base, records } => (base, records),
    };
    let unsure = site.exchange.is_some_and(|exchange| !exchange.validated);
    if unsure && settings.insecure_mx == Level::Encrypt {
        let why = "Verification not possible, MX RRset is insecure";
        return give_way(log, level, Obstacle::NoProof(why));
    }
    let names = names(&base, site.exchange);
    Ok((level, Some(Dane { base, names, records, half: unsure })))
}

/// The names that a certificate may be for: that of the server, and that of the next hop, before
/// and after aliases (RFC 7672 section 3.2.2).
pub fn names(base: &str, exchange: Option<&Found>) -> Vec<String> {
    let mut names = vec![base.to_owned()];
    if let Some(exchange) = exchange {
        if exchange.is_alias() {
            names.push(exchange.owner.clone());
        }
        names.push(exchange.asked.clone());
    }
    names
}

/// What stands in the way before anything is looked up.
fn obstacle(settings: &DaneSettings, site: &Site<'_>, level: Level) -> Option<Obstacle> {
    let (routing, nexthop, level_name) = (site.routing, site.nexthop, level.name());
    let configuration = |text: String| Some(Obstacle::Configuration(text));
    if !cfg!(feature = "ssl") {
        return configuration(format!(
            "{nexthop}: {level_name} configured, but no requisite library support"
        ));
    }
    if !routing.lookup_dns || !routing.search.dnssec {
        return configuration(format!(
            "{nexthop}: {level_name} configured with dnssec lookups disabled"
        ));
    }
    // Whoever ignores errors in MX look-ups cannot expect to find the right server.
    if settings.ignores_mx_errors {
        return configuration(format!(
            "{nexthop}: {level_name} configured with MX lookup errors ignored"
        ));
    }
    if routing.search.default_domain || routing.search.search_list {
        return configuration(format!(
            "{nexthop}: dns resolver options incompatible with {level_name} TLS"
        ));
    }
    let unsure = site.exchange.is_some_and(|exchange| !exchange.validated);
    if unsure && (level == Level::DaneOnly || settings.insecure_mx <= Level::May) {
        return Some(Obstacle::Destination("non DNSSEC destination"));
    }
    None
}

/// `dane` gives way to what is possible; `dane-only` does not.
fn give_way(log: &Log, level: Level, obstacle: Obstacle) -> Result<(Level, Option<Dane>), Reason> {
    if let Obstacle::Configuration(text) = &obstacle {
        log.warning(format_args!("{text}"));
    }
    match obstacle {
        Obstacle::Configuration(_) if level == Level::Dane => Ok((Level::May, None)),
        Obstacle::Configuration(_) => Err(configuration()),
        Obstacle::Destination(why) | Obstacle::NoProof(why) if level == Level::DaneOnly => {
            Err(Reason::own(Status::new(4, 7, 5), why.to_owned()))
        }
        Obstacle::Destination(why) => {
            tell(log, why);
            Ok((Level::May, None))
        }
        Obstacle::NoProof(why) => {
            tell(log, why);
            Ok((Level::Encrypt, None))
        }
    }
}

fn tell(log: &Log, why: &str) {
    if log.verbose() > 0 {
        log.info(format_args!("{why}"));
    }
}

/// Looks up the TLSA records of a server: those of the name that its name is an alias of, and if
/// there are none, its own. A server whose address is not signed has none, unless its name is a
/// signed alias (RFC 7672 section 2.2.3).
pub async fn look_up(
    resolver: &Resolver,
    log: &Log,
    settings: &DaneSettings,
    name: &Found,
    port: u16,
) -> Result<Tlsas, Unknown> {
    let may_have = settings.force
        || name.validated
        || (name.is_alias() && is_signed_alias(resolver, log, &name.asked).await?);
    if !may_have {
        return Ok(Tlsas::None);
    }
    if name.validated {
        let found = of_host(resolver, log, settings.curious, &name.owner, port).await?;
        if found != Tlsas::None || !name.is_alias() {
            return Ok(found);
        }
    }
    of_host(resolver, log, settings.curious, &name.asked, port).await
}

/// Whether the alias itself has been validated, although what it leads to has not.
async fn is_signed_alias(resolver: &Resolver, log: &Log, name: &str) -> Result<bool, Unknown> {
    match resolver.look_up(name, Kind::Cname, DNSSEC).await {
        Ok(records) => Ok(records.first().is_some_and(|record| record.validated)),
        Err(failed) => {
            let why = match failed.error {
                DnsError::NotFound | DnsError::NoData => "no longer a CNAME",
                _ => &failed.text,
            };
            log.warning(format_args!("DNSSEC status lookup error for {name}: {why}"));
            Err(Unknown)
        }
    }
}

const DNSSEC: Search = Search { default_domain: false, search_list: false, dnssec: true };

async fn of_host(
    resolver: &Resolver,
    log: &Log,
    curious: bool,
    host: &str,
    port: u16,
) -> Result<Tlsas, Unknown> {
    let asked = format!("_{port}._tcp.{host}");
    let found = match resolver.look_up(&asked, Kind::Tlsa, DNSSEC).await {
        Ok(found) => found,
        Err(failed) if matches!(failed.error, DnsError::NotFound | DnsError::NoData) => {
            return Ok(Tlsas::None);
        }
        Err(failed) => {
            log.warning(format_args!("DANE TLSA lookup problem: {failed}"));
            return Err(Unknown);
        }
    };
    if !found.first().is_some_and(|record| record.validated) {
        return Ok(Tlsas::None);
    }
    let records = usable(log, curious, &asked, &found);
    match records.is_empty() {
        true => Ok(Tlsas::Unusable),
        false => Ok(Tlsas::Some { base: host.to_owned(), records }),
    }
}

/// The records that say something about mail servers; the log hears about the others.
fn usable(log: &Log, curious: bool, asked: &str, found: &[Record]) -> Vec<Tlsa> {
    let mut records = Vec::new();
    for Record { owner, data, .. } in found {
        let Data::Tlsa(data) = data else { continue };
        let place = match asked.eq_ignore_ascii_case(owner) {
            true => owner.clone(),
            false => format!("{asked} -> {owner}"),
        };
        match data {
            Err(truncated) => log.warning(format_args!("{place}: {truncated}")),
            Ok(tlsa) if !USAGES.contains(&tlsa.usage) => log.warning(format_args!(
                "{place} unsupported TLSA certificate usage: {}",
                tlsa.shown()
            )),
            Ok(tlsa) if tlsa.matching == PRIVATE => log.warning(format_args!(
                "{place} reserved private-use matching type: {}",
                tlsa.shown()
            )),
            Ok(tlsa) => {
                if curious {
                    log.info(format_args!("DNSSEC-signed TLSA record: {owner}: {}", tlsa.shown()));
                }
                records.push(tlsa.clone());
            }
        }
    }
    records
}

/// How a server proves itself by the records that are of any use, and whether there is no mail for
/// it if it does not. Without such a record, `dane` is content with encryption.
#[cfg(feature = "ssl")]
pub fn matching(
    log: &Log,
    client: Option<&Client>,
    peer: &str,
    level: Level,
    dane: Option<&Dane>,
) -> (Matching, bool) {
    let mut records = Records::default();
    if let Some(dane) = dane {
        let is_of_use = |one: &Tlsa| client.is_some_and(|client| client.can_use(one));
        let (list, useless) = dane.records.iter().cloned().partition::<Vec<_>, _>(is_of_use);
        for record in useless {
            log.warning(format_args!("{peer}: unusable TLSA RR: {}", record.shown()));
        }
        records = Records { list, names: dane.names.clone(), names_always: false, half: dane.half };
    }
    if !records.list.is_empty() {
        return (Matching::Records(records), true);
    }
    if level == Level::Dane {
        log.warning(format_args!(
            "{peer}: all TLSA records unusable, fallback to unauthenticated TLS"
        ));
        return (Matching::Nobody, false);
    }
    log.warning(format_args!("{peer}: all TLSA records unusable"));
    (Matching::Records(records), true)
}

/// The fingerprints that the configured digest may have.
#[cfg(feature = "ssl")]
pub fn fingerprints(
    log: &Log,
    client: Option<&Client>,
    peer: &str,
    listed: Vec<String>,
) -> Vec<String> {
    let (good, bad) = listed
        .into_iter()
        .partition::<Vec<_>, _>(|one| client.is_some_and(|client| client.can_match(one)));
    for text in bad {
        // Postfix has them as TLSA records of a private matching type.
        let text = text.replace(':', "").to_ascii_uppercase();
        for selector in [1, 0] {
            log.warning(format_args!("{peer}: unusable TLSA RR: 3 {selector} {PRIVATE} {text}"));
        }
    }
    if good.is_empty() {
        log.warning(format_args!("{peer}: all fingerprints unusable"));
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tlsa::Truncated;

    fn record(owner: &str, rdata: &[u8]) -> Record {
        let data = Data::Tlsa(Tlsa::parse(rdata));
        Record { owner: owner.into(), ttl: 60, validated: true, data }
    }

    /// Nothing that stands in DNS makes more of it than there is.
    #[test]
    fn audit_tlsa_records_that_say_nothing() {
        let records = [
            record("_25._tcp.mx.example", &[]),
            record("_25._tcp.mx.example", &[3, 1, 1]),
            record("_25._tcp.mx.example", &[0, 0, 1, 7]),
            record("_25._tcp.mx.example", &[1, 0, 1, 7]),
            record("_25._tcp.mx.example", &[4, 0, 1, 7]),
            record("_25._tcp.mx.example", &[3, 0, 255, 7]),
            record("_25._tcp.mx.example", &[2, 1, 0, 7]),
        ];
        assert_eq!(records[1].data, Data::Tlsa(Err(Truncated(3))));
        let log = Log::new("postfix", "test");
        let left = usable(&log, true, "_25._tcp.mx.example", &records);
        assert_eq!(left, [Tlsa { usage: 2, selector: 1, matching: 0, data: vec![7] }]);
    }

    #[test]
    fn who_gives_way() {
        let log = Log::new("postfix", "test");
        let destination = || Obstacle::Destination("no TLSA records found");
        let no_proof = || Obstacle::NoProof("TLSA records unusable");
        let config = || Obstacle::Configuration("x".into());
        let level = |level, obstacle| give_way(&log, level, obstacle).map(|(level, _)| level);
        assert_eq!(level(Level::Dane, destination()), Ok(Level::May));
        assert_eq!(level(Level::Dane, no_proof()), Ok(Level::Encrypt));
        assert_eq!(level(Level::Dane, config()), Ok(Level::May));
        let refused = level(Level::DaneOnly, destination()).unwrap_err();
        assert_eq!(
            (refused.status, refused.text.as_str()),
            (Status::new(4, 7, 5), "no TLSA records found")
        );
        assert_eq!(level(Level::DaneOnly, no_proof()).unwrap_err().text, "TLSA records unusable");
        assert_eq!(level(Level::DaneOnly, config()), Err(configuration()));
    }

    #[test]
    fn names_of_certificates() {
        let found = |asked: &str, owner: &str| Found {
            asked: asked.into(),
            owner: owner.into(),
            validated: true,
        };
        assert_eq!(names("mx.example", None), ["mx.example"]);
        let plain = found("d.example", "d.example");
        assert_eq!(names("mx.example", Some(&plain)), ["mx.example", "d.example"]);
        let alias = found("d.example", "e.example");
        assert_eq!(names("mx.example", Some(&alias)), ["mx.example", "e.example", "d.example"]);
    }
}
