//! What milters answer: verdicts, changes to the message, and what they can do.

use super::Event;

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
