//! Opens tables by type. Every type name that Postfix has is known here: with what it takes to
//! open it, or with the USE flag that brings it.

use std::path::{Path, PathBuf};

use super::braces;
use super::cidr::CidrTable;
use super::file_value::{self, MakeValue};
use super::hash::HashTable;
use super::lent;
use super::lines::Report;
use super::pattern::{Dialect, PatternTable, Reading};
use super::table::{Engine, Purpose};
use crate::config::list::strip_braces;
use crate::config::{split_list, why};

/// Table types in alphabetical order, and whether this program was built with them.
const TYPES: &[(&str, bool)] = &[
    ("btree", true),
    ("cdb", cfg!(feature = "cdb")),
    ("cidr", true),
    ("debug", true),
    ("environ", true),
    ("fail", true),
    ("hash", true),
    ("inline", true),
    ("internal", true),
    ("ldap", cfg!(feature = "ldap")),
    ("lmdb", cfg!(feature = "lmdb")),
    ("memcache", cfg!(feature = "memcached")),
    ("mongodb", cfg!(feature = "mongodb")),
    ("mysql", cfg!(feature = "mysql")),
    ("nis", cfg!(feature = "nis")),
    ("pcre", true),
    ("pgsql", cfg!(feature = "postgres")),
    ("pipemap", true),
    ("proxy", true),
    ("randmap", true),
    ("redis", cfg!(feature = "memcached")),
    ("regexp", true),
    ("socketmap", true),
    ("sqlite", cfg!(feature = "sqlite")),
    ("static", true),
    ("tcp", true),
    ("texthash", true),
    ("unionmap", true),
    ("unix", true),
];

/// Types that a USE flag of another name, or of the same name, brings.
const FLAGS: &[(&str, &str)] = &[
    ("cdb", "cdb"),
    ("ldap", "ldap"),
    ("lmdb", "lmdb"),
    ("memcache", "memcached"),
    ("mongodb", "mongodb"),
    ("mysql", "mysql"),
    ("nis", "nis"),
    ("pgsql", "postgres"),
    ("redis", "memcached"),
    ("sqlite", "sqlite"),
];

/// Types that Postfix has on systems of long ago, and what to do about them.
const GONE: &[(&str, &str)] = &[
    ("dbm", "make the table with \"postmap hash:\" or \"lmdb:\" from its text, and name it so"),
    ("netinfo", "export the data to a text, for texthash:, hash: or lmdb:"),
    ("nisplus", "there is no NIS+ any more: its tables are in nis:, ldap: or text files now"),
    ("sdbm", "make the table with \"postmap hash:\" or \"lmdb:\" from its text, and name it so"),
];

/// The types that `postconf -m` shows, and those that were left out at build time.
pub fn map_types() -> &'static [(&'static str, bool)] {
    TYPES
}

/// Whether a type is there.
#[cfg(table_settings)]
pub(super) fn is_built_in(kind: &str) -> bool {
    TYPES.iter().any(|(name, built_in)| *name == kind && *built_in)
}

