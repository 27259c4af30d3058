//! The two MIME headers that decide about conversion: Content-Type and Content-Transfer-Encoding
//! (RFC 2045), read as leniently as Postfix does.

/// What the content type means for conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A leaf, or a type that we do not know.
    Other,
    /// message/rfc822: headers follow.
    Message,
    /// message/global: headers follow, but it may be encoded.
    Global,
    /// Another message/…: its inside is left alone.
    OtherMessage,
    /// multipart/…
    Multipart,
}

/// What Content-Transfer-Encoding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of RFC 2045")]
pub enum Encoding {
    SevenBit,
    EightBit,
    Binary,
    Base64,
    QuotedPrintable,
}

/// A Content-Type header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// Its class.
    pub class: Class,
    /// What the parts of a multipart are if they do not say.
    pub default: Class,
    /// All boundary parameters; there should be one.
    pub boundaries: Vec<Vec<u8>>,
}

impl Encoding {
    /// Whether content encoded like this is 7-bit as it stands.
    pub fn is_seven_bit(self) -> bool {
        !matches!(self, Self::EightBit | Self::Binary)
    }
}

/// A token of a structured header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// An atom.
    Word(Vec<u8>),
    /// The inside of a quoted string.
    Quoted(Vec<u8>),
    /// A special character.
    Special(u8),
}

/// Reads the value of a Content-Type header.
pub fn content_type(value: &[u8]) -> ContentType {
    let tokens = tokens(value, b"()<>@,;:\\\"/[]?=");
    let mut parts = tokens.split(|token| *token == Token::Special(b';'));
    let first = parts.next().unwrap_or_default();
    let main = word(first.first());
    let sub = match first.get(1) {
        Some(Token::Special(b'/')) => word(first.get(2)),
        _ => None,
    };
    let is = |word: Option<&[u8]>, name: &str| {
        word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut parsed =
        ContentType { class: Class::Other, default: Class::Other, boundaries: Vec::new() };
    if is(main, "message") {
        parsed.class = if is(sub, "rfc822") {
            Class::Message
        } else if is(sub, "global") {
            Class::Global
        } else {
            Class::OtherMessage
        };
    } else if is(main, "multipart") {
        parsed.class = Class::Multipart;
        if is(sub, "digest") {
            parsed.default = Class::Message;
        }
        for part in parts {
            if let [Token::Word(name), Token::Special(b'='), value, ..] = part
                && name.eq_ignore_ascii_case(b"boundary")
                && let Token::Word(text) | Token::Quoted(text) = value
            {
                parsed.boundaries.push(text.clone());
            }
        }
    }
    parsed
}

/// Reads the value of a Content-Transfer-Encoding header; none if it is not known.
pub fn encoding(value: &[u8]) -> Option<Encoding> {
    let tokens = tokens(value, b"()<>@,;:\\\".[]");
    let name = word(tokens.first())?.to_ascii_lowercase();
    match name.as_slice() {
        b"7bit" => Some(Encoding::SevenBit),
        b"8bit" => Some(Encoding::EightBit),
        b"binary" => Some(Encoding::Binary),
        b"base64" => Some(Encoding::Base64),
        b"quoted-printable" => Some(Encoding::QuotedPrintable),
        _ => None,
    }
}

fn word(token: Option<&Token>) -> Option<&[u8]> {
    match token {
        Some(Token::Word(word)) => Some(word),
        _ => None,
    }
}

/// Splits a header value into tokens; comments and white space go.
fn tokens(value: &[u8], specials: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => after,
            b'(' => comment(after),
            b'"' => {
                let (text, after) = quoted(after);
                tokens.push(Token::Quoted(text));
                after
            }
            _ if specials.contains(&byte) => {
                tokens.push(Token::Special(byte));
                after
            }
            _ => {
                let end =
                    |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n') || specials.contains(b);
                let length = rest.iter().position(end).unwrap_or(rest.len());
                let (text, after) = rest.split_at(length);
                tokens.push(Token::Word(text.to_vec()));
                after
            }
        };
    }
    tokens
}

/// What follows a comment whose parenthesis has been opened.
fn comment(inside: &[u8]) -> &[u8] {
    let mut depth = 1_usize;
    let mut bytes = inside.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return inside.get(at + 1..).unwrap_or_default();
        }
    }
    &[]
}

/// The inside of a quoted string whose quote has been opened, and what follows it.
fn quoted(inside: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    let mut bytes = inside.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (text, inside.get(at + 1..).unwrap_or_default()),
            b'\\' => text.extend(bytes.next().map(|(_, byte)| *byte)),
            b'\n' => {}
            _ => text.push(*byte),
        }
    }
    (text, &[])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn types() {
        let parsed =
            content_type(b" multipart/digest (a (nested) comment);\n\tboundary=\"x y\\\"z\"");
        assert_eq!(parsed.class, Class::Multipart);
        assert_eq!(parsed.default, Class::Message);
        assert_eq!(parsed.boundaries, [b"x y\"z".to_vec()]);
        assert_eq!(content_type(b"MESSAGE/RFC822").class, Class::Message);
        assert_eq!(content_type(b"message/partial").class, Class::OtherMessage);
        assert_eq!(content_type(b"text/plain; boundary=x").boundaries, Vec::<Vec<u8>>::new());
        assert_eq!(content_type(b"").class, Class::Other);
    }

    #[test]
    fn encodings() {
        assert_eq!(encoding(b" 8BIT"), Some(Encoding::EightBit));
        assert_eq!(encoding(b"(c) binary"), Some(Encoding::Binary));
        assert_eq!(encoding(b"quoted-printable"), Some(Encoding::QuotedPrintable));
        assert_eq!(encoding(b"rot13"), None);
        assert_eq!(encoding(b"\"8bit\""), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(value in any::<Vec<u8>>()) {
            content_type(&value);
            encoding(&value);
        }
    }
}
