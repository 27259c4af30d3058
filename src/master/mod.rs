//! master(8): reads master.cf, binds the sockets, starts the processes that serve them, starts
//! them again when they die, and hands out new configurations. It parses no mail.
//!
//! One process serves all lines of its kind ([`hosts`]). A reload starts a new generation of
//! each process and lets the old one finish what is in flight; only qmgr, which owns the queue,
//! takes the new configuration over while it lives. A configuration that does not parse changes
//! nothing.

mod children;
mod hosts;
mod lend;
mod lock;
mod notify;
mod options;
mod run;
pub mod sockets;

use std::ffi::OsString;
use std::process::ExitCode;

pub use self::hosts::unserved;
pub use self::lock::{is_running, pid_of_master};
pub use self::options::Options;

/// Runs master.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    match Options::parse(&arguments) {
        Ok(options) => start(&options),
        Err(text) => {
            eprintln!("master: fatal: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Runs master as `options` say; also for `postfix start-fg` and the installer.
pub fn start(options: &Options) -> ExitCode {
    run::run(options)
}
