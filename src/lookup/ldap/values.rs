//! The values of entries, and of the entries that they name.
//!
//! A *terminal* attribute, where there is one, counts alone. A *leaf* attribute counts only in an
//! entry without *special* attributes, whose values are the names or URLs of further entries.

use super::super::client::frame::Collection;
use super::super::client::template::Key;
use super::super::table::Failure;
use super::message::{Entry, NO_SUCH_OBJECT, SUCCESS, Search, words};
use super::{Ldap, filter, show, url};
use crate::log::Log;

/// What the C library says about a filter that is none.
const BAD_FILTER: i64 = -7;

/// The values for one key.
pub struct Values<'a> {
    table: &'a Ldap,
    found: Collection<'a>,
    /// How the last search ended.
    last: i64,
    log: &'a Log,
}

impl<'a> Values<'a> {
    /// No values yet.
    pub fn new(table: &'a Ldap, key: &'a Key<'a>, log: &'a Log) -> Self {
        Self { table, found: table.frame.collect(key), last: i64::from(SUCCESS), log }
    }

    /// The last word about searches for further entries, as the C library remembers only that.
    pub fn report_last(&self, log: &Log) {
        if self.last != i64::from(SUCCESS) {
            let words = words(self.last);
            let text = "Had some trouble with entries returned by search";
            self.table.frame.warn(log, &format!("dict_ldap_lookup: {text}: {words}"));
        }
    }

    /// All values, if there are any.
    pub fn finish(self) -> Option<Vec<u8>> {
        self.found.finish()
    }

    /// Takes what is in `entries`, and in those that they name; `depth` counts from one.
    pub async fn take(&mut self, entries: Vec<Entry>, depth: usize) -> Result<(), Failure> {
        let limit = usize::try_from(self.table.size_limit).unwrap_or(usize::MAX);
        if limit > 0 && entries.len() > limit {
            let text = format!("Query size limit ({limit}) exceeded");
            return Err(self.broken(depth, &text));
        }
        for entry in entries {
            self.take_entry(&entry, depth).await?;
        }
        Ok(())
    }

    async fn take_entry(&mut self, entry: &Entry, depth: usize) -> Result<(), Failure> {
        let table = self.table;
        let attributes = &table.attributes;
        let has_any = |names: Option<&[String]>| {
            let has = |wanted: &String| {
                let mut all = entry.attributes.iter();
                all.any(|(name, values)| name.eq_ignore_ascii_case(wanted) && !values.is_empty())
            };
            names.is_some_and(|names| names.iter().any(has))
        };
        let is_terminal = has_any(attributes.names.get(..attributes.terminal));
        let is_leaf = is_terminal || !has_any(attributes.names.get(attributes.ordinary..));
        for (name, values) in &entry.attributes {
            let known = |wanted: &String| is_kind_of(name, wanted);
            let Some(place) = attributes.names.iter().position(known) else { continue };
            if values.is_empty() {
                continue;
            }
            if place < attributes.ordinary || is_terminal {
                let is_skipped = (is_terminal && place >= attributes.terminal)
                    || (!is_leaf && place < attributes.terminal + attributes.leaf);
                if !is_skipped {
                    self.add(values, depth)?;
                }
            } else if depth < table.recursion_limit {
                for value in values {
                    self.follow(value, depth).await?;
                }
            } else {
                let value = values.first().map(|value| show(value)).unwrap_or_default();
                let text = format!("Recursion limit exceeded for special attribute {name}={value}");
                return Err(self.broken(depth, &text));
            }
        }
        Ok(())
    }

    fn add(&mut self, values: &[Vec<u8>], depth: usize) -> Result<(), Failure> {
        for value in values {
            // C strings end there.
            let end = memchr::memchr(0, value).unwrap_or(value.len());
            if let Err(much) = self.found.add(value.get(..end).unwrap_or_default(), self.log) {
                let part = format!("dict_ldap_get_values[{depth}]");
                return Err(self.found.refuse(much, &part, self.log));
            }
        }
        Ok(())
    }

    /// Looks at the entries that a value names.
    async fn follow(&mut self, value: &[u8], depth: usize) -> Result<(), Failure> {
        let text = show(value);
        let search = if url::is_url(&text) {
            let Some(url) = url::parse(&text) else {
                let warning = format!("dict_ldap_get_values[{depth}]: malformed URL {text}");
                return Err(self.table.frame.broken(self.log, warning));
            };
            match self.by_url(url) {
                Some(Some(search)) => search,
                Some(None) => return Ok(()),
                None => return Err(self.no_search(BAD_FILTER, depth)),
            }
        } else {
            let names = self.table.attributes.names.clone();
            self.table.search(value.to_vec(), url::Scope::Base, everything(), names)
        };
        let (outcome, entries) = self.table.ask(&search, self.log).await?;
        self.last = i64::from(outcome.code);
        match outcome.code {
            SUCCESS => Box::pin(self.take(entries, depth + 1)).await,
            NO_SUCH_OBJECT => {
                let warning =
                    format!("dict_ldap_get_values[{depth}]: DN {text} not found, skipping ");
                self.table.frame.warn(self.log, &warning);
                Ok(())
            }
            code => Err(self.no_search(i64::from(code), depth)),
        }
    }

    fn no_search(&mut self, code: i64, depth: usize) -> Failure {
        self.last = code;
        let words = words(code);
        let warning = format!("dict_ldap_get_values[{depth}]: search error {code}: {words} ");
        self.table.frame.broken(self.log, warning)
    }

    /// The search that a URL stands for; the inner none if it asks for nothing of interest, the
    /// outer if its filter is none.
    fn by_url(&self, url: url::LdapUrl) -> Option<Option<Search>> {
        let wanted = &self.table.attributes.names;
        let mut names = Vec::new();
        for own in &url.attributes {
            for name in wanted {
                // The more special of the two.
                if is_kind_of(name, own) {
                    names.push(name.clone());
                } else if is_kind_of(own, name) {
                    names.push(own.clone());
                }
            }
        }
        if url.attributes.is_empty() {
            names.clone_from(wanted);
        } else if names.is_empty() {
            return Some(None);
        }
        let filter = match url.filter {
            Some(text) => filter::encode(text.as_bytes()).ok()?,
            None => everything(),
        };
        Some(Some(self.table.search(url.name.into_bytes(), url.scope, filter, names)))
    }

    fn broken(&self, depth: usize, text: &str) -> Failure {
        let name = &self.table.frame.name;
        let text = format!("dict_ldap_get_values[{depth}]: {name}: {text}");
        self.table.frame.broken(self.log, text)
    }
}

/// `(objectClass=*)`
fn everything() -> Vec<u8> {
    filter::encode(b"(objectClass=*)").unwrap_or_default()
}

/// Whether an attribute is `wanted`, perhaps with options: `cn;lang-de` is a kind of `cn`.
fn is_kind_of(name: &str, wanted: &str) -> bool {
    let Some((head, rest)) = name.split_at_checked(wanted.len()) else { return false };
    head.eq_ignore_ascii_case(wanted) && (rest.is_empty() || rest.starts_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert!(is_kind_of("CN", "cn"));
        assert!(is_kind_of("cn;lang-de", "cn"));
        assert!(!is_kind_of("cn", "cn;lang-de"));
        assert!(!is_kind_of("cnx", "cn"));
        assert_eq!(everything(), b"\x87\x0bobjectClass");
    }
}
