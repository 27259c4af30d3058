//! `postfix non-bdb`: in Postfix, the way out of Berkeley DB. Here hash: and btree: tables never
//! needed it, so there is nothing to migrate; what a configuration says about it can be seen and
//! removed.

use super::{Context, Logged};
use crate::commands::postconf::command;
use crate::config::parameters as p;

/// One word: `status`, `disable`, `enable-redirect` or `enable-reindex`.
pub(super) fn run(context: &Context, words: &[String]) -> Result<(), Logged> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["status"] => {
            println!("{}", context.config.text(&p::non_bdb_migration_level));
            Ok(())
        }
        ["disable"] => {
            let directory = &context.config_directory;
            command(directory, &["-X", "non_bdb_migration_level"])
                .and_then(|()| command(directory, &["-MX", "nbdb_reindex/unix"]))
                .map_err(|text| context.fatal(&text))
        }
        ["enable-redirect" | "enable-reindex"] => {
            context.log.info(format_args!(
                "nothing to migrate: hash: and btree: tables are read and written without the \
                 Berkeley DB library, and are indexed again when their source is newer"
            ));
            Ok(())
        }
        _ => Err(context.fatal(
            "usage: postfix non-bdb status (or enable-redirect, or enable-reindex, or disable)",
        )),
    }
}
