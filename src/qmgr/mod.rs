//! qmgr(8): owns the queue.
//!
//! ```text
//! intake ──── incoming ─┐                          ┌─ agents (smtp, local, …)
//! notices ──────────────┼─ scheduler ─ resolver ───┼─ error, retry, discard (in here)
//! deferred, hold ───────┘      ▲                   └─ notices, removal, deferral
//!                              └──── outcomes ─────────┘
//! ```
//!
//! One task owns all state ([`queue::Queue`]) and hears of everything through one channel of
//! events; connections, resolving, notices and copies are tasks of their own. The decisions
//! are in [`scheduler`], which does no I/O.

mod agents;
mod arrival;
mod books;
mod built_in;
mod control;
mod delivery;
mod ending;
mod event;
mod forward;
mod housekeeping;
mod intake;
mod notices;
pub mod offline;
mod queue;
mod reports;
mod requests;
mod resolve;
mod roster;
pub mod scheduler;
mod settings;
mod showq;
mod sites;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

use crate::bounce::Bounce;
use crate::cleanup::{self, Cleanup};
use crate::config::master_cf::ServiceLine;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::service::birth::{self, Birth, Life, Reloads, Service};
use crate::service::profile::{Profile, RunAs, Threads};
use crate::verify;
use settings::Settings;

/// Who qmgr is and what it may touch.
pub const PROFILE: Profile = Profile {
    name: "qmgr",
    user: RunAs::MailOwner,
    writes: &["segments", "state", "private", "public", "$data_directory"],
    executes: false,
    threads: Threads::One,
    purpose: "owns the queue: schedules deliveries, retries, bounces, lists, verifies addresses",
};

/// What is opened before qmgr is confined.
pub(crate) struct Prepared {
    birth: Birth,
    parts: Parts,
}

/// What a configuration is turned into.
pub(crate) struct Parts {
    config: Arc<Config>,
    cleanup: cleanup::Prepared,
    rewrite: Arc<Rewrite>,
    bounce: Arc<Bounce>,
    settings: Arc<Settings>,
    verify: Arc<verify::Settings>,
    reports: reports::Settings,
}

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    birth::run_reloading(&PROFILE, prepare, serve)
}

fn prepare(birth: Birth) -> Result<Prepared, String> {
    let parts = Parts::read(&birth.config, &birth.all_services, &birth.log)?;
    Ok(Prepared { birth, parts })
}

impl Parts {
    /// Reads everything out of a configuration and the lines of its master.cf.
    fn read(config: &Arc<Config>, lines: &[ServiceLine], log: &Log) -> Result<Self, String> {
        let config_of = |name: &str| {
            let line = lines.iter().find(|line| line.name == name);
            config.with_overrides(line.map_or(&[], |line| &line.overrides))
        };
        let (own, rewriting, cleaning) =
            (config_of("qmgr"), config_of("rewrite"), config_of("cleanup"));
        own.read_essentials();
        let tables = Tables::new(own.clone());
        let rewrite = Rewrite::new(&rewriting, &tables).map_err(|p| p.text)?;
        let settings = Settings::read(&own, lines, &tables)?;
        let bounce = Arc::new(Bounce::new(&config_of("bounce"), log));
        let cleanup = Cleanup::prepare(&cleaning, &tables, rewrite.clone()).map_err(|p| p.text)?;
        let name = own.text(&p::address_verify_service_name);
        let verify = verify::Settings::read(&config_of(&name), &rewrite, log);
        let reports = reports::read(&own, log);
        for view in [&own, &rewriting, &cleaning] {
            if let Some(problem) = view.problems().into_iter().next() {
                return Err(problem.text);
            }
        }
        Ok(Self { config: own, cleanup, rewrite, bounce, settings, verify, reports })
    }
}

async fn serve(prepared: Prepared, life: Life, reloads: Reloads) {
    let Prepared { birth, parts } = prepared;
    let Birth { services, log, .. } = birth;
    let log = services
        .iter()
        .find(|service| service.line.name == "qmgr")
        .map_or(log, |service| service.log.clone());
    let empty_address = parts.config.text(&p::empty_address_recipient);
    match queue::Queue::open(parts, log.clone()) {
        Ok(queue) => {
            if let Err(error) = listen(services, &queue, &empty_address) {
                log.fatal(format_args!("listen: {}", crate::config::why(&error)));
                return;
            }
            queue.run(life, reloads).await;
        }
        Err(text) => log.fatal(format_args!("{text}")),
    }
}

/// Starts a task for each socket.
fn listen(services: Vec<Service>, queue: &queue::Queue, empty: &str) -> std::io::Result<()> {
    for service in services {
        let is_verify = service.line.program == "verify";
        for socket in service.sockets {
            let events = queue.events();
            match service.line.name.as_str() {
                _ if is_verify => {
                    let listener = intake::listener(socket)?;
                    tokio::spawn(verify::serve(listener, queue.verifier.clone()));
                }
                "queue" => {
                    tokio::spawn(intake::serve(intake::listener(socket)?, events));
                }
                name @ ("control" | "qmgr") => {
                    let trusted = name == "control";
                    let listener = intake::listener(socket)?;
                    tokio::spawn(control::serve(listener, trusted, events));
                }
                "showq" => {
                    let listener = intake::listener(socket)?;
                    let (reader, directory) = queue.storage();
                    tokio::spawn(showq::serve(listener, reader, directory, empty.into(), events));
                }
                // error, retry and discard: nobody connects to them, qmgr is their client.
                _ => {}
            }
        }
    }
    Ok(())
}

/// The log of a part of qmgr.
fn log_of(log: &Log, program: &str) -> Log {
    log.of_program(program)
}
