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
mod books;
mod built_in;
mod control;
mod event;
mod forward;
mod intake;
mod notices;
pub mod offline;
mod queue;
mod requests;
mod resolve;
pub mod scheduler;
mod settings;
mod showq;
mod sites;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

use crate::bounce::Bounce;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::service::birth::{self, Birth, Life, Reloads, Service};
use crate::service::profile::{Profile, RunAs, Threads};
use settings::Settings;

/// Who qmgr is and what it may touch.
pub const PROFILE: Profile = Profile {
    name: "qmgr",
    user: RunAs::MailOwner,
    writes: &["segments", "state", "private", "public"],
    executes: false,
    threads: Threads::One,
    purpose: "owns the queue: schedules deliveries, retries, bounces, lists",
};

/// What is opened before qmgr is confined.
pub(crate) struct Prepared {
    birth: Birth,
    parts: Parts,
}

/// What a configuration is turned into.
pub(crate) struct Parts {
    config: Arc<Config>,
    cleanup_config: Arc<Config>,
    tables: Arc<Tables>,
    rewrite: Arc<Rewrite>,
    bounce: Arc<Bounce>,
    settings: Arc<Settings>,
}

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    birth::run_reloading(&PROFILE, prepare, serve)
}

fn prepare(birth: Birth) -> Result<Prepared, String> {
    let parts = Parts::read(&birth)?;
    Ok(Prepared { birth, parts })
}

impl Parts {
    fn read(birth: &Birth) -> Result<Self, String> {
        let config = birth
            .services
            .iter()
            .find(|service| service.line.name == "qmgr")
            .map_or_else(|| birth.config.clone(), |service| service.config.clone());
        let rewrite_config = birth.config_of_service("rewrite");
        let cleanup_config = birth.config_of_service("cleanup");
        let bounce_config = birth.config_of_service("bounce");
        let tables = Tables::new(config.clone());
        let rewrite = Rewrite::new(&rewrite_config, &tables).map_err(|problem| problem.text)?;
        let settings = Settings::read(&config, &birth.all_services, &tables)?;
        let bounce = Arc::new(Bounce::new(&bounce_config, &birth.log)?);
        Ok(Self { config, cleanup_config, tables, rewrite, bounce, settings })
    }
}

async fn serve(prepared: Prepared, life: Life, reloads: Reloads) {
    let Prepared { birth, parts } = prepared;
    let Birth { services, log, all_services, .. } = birth;
    let log = services
        .iter()
        .find(|service| service.line.name == "qmgr")
        .map_or(log, |service| service.log.clone());
    let empty_address = parts.config.text(&p::empty_address_recipient);
    match queue::Queue::open(parts, all_services, log.clone()) {
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
        for socket in service.sockets {
            let events = queue.events();
            match service.line.name.as_str() {
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
