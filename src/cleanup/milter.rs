//! Milters at the end of a message, and for mail that does not come by SMTP: for them a session is
//! played, with connect, HELO, MAIL and RCPT.

use std::io::Read;

use super::edit::Draft;
use super::settings::Settings;
use super::{Errors, Message};
use crate::filter::{
    Answer, Client, DISCARD_TEXT, Family, HOLD_TEXT, MacroSource, Milters, Shown, Step,
};
use crate::mail::address;
use crate::mail::envelope::Sasl;
use crate::mail::queue_id::QueueId;
use crate::wire::milter::Edit;

/// A session with non_smtpd_milters.
#[derive(Debug)]
pub(super) struct Emulation {
    milters: Milters,
    client: Client,
    played: Played,
}

/// Addresses as they were told, for macros.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    sender: Option<String>,
    recipient: Option<String>,
}

/// Macros as cleanup knows them.
struct Macros<'a> {
    settings: &'a Settings,
    client: &'a Client,
    queue_id: QueueId,
    sasl: &'a Sasl,
    played: Option<&'a Played>,
}

impl MacroSource for Macros<'_> {
    async fn value(&self, name: &str) -> Option<String> {
        let client = self.client;
        let sasl = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let port = |text: &String| if text == "unknown" { "0".into() } else { text.clone() };
        Some(match name {
            "{daemon_name}" => self.settings.milters.daemon_name.clone(),
            "{v}" => self.settings.milters.version.clone(),
            "{_}" => client.origin(),
            "{j}" => self.settings.myhostname.clone(),
            "{client_addr}" => client.address.clone(),
            "{client_name}" => client.name.clone(),
            "{client_port}" => port(&client.port),
            "{client_ptr}" => client.reverse_name.clone(),
            "{daemon_addr}" => client.server_address.clone(),
            "{daemon_port}" => port(&client.server_port),
            "{i}" => self.queue_id.to_string(),
            "{auth_type}" => return sasl(&self.sasl.method),
            "{auth_authen}" => return sasl(&self.sasl.username),
            "{auth_author}" => return sasl(&self.sasl.sender),
            "{mail_addr}" => return self.played?.sender.clone(),
            "{rcpt_addr}" => return self.played?.recipient.clone(),
            _ => return None,
        })
    }
}

/// An address as in SMTP, without brackets.
fn external(internal: &str) -> String {
    if internal.is_empty() { String::new() } else { address::quote(internal).into_owned() }
}

/// The same text with `_` for each control character.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '_' } else { c }).collect()
}

/// An answer of a milter does not count after a change of the message that failed, unless it is
/// as severe.
fn with_failed_edit(answer: Option<Answer>, failed: Option<Answer>) -> Option<Answer> {
    match (&answer, failed) {
        (Some(Answer::Discard | Answer::Shutdown), _) => answer,
        (Some(Answer::Reply(reply)), _) if reply.starts_with('4') => answer,
        (_, Some(failed)) => Some(failed),
        (_, None) => answer,
    }
}

impl Message {
    /// Whether milters may look at what there is of the message.
    pub(super) fn milters_may_look(&self) -> bool {
        self.flags.milter && self.errors.is_none() && !self.flags.discard
    }

    /// Whether a session with non_smtpd_milters is to begin.
    pub(super) fn emulates_milters(&self) -> bool {
        self.flags.milters_expected && !self.flags.smtp_replies && self.milters_may_look()
    }

    fn local_client(&self) -> Client {
        let (address, family) = if self.stage.settings.milters.ipv6_only {
            ("::1", Family::Inet6)
        } else {
            ("127.0.0.1", Family::Inet)
        };
        Client {
            name: "localhost".into(),
            reverse_name: "localhost".into(),
            address: address.into(),
            port: "0".into(),
            family,
            server_address: address.into(),
            server_port: "0".into(),
            helo: None,
        }
    }

