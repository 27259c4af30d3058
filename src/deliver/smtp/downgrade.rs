//! 8-bit content for a server that takes only 7 bits: body parts that say they are 8bit or binary
//! become quoted-printable (RFC 2045 section 6.7), and their headers say so.
//!
//! What a part says of itself decides, not its bytes: 8-bit bytes in a part without
//! Content-Transfer-Encoding go out as they are, as in Postfix.

use memchr::memchr;

use super::content::Outgoing;
use super::settings::Content;
use crate::mail::header::{field_name, field_name_length};
use crate::mail::mime::{Encoding, State, Structure, Type};

/// Length of an encoded line at which it is broken softly.
const SOFT_LIMIT: usize = 72;

/// Converts content line by line.
#[derive(Debug)]
pub struct Downgrade {
    /// The start of a line whose end has not come yet.
    partial: Vec<u8>,
    machine: Machine,
}

#[derive(Debug)]
struct Machine {
    structure: Structure,
    /// The header that is being collected; continuation lines are joined by LF.
    header: Vec<u8>,
    header_limit: usize,
    problem: Option<&'static str>,
}

impl Downgrade {
    /// Begins with the headers of a message.
    pub fn new(settings: &Content) -> Self {
        let machine = Machine {
            structure: Structure::new(settings.mime),
            header: Vec::new(),
            header_limit: settings.header_limit,
            problem: None,
        };
        Self { partial: Vec::new(), machine }
    }

    /// Takes the next piece of content, cut anywhere.
    pub fn push(&mut self, piece: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            if self.partial.is_empty() {
                self.machine.line(line, outgoing, out);
            } else {
                self.partial.extend_from_slice(line);
                let line = std::mem::take(&mut self.partial);
                self.machine.line(&line, outgoing, out);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.partial.extend_from_slice(rest);
    }

    /// The content is over.
    pub fn finish(&mut self, outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.machine.line(&line, outgoing, out);
        }
        if self.machine.structure.state != State::Body {
            self.machine.end_header(outgoing, out);
            self.machine.end_headers(outgoing, out);
        }
    }

    /// Why the content cannot be converted.
    pub fn problem(&self) -> Option<&'static str> {
        self.machine.problem
    }
}

impl Machine {
    fn line(&mut self, line: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.structure.state != State::Body && self.header_line(line, outgoing, out) {
            return;
        }
        self.structure.body_line(line);
        self.text(line, outgoing, out);
    }

    /// Deals with a line among headers; false if it is the first that is none.
    fn header_line(&mut self, line: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) -> bool {
        if !self.header.is_empty() {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if self.header.len() < self.header_limit {
                    self.header.push(b'\n');
                    self.header.extend_from_slice(line);
                }
                return true;
            }
            self.end_header(outgoing, out);
        }
        if let Some(name) = field_name_length(line) {
            let (name, rest) = line.split_at(name);
            self.header.extend_from_slice(name);
            self.header.extend_from_slice(rest.trim_ascii_start());
            return true;
        }
        self.end_headers(outgoing, out);
        let garbage = !line.is_empty();
        if garbage && self.structure.state == State::Primary {
            // No empty line after the headers: the message gets one, a part stays as it is.
            outgoing.line(b"", out);
        }
        // The inside of an encoded message/global is content like any other.
        let opaque = self.structure.content_type == Type::Global && !self.is_seven_bit();
        self.structure.end_of_headers(garbage || opaque);
        if !garbage {
            self.text(line, outgoing, out);
        }
        !garbage
    }

    /// A header is complete.
    fn end_header(&mut self, outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.header.is_empty() {
            return;
        }
        let header = std::mem::take(&mut self.header);
        let name = field_name(&header);
        let value = header.get(name.len() + 1..).unwrap_or_default();
        let mut hold = false;
        if name.eq_ignore_ascii_case(b"Content-Type") {
            if !self.structure.set_content_type(value) {
                self.problem = Some("MIME nesting exceeds safety limit");
            }
        } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            self.structure.set_encoding(value);
            // Another one takes its place when the headers end.
            hold = !self.is_seven_bit();
        }
        if !hold {
            for line in header.split(|b| *b == b'\n') {
                outgoing.line(line, out);
            }
        }
    }

    /// All headers of a part have been seen.
    fn end_headers(&mut self, outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.is_seven_bit() {
            return;
        }
        let line: &[u8] = match self.structure.content_type {
            Type::Rfc822 | Type::Partial | Type::Message | Type::Multipart => {
                b"Content-Transfer-Encoding: 7bit"
            }
            Type::Global | Type::Text | Type::Other => {
                b"Content-Transfer-Encoding: quoted-printable"
            }
        };
        outgoing.line(line, out);
    }

    fn is_seven_bit(&self) -> bool {
        self.structure.encoding.domain() == Encoding::SevenBit
    }

    fn text(&self, line: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.is_seven_bit() {
            outgoing.line(line, out);
        } else {
            encode(line, outgoing, out);
        }
    }
}

