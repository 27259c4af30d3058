//! Why recipients could not be delivered: what becomes an outcome, or the line that says why the
//! next server is tried.

use crate::mail::outcome::{Action, Diagnostic, Outcome};
use crate::mail::status::Status;
use crate::wire::smtp_reply::Reply;

/// A failure, of the whole delivery or of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its class decides: 4 waits, 5 bounces.
    pub status: Status,
    /// As in the log.
    pub text: String,
    /// The server and its words, if it was the server.
    pub remote: Option<Remote>,
}

/// A server and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `Remote-MTA`
    pub host: String,
    /// `Diagnostic-Code`
    pub words: String,
}

impl Reason {
    /// Our own finding.
    pub fn own(status: Status, text: String) -> Self {
        Self { status, text, remote: None }
    }

    /// The server refused: `text` quotes it. A reply that fits no failure is a protocol error.
    pub fn said(host: &str, reply: &Reply, text: String) -> Self {
        let remote = Some(Remote { host: host.to_owned(), words: reply.one_line() });
        if matches!(reply.status.class, 4 | 5) {
            return Self { status: reply.status, text, remote };
        }
        Self { status: Status::new(5, 5, 0), text: format!("Protocol error: {text}"), remote }
    }

    /// Whether waiting may help.
    pub fn is_temporary(&self) -> bool {
        self.status.class == 4
    }

    /// The outcome for a recipient.
    pub fn outcome(&self) -> Outcome {
        let action = if self.is_temporary() { Action::Deferred } else { Action::Bounced };
        let (remote_mta, diagnostic) = match &self.remote {
            Some(remote) => (
                remote.host.clone(),
                Some(Diagnostic { kind: "smtp".into(), text: remote.words.clone() }),
            ),
            None => (String::new(), None),
        };
        Outcome { action, status: self.status, text: self.text.clone(), remote_mta, diagnostic }
    }
}

/// Whether a reply code says that one of the two sides breaks the protocol: then the connection
/// is not used again.
pub fn is_protocol_trouble(code: u16) -> bool {
    !(400..=599).contains(&code) || code == 555 || (500..510).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp_reply::{Collector, Step};

    fn reply(line: &str) -> Reply {
        match Collector::default().line(line, 100) {
            Step::Done(reply) => reply,
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn success_in_the_wrong_place_is_a_protocol_error() {
        let reason = Reason::said("mx", &reply("250 ok"), "host mx said: 250 ok".into());
        assert_eq!(reason.text, "Protocol error: host mx said: 250 ok");
        assert_eq!(reason.outcome().action, Action::Bounced);
        assert_eq!(reason.outcome().status, Status::new(5, 5, 0));
    }

    #[test]
    fn trouble() {
        let codes = [220, 354, 450, 500, 503, 510, 550, 555, 600];
        let trouble: Vec<_> = codes.into_iter().filter(|code| is_protocol_trouble(*code)).collect();
        assert_eq!(trouble, [220, 354, 500, 503, 555, 600]);
    }
}
