//! A whole message on its way through one milter after the other.

use std::io::Read;

use super::Answer;
use super::milter::{Milter, State};
use super::milters::{MacroSource, Macros, Milters};
use crate::mail::header::field_name;
use crate::wire::milter::{BODY_CHUNK, Edit, Event, step};

/// What a milter wants at the end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A change; there is more to come.
    Edit(Edit),
    /// That is all: no answer is "go on".
    Done(Option<Answer>),
}

/// How much of a body is read at once.
const PIECE: usize = 32 << 10;

impl Milters {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Shows a message to the `index`th milter: its header (complete fields, LF line ends; the
    /// first that equals `hidden` is left out) and its body (LF line ends, without the empty line
    /// before it). Gives the milter's answer if it has one before it has seen everything; else
    /// [`Milters::next_step`] gives what it wants.
    pub async fn show(
        &mut self,
        index: usize,
        header: &[u8],
        hidden: &[u8],
        body: &mut (dyn Read + Send),
        source: &impl MacroSource,
    ) -> Result<Shown, std::io::Error> {
        let common = self.common.clone();
        let Some(milter) = self.list.get_mut(index) else { return Ok(Shown::Answer(None)) };
        if milter.state != State::Envelope {
            return Ok(Shown::Answer(milter.default.clone()));
        }
        let of_header = Macros::of_header().values(&common, milter, source).await;
        let of_end = Macros::of_end().values(&common, milter, source).await;
        milter.state = State::Message;
        if milter.steps & step::NO_HEADERS == 0 {
            let mut hidden = Some(hidden).filter(|field| !field.is_empty());
            for field in fields(header) {
                if hidden == Some(field) {
                    hidden = None;
                    continue;
                }
                let answer = milter.header(field, &of_header).await;
                if let Some(shown) = milter.is_over(answer) {
                    return Ok(shown);
                }
            }
        }
        if milter.steps & step::NO_END_OF_HEADER == 0 {
            let answer = milter.event(Event::EndOfHeader, &of_header, |packet| packet).await;
            if let Some(shown) = milter.is_over(answer) {
                return Ok(shown);
            }
        }
        if milter.steps & step::NO_BODY == 0
            && let Some(shown) = milter.body(body, &of_end).await?
        {
            return Ok(shown);
        }
        Ok(match milter.end_of_body(&of_end).await {
            Some(sent) => Shown::Whole { sent },
            None => Shown::Answer(milter.default.clone()),
        })
    }

    /// What the milter that has seen the whole message wants next.
    pub async fn next_step(&mut self, index: usize, sent: usize) -> Step {
        match self.list.get_mut(index) {
            Some(milter) => milter.next(Event::EndOfBody, sent).await,
            None => Step::Done(None),
        }
    }

    /// What the milter asked for makes no sense: from now on its default action answers.
    pub fn misconfigured(&mut self, index: usize, why: &str) -> Option<Answer> {
        self.list.get_mut(index).and_then(|milter| milter.misconfigured(why))
    }

    /// Whether it is to see the message.
    pub fn is_active(&self, index: usize) -> bool {
        self.list.get(index).is_some_and(Milter::is_active)
    }

    /// Whether it cannot be talked to any more.
    pub fn has_failed(&self, index: usize) -> bool {
        self.list.get(index).is_some_and(|milter| milter.state == State::Error)
    }

    /// Whether values of new header fields come with the blank before them.
    pub fn keeps_leading_space(&self, index: usize) -> bool {
        self.list.get(index).is_some_and(|milter| milter.steps & step::LEADING_SPACE != 0)
    }

    /// The milter is through with the message.
    pub fn shown(&mut self, index: usize) {
        if let Some(milter) = self.list.get_mut(index)
            && matches!(milter.state, State::Message | State::AcceptedMessage)
        {
            milter.state = State::Envelope;
        }
    }
}

/// How far a milter has seen the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// To its end: now it says what it wants. The event had so many bytes of data.
    Whole { sent: usize },
    /// It had an answer before.
    Answer(Option<Answer>),
}

impl Milter {
    async fn header(&mut self, field: &[u8], macros: &super::milter::Values) -> Option<Answer> {
        let name = field_name(field);
        let value = field.get(name.len()..).unwrap_or_default().trim_ascii_start();
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = if self.steps & step::LEADING_SPACE == 0 {
            value.strip_prefix(b" ").unwrap_or(value)
        } else {
            value
        };
        self.event(Event::Header, macros, |packet| packet.text(name).text(value)).await
    }

    /// Whether there is no more to show it.
    fn is_over(&self, answer: Option<Answer>) -> Option<Shown> {
        (answer.is_some() || self.state != State::Message).then_some(Shown::Answer(answer))
    }

    async fn body(
        &mut self,
        body: &mut (dyn Read + Send),
        macros: &super::milter::Values,
    ) -> Result<Option<Shown>, std::io::Error> {
        let mut chunk = Vec::with_capacity(BODY_CHUNK);
        let mut piece = vec![0; PIECE];
        loop {
            let count = body.read(&mut piece)?;
            let read = piece.get(..count).unwrap_or_default();
            for line in read.split_inclusive(|byte| *byte == b'\n') {
                let (text, end): (&[u8], &[u8]) = match line.strip_suffix(b"\n") {
                    Some(text) => (text, b"\r\n"),
                    None => (line, b""),
                };
                for mut part in [text, end] {
                    while !part.is_empty() {
                        let room = BODY_CHUNK - chunk.len();
                        let (now, rest) = part.split_at(room.min(part.len()));
                        chunk.extend_from_slice(now);
                        part = rest;
                        if chunk.len() == BODY_CHUNK {
                            let answer = self.piece(&chunk, macros).await;
                            chunk.clear();
                            if let Some(shown) = self.is_over(answer) {
                                return Ok(Some(shown));
                            }
                        }
                    }
                }
            }
            if count == 0 {
                break;
            }
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        let answer = self.piece(&chunk, macros).await;
        Ok(self.is_over(answer))
    }

    async fn piece(&mut self, chunk: &[u8], macros: &super::milter::Values) -> Option<Answer> {
        self.event(Event::Body, macros, |packet| packet.bytes(chunk)).await
    }
}

/// The fields of a header: each with its continuation lines, without the last line end.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = field_end(rest);
        let field = rest.get(..end).unwrap_or(rest);
        rest = rest.get(end..).unwrap_or_default();
        Some(field.strip_suffix(b"\n").unwrap_or(field))
    })
}

/// Where the field at the beginning of `text` ends, its line end included.
pub(super) fn field_end(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text)
        .map(|end| end + 1)
        .find(|end| !matches!(text.get(*end), Some(b' ' | b'\t')))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_fields() {
        let found: Vec<&[u8]> = fields(b"A: 1\n 2\nB: 3\n\tx\n y\nC:\n").collect();
        assert_eq!(found, [&b"A: 1\n 2"[..], b"B: 3\n\tx\n y", b"C:"]);
        assert_eq!(fields(b"").count(), 0);
        assert_eq!(fields(b"A: b").next(), Some(&b"A: b"[..]));
    }
}
