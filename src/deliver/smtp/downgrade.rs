//! 8-bit content for a server that takes only 7 bits: body parts that say they are 8bit or binary
//! become quoted-printable (RFC 2045 section 6.7), and their headers say so.
//!
//! What a part says of itself decides, not its bytes: 8-bit bytes in a part without
//! Content-Transfer-Encoding go out as they are, as in Postfix.

use memchr::memchr;

use super::content::Outgoing;
use super::mime_header::{Class, Encoding, content_type, encoding};
use super::settings::Content;

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
    state: State,
    class: Class,
    encoding: Encoding,
    /// The header that is being collected; continuation lines are joined by LF.
    header: Vec<u8>,
    /// Boundaries of the multiparts that are open, innermost last.
    boundaries: Vec<Boundary>,
    nesting_limit: usize,
    boundary_limit: usize,
    header_limit: usize,
    problem: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The headers of the message.
    Primary,
    /// The headers of a body part or of a message within the message.
    Nested,
    /// Not headers.
    Body,
}

#[derive(Debug)]
struct Boundary {
    text: Vec<u8>,
    /// What its parts are if they do not say.
    default: Class,
}

impl Downgrade {
    /// Begins with the headers of a message.
    pub fn new(settings: &Content) -> Self {
        let machine = Machine {
            state: State::Primary,
            class: Class::Other,
            encoding: Encoding::SevenBit,
            header: Vec::new(),
            boundaries: Vec::new(),
            nesting_limit: settings.nesting_limit,
            boundary_limit: settings.boundary_limit,
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
        if self.machine.state != State::Body {
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
        if self.state != State::Body && self.header_line(line, outgoing, out) {
            return;
        }
        self.body_line(line, outgoing, out);
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
        if let Some(name) = header_name(line) {
            self.header.extend_from_slice(line.get(..name).unwrap_or_default());
            let rest = line.get(name..).unwrap_or_default();
            let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            self.header.extend_from_slice(rest.get(blanks..).unwrap_or_default());
            return true;
        }
        self.end_headers(outgoing, out);
        if !line.is_empty() {
            // No empty line after the headers: the message gets one, a part stays as it is.
            if self.state == State::Primary {
                outgoing.line(b"", out);
            }
            self.state = State::Body;
            return false;
        }
        match self.class {
            Class::Message => self.begin(State::Nested, Class::Other),
            Class::Global if self.encoding.is_seven_bit() => {
                self.begin(State::Nested, Class::Other);
            }
            Class::Multipart => self.begin(State::Body, Class::Other),
            _ => self.state = State::Body,
        }
        // The empty line itself is never encoded.
        if self.encoding.is_seven_bit() {
            outgoing.line(line, out);
        } else {
            encode(line, outgoing, out);
        }
        true
    }

    /// A header is complete.
    fn end_header(&mut self, outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.header.is_empty() {
            return;
        }
        let header = std::mem::take(&mut self.header);
        let (name, value) = match memchr(b':', &header) {
            Some(colon) => header.split_at(colon),
            None => (header.as_slice(), &[][..]),
        };
        let value = value.get(1..).unwrap_or_default();
        let mut hold = false;
        if name.eq_ignore_ascii_case(b"Content-Type") {
            self.set_type(value);
        } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            if let Some(encoding) = encoding(value) {
                self.encoding = encoding;
            }
            // Another one takes its place when the headers end.
            hold = !self.encoding.is_seven_bit();
        }
        if !hold {
            for line in header.split(|b| *b == b'\n') {
                outgoing.line(line, out);
            }
        }
    }

    fn set_type(&mut self, value: &[u8]) {
        let parsed = content_type(value);
        self.class = parsed.class;
        for boundary in parsed.boundaries {
            if self.boundaries.len() > self.nesting_limit + 1 {
                self.problem = Some("MIME nesting exceeds safety limit");
                return;
            }
            let length = boundary.len().min(self.boundary_limit);
            let text = boundary.get(..length).unwrap_or_default().to_vec();
            self.boundaries.push(Boundary { text, default: parsed.default });
        }
    }

    /// All headers of a part have been seen.
    fn end_headers(&mut self, outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if self.encoding.is_seven_bit() {
            return;
        }
        let line: &[u8] = match self.class {
            Class::Message | Class::OtherMessage | Class::Multipart => {
                b"Content-Transfer-Encoding: 7bit"
            }
            Class::Global | Class::Other => b"Content-Transfer-Encoding: quoted-printable",
        };
        outgoing.line(line, out);
    }

    fn begin(&mut self, state: State, class: Class) {
        self.state = state;
        self.class = class;
        self.encoding = Encoding::SevenBit;
    }

    fn body_line(&mut self, line: &[u8], outgoing: &mut Outgoing, out: &mut Vec<u8>) {
        if line.len() > 2 && line.starts_with(b"--") {
            self.boundary(line.get(2..).unwrap_or_default());
        }
        if self.encoding.is_seven_bit() {
            outgoing.line(line, out);
        } else {
            encode(line, outgoing, out);
        }
    }

    /// A line that may begin or end a part.
    fn boundary(&mut self, text: &[u8]) {
        let known = self.boundaries.iter().rposition(|open| text.starts_with(&open.text));
        let Some(open) = known else { return };
        self.boundaries.truncate(open + 1);
        let Some(innermost) = self.boundaries.last() else { return };
        let (length, default) = (innermost.text.len(), innermost.default);
        if text.get(length..).is_some_and(|rest| rest.starts_with(b"--")) {
            self.boundaries.pop();
            self.begin(State::Body, Class::Other);
        } else {
            self.begin(State::Nested, default);
        }
    }
}

/// The length of the name of a header, if the line begins with one and a colon.
fn header_name(line: &[u8]) -> Option<usize> {
    let length = line.iter().take_while(|b| (b'!'..=b'~').contains(b) && **b != b':').count();
    let rest = line.get(length..)?;
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    (length > 0 && rest.get(blanks) == Some(&b':')).then_some(length)
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

    fn converted(content: &[u8], cut: usize) -> String {
        let settings = Content {
            line_limit: 998,
            convert_8bit: true,
            nesting_limit: 3,
            boundary_limit: 100,
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
            nesting_limit: 1,
            boundary_limit: 100,
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
