//! The root parent of local, virtual and pipe to its workers, and back, over a socket pair.
//!
//! A worker has the rights of one user and serves one [`Job`] at a time. After the frame of a job
//! come `content` bytes of the message, as they are; then the worker answers with one
//! [`Answer`].

use serde::{Deserialize, Serialize};

use crate::mail::status::Status;

/// The name under which the program is started as a worker.
pub const PROGRAM: &str = "postfix-worker";

/// What a worker is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Do `work` only if none of these forward files exists; the first that does is read instead.
    pub unless_forward: Vec<String>,
    /// The work.
    pub work: Work,
    /// How many bytes of content follow.
    pub content: u64,
}

/// The kinds of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Nothing but the forward files.
    Nothing,
    /// Parse text that has the form of a forward file.
    Parse(Vec<u8>),
    /// Read this `:include:` file.
    Include(String),
    /// Whether the home directory can be looked at.
    CheckHome(String),
    /// The values of the `Delivered-To:` headers of the content.
    DeliveredTo,
    /// Append to a file.
    Mailbox(Box<Mailbox>),
    /// Add a file to a maildir.
    Maildir(Box<Maildir>),
    /// Run a command.
    Command(Box<Command>),
}

/// How the content is changed on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// What stands before it: `From ` line and further headers, with their line ends.
    pub prefix: Vec<u8>,
    /// `>` before lines that start with `From `.
    pub quote_from: bool,
    /// `.` before lines that start with `.`.
    pub double_dots: bool,
    /// An empty line at the end.
    pub blank_line: bool,
    /// Line end, if not LF.
    pub line_end: Option<Vec<u8>>,
}

/// The ways to lock a mailbox, and how long to try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locking {
    /// flock(2)
    pub flock: bool,
    /// fcntl(2)
    pub fcntl: bool,
    /// A file `mailbox.lock`.
    pub dotlock: bool,
    /// That file may be impossible to make.
    pub dotlock_may_fail: bool,
    /// `deliver_lock_attempts`
    pub attempts: u32,
    /// `deliver_lock_delay`, seconds.
    pub delay: u32,
    /// `stale_lock_time`, seconds.
    pub stale: u32,
}

/// Appending to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Absolute path.
    pub path: String,
    /// How the content is changed.
    pub copy: Copy,
    /// How it is locked.
    pub locking: Locking,
    /// What the file must be.
    pub kind: MailboxKind,
    /// The status of errors that have none of their own.
    pub default_status: Status,
    /// The parent opened and locked it with root's rights: the worker asks for the descriptor,
    /// and sends no content before it has it.
    pub opened_by_parent: bool,
    /// The group to lock and open with, that of a spool directory which it may write.
    pub spool_group: Option<u32>,
    /// How long the file may become, if that is a matter of the recipient.
    pub size_limit: Option<u64>,
}

/// What a file must be so that mail is appended to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailboxKind {
    /// A user's mailbox: a regular file; with `owner` it must be that user's.
    User {
        /// `strict_mailbox_ownership`
        owner: Option<u32>,
    },
    /// As [`MailboxKind::User`], where the path came from a table of virtual(8).
    Virtual {
        /// `strict_mailbox_ownership`
        owner: Option<u32>,
        /// For a warning.
        recipient: String,
    },
    /// A file that an alias names: anything but an executable file.
    Destination,
}

/// Adding a file to a maildir.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maildir {
    /// Its path, with `/` at the end.
    pub path: String,
    /// How the content is changed.
    pub copy: Copy,
    /// `myhostname`'s place in file names: what gethostname(2) says.
    pub hostname: String,
    /// The status of errors that have none of their own.
    pub default_status: Status,
    /// The quota.
    pub limit: Option<Limit>,
    /// The user's own rules.
    pub filter: Option<Filter>,
}

/// How much a maildir may hold, and what counts (the parameters of the feature `vda`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Bytes; zero is no limit.
    pub bytes: u64,
    /// `virtual_mailbox_limit_inbox`
    pub inbox_only: bool,
    /// `virtual_maildir_extended`
    pub extended: bool,
    /// `virtual_create_maildirsize`
    pub creates_file: bool,
    /// `virtual_trash_name`, unless the trash counts.
    pub trash: Option<String>,
    /// `virtual_overquota_bounce`
    pub bounces: bool,
    /// What the sender hears.
    pub message: String,
}

/// A user's own rules for mail that comes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The file that holds them.
    pub file: String,
    /// The rules themselves, if a table has them.
    pub rules: Option<String>,
    /// Whether a rule may put a message into a folder.
    pub folders: bool,
}

/// Running a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// What to run.
    pub run: Run,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Its working directory.
    pub directory: Option<String>,
    /// How the content is changed.
    pub copy: Copy,
    /// Seconds until it is killed.
    pub time_limit: u32,
    /// The name of the agent, in what a failing exec says.
    pub agent: String,
}

/// What a command is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Run {
    /// Program and arguments.
    Argv(Vec<String>),
    /// A line for the shell, or for exec if no character of it is special.
    Line(String),
    /// A shell with its arguments (`local_command_shell`), and the line as its last one.
    Shell(Vec<String>, String),
}

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Lines for the log.
    pub warnings: Vec<String>,
    /// What came of it.
    pub result: Result<Done, Refusal>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Done {
    /// Delivered; a command may have said something.
    Delivered {
        /// Its output, made printable.
        output: String,
    },
    /// Appended to a file.
    Appended {
        /// Where in the file the message begins.
        at: u64,
    },
    /// A forward file was found instead.
    Forward(ForwardFile),
    /// The lines of an `:include:` file or of parsed text.
    Lines(Lines),
    /// The home directory is there.
    Home,
    /// The `Delivered-To:` values.
    DeliveredTo(Vec<String>),
    /// The parent is to send the mailbox now.
    SendDescriptor,
}

/// A forward file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForwardFile {
    /// Its index in [`Job::unless_forward`].
    pub index: usize,
    /// What it says; `None` if it was refused or could not be read, and a warning says why.
    pub lines: Option<Lines>,
}

/// Destinations, line by line: a failure on one line stops the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// Addresses, commands, files, includes in internal form.
    pub lines: Vec<Vec<String>>,
    /// Reading stopped with this error.
    pub error: Option<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Enhanced status code.
    pub status: Status,
    /// In the words of the log.
    pub text: String,
    /// What a command said, for `Diagnostic-Code: x-unix`.
    pub diagnostic: Option<String>,
    /// The last error was EACCES.
    pub access_denied: bool,
    /// What Postfix logs as the last words of the process that was to run a command.
    pub fatal: Option<String>,
}

impl Refusal {
    /// Without anything further.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), diagnostic: None, access_denied: false, fatal: None }
    }
}
