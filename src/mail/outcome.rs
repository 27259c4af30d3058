//! What became of one recipient in one delivery attempt.
//!
//! Every delivery agent ends here. The log word, the next step of qmgr and the text of a bounce
//! all come from this one value, so they cannot contradict each other.

use super::status::Status;

/// The result of one delivery attempt for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    /// What happens next.
    pub action: Action,
    /// Enhanced status code; its class agrees with the action.
    pub status: Status,
    /// What stands in parentheses in the log line, and in the bounce.
    pub text: String,
    /// The name and address of the remote server for `Remote-MTA`; empty if none.
    pub remote_mta: String,
    /// `smtp` or `x-unix`, with the text of the diagnostic; empty if it was our own decision.
    pub diagnostic: Option<Diagnostic>,
}

/// What the other side said, for `Diagnostic-Code` (RFC 3464 section 2.3.6).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Diagnostic {
    /// `smtp` or `x-unix`
    pub kind: String,
    /// Its words.
    pub text: String,
}

/// What happens to the recipient next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Action {
    /// `status=sent`: done; the other side guarantees notices (it spoke DSN) or it was final.
    Sent {
        /// What a success notice says.
        success: Success,
    },
    /// `status=deferred`: try again later.
    Deferred,
    /// `status=bounced`: tell the sender.
    Bounced,
    /// `status=deliverable` or `undeliverable`: probes and `sendmail -bv`.
    Probed {
        /// Whether delivery would have worked.
        deliverable: bool,
    },
}

/// The `Action:` field of a success notice (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Success {
    /// Into a mailbox or command.
    Delivered,
    /// To a server that will not report on it.
    Relayed,
    /// To a server that took over the duty to report: no notice from here.
    Transferred,
    /// Into several recipients.
    Expanded,
}

impl Outcome {
    /// Our own verdict, without a remote server; `status.class` decides: 2 delivered, 4 deferred,
    /// 5 bounced.
    pub fn own(status: Status, text: impl Into<String>) -> Self {
        let action = match status.class {
            2 => Action::Sent { success: Success::Delivered },
            5 => Action::Bounced,
            _ => Action::Deferred,
        };
        Self { action, status, text: text.into(), remote_mta: String::new(), diagnostic: None }
    }

    /// The word after `status=` in the log.
    pub fn log_word(&self) -> &'static str {
        match self.action {
            Action::Sent { .. } => "sent",
            Action::Deferred => "deferred",
            Action::Bounced => "bounced",
            Action::Probed { deliverable: true } => "deliverable",
            Action::Probed { deliverable: false } => "undeliverable",
        }
    }

    /// With `soft_bounce = yes`, what would bounce waits.
    pub fn softened(mut self, soft_bounce: bool) -> Self {
        if soft_bounce && self.action == Action::Bounced {
            self.action = Action::Deferred;
            self.status = self.status.with_class(4);
        }
        self
    }
}
