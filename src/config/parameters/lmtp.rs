//! Parameters of smtp(8) as LMTP client.

use crate::config::parameter::kinds::{Bool, Int, NBool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// As smtp_address_preference, for lmtp(8).
    lmtp_address_preference: Text = "any", Limits::at_least(1);
    /// As smtp_address_verify_target, for lmtp(8).
    lmtp_address_verify_target: Text = "rcpt", Limits::at_least(1);
    /// Whether a success counts as final delivery when the server does not know DSN.
    lmtp_assume_final: Bool = "no";
    /// As smtp_balance_inet_protocols, for lmtp(8).
    lmtp_balance_inet_protocols: Bool = "yes";
    /// As smtp_bind_address, for lmtp(8).
    lmtp_bind_address: Text = "";
    /// As smtp_bind_address6, for lmtp(8).
    lmtp_bind_address6: Text = "";
    /// As smtp_bind_address_enforce, for lmtp(8).
    lmtp_bind_address_enforce: Bool = "no";
    /// As smtp_body_checks, for lmtp(8).
    lmtp_body_checks: Text = "";
    /// As smtp_cname_overrides_servername, for lmtp(8).
    lmtp_cname_overrides_servername: Bool = "no";
    /// As smtp_connect_timeout, for lmtp(8).
    lmtp_connect_timeout: Time = "0s";
    /// As smtp_connection_cache_destinations, for lmtp(8).
    lmtp_connection_cache_destinations: Text = "";
    /// As smtp_connection_cache_on_demand, for lmtp(8).
    lmtp_connection_cache_on_demand: Bool = "yes";
    /// As smtp_connection_cache_time_limit, for lmtp(8).
    lmtp_connection_cache_time_limit: Time = "2s", Limits::at_least(1);
    /// As smtp_connection_reuse_count_limit, for lmtp(8).
    lmtp_connection_reuse_count_limit: Int = "0";
    /// As smtp_connection_reuse_time_limit, for lmtp(8).
    lmtp_connection_reuse_time_limit: Time = "300s", Limits::at_least(1);
    /// As smtp_data_done_timeout, for lmtp(8).
    lmtp_data_done_timeout: Time = "600s", Limits::at_least(1);
    /// As smtp_data_init_timeout, for lmtp(8).
    lmtp_data_init_timeout: Time = "120s", Limits::at_least(1);
    /// As smtp_data_xfer_timeout, for lmtp(8).
    lmtp_data_xfer_timeout: Time = "180s", Limits::at_least(1);
    /// As smtp_defer_if_no_mx_address_found, for lmtp(8).
    lmtp_defer_if_no_mx_address_found: Bool = "no";
    /// As smtp_delivery_status_filter, for lmtp(8).
    lmtp_delivery_status_filter: Text = "$default_delivery_status_filter";
    /// Tables, by server address, of LHLO keywords to ignore.
    lmtp_discard_lhlo_keyword_address_maps: Text = "";
    /// LHLO keywords of all servers to ignore.
    lmtp_discard_lhlo_keywords: Text = "";
    /// As smtp_dns_reply_filter, for lmtp(8).
    lmtp_dns_reply_filter: Text = "";
    /// As smtp_dns_resolver_options, for lmtp(8).
    lmtp_dns_resolver_options: Text = "";
    /// As smtp_dns_support_level, for lmtp(8).
    lmtp_dns_support_level: Text = "";
    /// As smtp_enforce_tls, for lmtp(8).
    lmtp_enforce_tls: Bool = "no";
    /// As smtp_fallback_relay, for lmtp(8).
    lmtp_fallback_relay: Text = "";
    /// As smtp_generic_maps, for lmtp(8).
    lmtp_generic_maps: Text = "";
    /// As smtp_header_checks, for lmtp(8).
    lmtp_header_checks: Text = "";
    /// As smtp_host_lookup, for lmtp(8).
    lmtp_host_lookup: Text = "dns", Limits::at_least(1);
    /// The name that is sent with LHLO.
    lmtp_lhlo_name: Text = "$myhostname", Limits::at_least(1);
    /// How long the greeting and the answer to LHLO may take.
    lmtp_lhlo_timeout: Time = "300s", Limits::at_least(1);
    /// As smtp_line_length_limit, for lmtp(8).
    lmtp_line_length_limit: Int = "998";
    /// As smtp_log_tls_feature_status, for lmtp(8).
    lmtp_log_tls_feature_status: NBool = "yes";
    /// As smtp_mail_timeout, for lmtp(8).
    lmtp_mail_timeout: Time = "300s", Limits::at_least(1);
    /// As smtp_mime_header_checks, for lmtp(8).
    lmtp_mime_header_checks: Text = "";
    /// As smtp_min_data_rate, for lmtp(8).
    lmtp_min_data_rate: Int = "500", Limits::at_least(1);
    /// As smtp_mx_address_limit, for lmtp(8).
    lmtp_mx_address_limit: Int = "5";
    /// As smtp_mx_session_limit, for lmtp(8).
    lmtp_mx_session_limit: Int = "2";
    /// As smtp_nested_header_checks, for lmtp(8).
    lmtp_nested_header_checks: Text = "";
    /// As smtp_per_request_deadline, for lmtp(8).
    lmtp_per_request_deadline: NBool = "${lmtp_per_record_deadline?{$lmtp_per_record_deadline}:{no}}";
    /// As smtp_pix_workaround_delay_time, for lmtp(8).
    lmtp_pix_workaround_delay_time: Time = "10s", Limits::at_least(1);
    /// As smtp_pix_workaround_maps, for lmtp(8).
    lmtp_pix_workaround_maps: Text = "";
    /// As smtp_pix_workaround_threshold_time, for lmtp(8).
    lmtp_pix_workaround_threshold_time: Time = "500s";
    /// As smtp_pix_workarounds, for lmtp(8).
    lmtp_pix_workarounds: Text = "disable_esmtp,delay_dotcrlf";
    /// As smtp_quit_timeout, for lmtp(8).
    lmtp_quit_timeout: Time = "300s", Limits::at_least(1);
    /// As smtp_quote_rfc821_envelope, for lmtp(8).
    lmtp_quote_rfc821_envelope: Bool = "yes";
    /// As smtp_randomize_addresses, for lmtp(8).
    lmtp_randomize_addresses: Bool = "yes";
    /// As smtp_rcpt_timeout, for lmtp(8).
    lmtp_rcpt_timeout: Time = "300s", Limits::at_least(1);
    /// As smtp_reply_filter, for lmtp(8).
    lmtp_reply_filter: Text = "";
    /// As smtp_requiretls_policy, for lmtp(8).
    lmtp_requiretls_policy: Text = "opportunistic";
    /// As smtp_rset_timeout, for lmtp(8).
    lmtp_rset_timeout: Time = "20s", Limits::at_least(1);
    /// As smtp_sasl_auth_cache_name, for lmtp(8).
    lmtp_sasl_auth_cache_name: Text = "";
    /// As smtp_sasl_auth_cache_time, for lmtp(8).
    lmtp_sasl_auth_cache_time: Time = "90d";
    /// As smtp_sasl_auth_enable, for lmtp(8).
    lmtp_sasl_auth_enable: Bool = "no";
    /// As smtp_sasl_auth_soft_bounce, for lmtp(8).
    lmtp_sasl_auth_soft_bounce: Bool = "yes";
    /// As smtp_sasl_mechanism_filter, for lmtp(8).
    lmtp_sasl_mechanism_filter: Text = "";
    /// As smtp_sasl_password_maps, for lmtp(8).
    lmtp_sasl_password_maps: Text = "";
    /// As smtp_sasl_password_result_delimiter, for lmtp(8).
    lmtp_sasl_password_result_delimiter: Text = ":", Limits::range(1, 1);
    /// As smtp_sasl_path, for lmtp(8).
    lmtp_sasl_path: Text = "";
    /// As smtp_sasl_security_options, for lmtp(8).
    lmtp_sasl_security_options: Text = "noplaintext, noanonymous";
    /// As smtp_sasl_tls_security_options, for lmtp(8).
    lmtp_sasl_tls_security_options: Text = "$lmtp_sasl_security_options";
    /// As smtp_sasl_tls_verified_security_options, for lmtp(8).
    lmtp_sasl_tls_verified_security_options: Text = "$lmtp_sasl_tls_security_options";
    /// As smtp_sasl_type, for lmtp(8).
    lmtp_sasl_type: Text = "cyrus", Limits::at_least(1);
    /// As smtp_send_dummy_mail_auth, for lmtp(8).
    lmtp_send_dummy_mail_auth: Bool = "no";
    /// As smtp_send_xforward_command, for lmtp(8).
    lmtp_send_xforward_command: Bool = "no";
    /// As smtp_sender_dependent_authentication, for lmtp(8).
    lmtp_sender_dependent_authentication: Bool = "no";
    /// As smtp_skip_5xx_greeting, for lmtp(8).
    lmtp_skip_5xx_greeting: Bool = "yes";
    /// As smtp_skip_quit_response, for lmtp(8).
    lmtp_skip_quit_response: Bool = "no";
    /// As smtp_starttls_timeout, for lmtp(8).
    lmtp_starttls_timeout: Time = "300s", Limits::at_least(1);
    /// As smtp_tcp_port, for lmtp(8).
    lmtp_tcp_port: Text = "24";
    /// As smtp_tls_CAfile, for lmtp(8).
    lmtp_tls_CAfile: Text = "";
    /// As smtp_tls_CApath, for lmtp(8).
    lmtp_tls_CApath: Text = "";
    /// As smtp_tls_block_early_mail_reply, for lmtp(8).
    lmtp_tls_block_early_mail_reply: Bool = "no";
    /// As smtp_tls_cert_file, for lmtp(8).
    lmtp_tls_cert_file: Text = "";
    /// As smtp_tls_chain_files, for lmtp(8).
    lmtp_tls_chain_files: Text = "";
    /// As smtp_tls_ciphers, for lmtp(8).
    lmtp_tls_ciphers: Text = "medium", Limits::at_least(1);
    /// As smtp_tls_connection_reuse, for lmtp(8).
    lmtp_tls_connection_reuse: Bool = "no";
    /// As smtp_tls_dcert_file, for lmtp(8).
    lmtp_tls_dcert_file: Text = "";
    /// As smtp_tls_dkey_file, for lmtp(8).
    lmtp_tls_dkey_file: Text = "$lmtp_tls_dcert_file";
    /// As smtp_tls_eccert_file, for lmtp(8).
    lmtp_tls_eccert_file: Text = "";
    /// As smtp_tls_eckey_file, for lmtp(8).
    lmtp_tls_eckey_file: Text = "$lmtp_tls_eccert_file";
    /// As smtp_tls_enable_rpk, for lmtp(8).
    lmtp_tls_enable_rpk: Bool = "no";
    /// As smtp_tls_enforce_peername, for lmtp(8).
    lmtp_tls_enforce_peername: Bool = "yes";
    /// As smtp_tls_enforce_sts_mx_patterns, for lmtp(8).
    lmtp_tls_enforce_sts_mx_patterns: NBool = "yes";
    /// As smtp_tls_exclude_ciphers, for lmtp(8).
    lmtp_tls_exclude_ciphers: Text = "";
    /// As smtp_tls_fingerprint_cert_match, for lmtp(8).
    lmtp_tls_fingerprint_cert_match: Text = "";
    /// As smtp_tls_fingerprint_digest, for lmtp(8).
    lmtp_tls_fingerprint_digest: Text = "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", Limits::at_least(1);
    /// As smtp_tls_force_insecure_host_tlsa_lookup, for lmtp(8).
    lmtp_tls_force_insecure_host_tlsa_lookup: Bool = "no";
    /// As smtp_tls_key_file, for lmtp(8).
    lmtp_tls_key_file: Text = "$lmtp_tls_cert_file";
    /// As smtp_tls_loglevel, for lmtp(8).
    lmtp_tls_loglevel: Text = "0";
    /// As smtp_tls_loglevel_maps, for lmtp(8).
    lmtp_tls_loglevel_maps: Text = "";
    /// As smtp_tls_mandatory_ciphers, for lmtp(8).
    lmtp_tls_mandatory_ciphers: Text = "medium", Limits::at_least(1);
    /// As smtp_tls_mandatory_exclude_ciphers, for lmtp(8).
    lmtp_tls_mandatory_exclude_ciphers: Text = "";
    /// As smtp_tls_mandatory_protocols, for lmtp(8).
    lmtp_tls_mandatory_protocols: Text = ">=TLSv1";
    /// As smtp_tls_note_starttls_offer, for lmtp(8).
    lmtp_tls_note_starttls_offer: Bool = "no";
    /// As smtp_tls_per_site, for lmtp(8).
    lmtp_tls_per_site: Text = "";
    /// As smtp_tls_policy_maps, for lmtp(8).
    lmtp_tls_policy_maps: Text = "";
    /// As smtp_tls_protocols, for lmtp(8).
    lmtp_tls_protocols: Text = ">=TLSv1";
    /// As smtp_tls_scert_verifydepth, for lmtp(8).
    lmtp_tls_scert_verifydepth: Int = "9";
    /// As smtp_tls_secure_cert_match, for lmtp(8).
    lmtp_tls_secure_cert_match: Text = "nexthop", Limits::at_least(1);
    /// As smtp_tls_security_level, for lmtp(8).
    lmtp_tls_security_level: Text = "";
    /// As smtp_tls_servername, for lmtp(8).
    lmtp_tls_servername: Text = "";
    /// As smtp_tls_session_cache_database, for lmtp(8).
    lmtp_tls_session_cache_database: Text = "";
    /// As smtp_tls_session_cache_timeout, for lmtp(8).
    lmtp_tls_session_cache_timeout: Time = "3600s", Limits::range(0, 8640000);
    /// As smtp_tls_trace_size_limit, for lmtp(8).
    lmtp_tls_trace_size_limit: Int = "102400";
    /// As smtp_tls_trust_anchor_file, for lmtp(8).
    lmtp_tls_trust_anchor_file: Text = "";
    /// As smtp_tls_verify_cert_match, for lmtp(8).
    lmtp_tls_verify_cert_match: Text = "hostname", Limits::at_least(1);
    /// As smtp_tls_wrappermode, for lmtp(8).
    lmtp_tls_wrappermode: Bool = "no";
    /// As smtp_tlsrpt_enable, for lmtp(8).
    lmtp_tlsrpt_enable: NBool = "no";
    /// As smtp_tlsrpt_skip_reused_handshakes, for lmtp(8).
    lmtp_tlsrpt_skip_reused_handshakes: NBool = "no";
    /// As smtp_tlsrpt_socket_name, for lmtp(8).
    lmtp_tlsrpt_socket_name: Text = "";
    /// As smtp_use_tls, for lmtp(8).
    lmtp_use_tls: Bool = "no";
    /// As smtp_xforward_timeout, for lmtp(8).
    lmtp_xforward_timeout: Time = "300s", Limits::at_least(1);
}
