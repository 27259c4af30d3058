//! MAIL and RCPT.

use super::parameter::{self, Allowed, BadParameter};
use super::{Done, End, Session};
use crate::cleanup::Origin;
use crate::mail::address;
use crate::mail::envelope::{Client, Recipient, RewriteContext, Timestamp, TlsWish};
use crate::rewrite::ResolveError;
use crate::smtpd::anvil::Event;
use crate::smtpd::dialogue::Login;
use crate::smtpd::draft::{self, Draft, Maildrop, Submission};
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::smtpd::service::{Intake, LocalClients};
use crate::wire::smtp_address;
use crate::wire::smtp_command::Word;

const BAD_SENDER: &str = "501 5.1.7 Bad sender address syntax";
const BAD_RECIPIENT: &str = "501 5.1.3 Bad recipient address syntax";
const NO_MEMORY: &str =
    "not enough memory for one more message at a time: increase smtpd_memory_limit";
const MUST_DECLARE: &str = "553 5.6.7 Must declare SMTPUTF8 to send unicode address";

/// How strictly an address is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grammar {
    /// `<>` is an address.
    pub may_be_empty: bool,
    /// `strict_rfc821_envelopes`
    pub strict: bool,
    /// Non-ASCII domains are welcome.
    pub smtputf8: bool,
}

/// A MAIL command for a filter that knows nothing of REQUIRETLS.
fn without_require_tls(command: &str) -> String {
    let words = command.split_ascii_whitespace();
    let kept = words.filter(|word| !word.eq_ignore_ascii_case("REQUIRETLS"));
    kept.collect::<Vec<_>>().join(" ")
}

