//! Standard input as records, watched together with the signals that a user may send: on one of
//! those the submission ends, and its unfinished file goes away.

use std::io;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::wire::queue_record::{Malformed, length, take};

/// A caller that is silent for this long has been forgotten: one day, in milliseconds.
const PATIENCE: i32 = 86_400_000;

/// The input.
#[derive(Debug)]
pub(super) struct Input {
    signals: SignalFd,
    buffer: Vec<u8>,
    /// What has been taken from the buffer.
    used: usize,
    /// How long a record may be.
    limit: usize,
}

/// Input that is no submission.
#[derive(Debug, thiserror::Error)]
pub(super) enum Bad {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("unexpected EOF in data, record type {0} length {1}")]
    Data(u8, usize),
    #[error("unexpected EOF reading length, record type {0}")]
    Length(u8),
    #[error("read: {0}")]
    Read(String),
    #[error("interrupted")]
    Interrupted,
    #[error("no input for a day")]
    Silent,
}

impl Input {
    /// Takes over standard input, and the signals that end the program.
    pub(super) fn open(limit: usize) -> io::Result<Self> {
        let mut wanted = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP] {
            wanted.add(signal);
        }
        wanted.thread_block()?;
        let signals =
            SignalFd::with_flags(&wanted, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, buffer: Vec::new(), used: 0, limit })
    }

    /// The next record; none at the end of the input.
    pub(super) fn next(&mut self) -> Result<Option<(u8, &[u8])>, Bad> {
        loop {
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            if let Some(record) = take(rest, self.limit)? {
                let (kind, start) = (record.kind, self.used + record.length - record.data.len());
                self.used += record.length;
                return Ok(Some((kind, self.buffer.get(start..self.used).unwrap_or_default())));
            }
            if self.fill()? == 0 {
                let rest = self.buffer.get(self.used..).unwrap_or_default();
                return match (rest.first(), length(rest)) {
                    (None, _) => Ok(None),
                    (Some(kind), Some(length)) => Err(Bad::Data(*kind, length)),
                    (Some(kind), None) => Err(Bad::Length(*kind)),
                };
            }
        }
    }

    fn fill(&mut self) -> Result<usize, Bad> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let stdin = io::stdin();
        loop {
            let mut wait = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let ready =
                poll(&mut wait, PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX));
            match ready {
                Ok(0) => return Err(Bad::Silent),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => return Err(Bad::Read(e.desc().into())),
                Ok(_) => {}
            }
            let [input, signals] = &wait;
            if signals.any() == Some(true) {
                return Err(Bad::Interrupted);
            }
            if input.any() != Some(true) {
                continue;
            }
            let at = self.buffer.len();
            self.buffer.resize(at + (1 << 16), 0);
            let read =
                nix::unistd::read(stdin.as_fd(), self.buffer.get_mut(at..).unwrap_or_default());
            self.buffer.truncate(at + *read.as_ref().unwrap_or(&0));
            match read {
                Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(Bad::Read(e.desc().into())),
                Ok(count) => return Ok(count),
            }
        }
    }
}
