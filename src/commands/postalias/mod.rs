//! postalias(1): makes, changes and asks alias databases. See [`super::postmap`]: only the
//! grammar of the source and the form of the output differ.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use super::postmap::{Which, make_aliases, run};
use crate::config::parameters as p;
use crate::config::{Config, split_list};

/// Runs postalias with the arguments after its name.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    run(Which::Postalias, arguments)
}

/// Makes all tables of `alias_database` new: newaliases, `sendmail -bi`, `sendmail -I`.
pub fn rebuild_alias_databases(config: &Arc<Config>) -> ExitCode {
    let value = config.text(&p::alias_database);
    let tables: Vec<String> = split_list(&value).into_iter().map(str::to_owned).collect();
    if tables.is_empty() { ExitCode::SUCCESS } else { make_aliases(config, tables) }
}
