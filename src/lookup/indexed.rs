//! Tables that postmap(1) and postalias(1) make from text.

use std::path::PathBuf;

use super::hash::HashTable;
use super::open::cause;
use super::table::{Context, Engine, Purpose};

/// An open indexed file.
#[derive(Debug)]
pub(super) enum Indexed {}

impl Indexed {
    /// The value for `key`, which is folded already.
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let _ = key;
        match *self {}
    }
}

/// The file behind `kind:name`.
pub fn path(kind: &str, name: &str) -> PathBuf {
    let suffix = match kind {
        "hash" | "btree" => "db",
        other => other,
    };
    format!("{name}.{suffix}").into()
}

/// Opens `kind:name`.
pub(super) fn open(
    kind: &str,
    name: &str,
    purpose: Purpose,
    context: &Context,
) -> Result<Engine, String> {
    let _ = kind;
    let text = std::fs::read(name).map_err(|e| format!("open database {name}: {}", cause(&e)))?;
    let mut value = |text: &[u8]| Ok(text.to_vec());
    let mut report = |text: String| context.log.warning(format_args!("{text}"));
    HashTable::parse_text(name, &text, purpose, context.utf8, &mut value, &mut report)
        .map(Engine::Hash)
}
