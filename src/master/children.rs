//! The processes that master has started: how one is born, spoken to, and missed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::hosts::Host;
use crate::config::{Config, parameters as p};
use crate::ipc::birth::{FromProcess, Reload, Start, ToProcess};
use crate::ipc::channel;
use crate::sys::descriptors;

/// A process that master has started.
#[derive(Debug)]
pub(super) struct Child {
    /// What it does.
    pub host: Host,
    /// Its process ID.
    pub pid: i32,
    /// When it was started.
    pub started: Instant,
    /// It has said that it serves.
    pub ready: bool,
    /// It was told to finish.
    pub draining: bool,
    messages: mpsc::UnboundedSender<ToProcess>,
    /// Where files are lent to it.
    lender: Option<UnixStream>,
}

/// What tasks tell master's loop.
#[derive(Debug)]
pub(super) enum Event {
    /// The process serves.
    Ready(i32),
    /// A line that it was to serve has wrong settings; see [`FromProcess::Died`].
    Died { program: String, number: u32 },
}

impl Child {
    /// Starts a process and gives it everything it needs.
    pub(super) fn start(
        host: Host,
        config: &Config,
        start: Start,
        sockets: &[Arc<OwnedFd>],
        foreground: bool,
        events: &mpsc::UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let (mut ours, theirs) = UnixStream::pair()?;
        let outputs = || if foreground { Stdio::inherit() } else { Stdio::null() };
        let child = Command::new(executable(config, host))
            .arg0(host.program())
            .env_remove(super::notify::VARIABLE)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(outputs())
            .stderr(outputs())
            .current_dir(config.queue_directory())
            .spawn()?;
        ours.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut frame = Vec::new();
        let lends = start.lender;
        channel::append_frame(&mut frame, &ToProcess::Start(start))?;
        ours.write_all(&frame)?;
        for socket in sockets {
            descriptors::send(ours.as_fd(), socket.as_fd())?;
        }
        let lender = match lends {
            true => {
                let (ours_to_lend, theirs) = UnixStream::pair()?;
                theirs.set_read_timeout(Some(Duration::from_secs(10)))?;
                ours_to_lend.set_write_timeout(Some(Duration::from_secs(10)))?;
                descriptors::send(ours.as_fd(), theirs.as_fd())?;
                Some(ours_to_lend)
            }
            false => None,
        };
        ours.set_nonblocking(true)?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let (messages, inbox) = mpsc::unbounded_channel();
        tokio::spawn(converse(tokio::net::UnixStream::from_std(ours)?, pid, inbox, events.clone()));
        Ok(Self {
            host,
            pid,
            started: Instant::now(),
            ready: false,
            draining: false,
            messages,
            lender,
        })
    }

    /// Tells the process to finish what is in flight and end.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        let _ = self.messages.send(ToProcess::Drain);
    }

    /// Tells the process to end now.
    pub(super) fn stop(&mut self) {
        self.draining = true;
        let _ = self.messages.send(ToProcess::Stop);
    }

    /// Gives qmgr a new configuration, and the files that it may not open itself.
    pub(super) fn reload(&self, sources: crate::config::Sources, files: Vec<(PathBuf, File)>) {
        let mut lent = Vec::new();
        for (path, file) in files {
            let Some(lender) = &self.lender else { break };
            if descriptors::send(lender.as_fd(), file.as_fd()).is_err() {
                break;
            }
            lent.push(path);
        }
        let _ = self.messages.send(ToProcess::Reload(Reload { sources, files: lent }));
    }
}

/// The program file: the one in `daemon_directory`, so that an upgrade takes effect at the next
/// start; where that is not installed, this very program under the other name.
fn executable(config: &Config, host: Host) -> PathBuf {
    let installed = PathBuf::from(config.text(&p::daemon_directory)).join(host.program());
    if installed.is_file() && is_ours(&installed) {
        return installed;
    }
    PathBuf::from("/proc/self/exe")
}

/// Whether a daemon file leads to a program of ours rather than to C Postfix's of that name.
fn is_ours(path: &std::path::Path) -> bool {
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt as _;
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    };
    match (
        std::fs::metadata(path),
        path.parent().map(|p| p.join("master")).and_then(|m| std::fs::metadata(m).ok()),
    ) {
        (Ok(program), Some(master)) => same(program, master),
        _ => false,
    }
}

async fn converse(
    stream: tokio::net::UnixStream,
    pid: i32,
    mut inbox: mpsc::UnboundedReceiver<ToProcess>,
    events: mpsc::UnboundedSender<Event>,
) {
    let (mut to, mut from) = channel::split::<ToProcess, FromProcess>(stream);
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(message) => if to.send(&message).await.is_err() { return },
                None => return,
            },
            said = from.next() => match said {
                Ok(Some(FromProcess::Ready)) => { let _ = events.send(Event::Ready(pid)); }
                Ok(Some(FromProcess::Died { program, number })) => {
                    let _ = events.send(Event::Died { program, number });
                }
                Ok(None) | Err(_) => return,
            },
        }
    }
}
