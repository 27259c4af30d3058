//! The Sendmail milter protocol, versions 2 to 6, as the mail system speaks it: packets of a
//! length, a code and data, commands one way and responses the other.
//!
//! Texts of errors are those that administrators know from Postfix's log.

mod response;

pub use self::response::{Edit, Malformed, Negotiated, Response, code, reply};

/// Longest packet that is taken whole, in bytes. Only a new body may come in larger ones: it is
/// read in pieces.
pub const PACKET_MAX: usize = 1 << 20;

/// Lengths beyond this are no lengths at all.
const LENGTH_MAX: u32 = 0x3fff_ffff;

/// Longest piece of message body in one packet.
pub const BODY_CHUNK: usize = 65_535;

/// What a milter is told (`SMFIC_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// The message is given up; the connection goes on.
    Abort = b'A',
    /// A piece of the body.
    Body = b'B',
    /// A client has connected.
    Connect = b'C',
    /// Macros for the event that follows.
    Macro = b'D',
    /// The message is complete: now it may be changed.
    EndOfBody = b'E',
    /// HELO or EHLO.
    Helo = b'H',
    /// A header field.
    Header = b'L',
    /// MAIL FROM.
    Mail = b'M',
    /// The header is complete.
    EndOfHeader = b'N',
    /// What both sides can do.
    Negotiate = b'O',
    /// Goodbye.
    Quit = b'Q',
    /// RCPT TO.
    Rcpt = b'R',
    /// DATA.
    Data = b'T',
    /// A command that is none.
    Unknown = b'U',
}

/// Bits of the third word of a negotiation (`SMFIP_…`): what the milter does not want to be told,
/// what it does not answer, and what else it can do.
pub mod step {
    pub const NO_CONNECT: u32 = 1;
    pub const NO_HELO: u32 = 1 << 1;
    pub const NO_MAIL: u32 = 1 << 2;
    pub const NO_RCPT: u32 = 1 << 3;
    pub const NO_BODY: u32 = 1 << 4;
    pub const NO_HEADERS: u32 = 1 << 5;
    pub const NO_END_OF_HEADER: u32 = 1 << 6;
    pub const NO_REPLY_HEADER: u32 = 1 << 7;
    pub const NO_UNKNOWN: u32 = 1 << 8;
    pub const NO_DATA: u32 = 1 << 9;
    /// It may answer "skip" to a piece of body.
    pub const SKIP: u32 = 1 << 10;
    /// It wants to hear of recipients that were refused.
    pub const REJECTED_RCPT: u32 = 1 << 11;
    pub const NO_REPLY_CONNECT: u32 = 1 << 12;
    pub const NO_REPLY_HELO: u32 = 1 << 13;
    pub const NO_REPLY_MAIL: u32 = 1 << 14;
    pub const NO_REPLY_RCPT: u32 = 1 << 15;
    pub const NO_REPLY_DATA: u32 = 1 << 16;
    pub const NO_REPLY_UNKNOWN: u32 = 1 << 17;
    pub const NO_REPLY_END_OF_HEADER: u32 = 1 << 18;
    pub const NO_REPLY_BODY: u32 = 1 << 19;
    /// Header values come and go with the blank after the colon.
    pub const LEADING_SPACE: u32 = 1 << 20;

    /// All events that may be left out.
    pub const NO_EVENT: u32 = 0x7f | NO_UNKNOWN | NO_DATA;
    /// What version 2 knows.
    pub const VERSION_2: u32 = 0x7f;
    /// What version 3 knows.
    pub const VERSION_3: u32 = VERSION_2 | NO_UNKNOWN;
    /// What version 4 knows.
    pub const VERSION_4: u32 = VERSION_3 | NO_DATA;
    /// What version 6 knows.
    pub const VERSION_6: u32 = 0x1f_ffff;
}

/// Everything that a milter may ask to be done to a message (`SMFIF_…`): all of it is possible.
pub const ACTIONS: u32 = 0x1ff;

impl Event {
    /// As the protocol's documentation and the log call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abort => "SMFIC_ABORT",
            Self::Body => "SMFIC_BODY",
            Self::Connect => "SMFIC_CONNECT",
            Self::Macro => "SMFIC_MACRO",
            Self::EndOfBody => "SMFIC_BODYEOB",
            Self::Helo => "SMFIC_HELO",
            Self::Header => "SMFIC_HEADER",
            Self::Mail => "SMFIC_MAIL",
            Self::EndOfHeader => "SMFIC_EOH",
            Self::Negotiate => "SMFIC_OPTNEG",
            Self::Quit => "SMFIC_QUIT",
            Self::Rcpt => "SMFIC_RCPT",
            Self::Data => "SMFIC_DATA",
            Self::Unknown => "SMFIC_UNKNOWN",
        }
    }

    /// The [`step`] with which a milter says that it does not want this event; 0 if it cannot.
    pub const fn unwanted(self) -> u32 {
        match self {
            Self::Connect => step::NO_CONNECT,
            Self::Helo => step::NO_HELO,
            Self::Mail => step::NO_MAIL,
            Self::Rcpt => step::NO_RCPT,
            Self::Data => step::NO_DATA,
            Self::Unknown => step::NO_UNKNOWN,
            Self::Header => step::NO_HEADERS,
            Self::EndOfHeader => step::NO_END_OF_HEADER,
            Self::Body => step::NO_BODY,
            _ => 0,
        }
    }

    /// The [`step`] with which a milter says that it does not answer this event; 0 if it must.
    pub const fn unanswered(self) -> u32 {
        match self {
            Self::Connect => step::NO_REPLY_CONNECT,
            Self::Helo => step::NO_REPLY_HELO,
            Self::Mail => step::NO_REPLY_MAIL,
            Self::Rcpt => step::NO_REPLY_RCPT,
            Self::Data => step::NO_REPLY_DATA,
            Self::Unknown => step::NO_REPLY_UNKNOWN,
            Self::Header => step::NO_REPLY_HEADER,
            Self::EndOfHeader => step::NO_REPLY_END_OF_HEADER,
            Self::Body => step::NO_REPLY_BODY,
            _ => 0,
        }
    }

    /// Before any message: an answer then holds for the whole session.
    pub const fn is_of_session(self) -> bool {
        matches!(self, Self::Connect | Self::Helo)
    }
}

