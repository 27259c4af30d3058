//! `propagate_unmatched_extensions`: where the extension of an address goes on to what a table
//! puts in its place.

use crate::config::{Config, parameters as p};

/// The parameter, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the words of the parameter")]
pub struct Propagate {
    pub canonical: bool,
    pub virtual_alias: bool,
    pub alias: bool,
    pub forward: bool,
    pub include: bool,
    pub generic: bool,
}

impl Propagate {
    /// Reads the parameter.
    pub fn read(config: &Config) -> Self {
        let known = ["canonical", "virtual", "alias", "forward", "include", "generic"];
        let [canonical, virtual_alias, alias, forward, include, generic] =
            config.set(&p::propagate_unmatched_extensions, known);
        Self { canonical, virtual_alias, alias, forward, include, generic }
    }
}
