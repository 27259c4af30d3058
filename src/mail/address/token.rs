//! The tokens of an address, and the address as a list of them: what rewriting works on.

use super::quote::quote_822_bytes;

/// A lexical token of RFC 822, with the routing operators `%`, `!` and `|` added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// One special character that is no part of another token.
    Op(u8),
    /// A run of ordinary characters.
    Atom(Vec<u8>),
    /// The inside of a quoted string, without quotes and backslashes.
    Quoted(Vec<u8>),
    /// The inside of a domain literal, without brackets and backslashes.
    Literal(Vec<u8>),
    /// A comment as written, with its parentheses.
    Comment(Vec<u8>),
}

impl Token {
    /// Whether it is this operator.
    pub fn is(&self, operator: u8) -> bool {
        *self == Self::Op(operator)
    }

    /// Whether two of this kind in a row need a space between them.
    pub(super) fn is_text(&self) -> bool {
        !matches!(self, Self::Op(_))
    }

    pub(super) fn push_internal(&self, out: &mut Vec<u8>) {
        match self {
            Self::Op(byte) => out.push(*byte),
            Self::Atom(text) | Self::Quoted(text) | Self::Comment(text) => {
                out.extend_from_slice(text);
            }
            Self::Literal(text) => {
                out.push(b'[');
                out.extend_from_slice(text);
                out.push(b']');
            }
        }
    }

    pub(super) fn push_external(&self, out: &mut Vec<u8>) {
        match self {
            Self::Quoted(text) => push_escaped(out, b'"', text, b"\"\\\r\n", b'"'),
            Self::Literal(text) => push_escaped(out, b'[', text, b"\\\r\n", b']'),
            Self::Op(_) | Self::Atom(_) | Self::Comment(_) => self.push_internal(out),
        }
    }
}

fn push_escaped(out: &mut Vec<u8>, open: u8, text: &[u8], escape: &[u8], close: u8) {
    out.push(open);
    for byte in text {
        if escape.contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(close);
}

/// One address: tokens that may be rewritten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The tokens, in order; comments only where the address was scanned on its own.
    pub tokens: Vec<Token>,
    /// Whether neighbouring words are kept apart by a space: not in `<a b@c>` of a list, which
    /// reads as `ab@c`.
    pub(super) spaced: bool,
}

impl Address {
    /// Scans one address in external form.
    pub fn from_external(text: &[u8]) -> Self {
        Self { tokens: scan(text), spaced: true }
    }

    /// The internal form.
    pub fn internal(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.tokens.len() * 8);
        self.push_with(&mut out, Token::push_internal);
        out
    }

    /// The external form, token by token: what [`Address::from_external`] reads back.
    pub fn external(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.tokens.len() * 8);
        self.push_with(&mut out, |token, out| {
            token.push_external(out);
            if token.is(b',') && !self.spaced {
                out.push(b' ');
            }
        });
        out
    }

    /// The form for headers and the wire: the local part quoted as a whole.
    pub fn quoted(&self) -> Vec<u8> {
        quote_822_bytes(&self.internal()).into_owned()
    }

    fn push_with(&self, out: &mut Vec<u8>, push: impl Fn(&Token, &mut Vec<u8>)) {
        let mut tokens = self.tokens.iter().peekable();
        while let Some(token) = tokens.next() {
            push(token, out);
            if self.spaced && tokens.peek().is_some_and(|next| space_between(token, next)) {
                out.push(b' ');
            }
        }
    }

    /// Whether it has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The place of the first such operator.
    pub fn find(&self, operator: u8) -> Option<usize> {
        self.tokens.iter().position(|t| t.is(operator))
    }

    /// The place of the last such operator.
    pub fn rfind(&self, operator: u8) -> Option<usize> {
        self.tokens.iter().rposition(|t| t.is(operator))
    }
}

fn space_between(token: &Token, next: &Token) -> bool {
    token.is(b',') || next.is(b'<') || (token.is_text() && next.is_text())
}

const OPERATORS: &[u8] = b"|%!()<>@,;:\\\".[]";

