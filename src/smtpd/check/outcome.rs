//! What one restriction comes to, and what refusing means: the reply, the log line, and the rules
//! that turn a refusal into a warning or a deferral.

use super::Checks;
use crate::lookup::TableError;
use crate::mail::status::Status;
use crate::smtpd::dialogue::Deferral;
use crate::smtpd::fault::Faults;
use crate::smtpd::settings::TempFail;

/// What a restriction or list decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the next one decides.
    Dunno,
    /// Permitted.
    Ok,
    /// Refused; the reply is in the state of the checks.
    Reject,
}

/// Leaves all nested lists at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The stage ends with this.
    To(Verdict),
    /// The connection is cut without a reply.
    HangUp,
}

/// A reply that refuses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal<'a> {
    /// Reply code.
    pub code: u16,
    /// Enhanced status code.
    pub dsn: &'a str,
    /// Text.
    pub text: &'a str,
}

impl<'a> Refusal<'a> {
    pub(super) const fn new(code: u16, dsn: &'a str, text: &'a str) -> Self {
        Self { code, dsn, text }
    }
}

/// Longest reply line without its line end (RFC 5321 section 4.5.3.1.5).
const REPLY_MAX: usize = 510;

impl Checks<'_> {
    /// Refuses, or only says so in the log under `warn_if_reject`.
    pub(super) fn reject(&mut self, class: Faults, refusal: Refusal<'_>) -> Verdict {
        let our_fault = class.any(our_faults());
        let only_warn = self.talk.checks.warn_if_reject != 0 && !our_fault;
        self.talk.faults.add(class);
        let mut reply = self.well_formed(&refusal);
        if !only_warn && self.talk.checks.defer_if_reject.active && reply.starts_with('5') {
            let Deferral { class, code, dsn, reason, .. } =
                self.talk.checks.defer_if_reject.clone();
            self.talk.checks.warn_if_reject = 0;
            self.talk.checks.defer_if_reject.active = false;
            return self.reject(class, Refusal::new(code, &dsn, &reason));
        }
        let mut digit = if reply.starts_with('4') { "4" } else { "5" };
        if self.service.settings.soft_bounce {
            digit = "4";
        }
        // The enhanced status code follows the reply code, whatever was configured.
        reply.replace_range(0..1, digit);
        reply.replace_range(4..5, digit);
        let what = if only_warn { "reject_warning" } else { "reject" };
        self.log.info(format_args!("{}", self.talk.report(what, &reply)));
        self.talk.checks.reply = reply;
        if only_warn { Verdict::Dunno } else { Verdict::Reject }
    }

    /// The reply line; a code that no refusal may have is reported and replaced.
    fn well_formed(&self, refusal: &Refusal<'_>) -> String {
        let mut reply = format!("{} {} {}", refusal.code, refusal.dsn, refusal.text);
        if !(400..=599).contains(&refusal.code) {
            self.log.warning(format_args!("SMTP reply code configuration error: {reply}"));
            reply = "450 4.7.1 Service unavailable".into();
        } else if refusal.dsn.parse::<Status>().is_err() {
            self.log.warning(format_args!("DSN detail code configuration error: {reply}"));
            reply = "450 4.7.1 Service unavailable".into();
        }
        if reply.len() > REPLY_MAX {
            reply.truncate(reply.floor_char_boundary(REPLY_MAX));
        }
        if reply.is_ascii() && !reply.contains(char::is_control) {
            return reply;
        }
        self.talk.printable(&reply, ' ')
    }

    /// Defers what would be permitted later on, or at once if `action` says so or if only
    /// warnings are wanted.
    pub(super) fn defer_if_permit(
        &mut self,
        action: TempFail,
        class: Faults,
        refusal: Refusal<'_>,
    ) -> Verdict {
        if self.talk.checks.warn_if_reject != 0 || action == TempFail::Defer {
            return self.reject(class, refusal);
        }
        raise(&mut self.talk.checks.defer_if_permit, class, &refusal);
        Verdict::Dunno
    }

    /// Defers what would be rejected later on.
    pub(super) fn defer_if_reject(&mut self, class: Faults, refusal: &Refusal<'_>) {
        raise(&mut self.talk.checks.defer_if_reject, class, refusal);
    }

    /// A table of addresses gave no answer: try again later, or the administrator must act.
    pub(super) fn maps_failed(&mut self, name: &str, error: &TableError) -> Jump {
        if error.config { self.configuration_error() } else { self.table_failed(name) }
    }

    /// A table could not be asked.
    pub(super) fn table_failed(&mut self, name: &str) -> Jump {
        let text = format!("<{name}>: Temporary lookup failure");
        Jump::To(self.reject(Faults::DATA, Refusal::new(451, "4.3.0", &text)))
    }

    /// main.cf says something that cannot be done.
    pub(super) fn configuration_error(&mut self) -> Jump {
        let text = "Server configuration error";
        Jump::To(self.reject(Faults::SOFTWARE, Refusal::new(451, "4.3.5", text)))
    }

    /// Permits, with a log line if `smtpd_log_access_permit_actions` wants it.
    pub(super) async fn permit(
        &mut self,
        action: &str,
        class: &str,
        name: &str,
        source: Option<&str>,
    ) -> Verdict {
        let wanted = &self.service.permit_log;
        if !self.talk.checks.defer_if_permit.active
            && !wanted.is_empty()
            && wanted.matches(action).await.unwrap_or(false)
        {
            // The space behind the name is there in any case.
            let from = source.map(|table| format!("from {table}")).unwrap_or_default();
            let text = format!("action={action} for {class}={name} {from}");
            self.log.info(format_args!("{}", self.talk.report("permit", &text)));
        }
        Verdict::Ok
    }
}

