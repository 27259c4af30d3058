//! `reject_unverified_sender`, `reject_unverified_recipient`: whether mail for an address would get
//! through, which a probe finds out.

use super::outcome::{Refusal, Verdict};
use super::{Checks, SENDER};
use crate::config::{Config, parameters as p};
use crate::ipc::verify::{FromVerify, Status};
use crate::smtpd::fault::Faults;
use crate::smtpd::settings::{self, TempFail};
use std::time::Duration;

/// How long `unverified address:` texts may be.
const TEXT_MAX: usize = 250;

/// The parameters of address verification, as far as smtpd goes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// address_verify_poll_count
    polls: u32,
    /// address_verify_poll_delay
    delay: Duration,
    /// address_verify_service_name
    name: String,
    sender: Replies,
    recipient: Replies,
}

/// What is said about one kind of address.
#[derive(Clone, Debug)]
struct Replies {
    /// unverified_…_reject_code
    reject: u16,
    /// unverified_…_defer_code
    defer: u16,
    /// unverified_…_reject_reason; empty is what the agent said.
    reason: String,
    /// unverified_…_tempfail_action
    tempfail: TempFail,
}

impl Settings {
    /// Reads them. The error is what Postfix does not start with either.
    pub fn read(config: &Config) -> Result<Self, String> {
        Ok(Self {
            polls: settings::small(config.int(&p::address_verify_poll_count)),
            delay: config.time(&p::address_verify_poll_delay),
            name: config.text(&p::address_verify_service_name),
            sender: Replies {
                reject: settings::code(config.int(&p::unverified_sender_reject_code)),
                defer: settings::code(config.int(&p::unverified_sender_defer_code)),
                reason: config.text(&p::unverified_sender_reject_reason),
                tempfail: settings::temp_fail(
                    p::unverified_sender_tempfail_action.name,
                    &config.text(&p::unverified_sender_tempfail_action),
                )?,
            },
            recipient: Replies {
                reject: settings::code(config.int(&p::unverified_recipient_reject_code)),
                defer: settings::code(config.int(&p::unverified_recipient_defer_code)),
                reason: config.text(&p::unverified_recipient_reject_reason),
                tempfail: settings::temp_fail(
                    p::unverified_recipient_tempfail_action.name,
                    &config.text(&p::unverified_recipient_tempfail_action),
                )?,
            },
        })
    }
}

impl Checks<'_> {
    /// Refuses an address that mail does not reach, or about which too little is known.
    pub(super) async fn reject_unverified(&mut self, address: &str, class: &str) -> Verdict {
        let service = self.service;
        let settings = &service.settings.verify;
        let replies = if class == SENDER { &settings.sender } else { &settings.recipient };
        let dsn = if class == SENDER { "4.1.7" } else { "4.1.1" };
        let Some(FromVerify { status, text }) = self.verified(address).await else {
            self.log.warning(format_args!("{} service failure", settings.name));
            let text = format!("<{address}>: {class} rejected: address verification problem");
            let refusal = Refusal::new(450, dsn, &text);
            return self.defer_if_permit(replies.tempfail, Faults::POLICY, refusal);
        };
        let code = match status {
            Status::Deliverable => return Verdict::Dunno,
            Status::Unknown | Status::Deferred => replies.defer,
            Status::Bounced => replies.reject,
        };
        let why = match replies.reason.as_str() {
            reason if !reason.is_empty() && code >= 400 => reason,
            _ => &text,
        };
        match code / 100 {
            2 => Verdict::Dunno,
            4 => {
                let why = why.get(..why.floor_char_boundary(TEXT_MAX)).unwrap_or_default();
                let text = format!("<{address}>: {class} rejected: unverified address: {why}");
                let refusal = Refusal::new(code, dsn, &text);
                self.defer_if_permit(replies.tempfail, Faults::POLICY, refusal)
            }
            _ => {
                let text = format!("<{address}>: {class} rejected: undeliverable address: {why}");
                self.reject(Faults::POLICY, Refusal::new(code, dsn, &text))
            }
        }
    }

    /// What is known; waits a little for a probe under way. None: nobody answers.
    async fn verified(&self, address: &str) -> Option<FromVerify> {
        let service = self.service;
        let settings = &service.settings.verify;
        let trouble = |why: &str| {
            self.log.warning(format_args!("problem talking to service {}: {why}", settings.name));
        };
        let mut polls = 0;
        loop {
            let answer = service.verify.query(address, trouble).await.ok()?;
            polls += 1;
            if answer.status != Status::Unknown || polls >= settings.polls {
                return Some(answer);
            }
            tokio::time::sleep(settings.delay).await;
        }
    }
}
