//! Milters in a session: which there are, what they are told, and what their answers do.

use super::Session;
use crate::cleanup::{Message, Verdict};
use crate::filter::{
    Answer, Client, DISCARD_TEXT, Family, Filters, HOLD_TEXT, MacroSource, Milters,
};
use crate::mail::address;
use crate::rewrite::Route;
use crate::smtpd::dialogue::Dialogue;
use crate::smtpd::fault::Faults;
use crate::smtpd::peer::{NameStatus, UNKNOWN};
use crate::smtpd::service::Service;

/// Macros as smtpd knows them.
struct Macros<'a> {
    service: &'a Service,
    talk: &'a Dialogue,
    /// Open connections of the client.
    connections: u32,
    /// The reply to a recipient that was refused.
    refused: Option<&'a str>,
}

fn port(text: &str) -> String {
    if text == UNKNOWN { "0".into() } else { text.to_owned() }
}

fn external(internal: &str) -> String {
    if internal.is_empty() { String::new() } else { address::quote(internal).into_owned() }
}

impl Macros<'_> {
    async fn route(&self, other: Option<&str>, address: &str) -> Option<Route> {
        self.service.resolve(other.unwrap_or_default(), address).await.ok()
    }

    async fn of_sender(&self, name: &str) -> Option<String> {
        let sender = self.talk.sender.as_deref()?;
        if name == "{mail_addr}" && sender.is_empty() {
            return Some(String::new());
        }
        let route = self.route(self.talk.recipient.as_deref(), sender).await?;
        Some(match name {
            "{mail_addr}" => external(&route.recipient),
            "{mail_host}" => route.nexthop,
            _ => route.transport,
        })
    }

    async fn of_recipient(&self, name: &str) -> Option<String> {
        let recipient = self.talk.recipient.as_deref()?;
        if name == "{rcpt_addr}" && recipient.is_empty() {
            return Some(String::new());
        }
        if let Some(reply) = self.refused {
            let mut words = reply.get(4..).unwrap_or_default().splitn(3, ' ');
            return match name {
                "{rcpt_mailer}" => Some("error".into()),
                "{rcpt_host}" => words.next().map(str::to_owned),
                _ => words.nth(2).map(str::to_owned),
            };
        }
        let route = self.route(self.talk.sender.as_deref(), recipient).await?;
        Some(match name {
            "{rcpt_addr}" => external(&route.recipient),
            "{rcpt_host}" => route.nexthop,
            _ => route.transport,
        })
    }
}

impl MacroSource for Macros<'_> {
    async fn value(&self, name: &str) -> Option<String> {
        let (settings, peer) = (&self.service.settings, &self.talk.peer);
        Some(match name {
            "{daemon_name}" => settings.milter_daemon_name.clone(),
            "{v}" => settings.milter_version.clone(),
            "{_}" => client(self.talk).origin(),
            "{j}" => settings.myhostname.to_string(),
            "{client_addr}" => peer.rfc_address.clone(),
            "{client_port}" => port(&peer.port),
            "{client_connections}" => self.connections.to_string(),
            "{client_name}" => peer.name.clone(),
            "{client_ptr}" => peer.reverse_name.clone(),
            "{client_resolve}" => match peer.name_status {
                NameStatus::Ok => "OK",
                NameStatus::Forged => "FORGED",
                NameStatus::Temporary => "TEMP",
                NameStatus::Missing => "FAIL",
            }
            .to_owned(),
            "{daemon_addr}" => peer.server_address.clone(),
            "{daemon_port}" => peer.server_port.clone(),
            "{i}" if self.talk.queue_id.is_none() => return None,
            "{i}" => self.talk.queue_id.to_string(),
            "{tls_version}" => self.talk.tls.as_ref()?.protocol.to_owned(),
            "{cipher}" => self.talk.tls.as_ref()?.cipher.to_owned(),
            "{cipher_bits}" => self.talk.tls.as_ref()?.bits.to_string(),
            "{tls_sni}" => return self.talk.tls.as_ref()?.server_name.clone(),
            "{cert_subject}" => self.talk.tls.as_ref()?.trusted_peer()?.subject.clone(),
            "{cert_issuer}" => self.talk.tls.as_ref()?.trusted_peer()?.issuer.clone(),
            "{auth_type}" => self.talk.login.as_ref()?.method.clone(),
            "{auth_authen}" => self.talk.login.as_ref()?.username.clone(),
            "{auth_author}" => return self.talk.sasl_sender.clone(),
            "{mail_addr}" | "{mail_host}" | "{mail_mailer}" => {
                return Box::pin(self.of_sender(name)).await;
            }
            "{rcpt_addr}" | "{rcpt_host}" | "{rcpt_mailer}" => {
                return Box::pin(self.of_recipient(name)).await;
            }
            _ => return None,
        })
    }
}

