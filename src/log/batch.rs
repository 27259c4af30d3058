//! Gathers lines and lets them leave together.
//!
//! In a service process a task writes what has gathered a few milliseconds after the first line;
//! before that task runs, and in commands, each line leaves at once. What gathers is bounded:
//! beyond the bound the speaker writes the batch itself.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Level;
use super::destination::{Destination, Facility, Socket, write_file};
use super::stamp::Stamp;

/// How long a line may wait for company.
const DELAY: Duration = Duration::from_millis(10);
/// A batch of this many bytes does not wait.
const FULL: usize = 64 << 10;
/// Longest text of one line, as in Postfix; the word for the level is not counted.
const LINE_MAX: usize = 2000;

static BATCH: Mutex<Option<Batch>> = Mutex::new(None);
static GATHERED: Notify = Notify::const_new();
static BATCHING: AtomicBool = AtomicBool::new(false);

#[derive(Debug)]
struct Batch {
    destination: Destination,
    facility: Facility,
    socket: Socket,
    stamp: Stamp,
    bytes: String,
    ends: Vec<usize>,
}

impl Batch {
    fn new(destination: Destination, facility: Facility) -> Self {
        Self {
            destination,
            facility,
            socket: Socket::default(),
            stamp: Stamp::default(),
            bytes: String::new(),
            ends: Vec::new(),
        }
    }

    /// Appends one line in the form of the destination.
    fn append(&mut self, tag: &str, number: u32, level: Level, text: fmt::Arguments<'_>) {
        let out = &mut self.bytes;
        let start = out.len();
        // Writing to a String cannot fail.
        let _ = match &self.destination {
            Destination::Syslog => {
                write!(out, "<{}>{} ", self.facility.priority(level.severity()), self.stamp.text())
            }
            Destination::File { hostname, .. } => write!(out, "{} {hostname} ", self.stamp.text()),
            Destination::Postlog(_) | Destination::Null => Ok(()),
        };
        let _ = write!(out, "{tag}[{number}]: ");
        out.push_str(level.word());
        let begin = out.len();
        let _ = write!(out, "{text}");
        make_printable(out, begin);
        if matches!(self.destination, Destination::File { .. }) {
            out.push('\n');
        }
        if matches!(self.destination, Destination::Null) {
            out.truncate(start);
        } else {
            self.ends.push(out.len());
        }
    }

    /// Writes everything out. A line that cannot be written is lost: the log never stops mail.
    fn write_out(&mut self) {
        if self.ends.is_empty() {
            return;
        }
        let _ = match &mut self.destination {
            Destination::Syslog => {
                self.socket.send(Path::new("/dev/log"), self.bytes.as_bytes(), &self.ends)
            }
            Destination::Postlog(path) => self.socket.send(path, self.bytes.as_bytes(), &self.ends),
            Destination::File { file, .. } => write_file(file, self.bytes.as_bytes()).map(|()| 0),
            Destination::Null => Ok(0),
        };
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Cuts the line that begins at `begin` to its bound and hides control characters.
fn make_printable(out: &mut String, begin: usize) {
    if out.len() - begin > LINE_MAX {
        let cut = (begin..=begin + LINE_MAX).rev().find(|at| out.is_char_boundary(*at));
        out.truncate(cut.unwrap_or(begin));
    }
    let text = out.get(begin..).unwrap_or_default();
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        out.truncate(begin);
        out.push_str(&clean);
    }
}

fn lock() -> MutexGuard<'static, Option<Batch>> {
    BATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<R>(use_it: impl FnOnce(&mut Batch) -> R) -> R {
    let mut guard = lock();
    use_it(guard.get_or_insert_with(|| {
        let destination = if cfg!(test) { Destination::Null } else { Destination::Syslog };
        Batch::new(destination, Facility::MAIL)
    }))
}

pub(super) fn set_destination(destination: Destination, facility: Facility) {
    let mut guard = lock();
    if let Some(old) = guard.as_mut() {
        old.write_out();
    }
    let mut batch = Batch::new(destination, facility);
    // Loads the time zone now: later this process may be confined.
    batch.stamp.text();
    *guard = Some(batch);
}

pub(super) fn push(tag: &str, number: u32, level: Level, text: fmt::Arguments<'_>) {
    let (first, waits) = with(|batch| {
        let first = batch.ends.is_empty();
        batch.append(tag, number, level, text);
        let waits =
            BATCHING.load(Ordering::Relaxed) && level < Level::Fatal && batch.bytes.len() < FULL;
        if !waits {
            batch.write_out();
        }
        (first, waits)
    });
    if first && waits {
        GATHERED.notify_one();
    }
}

/// Writes what has gathered. Call it before the process ends.
pub fn flush() {
    with(Batch::write_out);
}

/// From now on lines gather; a task on the current tokio runtime writes them out.
pub fn start_batching() {
    BATCHING.store(true, Ordering::Relaxed);
    tokio::spawn(async {
        loop {
            GATHERED.notified().await;
            tokio::time::sleep(DELAY).await;
            flush();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut out = "tag: ".to_owned();
        out.push_str(text);
        make_printable(&mut out, 5);
        assert_eq!(out.get(5..).unwrap(), expected);
    }

    #[test]
    fn control_characters_are_hidden() {
        check("plain", "plain");
        check("a\nb\x7fc\0", "a?b?c?");
        check("grün", "grün");
    }

    #[test]
    fn lines_are_bounded() {
        let long = "ü".repeat(LINE_MAX);
        let mut out = long.clone();
        make_printable(&mut out, 0);
        assert_eq!(out.len(), LINE_MAX);
        assert!(long.starts_with(&out));
    }
}
