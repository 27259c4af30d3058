//! `postfix features`: what was built in, one USE flag a line, for the installer and for scripts.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use crate::config::features;

/// Prints the names of the flags.
pub fn main(_arguments: Vec<OsString>) -> ExitCode {
    let mut text = features::built_in().join("\n");
    text.push('\n');
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
