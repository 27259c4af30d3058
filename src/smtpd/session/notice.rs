//! The transcript of a session, and the notice to the postmaster when something went wrong in it
//! (`notify_classes`).

use super::{Session, received};
use crate::cleanup::{Origin, Skip};
use crate::mail::envelope::{Notify, Recipient};
use crate::smtpd::fault::Faults;
use crate::smtpd::service::Intake;

/// What was said, while anybody may want to know.
#[derive(Debug, Default)]
pub(super) struct History {
    wanted: bool,
    lines: Vec<Box<str>>,
}

/// Width of transcript lines, and how far continued ones are set in.
const WIDTH: usize = 78;
const INDENT: usize = 4;

impl History {
    /// Kept only if somebody is to be notified of anything.
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, lines: Vec::new() }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn add(&mut self, direction: &str, text: &str) {
        if self.wanted {
            self.lines.push([direction, text].concat().into());
        }
    }
}

impl Session {
    /// When the transcript has more than `threshold` lines, it is sent if need be, and begins
    /// anew.
    pub(super) async fn flush_history(&mut self, threshold: usize, reason: Option<&str>) {
        if self.history.lines.len() <= threshold {
            return;
        }
        let lines = std::mem::take(&mut self.history.lines);
        let faults = std::mem::take(&mut self.talk.faults);
        if faults.any(self.service.settings.notify) {
            Box::pin(self.notify(faults, &lines, reason)).await;
        }
    }

    async fn notify(&mut self, faults: Faults, lines: &[Box<str>], reason: Option<&str>) {
        let settings = &self.service.settings;
        let recipient = if faults.any(Faults::BOUNCE) {
            &settings.bounce_notice_recipient
        } else {
            &settings.error_notice_recipient
        };
        let mut text = format!(
            "From: Mail Delivery System <MAILER-DAEMON@{}>\nTo: Postmaster <{}>\n\
             Subject: {} SMTP server: errors from {}\n\nTranscript of session follows.\n\n",
            settings.myhostname,
            settings.error_notice_recipient,
            settings.mail_name,
            self.talk.peer.text
        );
        for line in lines {
            wrap(&mut text, line);
        }
        text.push('\n');
        if let Some(reason) = reason {
            text.push_str("Session aborted, reason: ");
            text.push_str(reason);
            text.push('\n');
        }
        text.push_str("\nFor other details, see the local mail logfile\n");
        let log = self.service.cleanup_log.with_number_of(&self.log);
        let Intake::Queue(cleanup) = &self.service.intake else { return };
        let mut message = cleanup.begin(Origin::Internal, Skip::default(), &log);
        message.envelope.internal = true;
        message.sender(&settings.double_bounce_address);
        message
            .recipient(Recipient {
                address: recipient.clone(),
                original: String::new(),
                dsn_orcpt: String::new(),
                notify: Notify::NEVER,
            })
            .await;
        let queue_id = message.queue_id();
        message.prepend(&received::of_notice(&settings.myhostname, &settings.mail_name, queue_id));
        message.content(text.as_bytes()).await;
        let _ = message.finish().await;
    }
}

/// Breaks a line at spaces; each piece begins with a space, since its text is from outside.
fn wrap(out: &mut String, line: &str) {
    let shown: String = line.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let mut rest = shown.as_str();
    let mut indent = 0;
    loop {
        let room = WIDTH - indent;
        let cut = if rest.len() <= room {
            rest.len()
        } else {
            let head = rest.get(..rest.floor_char_boundary(room + 1)).unwrap_or(rest);
            let space = head.rfind(' ').filter(|at| *at > 0);
            space.unwrap_or_else(|| rest.find(' ').unwrap_or(rest.len()))
        };
        let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        out.push(' ');
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(piece);
        out.push('\n');
        rest = after.trim_start_matches(' ');
        if rest.is_empty() {
            return;
        }
        indent = INDENT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps() {
        let mut out = String::new();
        wrap(&mut out, &format!("Out: {} {}", "a".repeat(60), "b".repeat(30)));
        assert_eq!(out, format!(" Out: {}\n     {}\n", "a".repeat(60), "b".repeat(30)));
        let mut out = String::new();
        wrap(&mut out, "In:  x\ty");
        assert_eq!(out, " In:  x?y\n");
    }
}