impl Session {
    pub(super) async fn mail(&mut self, text: &str, words: &[Word<'_>]) -> Done {
        self.talk.smtputf8 = false;
        // A MAIL command too many takes back what the first has said of these, as long as there is no
        // recipient yet. What it has said of REQUIRETLS stays: the sender may rely on it.
        self.incoming.parameters.body = None;
        self.incoming.parameters.ret = None;
        if let Some(refusal) = self.mail_out_of_order(words) {
            return self.refuse(refusal).await;
        }
        if let Some(refusal) = self.too_many(Event::Message) {
            return self.refuse(refusal).await;
        }
        let Some(argument) = words.get(2).filter(|word| !word.broken) else {
            return self.refuse((Faults::PROTOCOL, BAD_SENDER.into())).await;
        };
        let options = words.get(3..).unwrap_or_default();
        let service = self.service.clone();
        let allowed = self.allowed(&service);
        self.talk.smtputf8 = parameter::wants_smtputf8(options, allowed);
        let grammar = Grammar {
            may_be_empty: true,
            strict: service.settings.strict_envelopes,
            smtputf8: self.talk.smtputf8,
        };
        let Some(sender) = self.address(argument.text, grammar).await else {
            return self.refuse((Faults::PROTOCOL, BAD_SENDER.into())).await;
        };
        let parameters = match parameter::of_mail(options, allowed, self.talk.announced_size) {
            Ok(parameters) => parameters,
            Err(bad) => return self.bad_parameter(bad).await,
        };
        self.talk.announced_size = parameters.size;
        self.talk.sasl_sender = parameters.auth.as_deref().map(|a| self.talk.printable(a, '?'));
        self.talk.sender = Some(sender);
        let too_big = self.checks().size(parameters.size);
        let sender = self.talk.sender.take().unwrap_or_default();
        if let Some(reply) = too_big {
            self.reply(&reply).await?;
            return Ok(false);
        }
        if parameters.verp.is_some() && sender.is_empty() {
            self.reply("503 5.5.4 Error: XVERP requires non-null sender").await?;
            return Ok(false);
        }
        let sender = self.own_probe(&sender).unwrap_or(sender);
        if let Some(reply) = self.sender_refused(&sender, words).await? {
            self.reset_mail();
            self.reply(&reply).await?;
            return Ok(false);
        }
        if self.must_declare(&sender) {
            self.reply(MUST_DECLARE).await?;
            return Ok(false);
        }
        if !self.filters_at_once()
            && let Some(reply) = self.checks().queue_space()
        {
            self.reset_mail();
            self.reply(&reply).await?;
            return Ok(false);
        }
        let Some(memory) = service.memory.transaction().await else {
            self.reset_mail();
            self.log.warning(format_args!("{NO_MEMORY}"));
            self.reply("452 4.3.1 Insufficient system storage").await?;
            return Ok(false);
        };
        self.incoming.parameters = parameters;
        self.incoming.memory = Some(memory);
        self.start_transaction(sender);
        self.remember_for_filter(text);
        if !service.settings.delay_open_until_valid_rcpt
            && let Some(reply) = self.open_message().await?
        {
            self.reset_mail();
            self.reply(&reply).await?;
            return Ok(false);
        }
        self.reply("250 2.1.0 Ok").await?;
        Ok(true)
    }

    /// Keeps the command for a filter, in the form that filters are used to: REQUIRETLS is in the
    /// header.
    fn remember_for_filter(&mut self, text: &str) {
        if self.service.settings.proxy_filter.is_some() {
            self.proxy_mail = match self.incoming.parameters.require_tls {
                true => without_require_tls(text),
                false => text.to_owned(),
            };
        }
    }

    fn mail_out_of_order(&self, words: &[Word<'_>]) -> Option<(Faults, String)> {
        if self.service.settings.helo_required && self.talk.helo.is_none() {
            return Some((Faults::POLICY, "503 5.5.1 Error: send HELO/EHLO first".into()));
        }
        let text = if self.in_transaction() {
            "503 5.5.1 Error: nested MAIL command"
        } else if self.incoming.in_chunks() {
            "503 5.5.1 Error: MAIL after BDAT"
        } else if words.len() < 3 || !is_word(words, "from:") {
            "501 5.5.4 Syntax: MAIL FROM:<address>"
        } else {
            return None;
        };
        Some((Faults::PROTOCOL, text.into()))
    }

    async fn sender_refused(
        &mut self,
        sender: &str,
        words: &[Word<'_>],
    ) -> Result<Option<String>, super::End> {
        if !self.service.settings.delay_reject
            && let Some(reply) = self.checks().sender(sender).await?
        {
            return Ok(Some(reply));
        }
        if let Some(reply) = self.milters_mail(sender, &texts(words)).await {
            return Ok(Some(reply));
        }
        Ok(self.choose_rewriting().await)
    }

    fn start_transaction(&mut self, sender: String) {
        let now = Timestamp(crate::sys::now());
        self.talk.arrival = now;
        self.talk.instance = format!(
            "{:x}.{:x}.{:x}.{:x}",
            self.log.number(),
            now.seconds(),
            now.micros(),
            self.sequence
        );
        self.sequence = self.sequence.wrapping_add(1);
        self.talk.sender = Some(sender);
    }

    pub(super) async fn rcpt(&mut self, text: &str, words: &[Word<'_>]) -> Done {
        if let Some(text) = self.rcpt_out_of_order(words) {
            return self.refuse((Faults::PROTOCOL, text.into())).await;
        }
        if let Some(refusal) = self.too_many(Event::Recipient) {
            return self.refuse(refusal).await;
        }
        let Some(argument) = words.get(2).filter(|word| !word.broken) else {
            return self.refuse((Faults::PROTOCOL, BAD_RECIPIENT.into())).await;
        };
        let service = self.service.clone();
        let grammar = Grammar {
            may_be_empty: false,
            strict: service.settings.strict_envelopes,
            smtputf8: self.talk.smtputf8,
        };
        let Some(recipient) = self.address(argument.text, grammar).await else {
            return self.refuse((Faults::PROTOCOL, BAD_RECIPIENT.into())).await;
        };
        let options = words.get(3..).unwrap_or_default();
        let parameters = match parameter::of_rcpt(options, self.allowed(&service)) {
            Ok(parameters) => parameters,
            Err(bad) => return self.bad_parameter(bad).await,
        };
        let limits = &service.settings.limits;
        if limits.recipients > 0 && self.talk.recipients >= limits.recipients {
            return self.too_many_recipients().await;
        }
        if self.must_declare(&recipient) {
            self.reply(MUST_DECLARE).await?;
            return Ok(false);
        }
        // Who probes the sender of our own probes is not refused: neither side could ever
        // verify the other.
        let own_probe = self.own_probe(&recipient);
        let refused = match &own_probe {
            Some(_) => None,
            None => self.checks().recipient(&recipient).await?,
        };
        let recipient = own_probe.unwrap_or(recipient);
        if let Some(reply) = self.milters_rcpt(&recipient, &texts(words), refused).await {
            self.reply(&reply).await?;
            return Ok(false);
        }
        if let Some(reply) = self.open_message().await? {
            self.reply(&reply).await?;
            return Ok(false);
        }
        if let Some(reply) = self.filter_rcpt(text).await {
            self.reply(&reply).await?;
            return Ok(false);
        }
        self.talk.recipients += 1;
        if self.talk.recipient.is_none() {
            self.talk.recipient = Some(recipient.clone());
        }
        let dsn_orcpt = parameters
            .orcpt
            .unwrap_or_else(|| format!("rfc822;{}", without_brackets(argument.text)));
        let recipient = Recipient {
            address: recipient,
            original: String::new(),
            dsn_orcpt,
            notify: parameters.notify,
        };
        if let Some(message) = &mut self.message {
            Box::pin(message.recipient(recipient)).await;
        }
        self.reply("250 2.1.5 Ok").await?;
        Ok(true)
    }

    /// The sender of address probes without its changing part, if `address` is that.
    fn own_probe(&self, address: &str) -> Option<String> {
        let now = Timestamp(crate::sys::now()).seconds();
        let sender = self.service.probe_sender.as_ref().ok()?;
        sender.recognise(address, now).map(str::to_owned)
    }

    fn rcpt_out_of_order(&self, words: &[Word<'_>]) -> Option<&'static str> {
        if !self.in_transaction() {
            Some("503 5.5.1 Error: need MAIL command")
        } else if self.incoming.in_chunks() {
            Some("503 5.5.1 Error: RCPT after BDAT")
        } else if words.len() < 3 || !is_word(words, "to:") {
            Some("501 5.5.4 Syntax: RCPT TO:<address>")
        } else {
            None
        }
    }

    async fn bad_parameter(&mut self, bad: BadParameter) -> Done {
        if let Some(warning) = &bad.warning {
            self.log.warning(format_args!("{warning}"));
        }
        self.refuse((bad.class, bad.reply)).await
    }

    async fn too_many_recipients(&mut self) -> Done {
        self.reply("452 4.5.3 Error: too many recipients").await?;
        let overshoot = self.overshoot;
        self.overshoot += 1;
        if overshoot < self.service.settings.limits.recipient_overshoot {
            return Ok(true);
        }
        self.talk.faults.add(Faults::POLICY);
        Ok(false)
    }

    /// Refuses a command, and remembers whose fault it was.
    pub(super) async fn refuse(&mut self, (class, reply): (Faults, String)) -> Done {
        self.talk.faults.add(class);
        self.reply(&reply).await?;
        Ok(false)
    }

    fn allowed<'a>(&self, service: &'a crate::smtpd::service::Service) -> Allowed<'a> {
        let settings = &service.settings;
        Allowed {
            withheld: self.withheld,
            smtputf8: settings.smtputf8 && !self.withheld.has(Keywords::SMTPUTF8),
            require_tls: self.offers_require_tls(),
            verp: self.may_verp,
            default_verp: &settings.default_verp_delimiters,
            verp_filter: &settings.verp_delimiter_filter,
        }
    }

    fn must_declare(&self, address: &str) -> bool {
        self.service.settings.strict_smtputf8 && !self.talk.smtputf8 && !address.is_ascii()
    }

    /// The address in internal form; none, and a warning, if it is malformed.
    pub(super) async fn address(&mut self, text: &str, grammar: Grammar) -> Option<String> {
        let found = smtp_address::extract(text);
        let loose = found.others > 0 || !text.starts_with('<');
        let address = found.address;
        let malformed = found.addresses > 1
            || (grammar.strict && loose)
            || (address.is_empty() && !grammar.may_be_empty)
            || (grammar.strict && address.starts_with('@'))
            || !self.is_routable(&address, grammar.smtputf8).await;
        if !malformed {
            return Some(address);
        }
        let shown = self.talk.printable(text, '?');
        self.log.warning(format_args!(
            "Illegal address syntax from {} in {} command: {shown}",
            self.talk.peer.text, self.talk.stage
        ));
        None
    }

    /// Whether the address resolves at all, and is no Unicode where none was announced.
    async fn is_routable(&self, address: &str, smtputf8: bool) -> bool {
        if address.is_empty() {
            return true;
        }
        let other =
            if self.talk.stage == "MAIL" { &self.talk.recipient } else { &self.talk.sender };
        let route = self.service.resolve(other.as_deref().unwrap_or_default(), address).await;
        match route {
            Err(ResolveError::Syntax) => false,
            Err(_) => true,
            Ok(route) => {
                let domain = address::split(&route.recipient).1.unwrap_or_default();
                smtputf8 || domain.is_ascii()
            }
        }
    }

    /// `local_header_rewrite_clients`: whose addresses we complete.
    async fn choose_rewriting(&mut self) -> Option<String> {
        let service = self.service.clone();
        self.talk.local_rewriting = false;
        let (name, ip) = (self.talk.peer.name.clone(), self.talk.peer.ip);
        for clients in &service.local_clients {
            let matches = match clients {
                LocalClients::InetInterfaces => Ok(self.checks().is_own_client()),
                LocalClients::Mynetworks => service.maps.mynetworks.matches(&name, ip).await,
                LocalClients::Table(table) => {
                    table.maps.find(&self.talk.peer.address).await.map(|found| found.is_some())
                }
                LocalClients::Authenticated => {
                    let login = self.talk.login.as_ref();
                    Ok(self.offer.is_some() && login.is_some_and(Login::is_personal))
                }
                LocalClients::Certified { all } => self.checks().is_certified(*all).await,
                LocalClients::Unknown(word) => {
                    self.log.warning(format_args!(
                        "parameter local_header_rewrite_clients: invalid request: {word}"
                    ));
                    Ok(false)
                }
            };
            match matches {
                Ok(false) => {}
                Ok(true) => {
                    self.talk.local_rewriting = true;
                    return None;
                }
                Err(_) => {
                    self.talk.faults.add(Faults::RESOURCE);
                    let reply = "451 4.3.0 Temporary lookup error";
                    self.log.info(format_args!("{}", self.talk.report("reject", reply)));
                    return Some(reply.into());
                }
            }
        }
        None
    }

    /// The client as it is.
    pub(super) fn own_client(&self) -> Client {
        let peer = &self.talk.peer;
        Client {
            name: peer.name.clone(),
            reverse_name: peer.reverse_name.clone(),
            address: peer.address.clone(),
            port: peer.port.clone(),
            helo: self.talk.helo.clone().unwrap_or_default(),
            protocol: self.talk.protocol.into(),
            ident: String::new(),
        }
    }

    /// Gives the message its queue ID, or connects to the filter that it goes to, if that has not
    /// been done; the reply, if it cannot be done.
    async fn open_message(&mut self) -> Result<Option<String>, End> {
        if self.message.is_some() || self.filter.is_some() {
            return Ok(None);
        }
        if self.service.settings.proxy_filter.is_some() {
            if let Some(reply) = Box::pin(self.open_filter()).await {
                return Ok(Some(reply));
            }
            self.log_client(&self.talk.origin_text());
            return Ok(None);
        }
        let client = self.own_client();
        let service = &self.service;
        let cleanup = match &service.intake {
            Intake::Queue(cleanup) => cleanup,
            Intake::Maildrop(way) => {
                let way = way.clone();
                return self.open_submission(&way).map(|()| None);
            }
        };
        let log = service.cleanup_log.with_number_of(&self.log);
        let mut message = Box::new(cleanup.begin(Origin::Network, service.settings.skip, &log));
        let talk = &mut self.talk;
        talk.queue_id = message.queue_id();
        let parameters = &mut self.incoming.parameters;
        message.sender(talk.sender.as_deref().unwrap_or_default());
        message.origin.clone_from(&talk.peer.text);
        let envelope = &mut message.envelope;
        envelope.arrival = talk.arrival;
        envelope.created = talk.arrival;
        envelope.envid = parameters.envid.take();
        envelope.ret = parameters.ret;
        envelope.body = parameters.body;
        envelope.verp = parameters.verp.take();
        envelope.smtputf8 = talk.smtputf8;
        if parameters.require_tls {
            envelope.tls_wish = TlsWish::REQUIRED;
        }
        envelope.filter.clone_from(&service.settings.content_filter);
        envelope.rewrite_context =
            if talk.local_rewriting { RewriteContext::Local } else { RewriteContext::Remote };
        envelope.client = match &self.forwarded {
            Some(forwarded) => {
                if let Some(context) = forwarded.context() {
                    envelope.rewrite_context = context;
                }
                message.origin = forwarded.origin(&talk.peer.text);
                forwarded.client(client)
            }
            None => client,
        };
        if let Some(Login { method, username }) = &talk.login {
            envelope.sasl.method.clone_from(method);
            envelope.sasl.username.clone_from(username);
        }
        if let Some(sender) = &talk.sasl_sender {
            envelope.sasl.sender.clone_from(sender);
        }
        if self.milters.is_some() {
            message.expect_milters();
        }
        self.message = Some(Draft::Queue(message));
        self.log_client(&self.talk.origin_text());
        Ok(None)
    }

    /// The same for the maildrop.
    fn open_submission(&mut self, way: &Maildrop) -> Result<(), End> {
        let parameters = &self.incoming.parameters;
        let envelope = draft::Envelope {
            sender: self.talk.sender.as_deref().unwrap_or_default(),
            body: parameters.body,
            verp: parameters.verp.as_deref(),
        };
        let submission = Submission::begin(way, envelope, &self.log).map_err(|why| {
            self.log.fatal(format_args!("{why}"));
            End::Fatal
        })?;
        let draft = Draft::Maildrop(Box::new(submission));
        self.talk.queue_id = draft.queue_id();
        self.message = Some(draft);
        self.log_client("");
        Ok(())
    }

    /// Who brings the message.
    fn log_client(&self, shown: &str) {
        let forwarded = self.forwarded.as_ref().map(|forwarded| forwarded.log_text());
        self.log.info(format_args!(
            "{}: client={}{shown}{}",
            self.talk.queue_id,
            self.talk.peer.text,
            forwarded.unwrap_or_default()
        ));
    }
}

fn is_word(words: &[Word<'_>], expected: &str) -> bool {
    words.get(1).is_some_and(|word| word.text.eq_ignore_ascii_case(expected))
}

/// The address and the parameters, as they were given.
fn texts<'a>(words: &[Word<'a>]) -> Vec<&'a str> {
    words.iter().skip(2).map(|word| word.text).collect()
}

fn without_brackets(text: &str) -> &str {
    text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text)
}
