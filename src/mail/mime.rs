//! The structure of MIME messages (RFC 2045, 2046), as far as checks and the detection of 8-bit
//! content need it: which lines are headers of a part, and where parts end.

/// Content types that make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// text/*
    Text,
    /// message/rfc822
    Rfc822,
    /// message/global: may be encoded
    Global,
    /// message/partial and message/external-body: never 8-bit
    Partial,
    /// any other message/*
    Message,
    /// multipart/*
    Multipart,
    /// Everything else.
    Other,
}

/// Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit
    SevenBit,
    /// 8bit
    EightBit,
    /// binary
    Binary,
    /// base64
    Base64,
    /// quoted-printable
    QuotedPrintable,
}

impl Encoding {
    /// By name, in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        [
            (&b"7bit"[..], Self::SevenBit),
            (b"8bit", Self::EightBit),
            (b"binary", Self::Binary),
            (b"base64", Self::Base64),
            (b"quoted-printable", Self::QuotedPrintable),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, encoding)| encoding)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::Base64 => "base64",
            Self::QuotedPrintable => "quoted-printable",
        }
    }

    /// What the encoded bytes are: base64 and quoted-printable are 7bit on the wire.
    pub fn domain(self) -> Self {
        match self {
            Self::Base64 | Self::QuotedPrintable => Self::SevenBit,
            other => other,
        }
    }
}

/// Where in a message a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The headers of the message.
    Primary,
    /// The headers of a part of a multipart.
    Multipart,
    /// The headers of a message within the message.
    Nested,
    /// Anything else.
    Body,
}

/// Limits, from main.cf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// mime_nesting_limit
    pub nesting: usize,
    /// mime_boundary_length_limit
    pub boundary_length: usize,
}

#[derive(Clone, Debug)]
struct Boundary {
    text: Vec<u8>,
    default_type: Type,
}

/// Follows a message through its parts.
#[derive(Clone, Debug)]
pub struct Structure {
    /// Where the next line stands.
    pub state: State,
    /// The type of the current part.
    pub content_type: Type,
    /// The encoding of the current part.
    pub encoding: Encoding,
    limits: Limits,
    boundaries: Vec<Boundary>,
}

impl Structure {
    /// At the start of a message.
    pub fn new(limits: Limits) -> Self {
        Self {
            state: State::Primary,
            content_type: Type::Text,
            encoding: Encoding::SevenBit,
            limits,
            boundaries: Vec::new(),
        }
    }

    /// Whether boundaries must be looked for in body lines.
    pub fn has_boundaries(&self) -> bool {
        !self.boundaries.is_empty()
    }

    /// Takes note of the value of a `Content-Type:` field. False if parts are nested deeper than
    /// the limit.
    pub fn set_content_type(&mut self, value: &[u8]) -> bool {
        let mut items = Items { rest: value };
        let Some(first) = items.next_item() else { return true };
        let [kind, slash, subtype] = &first;
        let subtype = if *slash == Lexeme::Special(b'/') { subtype.token() } else { &b""[..] };
        let is = |name: &[u8]| kind.token().eq_ignore_ascii_case(name);
        if is(b"text") {
            self.content_type = Type::Text;
        } else if is(b"message") {
            self.content_type = message_type(subtype);
        } else if is(b"multipart") {
            self.content_type = Type::Multipart;
            let default_type =
                if subtype.eq_ignore_ascii_case(b"digest") { Type::Rfc822 } else { Type::Text };
            return self.take_boundaries(items, default_type);
        } else if *kind != Lexeme::None {
            self.content_type = Type::Other;
        }
        true
    }

    /// All boundary parameters: a second one is illegal, and would be a place to hide.
    fn take_boundaries(&mut self, mut items: Items<'_>, default_type: Type) -> bool {
        let mut within_limits = true;
        while let Some([name, equals, value]) = items.next_item() {
            if name.token().eq_ignore_ascii_case(b"boundary")
                && equals == Lexeme::Special(b'=')
                && let Lexeme::Token(text) | Lexeme::Quoted(text) = value
            {
                if self.boundaries.len() > self.limits.nesting + 1 {
                    within_limits = false;
                } else {
                    let mut text = text;
                    text.truncate(self.limits.boundary_length);
                    self.boundaries.push(Boundary { text, default_type });
                }
            }
        }
        within_limits
    }

    /// Takes note of the value of a `Content-Transfer-Encoding:` field.
    pub fn set_encoding(&mut self, value: &[u8]) {
        if let Some([first, _, _]) = (Items { rest: value }).next_item()
            && let Some(encoding) = Encoding::parse(first.token())
        {
            self.encoding = encoding;
        }
    }

    /// The header block ends, with an empty line or (`garbage`) with a line that is no header.
    pub fn end_of_headers(&mut self, garbage: bool) {
        self.state = State::Body;
        if garbage {
            return;
        }
        match self.content_type {
            Type::Rfc822 | Type::Global => self.enter(State::Nested, Type::Text),
            Type::Multipart => self.enter(State::Body, Type::Other),
            _ => {}
        }
    }

    /// Looks at the start of a body line: a boundary begins a part or ends a multipart.
    pub fn body_line(&mut self, line: &[u8]) {
        let Some(text) = line.strip_prefix(b"--") else { return };
        if text.is_empty() {
            return;
        }
        let Some(found) = self.boundaries.iter().rposition(|b| text.starts_with(&b.text)) else {
            return;
        };
        self.boundaries.truncate(found + 1);
        let Some(boundary) = self.boundaries.last() else { return };
        let rest = text.get(boundary.text.len()..).unwrap_or_default();
        if rest.starts_with(b"--") {
            self.boundaries.pop();
            self.enter(State::Body, Type::Other);
        } else {
            let default_type = boundary.default_type;
            self.enter(State::Multipart, default_type);
        }
    }

