//! What one smtp or lmtp line of master.cf is configured to do.
//!
//! Most parameters exist twice, as `smtp_…` and `lmtp_…`; which one counts depends on the program
//! name of the line.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::encryption::Encryption;
use super::login::LoginSettings;
use super::ports::Ports;
use super::require_tls::RequireTlsPolicy;
use super::rewriting::Rewriting;
use super::tlsrpt::Reporting;
use crate::config::{Config, Problem, parameters as p};
use crate::dns::Search;
use crate::lookup::match_list::{HostList, StringList};
use crate::lookup::{Maps, Tables};
use crate::mail::mime::Limits;
use crate::service::agent;
use crate::service::status_filter::StatusFilter;
use crate::tls::words::Level;

/// The parameters of one line.
#[derive(Debug)]
pub struct Settings {
    /// Whether LMTP is spoken.
    pub lmtp: bool,
    /// What all agents do alike.
    pub agent: Arc<agent::Settings>,
    /// Time limits of the stages.
    pub limits: TimeLimits,
    /// How the dialogue begins.
    pub greeting: Greeting,
    /// Which servers are tried.
    pub routing: Routing,
    /// How connections are made.
    pub sockets: Sockets,
    /// How the message is sent.
    pub content: Content,
    /// Whether and how connections are encrypted.
    pub encryption: Encryption,
    /// What REQUIRETLS needs of servers.
    pub require_tls: RequireTlsPolicy,
    /// `tls_required_enable`: the header `TLS-Required: no` counts.
    pub tls_required: bool,
    /// TLS reports.
    pub reporting: Reporting,
    /// `smtp_log_tls_feature_status`
    pub log_tls_status: bool,
    /// When connections are used again.
    pub reuse: Reuse,
    /// How to log in, if at all.
    pub login: Option<LoginSettings>,
    /// `smtp_skip_quit_response`
    pub skip_quit_response: bool,
    /// `smtp_quote_rfc821_envelope`
    pub quote_envelope: bool,
    /// `smtp_send_xforward_command`
    pub send_xforward: bool,
    /// `smtp_address_verify_target = data`: probes go as far as DATA.
    pub probe_data: bool,
    /// `soft_bounce`
    pub soft_bounce: bool,
    /// `line_length_limit`: longest line, and longest reply, that is kept.
    pub reply_limit: usize,
    /// `flags=` of the master.cf line.
    pub flags: Flags,
    /// `smtp_reply_filter`
    pub reply_filter: Maps,
    /// `smtp_delivery_status_filter`
    pub status_filter: StatusFilter,
    /// `smtp_generic_maps`, `smtp_header_checks` and so on.
    pub rewriting: Rewriting,
    /// `debug_peer_list`: servers the dialogue with which is logged.
    pub debug_peers: HostList,
}

/// Time limits for one read or write each.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named after the parameters smtp_…_timeout")]
pub struct TimeLimits {
    pub connect: Duration,
    pub helo: Duration,
    pub xforward: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data_init: Duration,
    pub data_xfer: Duration,
    pub data_done: Duration,
    pub rset: Duration,
    pub quit: Duration,
    /// `smtp_per_request_deadline`: the limit is for a whole command or reply.
    pub whole_request: bool,
}

/// How the dialogue begins.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// `smtp_helo_name`
    pub helo_name: String,
    /// `myhostname`
    pub myhostname: String,
    /// `smtp_skip_5xx_greeting`
    pub skip_5xx: bool,
    /// `smtp_always_send_ehlo`
    pub always_ehlo: bool,
    /// `smtp_never_send_ehlo`
    pub never_ehlo: bool,
    /// `smtp_discard_ehlo_keywords`
    pub discard: String,
    /// `smtp_discard_ehlo_keyword_address_maps`
    pub discard_maps: Maps,
    /// `smtp_pix_workarounds`
    pub pix_workarounds: String,
    /// `smtp_pix_workaround_maps`
    pub pix_maps: Maps,
    /// `smtp_pix_workaround_threshold_time`
    pub pix_threshold: Duration,
    /// `smtp_pix_workaround_delay_time`
    pub pix_delay: Duration,
}

