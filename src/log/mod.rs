//! The mail log: lines in Postfix's form, to syslog or to `maillog_file`.
//!
//! A line is `postfix/smtpd[1234]: text`. The number stands where Postfix has its process ID;
//! tools pair lines by it, so each session takes one of its own with [`Log::session`]: unique
//! among concurrent sessions, stable within one. Lines leave in batches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The log of one daemon or session: who speaks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    /// `postfix/smtpd`
    tag: Arc<str>,
    /// What stands in brackets after it.
    number: u32,
    /// How often `-v` was given.
    verbose: u32,
}

/// How severe a line is; all but `Info` start with the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something that happened.
    Info,
    /// `warning: …`: somebody should look at it.
    Warning,
    /// `error: …`: something failed, and work goes on.
    Error,
    /// `fatal: …`: this program or session gives up.
    Fatal,
    /// `panic: …`: a bug.
    Panic,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Log {
    /// The log of `program` below `syslog_name` (such as `postfix` or `postfix/submission`),
    /// numbered with the process ID.
    pub fn new(syslog_name: &str, program: &str) -> Self {
        Self {
            tag: format!("{syslog_name}/{program}").into(),
            number: std::process::id(),
            verbose: 0,
        }
    }

    /// The same daemon, with the number of a new session.
    pub fn session(&self) -> Self {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = (std::process::id().wrapping_add(step)) % 4_194_304 + 1;
        Self { tag: self.tag.clone(), number, verbose: self.verbose }
    }

    /// The same with `-v` given `verbose` times.
    pub fn with_verbose(mut self, verbose: u32) -> Self {
        self.verbose = verbose;
        self
    }

    /// How often `-v` was given.
    pub fn verbose(&self) -> u32 {
        self.verbose
    }

    /// The number in brackets.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Logs what happened: `log.info(format_args!("connect from {peer}"))`.
    pub fn info(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Info, text);
    }

    /// Logs a warning.
    pub fn warning(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Warning, text);
    }

    /// Logs an error after which work goes on.
    pub fn error(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Error, text);
    }

    /// Logs why a program or session gives up. The caller ends it.
    pub fn fatal(&self, text: fmt::Arguments<'_>) {
        self.line(Level::Fatal, text);
    }

    /// Logs a line. Non-printing characters are shown as `?`, as in Postfix.
    pub fn line(&self, level: Level, text: fmt::Arguments<'_>) {
        let word = match level {
            Level::Info => "",
            Level::Warning => "warning: ",
            Level::Error => "error: ",
            Level::Fatal => "fatal: ",
            Level::Panic => "panic: ",
        };
        eprintln!("{}[{}]: {word}{text}", self.tag, self.number);
    }
}
