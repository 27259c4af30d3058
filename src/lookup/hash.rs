//! Fixed keys in memory: texthash, inline, and the text of indexed tables.

use std::collections::HashMap;

use super::alias;
use super::braces;
use super::file_value::MakeValue;
use super::fold::fold;
use super::lines::{Report, show};
use super::record::{self, Reading};
use super::table::{Duplicates, Purpose};
use crate::config::list::strip_braces;
use crate::config::split_list;

/// Keys and their values.
#[derive(Debug, Default)]
pub struct HashTable {
    entries: HashMap<Box<[u8]>, Box<[u8]>, foldhash::fast::RandomState>,
}

impl HashTable {
    /// The value for `key`, which is folded already.
    pub fn find(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|value| &**value)
    }

    /// Adds an entry; false if the key was there and its value was kept.
    pub fn insert(&mut self, key: &[u8], value: &[u8], replace: bool) -> bool {
        if !replace && self.entries.contains_key(key) {
            return false;
        }
        self.entries.insert(key.into(), value.into());
        true
    }

    /// All entries, by key.
    pub fn sorted(&self) -> Vec<(&[u8], &[u8])> {
        let entries = self.entries.iter().map(|(key, value)| (&**key, &**value));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        entries
    }

    /// Reads the text of a texthash: table at `path`.
    pub fn parse_text(
        path: &str,
        text: &[u8],
        purpose: Purpose,
        utf8: bool,
        report: &mut Report<'_>,
    ) -> Result<Self, String> {
        let utf8 = utf8 && purpose.utf8;
        let mut table = Self::default();
        let reading = Reading { path, utf8, files: purpose.files, is_postmap: false };
        let mut add = |key: &[u8], value: &[u8], line: usize, report: &mut Report<'_>| {
            let folded = if purpose.fold { fold(key, utf8) } else { key.into() };
            if !table.insert(&folded, value, purpose.duplicates == Duplicates::Replace) {
                let key = show(key);
                let text = format!("{path}, line {line}: duplicate entry: \"{key}\"");
                match purpose.duplicates {
                    Duplicates::Refuse => return Err(text),
                    Duplicates::Warn => report(text),
                    Duplicates::Ignore | Duplicates::Replace => {}
                }
            }
            Ok(())
        };
        record::read(text, reading, &mut add, report)?;
        Ok(table)
    }

    /// Reads the text of an alias file, as postalias(1) does; the first of two equal names counts.
    pub fn parse_aliases(path: &str, text: &[u8], utf8: bool, report: &mut Report<'_>) -> Self {
        let mut table = Self::default();
        let mut add = |name: &[u8], value: &[u8], _: usize, report: &mut Report<'_>| {
            let folded = fold(name, utf8);
            if !table.insert(&folded, value, false) {
                report(format!("{path}.db: duplicate entry: \"{}\"", show(&folded)));
            }
            Ok(())
        };
        // Nothing in `add` ends the reading.
        let _ = alias::read(path, text, utf8, &mut add, report);
        table.insert(b"@", b"@", false);
        table
    }

    /// Reads the name of an inline: table, `{ key = value, { key = value }, … }`.
    pub fn parse_inline(
        name: &str,
        purpose: Purpose,
        utf8: bool,
        value: &mut MakeValue<'_>,
    ) -> Result<Self, String> {
        let what = if purpose.files { "filename" } else { "value" };
        let inside = braces::inside(name).filter(|inside| !inside.is_empty());
        let Some(inside) = inside else {
            return Err(format!(
                "bad syntax: \"inline:{name}\"; need \"inline:{{name=value...}}\""
            ));
        };
        let blame =
            |why: &str| format!("{why}: \"inline:{name}\"; need \"inline:{{name={what}...}}\"");
        let mut table = Self::default();
        for item in split_list(inside) {
            let item = match item.starts_with('{') {
                true => strip_braces(item).map_err(|why| blame(&why))?,
                false => item,
            };
            let (key, text) = braces::key_value(item.as_bytes()).map_err(blame)?;
            let made = value(text).map_err(|why| blame(&why))?;
            let key = if purpose.fold { fold(key, utf8 && purpose.utf8) } else { key.into() };
            table.insert(&key, &made, true);
        }
        if table.entries.is_empty() {
            return Err(blame("empty table"));
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, duplicates: Duplicates) -> (Result<HashTable, String>, Vec<String>) {
        let purpose = Purpose { duplicates, ..Purpose::ADDRESSES };
        let mut warnings = Vec::new();
        let table = HashTable::parse_text("/t", source.as_bytes(), purpose, true, &mut |w| {
            warnings.push(w);
        });
        (table, warnings)
    }

    #[test]
    fn texthash() {
        let (table, warnings) =
            text("A@B  x y\n# c\nroot: me\nfoo\n\"a b c\na@b z\n", Duplicates::Warn);
        let table = table.unwrap();
        assert_eq!(table.find(b"a@b"), Some(&b"x y"[..]));
        assert_eq!(
            warnings,
            [
                "/t, line 3: record is in \"key: value\" format; is this an alias file?",
                "/t, line 4: expected format: key whitespace value -- ignoring this line",
                "/t, line 5: unbalanced '\"' in '\"a b c' -- ignoring this line",
                "/t, line 6: duplicate entry: \"a@b\"",
            ]
        );
        let (table, _) = text("a x\nA y\n", Duplicates::Refuse);
        assert_eq!(table.unwrap_err(), "/t, line 2: duplicate entry: \"A\"");
    }

    #[test]
    fn inline() {
        let parse = |name: &str| {
            HashTable::parse_inline(name, Purpose::ADDRESSES, true, &mut |v| Ok(v.to_vec()))
        };
        let table = parse("{ A=b, { c = d e } {f=}}").unwrap();
        assert_eq!(table.find(b"a"), Some(&b"b"[..]));
        assert_eq!(table.find(b"c"), Some(&b"d e"[..]));
        assert_eq!(table.find(b"f"), Some(&b""[..]));
        for (name, error) in [
            ("x", "bad syntax: \"inline:x\"; need \"inline:{name=value...}\""),
            ("{}", "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\""),
            ("{ }", "empty table: \"inline:{ }\"; need \"inline:{name=value...}\""),
            (
                "{a}",
                "missing '=' after attribute name: \"inline:{a}\"; \
                 need \"inline:{name=value...}\"",
            ),
        ] {
            assert_eq!(parse(name).unwrap_err(), error);
        }
    }
}
