//! master to the processes it starts, over the socket that each one inherits as standard input.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Sources;
use crate::config::master_cf::ServiceLine;

/// From master to a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToProcess {
    /// The first frame: everything the process needs to be born. `sockets` descriptors follow
    /// with SCM_RIGHTS, one byte of payload each, in the order of `services`.
    Start(Start),
    /// Reload or an upgrade: finish what is in flight, however long its clients take, take
    /// nothing new, exit.
    Drain,
    /// `postfix stop`: the same, but nobody is waited for.
    Stop,
    /// qmgr only: take over this configuration without exiting.
    Reload(Reload),
}

/// A new configuration for a process that lives on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reload {
    /// The configuration.
    pub sources: Sources,
    /// Files that its tables are in. They lie open on [`Start::lender`], in this order: the
    /// process has no rights any more to open them itself.
    pub files: Vec<PathBuf>,
}

/// How a process begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The configuration to run on.
    pub sources: Sources,
    /// The master.cf lines that this process serves.
    pub services: Vec<Service>,
    /// All lines of master.cf: qmgr finds the transports here.
    pub all_services: Vec<ServiceLine>,
    /// Whether the system runs as root; without root one user does everything.
    pub privileged: bool,
    /// Whether one more descriptor follows the sockets: the socket over which master lends files at
    /// a reload.
    pub lender: bool,
    /// Grows with each reload: tells instances of one program on different configurations apart.
    pub generation: u64,
}

/// One master.cf line and its sockets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// The line.
    pub line: ServiceLine,
    /// How many listening descriptors follow for it.
    pub sockets: usize,
}

/// From a process to master.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromProcess {
    /// Confined, and about to serve.
    Ready,
    /// A line of this process was called that cannot be served because of its settings: a process
    /// of Postfix, which has one for each line, would have died now.
    Died {
        /// The program that would have been started.
        program: String,
        /// The number that its log lines have.
        number: u32,
    },
}
