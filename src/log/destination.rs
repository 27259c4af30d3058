//! Where lines go: the system's log socket, a file, or postlogd's socket.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use nix::sys::socket::{MsgFlags, MultiHeaders, UnixAddr, sendmmsg};

/// Where the lines of this process go.
#[derive(Debug)]
pub enum Destination {
    /// `/dev/log`
    Syslog,
    /// An open `maillog_file`; lines carry time stamp and host name.
    File {
        /// Opened to append.
        file: File,
        /// The system's name as it stands in each line.
        hostname: String,
    },
    /// postlogd's datagram socket, for programs that may not write the file themselves.
    Postlog(PathBuf),
    /// Nowhere; unit tests.
    Null,
}

/// A syslog facility (`syslog_facility`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// mail
    pub const MAIL: Self = Self(2);

    /// By the name that `syslog_facility` has.
    pub fn from_name(name: &str) -> Option<Self> {
        const NAMES: [&str; 12] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp",
        ];
        let local =
            name.strip_prefix("local").and_then(|n| n.parse::<u8>().ok()).filter(|n| *n < 8);
        match NAMES.iter().position(|known| *known == name) {
            Some(number) => u8::try_from(number).ok().map(Self),
            None => local.map(|n| Self(16 + n)),
        }
    }

    /// `<NN>`'s number for a severity.
    pub(super) const fn priority(self, severity: u8) -> u8 {
        self.0 * 8 + severity
    }
}

/// The syslog socket of this process, connected at first use.
#[derive(Debug, Default)]
pub(super) struct Socket(Option<UnixDatagram>);

impl Socket {
    /// Sends datagrams, the pieces of `bytes` that end at `ends`; returns how many left. Blocks
    /// no longer than the socket's send time limit.
    pub(super) fn send(
        &mut self,
        path: &std::path::Path,
        bytes: &[u8],
        ends: &[usize],
    ) -> io::Result<usize> {
        let socket = match &self.0 {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(std::time::Duration::from_millis(200)))?;
                self.0.insert(socket)
            }
        };
        let sent = send_all(socket, bytes, ends);
        if sent.is_err() {
            self.0 = None; // the log daemon was restarted, perhaps: connect again next time
        }
        sent
    }
}

fn send_all(socket: &UnixDatagram, bytes: &[u8], ends: &[usize]) -> io::Result<usize> {
    let mut start = 0;
    let lines: Vec<[IoSlice<'_>; 1]> = ends
        .iter()
        .map(|end| {
            let line = bytes.get(start..*end).unwrap_or_default();
            start = *end;
            [IoSlice::new(line)]
        })
        .collect();
    if let [[line]] = lines.as_slice() {
        return socket.send(line).map(|_| 1);
    }
    let mut headers = MultiHeaders::<UnixAddr>::preallocate(lines.len(), None);
    let none = vec![None; lines.len()];
    let sent = sendmmsg(socket.as_raw_fd(), &mut headers, &lines, none, [], MsgFlags::empty())?;
    Ok(sent.count())
}

/// Writes a batch of whole lines in one call where the system allows it.
pub(super) fn write_file(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}
