//! The qmgr process.

pub mod scheduler;

use std::process::ExitCode;

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    ExitCode::FAILURE
}
