//! smtpd(8): every inet SMTP service, in one process.
//!
//! ```text
//! master.cf line ─► Service (settings, lists, tables)
//! client ─► listener ─► Session ─► cleanup ─► spool ─► qmgr
//!              └─ postscreen ─┘
//! ```
//!
//! QMQP, which needs neither, has a folder of its own (`qmqp`).
//!
//! Each master.cf line has its own view of the configuration; a session is a task.

mod accept;
mod anvil;
mod check;
mod connection;
mod dialogue;
mod draft;
mod encryption;
mod expand;
mod fault;
mod guesses;
mod handed;
pub mod keyword;
mod lint;
mod listener;
mod lobby;
mod memory;
mod passed;
mod peer;
mod policy;
pub mod postscreen;
mod qmqp;
mod restriction;
mod sasl;
mod service;
mod session;
mod settings;
mod stand_alone;
mod upstream;

use std::process::ExitCode;

use crate::service::birth;
use crate::service::profile::{Profile, RunAs, Threads};

pub use lint::problems as restriction_problems;
pub use sasl::problems as login_problems;

/// What smtpd may touch; where a line of master.cf is postscreen's, also the folder of its
/// `postscreen_cache_map`.
pub const PROFILE: Profile = Profile {
    name: "smtpd",
    user: RunAs::MailOwner,
    writes: &["segments"],
    executes: false,
    threads: Threads::PerProcessor,
    purpose: "takes mail in by SMTP, checks it, and writes it to its own spool segments",
};

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    if arguments.iter().any(|argument| argument == "-S") {
        return stand_alone::main(&arguments);
    }
    birth::run(&PROFILE, listener::prepare, listener::serve)
}
