//! The Sendmail milter protocol, versions 2 to 6, as the mail system speaks it: packets of a
//! length, a code and data, commands one way and responses the other.
//!
//! Texts of errors are those that administrators know from Postfix's log.

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

/// Codes of responses (`SMFIR_…`).
pub mod code {
    pub const ADD_RECIPIENT: u8 = b'+';
    pub const DELETE_RECIPIENT: u8 = b'-';
    pub const ACCEPT: u8 = b'a';
    pub const REPLACE_BODY: u8 = b'b';
    pub const CONTINUE: u8 = b'c';
    pub const DISCARD: u8 = b'd';
    pub const CONNECTION_FAILED: u8 = b'f';
    pub const CHANGE_HEADER: u8 = b'm';
    pub const PROGRESS: u8 = b'p';
    pub const REJECT: u8 = b'r';
    pub const TEMPFAIL: u8 = b't';
    pub const SHUTDOWN: u8 = b'4';
    pub const ADD_HEADER: u8 = b'h';
    pub const INSERT_HEADER: u8 = b'i';
    pub const REPLY_CODE: u8 = b'y';
    pub const QUARANTINE: u8 = b'q';
    pub const SKIP: u8 = b's';
    pub const CHANGE_SENDER: u8 = b'e';
    pub const ADD_RECIPIENT_PARAMETERS: u8 = b'2';
    pub const MACRO_LIST: u8 = b'l';

    /// As the log calls it.
    pub const fn name(code: u8) -> Option<&'static str> {
        Some(match code {
            ADD_RECIPIENT => "SMFIR_ADDRCPT",
            DELETE_RECIPIENT => "SMFIR_DELRCPT",
            ACCEPT => "SMFIR_ACCEPT",
            REPLACE_BODY => "SMFIR_REPLBODY",
            CONTINUE => "SMFIR_CONTINUE",
            DISCARD => "SMFIR_DISCARD",
            CONNECTION_FAILED => "SMFIR_CONN_FAIL",
            CHANGE_HEADER => "SMFIR_CHGHEADER",
            PROGRESS => "SMFIR_PROGRESS",
            REJECT => "SMFIR_REJECT",
            TEMPFAIL => "SMFIR_TEMPFAIL",
            SHUTDOWN => "SMFIR_SHUTDOWN",
            ADD_HEADER => "SMFIR_ADDHEADER",
            INSERT_HEADER => "SMFIR_INSHEADER",
            REPLY_CODE => "SMFIR_REPLYCODE",
            QUARANTINE => "SMFIR_QUARANTINE",
            SKIP => "SMFIR_SKIP",
            CHANGE_SENDER => "SMFIR_CHGFROM",
            ADD_RECIPIENT_PARAMETERS => "SMFIR_ADDRCPT_PAR",
            MACRO_LIST => "SMFIR_SETSYMLIST",
            _ => return None,
        })
    }
}

/// A change to the message, asked for at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replaces the `index`th field of that name, counted from 1; an empty value deletes it.
    ChangeHeader { index: u32, name: Vec<u8>, value: Vec<u8> },
    /// Adds a field behind the others.
    AddHeader { name: Vec<u8>, value: Vec<u8> },
    /// Puts a field before the `index`th of all fields, counted from 0.
    InsertHeader { index: u32, name: Vec<u8>, value: Vec<u8> },
    /// Another envelope sender, with ESMTP parameters.
    ChangeSender { address: Vec<u8>, parameters: Vec<u8> },
    /// One more recipient, with ESMTP parameters.
    AddRecipient { address: Vec<u8>, parameters: Vec<u8> },
    /// One recipient less.
    DeleteRecipient { address: Vec<u8> },
    /// A piece of another body, lines ended by CR LF or LF.
    ReplaceBody(Vec<u8>),
}

/// What a milter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It needs more time.
    Progress,
    Continue,
    Accept,
    Discard,
    Reject,
    TempFail,
    /// 421, and the connection ends.
    Shutdown,
    /// No more events of this kind.
    Skip,
    /// A whole SMTP reply, not checked yet; see [`reply`].
    ReplyCode(Vec<u8>),
    /// To be put on hold, for this reason.
    Quarantine(Vec<u8>),
    /// A change.
    Edit(Edit),
}

/// A packet that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its length is zero.
    Length(u32),
    /// It is longer than any answer needs to be.
    TooLong { length: u32, most: u32 },
    /// It ends within a number.
    NoNumber,
    /// It ends before a text.
    NoText,
    /// A text has no end.
    EndlessText,
    /// Something stands behind all that was expected.
    LeftOver(usize),
    /// Data behind an answer that has none.
    Data { code: u8 },
    /// An answer that does not belong to this event.
    Unexpected { code: u8 },
}

impl Malformed {
    /// What the log says about it. `sent` is how many bytes of data the event had.
    pub fn text(self, milter: &str, event: Event, sent: usize) -> String {
        let from = format!("milter {milter}");
        match self {
            Self::Length(length) => format!("{from}: bad packet length: {length}"),
            Self::TooLong { length, most } => {
                format!("{from}: unreasonable packet length: {length} > {most}")
            }
            Self::NoNumber => format!("{from}: input packet too short for network long"),
            Self::NoText => format!("{from}: packet too short for string"),
            Self::EndlessText => {
                format!("milter8_read_data: {from}: missing string null termimator")
            }
            Self::LeftOver(bytes) => format!("milter8_read_data: left-over data {bytes} bytes"),
            Self::Data { code } => format!(
                "{from}: reply {} was followed by {sent} data bytes",
                code::name(code).unwrap_or("unknown")
            ),
            Self::Unexpected { code } => format!(
                "{from}: unexpected filter response {} after event {}",
                code::name(code).unwrap_or("(unknown filter reply)"),
                event.name()
            ),
        }
    }
}

