//! The files that master opens for qmgr at a reload.
//!
//! qmgr gave up root's rights when it was born, and lives on. Of a new configuration it can read
//! only what everybody can; in Postfix it would be started again by root. So master opens the
//! tables that it needs and the log, and no other files: no keys, no passwords.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use crate::config::master_cf::ServiceLine;
use crate::config::parameter::Entry;
use crate::config::parameters as p;
use crate::config::{self, Config};
use crate::service::logging;

/// What qmgr and the parts that work in it read from files.
static TABLES: &[&dyn Entry] = &[
    &p::address_verify_sender_dependent_default_transport_maps,
    &p::address_verify_sender_dependent_relayhost_maps,
    &p::address_verify_transport_maps,
    &p::body_checks,
    &p::bounce_template_file,
    &p::canonical_maps,
    &p::fast_flush_domains,
    &p::header_checks,
    &p::masquerade_exceptions,
    &p::mime_header_checks,
    &p::mydestination,
    &p::nested_header_checks,
    &p::recipient_bcc_maps,
    &p::recipient_canonical_maps,
    &p::relay_domains,
    &p::relocated_maps,
    &p::sender_bcc_maps,
    &p::sender_canonical_maps,
    &p::sender_dependent_default_transport_maps,
    &p::sender_dependent_relayhost_maps,
    &p::transport_maps,
    &p::virtual_alias_domains,
    &p::virtual_alias_maps,
    &p::virtual_mailbox_domains,
    &p::virtual_mailbox_maps,
];

/// The master.cf lines of these parts.
const PARTS: &[&str] = &["qmgr", "cleanup", "rewrite", "bounce", "verify"];

/// What stands behind the name of a table in the name of its file.
const SUFFIXES: &[&str] = &["", ".db", ".cdb"];

/// The files, open. Without root's rights there is nothing to lend.
pub(super) fn files(
    config: &Config,
    lines: &[ServiceLine],
    privileged: bool,
) -> Vec<(PathBuf, File)> {
    if !privileged {
        return Vec::new();
    }
    let mut paths = BTreeSet::new();
    let parts = lines.iter().filter(|line| PARTS.contains(&line.name.as_str()));
    let views = parts.map(|line| config.with_overrides(&line.overrides));
    for view in views.chain([config.with_overrides(&[])]) {
        for entry in TABLES {
            for path in config::paths_in(&view.value(entry.name())) {
                paths
                    .extend(SUFFIXES.iter().map(|suffix| PathBuf::from(format!("{path}{suffix}"))));
            }
        }
    }
    let open = |path: PathBuf| {
        let file = File::open(&path).ok()?;
        file.metadata().ok()?.is_file().then_some((path, file))
    };
    paths.into_iter().filter_map(open).chain(logging::file(config)).collect()
}
