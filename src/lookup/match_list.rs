//! Match lists: patterns in order, `!` negates, `/file` and `type:table` are read in place.

use std::net::IpAddr;

use super::{TableError, Tables};
use crate::config::Problem;

/// A list of domains, such as mydestination: names, and `.parent` or parents by
/// `parent_domain_matches_subdomains`.
#[derive(Clone, Debug, Default)]
pub struct DomainList;

/// A list of hosts and networks, such as mynetworks.
#[derive(Clone, Debug, Default)]
pub struct HostList;

/// A list of exact strings, compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct StringList;

impl DomainList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        let _ = (tables, title, text);
        Ok(Self)
    }

    /// Whether the list matches `domain`.
    pub async fn matches(&self, domain: &str) -> Result<bool, TableError> {
        let _ = domain;
        Ok(false)
    }
}

impl HostList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        let _ = (tables, title, text);
        Ok(Self)
    }

    /// Whether the list matches a client by name (`unknown` if it has none) or address.
    pub async fn matches(&self, name: &str, address: IpAddr) -> Result<bool, TableError> {
        let _ = (name, address);
        Ok(false)
    }
}

impl StringList {
    /// Parses the value of the parameter `title`.
    pub fn parse(tables: &Tables, title: &str, text: &str) -> Result<Self, Problem> {
        let _ = (tables, title, text);
        Ok(Self)
    }

    /// Whether the list matches `text`.
    pub async fn matches(&self, text: &str) -> Result<bool, TableError> {
        let _ = text;
        Ok(false)
    }
}
