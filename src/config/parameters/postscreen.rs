//! Parameters of postscreen(8), dnsblog(8).

use crate::config::parameter::kinds::{Bool, Int, NBool, NInt, Raw, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// An artificial delay of DNS list results, for tests.
    dnsblog_reply_delay: Time = "0s";
    /// The name of the dnsblog(8) service in master.cf.
    dnsblog_service_name: Text = "dnsblog", Limits::at_least(1);
    /// Which clients pass without tests, and which are denied, before any test.
    postscreen_access_list: Text = "permit_mynetworks";
    /// On which of our addresses a client can earn its pass.
    postscreen_allowlist_interfaces: Text = "${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}";
    /// What happens to a client that ends lines with LF alone.
    postscreen_bare_newline_action: Text = "ignore", Limits::at_least(1);
    /// Whether clients are tested for lines that end with LF alone.
    postscreen_bare_newline_enable: Bool = "no";
    /// For how long a client that passed the bare newline test is not tested again.
    postscreen_bare_newline_ttl: Time = "30d", Limits::at_least(1);
    /// How often expired passes are removed from the cache; 0 means never.
    postscreen_cache_cleanup_interval: Time = "12h";
    /// The table of clients that have passed.
    postscreen_cache_map: Text = "$default_cache_db_type:$data_directory/postscreen_cache";
    /// How long an expired pass stays in the cache.
    postscreen_cache_retention_time: Time = "7d", Limits::at_least(1);
    /// How many connections one client may have at a time.
    postscreen_client_connection_count_limit: NInt = "$smtpd_client_connection_count_limit";
    /// How many commands a client may give to the built-in SMTP engine.
    postscreen_command_count_limit: Int = "20", Limits::at_least(1);
    /// A table that replaces commands from clients.
    postscreen_command_filter: Text = "";
    /// How long a client may take for one command.
    postscreen_command_time_limit: Time = "${stress?{10}:{300}}s", Limits::at_least(1);
    /// What happens to a client that postscreen_access_list denies.
    postscreen_denylist_action: Text = "${postscreen_blacklist_action?{$postscreen_blacklist_action}:{ignore}}", Limits::at_least(1);
    /// As disable_vrfy_command, for postscreen(8).
    postscreen_disable_vrfy_command: NBool = "$disable_vrfy_command";
    /// As smtpd_discard_ehlo_keyword_address_maps, for postscreen(8).
    postscreen_discard_ehlo_keyword_address_maps: Text = "$smtpd_discard_ehlo_keyword_address_maps";
    /// As smtpd_discard_ehlo_keywords, for postscreen(8).
    postscreen_discard_ehlo_keywords: Text = "$smtpd_discard_ehlo_keywords";
    /// What happens to a client whose DNS list score reaches the threshold.
    postscreen_dnsbl_action: Text = "ignore", Limits::at_least(1);
    /// At which DNS list score, zero or less, a client passes without the tests after the greeting.
    postscreen_dnsbl_allowlist_threshold: NInt = "${postscreen_dnsbl_whitelist_threshold?{$postscreen_dnsbl_whitelist_threshold}:{0}}";
    /// For how long at most a client that is on no list is not looked up again.
    postscreen_dnsbl_max_ttl: Time = "${postscreen_dnsbl_ttl?{$postscreen_dnsbl_ttl}:{1}}h", Limits::at_least(1);
    /// For how long at least a client that is on no list is not looked up again.
    postscreen_dnsbl_min_ttl: Time = "60s", Limits::at_least(1);
    /// Names to show in replies in place of DNS list domains that hold a secret.
    postscreen_dnsbl_reply_map: Text = "";
    /// DNS lists with filters and weights: `domain=127.0.0.[2;4]*2`.
    postscreen_dnsbl_sites: Text = "";
    /// At which score a client is taken for listed.
    postscreen_dnsbl_threshold: Int = "1", Limits::at_least(1);
    /// How long DNS lists may take to answer.
    postscreen_dnsbl_timeout: Time = "10s", Limits::at_least(1);
    /// As smtpd_enforce_tls, for postscreen(8).
    postscreen_enforce_tls: NBool = "$smtpd_enforce_tls";
    /// As smtpd_expansion_filter, for postscreen(8).
    postscreen_expansion_filter: Raw = "$smtpd_expansion_filter", Limits::at_least(1);
    /// As smtpd_forbidden_commands, for postscreen(8).
    postscreen_forbidden_commands: Text = "$smtpd_forbidden_commands";
    /// What happens to a client that speaks before its turn.
    postscreen_greet_action: Text = "ignore", Limits::at_least(1);
    /// The first half of the greeting, which lures clients into speaking; empty sends none.
    postscreen_greet_banner: Text = "$smtpd_banner";
    /// For how long a client that passed the greeting test is not tested again.
    postscreen_greet_ttl: Time = "1d", Limits::at_least(1);
    /// How long a new client waits for the whole greeting.
    postscreen_greet_wait: Time = "${stress?{2}:{6}}s", Limits::at_least(1);
    /// As smtpd_helo_required, for postscreen(8).
    postscreen_helo_required: NBool = "$smtpd_helo_required";
    /// What happens to a client that gives commands of other protocols.
    postscreen_non_smtp_command_action: Text = "drop", Limits::at_least(1);
    /// Whether clients are tested for commands of other protocols.
    postscreen_non_smtp_command_enable: Bool = "no";
    /// For how long a client that passed the non-SMTP command test is not tested again.
    postscreen_non_smtp_command_ttl: Time = "30d", Limits::at_least(1);
    /// Whether a client that passes the tests after the greeting goes on to smtpd(8) in the same
    /// connection, with its first recipient, instead of being told to come again; Postfix has
    /// nothing of the kind.
    postscreen_pass_after_deep_tests: Bool = "no";
    /// What happens to a client that sends several commands at once without permission.
    postscreen_pipelining_action: Text = "enforce", Limits::at_least(1);
    /// Whether clients are tested for unauthorized pipelining.
    postscreen_pipelining_enable: Bool = "no";
    /// For how long a client that passed the pipelining test is not tested again.
    postscreen_pipelining_ttl: Time = "30d", Limits::at_least(1);
    /// How many clients that have passed may wait for smtpd(8).
    postscreen_post_queue_limit: NInt = "$default_process_limit", Limits::at_least(5);
    /// How many clients may be under test at a time.
    postscreen_pre_queue_limit: NInt = "$default_process_limit", Limits::at_least(10);
    /// As smtpd_reject_footer, for postscreen(8).
    postscreen_reject_footer: Raw = "$smtpd_reject_footer";
    /// As smtpd_reject_footer_maps, for postscreen(8).
    postscreen_reject_footer_maps: Text = "$smtpd_reject_footer_maps";
    /// As smtpd_starttls_timeout, for postscreen(8).
    postscreen_starttls_timeout: Time = "$smtpd_starttls_timeout", Limits::at_least(1);
    /// As smtpd_tls_CAfile, for postscreen(8).
    postscreen_tls_CAfile: Text = "$smtpd_tls_CAfile";
    /// As smtpd_tls_CApath, for postscreen(8).
    postscreen_tls_CApath: Text = "$smtpd_tls_CApath";
    /// As smtpd_tls_always_issue_session_ids, for postscreen(8).
    postscreen_tls_always_issue_session_ids: NBool = "$smtpd_tls_always_issue_session_ids";
    /// As smtpd_tls_ask_ccert, for postscreen(8).
    postscreen_tls_ask_ccert: NBool = "$smtpd_tls_ask_ccert";
    /// As smtpd_tls_ccert_verifydepth, for postscreen(8).
    postscreen_tls_ccert_verifydepth: NInt = "$smtpd_tls_ccert_verifydepth";
    /// As smtpd_tls_cert_file, for postscreen(8).
    postscreen_tls_cert_file: Text = "$smtpd_tls_cert_file";
    /// As smtpd_tls_chain_files, for postscreen(8).
    postscreen_tls_chain_files: Text = "$smtpd_tls_chain_files";
    /// As smtpd_tls_ciphers, for postscreen(8).
    postscreen_tls_ciphers: Text = "$smtpd_tls_ciphers", Limits::at_least(1);
    /// As smtpd_tls_dcert_file, for postscreen(8).
    postscreen_tls_dcert_file: Text = "$smtpd_tls_dcert_file";
    /// As smtpd_tls_dh1024_param_file, for postscreen(8).
    postscreen_tls_dh1024_param_file: Text = "$smtpd_tls_dh1024_param_file";
    /// As smtpd_tls_dh512_param_file, for postscreen(8).
    postscreen_tls_dh512_param_file: Text = "$smtpd_tls_dh512_param_file";
    /// As smtpd_tls_dkey_file, for postscreen(8).
    postscreen_tls_dkey_file: Text = "$smtpd_tls_dkey_file";
    /// As smtpd_tls_eccert_file, for postscreen(8).
    postscreen_tls_eccert_file: Text = "$smtpd_tls_eccert_file";
    /// As smtpd_tls_eckey_file, for postscreen(8).
    postscreen_tls_eckey_file: Text = "$smtpd_tls_eckey_file";
    /// As smtpd_tls_eecdh_grade, for postscreen(8).
    postscreen_tls_eecdh_grade: Text = "$smtpd_tls_eecdh_grade", Limits::at_least(1);
    /// As smtpd_tls_enable_rpk, for postscreen(8).
    postscreen_tls_enable_rpk: NBool = "$smtpd_tls_enable_rpk";
    /// As smtpd_tls_exclude_ciphers, for postscreen(8).
    postscreen_tls_exclude_ciphers: Text = "$smtpd_tls_exclude_ciphers";
    /// As smtpd_tls_fingerprint_digest, for postscreen(8).
    postscreen_tls_fingerprint_digest: Text = "$smtpd_tls_fingerprint_digest", Limits::at_least(1);
    /// As smtpd_tls_key_file, for postscreen(8).
    postscreen_tls_key_file: Text = "$smtpd_tls_key_file";
    /// As smtpd_tls_loglevel, for postscreen(8).
    postscreen_tls_loglevel: Text = "$smtpd_tls_loglevel";
    /// As smtpd_tls_loglevel_maps, for postscreen(8).
    postscreen_tls_loglevel_maps: Text = "$smtpd_tls_loglevel_maps";
    /// As smtpd_tls_mandatory_ciphers, for postscreen(8).
    postscreen_tls_mandatory_ciphers: Text = "$smtpd_tls_mandatory_ciphers", Limits::at_least(1);
    /// As smtpd_tls_mandatory_exclude_ciphers, for postscreen(8).
    postscreen_tls_mandatory_exclude_ciphers: Text = "$smtpd_tls_mandatory_exclude_ciphers";
    /// As smtpd_tls_mandatory_protocols, for postscreen(8).
    postscreen_tls_mandatory_protocols: Text = "$smtpd_tls_mandatory_protocols";
    /// As smtpd_tls_protocols, for postscreen(8).
    postscreen_tls_protocols: Text = "$smtpd_tls_protocols";
    /// As smtpd_tls_req_ccert, for postscreen(8).
    postscreen_tls_req_ccert: NBool = "$smtpd_tls_req_ccert";
    /// As smtpd_tls_security_level, for postscreen(8).
    postscreen_tls_security_level: Text = "$smtpd_tls_security_level";
    /// As smtpd_tls_trace_size_limit, for postscreen(8).
    postscreen_tls_trace_size_limit: NInt = "$smtpd_tls_trace_size_limit";
    /// The protocol of a proxy in front of us that tells the client's address, such as haproxy.
    postscreen_upstream_proxy_protocol: Text = "";
    /// How long that proxy may take to tell it.
    postscreen_upstream_proxy_timeout: Time = "5s", Limits::at_least(1);
    /// As smtpd_use_tls, for postscreen(8).
    postscreen_use_tls: NBool = "$smtpd_use_tls";
    /// How long one step of postscreen(8) may take.
    postscreen_watchdog_timeout: Time = "10s", Limits::at_least(10);
}
