//! qmgr to a delivery agent, over `private/<transport>`, and back.
//!
//! One connection serves a transport; requests are multiplexed by number. The agent reads the
//! content itself from the spool.

use serde::{Deserialize, Serialize};

use super::tlsrpt::Handshake;
use crate::mail::envelope::{
    Body, Client, Notify, Ret, RewriteContext, Sasl, Timestamp, TlsWish, Trace,
};
use crate::mail::outcome::Outcome;
use crate::mail::queue_id::QueueId;
use crate::mail::status::Status;
use crate::spool::Location;

/// From qmgr to an agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToAgent {
    /// Deliver this.
    Deliver(Box<Request>),
}

/// One message for some recipients with the same next hop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    /// Number of the request on this connection.
    pub number: u64,
    /// Queue ID.
    pub queue_id: QueueId,
    /// Where the record lies.
    pub location: Location,
    /// What follows the transport in the routing decision: `[host]:port`, domain, text.
    pub nexthop: String,
    /// Envelope sender (VERP expanded), internal form.
    pub sender: String,
    /// MAIL ENVID
    pub envid: Option<String>,
    /// MAIL RET
    pub ret: Option<Ret>,
    /// MAIL BODY
    pub body: Option<Body>,
    /// SMTPUTF8
    pub smtputf8: bool,
    /// The header is not all ASCII.
    pub utf8_header: bool,
    /// REQUIRETLS, or `TLS-Required: no`.
    pub tls_wish: TlsWish,
    /// Arrival, for `delay=`.
    pub arrival: Timestamp,
    /// When qmgr took it up for this attempt: second part of `delays=`.
    pub activated: Timestamp,
    /// Size as Postfix counts it.
    pub size: u64,
    /// Client attributes.
    pub client: Client,
    /// Who authenticated.
    pub sasl: Sasl,
    /// Address completion rules.
    pub rewrite_context: RewriteContext,
    /// sendmail -bv and friends.
    pub trace: Trace,
    /// Queue time is over: try, and treat 4xx as final ("last attempt").
    pub last_attempt: bool,
    /// Keep the connection for further mail to the same place.
    pub connection_reuse: bool,
    /// The recipients.
    pub recipients: Vec<To>,
}

/// A recipient in a request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct To {
    /// Its index in the envelope of the message.
    pub index: u32,
    /// Address to deliver to.
    pub address: String,
    /// See [`crate::mail::envelope::Recipient::original`].
    pub original: String,
    /// See [`crate::mail::envelope::Recipient::dsn_orcpt`].
    pub dsn_orcpt: String,
    /// RCPT NOTIFY
    pub notify: Notify,
}

/// From an agent to qmgr.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromAgent {
    /// What became of one recipient.
    Recipient {
        /// Request number.
        number: u64,
        /// Index of the recipient in the envelope.
        index: u32,
        /// What happened, already logged.
        outcome: Box<Outcome>,
        /// `relay=` of the log line: delivery status notices name it.
        relay: String,
        /// Mail to be sent on in place of this recipient (aliases, .forward): qmgr queues it,
        /// and only then counts the recipient as done.
        forwards: Vec<Forward>,
    },
    /// local(8): what became of one recipient that an alias, a .forward file or a pass to another
    /// transport turned into something else. Stands in place of [`FromAgent::Recipient`].
    Expanded(Box<Expanded>),
    /// All recipients of the request have been reported.
    Done {
        /// Request number.
        number: u64,
        /// The destination as a whole could not be reached: qmgr lowers its concurrency.
        destination_failed: Option<Failure>,
    },
    /// The agent ends after what it has been given: qmgr sends it nothing more, says so by closing
    /// its half of the connection, and goes to the agent's successor. What it had sent before it
    /// heard of this is still delivered.
    Leaving,
    /// A handshake with a server of a domain that wants TLS reports.
    Handshake(Box<Handshake>),
}

/// What became of a recipient that stood for others.
///
/// qmgr enters each part in the notices as it would enter a recipient. Then, with `retry`, the
/// recipient stays in the queue and is tried again as a whole (deliveries that worked are
/// repeated, as in Postfix), and nothing is forwarded. Otherwise each forward becomes a message,
/// `forwarded as` is logged for it, and the recipient is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expanded {
    /// Request number.
    pub number: u64,
    /// Index of the recipient in the envelope.
    pub index: u32,
    /// The deliveries that were made or refused.
    pub parts: Vec<Part>,
    /// Mail to be sent on.
    pub forwards: Vec<Forward>,
    /// Whether the recipient is to be tried again.
    pub retry: bool,
}

/// One delivery that was made for a recipient of the envelope. Already logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The address that it was made for: `Final-Recipient`.
    pub address: String,
    /// `Original-Recipient`, as in [`To::original`].
    pub original: String,
    /// ORCPT
    pub dsn_orcpt: String,
    /// RCPT NOTIFY that holds for this part.
    pub notify: Notify,
    /// What happened.
    pub outcome: Outcome,
    /// Whom a failure is reported to instead of the sender, at once and alone: the `owner-` alias.
    pub owner: Option<String>,
}

/// How the `status=sent (forwarded as …)` line of a forward reads; only qmgr knows the queue ID
/// of the new message, so qmgr writes the line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForwardLine {
    /// `postfix/local`, for [`crate::log::Log::speaking_as`].
    pub tag: String,
    /// The number in brackets after it.
    pub number: u32,
    /// The line up to and with `(forwarded as `; the new queue ID and `)` follow.
    pub start: String,
}

/// Why a destination is unreachable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Enhanced status code.
    pub status: Status,
    /// Text, as in the log.
    pub text: String,
}

/// A new message with the content of the old one, made by local(8).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// Its envelope sender: the old one, or `owner-…`.
    pub sender: String,
    /// Its recipients.
    pub recipients: Vec<ForwardTo>,
    /// `Delivered-To:` to add below the new `Received:`, so that a loop is seen; empty is none.
    pub delivered_to: String,
    /// The user ID of the alias or .forward owner. The `Received:` line of a forward does not name
    /// it: that is `by $myhostname ($mail_name)`, `id …; date`.
    pub uid: u32,
    /// The line to log once it is queued.
    pub line: ForwardLine,
}

/// A recipient of a [`Forward`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForwardTo {
    /// External or internal form as the alias had it, not yet completed with a domain.
    pub address: String,
    /// `orig_to=`
    pub original: String,
    /// ORCPT
    pub dsn_orcpt: String,
    /// RCPT NOTIFY
    pub notify: Notify,
}