/// Faults that `warn_if_reject` cannot turn into warnings.
const fn our_faults() -> Faults {
    let mut faults = Faults::SOFTWARE;
    faults.add(Faults::RESOURCE);
    faults.add(Faults::DATA);
    faults
}

/// The first reason counts.
fn raise(deferral: &mut Deferral, class: Faults, refusal: &Refusal<'_>) {
    if !deferral.active {
        *deferral = Deferral {
            active: true,
            class,
            code: refusal.code,
            dsn: refusal.dsn.to_owned(),
            reason: refusal.text.to_owned(),
        };
    }
}

impl crate::smtpd::dialogue::CheckState {
    /// A stage begins.
    pub(super) fn start(&mut self) {
        self.recursion = 0;
        self.warn_if_reject = 0;
        self.defer_if_reject.active = false;
    }
}

/// An enhanced status code for an address becomes that of a sender or recipient, as the case is;
/// other things get none for an address (3.7.1 and so on pass).
pub(super) fn fitting_status(status: Status, class: &str) -> Status {
    if status.subject != 1 {
        return status;
    }
    let (subject, detail) = match (class, status.detail) {
        (super::SENDER, 2 | 8) => (1, 8),
        (super::SENDER, 1 | 3 | 4 | 6 | 7) => (1, 7),
        (super::SENDER, _) => (1, 0),
        (super::RECIPIENT, 8) => (1, 2),
        (super::RECIPIENT, 7) => (1, 3),
        (super::RECIPIENT, detail @ 1..=6) => (1, detail),
        (super::RECIPIENT, _) => (1, 0),
        _ => (0, 0),
    };
    Status { subject, detail, ..status }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtpd::check::{HELO, RECIPIENT, SENDER};

    #[test]
    fn status_codes_fit_what_is_rejected() {
        let fit = |text: &str, class| fitting_status(text.parse().unwrap(), class).to_string();
        assert_eq!(fit("5.1.1", SENDER), "5.1.7");
        assert_eq!(fit("5.1.2", SENDER), "5.1.8");
        assert_eq!(fit("4.1.8", RECIPIENT), "4.1.2");
        assert_eq!(fit("5.1.1", RECIPIENT), "5.1.1");
        assert_eq!(fit("5.1.1", HELO), "5.0.0");
        assert_eq!(fit("5.7.1", HELO), "5.7.1");
    }
}