/// Which servers are tried.
#[derive(Debug)]
pub struct Routing {
    /// `smtp_tcp_port`
    pub default_service: String,
    /// `known_tcp_ports`
    pub ports: Ports,
    /// `smtp_fallback_relay`
    pub fallback_relay: String,
    /// `relayhost`
    pub relayhost: String,
    /// `best_mx_transport`: where mail goes that would come back here; empty is nowhere.
    pub best_mx_transport: String,
    /// DNS is not to be asked at all (`smtp_dns_support_level = disabled`).
    pub no_dns: bool,
    /// `smtp_host_lookup` names `dns`.
    pub lookup_dns: bool,
    /// `smtp_host_lookup` names `native`.
    pub lookup_native: bool,
    /// `smtp_dns_resolver_options`, and whether `smtp_dns_support_level` is `dnssec`.
    pub search: Search,
    /// `smtp_tls_dane_insecure_mx_policy` is more than `may`: TLSA records count although MX
    /// records are not signed.
    pub insecure_mx_dane: bool,
    /// `use_srv_lookup`
    pub srv_services: StringList,
    /// Whether that names any.
    pub any_srv_services: bool,
    /// `allow_srv_lookup_fallback`
    pub srv_fallback: bool,
    /// `ignore_srv_lookup_error`
    pub ignore_srv_error: bool,
    /// `ignore_mx_lookup_error`
    pub ignore_mx_error: bool,
    /// `smtp_defer_if_no_mx_address_found`
    pub defer_without_mx_address: bool,
    /// `smtp_cname_overrides_servername`
    pub cname_overrides: bool,
    /// `smtp_mx_address_limit`; zero is no limit.
    pub address_limit: usize,
    /// `smtp_mx_session_limit`; zero is no limit.
    pub session_limit: usize,
    /// `smtp_randomize_addresses`
    pub randomize: bool,
    /// `smtp_address_preference`
    pub preference: Family,
    /// `smtp_balance_inet_protocols`
    pub balance: bool,
    /// `inet_protocols` has IPv4.
    pub v4: bool,
    /// `inet_protocols` has IPv6.
    pub v6: bool,
    /// Where this system listens, or is reached through a proxy.
    pub own: Vec<IpAddr>,
}

/// `smtp_address_preference`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `any`
    Any,
    /// `ipv4`
    V4,
    /// `ipv6`
    V6,
}

/// How connections are made.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// `smtp_bind_address`
    pub bind_v4: Option<IpAddr>,
    /// `smtp_bind_address6`
    pub bind_v6: Option<IpAddr>,
    /// `smtp_bind_address_enforce`
    pub bind_enforce: bool,
    /// The one address of `inet_interfaces` of a family, if there is only one and it is not
    /// loopback: mail comes from there.
    pub only_v4: Option<IpAddr>,
    /// The same for IPv6.
    pub only_v6: Option<IpAddr>,
    /// `queue_directory`: relative UNIX socket names begin there.
    pub queue_directory: std::path::PathBuf,
    /// `tcp_windowsize`: bytes of the kernel's buffers; none leaves them to the kernel.
    pub window: Option<u32>,
}

/// How the message is sent.
#[derive(Clone, Debug)]
pub struct Content {
    /// `smtp_line_length_limit`; zero is no limit.
    pub line_limit: usize,
    /// `disable_mime_output_conversion = no`
    pub convert_8bit: bool,
    /// `mime_nesting_limit`, `mime_boundary_length_limit`
    pub mime: Limits,
    /// `header_size_limit`
    pub header_limit: usize,
}

/// When connections are used again.
#[derive(Clone, Debug)]
pub struct Reuse {
    /// `smtp_connection_cache_on_demand`
    pub on_demand: bool,
    /// `smtp_connection_cache_destinations`
    pub destinations: StringList,
    /// Whether that names any.
    pub any_destinations: bool,
    /// `smtp_connection_cache_time_limit`
    pub idle: Duration,
    /// `smtp_connection_reuse_time_limit`
    pub lifetime: Duration,
    /// `smtp_connection_reuse_count_limit`; zero is no limit.
    pub count: u32,
}

/// `flags=` of the master.cf line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `D`: `Delivered-To:`
    pub delivered_to: bool,
    /// `O`: `X-Original-To:`
    pub original_to: bool,
    /// `R`: `Return-Path:`
    pub return_path: bool,
    /// `X`: delivery by LMTP is final.
    pub final_delivery: bool,
}

/// Reads parameters of one of the two protocols.
pub(super) struct Named<'a> {
    pub(super) config: &'a Config,
    /// `smtp` or `lmtp`
    pub(super) prefix: &'static str,
}

