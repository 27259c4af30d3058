//! The parameters of one smtpd service, read once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::check::VerifySettings;
use super::expand::Filter;
use super::fault::Faults;
use super::keyword::Keywords;
use super::peer::Naming;
use crate::cleanup::Skip;
use crate::config::{Config, parameters as p, split_list};
use crate::filter::{Common, Endpoint, Filters};
use crate::log::Log;
use crate::wire::smtp_data::BareLf;

/// What a temporary DNS failure in a check does (`reject_tempfail_action` and relatives).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TempFail {
    /// `defer`: defers at once.
    Defer,
    /// `defer_if_permit`: defers what would be permitted.
    DeferIfPermit,
}

/// Reply codes of checks.
#[derive(Clone, Debug)]
pub struct Codes {
    pub access_map_reject: u16,
    pub access_map_defer: u16,
    pub defer: u16,
    pub reject: u16,
    pub relay_domains: u16,
    pub non_fqdn: u16,
    pub invalid_hostname: u16,
    pub unknown_address: u16,
    pub unknown_client: u16,
    pub unknown_hostname: u16,
    pub plaintext: u16,
    pub multi_recipient_bounce: u16,
    pub maps_rbl: u16,
    pub unknown_local_recipient: u16,
    pub unknown_relay_recipient: u16,
    pub unknown_virtual_alias: u16,
    pub unknown_virtual_mailbox: u16,
}

/// Limits on what one client may do within `anvil_rate_time_unit`, or at once; zero is none.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    pub connection_count: u32,
    pub connection_rate: u32,
    pub message_rate: u32,
    pub recipient_rate: u32,
    pub auth_rate: u32,
    pub new_tls_rate: u32,
    pub ipv4_prefix: u8,
    pub ipv6_prefix: u8,
}

/// Limits on one session.
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// `smtpd_timeout`
    pub timeout: Duration,
    /// `smtpd_per_request_deadline`
    pub per_request_deadline: bool,
    /// `smtpd_min_data_rate`, bytes a second.
    pub min_data_rate: u64,
    /// `line_length_limit`
    pub line: usize,
    /// `message_size_limit`; none is no limit.
    pub message_size: Option<u64>,
    /// `smtpd_recipient_limit`
    pub recipients: usize,
    /// `smtpd_recipient_overshoot_limit`
    pub recipient_overshoot: usize,
    /// `smtpd_soft_error_limit`
    pub soft_errors: u32,
    /// `smtpd_hard_error_limit`
    pub hard_errors: u32,
    /// `smtpd_error_sleep_time`
    pub error_sleep: Duration,
    /// `smtpd_junk_command_limit`
    pub junk_commands: u32,
    /// `smtpd_history_flush_threshold`
    pub history: usize,
}

/// A filter that messages go through before they are taken.
#[derive(Clone, Debug)]
pub struct ProxyFilterSettings {
    /// As written, for the log.
    pub name: String,
    pub endpoint: Endpoint,
    pub timeout: Duration,
    /// `smtpd_proxy_ehlo`
    pub ehlo: String,
    /// `speed_adjust`: it is only connected to when the message is complete.
    pub speed_adjust: bool,
}

impl ProxyFilterSettings {
    fn read(config: &Config) -> Result<Option<Self>, String> {
        let name = config.text(&p::smtpd_proxy_filter);
        if name.is_empty() {
            return Ok(None);
        }
        let scheme = |scheme: &str| {
            let start = name.get(..scheme.len())?;
            if start.eq_ignore_ascii_case(scheme) { name.get(scheme.len()..) } else { None }
        };
        let endpoint = match scheme("unix:") {
            Some(path) => Endpoint::unix(path, &config.queue_directory()),
            None => Endpoint::inet(scheme("inet:").unwrap_or(&name)),
        };
        let mut speed_adjust = false;
        for word in split_list(&config.text(&p::smtpd_proxy_options)) {
            if !word.eq_ignore_ascii_case("speed_adjust") {
                return Err(format!("unknown smtpd_proxy_options value \"{word}\""));
            }
            speed_adjust = true;
        }
        Ok(Some(Self {
            endpoint,
            timeout: config.time(&p::smtpd_proxy_timeout),
            ehlo: config.text(&p::smtpd_proxy_ehlo),
            speed_adjust,
            name,
        }))
    }
}

