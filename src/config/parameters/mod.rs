//! The parameters of main.cf, one entry each, by the program that reads them.
//!
//! An entry is a `static` whose name is the parameter's own, so that a search for a parameter finds
//! the table, its readers and its tests alike.

#![expect(non_upper_case_globals, reason = "a parameter is named as in main.cf")]

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::config::parameter::Entry;

pub mod address_verify;
pub mod bounce;
pub mod cleanup;
pub mod commands;
pub mod lmtp;
pub mod local;
pub mod milter;
pub mod postscreen;
pub mod qmgr;
pub mod qmqpd;
pub mod rewrite;
pub mod smtp;
pub mod smtpd;
pub mod system;
pub mod tls;
pub mod vda;
pub mod virtual_mailbox;
pub mod deprecated;
pub mod special;
pub mod without_effect;

pub use address_verify::*;
pub use bounce::*;
pub use cleanup::*;
pub use commands::*;
pub use lmtp::*;
pub use local::*;
pub use milter::*;
pub use postscreen::*;
pub use qmgr::*;
pub use qmqpd::*;
pub use rewrite::*;
pub use smtp::*;
pub use smtpd::*;
pub use system::*;
pub use tls::*;
pub use vda::*;
pub use virtual_mailbox::*;

/// A group of entries and its name: the module that it stands in.
pub type Group = (&'static str, &'static [&'static dyn Entry]);

/// All entries, by the program that reads them.
pub fn groups() -> [Group; 17] {
    [
        ("address_verify", address_verify::ALL),
        ("bounce", bounce::ALL),
        ("cleanup", cleanup::ALL),
        ("commands", commands::ALL),
        ("lmtp", lmtp::ALL),
        ("local", local::ALL),
        ("milter", milter::ALL),
        ("postscreen", postscreen::ALL),
        ("qmgr", qmgr::ALL),
        ("qmqpd", qmqpd::ALL),
        ("rewrite", rewrite::ALL),
        ("smtp", smtp::ALL),
        ("smtpd", smtpd::ALL),
        ("system", system::ALL),
        ("tls", tls::ALL),
        ("vda", vda::ALL),
        ("virtual_mailbox", virtual_mailbox::ALL),
    ]
}

/// All entries, group by group.
pub fn all() -> impl Iterator<Item = &'static dyn Entry> {
    groups().into_iter().flat_map(|(_, entries)| entries).copied()
}

static BY_NAME: LazyLock<HashMap<&'static str, &'static dyn Entry>> =
    LazyLock::new(|| all().map(|entry| (entry.name(), entry)).collect());

/// The entry of that name.
pub fn lookup(name: &str) -> Option<&'static dyn Entry> {
    BY_NAME.get(name).copied()
}