/// Writes one line as quoted-printable.
fn encode(line: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) {
    let mut encoded = Vec::with_capacity(SOFT_LIMIT + 8);
    for (index, byte) in line.iter().copied().enumerate() {
        if encoded.len() > SOFT_LIMIT {
            encoded.push(b'=');
            outgoing.line(&encoded, out);
            encoded.clear();
        }
        let last_blank = index + 1 == line.len() && matches!(byte, b' ' | b'\t');
        let plain = (byte >= b' ' || byte == b'\t') && byte != b'=' && byte <= b'~';
        if plain && !last_blank {
            encoded.push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            encoded.extend_from_slice(&[b'=', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    outgoing.line(&encoded, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::mime::Limits;

    fn converted(content: &[u8], cut: usize) -> String {
        let settings = Content {
            line_limit: 998,
            convert_8bit: true,
            mime: Limits { nesting: 3, boundary_length: 100 },
            header_limit: 1000,
        };
        let mut downgrade = Downgrade::new(&settings);
        let mut outgoing = Outgoing::new(998);
        let mut out = Vec::new();
        for piece in content.chunks(cut) {
            downgrade.push(piece, &mut outgoing, &mut out);
        }
        downgrade.finish(&mut outgoing, &mut out);
        String::from_utf8_lossy(&out).replace("\r\n", "\n")
    }

    #[test]
    fn a_simple_message() {
        let content = "Subject: x\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n\
                       gr\u{fc}n = \nend\n";
        assert_eq!(
            converted(content.as_bytes(), 1000),
            "Subject: x\nContent-Type: text/plain\n\
             Content-Transfer-Encoding: quoted-printable\n\ngr=C3=BCn =3D=20\nend\n"
        );
    }

    #[test]
    fn only_what_says_8bit() {
        let content = "Subject: x\n\ngr\u{fc}n\n";
        assert_eq!(converted(content.as_bytes(), 1000), content);
    }

    #[test]
    fn parts_of_a_multipart() {
        let content = "Content-Type: multipart/mixed; boundary=\"b\"\n\
                       Content-Transfer-Encoding: 8bit\n\npreamble\n--b\n\
                       Content-Transfer-Encoding: 8bit\n\n\u{fc}\n--b\n\nplain\n--b--\nafter\n";
        assert_eq!(
            converted(content.as_bytes(), 1000),
            "Content-Type: multipart/mixed; boundary=\"b\"\n\
             Content-Transfer-Encoding: 7bit\n\npreamble\n--b\n\
             Content-Transfer-Encoding: quoted-printable\n\n=C3=BC\n--b\n\nplain\n--b--\nafter\n"
        );
    }

    #[test]
    fn long_lines_are_broken_softly() {
        let content = format!("Content-Transfer-Encoding: 8bit\n\n{}\n", "a".repeat(100));
        let expected = format!(
            "Content-Transfer-Encoding: quoted-printable\n\n{}=\n{}\n",
            "a".repeat(73),
            "a".repeat(27)
        );
        assert_eq!(converted(content.as_bytes(), 1000), expected);
    }

    #[test]
    fn too_deep() {
        let settings = Content {
            line_limit: 0,
            convert_8bit: true,
            mime: Limits { nesting: 1, boundary_length: 100 },
            header_limit: 1000,
        };
        let mut downgrade = Downgrade::new(&settings);
        let (mut outgoing, mut out) = (Outgoing::new(0), Vec::new());
        for part in ["a", "b", "c", "d"] {
            let text = format!("Content-Type: multipart/mixed; boundary={part}\n\n--{part}\n");
            downgrade.push(text.as_bytes(), &mut outgoing, &mut out);
        }
        assert!(downgrade.problem().is_some());
    }

    proptest! {
        #[test]
        fn any_content_and_any_cut(content in any::<Vec<u8>>(), cut in 1_usize..20) {
            prop_assert_eq!(converted(&content, cut), converted(&content, 1000));
        }

        #[test]
        fn bodies_become_ascii(body in "\\PC{0,200}") {
            let content = format!("Content-Transfer-Encoding: 8bit\n\n{body}\n");
            let sent = converted(content.as_bytes(), 1000);
            prop_assert!(sent.is_ascii());
            prop_assert!(sent.lines().all(|line| line.len() <= 77));
        }
    }
}