/// The parameters of one service.
#[derive(Clone, Debug)]
pub struct Settings {
    pub myhostname: Arc<str>,
    pub mail_name: String,
    pub banner: String,
    pub limits: SessionLimits,
    pub client_limits: ClientLimits,
    pub codes: Codes,
    pub delay_reject: bool,
    pub delay_open_until_valid_rcpt: bool,
    pub relay_before_recipient: bool,
    pub reject_unlisted_sender: bool,
    pub reject_unlisted_recipient: bool,
    pub helo_required: bool,
    pub disable_vrfy: bool,
    pub strict_envelopes: bool,
    pub smtputf8: bool,
    /// `requiretls_enable`
    pub require_tls: bool,
    /// `requiretls_esmtp_header`: for filters that are proxies.
    pub require_tls_header: bool,
    pub strict_smtputf8: bool,
    pub soft_bounce: bool,
    pub allow_untrusted_routing: bool,
    pub discard_ehlo: Keywords,
    pub bare_lf: BareLf,
    pub bare_lf_code: u16,
    pub forbid_unauth_pipelining: bool,
    pub naming: Naming,
    pub hide_client_session: bool,
    /// `smtpd_sasl_authenticated_header`
    pub authenticated_header: bool,
    pub tls_received_header: bool,
    pub tls_asks_certificate: bool,
    /// `info_log_address_format = external`
    pub external_log_addresses: bool,
    pub show_user_unknown_table: bool,
    /// `parent_domain_matches_subdomains` names smtpd_access_maps.
    pub access_parents_match: bool,
    pub null_access_key: String,
    pub recipient_delimiter: String,
    pub double_bounce_sender: String,
    /// The sender of notices to the postmaster.
    pub double_bounce_address: String,
    pub content_filter: Option<String>,
    pub default_verp_delimiters: String,
    pub verp_delimiter_filter: String,
    pub skip: Skip,
    pub notify: Faults,
    pub error_notice_recipient: String,
    pub bounce_notice_recipient: String,
    pub unknown_address_tempfail: TempFail,
    pub unknown_helo_tempfail: TempFail,
    pub verify: VerifySettings,
    pub queue_directory: PathBuf,
    pub queue_minfree: u64,
    /// `debug_peer_level`
    pub debug_peer_level: u32,
    /// `tcp_windowsize`: bytes of the kernel's buffers; zero leaves them to the kernel.
    pub tcp_window: usize,
    pub ipv4: bool,
    pub ipv6: bool,
    pub reject_footer: String,
    pub stress: String,
    pub compatibility_level: String,
    pub mail_version: String,
    pub default_rbl_reply: String,
    /// `smtpd_expansion_filter`
    pub expansion_filter: Filter,
    /// `smtpd_upstream_proxy_protocol = haproxy`
    pub behind_proxy: bool,
    pub upstream_proxy_timeout: Duration,
    /// `smtpd_proxy_filter`
    pub proxy_filter: Option<ProxyFilterSettings>,
    /// What all milters have in common.
    pub milter_common: Arc<Common>,
    /// `smtpd_milters`
    pub milters: Filters,
    pub milter_daemon_name: String,
    pub milter_version: String,
}

