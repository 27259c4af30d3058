//! Tells a service manager how master is doing: sd_notify(3), without its library.
//!
//! The manager names a datagram socket in `NOTIFY_SOCKET`. Without that variable nobody wants to
//! know. What cannot be delivered is dropped: no mail depends on it.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The variable; children of master do not inherit it.
pub(super) const VARIABLE: &str = "NOTIFY_SOCKET";

/// How long a manager that does not read may hold master up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct Manager {
    way: Option<(UnixDatagram, SocketAddr)>,
}

impl Manager {
    /// As the environment of this process says.
    pub(super) fn from_environment() -> Self {
        Self::at(std::env::var_os(VARIABLE))
    }

    fn at(name: Option<OsString>) -> Self {
        let address = name.as_deref().and_then(address);
        let socket = UnixDatagram::unbound().ok();
        Self { way: socket.zip(address) }
    }

    /// All sockets are open and the processes are started.
    pub(super) fn ready(&self, what: &str) {
        self.say(&format!("READY=1\nSTATUS={}", one_line(what)));
    }

    /// A reload has begun; [`Self::ready`] or [`Self::unchanged`] ends it.
    pub(super) fn reloading(&self) {
        // systemd tells an old answer from a new one by the time since boot (sd_notify(3)).
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map_or(0, |now| Duration::from(now).as_micros());
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reading the configuration"));
    }

    /// A reload was refused: the old configuration serves on.
    pub(super) fn unchanged(&self, why: &str) {
        self.ready(&format!("Reload refused, the last good configuration serves: {why}"));
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=Waiting for what is in flight");
    }

    fn say(&self, text: &str) {
        if let Some((socket, address)) = &self.way {
            let _ = socket.set_write_timeout(Some(PATIENCE));
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

/// A path, or after `@` a name in the abstract namespace; anything else is no address of ours.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        _ => None,
    }
}

/// One assignment is one line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test reports by panicking")]
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn the_manager_hears_every_turn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::at(Some(path.into()));
        manager.ready("/etc/postfix");
        assert_eq!(heard(&socket), "READY=1\nSTATUS=/etc/postfix");
        manager.reloading();
        let text = heard(&socket);
        let time = text.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
        assert!(text.starts_with("RELOADING=1\n") && time.parse::<u64>().unwrap() > 0, "{text}");
        manager.unchanged("line 3:\nno");
        let text = heard(&socket);
        assert!(text.starts_with("READY=1\nSTATUS=Reload refused"), "{text}");
        assert!(text.ends_with(": line 3: no") && text.lines().count() == 2, "{text}");
        manager.stopping();
        assert!(heard(&socket).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn abstract_names_are_addresses() {
        let name = format!("postfix-rs-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Manager::at(Some(format!("@{name}").into())).stopping();
        assert!(heard(&socket).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn nobody_listens() {
        for name in [None, Some(""), Some("vsock:2:1234"), Some("relative"), Some("/nowhere/x")] {
            Manager::at(name.map(Into::into)).stopping();
        }
    }
}