/// The client as milters see it.
fn client(talk: &Dialogue) -> Client {
    let peer = &talk.peer;
    let family = match peer.ip {
        _ if !peer.is_internet => Family::Unknown,
        ip if ip.is_ipv6() => Family::Inet6,
        _ => Family::Inet,
    };
    Client {
        name: peer.name.clone(),
        reverse_name: peer.reverse_name.clone(),
        address: peer.address.clone(),
        port: port(&peer.port),
        family,
        server_address: peer.server_address.clone(),
        server_port: peer.server_port.clone(),
        helo: talk.helo.clone(),
    }
}

/// What milters are told.
enum Told<'a> {
    Connect,
    Helo(&'a str),
    Mail(&'a [&'a str]),
    Rcpt { words: &'a [&'a str], refused: Option<&'a str> },
    Data,
    Unknown(&'a str),
}

impl Session {
    /// `smtpd_milter_maps`, `smtpd_milters`
    pub(super) async fn choose_milters(&mut self) {
        let service = self.service.clone();
        if service.settings.skip.milters {
            return;
        }
        let mut chosen = None;
        let maps = &service.maps.milters;
        if !maps.is_empty()
            && let Ok(Some(list)) = maps.find(&self.talk.peer.address).await
        {
            if list.eq_ignore_ascii_case("DISABLE") {
                return;
            }
            match Filters::parse(&service.settings.milter_common, &list) {
                Ok(filters) => chosen = Some(filters),
                Err(bad) => self.log.fatal(format_args!("{bad}")),
            }
        }
        let filters = chosen.as_ref().unwrap_or(&service.settings.milters);
        if !filters.is_empty() {
            self.milters = Some(Box::new(Milters::new(filters, &self.log)));
        }
    }

    async fn tell(&mut self, told: Told<'_>) -> Option<Answer> {
        let mut milters = self.milters.take()?;
        let refused = match &told {
            Told::Rcpt { refused, .. } => *refused,
            _ => None,
        };
        let macros = Macros {
            service: &self.service,
            talk: &self.talk,
            connections: self.connections,
            refused,
        };
        let answer = match told {
            Told::Connect => milters.connect(&client(&self.talk), &macros).await,
            Told::Helo(name) => milters.helo(name, &macros).await,
            Told::Mail(words) => milters.mail(words, &macros).await,
            Told::Rcpt { words, refused } => milters.rcpt(words, refused.is_some(), &macros).await,
            Told::Data => milters.data(&macros).await,
            Told::Unknown(command) => milters.unknown(command, &macros).await,
        };
        self.milters = Some(milters);
        answer
    }

    /// Whether there is anything to tell, and the message has not been thrown away already.
    fn has_milters(&self) -> bool {
        self.milters.is_some() && !self.talk.wishes.discard
    }

    /// Does what an answer wants; the reply, if there is one, and a log line.
    fn heed(&mut self, answer: Answer) -> Option<String> {
        let (action, text) = match answer {
            Answer::Hold(_) if self.talk.wishes.hold => return None,
            Answer::Hold(_) => {
                self.talk.wishes.hold = true;
                ("milter-hold", HOLD_TEXT.to_owned())
            }
            Answer::Discard if self.talk.wishes.discard => return None,
            Answer::Discard => {
                self.talk.wishes.discard = true;
                ("milter-discard", DISCARD_TEXT.to_owned())
            }
            Answer::Shutdown => ("milter-reject", "421 4.7.0 Server closing connection".to_owned()),
            Answer::Reply(reply) => ("milter-reject", reply),
        };
        self.log.info(format_args!(
            "{}: {action}: {} from {}: {text};{}",
            self.talk.queue_id,
            self.talk.stage,
            self.talk.peer.text,
            self.talk.whatsup()
        ));
        if action == "milter-reject" {
            self.talk.faults.add(Faults::POLICY);
            return Some(text);
        }
        None
    }

