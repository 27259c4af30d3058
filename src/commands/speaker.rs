//! How a command speaks on standard error: `name: warning: text`, as Postfix's commands do.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// The voice of a command: it has the name that the command was started under.
#[derive(Clone, Debug)]
pub struct Speaker {
    program: String,
}

impl Speaker {
    /// The voice of `command`; the path it was started by comes first if it ends in that name.
    pub fn new(command: &str) -> Self {
        let started_as = std::env::args_os().next().unwrap_or_default();
        let matches = Path::new(&started_as).file_name().is_some_and(|name| name == command);
        let program =
            if matches { started_as.to_string_lossy().into_owned() } else { command.into() };
        Self { program }
    }

    /// The voice of `command`, whatever path it was started by.
    pub fn named(command: &str) -> Self {
        Self { program: command.into() }
    }

    /// The last part of the name.
    pub fn name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or_default()
    }

    /// The name as the command was started under it.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Says what happened.
    pub fn info(&self, text: impl Display) {
        self.say("", &text);
    }

    /// Says what is odd.
    pub fn warning(&self, text: impl Display) {
        self.say("warning: ", &text);
    }

    /// Says what failed; work goes on.
    pub fn error(&self, text: impl Display) {
        self.say("error: ", &text);
    }

    /// Says why the command gives up; returns its exit code.
    pub fn fatal(&self, text: impl Display) -> ExitCode {
        self.say("fatal: ", &text);
        ExitCode::FAILURE
    }

    /// One line in one piece, so that it is not mixed up with what others say. What would do
    /// something to a terminal is shown as `?`, as in Postfix.
    fn say(&self, word: &str, text: &dyn Display) {
        use std::io::Write as _;
        let text = text.to_string();
        let text = text.replace(|c: char| c.is_control() && c != '\n', "?");
        let line = format!("{}: {word}{text}\n", self.program);
        // Nothing to do about a closed standard error.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
