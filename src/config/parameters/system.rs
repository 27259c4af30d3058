//! Parameters of the whole system: names, networks, directories, processes.

use crate::config::parameter::kinds::{Bool, Int, Long, NBool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// The alias tables that newaliases(1) builds.
    alias_database: Text = "$default_database_type:/etc/mail/aliases";
    /// Other configuration folders that set-gid commands may be given with -c.
    alternate_config_directories: Text = "";
    /// How long postkick waits until its request has been read.
    application_event_drain_time: Time = "100s", Limits::at_least(1);
    /// Whether delivery records can also be read by releases before 2.0.
    backwards_bounce_logfile_compatibility: Bool = "yes";
    /// Memory for making Berkeley DB tables, in bytes.
    berkeley_db_create_buffer_size: Int = "16777216", Limits::at_least(1);
    /// Memory for reading Berkeley DB tables, in bytes.
    berkeley_db_read_buffer_size: Int = "131072", Limits::at_least(1);
    /// The name of the bounce(8) service in master.cf.
    bounce_service_name: Text = "bounce", Limits::at_least(1);
    /// The name of the cleanup(8) service in master.cf.
    cleanup_service_name: Text = "cleanup", Limits::at_least(1);
    /// Where the commands are.
    command_directory: Text = "/usr/sbin", Limits::at_least(1);
    /// Whose defaults hold: those of this release or of an older one.
    compatibility_level: Text = "0";
    /// Where main.cf and master.cf are.
    config_directory: Text = computed, Limits::at_least(1);
    /// Where the daemons are.
    daemon_directory: Text = "/usr/libexec/postfix", Limits::at_least(1);
    /// Whether a daemon ends when a table cannot be opened, instead of going on without it.
    daemon_table_open_error_is_fatal: Bool = "no";
    /// How long one step of a daemon may take.
    daemon_timeout: Time = "18000s", Limits::at_least(1);
    /// Where daemons keep what they write themselves, such as caches.
    data_directory: Text = "/var/lib/postfix", Limits::at_least(1);
    /// How much more is logged about the hosts in debug_peer_list.
    debug_peer_level: Int = "2", Limits::at_least(1);
    /// Hosts about which more is logged.
    debug_peer_list: Text = "";
    /// A command that is started beside a daemon that has option -D.
    debugger_command: Text = "";
    /// The table type of caches.
    default_cache_db_type: Text = "btree", Limits::at_least(1);
    /// The table type that newaliases(1), postalias(1) and postmap(1) make.
    default_database_type: Text = "hash", Limits::at_least(1);
    /// A table that changes the status code and text of a delivery's outcome.
    default_delivery_status_filter: Text = "";
    /// Whose rights commands get when no user is named.
    default_privs: Text = "nobody", Limits::at_least(1);
    /// How many clients a service has at a time where master.cf does not say.
    default_process_limit: Int = "100", Limits::at_least(1);
    /// The two characters around the recipient in VERP senders.
    default_verp_delimiters: Text = "+=", Limits::range(2, 2);
    /// The name of the service for deferred mail's records in master.cf.
    defer_service_name: Text = "defer", Limits::at_least(1);
    /// How many digits after the point delays in the log have.
    delay_logging_resolution_limit: Int = "2", Limits::range(0, 6);
    /// How often a lock on a mailbox or bounce record is tried.
    deliver_lock_attempts: Int = "20", Limits::at_least(1);
    /// The pause between these attempts.
    deliver_lock_delay: Time = "1s", Limits::at_least(1);
    /// No DNS for destinations; use smtp_dns_support_level.
    disable_dns_lookups: Bool = "no";
    /// Whether MIME structure is ignored in incoming mail.
    disable_mime_input_processing: Bool = "no";
    /// Whether 8-bit mail stays 8-bit for servers that do not say 8BITMIME.
    disable_mime_output_conversion: Bool = "no";
    /// Whether the time to live of a missing record comes from the zone's SOA.
    dns_ncache_ttl_fix_enable: Bool = "no";
    /// The DNS query that shows whether answers are validated; empty asks nothing.
    dnssec_probe: Text = "ns:.";
    /// Whether delivered messages are kept in the queue folder `saved`, for debugging.
    dont_remove: Int = "0";
    /// The sender of notices to postmaster; mail to it is thrown away.
    double_bounce_sender: Text = "double-bounce", Limits::at_least(1);
    /// Whether domain names are encoded as IDNA2003 does.
    enable_idna2003_compatibility: NBool = "no";
    /// Whether queue IDs are long and do not come again.
    enable_long_queue_ids: Bool = "no";
    /// Whether X-Original-To is kept for deliveries.
    enable_original_recipient: Bool = "yes";
    /// The name of the error(8) service in master.cf.
    error_service_name: Text = "error", Limits::at_least(1);
    /// Environment variables that commands and other programs get.
    export_environment: Text = "TZ MAIL_CONFIG LANG";
    /// Domains whose mail can be asked for with ETRN or postqueue -s.
    fast_flush_domains: Text = "$relay_domains";
    /// Which fault to inject, in tests.
    fault_injection_code: Int = "0";
    /// The name of the flush(8) service in master.cf.
    flush_service_name: Text = "flush", Limits::at_least(1);
    /// How often starting a process is tried.
    fork_attempts: Int = "5", Limits::at_least(1);
    /// The pause between these attempts.
    fork_delay: Time = "1s", Limits::at_least(1);
    /// How many levels of folders the queues in hash_queue_names have.
    hash_queue_depth: Int = "1", Limits::at_least(1);
    /// Queues that are spread over folders.
    hash_queue_names: Text = "deferred, defer", Limits::at_least(1);
    /// How many tokens of an address header are rewritten.
    header_address_token_limit: Int = "10240", Limits::at_least(1);
    /// How long one header may be, in bytes; the rest of it is dropped.
    header_size_limit: Int = "102400", Limits::at_least(1);
    /// Whether problems that may be on purpose are warned about.
    helpful_warnings: Bool = "yes";
    /// Environment variables that the mail system takes over; name=value sets one.
    import_environment: Text = "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME XDG_RUNTIME_DIR";
    /// How long an intake waits when mail comes faster than it goes.
    in_flow_delay: Time = "1s", Limits::range(0, 10);
    /// The addresses to listen on: `all`, `loopback-only`, or a list.
    inet_interfaces: Text = "all";
    /// The IP versions to use: `all`, `ipv4`, `ipv6`.
    inet_protocols: Text = "all";
    /// Whether the log quotes addresses: `external` or `internal`.
    info_log_address_format: Text = "external", Limits::at_least(1);
    /// Which of the system's own messages are filtered: bounce, notify.
    internal_mail_filter_classes: Text = "";
    /// After how long an idle connection between processes is closed.
    ipc_idle: Time = "5s", Limits::at_least(1);
    /// How long processes wait for each other.
    ipc_timeout: Time = "3600s", Limits::at_least(1);
    /// How long a connection between processes is used.
    ipc_ttl: Time = "1000s", Limits::at_least(1);
    /// Port numbers of service names, in place of /etc/services.
    known_tcp_ports: Text = "lmtp=24, smtp=25, smtps=submissions=465, submission=587";
    /// Longer lines are cut while they are processed.
    line_length_limit: Int = "2048", Limits::at_least(512);
    /// The size to which an LMDB table begins to grow, in bytes.
    lmdb_map_size: Long = "16777216", Limits::at_least(1);
    /// The name of the mail system in greetings and Received headers.
    mail_name: Text = "Postfix", Limits::at_least(1);
    /// The user who owns the queue and whom most daemons run as.
    mail_owner: Text = "postfix", Limits::at_least(1);
    /// The date of the release whose behaviour this is.
    mail_release_date: Text = "20260821", Limits::at_least(1);
    /// The release whose behaviour this is.
    mail_version: Text = "3.12", Limits::at_least(1);
    /// A file to log to in place of syslog; /dev/stdout with start-fg.
    maillog_file: Text = "";
    /// The program that postfix logrotate compresses with.
    maillog_file_compressor: Text = "gzip", Limits::at_least(1);
    /// The mode of the log file: 0600, 0640 or 0644.
    maillog_file_permissions: Text = "0600", Limits::at_least(1);
    /// What maillog_file must begin with.
    maillog_file_prefixes: Text = "/var, /dev/stdout", Limits::at_least(1);
    /// The suffix, with strftime(3) letters, of a log file that was rotated.
    maillog_file_rotate_suffix: Text = "%Y%m%d-%H%M%S", Limits::at_least(1);
    /// Services of master.cf that are not started, as name/type.
    master_service_disable: Text = "";
    /// After how long a process without work ends.
    max_idle: Time = "100s", Limits::at_least(1);
    /// How many requests a process serves before it is replaced.
    max_use: Int = "100", Limits::at_least(1);
    /// Headers that are removed from all mail.
    message_drop_headers: Text = "bcc, content-length, resent-bcc, return-path";
    /// The largest message, in bytes; 0 means no limit.
    message_size_limit: Long = "10240000";
    /// Where files about the installation itself are.
    meta_directory: Text = "/etc/postfix", Limits::at_least(1);
    /// How many characters of a MIME boundary count.
    mime_boundary_length_limit: Int = "2048", Limits::at_least(1);
    /// How many levels of MIME parts are looked at.
    mime_nesting_limit: Int = "100", Limits::at_least(1);
    /// Configuration folders of further instances.
    multi_instance_directories: Text = "";
    /// Whether this instance takes part in what postmulti starts.
    multi_instance_enable: Bool = "no";
    /// The group of instances that this one belongs to.
    multi_instance_group: Text = "";
    /// The name of this instance; it also begins its log lines.
    multi_instance_name: Text = "";
    /// The command that starts all instances when postfix(1) is called.
    multi_instance_wrapper: Text = "";
    /// Domains whose mail is delivered to users of this machine.
    mydestination: Text = "$myhostname, localhost.$mydomain, localhost";
    /// The domain of this machine: myhostname without its first part.
    mydomain: Text = computed, Limits::at_least(1);
    /// The name of this machine in mail, fully qualified.
    myhostname: Text = computed, Limits::at_least(1);
    /// Clients that may relay.
    mynetworks: Text = computed;
    /// What mynetworks is where it is not set: `host`, `subnet` or `class`.
    mynetworks_style: Text = "${{$compatibility_level} <level {2} ? {subnet} : {host}}", Limits::at_least(1);
    /// The domain of addresses without one.
    myorigin: Text = "$myhostname", Limits::at_least(1);
    /// Which types replace which when Berkeley DB is not there.
    non_bdb_custom_mapping: Text = "";
    /// Whether tables in Berkeley DB types are moved to others: `disable` or `enable-redirect`, for instance.
    non_bdb_migration_level: Text = "disable", Limits::at_least(1);
    /// Whether each use of a replacement type is logged.
    non_bdb_migration_log_redirect: NBool = "yes";
    /// The name of the service that rebuilds such tables.
    non_bdb_migration_service_name: Text = "nbdb_reindex";
    /// Whether owner-list and list-request are special, also where the delimiter is `-`.
    owner_request_special: Bool = "yes";
    /// In which lists example.com matches host.example.com as well.
    parent_domain_matches_subdomains: Text = "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,qmqpd_authorized_clients,relay_domains,smtpd_access_maps";
    /// The name of the pickup(8) service in master.cf.
    pickup_service_name: Text = "pickup", Limits::at_least(1);
    /// The name of the postlogd(8) service in master.cf.
    postlog_service_name: Text = "postlog", Limits::at_least(1);
    /// Where lock files with process IDs are, below queue_directory.
    process_id_directory: Text = "pid", Limits::at_least(1);
    /// Addresses of ours that belong to a proxy or NAT in front of this machine.
    proxy_interfaces: Text = "";
    /// The name of the reading proxymap(8) service in master.cf.
    proxymap_service_name: Text = "proxymap", Limits::at_least(1);
    /// The name of the writing proxymap(8) service in master.cf.
    proxywrite_service_name: Text = "proxywrite", Limits::at_least(1);
    /// Where the queue is.
    queue_directory: Text = "/var/spool/postfix", Limits::at_least(1);
    /// The name of the qmgr(8) service in master.cf.
    queue_service_name: Text = "qmgr", Limits::at_least(1);
    /// Characters that divide user from extension: with `+`, user+extension.
    recipient_delimiter: Text = "";
    /// Domains that mail is relayed to from anywhere.
    relay_domains: Text = "${{$compatibility_level} <level {2} ? {$mydestination} : {}}";
    /// The next hop of all mail that is not for us; in brackets, no MX look-up is made.
    relayhost: Text = "";
    /// Whether REQUIRETLS is announced and obeyed.
    requiretls_enable: NBool = "yes";
    /// Whether the log says allowlist and denylist.
    respectful_logging: NBool = "${{$compatibility_level} <level {3.6} ? {no} : {yes}}";
    /// The name of the trivial-rewrite(8) service in master.cf.
    rewrite_service_name: Text = "rewrite", Limits::at_least(1);
    /// Whether a client sends an authorization name with its login.
    send_cyrus_sasl_authzid: Bool = "no";
    /// How long a process that fails at start is not started again.
    service_throttle_time: Time = "60s", Limits::at_least(1);
    /// The group of the maildrop and of postdrop(1) and postqueue(1).
    setgid_group: Text = "postdrop", Limits::at_least(1);
    /// Where loadable parts are; this system has none.
    shlib_directory: Text = "/usr/lib/postfix", Limits::at_least(1);
    /// The name of the showq(8) service in master.cf.
    showq_service_name: Text = "showq", Limits::at_least(1);
    /// From where mail is taken for SMTPUTF8 mail by its content.
    smtputf8_autodetect_classes: Text = "sendmail, verify", Limits::at_least(1);
    /// Whether SMTPUTF8 is announced and obeyed.
    smtputf8_enable: NBool = "${{$compatibility_level} <level {1} ? {no} : {yes}}";
    /// How long a request to a socketmap server may be.
    socketmap_max_query_size: Int = "10000", Limits::at_least(1);
    /// How long a reply of a socketmap server may be.
    socketmap_max_reply_size: Int = "100000", Limits::at_least(1);
    /// Whether every bounce and refusal is temporary; for tests of a new configuration.
    soft_bounce: Bool = "no";
    /// After how long a lock file on a mailbox is taken for forgotten.
    stale_lock_time: Time = "500s", Limits::at_least(1);
    /// Whether mail with 8-bit headers is refused.
    strict_7bit_headers: Bool = "no";
    /// Whether strict_7bit_headers and strict_8bitmime_body are on.
    strict_8bitmime: Bool = "no";
    /// Whether 8-bit text that is not declared is refused.
    strict_8bitmime_body: Bool = "no";
    /// Whether encodings that parts may not have are refused.
    strict_mime_encoding_domain: Bool = "no";
    /// Whether SMTPUTF8 addresses need SMTPUTF8.
    strict_smtputf8: Bool = "no";
    /// The facility of log lines.
    syslog_facility: Text = "mail", Limits::at_least(1);
    /// What log lines begin with, before the name of the process.
    syslog_name: Text = "${multi_instance_name?{$multi_instance_name}:{postfix}}", Limits::at_least(1);
    /// The TCP window in bytes; 0 leaves it to the kernel.
    tcp_windowsize: Int = "0";
    /// The name of the trace(8) service in master.cf.
    trace_service_name: Text = "trace", Limits::at_least(1);
    /// How long waking another process may take.
    trigger_timeout: Time = "10s", Limits::at_least(1);
    /// Characters that may be VERP delimiters on the command line.
    verp_delimiter_filter: Text = "-=+", Limits::at_least(1);
}
