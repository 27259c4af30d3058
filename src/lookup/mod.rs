//! Lookup tables: `type:name`, lists of them, and the match lists of main.cf.
//!
//! [`Tables`] opens each table of a process once; [`Maps`] is the value of one `*_maps`
//! parameter; [`match_list`] holds lists such as mynetworks. A failing table is a
//! [`TableError`]: the caller defers, never bounces.

pub mod cache;
pub mod match_list;

mod address;
mod alias;
mod berkeley;
mod braces;
mod build;
#[cfg(feature = "cdb")]
mod cdb;
mod cidr;
#[cfg_attr(not(all_tables), allow(dead_code, reason = "what no table of this build needs"))]
mod client;
mod file_value;
mod fold;
mod hash;
mod indexed;
#[cfg(feature = "ldap")]
mod ldap;
pub mod lent;
mod lines;
#[cfg(feature = "memcached")]
mod memcache;
#[cfg(feature = "mongodb")]
mod mongodb;
mod native;
#[cfg(feature = "nis")]
mod nis;
mod open;
mod outage;
mod pattern;
mod proxy;
mod record;
#[cfg(feature = "memcached")]
mod redis;
pub mod server;
mod servers;
mod socketmap;
mod source;
#[cfg(sql_tables)]
#[cfg_attr(not(all_tables), allow(dead_code, reason = "what no table of this build needs"))]
mod sql;
mod substitute;
mod system;
mod table;
mod tables;
mod tcp;
mod watch;

/// Waits for an answer.
#[cfg(test)]
fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

pub use address::{AddressRules, Found, Keys};
pub use alias::read as read_aliases;
pub use berkeley::count as count_berkeley_db_records;
pub use build::{Builder, Making, can_make};
pub use cidr::Network;
#[cfg(feature = "tlsrpt")]
pub use client::encryption;
pub use file_value::decode as decode_file;
pub use lines::{Report, show};
pub use native::Syntax;
pub use open::{map_types, unsupported};
pub use pattern::match_header;
pub use proxy::writable;
pub use record::read_for_postmap as read_records;
pub use servers::files_of_settings;
pub use table::{Context, Duplicates, Failure, NO_REASON, Purpose, SequenceError, Table};
pub use tables::{Maps, TableError, Tables};
