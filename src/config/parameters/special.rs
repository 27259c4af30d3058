//! Documented names that are not ordinary parameters: per-transport patterns, read-only values,
//! values of one request, and names that Postfix has retired.

/// What kind of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `<transport>_suffix`: the name starts with a transport of master.cf.
    PerTransport,
    /// Set by the system, never by main.cf.
    ReadOnly,
    /// Documented, and without effect in current releases.
    Retired,
    /// Has a successor, and is still honoured where that refers to it.
    Deprecated,
    /// An ordinary parameter of a build option or a companion of another parameter.
    Ordinary,
}

/// The names, in alphabetical order.
pub static SPECIAL: &[(&str, Special)] = &[
    ("<transport>_destination_concurrency_failed_cohort_limit", Special::PerTransport),
    ("<transport>_destination_concurrency_limit", Special::PerTransport),
    ("<transport>_destination_rate_delay", Special::PerTransport),
    ("<transport>_initial_destination_concurrency", Special::PerTransport),
    ("<transport>_recipient_limit", Special::PerTransport),
    ("<transport>_time_limit", Special::PerTransport),
    ("authorized_verp_clients", Special::Deprecated),
    ("domain_to_ascii", Special::Ordinary),
    ("enable_errors_to", Special::Ordinary),
    ("extract_recipient_limit", Special::Ordinary),
    ("fallback_relay", Special::Deprecated),
    ("lmtp_cache_connection", Special::Ordinary),
    ("lmtp_destination_concurrency_limit", Special::Ordinary),
    ("lmtp_destination_recipient_limit", Special::Ordinary),
    ("lmtp_per_record_deadline", Special::Deprecated),
    ("postscreen_blacklist_action", Special::Deprecated),
    ("postscreen_dnsbl_ttl", Special::Deprecated),
    ("postscreen_dnsbl_whitelist_threshold", Special::Deprecated),
    ("postscreen_whitelist_interfaces", Special::Deprecated),
    ("process_id", Special::ReadOnly),
    ("process_name", Special::ReadOnly),
    ("relay_destination_concurrency_limit", Special::Ordinary),
    ("relay_destination_recipient_limit", Special::Ordinary),
    ("sender_based_routing", Special::ReadOnly),
    ("service_name", Special::ReadOnly),
    ("smtp_destination_concurrency_limit", Special::Ordinary),
    ("smtp_destination_recipient_limit", Special::Ordinary),
    ("smtp_per_record_deadline", Special::Deprecated),
    ("smtp_skip_4xx_greeting", Special::Ordinary),
    ("smtp_tls_cipherlist", Special::Retired),
    ("smtpd_client_connection_limit_exceptions", Special::Deprecated),
    ("smtpd_per_record_deadline", Special::Deprecated),
    ("smtpd_sasl_application_name", Special::Ordinary),
    ("smtpd_tls_cipherlist", Special::Retired),
    ("tls_dane_digest_agility", Special::Ordinary),
    ("tls_dane_trust_anchor_digest_enable", Special::Ordinary),
    ("tls_legacy_public_key_fingerprints", Special::Ordinary),
    ("tlsproxy_client_level", Special::Deprecated),
    ("tlsproxy_client_loglevel_parameter", Special::Retired),
    ("tlsproxy_client_policy", Special::Deprecated),
    ("tlsproxy_tls_session_cache_timeout", Special::Retired),
    ("transport_delivery_slot_cost", Special::PerTransport),
    ("transport_delivery_slot_discount", Special::PerTransport),
    ("transport_delivery_slot_loan", Special::PerTransport),
    ("transport_destination_concurrency_failed_cohort_limit", Special::PerTransport),
    ("transport_destination_concurrency_limit", Special::PerTransport),
    ("transport_destination_concurrency_negative_feedback", Special::PerTransport),
    ("transport_destination_concurrency_positive_feedback", Special::PerTransport),
    ("transport_destination_rate_delay", Special::PerTransport),
    ("transport_destination_recipient_limit", Special::PerTransport),
    ("transport_extra_recipient_limit", Special::PerTransport),
    ("transport_initial_destination_concurrency", Special::PerTransport),
    ("transport_minimum_delivery_slots", Special::PerTransport),
    ("transport_recipient_limit", Special::PerTransport),
    ("transport_recipient_refill_delay", Special::PerTransport),
    ("transport_recipient_refill_limit", Special::PerTransport),
    ("transport_time_limit", Special::PerTransport),
    ("transport_transport_rate_delay", Special::PerTransport),
    ("virtual_destination_concurrency_limit", Special::Ordinary),
    ("virtual_destination_recipient_limit", Special::Ordinary),
    ("virtual_maps", Special::Deprecated),
];

/// What such a name is for, in one sentence.
pub fn text(name: &str, kind: Special) -> String {
    let text = match kind {
        Special::PerTransport => {
            let suffix = name.trim_start_matches("<transport>_").trim_start_matches("transport_");
            return match suffix {
                "time_limit" => "How long a command of the pipe(8) or spawn(8) service of that name may run; default: command_time_limit.".into(),
                "initial_destination_concurrency" => "As initial_destination_concurrency, for the transport of that name.".into(),
                _ => format!("As default_{suffix}, for the transport of that name."),
            };
        }
        Special::ReadOnly => match name {
            "process_id" => "The number of the process that reads the value.",
            "process_name" => "The name of the program that reads the value.",
            "service_name" => "The name of the service of master.cf that reads the value.",
            _ => "Set by the mail system itself.",
        },
        Special::Retired => "Without effect.",
        Special::Deprecated => "An old name; what has replaced it still takes its value over.",
        Special::Ordinary => match name {
            "domain_to_ascii" => {
                "In a value, `${domain_to_ascii{domain}}` is the ASCII form of a domain."
            }
            "enable_errors_to" => {
                "Whether Errors-To headers name who gets notices; without effect."
            }
            "extract_recipient_limit" => {
                "Without effect: sendmail -t takes any number of recipients."
            }
            "lmtp_cache_connection" => "Without effect; see lmtp_connection_cache_on_demand.",
            "smtp_skip_4xx_greeting" => {
                "Without effect: a 4xx greeting makes the client try the next host."
            }
            "smtpd_sasl_application_name" => "Without effect; see smtpd_sasl_path.",
            "tls_dane_digest_agility" | "tls_dane_trust_anchor_digest_enable" => {
                "Without effect: always on."
            }
            "tls_legacy_public_key_fingerprints" => {
                "Without effect: fingerprints of public keys have their current form."
            }
            _ if name.contains("_destination_") => {
                let (transport, suffix) = name.split_once('_').unwrap_or_default();
                return format!("As default_{suffix}, for the transport {transport}.");
            }
            _ => "See the parameter that it goes with.",
        },
    };
    text.into()
}