impl Settings {
    /// Reads them from the service's view of the configuration. An error text is a value that
    /// Postfix would not start with either.
    pub fn read(config: &Config, log: &Log) -> Result<Self, String> {
        let protocols = config.text(&p::inet_protocols);
        let has = |wanted: &str| split_list(&protocols).iter().any(|w| *w == wanted || *w == "all");
        let parents = config.text(&p::parent_domain_matches_subdomains);
        let milter_common = Common::read(config).map_err(|bad| bad.0)?;
        Ok(Self {
            myhostname: config.text(&p::myhostname).into(),
            mail_name: config.text(&p::mail_name),
            banner: config.text(&p::smtpd_banner),
            limits: session_limits(config),
            client_limits: client_limits(config),
            codes: codes(config),
            delay_reject: config.bool(&p::smtpd_delay_reject),
            delay_open_until_valid_rcpt: config.bool(&p::smtpd_delay_open_until_valid_rcpt),
            relay_before_recipient: config.bool(&p::smtpd_relay_before_recipient_restrictions),
            reject_unlisted_sender: config.bool(&p::smtpd_reject_unlisted_sender),
            reject_unlisted_recipient: config.bool(&p::smtpd_reject_unlisted_recipient),
            helo_required: config.bool(&p::smtpd_helo_required),
            disable_vrfy: config.bool(&p::disable_vrfy_command),
            strict_envelopes: config.bool(&p::strict_rfc821_envelopes),
            smtputf8: config.bool(&p::smtputf8_enable),
            require_tls: config.bool(&p::requiretls_enable),
            require_tls_header: config.bool(&p::requiretls_esmtp_header),
            strict_smtputf8: config.bool(&p::strict_smtputf8),
            soft_bounce: config.bool(&p::soft_bounce),
            allow_untrusted_routing: config.bool(&p::allow_untrusted_routing),
            discard_ehlo: discard_ehlo(config, log),
            bare_lf: bare_lf(&config.text(&p::smtpd_forbid_bare_newline))?,
            bare_lf_code: code(config.int(&p::smtpd_forbid_bare_newline_reject_code)),
            forbid_unauth_pipelining: config.bool(&p::smtpd_forbid_unauth_pipelining),
            naming: naming(config),
            authenticated_header: config.bool(&p::smtpd_sasl_authenticated_header),
            tls_received_header: config.bool(&p::smtpd_tls_received_header),
            tls_asks_certificate: config.bool(&p::smtpd_tls_ask_ccert),
            hide_client_session: config.bool(&p::smtpd_hide_client_session),
            external_log_addresses: config.text(&p::info_log_address_format) != "internal",
            show_user_unknown_table: config.bool(&p::show_user_unknown_table_name),
            access_parents_match: split_list(&parents).contains(&"smtpd_access_maps"),
            null_access_key: config.text(&p::smtpd_null_access_lookup_key),
            recipient_delimiter: config.text(&p::recipient_delimiter),
            double_bounce_sender: config.text(&p::double_bounce_sender),
            double_bounce_address: double_bounce_address(config),
            content_filter: Some(config.text(&p::content_filter)).filter(|text| !text.is_empty()),
            default_verp_delimiters: config.text(&p::default_verp_delimiters),
            verp_delimiter_filter: config.text(&p::verp_delimiter_filter),
            skip: skip(&config.text(&p::receive_override_options))?,
            notify: Faults::read(config),
            error_notice_recipient: config.text(&p::error_notice_recipient),
            bounce_notice_recipient: config.text(&p::bounce_notice_recipient),
            unknown_address_tempfail: temp_fail(
                "unknown_address_tempfail_action",
                &config.text(&p::unknown_address_tempfail_action),
            )?,
            unknown_helo_tempfail: temp_fail(
                "unknown_helo_hostname_tempfail_action",
                &config.text(&p::unknown_helo_hostname_tempfail_action),
            )?,
            verify: VerifySettings::read(config)?,
            queue_directory: config.queue_directory(),
            queue_minfree: positive(config.int(&p::queue_minfree)),
            debug_peer_level: u32::try_from(config.int(&p::debug_peer_level)).unwrap_or(1),
            tcp_window: config.count(&p::tcp_windowsize),
            ipv4: has("ipv4"),
            ipv6: has("ipv6"),
            reject_footer: config.raw(&p::smtpd_reject_footer),
            stress: config.text(&p::stress),
            compatibility_level: config.value("compatibility_level"),
            mail_version: config.value("mail_version"),
            default_rbl_reply: config.raw(&p::default_rbl_reply),
            expansion_filter: Filter::parse(&config.raw(&p::smtpd_expansion_filter)),
            milters: Filters::parse(&milter_common, &config.text(&p::smtpd_milters))
                .map_err(|bad| bad.0)?,
            milter_common,
            behind_proxy: behind_proxy(&config.text(&p::smtpd_upstream_proxy_protocol))?,
            upstream_proxy_timeout: config.time(&p::smtpd_upstream_proxy_timeout),
            proxy_filter: ProxyFilterSettings::read(config)?,
            milter_daemon_name: config.text(&p::milter_macro_daemon_name),
            milter_version: config.text(&p::milter_macro_v),
        })
    }
}

fn double_bounce_address(config: &Config) -> String {
    format!("{}@{}", config.text(&p::double_bounce_sender), config.text(&p::myhostname))
}

fn discard_ehlo(config: &Config, log: &Log) -> Keywords {
    let (keywords, unknown) = Keywords::parse(&config.text(&p::smtpd_discard_ehlo_keywords));
    for word in unknown {
        log.warning(format_args!("unknown ehlo string mask value \"{word}\""));
    }
    keywords
}

fn session_limits(config: &Config) -> SessionLimits {
    SessionLimits {
        timeout: config.time(&p::smtpd_timeout),
        per_request_deadline: config.bool(&p::smtpd_per_request_deadline),
        min_data_rate: positive(config.int(&p::smtpd_min_data_rate)),
        line: config.count(&p::line_length_limit),
        message_size: Some(positive(config.int(&p::message_size_limit))).filter(|size| *size > 0),
        recipients: config.count(&p::smtpd_recipient_limit),
        recipient_overshoot: config.count(&p::smtpd_recipient_overshoot_limit),
        soft_errors: small(config.int(&p::smtpd_soft_error_limit)),
        hard_errors: small(config.int(&p::smtpd_hard_error_limit)),
        error_sleep: config.time(&p::smtpd_error_sleep_time),
        junk_commands: small(config.int(&p::smtpd_junk_command_limit)),
        history: config.count(&p::smtpd_history_flush_threshold),
    }
}

