//! Parameters that are accepted, and do nothing here: each with the reason that `postfix check`
//! and a start give. What neither changes anything in Postfix while it runs, such as the folders
//! of the manual, is not among them.

use crate::config::parameter::Entry;

/// The reasons, and the parameters that each of them is about.
static GROUPS: &[(&str, &[&str])] = &[
    (
        "processes live on here, and their parts talk without sockets",
        &[
            "in_flow_delay",
            "ipc_idle",
            "ipc_timeout",
            "ipc_ttl",
            "max_use",
            "postlogd_watchdog_timeout",
            "process_id_directory",
            "qmgr_daemon_timeout",
            "qmgr_ipc_timeout",
        ],
    ),
    (
        "that service is a part of other processes here, and is found without its name",
        &[
            "bounce_service_name",
            "connection_cache_service_name",
            "defer_service_name",
            "error_service_name",
            "flush_service_name",
            "proxymap_service_name",
            "proxywrite_service_name",
            "queue_service_name",
            "rewrite_service_name",
            "trace_service_name",
        ],
    ),
    (
        "smtp and lmtp keep their connections themselves",
        &[
            "connection_cache_protocol_timeout",
            "connection_cache_status_update_time",
            "connection_cache_ttl_limit",
        ],
    ),
    (
        "the queue knows for which sites mail waits",
        &["fast_flush_purge_time", "fast_flush_refresh_time"],
    ),
    (
        "the queue is not made of queue files",
        &[
            "backwards_bounce_logfile_compatibility",
            "dont_remove",
            "queue_file_attribute_count_limit",
        ],
    ),
    (
        "hash: and btree: need no Berkeley DB here",
        &[
            "berkeley_db_create_buffer_size",
            "berkeley_db_read_buffer_size",
            "non_bdb_custom_mapping",
            "non_bdb_migration_allow_root_prefixes",
            "non_bdb_migration_allow_user_prefixes",
            "non_bdb_migration_level",
            "non_bdb_migration_log_redirect",
            "non_bdb_migration_service_name",
        ],
    ),
    (
        "injected faults are left to other tools; -v in master.cf logs the dialogue",
        &["destination_concurrency_feedback_debug", "fault_injection_code"],
    ),
    (
        "a * in a certificate's name stands for one label, as in Postfix since 3.6",
        &["tls_wildcard_matches_multiple_labels"],
    ),
    ("the scheduler has no use for it", &["qmgr_clog_warn_time", "qmgr_fudge_factor"]),
    (
        "not in this release",
        &[
            "dns_ncache_ttl_fix_enable",
            "enable_idna2003_compatibility",
            "force_mime_input_conversion",
        ],
    ),
];

/// Those of features that were left out at build time.
static LEFT_OUT: &[(bool, &[&dyn Entry], &str)] =
    &[(cfg!(feature = "vda"), super::vda::ALL, "it needs the feature vda, which was left out")];

/// Why a parameter has no effect here, if it has none.
pub fn reason(name: &str) -> Option<&'static str> {
    let is_of = |entries: &[&dyn Entry]| entries.iter().any(|entry| entry.name() == name);
    if let Some((_, _, why)) = LEFT_OUT.iter().find(|(there, of, _)| !there && is_of(of)) {
        return Some(why);
    }
    GROUPS.iter().find(|(_, names)| names.contains(&name)).map(|(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parameters::lookup;

    #[test]
    fn names_are_those_of_the_table_each_once() {
        let mut names: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        for name in &names {
            assert!(lookup(name).is_some(), "{name}");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
