//! Parameters of commands and small services.

use crate::config::parameter::kinds::{Int, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// The tables in which local(8) looks up aliases, see aliases(5).
    alias_maps: Text = "$default_database_type:/etc/mail/aliases";
    /// The span over which anvil(8) counts rates.
    anvil_rate_time_unit: Time = "60s", Limits::at_least(1);
    /// How often anvil(8) logs the peaks that it has seen.
    anvil_status_update_time: Time = "600s", Limits::at_least(1);
    /// Who may flush the queue with postqueue(1) and sendmail(1).
    authorized_flush_users: Text = "static:anyone";
    /// Who may list the queue.
    authorized_mailq_users: Text = "static:anyone";
    /// Who may hand in mail with sendmail(1) and postdrop(1).
    authorized_submit_users: Text = "static:anyone";
    /// Tables that rewrite addresses in headers and envelopes, see canonical(5).
    canonical_maps: Text = "";
    /// How long a command of local(8), or of pipe(8) by default, may run.
    command_time_limit: Time = "1000s", Limits::at_least(1);
    /// How often the connection cache logs how much it was used.
    connection_cache_status_update_time: Time = "600s", Limits::at_least(1);
    /// The longest time that an idle connection is kept.
    connection_cache_ttl_limit: Time = "2s", Limits::at_least(1);
    /// A transport and next hop through which all mail goes first.
    content_filter: Text = "";
    /// How many recipients a delivery remembers to leave out duplicates.
    duplicate_filter_limit: Int = "1000";
    /// What is looked up in local_login_sender_maps for the empty sender.
    empty_address_local_login_sender_maps_lookup_key: Text = "<>";
    /// After how long an unused destination log of flush(8) is removed.
    fast_flush_purge_time: Time = "7d", Limits::at_least(1);
    /// After how long an unread destination log of flush(8) is flushed anyway.
    fast_flush_refresh_time: Time = "12h", Limits::at_least(1);
    /// Where the HTML documentation is, or `no`.
    html_directory: Text = "no", Limits::at_least(1);
    /// Where mailq(1) is, for scripts and installers.
    mailq_path: Text = "/usr/bin/mailq", Limits::at_least(1);
    /// Where the manual pages are, for scripts and installers.
    manpage_directory: Text = "/usr/local/man", Limits::at_least(1);
    /// Where newaliases(1) is, for scripts and installers.
    newaliases_path: Text = "/usr/bin/newaliases", Limits::at_least(1);
    /// Folders in which tables owned by root may be rebuilt when Berkeley DB is replaced.
    non_bdb_migration_allow_root_prefixes: Text = "/etc /usr/local/etc";
    /// Folders in which tables owned by others may be rebuilt when Berkeley DB is replaced.
    non_bdb_migration_allow_user_prefixes: Text = "$data_directory /var/lib/mailman /var/lib/mailman3";
    /// Changes the outcome of deliveries by pipe(8), see default_delivery_status_filter.
    pipe_delivery_status_filter: Text = "$default_delivery_status_filter";
    /// How long postlogd(8) may take for one request.
    postlogd_watchdog_timeout: Time = "10s", Limits::at_least(10);
    /// Commands of postfix(1) that need a running instance.
    postmulti_control_commands: Text = "reload flush";
    /// Commands of postfix(1) that start an instance.
    postmulti_start_commands: Text = "start";
    /// Commands of postfix(1) that stop an instance.
    postmulti_stop_commands: Text = "stop abort drain quick-stop";
    /// The tables that may be read through proxymap(8).
    proxy_read_maps: Text = "$local_recipient_maps $mydestination $virtual_alias_maps $virtual_alias_domains $virtual_mailbox_maps $virtual_mailbox_domains $relay_recipient_maps $relay_domains $canonical_maps $sender_canonical_maps $recipient_canonical_maps $relocated_maps $transport_maps $mynetworks $smtpd_sender_login_maps $sender_bcc_maps $recipient_bcc_maps $smtp_generic_maps $lmtp_generic_maps $alias_maps $smtpd_client_restrictions $smtpd_helo_restrictions $smtpd_sender_restrictions $smtpd_relay_restrictions $smtpd_recipient_restrictions $address_verify_sender_dependent_default_transport_maps $address_verify_sender_dependent_relayhost_maps $address_verify_transport_maps $fallback_transport_maps $lmtp_discard_lhlo_keyword_address_maps $lmtp_pix_workaround_maps $lmtp_sasl_password_maps $lmtp_tls_policy_maps $mailbox_command_maps $mailbox_transport_maps $postscreen_discard_ehlo_keyword_address_maps $rbl_reply_maps $sender_dependent_default_transport_maps $sender_dependent_relayhost_maps $smtp_discard_ehlo_keyword_address_maps $smtp_pix_workaround_maps $smtp_sasl_password_maps $smtp_tls_policy_maps $smtpd_discard_ehlo_keyword_address_maps $smtpd_milter_maps $virtual_gid_maps $virtual_uid_maps $local_login_sender_maps $postscreen_reject_footer_maps $smtpd_reject_footer_maps $tls_server_sni_maps $tlsproxy_client_policy_maps $default_delivery_status_filter $lmtp_delivery_status_filter $lmtp_dns_reply_filter $lmtp_reply_filter $local_delivery_status_filter $pipe_delivery_status_filter $postscreen_command_filter $smtp_delivery_status_filter $smtp_dns_reply_filter $smtp_reply_filter $smtpd_command_filter $smtpd_dns_reply_filter $virtual_delivery_status_filter $body_checks $header_checks $lmtp_body_checks $lmtp_header_checks $lmtp_mime_header_checks $lmtp_nested_header_checks $milter_header_checks $mime_header_checks $nested_header_checks $smtp_body_checks $smtp_header_checks $smtp_mime_header_checks $smtp_nested_header_checks $smtpd_reject_filter_maps $debug_peer_list $smtpd_etrn_restrictions $fast_flush_domains $authorized_flush_users $lmtp_connection_cache_destinations $local_header_rewrite_clients $masquerade_exceptions $postscreen_access_list $postscreen_allowlist_interfaces $postscreen_forbidden_commands $qmqpd_authorized_clients $authorized_mailq_users $smtp_connection_cache_destinations $smtpd_log_access_permit_actions $smtpd_forbidden_commands $smtpd_client_event_limit_exceptions $smtpd_sasl_exceptions_networks $smtpd_sasl_mechanism_filter $smtp_requiretls_policy $smtp_sasl_mechanism_filter $authorized_submit_users $smtpd_authorized_verp_clients $smtpd_authorized_xclient_hosts $smtpd_authorized_xforward_hosts $lmtp_tls_loglevel_maps $postscreen_tls_loglevel_maps $smtp_tls_loglevel_maps $smtpd_tls_loglevel_maps";
    /// The tables that may be written through `proxy:`: caches, and what postmap(1) changes.
    proxy_write_maps: Text = "$smtp_sasl_auth_cache_name $lmtp_sasl_auth_cache_name $address_verify_map $postscreen_cache_map";
    /// Where the README files are, or `no`.
    readme_directory: Text = "no", Limits::at_least(1);
    /// What an intake service leaves out, such as `no_address_mappings` or `no_header_body_checks`.
    receive_override_options: Text = "";
    /// Tables that rewrite recipients, see canonical(5).
    recipient_canonical_maps: Text = "";
    /// All valid recipients of relay_domains; empty accepts every one.
    relay_recipient_maps: Text = "";
    /// Tables of users who have moved, see relocated(5).
    relocated_maps: Text = "";
    /// Where example configurations are, for scripts and installers.
    sample_directory: Text = "/etc/postfix", Limits::at_least(1);
    /// Tables that rewrite senders, see canonical(5).
    sender_canonical_maps: Text = "";
    /// When sendmail(1) turns CRLF into LF: `always`, `strict` or `never`.
    sendmail_fix_line_endings: Text = "always", Limits::at_least(1);
    /// Where sendmail(1) is, for scripts and installers.
    sendmail_path: Text = "/usr/sbin/sendmail", Limits::at_least(1);
    /// Tables that give addresses a transport and next hop, see transport(5).
    transport_maps: Text = "";
}