/// `milter_protocol`: a version, and perhaps `no_header_reply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// 2, 3, 4 or 6.
    pub version: u32,
    /// The steps that we offer.
    pub steps: u32,
}

/// A `milter_protocol` that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProtocol {
    /// This word is not known, or a second version.
    #[error("bad protocol information: {0}")]
    Word(String),
    /// No version.
    #[error("no protocol version information")]
    Missing,
}

impl Protocol {
    /// Parses the parameter.
    pub fn parse(text: &str) -> Result<Self, BadProtocol> {
        let mut protocol = Self { version: 0, steps: 0 };
        let words = text.split([' ', '\t', ',', '\r', '\n']).filter(|word| !word.is_empty());
        for word in words {
            let (version, steps) = match word {
                "6" => (6, step::VERSION_6),
                "4" => (4, step::VERSION_4),
                "3" => (3, step::VERSION_3),
                "2" => (2, step::VERSION_2),
                "no_header_reply" => (0, step::NO_REPLY_HEADER),
                _ => return Err(BadProtocol::Word(word.to_owned())),
            };
            if version != 0 && protocol.version != 0 {
                return Err(BadProtocol::Word(word.to_owned()));
            }
            protocol.version = protocol.version.max(version);
            protocol.steps |= steps;
        }
        if protocol.version == 0 { Err(BadProtocol::Missing) } else { Ok(protocol) }
    }

    /// Events that a milter of an older `version` does not know; none if there is no such version.
    pub const fn unknown_to(version: u32) -> Option<u32> {
        let known = match version {
            0 | 1 => return None,
            2 => step::VERSION_2,
            3 => step::VERSION_3,
            4 | 5 => step::VERSION_4,
            _ => step::VERSION_6,
        };
        Some(step::NO_EVENT & !known)
    }
}

/// A packet being written: `Packet::new(out, event).text("a").end()`.
#[derive(Debug)]
pub struct Packet<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Packet<'a> {
    /// Begins a packet at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, event: Event) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0, 0, 0, 0, event as u8]);
        Self { out, start }
    }

    /// A text and a NUL. A NUL within it ends it.
    pub fn text(self, text: &[u8]) -> Self {
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        self.out.extend_from_slice(text.get(..end).unwrap_or_default());
        self.out.push(0);
        self
    }

    /// Bytes as they are.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// A number of 32 bits.
    pub fn long(self, number: u32) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A number of 16 bits.
    pub fn short(self, number: u16) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A byte.
    pub fn octet(self, byte: u8) -> Self {
        self.bytes(&[byte])
    }

    /// Writes the length; returns how many bytes of data there are.
    pub fn end(self) -> usize {
        let length = self.out.len() - self.start - 4;
        let shown = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.out.get_mut(self.start..self.start + 4) {
            place.copy_from_slice(&shown);
        }
        length - 1
    }
}

/// The beginning of a packet that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub code: u8,
    /// Bytes of data behind the code.
    pub length: usize,
}

impl Head {
    /// Bytes of a head.
    pub const LENGTH: usize = 5;

    /// Takes the head off the front of `bytes`; none if there are not enough.
    pub fn take(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        let data = match usize::try_from(length) {
            Ok(0) => return Err(Malformed::Length(0)),
            Ok(long) if length <= LENGTH_MAX => long - 1,
            _ => return Err(Malformed::TooLong { length, most: LENGTH_MAX }),
        };
        let Some(code) = bytes.get(4).copied() else { return Ok(None) };
        Ok(Some(Self { code, length: data }))
    }

    /// Whether such an answer to `event` may have so much data: what may not is not even read.
    pub fn check(self, event: Event) -> Result<(), Malformed> {
        let Self { code, length } = self;
        match code {
            code::PROGRESS
            | code::CONTINUE
            | code::ACCEPT
            | code::DISCARD
            | code::REJECT
            | code::TEMPFAIL
            | code::SHUTDOWN
            | code::SKIP => {
                return if length == 0 { Ok(()) } else { Err(Malformed::Data { code }) };
            }
            code::REPLACE_BODY if event == Event::EndOfBody => return Ok(()),
            code::REPLY_CODE | code::QUARANTINE => {}
            code::CHANGE_HEADER
            | code::ADD_HEADER
            | code::INSERT_HEADER
            | code::CHANGE_SENDER
            | code::ADD_RECIPIENT
            | code::ADD_RECIPIENT_PARAMETERS
            | code::DELETE_RECIPIENT
                if event == Event::EndOfBody => {}
            _ => return Err(Malformed::Unexpected { code }),
        }
        self.fits()
    }

    /// Whether it is short enough to be read whole.
    pub fn fits(self) -> Result<(), Malformed> {
        if self.length <= PACKET_MAX {
            return Ok(());
        }
        let shown = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Err(Malformed::TooLong { length: shown(self.length), most: shown(PACKET_MAX) })
    }
}

#[cfg(test)]
mod tests;