impl Named<'_> {
    pub(super) fn text(&self, suffix: &str) -> String {
        self.config.text_named(&format!("{}_{suffix}", self.prefix))
    }

    pub(super) fn bool(&self, suffix: &str) -> bool {
        self.config.bool_named(&format!("{}_{suffix}", self.prefix))
    }

    pub(super) fn time(&self, suffix: &str) -> Duration {
        self.config.time_named(&format!("{}_{suffix}", self.prefix))
    }

    pub(super) fn count(&self, suffix: &str) -> usize {
        let value = self.config.int_named(&format!("{}_{suffix}", self.prefix));
        usize::try_from(value).unwrap_or_default()
    }

    pub(super) fn maps(&self, tables: &Tables, suffix: &str) -> Result<Maps, Problem> {
        tables.maps(&format!("{}_{suffix}", self.prefix), &self.text(suffix))
    }
}

impl Settings {
    /// Reads the parameters for a line with the program `smtp` or `lmtp` and these arguments.
    pub fn read(
        config: &Arc<Config>,
        tables: &Tables,
        lmtp: bool,
        arguments: &[String],
    ) -> Result<Self, Problem> {
        let prefix = if lmtp { "lmtp" } else { "smtp" };
        let named = Named { config, prefix };
        let content = Content::read(&named);
        let filter = format!("{prefix}_delivery_status_filter");
        let routing = Routing::read(&named, tables, lmtp)?;
        let encryption = Encryption::read(&named, config, tables)?;
        Ok(Self {
            lmtp,
            agent: agent::Settings::read(config),
            limits: TimeLimits::read(&named, lmtp),
            greeting: Greeting::read(&named, tables, lmtp)?,
            reporting: Reporting::read(&named, encryption.may_encrypt(), routing.no_dns),
            routing,
            sockets: Sockets::read(&named)?,
            rewriting: Rewriting::open(config, tables, prefix, content.mime, content.header_limit)?,
            status_filter: StatusFilter::open(config, tables, &filter)?,
            content,
            encryption,
            require_tls: RequireTlsPolicy::read(&named, config, tables)?,
            tls_required: config.bool(&p::tls_required_enable),
            log_tls_status: named.bool("log_tls_feature_status"),
            reuse: Reuse::read(&named, tables)?,
            login: LoginSettings::read(&named, config, tables, lmtp)?,
            skip_quit_response: named.bool("skip_quit_response"),
            quote_envelope: named.bool("quote_rfc821_envelope"),
            send_xforward: named.bool("send_xforward_command"),
            probe_data: probe_target(&named)?,
            soft_bounce: config.bool(&p::soft_bounce),
            reply_limit: config.count(&p::line_length_limit),
            flags: Flags::read(arguments, lmtp && config.bool(&p::lmtp_assume_final))?,
            reply_filter: named.maps(tables, "reply_filter")?,
            debug_peers: HostList::parse(
                tables,
                p::debug_peer_list.name,
                &config.text(&p::debug_peer_list),
            )?,
        })
    }
}

fn probe_target(named: &Named<'_>) -> Result<bool, Problem> {
    let target = named.text("address_verify_target");
    match target.as_str() {
        "rcpt" => Ok(false),
        "data" => Ok(true),
        _ => Err(Problem {
            text: format!(
                "bad protocol stage: \"{}_address_verify_target = {target}\"",
                named.prefix
            ),
        }),
    }
}

impl TimeLimits {
    fn read(named: &Named<'_>, lmtp: bool) -> Self {
        Self {
            connect: named.time("connect_timeout"),
            helo: named.time(if lmtp { "lhlo_timeout" } else { "helo_timeout" }),
            xforward: named.time("xforward_timeout"),
            mail: named.time("mail_timeout"),
            rcpt: named.time("rcpt_timeout"),
            data_init: named.time("data_init_timeout"),
            data_xfer: named.time("data_xfer_timeout"),
            data_done: named.time("data_done_timeout"),
            rset: named.time("rset_timeout"),
            quit: named.time("quit_timeout"),
            whole_request: named.bool("per_request_deadline"),
        }
    }
}

