//! Parameters of smtpd(8).

use crate::config::parameter::kinds::{Bool, Int, Long, NBool, NInt, Raw, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// The reply code of DEFER in access(5) tables.
    access_map_defer_code: Int = "450";
    /// The reply code of REJECT in access(5) tables.
    access_map_reject_code: Int = "554";
    /// Whether strangers may send to user@elsewhere@ours.
    allow_untrusted_routing: Bool = "no";
    /// Whether EHLO also says `AUTH=`, for clients of long ago.
    broken_sasl_auth_clients: Bool = "no";
    /// The reply to a client on a DNS list.
    default_rbl_reply: Raw = "$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}", Limits::at_least(1);
    /// The reply code of the restriction `defer`.
    defer_code: Int = "450";
    /// Whether VRFY is refused.
    disable_vrfy_command: Bool = "no";
    /// The reply code of reject_invalid_helo_hostname.
    invalid_hostname_reject_code: Int = "501";
    /// DNS lists of reject_maps_rbl; use reject_rbl_client.
    maps_rbl_domains: Text = "";
    /// The reply code for clients on DNS lists.
    maps_rbl_reject_code: Int = "554";
    /// The reply code of reject_multi_recipient_bounce.
    multi_recipient_bounce_reject_code: Int = "550";
    /// The reply code for names that are not fully qualified.
    non_fqdn_reject_code: Int = "504";
    /// Networks of the primary MX hosts that permit_mx_backup accepts.
    permit_mx_backup_networks: Text = "";
    /// How many bytes the sessions of one service may take; postfix-rs only. Beyond it new clients wait.
    smtpd_memory_limit: Long = "1073741824", Limits::at_least(1048576);
    /// The reply code of reject_plaintext_session.
    plaintext_reject_code: Int = "450";
    /// How many bytes must be free in the queue's file system to accept mail; 0 means no such test.
    queue_minfree: Long = "0";
    /// Replies for clients on DNS lists, by list.
    rbl_reply_maps: Text = "";
    /// The reply code of the restriction `reject`.
    reject_code: Int = "554";
    /// What restrictions do when they fail for now.
    reject_tempfail_action: Text = "defer_if_permit", Limits::at_least(1);
    /// Tables of client certificate fingerprints that may relay, for permit_tls_clientcerts.
    relay_clientcerts: Text = "";
    /// The reply code of reject_unauth_destination.
    relay_domains_reject_code: Int = "554";
    /// Whether REQUIRETLS is recorded in a Require-TLS-ESMTP header, so that it survives a content filter.
    requiretls_esmtp_header: NBool = "yes";
    /// Clients that may ask for VERP with XVERP.
    smtpd_authorized_verp_clients: Text = "$authorized_verp_clients";
    /// Clients that may speak for others with XCLIENT.
    smtpd_authorized_xclient_hosts: Text = "";
    /// Clients that may tell about others with XFORWARD.
    smtpd_authorized_xforward_hosts: Text = "";
    /// The text of the 220 greeting; it must begin with our name.
    smtpd_banner: Text = "$myhostname ESMTP $mail_name", Limits::at_least(1);
    /// How many AUTH commands a client may give in anvil_rate_time_unit; 0 means no limit.
    smtpd_client_auth_rate_limit: Int = "0";
    /// How many connections a client may have at a time; 0 means no limit.
    smtpd_client_connection_count_limit: Int = "50";
    /// How many connections a client may make in anvil_rate_time_unit; 0 means no limit.
    smtpd_client_connection_rate_limit: Int = "0";
    /// Clients to whom the smtpd_client limits do not apply.
    smtpd_client_event_limit_exceptions: Text = "${smtpd_client_connection_limit_exceptions:$mynetworks}";
    /// How many leading bits make two IPv4 clients one for these limits.
    smtpd_client_ipv4_prefix_length: Int = "32", Limits::range(0, 32);
    /// How many leading bits make two IPv6 clients one for these limits.
    smtpd_client_ipv6_prefix_length: Int = "84", Limits::range(0, 128);
    /// How many messages a client may send in anvil_rate_time_unit; 0 means no limit.
    smtpd_client_message_rate_limit: Int = "0";
    /// How many full TLS handshakes a client may make in anvil_rate_time_unit; 0 means no limit.
    smtpd_client_new_tls_session_rate_limit: Int = "0";
    /// Whether the client's port is logged.
    smtpd_client_port_logging: Bool = "no";
    /// How many recipients a client may name in anvil_rate_time_unit; 0 means no limit.
    smtpd_client_recipient_rate_limit: Int = "0";
    /// What a client must pass when it connects.
    smtpd_client_restrictions: Text = "";
    /// A table that replaces commands from clients.
    smtpd_command_filter: Text = "";
    /// What a client must pass at DATA.
    smtpd_data_restrictions: Text = "";
    /// Whether a message begins only with its first valid recipient.
    smtpd_delay_open_until_valid_rcpt: Bool = "yes";
    /// Whether restrictions on client, HELO and sender wait for RCPT TO.
    smtpd_delay_reject: Bool = "yes";
    /// Tables, by client address, of EHLO keywords not to announce.
    smtpd_discard_ehlo_keyword_address_maps: Text = "";
    /// EHLO keywords that are announced to no client.
    smtpd_discard_ehlo_keywords: Text = "";
    /// A table that changes or drops DNS records about clients.
    smtpd_dns_reply_filter: Text = "";
    /// What a client must pass at the end of a message.
    smtpd_end_of_data_restrictions: Text = "";
    /// Without TLS, no mail; use smtpd_tls_security_level.
    smtpd_enforce_tls: Bool = "no";
    /// How long replies wait after smtpd_soft_error_limit errors.
    smtpd_error_sleep_time: Time = "1s";
    /// Which clients may use ETRN.
    smtpd_etrn_restrictions: Text = "";
    /// Characters that may be put into replies; others become `_`.
    smtpd_expansion_filter: Raw = "\\t\\40!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`abcdefghijklmnopqrstuvwxyz{|}~", Limits::at_least(1);
    /// What happens to lines that end with LF alone: `no`, `normalize`, `note` or `reject`.
    smtpd_forbid_bare_newline: Text = "normalize", Limits::at_least(1);
    /// Clients to whom smtpd_forbid_bare_newline does not apply.
    smtpd_forbid_bare_newline_exclusions: Text = "$mynetworks";
    /// The reply code for such lines.
    smtpd_forbid_bare_newline_reject_code: Int = "550", Limits::range(500, 599);
    /// Whether a client that pipelines without permission is disconnected.
    smtpd_forbid_unauth_pipelining: Bool = "yes";
    /// Commands that end a session at once, because no mail client gives them.
    smtpd_forbidden_commands: Text = "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}";
    /// How many errors a client may make before it is disconnected.
    smtpd_hard_error_limit: NInt = "${stress?{1}:{20}}", Limits::at_least(1);
    /// Whether a client must say HELO or EHLO.
    smtpd_helo_required: Bool = "no";
    /// What a client must pass at HELO or EHLO.
    smtpd_helo_restrictions: Text = "";
    /// Whether the Received header leaves the client out.
    smtpd_hide_client_session: NBool = "no";
    /// How many lines of a session are kept for a report to postmaster.
    smtpd_history_flush_threshold: Int = "100", Limits::at_least(1);
    /// How many NOOP, VRFY, ETRN and RSET count as nothing; more of them are errors.
    smtpd_junk_command_limit: NInt = "${stress?{1}:{100}}", Limits::at_least(1);
    /// Which permitting actions are logged.
    smtpd_log_access_permit_actions: Text = "";
    /// Tables, by client address, of milters.
    smtpd_milter_maps: Text = "";
    /// Milters for mail that comes through smtpd(8).
    smtpd_milters: Text = "";
    /// How many bytes a second are expected when deadlines hold for whole requests.
    smtpd_min_data_rate: Int = "500", Limits::at_least(1);
    /// Further commands that are answered with 250 and do nothing.
    smtpd_noop_commands: Text = "";
    /// What is looked up in access(5) tables for the empty sender.
    smtpd_null_access_lookup_key: Text = "<>";
    /// Whether a client's name is looked up.
    smtpd_peername_lookup: Bool = "yes";
    /// Whether time limits hold for a whole request rather than for each read and write.
    smtpd_per_request_deadline: NBool = "${smtpd_per_record_deadline?{$smtpd_per_record_deadline}:{${stress?{yes}:{no}}}}";
    /// What happens when a policy service is away.
    smtpd_policy_service_default_action: Text = "451 4.3.5 Server configuration problem", Limits::at_least(1);
    /// After how long an idle connection to a policy service is closed.
    smtpd_policy_service_max_idle: Time = "300s", Limits::at_least(1);
    /// How long a connection to a policy service is used.
    smtpd_policy_service_max_ttl: Time = "1000s", Limits::at_least(1);
    /// Text that a policy service gets with each request.
    smtpd_policy_service_policy_context: Text = "";
    /// How many requests a connection to a policy service has; 0 means no limit.
    smtpd_policy_service_request_limit: Int = "0";
    /// The pause before a request to a policy service is repeated.
    smtpd_policy_service_retry_delay: Time = "1s", Limits::at_least(1);
    /// How long a policy service may take.
    smtpd_policy_service_timeout: Time = "100s", Limits::at_least(1);
    /// How often a request to a policy service is made.
    smtpd_policy_service_try_limit: Int = "2", Limits::at_least(1);
    /// The name that is sent to the filter in front of the queue.
    smtpd_proxy_ehlo: Text = "$myhostname";
    /// An SMTP filter that sees each message before it is accepted.
    smtpd_proxy_filter: Text = "";
    /// Options of that filter, such as speed_adjust.
    smtpd_proxy_options: Text = "";
    /// How long that filter may take for each step.
    smtpd_proxy_timeout: Time = "100s", Limits::at_least(1);
    /// How many recipients a message may have.
    smtpd_recipient_limit: Int = "1000", Limits::at_least(1);
    /// How many recipients beyond that are no error yet.
    smtpd_recipient_overshoot_limit: Int = "1000", Limits::at_least(1);
    /// What a client must pass at RCPT TO, after smtpd_relay_restrictions.
    smtpd_recipient_restrictions: Text = "";
    /// Tables that change refusals.
    smtpd_reject_filter_maps: Text = "";
    /// Text that is added to refusals, for people who ask for help.
    smtpd_reject_footer: Raw = "";
    /// As smtpd_reject_footer, by the text of the refusal.
    smtpd_reject_footer_maps: Text = "";
    /// Whether recipients that do not exist are refused, whatever the restrictions say.
    smtpd_reject_unlisted_recipient: Bool = "yes";
    /// Whether sender addresses of ours that do not exist are refused.
    smtpd_reject_unlisted_sender: Bool = "no";
    /// Whether smtpd_relay_restrictions come before smtpd_recipient_restrictions.
    smtpd_relay_before_recipient_restrictions: NBool = "${{$compatibility_level} <level {3.6} ? {no} : {yes}}";
    /// Who may send to which domains through this machine.
    smtpd_relay_restrictions: Text = "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}";
    /// Names for lists of restrictions, to be used in access(5) tables.
    smtpd_restriction_classes: Text = "";
    /// Whether clients may log in.
    smtpd_sasl_auth_enable: Bool = "no";
    /// Whether the Received header names the login.
    smtpd_sasl_authenticated_header: Bool = "no";
    /// Clients to whom AUTH is not announced.
    smtpd_sasl_exceptions_networks: Text = "";
    /// What is added, behind an @, to the names of logins that have none.
    smtpd_sasl_local_domain: Text = "";
    /// Which mechanisms are offered.
    smtpd_sasl_mechanism_filter: Text = "!external, static:rest";
    /// What the SASL server implementation needs: a socket of Dovecot, the name of a Cyrus SASL configuration without `.conf`, or the file of postpasswd(1).
    smtpd_sasl_path: Text = "smtpd", Limits::at_least(1);
    /// How long a client's response may be.
    smtpd_sasl_response_limit: Int = "12288", Limits::at_least(12288);
    /// Which mechanisms are offered without TLS.
    smtpd_sasl_security_options: Text = "noanonymous";
    /// The name of the service that is told to the SASL implementation; PAM has its rules in a file of this name.
    smtpd_sasl_service: Text = "smtp", Limits::at_least(1);
    /// Which mechanisms are offered with TLS.
    smtpd_sasl_tls_security_options: Text = "$smtpd_sasl_security_options";
    /// The SASL server implementation: `cyrus`, `dovecot`, `file` for the users of postpasswd(1), or `pam`.
    smtpd_sasl_type: Text = "cyrus", Limits::at_least(1);
    /// Which logins own a sender address, for reject_sender_login_mismatch.
    smtpd_sender_login_maps: Text = "";
    /// What a client must pass at MAIL FROM.
    smtpd_sender_restrictions: Text = "";
    /// The name of the service that postscreen(8) hands clients to.
    smtpd_service_name: Text = "smtpd", Limits::at_least(1);
    /// How many errors a client may make before replies become slow.
    smtpd_soft_error_limit: NInt = "10", Limits::at_least(1);
    /// How long a client may take for the TLS handshake.
    smtpd_starttls_timeout: Time = "${stress?{10}:{300}}s", Limits::at_least(1);
    /// How long a client may be silent.
    smtpd_timeout: Time = "${stress?{10}:{300}}s", Limits::at_least(1);
    /// A file with certificates of authorities that are trusted to sign clients' certificates.
    smtpd_tls_CAfile: Text = "";
    /// A folder of such certificates, indexed by hash.
    smtpd_tls_CApath: Text = "";
    /// Whether a TLS session has an identity even where it cannot be resumed.
    smtpd_tls_always_issue_session_ids: Bool = "yes";
    /// Whether clients are asked for a certificate.
    smtpd_tls_ask_ccert: Bool = "no";
    /// Whether AUTH is announced with TLS only.
    smtpd_tls_auth_only: Bool = "no";
    /// How long a client's certificate chain may be.
    smtpd_tls_ccert_verifydepth: Int = "9";
    /// The server's RSA certificate with its chain, PEM.
    smtpd_tls_cert_file: Text = "";
    /// Files with private key and certificate chain, one or more of each kind of key.
    smtpd_tls_chain_files: Text = "";
    /// The lowest cipher grade of opportunistic TLS.
    smtpd_tls_ciphers: Text = "medium", Limits::at_least(1);
    /// The server's DSA certificate.
    smtpd_tls_dcert_file: Text = "";
    /// Parameters for ephemeral Diffie-Hellman; the built-in ones are better.
    smtpd_tls_dh1024_param_file: Text = "";
    /// Without effect: export ciphers are gone.
    smtpd_tls_dh512_param_file: Text = "";
    /// The private key for smtpd_tls_dcert_file.
    smtpd_tls_dkey_file: Text = "$smtpd_tls_dcert_file";
    /// The server's ECDSA certificate.
    smtpd_tls_eccert_file: Text = "";
    /// The private key for smtpd_tls_eccert_file.
    smtpd_tls_eckey_file: Text = "$smtpd_tls_eccert_file";
    /// Which elliptic curves are used: `auto` or `none`.
    smtpd_tls_eecdh_grade: Text = "auto", Limits::at_least(1);
    /// Whether raw public keys are accepted in place of certificates.
    smtpd_tls_enable_rpk: Bool = "no";
    /// Ciphers that are never used.
    smtpd_tls_exclude_ciphers: Text = "";
    /// The digest of fingerprints.
    smtpd_tls_fingerprint_digest: Text = "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}", Limits::at_least(1);
    /// The private key for smtpd_tls_cert_file.
    smtpd_tls_key_file: Text = "$smtpd_tls_cert_file";
    /// How much is logged about TLS, from 0 to 4.
    smtpd_tls_loglevel: Text = "0";
    /// As smtpd_tls_loglevel, by client.
    smtpd_tls_loglevel_maps: Text = "";
    /// The lowest cipher grade of mandatory TLS.
    smtpd_tls_mandatory_ciphers: Text = "medium", Limits::at_least(1);
    /// Ciphers that are not used where TLS is mandatory.
    smtpd_tls_mandatory_exclude_ciphers: Text = "";
    /// Versions of TLS that may be used where it is mandatory.
    smtpd_tls_mandatory_protocols: Text = ">=TLSv1";
    /// Versions of TLS that may be used where it is opportunistic.
    smtpd_tls_protocols: Text = ">=TLSv1";
    /// Whether the Received header names TLS version, cipher and certificate.
    smtpd_tls_received_header: Bool = "no";
    /// Whether clients must have a certificate that can be verified.
    smtpd_tls_req_ccert: Bool = "no";
    /// How much TLS: `none`, `may` or `encrypt`.
    smtpd_tls_security_level: Text = "";
    /// The table of TLS sessions to resume; tickets need none.
    smtpd_tls_session_cache_database: Text = "";
    /// How long a TLS session may be resumed.
    smtpd_tls_session_cache_timeout: Time = "3600s", Limits::range(0, 8640000);
    /// How many bytes a trace of a TLS handshake may have.
    smtpd_tls_trace_size_limit: Int = "102400";
    /// Whether TLS begins at once, without STARTTLS.
    smtpd_tls_wrappermode: Bool = "no";
    /// The protocol of a proxy in front of us that tells the client's address, such as haproxy.
    smtpd_upstream_proxy_protocol: Text = "";
    /// How long that proxy may take to tell it.
    smtpd_upstream_proxy_timeout: Time = "5s", Limits::at_least(1);
    /// Opportunistic TLS; use smtpd_tls_security_level.
    smtpd_use_tls: Bool = "no";
    /// `yes` while a service has as many clients as it may have; for use in other values.
    stress: Text = "";
    /// Whether addresses in MAIL FROM and RCPT TO must be exactly as RFC 5321 says.
    strict_rfc821_envelopes: Bool = "no";
    /// The reply code for sender and recipient domains that do not exist.
    unknown_address_reject_code: Int = "450";
    /// What these restrictions do when the look-up fails for now.
    unknown_address_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
    /// The reply code for clients without a valid name.
    unknown_client_reject_code: Int = "450";
    /// What reject_unknown_helo_hostname does when the look-up fails for now.
    unknown_helo_hostname_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
    /// The reply code for HELO names that do not exist.
    unknown_hostname_reject_code: Int = "450";
    /// The reply code for recipients not in local_recipient_maps.
    unknown_local_recipient_reject_code: Int = "550";
    /// The reply code for recipients not in relay_recipient_maps.
    unknown_relay_recipient_reject_code: Int = "550";
    /// The reply code for recipients not in virtual_alias_maps.
    unknown_virtual_alias_reject_code: Int = "550";
    /// The reply code for recipients not in virtual_mailbox_maps.
    unknown_virtual_mailbox_reject_code: Int = "550";
}
