//! Programs of others that look at mail before it is queued: milters, and what is needed to reach
//! them (and policy servers and proxy filters).
//!
//! ```text
//! parameters ─► Filters ─► Milters (one session) ─┬─ connect helo mail rcpt data … ─► Answer
//!                                                 └─ content ─► Edit*, Answer
//! ```
//!
//! Grammar is in `wire::milter`; here are connections, time limits and the state of each milter.
//! What an answer does to a session or a message is decided where they are: in smtpd and cleanup.

mod channel;
mod content;
mod endpoint;
mod milter;
mod milters;
mod options;
mod settings;

pub use self::content::{Shown, Step};
pub use self::endpoint::{Endpoint, Stream, plain_error};
pub use self::milters::{Client, Family, MacroSource, Milters, Saved};
pub use self::options::{BadOption, options, time};
pub use self::settings::{Common, Filters};

/// What a milter wants done with the command or the message; no answer is "go on".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is put on hold, for this reason (which may be empty).
    Hold(String),
    /// It is taken, and thrown away.
    Discard,
    /// 421, and the connection ends.
    Shutdown,
    /// It is refused with this SMTP reply, lines joined by CR LF.
    Reply(String),
}

/// The text of an [`Answer::Hold`] for the log, whatever its reason.
pub const HOLD_TEXT: &str = "milter triggers HOLD action";

/// The text of an [`Answer::Discard`] for the log.
pub const DISCARD_TEXT: &str = "milter triggers DISCARD action";