/// Reads the data of a packet, field by field.
#[derive(Clone, Copy, Debug)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn long(&mut self) -> Result<u32, Malformed> {
        let (number, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed::NoNumber)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn text(&mut self) -> Result<Vec<u8>, Malformed> {
        if self.0.is_empty() {
            return Err(Malformed::NoText);
        }
        let end = memchr::memchr(0, self.0).ok_or(Malformed::EndlessText)?;
        let text = self.0.get(..end).unwrap_or_default().to_vec();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Ok(text)
    }

    fn optional_text(&mut self) -> Result<Vec<u8>, Malformed> {
        if self.0.is_empty() { Ok(Vec::new()) } else { self.text() }
    }

    fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::LeftOver(self.0.len())) }
    }
}

impl Response {
    /// Parses an answer to `event`.
    pub fn parse(code: u8, data: &[u8], event: Event) -> Result<Self, Malformed> {
        let plain = match code {
            code::PROGRESS => Self::Progress,
            code::CONTINUE => Self::Continue,
            code::ACCEPT => Self::Accept,
            code::DISCARD => Self::Discard,
            code::REJECT => Self::Reject,
            code::TEMPFAIL => Self::TempFail,
            code::SHUTDOWN => Self::Shutdown,
            code::SKIP => Self::Skip,
            code::REPLY_CODE => return Ok(Self::ReplyCode(data.to_vec())),
            code::QUARANTINE => {
                let end = memchr::memchr(0, data).unwrap_or(data.len());
                return Ok(Self::Quarantine(data.get(..end).unwrap_or_default().to_vec()));
            }
            _ if event == Event::EndOfBody => return Ok(Self::Edit(Edit::parse(code, data)?)),
            _ => return Err(Malformed::Unexpected { code }),
        };
        if data.is_empty() { Ok(plain) } else { Err(Malformed::Data { code }) }
    }
}

impl Edit {
    fn parse(code: u8, data: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(data);
        let edit = match code {
            code::CHANGE_HEADER => Self::ChangeHeader {
                index: fields.long()?,
                name: fields.text()?,
                value: fields.text()?,
            },
            code::ADD_HEADER => Self::AddHeader { name: fields.text()?, value: fields.text()? },
            code::INSERT_HEADER => Self::InsertHeader {
                index: fields.long()?,
                name: fields.text()?,
                value: fields.text()?,
            },
            code::CHANGE_SENDER => {
                Self::ChangeSender { address: fields.text()?, parameters: fields.optional_text()? }
            }
            code::ADD_RECIPIENT => {
                Self::AddRecipient { address: fields.text()?, parameters: Vec::new() }
            }
            code::ADD_RECIPIENT_PARAMETERS => {
                Self::AddRecipient { address: fields.text()?, parameters: fields.optional_text()? }
            }
            code::DELETE_RECIPIENT => Self::DeleteRecipient { address: fields.text()? },
            code::REPLACE_BODY => return Ok(Self::ReplaceBody(data.to_vec())),
            _ => return Err(Malformed::Unexpected { code }),
        };
        fields.end()?;
        Ok(edit)
    }
}

/// The answer to [`Event::Negotiate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    pub version: u32,
    /// What it may ask for.
    pub actions: u32,
    /// Its [`step`]s.
    pub steps: u32,
    /// Macro lists of its own: number of the list and names.
    pub macros: Vec<(u32, String)>,
}

impl Negotiated {
    /// Parses the data of the answer.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(data);
        let (version, actions, steps) = (fields.long()?, fields.long()?, fields.long()?);
        let mut macros = Vec::new();
        while !fields.0.is_empty() {
            let list = fields.long()?;
            macros.push((list, String::from_utf8_lossy(&fields.text()?).into_owned()));
        }
        Ok(Self { version, actions, steps, macros })
    }
}

/// A SMTP reply of a milter, checked: 4xx or 5xx, lines joined by CR LF, codes and enhanced codes
/// of one class; `%%` stands for `%`. With `soft` (`soft_bounce`) 5 becomes 4. None if it is no
/// reply.
pub fn reply(data: &[u8], soft: bool) -> Option<String> {
    let data = data.strip_suffix(&[0]).unwrap_or(data);
    let text = std::str::from_utf8(data).ok().filter(|text| !text.contains('\0'))?;
    let mut rest = text;
    loop {
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        if !is_reply_line(line.as_bytes(), after.is_empty()) {
            return None;
        }
        if after.is_empty() {
            break;
        }
        rest = after.strip_prefix("\r\n").filter(|rest| !rest.is_empty())?;
    }
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split("\r\n").enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        let start = out.len();
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => out.extend(characters.next()),
                _ => out.push(character),
            }
        }
        if soft && line.starts_with('5') {
            out.replace_range(start..=start, "4");
            if out.as_bytes().get(start + 4) == Some(&b'5') {
                out.replace_range(start + 4..=start + 4, "4");
            }
        }
    }
    Some(out)
}

fn is_reply_line(line: &[u8], is_last: bool) -> bool {
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    let class = line.first().copied();
    matches!(class, Some(b'4' | b'5'))
        && digit(1)
        && digit(2)
        && line.get(3).copied() == Some(if is_last { b' ' } else { b'-' })
        && !(digit(4) && line.get(4).copied() != class)
}

#[cfg(test)]
#[path = "milter_tests.rs"]
mod tests;
