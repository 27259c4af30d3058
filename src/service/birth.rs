//! The birth of a service process, on one page.
//!
//! 1. master starts the program with one end of a socket as descriptor 3, still as root;
//! 2. the process reads [`crate::ipc::birth::Start`] and its listening sockets, opens log,
//!    tables and spool directories (`prepare`);
//! 3. it confines itself as its [`Profile`] says, for good;
//! 4. it serves until master says drain (`serve`), then finishes what is in flight.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;

use super::profile::Profile;
use crate::config::Config;
use crate::config::master_cf::ServiceLine;
use crate::log::Log;

/// What a process has been given.
#[derive(Debug)]
pub struct Birth {
    /// The configuration without any `-o`.
    pub config: Arc<Config>,
    /// The master.cf lines to serve.
    pub services: Vec<Service>,
    /// All lines of master.cf.
    pub all_services: Vec<ServiceLine>,
    /// Whether master runs as root.
    pub privileged: bool,
    /// The log of the process.
    pub log: Log,
}

/// One master.cf line with its open sockets and its own view of the configuration.
#[derive(Debug)]
pub struct Service {
    /// The line.
    pub line: ServiceLine,
    /// [`Birth::config`] with the line's `-o` on top.
    pub config: Arc<Config>,
    /// Listening sockets, in the order of inet_interfaces.
    pub sockets: Vec<OwnedFd>,
    /// The log of the service: its own syslog_name, `-v`.
    pub log: Log,
}

/// How a service process hears from master while it serves. Clone it into tasks.
#[derive(Clone, Debug)]
pub struct Life {
    draining: tokio::sync::watch::Receiver<bool>,
}

impl Life {
    /// Whether no new work should be taken.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until master says drain.
    pub async fn drained(&mut self) {
        let _ = self.draining.wait_for(|draining| *draining).await;
    }
}

/// Runs a service process to its end. `prepare` runs before confinement and opens everything;
/// its error text is logged as `fatal:`. `serve` runs confined, and returns when it has drained.
pub fn run<State, Serve, Done>(
    profile: &Profile,
    prepare: impl FnOnce(Birth) -> Result<State, String>,
    serve: Serve,
) -> ExitCode
where
    Serve: FnOnce(State, Life) -> Done,
    Done: Future<Output = ()>,
{
    let _ = (profile, prepare, serve);
    ExitCode::FAILURE
}