/// Postfix's words for a type that cannot be opened, with what would help.
pub fn unsupported(kind: &str) -> String {
    let text = format!("unsupported dictionary type: {kind}");
    let find = |list: &[(&str, &'static str)]| {
        list.iter().find(|(name, _)| *name == kind).map(|(_, what)| *what)
    };
    match (find(FLAGS), find(GONE)) {
        (Some(flag), _) => format!("{text}; build with USE={flag}"),
        (None, Some(instead)) => format!("{text}; {instead}"),
        (None, None) => text,
    }
}

/// Reads the whole of a file; the error is Postfix's text.
pub fn read_file(path: &str) -> Result<Vec<u8>, String> {
    lent::read(path).map_err(|e| format!("open {path}: {}", why(&e)))
}

/// The files whose change means that a table must be read again, and whether people write them.
pub(super) fn files(kind: &str, name: &str) -> Option<(Vec<PathBuf>, bool)> {
    match kind {
        "texthash" => Some((vec![name.into()], true)),
        "regexp" | "pcre" | "cidr" if !name.starts_with('{') => Some((vec![name.into()], true)),
        "hash" | "btree" | "cdb" | "lmdb" => {
            let source = Path::new(name).to_owned();
            Some((vec![super::indexed::path(kind, name), source], false))
        }
        _ => None,
    }
}

/// Opens a table that is not made of other tables. `report` takes the warnings about its lines;
/// the error is Postfix's text.
pub(super) fn load(
    kind: &str,
    name: &str,
    purpose: Purpose,
    utf8: bool,
    report: &mut Report<'_>,
) -> Result<Engine, String> {
    let mut value = |text: &[u8]| match purpose.files {
        true => file_value::encode(text),
        false => Ok(text.to_vec()),
    };
    match kind {
        "texthash" => {
            let text =
                lent::read(name).map_err(|e| format!("open database {name}: {}", why(&e)))?;
            HashTable::parse_text(name, &text, purpose, utf8, report).map(Engine::Hash)
        }
        "inline" => HashTable::parse_inline(name, purpose, utf8, &mut value).map(Engine::Hash),
        "internal" => Ok(Engine::Hash(HashTable::default())),
        "static" => {
            let text = match name.starts_with('{') {
                true => {
                    strip_braces(name).map_err(|why| format!("bad static:name syntax: {why}"))?
                }
                false => name,
            };
            Ok(Engine::Static(value(text.as_bytes())?.into()))
        }
        "regexp" | "pcre" | "cidr" => {
            let (path, text) = rules(kind, name)?;
            Ok(parse_rules(kind, name, path, &text, purpose, &mut value, report))
        }
        "environ" => Ok(Engine::Environ),
        "unix" if name == "passwd.byname" => Ok(Engine::Passwd),
        "unix" if name == "group.byname" => Ok(Engine::Group),
        "unix" => Err(format!("unknown table: unix:{name}")),
        "fail" => Ok(Engine::Fail),
        "randmap" => {
            let items = braces::inside(name).map(split_list).unwrap_or_default();
            if items.is_empty() {
                return Err(format!(
                    "bad syntax: \"randmap:{name}\"; need \"randmap:{{value...}}\""
                ));
            }
            let values: Result<Vec<_>, String> =
                items.iter().map(|item| Ok(value(item.as_bytes())?.into())).collect();
            values.map(Engine::Random)
        }
        "hash" | "btree" | "cdb" | "lmdb" => {
            super::indexed::open(kind, name, purpose, utf8, report)
        }
        _ => Err(unsupported(kind)),
    }
}

/// The text of rules, from a file or from `{ { rule } … }`, and how messages call it.
fn rules<'n>(kind: &str, name: &'n str) -> Result<(&'n str, Vec<u8>), String> {
    if !name.starts_with('{') {
        return read_file(name).map(|text| (name, text));
    }
    let blame = |why| format!("{kind} map: {why}");
    let mut text = Vec::new();
    for rule in split_list(strip_braces(name).map_err(blame)?) {
        text.extend_from_slice(strip_braces(rule).map_err(blame)?.as_bytes());
        text.push(b'\n');
    }
    Ok(("unknown_stream", text))
}

fn parse_rules(
    kind: &str,
    name: &str,
    path: &str,
    text: &[u8],
    purpose: Purpose,
    value: &mut MakeValue<'_>,
    report: &mut Report<'_>,
) -> Engine {
    let dialect = match kind {
        "regexp" => Dialect::Posix,
        "pcre" => Dialect::Pcre,
        _ => return Engine::Cidr(CidrTable::parse(name, path, text, value, report)),
    };
    let mut reading = Reading { name, path, substitution: purpose.substitution, value };
    Engine::Patterns(PatternTable::parse(dialect, text, &mut reading, report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_types_name_their_flag() {
        assert_eq!(unsupported("foo"), "unsupported dictionary type: foo");
        assert_eq!(
            unsupported("pgsql"),
            "unsupported dictionary type: pgsql; build with USE=postgres"
        );
        assert!(unsupported("nisplus").contains("ldap:"));
        assert!(TYPES.is_sorted());
    }
}
