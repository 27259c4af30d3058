//! The program `postfix-installer`: puts the mail system on a machine, or tries it out.
//!
//! The same file also is every command and daemon, when it is called by such a name: that is how
//! `try` works from a single program.

mod arguments;
mod files;
mod install;
mod layout;
mod progress;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Verb};

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if postfix_rs::multicall::program(name).is_some() {
        return postfix_rs::multicall::main(std::env::args_os());
    }
    if name != "postfix-installer" {
        eprintln!("{name}: no program of that name in postfix-rs");
        return ExitCode::from(64);
    }
    let arguments = Arguments::parse();
    let done = match arguments.verb {
        Verb::Install(options) => install::run(&options),
        Verb::Try(options) => trial::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("postfix-installer: {text}");
            ExitCode::FAILURE
        }
    }
}
