//! Handing a recipient to another transport (mailbox_transport, fallback_transport).

use super::attributes::Attributes;
use super::delivery::{Delivery, Retry};
use crate::ipc::delivery::FromAgent;
use crate::mail::outcome::Action;
use crate::service::pass::Passed;

impl Delivery {
    /// Passes the recipient to `transport:nexthop`; without next hop that of this request stays.
    pub(super) async fn pass(&mut self, attributes: &Attributes, place: &str) -> Retry {
        let agent = self.agent.clone();
        let to = self.to(attributes);
        match agent.passer.pass(&self.log, &self.request, to, place).await {
            Passed::Answers(answers) => self.passed(attributes, answers),
            Passed::Verdict(log, outcome) => {
                self.report_from(attributes, &log, "none", outcome).await
            }
            Passed::Failed(outcome) => {
                let log = self.log.clone();
                self.report_from(attributes, &log, "none", outcome).await
            }
        }
    }

    /// Takes over what the other agent said, which has logged it.
    fn passed(&mut self, attributes: &Attributes, answers: Vec<FromAgent>) -> Retry {
        let mut retry = false;
        for answer in answers {
            match answer {
                FromAgent::Recipient { outcome, .. } => {
                    retry |= outcome.action == Action::Deferred;
                    self.add_part(attributes, *outcome, None);
                }
                FromAgent::Expanded(expanded) => {
                    retry |= expanded.retry;
                    self.parts.extend(expanded.parts);
                    let forwards = expanded.forwards.into_iter();
                    self.forwards.extend(forwards.map(|f| (f.delivered_to.clone(), f)));
                }
                FromAgent::Handshake(_) | FromAgent::Done { .. } | FromAgent::Leaving => {}
            }
        }
        retry
    }
}
