//! A recipient that is neither alias nor user: fallback_transport, luser_relay, or the end.

use super::attributes::{Attributes, Subject};
use super::delivery::{Delivery, Retry};
use super::expand::expand;
use crate::mail::address::{same, unquote};
use crate::mail::envelope::RewriteContext;

impl Delivery {
    /// Delivers to an unknown user.
    pub(super) async fn unknown(&mut self, attributes: &Attributes, subject: &Subject) -> Retry {
        let mut attributes = attributes.deeper();
        if self.seen(&format!("deliver_unknown {}", attributes.local)) {
            return false;
        }
        let settings = self.settings();
        let fallback = match settings.fallback_transport_maps.find(&attributes.user).await {
            Ok(found) => found,
            Err(_) => return self.say(&attributes, (4, 3, 0), "table lookup failure").await,
        };
        let general = &settings.fallback_transport;
        let fallback = fallback.or_else(|| (!general.is_empty()).then(|| general.clone()));
        if let Some(transport) = fallback {
            return self.pass(&attributes, &transport).await;
        }
        if !settings.luser_relay.is_empty() {
            attributes.unmatched = None;
            return self.luser_relay(&attributes, subject).await;
        }
        let user = attributes.user.clone();
        if user.eq_ignore_ascii_case("mailer-daemon") || user.eq_ignore_ascii_case("postmaster") {
            self.log.warning(format_args!("required alias not found: {user}"));
            return self.say(&attributes, (2, 0, 0), "discarded").await;
        }
        self.no_such_user(&attributes).await
    }

    async fn no_such_user(&mut self, attributes: &Attributes) -> Retry {
        self.say(attributes, (5, 1, 1), format!("unknown user: \"{}\"", attributes.user)).await
    }

    async fn luser_relay(&mut self, attributes: &Attributes, subject: &Subject) -> Retry {
        let settings = self.settings();
        let pattern = &settings.luser_relay;
        let delimiters = &settings.extensions.delimiters;
        let relay = expand(pattern, attributes, subject, delimiters, None);
        for warning in relay.warnings {
            self.log.warning(format_args!("{warning}"));
        }
        let address = unquote(&relay.text);
        let complete = settings.rewrite.rewrite(RewriteContext::Local, &address);
        if same(&complete, &attributes.address) {
            return self.no_such_user(attributes).await;
        }
        self.resolve(attributes, subject, &address).await
    }
}
