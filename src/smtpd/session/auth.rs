//! AUTH (RFC 4954), and what a session offers of it.

use super::{Done, End, Session};
use crate::sasl::server::{self, Step};
use crate::smtpd::anvil::Event;
use crate::smtpd::dialogue::Login;
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::smtpd::sasl::Remembered;
use crate::wire::smtp_command::Word;

/// How much of a client's words the log repeats.
const SHOWN_MAX: usize = 100;

impl Session {
    /// Finds out what can be offered: when the session begins, and again when it has become
    /// encrypted or has got another client (XCLIENT), after its login has been forgotten.
    pub(super) async fn activate_sasl(&mut self) -> Result<(), End> {
        self.offer = None;
        let service = self.service.clone();
        let Some(sasl) = &service.sasl else { return Ok(()) };
        if service.encryption.auth_only && !self.io.is_encrypted() {
            return Ok(());
        }
        match sasl.offer(self.sasl_session()).await {
            Ok(offer) => {
                self.offer = Some(offer);
                Ok(())
            }
            Err(error) => {
                self.log.fatal(format_args!("{error}"));
                Err(End::Fatal)
            }
        }
    }

    /// What EHLO announces, if anything.
    pub(super) async fn announced_mechanisms(&self) -> Result<Option<&str>, End> {
        let Some(sasl) = &self.service.sasl else { return Ok(None) };
        if self.withheld.has(Keywords::AUTH) {
            return Ok(None);
        }
        let Some(offer) = &self.offer else { return Ok(None) };
        match sasl.hides_from(&self.talk.peer).await {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(&offer.announced)),
            Err(_) => {
                self.log.warning(format_args!(
                    "don't know if EHLO feature AUTH should be announced to {}",
                    self.talk.peer.text
                ));
                Err(End::LocalData)
            }
        }
    }

    pub(super) async fn auth(&mut self, words: &[Word<'_>]) -> Done {
        if let Some(refusal) = self.too_many(Event::Auth).or_else(|| self.auth_not_now()) {
            return self.refuse(refusal).await;
        }
        if let Some(reply) = self.milters_standing() {
            let later = reply.starts_with('4');
            let reply = if later { "454 4.3.0 Try again later" } else { &reply };
            return self.refuse((Faults::POLICY, reply.into())).await;
        }
        if let Some(text) = self.auth_malformed(words) {
            return self.refuse((Faults::PROTOCOL, text.into())).await;
        }
        let argument = |index: usize| words.get(index).map(|word| word.text);
        let (mechanism, initial) = (argument(1).unwrap_or_default(), argument(2));
        self.wait_after_guesses().await;
        let step = match self.authenticate(mechanism, initial).await? {
            Ok(step) => step,
            Err(reply) => {
                self.reply(reply).await?;
                return Ok(false);
            }
        };
        match step {
            Step::Accepted(username) => {
                self.reply("235 2.7.0 Authentication successful").await?;
                self.log_in(mechanism, &username);
                Ok(true)
            }
            failure => {
                let text = match failure {
                    Step::Unknown { .. } => "454 4.7.0 Temporary authentication failure:",
                    _ => "535 5.7.8 Error: authentication failed:",
                };
                let wrong = matches!(failure, Step::Refused { .. });
                self.remember(failure);
                let reason = self.failed(mechanism);
                if wrong {
                    self.count_guess();
                }
                self.reply(&format!("{text} {reason}")).await?;
                Ok(false)
            }
        }
    }

    /// The client is this user from now on.
    pub(super) fn log_in(&mut self, method: &str, username: &str) {
        let method = self.talk.printable(method, '?');
        let username = self.talk.printable(username, '?');
        self.talk.login = Some(Login { method, username });
    }

    fn auth_not_now(&self) -> Option<(Faults, String)> {
        if self.service.settings.helo_required && self.talk.helo.is_none() {
            return Some((Faults::POLICY, "503 5.5.1 Error: send HELO/EHLO first".into()));
        }
        let text = if self.offer.is_none() || self.withheld.has(Keywords::AUTH) {
            "503 5.5.1 Error: authentication not enabled"
        } else if self.in_transaction() {
            "503 5.5.1 Error: MAIL transaction in progress"
        } else {
            return None;
        };
        Some((Faults::PROTOCOL, text.into()))
    }

    fn auth_malformed(&self, words: &[Word<'_>]) -> Option<&'static str> {
        if self.talk.login.is_some() {
            Some("503 5.5.1 Error: already authenticated")
        } else if !(2..=3).contains(&words.len()) {
            Some("501 5.5.4 Syntax: AUTH mechanism")
        } else {
            None
        }
    }

    /// The dialogue, up to its last step; or the reply with which it has been broken off.
    async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
    ) -> Result<Result<Step, &'static str>, End> {
        let service = self.service.clone();
        let (Some(sasl), Some(offer)) = (&service.sasl, &self.offer) else {
            return Ok(Err("503 5.5.1 Error: authentication not enabled"));
        };
        if sasl.authenticator.forgets_names() {
            self.auth_remembered.username = None;
        }
        if !offer.allows(mechanism) {
            return Ok(Ok(sasl.authenticator.not_offered(self.sasl_session(), mechanism)));
        }
        let begun = sasl.authenticator.begin(self.sasl_session(), mechanism, initial).await;
        let (mut step, exchange) = begun;
        let Some(mut exchange) = exchange else { return Ok(Ok(step)) };
        while let Step::Challenge(challenge) = step {
            let challenge = self.talk.printable(&challenge, '?');
            self.reply(&format!("334 {challenge}")).await?;
            self.auth_remembered.reason = challenge;
            let Some(response) = self.read_line(sasl.response_limit).await? else {
                return Ok(Err("500 5.5.6 SASL response limit exceeded"));
            };
            if response.bytes == b"*" {
                self.log.warning(format_args!(
                    "{}: SASL {mechanism} authentication aborted",
                    self.talk.peer.text
                ));
                return Ok(Err("501 5.7.0 Authentication aborted"));
            }
            let response = String::from_utf8_lossy(&response.bytes);
            step = exchange.respond(self.sasl_session(), &response).await;
        }
        Ok(Ok(step))
    }

    fn remember(&mut self, failure: Step) {
        let remembered = &mut self.auth_remembered;
        match failure {
            Step::Refused { reason, username } => *remembered = Remembered { reason, username },
            Step::Malformed(reason) => remembered.reason = reason,
            Step::Unknown { reason, username } => {
                remembered.reason = reason.unwrap_or(std::mem::take(&mut remembered.reason));
                remembered.username = username.or(remembered.username.take());
            }
            Step::Challenge(_) | Step::Accepted(_) => {}
        }
    }

    /// Says in the log that a login failed, in the words that fail2ban looks for. Returns the reason
    /// for the client.
    fn failed(&self, mechanism: &str) -> String {
        let Remembered { reason, username } = &self.auth_remembered;
        let reason = match reason.as_str() {
            "" => "(reason unavailable)".to_owned(),
            reason => self.talk.printable(reason, '?'),
        };
        let username = username.as_ref().map(|name| self.talk.printable(name, '?'));
        self.log.warning(format_args!(
            "{}: SASL {} authentication failed: {reason}, sasl_username={}",
            self.talk.peer.text,
            shortened(mechanism),
            username.as_deref().map_or("(unavailable)", shortened)
        ));
        reason
    }

    fn sasl_session(&self) -> server::Session<'_> {
        let peer = &self.talk.peer;
        server::Session {
            server_address: &peer.server_address,
            client_address: &peer.address,
            encrypted: self.io.is_encrypted(),
            log: &self.log,
        }
    }
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_MAX)).unwrap_or(text)
}
