//! STARTTLS, and TLS before anything else (`smtpd_tls_wrappermode`).

use super::{Done, End, Session};
use crate::smtpd::connection::Lost;
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::wire::smtp_command::Word;

impl Session {
    /// Whether commands other than the first few are refused until there is TLS.
    pub(super) fn needs_tls(&self) -> bool {
        self.service.encryption.required && self.talk.tls.is_none()
    }

    /// Whether STARTTLS is announced.
    pub(super) fn offers_tls(&self) -> bool {
        self.service.encryption.offered
            && self.talk.tls.is_none()
            && !self.withheld.has(Keywords::STARTTLS)
    }

    /// Whether REQUIRETLS is announced, and known to MAIL.
    pub(super) fn offers_require_tls(&self) -> bool {
        self.talk.tls.is_some()
            && self.service.settings.require_tls
            && !self.withheld.has(Keywords::REQUIRETLS)
    }

    pub(super) async fn starttls(&mut self, words: &[Word<'_>]) -> Done {
        let refusal = |text: &str| (Faults::PROTOCOL, text.to_owned());
        if words.len() != 1 {
            return self.refuse(refusal("501 5.5.4 Syntax: STARTTLS")).await;
        }
        if let Some(reply) = self.milters_standing() {
            let later = reply.starts_with('4');
            self.reply(if later { "454 4.3.0 Try again later" } else { &reply }).await?;
            return Ok(false);
        }
        if self.talk.tls.is_some() {
            return self.refuse(refusal("554 5.5.1 Error: TLS already active")).await;
        }
        if !self.offers_tls() {
            return self.refuse(refusal("502 5.5.1 Error: command not implemented")).await;
        }
        if !self.can_encrypt() {
            let text = "454 4.7.0 TLS not available due to local problem";
            return self.refuse((Faults::SOFTWARE, text.into())).await;
        }
        if self.had_too_many_handshakes() {
            let peer = self.talk.peer.clone();
            self.log.warning(format_args!(
                "Refusing STARTTLS request from {} for service {}",
                peer.text, self.service.name
            ));
            let text = format!("454 4.7.0 Error: too many new TLS sessions from {}", peer.text);
            return self.refuse((Faults::POLICY, text)).await;
        }
        self.reply("220 2.0.0 Ready to start TLS").await?;
        self.io.flush().await?;
        self.milters_restart();
        self.talk.helo = None;
        self.reset_mail();
        self.reset_recipients();
        self.encrypt().await?;
        Ok(true)
    }

    /// TLS before the greeting, where that is the way; false ends the session.
    pub(super) async fn wrap(&mut self) -> Result<bool, End> {
        if !self.service.encryption.wrapper || self.talk.tls.is_some() {
            return Ok(true);
        }
        let (peer, service) = (self.talk.peer.clone(), self.service.clone());
        if !self.can_encrypt() {
            self.log.warning(format_args!(
                "Wrapper-mode request dropped from {} for service {}. TLS context initialization \
                 failed. For details see earlier warnings in your logs.",
                peer.text, service.name
            ));
            return Ok(false);
        }
        if self.had_too_many_handshakes() {
            self.log.warning(format_args!(
                "Refusing TLS service request from {} for service {}",
                peer.text, service.name
            ));
            return Ok(false);
        }
        self.encrypt().await?;
        Ok(!self.hang_up)
    }

    #[cfg(feature = "ssl")]
    fn can_encrypt(&self) -> bool {
        let server = self.service.encryption.server.as_ref();
        server.is_some_and(crate::tls::server::Server::is_ready)
    }

    #[cfg(not(feature = "ssl"))]
    fn can_encrypt(&self) -> bool {
        false
    }

    /// Without the feature nothing gets here: [`Self::can_encrypt`] has said no.
    #[cfg(not(feature = "ssl"))]
    async fn encrypt(&mut self) -> Result<(), End> {
        Err(End::Lost(Lost::Connection))
    }

    /// The handshake. What the client has sent too early is thrown away: it is not part of the
    /// encrypted dialogue (CVE-2011-0411).
    #[cfg(feature = "ssl")]
    async fn encrypt(&mut self) -> Result<(), End> {
        let service = self.service.clone();
        let Some(server) = &service.encryption.server else {
            return Err(End::Lost(Lost::Connection));
        };
        let peer = self.talk.peer.clone();
        let mut level = match service.encryption.log_level(&peer.name, &peer.address).await {
            Ok(level) => level,
            Err(_) => return Err(End::LocalData),
        };
        // Whoever is turned away for a certificate should find out why.
        level.untrusted |= service.encryption.requires_certificate;
        let client = crate::tls::server::Client { text: &peer.text, log: &self.log, level };
        let Some(socket) = self.io.take_plain() else { return Err(End::Lost(Lost::Connection)) };
        let facts = match server.accept(socket, client).await {
            Ok((stream, facts)) => {
                self.io.resume(stream);
                Some(facts)
            }
            Err(crate::tls::server::Failed) => None,
        };
        self.count_handshake(facts.as_ref()).await?;
        let Some(facts) = facts else { return Err(End::Lost(Lost::Connection)) };
        if level.summary {
            let role = crate::tls::Role::Server;
            self.log.info(format_args!("{}", facts.summary(role, &peer.text, false)));
        }
        self.talk.tls = Some(std::sync::Arc::new(facts));
        self.talk.login = None;
        self.activate_sasl().await?;
        if service.encryption.requires_certificate {
            self.require_certificate().await?;
        }
        Ok(())
    }

    /// Without a certificate that can be trusted, the session is over (`smtpd_tls_req_ccert`).
    #[cfg(feature = "ssl")]
    async fn require_certificate(&mut self) -> Result<(), End> {
        let peer = self.talk.tls.as_ref().and_then(|tls| tls.peer.as_ref());
        let problem = match peer {
            Some(peer) if peer.trusted => return Ok(()),
            Some(_) => "Client certificate not trusted",
            None => "No client certificate presented",
        };
        let text = self.talk.peer.text.clone();
        self.log.info(format_args!("NOQUEUE: abort: TLS from {text}: {problem}"));
        if !self.service.encryption.wrapper {
            // The reply has to be that to a command.
            self.read_command().await?;
        }
        let host = self.service.settings.myhostname.clone();
        self.reply(&format!("421 4.7.1 {host} Error: {problem}")).await?;
        self.talk.faults.add(Faults::POLICY);
        Ok(())
    }

    /// A session that is not resumed counts, whether it came about or not.
    #[cfg(feature = "ssl")]
    async fn count_handshake(&mut self, facts: Option<&crate::tls::Facts>) -> Result<(), End> {
        if facts.is_some_and(|facts| facts.resumed) || !self.has_too_many_handshakes() {
            return Ok(());
        }
        if facts.is_some() {
            let host = self.service.settings.myhostname.clone();
            let client = self.talk.peer.text.clone();
            self.reply(&format!("421 4.7.0 {host} Error: too many new TLS sessions from {client}"))
                .await?;
            self.io.close().await;
        }
        Err(End::Quiet)
    }
}
