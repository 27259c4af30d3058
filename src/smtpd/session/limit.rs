//! What one client may do in a while (`smtpd_client_…_limit`), as anvil counts it.

use super::Session;
use crate::smtpd::anvil::Event;
use crate::smtpd::fault::Faults;
use crate::smtpd::guesses;

impl Session {
    /// `smtpd_client_connection_count_limit`, `smtpd_client_connection_rate_limit`
    pub(super) fn count_connection(&mut self) -> Option<String> {
        if !self.is_counted() {
            return None;
        }
        let peer = self.talk.peer.clone();
        let (open, recent) = self.service.anvil.connect(peer.ip);
        self.connections = open;
        self.connection_counted = true;
        let limits = self.service.settings.client_limits;
        let (what, count) = if limits.connection_count > 0 && open > limits.connection_count {
            self.talk.faults.add(Faults::POLICY);
            ("concurrency", open)
        } else if limits.connection_rate > 0 && recent > limits.connection_rate {
            ("rate", recent)
        } else {
            return None;
        };
        self.log.warning(format_args!(
            "Connection {what} limit exceeded: {count} from {} for service {}",
            peer.text, self.service.name
        ));
        Some(format!(
            "421 4.7.0 {} Error: too many connections from {}",
            self.service.settings.myhostname, peer.address
        ))
    }

    /// The session is over: anvil has one connection less.
    pub(super) fn count_disconnection(&mut self) {
        if std::mem::take(&mut self.connection_counted) {
            self.service.anvil.disconnect(self.talk.peer.ip);
        }
    }

    /// `smtpd_client_message_rate_limit`, `smtpd_client_recipient_rate_limit`,
    /// `smtpd_client_auth_rate_limit`
    pub(super) fn too_many(&mut self, event: Event) -> Option<(Faults, String)> {
        let limits = self.service.settings.client_limits;
        let (limit, what, text) = match event {
            Event::Message => (limits.message_rate, "Message delivery request", "too much mail"),
            Event::Recipient => (limits.recipient_rate, "Recipient address", "too many recipients"),
            Event::Auth => (limits.auth_rate, "AUTH command", "too many AUTH commands"),
            Event::Connection | Event::NewTls => return None,
        };
        if limit == 0 || !self.is_counted() {
            return None;
        }
        let peer = &self.talk.peer;
        let rate = self.service.anvil.count(peer.ip, event);
        if rate <= limit {
            return None;
        }
        self.log.warning(format_args!(
            "{what} rate limit exceeded: {rate} from {} for service {}",
            peer.text, self.service.name
        ));
        Some((Faults::POLICY, format!("450 4.7.1 Error: {text} from {}", peer.address)))
    }

    /// `smtpd_client_new_tls_session_rate_limit`, before a handshake: whether the client has begun
    /// too many already.
    pub(super) fn had_too_many_handshakes(&mut self) -> bool {
        let limit = self.service.settings.client_limits.new_tls_rate;
        if limit == 0 || !self.is_counted() {
            return false;
        }
        let rate = self.service.anvil.so_far(self.talk.peer.ip, Event::NewTls);
        if rate > limit {
            self.talk.faults.add(Faults::POLICY);
        }
        rate > limit
    }

    /// The same after a handshake that resumed nothing: the client is to be cut off. A handshake
    /// that failed counts, too.
    #[cfg(feature = "ssl")]
    pub(super) fn has_too_many_handshakes(&mut self) -> bool {
        let limit = self.service.settings.client_limits.new_tls_rate;
        if limit == 0 || !self.is_counted() {
            return false;
        }
        let rate = self.service.anvil.count(self.talk.peer.ip, Event::NewTls);
        if rate <= limit {
            return false;
        }
        self.talk.faults.add(Faults::POLICY);
        self.log.warning(format_args!(
            "New TLS session rate limit exceeded: {rate} from {} for service {}",
            self.talk.peer.text, self.service.name
        ));
        true
    }

    /// A client that has guessed too often waits, before its next try is looked at.
    pub(super) async fn wait_after_guesses(&self) {
        if self.is_counted() {
            let wait = self.service.shared.guesses.wait(self.talk.peer.ip);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// A password was wrong.
    pub(super) fn count_guess(&self) {
        if !self.is_counted() {
            return;
        }
        let count = self.service.shared.guesses.failed(self.talk.peer.ip);
        if guesses::wait_after(count) > guesses::wait_after(count - 1) {
            self.log.info(format_args!(
                "{}: {count} failed SASL logins lately; the next one is answered after {} s",
                self.talk.peer.text,
                guesses::wait_after(count).as_secs()
            ));
        }
    }

    /// Clients on this machine's own sockets, and those of
    /// `smtpd_client_event_limit_exceptions`, are not counted.
    fn is_counted(&self) -> bool {
        !self.unlimited && !self.may_xclient && self.talk.peer.is_internet
    }
}