    /// A client has connected: the greeting, if it is another.
    pub(super) async fn milters_connect(&mut self) -> Option<String> {
        let answer = Box::pin(self.tell(Told::Connect)).await?;
        let reply = self.heed(answer)?;
        let host = &self.service.settings.myhostname;
        if reply.starts_with('5') {
            self.talk.faults.add(Faults::POLICY);
            self.errors += 1;
            return Some(format!("554 {host} ESMTP not accepting connections"));
        }
        if reply.starts_with("421") {
            self.talk.faults.add(Faults::POLICY);
            return Some(format!("421 {host} Service unavailable - try again later"));
        }
        None
    }

    /// HELO or EHLO: the reply, if it ends the session.
    pub(super) async fn milters_helo(&mut self, name: &str) -> Option<String> {
        if !self.has_milters() {
            return None;
        }
        let answer = Box::pin(self.tell(Told::Helo(name))).await?;
        let saved = self.talk.helo.replace(name.to_owned());
        let reply = self.heed(answer);
        self.talk.helo = saved;
        reply.filter(|reply| reply.starts_with("421"))
    }

    /// MAIL: the reply, if it is refused.
    pub(super) async fn milters_mail(&mut self, sender: &str, words: &[&str]) -> Option<String> {
        if !self.has_milters() {
            return None;
        }
        self.milter_abort = true;
        let saved = self.talk.sender.replace(sender.to_owned());
        let answer = Box::pin(self.tell(Told::Mail(words))).await;
        let reply = answer.and_then(|answer| self.heed(answer));
        self.talk.sender = saved;
        reply
    }

    /// RCPT, refused already or not: the reply, if it is refused.
    pub(super) async fn milters_rcpt(
        &mut self,
        recipient: &str,
        words: &[&str],
        refused: Option<String>,
    ) -> Option<String> {
        if !self.has_milters() {
            return refused;
        }
        let saved = self.talk.recipient.replace(recipient.to_owned());
        let told = Told::Rcpt { words, refused: refused.as_deref() };
        let answer = Box::pin(self.tell(told)).await;
        let reply = match (refused, answer) {
            (None, Some(answer)) => self.heed(answer),
            (refused, _) => refused,
        };
        self.talk.recipient = saved;
        reply
    }

    /// DATA, or the first BDAT: the reply, if it is refused.
    pub(super) async fn milters_data(&mut self) -> Option<String> {
        if !self.has_milters() {
            return None;
        }
        let answer = Box::pin(self.tell(Told::Data)).await?;
        self.heed(answer)
    }

    /// A command that is none: the reply, if it is another.
    pub(super) async fn milters_unknown(&mut self, command: &str) -> Option<String> {
        self.milters.as_ref()?;
        match Box::pin(self.tell(Told::Unknown(command))).await? {
            Answer::Reply(reply) if reply.starts_with('4') => Some(reply),
            _ => None,
        }
    }

    /// Commands of which milters are not told: the reply, if they have refused everything.
    pub(super) fn milters_standing(&mut self) -> Option<String> {
        match self.milters.as_ref()?.standing_answer()? {
            Answer::Reply(reply) => {
                self.talk.faults.add(Faults::POLICY);
                Some(reply)
            }
            _ => None,
        }
    }

    /// The transaction is over.
    pub(super) fn milters_reset(&mut self) {
        if std::mem::take(&mut self.milter_abort)
            && let Some(milters) = &mut self.milters
        {
            milters.abort();
        }
    }

    /// Another HELO begins.
    pub(super) fn milters_restart(&mut self) {
        if self.talk.helo.is_some()
            && let Some(milters) = &mut self.milters
        {
            milters.abort();
        }
    }

    /// The client has gone, or has become another.
    pub(super) async fn milters_quit(&mut self) {
        if let Some(mut milters) = self.milters.take() {
            milters.quit().await;
        }
    }

    /// Hands a message over for good, past the milters.
    pub(super) async fn finish_message(&mut self, message: Box<Message>) -> Verdict {
        let Some(milters) = self.milters.as_mut().filter(|milters| milters.any_active()) else {
            return Box::pin(message.finish()).await;
        };
        let log = self.service.cleanup_log.with_number_of(&self.log);
        let saved = milters.save(&log);
        let client = client(&self.talk);
        let verdict = Box::pin(message.finish_filtered(Some((milters, &client)))).await;
        milters.restore(saved);
        verdict
    }
}