fn is_operator(byte: u8) -> bool {
    OPERATORS.contains(&byte)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Splits text into tokens. Text after a NUL is not looked at.
pub fn scan(text: &[u8]) -> Vec<Token> {
    scan_limited(text, usize::MAX)
}

/// As [`scan`], at most `limit` tokens (`header_address_token_limit`).
pub fn scan_limited(text: &[u8], limit: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.split(|b| *b == 0).next().unwrap_or_default();
    while tokens.len() < limit {
        rest = rest.trim_ascii_start_mail();
        let Some((&first, after)) = rest.split_first() else { break };
        let (token, left) = match first {
            b'(' => comment(rest),
            b'[' => {
                let (inside, left) = collect(after, |b| b != b']');
                (Token::Literal(inside), left.get(1..).unwrap_or_default())
            }
            b'"' => {
                let (inside, left) = collect(after, |b| b != b'"');
                (Token::Quoted(inside), left.get(1..).unwrap_or_default())
            }
            _ if first != b'\\' && is_operator(first) => (Token::Op(first), after),
            _ => {
                let (word, left) = collect(rest, |b| !is_space(b) && !is_operator(b));
                (word_token(word), left)
            }
        };
        tokens.push(token);
        rest = left;
    }
    tokens
}

trait TrimMail {
    fn trim_ascii_start_mail(&self) -> &Self;
}

impl TrimMail for [u8] {
    fn trim_ascii_start_mail(&self) -> &Self {
        let start = self.iter().position(|b| !is_space(*b)).unwrap_or(self.len());
        self.get(start..).unwrap_or_default()
    }
}

/// Bytes while `wanted`, backslashes resolved, white space as blanks; and what is left.
fn collect(text: &[u8], wanted: impl Fn(u8) -> bool) -> (Vec<u8>, &[u8]) {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match byte {
            b'\\' => match after.split_first() {
                Some((&escaped, after)) => (escaped, after),
                None => return (out, after),
            },
            _ if !wanted(byte) => break,
            _ => (byte, after),
        };
        out.push(if is_space(byte) { b' ' } else { byte });
        rest = after;
    }
    (out, rest)
}

/// A word that holds special characters (by backslash) must be quoted when it is shown.
fn word_token(word: Vec<u8>) -> Token {
    if word.iter().any(|b| *b == b' ' || b.is_ascii_control() || is_operator(*b)) {
        Token::Quoted(word)
    } else {
        Token::Atom(word)
    }
}

/// A comment, with the comments inside it.
fn comment(text: &[u8]) -> (Token, &[u8]) {
    let mut level = 0usize;
    let mut escaped = false;
    let mut length = text.len();
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => level += 1,
            b')' => {
                level -= 1;
                if level == 0 {
                    length = place + 1;
                    break;
                }
            }
            _ => {}
        }
    }
    let (inside, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    (Token::Comment(inside.to_vec()), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forms(text: &str) -> (String, String) {
        let address = Address::from_external(text.as_bytes());
        let string = |bytes| String::from_utf8(bytes).unwrap();
        (string(address.internal()), string(address.external()))
    }

    #[test]
    fn scans() {
        assert_eq!(forms("a@b.c"), ("a@b.c".into(), "a@b.c".into()));
        assert_eq!(forms("\"a b\"@c"), ("a b@c".into(), "\"a b\"@c".into()));
        assert_eq!(forms("a\\@b@c"), ("a@b@c".into(), "\"a@b\"@c".into()));
        assert_eq!(forms("a b"), ("a b".into(), "a b".into()));
        assert_eq!(forms("a@[1.2.3.4]"), ("a@[1.2.3.4]".into(), "a@[1.2.3.4]".into()));
        assert_eq!(forms("\"un"), ("un".into(), "\"un\"".into()));
        assert_eq!(forms("(a(b)c)d"), ("(a(b)c) d".into(), "(a(b)c) d".into()));
        assert_eq!(forms("a\\"), ("a".into(), "a".into()));
    }

    proptest! {
        #[test]
        fn never_panics_and_settles(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let once = Address::from_external(&bytes);
            let _ = (once.internal(), once.quoted());
            let twice = Address::from_external(&once.external());
            let thrice = Address::from_external(&twice.external());
            prop_assert_eq!(twice.external(), thrice.external());
        }
    }
}
