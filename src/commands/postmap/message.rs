//! `-q -` with `-h`, `-b`, `-m`: the header fields and body lines of a message are the keys, as
//! header_checks and body_checks see them.

use super::ask::{Lazy, lines};
use super::output::Output;
use super::{Context, Fatal};
use crate::config::parameters as p;
use crate::mail::header::field_name_length;
use crate::mail::mime::{Limits, State, Structure};

/// Reads a message and asks for its parts; true if a key was found.
pub(super) fn query(
    context: &Context,
    tables: &mut Lazy<'_>,
    output: &mut Output,
) -> Result<bool, Fatal> {
    let parts = context.call.parts;
    let mut found = false;
    let mut ask = |key: &[u8]| -> Result<(), Fatal> {
        if let Some(value) = tables.find(key)? {
            output.record(key, &value);
            found = true;
        }
        Ok(())
    };
    let limits = Limits {
        nesting: context.config.count(&p::mime_nesting_limit),
        boundary_length: context.config.count(&p::mime_boundary_length_limit),
    };
    let mut reader = Reader {
        structure: Structure::new(limits),
        field: Vec::new(),
        size_limit: context.config.count(&p::header_size_limit),
        mime: parts.mime,
    };
    for line in lines() {
        for piece in reader.line(&line) {
            match piece {
                Piece::Field(field) if parts.header => ask(&field)?,
                Piece::Body(line) if parts.body => ask(&line)?,
                Piece::Field(_) | Piece::Body(_) => {}
            }
        }
        // Without -b and -m, nothing after the primary header is a key.
        if !parts.body && !parts.mime && reader.structure.state == State::Body {
            break;
        }
    }
    if let Some(field) = reader.end()
        && parts.header
    {
        ask(&field)?;
    }
    Ok(found)
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// A header field, its lines joined by newlines.
    Field(Vec<u8>),
    /// A line of the body; the empty line before it counts as well.
    Body(Vec<u8>),
}

/// Takes a message apart.
struct Reader {
    structure: Structure,
    field: Vec<u8>,
    size_limit: usize,
    mime: bool,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.structure.state != State::Body {
            if !self.field.is_empty() && matches!(line.first(), Some(b' ' | b'\t')) {
                if self.field.len() < self.size_limit {
                    self.field.push(b'\n');
                    self.field.extend_from_slice(line);
                }
                return pieces;
            }
            pieces.extend(self.end().map(Piece::Field));
            if let Some(length) = field_name_length(line) {
                self.begin(line, length);
                return pieces;
            }
            if self.structure.state == State::Primary && !line.is_empty() {
                pieces.push(Piece::Body(Vec::new()));
            }
            self.structure.end_of_headers(!line.is_empty());
        }
        if self.mime && self.structure.has_boundaries() {
            self.structure.body_line(line);
        }
        pieces.push(Piece::Body(line.to_vec()));
        pieces
    }

    /// Begins a field; blanks before its colon were dropped from the name already.
    fn begin(&mut self, line: &[u8], length: usize) {
        let (name, rest) = line.split_at_checked(length).unwrap_or((line, &[]));
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.field = name.to_vec();
        self.field.extend_from_slice(rest.get(blanks..).unwrap_or_default());
    }

    /// The field that was being gathered.
    fn end(&mut self) -> Option<Vec<u8>> {
        if self.field.is_empty() {
            return None;
        }
        let field = std::mem::take(&mut self.field);
        if self.mime {
            let colon = memchr::memchr(b':', &field).unwrap_or(field.len());
            let (name, value) = field.split_at_checked(colon).unwrap_or((&field, &[]));
            let value = value.get(1..).unwrap_or_default();
            if name.eq_ignore_ascii_case(b"content-type") {
                // Too deep is too deep for keys as well.
                let _ = self.structure.set_content_type(value);
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                self.structure.set_encoding(value);
            }
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mime: bool, text: &str) -> Vec<String> {
        let limits = Limits { nesting: 100, boundary_length: 2048 };
        let mut reader =
            Reader { structure: Structure::new(limits), field: Vec::new(), size_limit: 1000, mime };
        let mut all = Vec::new();
        for line in text.lines() {
            all.extend(reader.line(line.as_bytes()));
        }
        all.extend(reader.end().map(Piece::Field));
        let show = |piece| match piece {
            Piece::Field(text) => format!("H {}", String::from_utf8_lossy(&text)),
            Piece::Body(text) => format!("B {}", String::from_utf8_lossy(&text)),
        };
        all.into_iter().map(show).collect()
    }

    #[test]
    fn header_and_body() {
        let text = "A : b\n c\nD: e\n\nx: y\n";
        assert_eq!(pieces(false, text), ["H A: b\n c", "H D: e", "B ", "B x: y"]);
        assert_eq!(pieces(false, "A: b\nfoo\n"), ["H A: b", "B ", "B foo"]);
    }

    #[test]
    fn parts() {
        let text = "Content-Type: multipart/mixed; boundary=q\n\nx: y\n--q\nA: b\n\nC: d\n--q--\n";
        let expected = ["B ", "B x: y", "B --q", "H A: b", "B ", "B C: d", "B --q--"];
        assert_eq!(pieces(true, text)[1..], expected);
    }
}
