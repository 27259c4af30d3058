//! error(8), retry(8) and discard(8): agents that need nothing but the next hop, which is the
//! text of their verdict. They run inside qmgr.

use super::settings::{BuiltIn, Settings};
use crate::ipc::delivery::Request;
use crate::log::Log;
use crate::mail::envelope::Timestamp;
use crate::mail::outcome::{Action, Outcome};
use crate::mail::status::Status;
use crate::service::agent::{Delays, NOT_CACHED};
use crate::service::delivery_line::Line;

/// Delivers, logs, and returns the outcome, which is the same for all recipients.
pub(super) fn deliver(
    agent: BuiltIn,
    request: &Request,
    settings: &Settings,
    log: &Log,
    now: Timestamp,
) -> Outcome {
    let (class, default) = match agent {
        BuiltIn::Discard => (2, Status::new(2, 0, 0)),
        BuiltIn::Error | BuiltIn::Refused => (5, Status::new(5, 0, 0)),
        BuiltIn::Retry => (4, Status::new(4, 0, 0)),
    };
    let (status, text) = Status::split(&request.nexthop);
    // The agent decides what happens; a status of another class does not change that.
    let status = status.map_or(default, |status| match agent {
        BuiltIn::Discard if status.class != 2 => default,
        _ => status,
    });
    let mut outcome = Outcome::own(status.with_class(class), text);
    outcome.status = status;
    let trace = request.trace;
    let mut word = outcome.log_word();
    if trace.verify || trace.expand_only {
        let deliverable = agent == BuiltIn::Discard;
        outcome.action = Action::Probed { deliverable };
        let lost = trace.verify && !deliverable && !settings.negative_cache;
        word = if lost { NOT_CACHED } else { outcome.log_word() };
    } else if settings.soft_bounce && agent == BuiltIn::Error {
        outcome = outcome.softened(true);
        word = "SOFTBOUNCE";
    }
    let delays = Delays { started: now, connected: None, finished: now, reused: 0 };
    for to in &request.recipients {
        let line = Line {
            request,
            to,
            relay: "none",
            delays,
            tls: "",
            status: outcome.status,
            word,
            text: &outcome.text,
        };
        let line = line.text(settings.delay_decimals, settings.quote_logged);
        log.info(format_args!("{line}"));
    }
    outcome
}