impl Greeting {
    fn read(named: &Named<'_>, tables: &Tables, lmtp: bool) -> Result<Self, Problem> {
        let lhlo = |smtp: &'static str, lmtp_name| if lmtp { lmtp_name } else { smtp };
        let discard_maps =
            lhlo("discard_ehlo_keyword_address_maps", "discard_lhlo_keyword_address_maps");
        Ok(Self {
            helo_name: named.text(lhlo("helo_name", "lhlo_name")),
            myhostname: named.config.text(&p::myhostname),
            skip_5xx: named.bool("skip_5xx_greeting"),
            always_ehlo: named.config.bool(&p::smtp_always_send_ehlo),
            never_ehlo: named.config.bool(&p::smtp_never_send_ehlo),
            discard: named.text(lhlo("discard_ehlo_keywords", "discard_lhlo_keywords")),
            discard_maps: named.maps(tables, discard_maps)?,
            pix_workarounds: named.text("pix_workarounds"),
            pix_maps: named.maps(tables, "pix_workaround_maps")?,
            pix_threshold: named.time("pix_workaround_threshold_time"),
            pix_delay: named.time("pix_workaround_delay_time"),
        })
    }
}

impl Routing {
    /// Reads them for smtp or lmtp.
    pub fn of(config: &Config, tables: &Tables, lmtp: bool) -> Result<Self, Problem> {
        let prefix = if lmtp { "lmtp" } else { "smtp" };
        Self::read(&Named { config, prefix }, tables, lmtp)
    }

    fn read(named: &Named<'_>, tables: &Tables, lmtp: bool) -> Result<Self, Problem> {
        let config = named.config;
        let protocols = config.protocols();
        let mut own: Vec<IpAddr> =
            config.own_interfaces()?.iter().map(|interface| interface.address).collect();
        own.extend(config.proxy_addresses());
        let host_lookup = words(named, "host_lookup", &["dns", "native"])?;
        let resolver = words(named, "dns_resolver_options", &["res_defnames", "res_dnsrch"])?;
        let has = |list: &[String], word: &str| list.iter().any(|listed| listed == word);
        let no_dns = no_dns(named)?;
        Ok(Self {
            default_service: named.text("tcp_port"),
            ports: Ports::parse(&config.text(&p::known_tcp_ports)),
            fallback_relay: named.text("fallback_relay"),
            relayhost: if lmtp { String::new() } else { config.text(&p::relayhost) },
            best_mx_transport: match lmtp {
                true => String::new(),
                false => config.text(&p::best_mx_transport),
            },
            no_dns,
            lookup_dns: has(&host_lookup, "dns") && !no_dns,
            lookup_native: has(&host_lookup, "native") || no_dns,
            search: Search {
                default_domain: has(&resolver, "res_defnames"),
                search_list: has(&resolver, "res_dnsrch"),
                dnssec: named.text("dns_support_level") == "dnssec",
            },
            insecure_mx_dane: !lmtp && super::dane::insecure_mx(named)? > Level::May,
            srv_services: StringList::parse(
                tables,
                "use_srv_lookup",
                &config.text(&p::use_srv_lookup),
            )?,
            any_srv_services: !config.text(&p::use_srv_lookup).trim().is_empty(),
            srv_fallback: config.bool(&p::allow_srv_lookup_fallback),
            ignore_srv_error: config.bool(&p::ignore_srv_lookup_error),
            ignore_mx_error: config.bool(&p::ignore_mx_lookup_error),
            defer_without_mx_address: named.bool("defer_if_no_mx_address_found"),
            cname_overrides: named.bool("cname_overrides_servername"),
            address_limit: named.count("mx_address_limit"),
            session_limit: named.count("mx_session_limit"),
            randomize: named.bool("randomize_addresses"),
            preference: family(named, protocols.v4, protocols.v6)?,
            balance: named.bool("balance_inet_protocols"),
            v4: protocols.v4,
            v6: protocols.v6,
            own,
        })
    }
}

/// `smtp_dns_support_level`, and `disable_dns_lookups`, which it replaced.
fn no_dns(named: &Named<'_>) -> Result<bool, Problem> {
    let level = named.text("dns_support_level");
    match level.as_str() {
        "" => Ok(named.config.bool_named("disable_dns_lookups")),
        "enabled" | "dnssec" => Ok(false),
        "disabled" => Ok(true),
        _ => Err(Problem {
            text: format!("invalid {}_dns_support_level value: \"{level}\"", named.prefix),
        }),
    }
}

fn family(named: &Named<'_>, v4: bool, v6: bool) -> Result<Family, Problem> {
    let text = named.text("address_preference");
    match text.as_str() {
        "any" => Ok(Family::Any),
        "ipv4" if v4 => Ok(Family::V4),
        "ipv6" if v6 => Ok(Family::V6),
        "ipv4" | "ipv6" => Ok(Family::Any),
        _ => Err(Problem {
            text: format!("bad {}_address_preference value: \"{text}\"", named.prefix),
        }),
    }
}

