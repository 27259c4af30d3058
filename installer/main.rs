//! The program `postfix-installer`: puts the mail system on a machine, keeps an eye on it, or tries
//! it out.
//!
//! ```text
//! machine (what is there) ─► plan (what differs) ─► act (journal, change, roll back)
//! ```
//!
//! The same file also is every command and daemon, when it is called by such a name: that is how
//! `try` works from a single program.

// What a machine is, and how it is spoken of.
mod failure;
mod root;
mod machine;
mod pages;
mod progress;
mod voice;

// Deciding and acting.
mod journal;
mod plan;
mod act;

// Knowledge that plans are made of.
mod layout;
mod main_cf;
mod use_flags;
mod conflict;
mod accounts;
mod folders;
mod service;
mod selinux;
mod tables;
mod hostname;

// The verbs.
mod arguments;
mod context;
mod programs;
mod check;
mod install;
mod configure;
mod first_start;
mod status;
mod migrate;
mod doctor;
mod uninstall;
mod trial;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Verb};
use crate::context::Context;
use crate::failure::Outcome;
use crate::voice::{Voice, report};

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
    obey(&arguments).unwrap_or_else(|failure| {
        report(&Voice::new(arguments.quiet, arguments.json), &failure);
        ExitCode::FAILURE
    })
}

fn obey(arguments: &Arguments) -> Outcome<ExitCode> {
    let context = Context::new(arguments)?;
    let done = |()| ExitCode::SUCCESS;
    match &arguments.verb {
        Verb::Check(options) => check::run(&context, options).map(done),
        Verb::Install(options) => install::run(&context, options).map(done),
        Verb::Configure(options) => configure::run(&context, options).map(done),
        Verb::FirstStart(options) => first_start::run(&context, options).map(done),
        Verb::Status => {
            Ok(if status::run(&context) { ExitCode::SUCCESS } else { ExitCode::from(3) })
        }
        Verb::Migrate(options) => migrate::run(&context, options).map(done),
        Verb::Uninstall(options) => uninstall::run(&context, options).map(done),
        Verb::Try(options) => trial::run(options).map(done).map_err(Into::into),
        Verb::Doctor(options) => Ok(doctor::run(&context, options)),
    }
}
