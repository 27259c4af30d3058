//! posttls-finger(1) where there is no TLS: it says which feature brings it.

use std::ffi::OsString;
use std::process::ExitCode;

use super::speaker::Speaker;

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    drop(arguments);
    Speaker::new("posttls-finger")
        .fatal("TLS support is not compiled in: build with the feature \"ssl\"")
}
