//! Parameters of smtp(8) as SMTP client.

use crate::config::parameter::kinds::{Bool, Int, NBool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Whether MX records are used where a domain has no SRV record.
    allow_srv_lookup_fallback: Bool = "no";
    /// The transport for a domain whose best MX host is this machine, instead of an error about a loop.
    best_mx_transport: Text = "";
    /// How long the connection cache may take for one request.
    connection_cache_protocol_timeout: Time = "5s", Limits::at_least(1);
    /// The name of the scache(8) service in master.cf.
    connection_cache_service_name: Text = "scache", Limits::at_least(1);
    /// Where Cyrus SASL looks for its configuration files.
    cyrus_sasl_config_path: Text = "";
    /// Who gets notices about resource and software trouble, see notify_classes.
    error_notice_recipient: Text = "postmaster", Limits::at_least(1);
    /// The form of generated From headers: `standard` or `obsolete`.
    header_from_format: Text = "standard", Limits::at_least(1);
    /// Whether an address record will do when the MX look-up fails.
    ignore_mx_lookup_error: Bool = "no";
    /// Whether MX records will do when the SRV look-up fails.
    ignore_srv_lookup_error: Bool = "no";
    /// Which trouble postmaster hears about: bounce, 2bounce, data, delay, policy, protocol, resource, software.
    notify_classes: Text = "resource, software";
    /// In which tables an address extension that did not match is kept.
    propagate_unmatched_extensions: Text = "canonical, virtual";
    /// Which IP version comes first where a host has both: `any`, `ipv4` or `ipv6`.
    smtp_address_preference: Text = "any", Limits::at_least(1);
    /// The command whose reply decides a verification probe: `rcpt` or `data`.
    smtp_address_verify_target: Text = "rcpt", Limits::at_least(1);
    /// Whether EHLO is sent also where the greeting does not say ESMTP.
    smtp_always_send_ehlo: Bool = "yes";
    /// Whether attempts are spread over IPv4 and IPv6 when not all addresses can be tried.
    smtp_balance_inet_protocols: Bool = "yes";
    /// The IPv4 address that connections come from.
    smtp_bind_address: Text = "";
    /// The IPv6 address that connections come from.
    smtp_bind_address6: Text = "";
    /// Whether mail waits when that address cannot be used.
    smtp_bind_address_enforce: Bool = "no";
    /// Tables of patterns for body lines of outgoing mail.
    smtp_body_checks: Text = "";
    /// Whether a host's canonical name replaces its own, for SASL and TLS.
    smtp_cname_overrides_servername: Bool = "no";
    /// How long connecting may take; 0 leaves it to the kernel.
    smtp_connect_timeout: Time = "30s";
    /// Destinations whose connections are always kept for reuse.
    smtp_connection_cache_destinations: Text = "";
    /// Whether connections are kept while there is much mail for a destination.
    smtp_connection_cache_on_demand: Bool = "yes";
    /// How long an idle connection is kept.
    smtp_connection_cache_time_limit: Time = "2s", Limits::at_least(1);
    /// How often a connection is used again; 0 means no limit.
    smtp_connection_reuse_count_limit: Int = "0";
    /// For how long a connection is used again.
    smtp_connection_reuse_time_limit: Time = "300s", Limits::at_least(1);
    /// How long the server may take to answer the end of a message.
    smtp_data_done_timeout: Time = "600s", Limits::at_least(1);
    /// How long the server may take to answer DATA.
    smtp_data_init_timeout: Time = "120s", Limits::at_least(1);
    /// How long sending part of a message may take.
    smtp_data_xfer_timeout: Time = "180s", Limits::at_least(1);
    /// Whether mail waits when no MX host has an address.
    smtp_defer_if_no_mx_address_found: Bool = "no";
    /// Changes the outcome of deliveries by smtp(8), see default_delivery_status_filter.
    smtp_delivery_status_filter: Text = "$default_delivery_status_filter";
    /// Tables, by server address, of EHLO keywords to ignore.
    smtp_discard_ehlo_keyword_address_maps: Text = "";
    /// EHLO keywords of all servers to ignore.
    smtp_discard_ehlo_keywords: Text = "";
    /// A table that changes or drops DNS records of destinations.
    smtp_dns_reply_filter: Text = "";
    /// Options of DNS look-ups: res_defnames, res_dnsrch.
    smtp_dns_resolver_options: Text = "";
    /// Whether the DNS is used: `disabled`, `enabled` or `dnssec`.
    smtp_dns_support_level: Text = "";
    /// Without TLS, no delivery; use smtp_tls_security_level.
    smtp_enforce_tls: Bool = "no";
    /// Hosts for mail whose destination cannot be found or reached.
    smtp_fallback_relay: Text = "$fallback_relay";
    /// Tables that turn local addresses into public ones in outgoing mail, see generic(5).
    smtp_generic_maps: Text = "";
    /// Tables of patterns for headers of outgoing mail.
    smtp_header_checks: Text = "";
    /// The name that is sent with HELO and EHLO.
    smtp_helo_name: Text = "$myhostname", Limits::at_least(1);
    /// How long the greeting and the answer to HELO may take.
    smtp_helo_timeout: Time = "300s", Limits::at_least(1);
    /// How hosts are looked up: `dns`, `native`.
    smtp_host_lookup: Text = "dns", Limits::at_least(1);
    /// Longer lines of outgoing mail are cut and continued; 0 means no limit.
    smtp_line_length_limit: Int = "998";
    /// Whether delivery lines in the log sum up the TLS features that were used.
    smtp_log_tls_feature_status: NBool = "yes";
    /// How long the server may take to answer MAIL FROM.
    smtp_mail_timeout: Time = "300s", Limits::at_least(1);
    /// Tables of patterns for MIME headers of outgoing mail.
    smtp_mime_header_checks: Text = "";
    /// How many bytes a second are expected when deadlines hold for whole requests.
    smtp_min_data_rate: Int = "500", Limits::at_least(1);
    /// How many addresses of a destination are considered; 0 means all.
    smtp_mx_address_limit: Int = "5";
    /// How many of them are tried in one delivery; 0 means all.
    smtp_mx_session_limit: Int = "2";
    /// Tables of patterns for headers of attached messages in outgoing mail.
    smtp_nested_header_checks: Text = "";
    /// Whether HELO is sent always.
    smtp_never_send_ehlo: Bool = "no";
    /// Whether time limits hold for a whole request rather than for each read and write.
    smtp_per_request_deadline: NBool = "${smtp_per_record_deadline?{$smtp_per_record_deadline}:{no}}";
    /// How long to wait before the end of a message with the PIX workaround.
    smtp_pix_workaround_delay_time: Time = "10s", Limits::at_least(1);
    /// Tables, by server address, of workarounds for PIX firewalls.
    smtp_pix_workaround_maps: Text = "";
    /// How long a message must have waited before the PIX workarounds are used.
    smtp_pix_workaround_threshold_time: Time = "500s";
    /// The workarounds for PIX firewalls.
    smtp_pix_workarounds: Text = "disable_esmtp,delay_dotcrlf";
    /// How long the server may take to answer QUIT.
    smtp_quit_timeout: Time = "300s", Limits::at_least(1);
    /// Whether addresses in MAIL FROM and RCPT TO are quoted where RFC 5321 asks for it.
    smtp_quote_rfc821_envelope: Bool = "yes";
    /// Whether hosts of equal preference are tried in random order.
    smtp_randomize_addresses: Bool = "yes";
    /// How long the server may take to answer RCPT TO.
    smtp_rcpt_timeout: Time = "300s", Limits::at_least(1);
    /// A table that changes replies of servers.
    smtp_reply_filter: Text = "";
    /// How strictly destinations must support REQUIRETLS, by next hop.
    smtp_requiretls_policy: Text = "inline:{{${domain_to_ascii{$mydomain}}=opportunistic}, {.${domain_to_ascii{$mydomain}}=opportunistic}, {localhost=opportunistic}}, cidr:{{0.0.0.0/0 opportunistic}, {::/0 opportunistic}}, enforce";
    /// How long the server may take to answer RSET.
    smtp_rset_timeout: Time = "20s", Limits::at_least(1);
    /// A table that remembers logins that failed.
    smtp_sasl_auth_cache_name: Text = "";
    /// How long a failed login is remembered.
    smtp_sasl_auth_cache_time: Time = "90d";
    /// Whether the client logs in where it has a password.
    smtp_sasl_auth_enable: Bool = "no";
    /// Whether mail waits, rather than bounces, when a login fails with 535.
    smtp_sasl_auth_soft_bounce: Bool = "yes";
    /// Which of the server's mechanisms may be used.
    smtp_sasl_mechanism_filter: Text = "";
    /// Tables of user:password by next hop, server or sender.
    smtp_sasl_password_maps: Text = "";
    /// What stands between user and password in those tables.
    smtp_sasl_password_result_delimiter: Text = ":", Limits::range(1, 1);
    /// What the SASL client implementation needs to find its settings.
    smtp_sasl_path: Text = "";
    /// Which mechanisms may be used without TLS.
    smtp_sasl_security_options: Text = "noplaintext, noanonymous";
    /// Which mechanisms may be used with TLS.
    smtp_sasl_tls_security_options: Text = "$smtp_sasl_security_options";
    /// Which mechanisms may be used with a server whose certificate was verified.
    smtp_sasl_tls_verified_security_options: Text = "$smtp_sasl_tls_security_options";
    /// The SASL client implementation.
    smtp_sasl_type: Text = "cyrus", Limits::at_least(1);
    /// Whether MAIL FROM carries `AUTH=<>` after a login.
    smtp_send_dummy_mail_auth: Bool = "no";
    /// Whether XFORWARD is sent, with facts about the original client, where the server knows it.
    smtp_send_xforward_command: Bool = "no";
    /// Whether passwords are looked up by sender first, and connections not shared between senders.
    smtp_sender_dependent_authentication: Bool = "no";
    /// Whether a 5xx greeting makes the client try the next host.
    smtp_skip_5xx_greeting: Bool = "yes";
    /// Whether the client leaves without waiting for the answer to QUIT.
    smtp_skip_quit_response: Bool = "yes";
    /// How long the server may take for each step of STARTTLS.
    smtp_starttls_timeout: Time = "300s", Limits::at_least(1);
    /// The port to connect to, as a number or name.
    smtp_tcp_port: Text = "smtp";
    /// A file with certificates of authorities that are trusted to sign servers' certificates.
    smtp_tls_CAfile: Text = "";
    /// A folder of such certificates, indexed by hash.
    smtp_tls_CApath: Text = "";
    /// Whether a server that answers mail commands before they were sent is left: an attack, CVE-2009-3555.
    smtp_tls_block_early_mail_reply: Bool = "no";
    /// The client's own RSA certificate with its chain, PEM.
    smtp_tls_cert_file: Text = "";
    /// Files with private key and certificate chain, one or more of each kind of key.
    smtp_tls_chain_files: Text = "";
    /// The lowest cipher grade of opportunistic TLS.
    smtp_tls_ciphers: Text = "medium", Limits::at_least(1);
    /// Whether TLS connections are used again.
    smtp_tls_connection_reuse: Bool = "no";
    /// The TLS level where the MX records are not signed but the host's TLSA records are.
    smtp_tls_dane_insecure_mx_policy: Text = "dane";
    /// The client's own DSA certificate.
    smtp_tls_dcert_file: Text = "";
    /// The private key for smtp_tls_dcert_file.
    smtp_tls_dkey_file: Text = "$smtp_tls_dcert_file";
    /// The client's own ECDSA certificate.
    smtp_tls_eccert_file: Text = "";
    /// The private key for smtp_tls_eccert_file.
    smtp_tls_eckey_file: Text = "$smtp_tls_eccert_file";
    /// Whether raw public keys are offered in place of certificates.
    smtp_tls_enable_rpk: Bool = "no";
    /// Whether the server's name must match where TLS is mandatory; use smtp_tls_security_level.
    smtp_tls_enforce_peername: Bool = "yes";
    /// Whether the server's name must match the MX patterns of an MTA-STS policy.
    smtp_tls_enforce_sts_mx_patterns: NBool = "yes";
    /// Ciphers that are never used.
    smtp_tls_exclude_ciphers: Text = "";
    /// The fingerprints that are accepted at level `fingerprint`.
    smtp_tls_fingerprint_cert_match: Text = "";
    /// The digest of fingerprints.
    smtp_tls_fingerprint_digest: Text = "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", Limits::at_least(1);
    /// Whether TLSA records are looked up also where the host's address is not signed.
    smtp_tls_force_insecure_host_tlsa_lookup: Bool = "no";
    /// The private key for smtp_tls_cert_file.
    smtp_tls_key_file: Text = "$smtp_tls_cert_file";
    /// How much is logged about TLS, from 0 to 4.
    smtp_tls_loglevel: Text = "0";
    /// As smtp_tls_loglevel, by server.
    smtp_tls_loglevel_maps: Text = "";
    /// The lowest cipher grade of mandatory TLS.
    smtp_tls_mandatory_ciphers: Text = "medium", Limits::at_least(1);
    /// Ciphers that are not used where TLS is mandatory.
    smtp_tls_mandatory_exclude_ciphers: Text = "";
    /// Versions of TLS that may be used where it is mandatory.
    smtp_tls_mandatory_protocols: Text = ">=TLSv1";
    /// Whether the log names hosts that offer STARTTLS where it is not used.
    smtp_tls_note_starttls_offer: Bool = "no";
    /// TLS use by host; use smtp_tls_policy_maps.
    smtp_tls_per_site: Text = "";
    /// Tables of TLS policies by next hop.
    smtp_tls_policy_maps: Text = "";
    /// Versions of TLS that may be used where it is opportunistic.
    smtp_tls_protocols: Text = ">=TLSv1";
    /// How long a server's certificate chain may be.
    smtp_tls_scert_verifydepth: Int = "9";
    /// Which names a certificate may have at level `secure`.
    smtp_tls_secure_cert_match: Text = "nexthop, dot-nexthop", Limits::at_least(1);
    /// How much TLS: `none`, `may`, `encrypt`, `dane`, `dane-only`, `fingerprint`, `verify` or `secure`.
    smtp_tls_security_level: Text = "${{$compatibility_level} <level {3.11} ? {} : {may}}";
    /// The name that is sent in the TLS handshake (SNI).
    smtp_tls_servername: Text = "";
    /// The table of TLS sessions to resume.
    smtp_tls_session_cache_database: Text = "";
    /// How long a TLS session may be resumed.
    smtp_tls_session_cache_timeout: Time = "3600s", Limits::range(0, 8640000);
    /// How many bytes a trace of a TLS handshake may have.
    smtp_tls_trace_size_limit: Int = "102400";
    /// Files with the only authorities or keys to trust at the levels `verify` and `secure`.
    smtp_tls_trust_anchor_file: Text = "";
    /// Which names a certificate may have at level `verify`.
    smtp_tls_verify_cert_match: Text = "hostname", Limits::at_least(1);
    /// Whether TLS begins at once, without STARTTLS.
    smtp_tls_wrappermode: Bool = "no";
    /// Whether results of TLS handshakes are reported to a TLSRPT collector.
    smtp_tlsrpt_enable: NBool = "no";
    /// Whether only new TLS sessions are reported, and not those that were resumed.
    smtp_tlsrpt_skip_reused_handshakes: NBool = "no";
    /// The collector's socket, below queue_directory if relative.
    smtp_tlsrpt_socket_name: Text = "";
    /// Opportunistic TLS; use smtp_tls_security_level.
    smtp_use_tls: Bool = "no";
    /// How long the server may take to answer XFORWARD.
    smtp_xforward_timeout: Time = "300s", Limits::at_least(1);
    /// Services, such as submission, whose hosts are looked up in SRV records.
    use_srv_lookup: Text = "";
}
