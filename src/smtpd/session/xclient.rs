//! XCLIENT: a trusted proxy says who the client is; from then on it is. XFORWARD: a content filter
//! says where a message came from; that is only for the log and the next filter.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Done, End, Session};
use crate::mail::envelope::{Client, RewriteContext};
use crate::mail::{address, hostname};
use crate::smtpd::fault::Faults;
use crate::smtpd::peer::{NameStatus, Peer, UNKNOWN};
use crate::wire::smtp_command::Word;
use crate::wire::smtp_data::BareLf;
use crate::wire::xtext;

const UNAVAILABLE: &str = "[UNAVAILABLE]";
const TEMPORARY: &str = "[TEMPUNAVAIL]";

/// Longest value of an attribute, as it is written.
const VALUE_MAX: usize = 255;

/// What XFORWARD has said.
#[derive(Clone, Debug)]
pub(super) struct Forwarded {
    client: Client,
    /// Anything about the client.
    has_client: bool,
    ident: Option<String>,
    context: Option<RewriteContext>,
    port_logging: bool,
}

impl Forwarded {
    fn new(port_logging: bool) -> Self {
        let unknown = || UNKNOWN.to_owned();
        let client = Client {
            name: unknown(),
            reverse_name: unknown(),
            address: unknown(),
            port: unknown(),
            protocol: unknown(),
            ..Client::default()
        };
        Self { client, has_client: false, ident: None, context: None, port_logging }
    }

    /// `, orig_queue_id=…, orig_client=…` of the line that says who brought a message.
    pub(super) fn log_text(&self) -> String {
        let mut text = String::new();
        if let Some(ident) = &self.ident {
            text.push_str(", orig_queue_id=");
            text.push_str(ident);
        }
        if self.has_client {
            text.push_str(", orig_client=");
            text.push_str(&self.origin(""));
        }
        text
    }

    /// The client as the log calls it, instead of `own`.
    pub(super) fn origin(&self, own: &str) -> String {
        let Client { name, address, port, .. } = &self.client;
        match (self.has_client, self.port_logging) {
            (false, _) => own.to_owned(),
            (true, _) if address == UNKNOWN => name.clone(),
            (true, false) => format!("{name}[{address}]"),
            (true, true) => format!("{name}[{address}]:{port}"),
        }
    }

    /// What is known of the client, instead of `own`.
    pub(super) fn client(&self, own: Client) -> Client {
        let mut client = if self.has_client { self.client.clone() } else { own };
        client.ident = self.ident.clone().unwrap_or_default();
        client
    }

    pub(super) const fn context(&self) -> Option<RewriteContext> {
        self.context
    }
}