fn client_limits(config: &Config) -> ClientLimits {
    let prefix = |value: i64| u8::try_from(value).unwrap_or(u8::MAX);
    ClientLimits {
        connection_count: small(config.int(&p::smtpd_client_connection_count_limit)),
        connection_rate: small(config.int(&p::smtpd_client_connection_rate_limit)),
        message_rate: small(config.int(&p::smtpd_client_message_rate_limit)),
        recipient_rate: small(config.int(&p::smtpd_client_recipient_rate_limit)),
        auth_rate: small(config.int(&p::smtpd_client_auth_rate_limit)),
        new_tls_rate: small(config.int(&p::smtpd_client_new_tls_session_rate_limit)),
        ipv4_prefix: prefix(config.int(&p::smtpd_client_ipv4_prefix_length)),
        ipv6_prefix: prefix(config.int(&p::smtpd_client_ipv6_prefix_length)),
    }
}

fn codes(config: &Config) -> Codes {
    Codes {
        access_map_reject: code(config.int(&p::access_map_reject_code)),
        access_map_defer: code(config.int(&p::access_map_defer_code)),
        defer: code(config.int(&p::defer_code)),
        reject: code(config.int(&p::reject_code)),
        relay_domains: code(config.int(&p::relay_domains_reject_code)),
        non_fqdn: code(config.int(&p::non_fqdn_reject_code)),
        invalid_hostname: code(config.int(&p::invalid_hostname_reject_code)),
        unknown_address: code(config.int(&p::unknown_address_reject_code)),
        unknown_client: code(config.int(&p::unknown_client_reject_code)),
        unknown_hostname: code(config.int(&p::unknown_hostname_reject_code)),
        plaintext: code(config.int(&p::plaintext_reject_code)),
        multi_recipient_bounce: code(config.int(&p::multi_recipient_bounce_reject_code)),
        maps_rbl: code(config.int(&p::maps_rbl_reject_code)),
        unknown_local_recipient: code(config.int(&p::unknown_local_recipient_reject_code)),
        unknown_relay_recipient: code(config.int(&p::unknown_relay_recipient_reject_code)),
        unknown_virtual_alias: code(config.int(&p::unknown_virtual_alias_reject_code)),
        unknown_virtual_mailbox: code(config.int(&p::unknown_virtual_mailbox_reject_code)),
    }
}

pub(super) fn code(value: i64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

pub(super) fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn bare_lf(text: &str) -> Result<BareLf, String> {
    match text {
        "normalize" | "yes" => Ok(BareLf::Normalize),
        "note" => Ok(BareLf::Note),
        "reject" => Ok(BareLf::Reject),
        "no" => Ok(BareLf::Allow),
        _ => Err(format!("bad parameter value: 'smtpd_forbid_bare_newline = {text}'")),
    }
}

fn behind_proxy(text: &str) -> Result<bool, String> {
    match text {
        "" => Ok(false),
        "haproxy" => Ok(true),
        _ => Err(format!("unsupported smtpd_upstream_proxy_protocol value: {text}")),
    }
}

pub(super) fn temp_fail(name: &str, text: &str) -> Result<TempFail, String> {
    match text.to_ascii_lowercase().as_str() {
        "defer" => Ok(TempFail::Defer),
        "defer_if_permit" => Ok(TempFail::DeferIfPermit),
        _ => Err(format!("bad configuration: {name} = {text}")),
    }
}

fn naming(config: &Config) -> Naming {
    Naming {
        look_up: config.bool(&p::smtpd_peername_lookup),
        with_port: config.bool(&p::smtpd_client_port_logging),
    }
}

/// `receive_override_options`
pub(super) fn skip(text: &str) -> Result<Skip, String> {
    let mut skip = Skip::default();
    for word in split_list(text) {
        match word {
            "no_address_mappings" => skip.address_mappings = true,
            "no_header_body_checks" => skip.header_body_checks = true,
            "no_milters" => skip.milters = true,
            "no_unknown_recipient_checks" => skip.unknown_recipient_checks = true,
            _ => {
                return Err(format!(
                    "unknown receive_override_options value \"{word}\" in \"{text}\""
                ));
            }
        }
    }
    Ok(skip)
}
