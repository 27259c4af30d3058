//! The envelope of a message: who sends it, to whom, under which conditions.
//!
//! This is what stands before the content in a spool record and what qmgr keeps in memory.
//! Addresses are in internal form (no quoting), as in Postfix's queue files.

use super::queue_id::QueueId;

/// Microseconds since 1970.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Microseconds within the second.
    pub const fn micros(self) -> u32 {
        (self.0 % 1_000_000) as u32
    }

    /// Seconds from `earlier` to here, as a fraction; zero if the clock went back.
    pub fn since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }
}

/// The envelope of one message.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Envelope {
    /// Its queue ID.
    pub queue_id: Option<QueueId>,
    /// When its queue ID was given out: delays count from here.
    pub arrival: Timestamp,
    /// When it first came in, where a re-queue keeps that.
    pub created: Timestamp,
    /// Envelope sender, internal form; empty is the null sender.
    pub sender: String,
    /// Full name of the local sender, from sendmail -F.
    pub sender_name: String,
    /// Recipients in the order in which delivery agents see them.
    pub recipients: Vec<Recipient>,
    /// MAIL ENVID (decoded).
    pub envid: Option<String>,
    /// MAIL RET
    pub ret: Option<Ret>,
    /// MAIL BODY, or what sendmail -B said.
    pub body: Option<Body>,
    /// SMTPUTF8 was asked for or found necessary.
    pub smtputf8: bool,
    /// The header is not all ASCII: with SMTPUTF8 asked for, every next hop needs it.
    pub utf8_header: bool,
    /// What the sender wants of encryption on the way.
    pub tls_wish: TlsWish,
    /// Which addresses were rewritten in which way: `local` or `remote` (address_class).
    pub rewrite_context: RewriteContext,
    /// The client, for XFORWARD, policy and pipe.
    pub client: Client,
    /// SASL method, user name and sender.
    pub sasl: Sasl,
    /// `transport:nexthop` of content_filter or a FILTER action.
    pub filter: Option<String>,
    /// Of a REDIRECT action: replaces all recipients.
    pub redirect: Option<String>,
    /// VERP delimiters, if the sender asked for one envelope sender for each recipient.
    pub verp: Option<String>,
    /// cleanup refused the message after its submitter had gone (status and text): qmgr returns
    /// it to the sender at once.
    pub refused: Option<String>,
    /// To be put on hold when it is queued.
    pub hold: bool,
    /// Was made by the mail system itself (a notice): content checks and filters do not apply.
    pub internal: bool,
    /// Dot-forwards: `Delivered-To:` is not needed, and so on; flags of sendmail -bv and -v.
    pub trace: Trace,
    /// DELAY action of a check: seconds until the first delivery.
    pub delay: u32,
    /// Size of the content as Postfix counts it (see `cleanup`).
    pub size: u64,
    /// Bytes of the content in the spool.
    pub content_length: u64,
    /// Recipients that a milter has taken back: the log counts them.
    pub deleted_recipients: u32,
    /// Recipients that virtual aliases took the place of, and whose sender wants to hear that
    /// (NOTIFY=SUCCESS).
    pub aliases: Vec<Recipient>,
}

/// One recipient.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Recipient {
    /// Internal form, after all rewriting and aliasing of cleanup.
    pub address: String,
    /// What the client said, if different (`orig_to=`, X-Original-To); empty if unknown.
    pub original: String,
    /// RCPT ORCPT as `type;xtext-decoded address`; empty if none.
    pub dsn_orcpt: String,
    /// RCPT NOTIFY
    pub notify: Notify,
}

/// RCPT NOTIFY (RFC 3461 section 4.1) as a set; nothing set is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notify(pub u8);

impl Notify {
    /// NEVER
    pub const NEVER: Self = Self(1);
    /// SUCCESS
    pub const SUCCESS: Self = Self(2);
    /// FAILURE
    pub const FAILURE: Self = Self(4);
    /// DELAY
    pub const DELAY: Self = Self(8);

    /// Whether all of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Parses the parameter's value: NEVER, or a list of the others.
    pub fn parse(text: &str) -> Option<Self> {
        let mut found = Self::default();
        for word in text.split(',') {
            found = found.with(match word.to_ascii_uppercase().as_str() {
                "NEVER" => Self::NEVER,
                "SUCCESS" => Self::SUCCESS,
                "FAILURE" => Self::FAILURE,
                "DELAY" => Self::DELAY,
                _ => return None,
            });
        }
        (!found.has(Self::NEVER) || found == Self::NEVER).then_some(found)
    }

    /// No NOTIFY was given.
    pub const fn is_default(self) -> bool {
        self.0 == 0
    }
}

/// What the sender wants of encryption on the way (RFC 8689), as a set; nothing set leaves it to
/// our own policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TlsWish(u8);

impl TlsWish {
    /// MAIL REQUIRETLS: no hop without verified TLS and without REQUIRETLS.
    pub const REQUIRED: Self = Self(1);
    /// The header `TLS-Required: no`: arriving matters more. REQUIRETLS overrides it.
    pub const NOT_NEEDED: Self = Self(2);

    /// Whether REQUIRETLS was asked for.
    pub const fn is_required(self) -> bool {
        self.0 & Self::REQUIRED.0 != 0
    }

    /// Whether the header said that no TLS is needed.
    pub const fn is_not_needed(self) -> bool {
        self.0 & Self::NOT_NEEDED.0 != 0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// MAIL RET
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ret {
    /// The whole message comes back.
    Full,
    /// Only its headers.
    Headers,
}

/// MAIL BODY
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Body {
    /// 7BIT
    SevenBit,
    /// 8BITMIME
    EightBitMime,
}

/// Whose conventions complete an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RewriteContext {
    /// myorigin, mydomain
    #[default]
    Local,
    /// remote_header_rewrite_domain
    Remote,
}

/// The SMTP client that brought a message, as the log shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Client {
    /// Verified name, or `unknown`; empty for local submission.
    pub name: String,
    /// PTR name, verified or not.
    pub reverse_name: String,
    /// Address without brackets.
    pub address: String,
    /// TCP port.
    pub port: String,
    /// What it said in HELO or EHLO.
    pub helo: String,
    /// `SMTP` or `ESMTP`.
    pub protocol: String,
    /// The queue ID that the message had where this client's connection ended (XFORWARD IDENT);
    /// empty: that is here.
    pub ident: String,
}

/// Who authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sasl {
    /// Such as `PLAIN`; empty if nobody did.
    pub method: String,
    /// The login name.
    pub username: String,
    /// MAIL AUTH
    pub sender: String,
}

/// Delivery modes of sendmail -bv and -v, and address probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trace {
    /// Deliver nothing, report what would happen (`sendmail -bv`).
    pub expand_only: bool,
    /// Deliver, and report (`sendmail -v`).
    pub record: bool,
    /// An address probe of verify(8).
    pub verify: bool,
}