    /// Connect, EHLO and MAIL.
    pub(super) async fn emulate_mail(&mut self) {
        let stage = self.stage.clone();
        let sender = external(&self.envelope.sender);
        let mut emulation = Box::new(Emulation {
            milters: Milters::new(&stage.settings.milters.non_smtpd, &self.log),
            client: self.local_client(),
            played: Played::default(),
        });
        let Emulation { milters, client, played } = &mut *emulation;
        let mut source = Macros {
            settings: &stage.settings,
            client,
            queue_id: self.queue_id,
            sasl: &self.envelope.sasl,
            played: None,
        };
        let mut told = ("CONNECT", milters.connect(client, &source).await);
        if told.1.is_none() {
            told = ("EHLO", milters.helo(&client.name, &source).await);
        }
        if told.1.is_none() {
            played.sender = Some(sender.clone());
            source.played = Some(played);
            told = ("MAIL", milters.mail(&[&sender], &source).await);
        }
        if let (stage, Some(answer)) = told {
            self.apply(&emulation.client, stage, answer, None);
        }
        self.milters = Some(emulation);
    }

    /// RCPT of the last recipient.
    pub(super) async fn emulate_rcpt(&mut self) {
        if !self.milters_may_look() {
            return;
        }
        let Some(mut emulation) = self.milters.take() else { return };
        let stage = self.stage.clone();
        let recipient = external(self.last_recipient.as_deref().unwrap_or_default());
        emulation.played.recipient = Some(recipient.clone());
        let Emulation { milters, client, played } = &mut *emulation;
        let source = Macros {
            settings: &stage.settings,
            client,
            queue_id: self.queue_id,
            sasl: &self.envelope.sasl,
            played: Some(played),
        };
        let answer = milters.rcpt(&[&recipient], false, &source).await;
        if let Some(answer) = answer
            && self.apply(&emulation.client, "RCPT", answer, None)
        {
            self.log.warning(format_args!(
                "{}: milter configuration error: can't reject recipient in non-smtpd(8) submission",
                self.queue_id
            ));
            self.log
                .warning(format_args!("{}: message not accepted, try again later", self.queue_id));
            self.smtp_reply = None;
            self.reason = Some("4.3.5 Server configuration error".into());
            self.errors.add(Errors::DEFER);
        }
        self.milters = Some(emulation);
    }

    /// DATA and the message itself; then the session ends.
    pub(super) async fn end_emulation(&mut self) {
        let Some(mut emulation) = self.milters.take() else { return };
        let stage = self.stage.clone();
        if self.milters_may_look() {
            let Emulation { milters, client, played } = &mut *emulation;
            let source = Macros {
                settings: &stage.settings,
                client,
                queue_id: self.queue_id,
                sasl: &self.envelope.sasl,
                played: Some(played),
            };
            if let Some(answer) = milters.data(&source).await {
                self.apply(&emulation.client, "DATA", answer, None);
            }
        }
        if self.milters_may_look() {
            let Emulation { milters, client, played } = &mut *emulation;
            self.inspect(milters, client, Some(played)).await;
        }
        emulation.milters.quit().await;
    }

    /// Shows the message to each milter, and does what it wants.
    pub(super) async fn inspect(
        &mut self,
        milters: &mut Milters,
        client: &Client,
        played: Option<&Played>,
    ) {
        if !milters.any_active() {
            return;
        }
        let mut draft = match self.store.header() {
            Ok(header) => Draft::new(header, client.clone()),
            Err(error) => return self.unreadable(&error),
        };
        for index in 0..milters.len() {
            // What smtpd's milters have refused for good, it has refused itself.
            if self.flags.smtp_replies && !milters.is_active(index) {
                continue;
            }
            let answer = match self.inspect_with(milters, index, &mut draft, played).await {
                Ok(answer) => answer,
                Err(error) => return self.unreadable(&error),
            };
            if let Some(answer) = answer {
                self.apply(client, "END-OF-MESSAGE", answer, draft.check_answer.as_ref());
                break;
            }
        }
        let writer = self.stage.writer.clone();
        if self.goes_on()
            && let Err(error) = draft.put_into(&mut self.store, &writer)
        {
            self.unreadable(&error);
        }
        self.watch_size();
    }

    fn unreadable(&mut self, error: &std::io::Error) {
        self.log.warning(format_args!("{}: read queue file: {error}", self.queue_id));
        self.errors.add(Errors::WRITE);
    }