/// Text without what could be taken for the punctuation of headers and log lines.
fn neutral(text: &str) -> String {
    text.chars().map(|c| if " <>()\\\";@".contains(c) { '?' } else { c }).collect()
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// What one attribute says.
struct Attribute {
    name: String,
    value: String,
}

/// The reply to an attribute that makes no sense.
type Bad = String;

fn bad(name: &str, value: &str) -> Bad {
    format!("501 5.5.4 Bad {name} syntax: {value}")
}

impl Session {
    fn attribute(&self, word: &Word<'_>) -> Result<Attribute, Bad> {
        let (name, raw) = match word.text.split_once('=') {
            Some((name, raw)) if !raw.is_empty() => (name, raw),
            _ => return Err("501 5.5.4 Error: attribute=value expected".into()),
        };
        if raw.len() > VALUE_MAX {
            return Err("501 5.5.4 Error: attribute value too long".into());
        }
        let value = xtext::decode(raw).unwrap_or_else(|| raw.to_owned());
        Ok(Attribute { name: name.to_owned(), value: self.talk.printable(&value, '?') })
    }

    /// An address literal without brackets, of a family that is in use.
    fn literal(&self, name: &str, value: &str) -> Result<IpAddr, Bad> {
        let settings = &self.service.settings;
        let value = neutral(value);
        let ip = address::literal_address(&value)
            .map(|ip| if settings.ipv4 { ip.to_canonical() } else { ip });
        ip.filter(|ip| if ip.is_ipv4() { settings.ipv4 } else { settings.ipv6 })
            .ok_or_else(|| bad(name, &value))
    }

    /// Which clients may do what depends on who they are: this one has just come, or changed.
    pub(super) async fn judge_client(&mut self) {
        let service = self.service.clone();
        let (peer, maps, settings) = (self.talk.peer.clone(), &service.maps, &service.settings);
        let (name, ip) = (peer.name.as_str(), peer.ip);
        let excluded = settings.bare_lf.is_strict()
            && maps.bare_lf_exclusions.matches(name, ip).await.unwrap_or(false);
        self.bare_lf = if excluded { BareLf::Allow } else { settings.bare_lf };
        self.unlimited = maps.event_exceptions.matches(name, ip).await.unwrap_or(false);
        self.may_verp = !maps.verp_clients.is_empty()
            && maps.verp_clients.matches(name, ip).await.unwrap_or(false);
        self.may_xclient = !maps.xclient_hosts.is_empty()
            && maps.xclient_hosts.matches(name, ip).await.unwrap_or(false);
    }

    async fn may_use(
        &mut self,
        command: &str,
        words: &[Word<'_>],
        allowed: bool,
    ) -> Result<bool, End> {
        let refusal = if self.in_transaction() {
            (Faults::PROTOCOL, "503 5.5.1 Error: MAIL transaction in progress".to_owned())
        } else if words.len() < 2 {
            (Faults::PROTOCOL, format!("501 5.5.4 Syntax: {command} attribute=value..."))
        } else if !allowed {
            (Faults::POLICY, "550 5.7.0 Error: insufficient authorization".to_owned())
        } else {
            return Ok(true);
        };
        self.refuse(refusal).await?;
        Ok(false)
    }

    pub(super) async fn xclient(&mut self, words: &[Word<'_>]) -> Done {
        if !self.may_use("XCLIENT", words, self.may_xclient).await? {
            return Ok(false);
        }
        let mut said = Said::default();
        for word in words.get(1..).unwrap_or_default() {
            let outcome = match self.attribute(word) {
                Ok(attribute) => self.take_xclient(&attribute, &mut said),
                Err(bad) => Err(bad),
            };
            // What stands before the mistake holds.
            if let Err(reply) = outcome {
                if let Some(login) = said.login {
                    self.log_in("XCLIENT", &login);
                }
                return self.refuse((Faults::PROTOCOL, reply)).await;
            }
        }
        let mut peer = Peer::clone(&self.talk.peer);
        peer.set_text(self.service.settings.naming.with_port);
        self.talk.peer = Arc::new(peer);
        self.judge_client().await;
        if !said.helo {
            self.milters_restart();
            self.talk.helo = None;
        }
        if !said.protocol {
            self.talk.protocol = "SMTP";
        }
        let login = said.login;
        self.talk.login = None;
        self.activate_sasl().await?;
        if let Some(login) = login {
            self.log_in("XCLIENT", &login);
        }
        self.flush_history(0, None).await;
        self.reset_mail();
        self.reset_recipients();
        self.milters_quit().await;
        Err(End::Restart)
    }

    fn take_xclient(&mut self, attribute: &Attribute, said: &mut Said) -> Result<(), Bad> {
        let Attribute { name, value } = attribute;
        let mut peer = Peer::clone(&self.talk.peer);
        let status = if is(value, UNAVAILABLE) {
            NameStatus::Missing
        } else if is(value, TEMPORARY) {
            NameStatus::Temporary
        } else {
            NameStatus::Ok
        };
        let unavailable = is(value, UNAVAILABLE);
        match name.to_ascii_uppercase().as_str() {
            attribute @ ("NAME" | "REVERSE_NAME") => {
                let found = match status {
                    NameStatus::Ok if !hostname::is_valid(value) => {
                        return Err(bad(attribute, value));
                    }
                    NameStatus::Ok => value.as_str(),
                    _ => UNKNOWN,
                };
                if attribute == "NAME" {
                    found.clone_into(&mut peer.name);
                    peer.name_status = status;
                }
                if attribute == "REVERSE_NAME" || status == NameStatus::Ok {
                    found.clone_into(&mut peer.reverse_name);
                    peer.reverse_status = status;
                }
            }
            "ADDR" if unavailable => {
                peer.ip = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                UNKNOWN.clone_into(&mut peer.address);
                UNKNOWN.clone_into(&mut peer.rfc_address);
            }
            "ADDR" => peer.set_ip(self.literal("ADDR", value)?),
            "PORT" if unavailable => UNKNOWN.clone_into(&mut peer.port),
            "PORT" if !is_port(value) => return Err(bad("PORT", value)),
            "PORT" => value.clone_into(&mut peer.port),
            "HELO" if unavailable => {
                self.talk.helo = None;
                said.helo = true;
            }
            "HELO" if value.len() > VALUE_MAX => return Err(bad("HELO", value)),
            "HELO" => {
                self.talk.helo = Some(neutral(value));
                said.helo = true;
            }
            "PROTO" => {
                self.talk.protocol = match value.to_ascii_uppercase().as_str() {
                    "SMTP" => "SMTP",
                    "ESMTP" => "ESMTP",
                    _ => return Err(bad("PROTO", value)),
                };
                said.protocol = true;
            }
            "LOGIN" if unavailable => {}
            "LOGIN" => said.login = Some(value.clone()),
            "DESTADDR" if unavailable => UNKNOWN.clone_into(&mut peer.server_address),
            "DESTADDR" => peer.server_address = self.literal("DESTADDR", value)?.to_string(),
            "DESTPORT" if unavailable => UNKNOWN.clone_into(&mut peer.server_port),
            "DESTPORT" if !is_port(value) => return Err(bad("DESTPORT", value)),
            "DESTPORT" => value.clone_into(&mut peer.server_port),
            _ => return Err(format!("501 5.5.4 Bad XCLIENT attribute name: {name}")),
        }
        self.talk.peer = Arc::new(peer);
        Ok(())
    }

    pub(super) async fn xforward(&mut self, words: &[Word<'_>]) -> Done {
        if !self.may_use("XFORWARD", words, self.may_xforward).await? {
            return Ok(false);
        }
        let port_logging = self.service.settings.naming.with_port;
        let mut forwarded =
            self.forwarded.take().unwrap_or_else(|| Box::new(Forwarded::new(port_logging)));
        let mut about_client = false;
        for word in words.get(1..).unwrap_or_default() {
            let outcome = match self.attribute(word) {
                Ok(attribute) => self.take_xforward(&attribute, &mut forwarded),
                Err(bad) => Err(bad),
            };
            match outcome {
                Ok(is_about_client) => about_client |= is_about_client,
                Err(reply) => {
                    self.forwarded = Some(forwarded);
                    return self.refuse((Faults::PROTOCOL, reply)).await;
                }
            }
        }
        forwarded.has_client |= about_client;
        self.forwarded = Some(forwarded);
        self.say_ok().await
    }

    /// Takes an attribute; says whether it was about the client.
    fn take_xforward(&self, attribute: &Attribute, forwarded: &mut Forwarded) -> Result<bool, Bad> {
        let Attribute { name, value } = attribute;
        let unavailable = is(value, UNAVAILABLE);
        let client = &mut forwarded.client;
        let word = name.to_ascii_uppercase();
        match word.as_str() {
            "NAME" | "ADDR" | "PORT" | "PROTO" if unavailable => {
                let place = match word.as_str() {
                    "NAME" => &mut client.name,
                    "ADDR" => &mut client.address,
                    "PORT" => &mut client.port,
                    _ => &mut client.protocol,
                };
                UNKNOWN.clone_into(place);
            }
            "NAME" => {
                let value = neutral(value);
                if !hostname::is_valid(&value) {
                    return Err(bad("NAME", &value));
                }
                client.name = value;
            }
            "ADDR" => client.address = self.literal("ADDR", value)?.to_string(),
            "PORT" if !is_port(value) => return Err(bad("PORT", value)),
            "PORT" => value.clone_into(&mut client.port),
            "PROTO" if value.len() > 64 => return Err(bad("PROTO", value)),
            "PROTO" => client.protocol = neutral(value),
            "HELO" if unavailable => client.helo = String::new(),
            "HELO" => client.helo = neutral(value),
            "IDENT" => forwarded.ident = (!unavailable).then(|| neutral(value)),
            "SOURCE" => {
                forwarded.context = Some(match value.to_ascii_uppercase().as_str() {
                    UNAVAILABLE | "LOCAL" => RewriteContext::Local,
                    "REMOTE" => RewriteContext::Remote,
                    _ => return Err(bad("SOURCE", value)),
                });
            }
            _ => return Err(format!("501 5.5.4 Bad XFORWARD attribute name: {name}")),
        }
        Ok(!matches!(word.as_str(), "IDENT" | "SOURCE"))
    }
}

/// What an XCLIENT command has said besides the client's addresses and names.
#[derive(Debug, Default)]
struct Said {
    helo: bool,
    protocol: bool,
    login: Option<String>,
}