/// A list of words, all of which must be among `known`.
fn words(named: &Named<'_>, suffix: &str, known: &[&str]) -> Result<Vec<String>, Problem> {
    let text = named.text(suffix);
    let words: Vec<String> = super::destination::sites(&text).map(str::to_lowercase).collect();
    match words.iter().find(|word| !known.contains(&word.as_str())) {
        None => Ok(words),
        Some(word) => Err(Problem {
            text: format!("unknown {}_{suffix} value \"{word}\" in \"{text}\"", named.prefix),
        }),
    }
}

impl Sockets {
    fn read(named: &Named<'_>) -> Result<Self, Problem> {
        let own = named.config.own_interfaces()?;
        let only = |v4: bool| {
            let mut of_family =
                own.iter().map(|i| i.address).filter(|address| address.is_ipv4() == v4);
            let first = of_family.next().filter(|address| !address.is_loopback());
            if of_family.next().is_some() { None } else { first }
        };
        Ok(Self {
            bind_v4: bind_address(named, "bind_address")?,
            bind_v6: bind_address(named, "bind_address6")?,
            bind_enforce: named.bool("bind_address_enforce"),
            only_v4: only(true),
            only_v6: only(false),
            queue_directory: named.config.queue_directory(),
            window: tcp_window(named.config),
        })
    }
}

/// `tcp_windowsize`, if it is set.
fn tcp_window(config: &Config) -> Option<u32> {
    u32::try_from(config.count(&p::tcp_windowsize)).ok().filter(|size| *size > 0)
}

fn bind_address(named: &Named<'_>, suffix: &str) -> Result<Option<IpAddr>, Problem> {
    let text = named.text(suffix);
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
    match crate::mail::hostname::address(bare) {
        Some(address) => Ok(Some(address)),
        None => Err(Problem {
            text: format!(
                "smtp_connect_addr: bad {}_{suffix} parameter: {text}: \
                 Name or service not known",
                named.prefix
            ),
        }),
    }
}

impl Content {
    fn read(named: &Named<'_>) -> Self {
        let config = named.config;
        Self {
            line_limit: named.count("line_length_limit"),
            convert_8bit: !config.bool(&p::disable_mime_output_conversion),
            mime: Limits {
                nesting: config.count(&p::mime_nesting_limit),
                boundary_length: config.count(&p::mime_boundary_length_limit),
            },
            header_limit: config.count(&p::header_size_limit),
        }
    }
}

impl Reuse {
    fn read(named: &Named<'_>, tables: &Tables) -> Result<Self, Problem> {
        let destinations = named.text("connection_cache_destinations");
        let title = format!("{}_connection_cache_destinations", named.prefix);
        Ok(Self {
            on_demand: named.bool("connection_cache_on_demand"),
            any_destinations: !destinations.trim().is_empty(),
            destinations: StringList::parse(tables, &title, &destinations)?,
            idle: named.time("connection_cache_time_limit"),
            lifetime: named.time("connection_reuse_time_limit"),
            count: u32::try_from(named.count("connection_reuse_count_limit")).unwrap_or(u32::MAX),
        })
    }
}

impl Flags {
    fn read(arguments: &[String], assume_final: bool) -> Result<Self, Problem> {
        let mut flags = Self { final_delivery: assume_final, ..Self::default() };
        for argument in arguments {
            let Some(letters) = argument.strip_prefix("flags=") else {
                return Err(Problem { text: format!("unknown attribute name: {argument}") });
            };
            flags = Self { final_delivery: assume_final, ..Self::default() };
            for letter in letters.chars() {
                match letter {
                    'D' => flags.delivered_to = true,
                    'O' => flags.original_to = true,
                    'R' => flags.return_path = true,
                    'X' => flags.final_delivery = true,
                    _ => {
                        return Err(Problem {
                            text: format!("unknown value '{letter}' in string \"{argument}\""),
                        });
                    }
                }
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_line() {
        let flags = Flags::read(&["flags=DR".into()], false).unwrap();
        assert!(flags.delivered_to && flags.return_path && !flags.original_to);
        assert!(Flags::read(&["flags=Z".into()], false).is_err());
        assert!(Flags::read(&["user=x".into()], false).is_err());
    }
}