    async fn inspect_with(
        &mut self,
        milters: &mut Milters,
        index: usize,
        draft: &mut Draft,
        played: Option<&Played>,
    ) -> std::io::Result<Option<Answer>> {
        let stage = self.stage.clone();
        let client = draft.client.clone();
        let source = Macros {
            settings: &stage.settings,
            client: &client,
            queue_id: self.queue_id,
            sasl: &self.envelope.sasl,
            played,
        };
        let hidden = self.own_received.as_deref().unwrap_or_default();
        let mut body = draft.body(&self.store);
        // The empty line after the header is no part of the body.
        let mut separator = [0];
        let _ = body.read(&mut separator)?;
        let shown = milters.show(index, &draft.header, hidden, &mut body, &source).await?;
        let answer = match shown {
            Shown::Answer(answer) => answer,
            Shown::Whole { sent } => self.obey(milters, index, sent, draft).await,
        };
        milters.shown(index);
        Ok(answer)
    }

    /// Does what the milter wants, until it has an answer.
    async fn obey(
        &mut self,
        milters: &mut Milters,
        index: usize,
        sent: usize,
        draft: &mut Draft,
    ) -> Option<Answer> {
        let mut failed = None;
        draft.space = if milters.keeps_leading_space(index) { b"" } else { b" " };
        draft.body_done = false;
        let answer = loop {
            let edit = match milters.next_step(index, sent).await {
                Step::Edit(edit) => edit,
                Step::Done(answer) if draft.body_is_open() && milters.has_failed(index) => {
                    // Half a body is no body.
                    break match answer {
                        Some(Answer::Hold(_)) | None => {
                            Some(Answer::Reply("421 4.7.0 Service unavailable".into()))
                        }
                        other => other,
                    };
                }
                Step::Done(answer) => {
                    draft.close_body(&self.stage.writer);
                    break answer;
                }
            };
            if !matches!(edit, Edit::ReplaceBody(_)) {
                draft.close_body(&self.stage.writer);
            }
            if let Some(why) = draft.objection(&edit) {
                break milters.misconfigured(index, why);
            }
            if failed.is_none() {
                failed = Box::pin(self.edit(draft, edit)).await;
            }
        };
        with_failed_edit(answer, failed)
    }

    /// What an answer does to the message; true if it is refused. `known` is an answer that has
    /// been logged already.
    fn apply(
        &mut self,
        client: &Client,
        event: &str,
        answer: Answer,
        known: Option<&Answer>,
    ) -> bool {
        if known == Some(&answer)
            || self.flags.discard
            || self.errors.any(Errors::CONTENT)
            || !self.goes_on()
        {
            return false;
        }
        let (action, text) = match answer {
            Answer::Hold(_) if self.envelope.hold => return false,
            Answer::Hold(_) => {
                self.envelope.hold = true;
                ("milter-hold", HOLD_TEXT.to_owned())
            }
            Answer::Discard => {
                self.flags.discard = true;
                ("milter-discard", DISCARD_TEXT.to_owned())
            }
            Answer::Shutdown => {
                ("milter-reject", self.refuse_with("421 4.7.0 Service unavailable".into()))
            }
            Answer::Reply(reply) => ("milter-reject", self.refuse_with(reply)),
        };
        let from = self.milter_origin(client, &format!(": {text};"));
        self.log.info(format_args!("{}: {action}: {event} from {from}", self.queue_id));
        action == "milter-reject"
    }

    /// The message is refused with a milter's reply; its text without the code comes back.
    fn refuse_with(&mut self, reply: String) -> String {
        let text = reply.get(4..).unwrap_or_default().to_owned();
        self.reason = Some(printable(&text));
        self.errors.add(if reply.starts_with('4') { Errors::DEFER } else { Errors::CONTENT });
        self.smtp_reply = Some(reply);
        text
    }

    /// `name[address]TEXT from=<…> to=<…> proto=… helo=<…>` of a log line.
    pub(super) fn milter_origin(&self, client: &Client, text: &str) -> String {
        use std::fmt::Write as _;
        let mut line = format!("{}[{}]{text}", client.name, client.address);
        let _ = write!(line, " from=<{}>", self.log_address(&self.envelope.sender));
        if let Some(recipient) = &self.last_recipient {
            let _ = write!(line, " to=<{}>", self.log_address(recipient));
        }
        let known = &self.envelope.client;
        if !known.protocol.is_empty() {
            let _ = write!(line, " proto={}", known.protocol);
        }
        if !known.helo.is_empty() {
            let _ = write!(line, " helo=<{}>", known.helo);
        }
        line
    }
}
