//! What the client has said so far, and what the checks have found: the facts on which replies
//! and restrictions are decided.

use std::fmt::Write as _;
use std::sync::Arc;

use super::fault::Faults;
use super::peer::Peer;
use super::settings::Settings;
use crate::mail::address;
use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;
use crate::tls::Facts;

/// Names of protocol stages, as they stand in the log and in policy requests.
pub mod stage {
    /// Before any command.
    pub const CONNECT: &str = "CONNECT";
    /// Within the content after DATA.
    pub const DATA_CONTENT: &str = "DATA content";
    /// Within a BDAT chunk.
    pub const BDAT_CONTENT: &str = "BDAT content";
    /// After the content.
    pub const END_OF_MESSAGE: &str = "END-OF-MESSAGE";
    /// A command that is none.
    pub const UNKNOWN: &str = "UNKNOWN";
}

/// A deferral that takes effect only if the request would otherwise be permitted (or rejected).
#[derive(Clone, Debug, Default)]
pub struct Deferral {
    /// It stands.
    pub active: bool,
    /// Its class for notify_classes.
    pub class: Faults,
    /// Reply code.
    pub code: u16,
    /// Enhanced status code.
    pub dsn: String,
    /// Text.
    pub reason: String,
}

/// What access tables and policy servers want done with the message, besides accepting it.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// FILTER
    pub filter: Option<String>,
    /// REDIRECT
    pub redirect: Option<String>,
    /// BCC
    pub bcc: Vec<String>,
    /// PREPEND
    pub prepend: Vec<String>,
    /// HOLD
    pub hold: bool,
    /// DISCARD
    pub discard: bool,
}

/// The state of the checks of one session.
#[derive(Clone, Debug, Default)]
pub struct CheckState {
    /// Depth at which `warn_if_reject` was seen; 0 is not at all.
    pub warn_if_reject: u32,
    /// Depth of nested restriction lists.
    pub recursion: u32,
    /// `defer_if_permit`
    pub defer_if_permit: Deferral,
    /// `defer_if_reject`
    pub defer_if_reject: Deferral,
    /// `defer_if_permit` stood after the client restrictions.
    pub deferred_client: bool,
    /// The same after the HELO restrictions.
    pub deferred_helo: bool,
    /// The same after the sender restrictions.
    pub deferred_sender: bool,
    /// The sender has been looked up in the recipient tables.
    pub sender_listed_checked: bool,
    /// The recipient has been looked up.
    pub recipient_listed_checked: bool,
    /// The last reply that a check decided on.
    pub reply: String,
}

/// Who a client has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Such as `PLAIN`, as the client wrote it; `XCLIENT` if somebody trusted has said so.
    pub method: String,
    /// The name.
    pub username: String,
}

impl Login {
    /// It is somebody in particular.
    pub fn is_personal(&self) -> bool {
        !self.method.eq_ignore_ascii_case("anonymous")
    }
}

/// The facts of one session.
#[derive(Debug)]
pub struct Dialogue {
    /// The client.
    pub peer: Arc<Peer>,
    /// The encryption of the connection, if there is one.
    pub tls: Option<Arc<Facts>>,
    /// `SMTP` or `ESMTP`.
    pub protocol: &'static str,
    /// The current command, or one of [`stage`].
    pub stage: &'static str,
    /// What it said in HELO or EHLO.
    pub helo: Option<String>,
    /// MAIL, internal form.
    pub sender: Option<String>,
    /// The first RCPT that was accepted, or the one being checked.
    pub recipient: Option<String>,
    /// How many were accepted.
    pub recipients: usize,
    /// ETRN
    pub etrn: Option<String>,
    /// Who the client has proved to be, if anybody.
    pub login: Option<Login>,
    /// MAIL AUTH
    pub sasl_sender: Option<String>,
    /// Queue ID of the message, once it has one.
    pub queue_id: QueueId,
    /// MAIL SMTPUTF8, or VRFY SMTPUTF8 for the moment.
    pub smtputf8: bool,
    /// The client has sent commands too early.
    pub ill_pipelining: bool,
    /// MAIL SIZE
    pub announced_size: u64,
    /// Size of the content so far.
    pub received_size: u64,
    /// When MAIL was accepted.
    pub arrival: Timestamp,
    /// Tells requests about one message apart from others, for policy servers.
    pub instance: String,
    /// `local_header_rewrite_clients` matches.
    pub local_rewriting: bool,
    /// What went wrong since the last notice.
    pub faults: Faults,
    /// What access tables want.
    pub wishes: Wishes,
    /// The checks.
    pub checks: CheckState,
    /// `info_log_address_format = external`
    pub external_log_addresses: bool,
    /// `myhostname`
    pub server_name: Arc<str>,
    /// `smtputf8_enable`: Unicode is shown as it is.
    pub shows_utf8: bool,
}

