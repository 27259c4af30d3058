//! The mail log: lines in Postfix's form, to syslog or to `maillog_file`.
//!
//! A line is `postfix/smtpd[1234]: text`. The number stands where Postfix has its process ID;
//! tools pair lines by it, so each session takes one of its own with [`Log::session`]: unique
//! among concurrent sessions, stable within one. In a service process lines leave in batches.

mod batch;
mod destination;
mod stamp;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::batch::{flush, start_batching};
pub use self::destination::{Destination, Facility};

/// The log of one daemon or session: who speaks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    /// `postfix/smtpd`
    tag: Arc<str>,
    /// What stands in brackets after it.
    number: u32,
    /// How often `-v` was given.
    verbose: u32,
    /// Commands say everything on standard error too, with this name in front.
    stderr_name: Option<Arc<str>>,
    /// Everything is said on standard output, and nowhere else: what a command is asked for.
    is_output: bool,
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

impl Level {
    /// What a line of this level starts with.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "",
            Self::Warning => "warning: ",
            Self::Error => "error: ",
            Self::Fatal => "fatal: ",
            Self::Panic => "panic: ",
        }
    }

    /// The syslog severity (RFC 3164 section 4.1.1).
    const fn severity(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warning => 4,
            Self::Error => 3,
            Self::Fatal | Self::Panic => 2,
        }
    }
}

/// Counts sessions of this process; see [`Log::session`].
static SESSIONS: AtomicU32 = AtomicU32::new(1);

/// Numbers stay below Linux's largest process ID.
const NUMBERS: u32 = 4_194_304;

/// Decides where all lines of this process go; may be called again after a reload. Until then
/// they go to syslog, facility mail.
pub fn set_destination(destination: Destination, facility: Facility) {
    batch::set_destination(destination, facility);
}

impl Log {
    /// The log of `program` below `syslog_name` (such as `postfix` or `postfix/submission`),
    /// numbered with the process ID.
    pub fn new(syslog_name: &str, program: &str) -> Self {
        Self {
            tag: format!("{syslog_name}/{program}").into(),
            number: std::process::id(),
            verbose: 0,
            stderr_name: None,
            is_output: false,
        }
    }

    /// The log of a command: lines also go to standard error, as `program: text`.
    pub fn for_command(syslog_name: &str, program: &str) -> Self {
        Self { stderr_name: Some(program.into()), ..Self::new(syslog_name, program) }
    }

    /// The same, with another name on standard error: that under which the command was started.
    pub fn named_on_stderr(self, name: &str) -> Self {
        Self { stderr_name: Some(name.into()), ..self }
    }

    /// The log of a command that Postfix tags with its bare name, such as `postfix`.
    pub fn tagged(tag: &str) -> Self {
        Self { tag: tag.into(), ..Self::new("", "") }
    }

    /// For a command whose log lines are its output: `name: text` on standard output.
    pub fn as_output(name: &str) -> Self {
        Self { is_output: true, ..Self::tagged(name) }
    }

    /// The same, with everything on standard error too, named by its whole tag.
    pub fn to_stderr(self) -> Self {
        Self { stderr_name: Some(self.tag.clone()), ..self }
    }

    /// The same, without standard error: for the words of another program.
    pub fn without_stderr(self) -> Self {
        Self { stderr_name: None, ..self }
    }

    /// The log of a part of this process that Postfix has as a program of its own, such as
    /// `cleanup` inside smtpd: same `syslog_name` and number, another program.
    pub fn of_program(&self, program: &str) -> Self {
        let syslog_name = self.tag.rsplit_once('/').map_or("postfix", |(name, _)| name);
        Self { tag: format!("{syslog_name}/{program}").into(), ..self.clone() }
    }

    /// The same daemon, with the number of a new session.
    pub fn session(&self) -> Self {
        let step = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let number = std::process::id().wrapping_add(step) % NUMBERS + 1;
        Self { number, ..self.clone() }
    }

    /// The same with the number of another log: several programs that speak for one session.
    pub fn with_number_of(&self, other: &Self) -> Self {
        Self { number: other.number, ..self.clone() }
    }

    /// Speaks for another process: its tag and number, for a line that only this one can write.
    pub fn speaking_as(&self, tag: &str, number: u32) -> Self {
        Self { tag: tag.into(), number, ..self.clone() }
    }

    /// What stands before the number, such as `postfix/smtpd`.
    pub fn tag(&self) -> &str {
        &self.tag
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

    /// Logs a line. Control characters are shown as `?`, as in Postfix; so is what is no UTF-8
    /// by the time it is a Rust string.
    pub fn line(&self, level: Level, text: fmt::Arguments<'_>) {
        use std::io::Write as _;
        if self.is_output {
            // Whoever reads it may have had enough.
            let _ = writeln!(std::io::stdout(), "{}: {}{text}", self.tag, level.word());
            return;
        }
        if let Some(name) = &self.stderr_name {
            // Nothing to do about a closed standard error.
            let _ = writeln!(std::io::stderr(), "{name}: {}{text}", level.word());
        }
        batch::push(&self.tag, self.number, level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_their_own_numbers() {
        let log = Log::new("postfix", "smtpd");
        let (a, b) = (log.session(), log.session());
        assert_ne!(a.number(), b.number());
        assert_eq!(a.of_program("cleanup").number(), a.number());
        assert_eq!(&*a.of_program("cleanup").tag, "postfix/cleanup");
        assert_eq!(
            &*Log::new("postfix/submission", "smtpd").of_program("x").tag,
            "postfix/submission/x"
        );
    }
}