    fn enter(&mut self, state: State, content_type: Type) {
        self.state = state;
        self.content_type = content_type;
        self.encoding = Encoding::SevenBit;
    }
}

fn message_type(subtype: &[u8]) -> Type {
    if subtype.eq_ignore_ascii_case(b"rfc822") {
        Type::Rfc822
    } else if subtype.eq_ignore_ascii_case(b"global") {
        Type::Global
    } else if subtype.eq_ignore_ascii_case(b"partial")
        || subtype.eq_ignore_ascii_case(b"external-body")
    {
        Type::Partial
    } else {
        Type::Message
    }
}

/// A lexical element of a structured field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Lexeme {
    #[default]
    None,
    Token(Vec<u8>),
    Quoted(Vec<u8>),
    Special(u8),
}

impl Lexeme {
    /// The text of a token; nothing for all else.
    fn token(&self) -> &[u8] {
        match self {
            Self::Token(text) => text,
            _ => b"",
        }
    }
}

/// The items of a field value, which `;` separates; the first three lexemes of each.
struct Items<'a> {
    rest: &'a [u8],
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_special(byte: u8) -> bool {
    byte.is_ascii_control() || b"()<>@,;:\\\"/[]?=".contains(&byte)
}

impl Items<'_> {
    fn next_item(&mut self) -> Option<[Lexeme; 3]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut item = <[Lexeme; 3]>::default();
        let mut count = 0;
        loop {
            let lexeme = match self.take() {
                None if count == 0 => return None,
                None | Some(b';') => return Some(item),
                Some(space) if is_space(space) => continue,
                Some(b'(') => {
                    self.skip_comment();
                    continue;
                }
                Some(b'"') => Lexeme::Quoted(self.quoted()),
                Some(special) if is_special(special) => Lexeme::Special(special),
                Some(first) => Lexeme::Token(self.word(first)),
            };
            if let Some(place) = item.get_mut(count) {
                *place = lexeme;
            }
            count += 1;
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn skip_comment(&mut self) {
        let mut level = 1usize;
        while level > 0 {
            match self.take() {
                None => return,
                Some(b'(') => level += 1,
                Some(b')') => level -= 1,
                Some(b'\\') => drop(self.take()),
                Some(_) => {}
            }
        }
    }

    fn quoted(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        loop {
            match self.take() {
                None | Some(b'"') => return text,
                Some(b'\n') => {
                    while text.last().is_some_and(|b| is_space(*b)) {
                        text.pop();
                    }
                }
                Some(b'\\') => text.extend(self.take()),
                Some(byte) => text.push(byte),
            }
        }
    }

    fn word(&mut self, first: u8) -> Vec<u8> {
        let end = self.rest.iter().position(|b| is_space(*b) || is_special(*b));
        let (word, rest) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, &[]));
        self.rest = rest;
        let mut text = Vec::with_capacity(word.len() + 1);
        text.push(first);
        text.extend_from_slice(word);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn structure() -> Structure {
        Structure::new(Limits { nesting: 3, boundary_length: 20 })
    }

    #[test]
    fn follows_parts() {
        let mut mime = structure();
        assert!(mime.set_content_type(b" multipart/mixed; (c) boundary=\"a b\""));
        mime.end_of_headers(false);
        assert_eq!((mime.state, mime.content_type), (State::Body, Type::Other));
        mime.body_line(b"--a c");
        assert_eq!(mime.state, State::Body);
        mime.body_line(b"--a b trailing");
        assert_eq!((mime.state, mime.content_type), (State::Multipart, Type::Text));
        assert!(mime.set_content_type(b"message/rfc822"));
        mime.end_of_headers(false);
        assert_eq!(mime.state, State::Nested);
        mime.end_of_headers(true);
        mime.body_line(b"--a b--");
        assert_eq!(mime.state, State::Body);
        assert!(!mime.has_boundaries());
    }

    #[test]
    fn digest_parts_are_messages() {
        let mut mime = structure();
        mime.set_content_type(b"MULTIPART / digest;boundary=x");
        mime.body_line(b"--x");
        assert_eq!(mime.content_type, Type::Rfc822);
    }

    #[test]
    fn nesting_is_limited() {
        let mut mime = structure();
        for _ in 0..5 {
            assert!(mime.set_content_type(b"multipart/mixed; boundary=x"));
        }
        assert!(!mime.set_content_type(b"multipart/mixed; boundary=x"));
    }

    #[test]
    fn encodings() {
        let mut mime = structure();
        mime.set_encoding(b" (x) 8BIT");
        assert_eq!(mime.encoding, Encoding::EightBit);
        mime.set_encoding(b"nonsense");
        assert_eq!(mime.encoding, Encoding::EightBit);
        assert_eq!(Encoding::Base64.domain(), Encoding::SevenBit);
    }

    proptest! {
        #[test]
        fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..80), line in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut mime = structure();
            mime.set_content_type(&value);
            mime.set_content_type(&[&b"multipart/x;boundary=\"\";"[..], &value].concat());
            mime.set_encoding(&value);
            mime.body_line(&[b"--", &line[..]].concat());
        }
    }
}