impl Dialogue {
    /// A client has connected.
    pub fn new(peer: Arc<Peer>, settings: &Settings) -> Self {
        Self {
            peer,
            tls: None,
            protocol: "SMTP",
            stage: stage::CONNECT,
            helo: None,
            sender: None,
            recipient: None,
            recipients: 0,
            etrn: None,
            login: None,
            sasl_sender: None,
            queue_id: QueueId::NONE,
            smtputf8: false,
            ill_pipelining: false,
            announced_size: 0,
            received_size: 0,
            arrival: Timestamp::default(),
            instance: String::new(),
            local_rewriting: false,
            faults: Faults::NONE,
            wishes: Wishes::default(),
            checks: CheckState::default(),
            external_log_addresses: settings.external_log_addresses,
            server_name: settings.myhostname.clone(),
            shows_utf8: settings.smtputf8,
        }
    }

    /// A line such as `NOQUEUE: reject: RCPT from client[address]: 554 …; from=<…> to=<…>
    /// proto=ESMTP helo=<…>`.
    pub fn report(&self, what: &str, text: &str) -> String {
        let mut line =
            format!("{}: {what}: {} from {}: {text};", self.queue_id, self.stage, self.peer.text);
        if let Some(sender) = &self.sender {
            let _ = write!(line, " from=<{}>", self.log_form(sender));
        }
        if let Some(recipient) = &self.recipient {
            let _ = write!(line, " to=<{}>", self.log_form(recipient));
        }
        let _ = write!(line, " proto={}", self.protocol);
        if let Some(helo) = &self.helo {
            let _ = write!(line, " helo=<{helo}>");
        }
        if let Some(Login { method, username }) = &self.login {
            let _ = write!(line, " sasl_method={method} sasl_username={username}");
        }
        if let Some(sender) = &self.sasl_sender {
            let _ = write!(line, " sasl_sender={sender}");
        }
        if !self.shows_utf8 && !line.is_ascii() {
            line = self.printable(&line, '?');
        }
        line
    }

    /// ` from=<…> to=<…> proto=… helo=<…>` of lines about filters.
    pub fn whatsup(&self) -> String {
        let mut line = String::new();
        if let Some(sender) = &self.sender {
            let _ = write!(line, " from=<{}>", self.log_form(sender));
        }
        if let Some(recipient) = &self.recipient {
            let _ = write!(line, " to=<{}>", self.log_form(recipient));
        }
        let _ = write!(line, " proto={}", self.protocol);
        if let Some(helo) = &self.helo {
            let _ = write!(line, " helo=<{helo}>");
        }
        if let Some(login) = &self.login {
            let _ = write!(line, " sasl_username=<{}>", login.username);
        }
        line
    }

    /// `, sasl_method=…` and so on, of the line that says who brings a message.
    pub fn origin_text(&self) -> String {
        let mut text = String::new();
        if let Some(Login { method, username }) = &self.login {
            let _ = write!(text, ", sasl_method={method}, sasl_username={username}");
        }
        if let Some(sender) = &self.sasl_sender {
            let _ = write!(text, ", sasl_sender={sender}");
        }
        text
    }

    /// Text from the client as it may be shown: `instead` stands for each byte that may not.
    pub fn printable(&self, text: &str, instead: char) -> String {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_control() || (!self.shows_utf8 && !character.is_ascii()) {
                shown.extend(std::iter::repeat_n(instead, character.len_utf8()));
            } else {
                shown.push(character);
            }
        }
        shown
    }

    /// The login name; empty if there is none.
    pub fn username(&self) -> &str {
        self.login.as_ref().map_or("", |login| &login.username)
    }

    fn log_form<'a>(&self, address: &'a str) -> std::borrow::Cow<'a, str> {
        match address {
            "" => address.into(),
            _ if self.external_log_addresses => address::quote(address),
            _ => address.into(),
        }
    }

    /// Forgets the mail transaction, but not its recipients.
    pub fn reset_mail(&mut self) {
        self.announced_size = 0;
        self.received_size = 0;
        self.smtputf8 = false;
        self.queue_id = QueueId::NONE;
        self.sender = None;
        self.sasl_sender = None;
        self.instance = String::new();
        self.wishes = Wishes::default();
    }

    /// Forgets the recipients.
    pub fn reset_recipients(&mut self) {
        self.recipient = None;
        self.recipients = 0;
    }
}
