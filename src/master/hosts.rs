//! Which process serves which master.cf line.

use crate::config::Config;
use crate::config::master_cf::ServiceLine;

/// A kind of process that master starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// The queue; first, because everybody talks to it.
    Qmgr,
    /// Private keys.
    Tlsmgr,
    /// PAM.
    Pamauth,
    /// Onward mail.
    Smtp,
    /// Mailboxes of users.
    Local,
    /// Virtual mailboxes.
    Virtual,
    /// Commands.
    Pipe,
    /// Commands that talk to clients themselves.
    Spawn,
    /// Submission from this machine.
    Pickup,
    /// Submission from the network; last, when there is somebody to take the mail.
    Smtpd,
}

/// What becomes of a master.cf line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A process serves its socket.
    Hosted(Host),
    /// A library inside other processes plays the part; its `-o` apply there.
    Library,
    /// Not in this release: master warns and goes on.
    Missing,
}

/// All kinds, in the order of their start.
pub const HOSTS: [Host; 10] = [
    Host::Qmgr,
    Host::Tlsmgr,
    Host::Pamauth,
    Host::Smtp,
    Host::Local,
    Host::Virtual,
    Host::Pipe,
    Host::Spawn,
    Host::Pickup,
    Host::Smtpd,
];

impl Host {
    /// The program name it is started under.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Qmgr => "qmgr",
            Self::Tlsmgr => "tlsmgr",
            Self::Pamauth => "pamauth",
            Self::Smtp => "smtp",
            Self::Local => "local",
            Self::Virtual => "virtual",
            Self::Pipe => "pipe",
            Self::Spawn => "spawn",
            Self::Pickup => "pickup",
            Self::Smtpd => "smtpd",
        }
    }
}

/// What is said about lines that nobody serves.
pub fn unserved(config: &Config, lines: &[ServiceLine]) -> Vec<String> {
    let missing = lines.iter().filter(|line| service(&line.program) == Service::Missing);
    let text = |line: &ServiceLine| {
        format!(
            "{}/master.cf: line {}: service {}: there is no program {} here; the service is not started",
            config.directory.display(),
            line.line,
            line.name,
            line.program
        )
    };
    missing.map(text).collect()
}

/// Who serves a line with this program.
pub fn service(program: &str) -> Service {
    match program {
        // postscreen is the front part of smtpd, and qmqpd its sister.
        "smtpd" | "postscreen" | "qmqpd" => Service::Hosted(Host::Smtpd),
        "pickup" | "postlogd" => Service::Hosted(Host::Pickup),
        "qmgr" | "oqmgr" | "nqmgr" | "showq" | "error" | "discard" | "verify" => {
            Service::Hosted(Host::Qmgr)
        }
        "smtp" | "lmtp" => Service::Hosted(Host::Smtp),
        "tlsmgr" if cfg!(feature = "ssl") => Service::Hosted(Host::Tlsmgr),
        "pamauth" if cfg!(feature = "pam") => Service::Hosted(Host::Pamauth),
        "local" => Service::Hosted(Host::Local),
        "virtual" => Service::Hosted(Host::Virtual),
        "pipe" => Service::Hosted(Host::Pipe),
        "spawn" => Service::Hosted(Host::Spawn),
        "cleanup" | "trivial-rewrite" | "bounce" | "flush" | "proxymap" | "anvil" | "scache"
        | "tlsmgr" | "tlsproxy" | "dnsblog" | "nbdb_reindexd" => Service::Library,
        _ => Service::Missing,
    }
}
