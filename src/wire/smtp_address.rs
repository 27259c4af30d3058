//! The address in MAIL and RCPT, taken out of what clients really send: `<user@host>`, but also
//! `user@host`, comments, phrases and source routes.
//!
//! The words are those of RFC 822; they are grouped from right to left, so that in
//! `Fred Foobar <fred@example.com>` the part in brackets is the address.

use memchr::memchr3_iter;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// The last address, in internal form; empty if there is none.
    pub address: String,
    /// How many addresses there are.
    pub addresses: usize,
    /// How many words or signs there are that belong to no address.
    pub others: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Sign(u8),
    Word(String),
    Literal(String),
    Comment,
}

/// Takes the address out of `text`, which may stand in angle brackets.
pub fn extract(text: &str) -> Extracted {
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
    let inner = match inner.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => address,
        None => inner,
    };
    if is_plain(inner) {
        let addresses = usize::from(!inner.is_empty());
        return Extracted { address: inner.to_owned(), addresses, others: 0 };
    }
    group(tokens(inner))
}

/// Whether nothing in it needs the tokenizer: that is nearly always so.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr3_iter(b' ', b'"', b'\\', bytes).next().is_none()
        && !bytes.iter().any(|b| *b < b' ' || b"()<>[],;:\x7f".contains(b))
}

/// The characters that are words by themselves.
const SIGNS: &[u8] = b"|%!()<>@,;:\\\".[]";

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        let token = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'(' => {
                position = comment(bytes, position);
                Token::Comment
            }
            b'[' => Token::Literal(collect(bytes, &mut position, |b| b != b']', true)),
            b'"' => Token::Word(collect(bytes, &mut position, |b| b != b'"', true)),
            b if b != b'\\' && SIGNS.contains(&b) => Token::Sign(b),
            _ => {
                position -= 1;
                let inside = |b: u8| !b" \t\r\n".contains(&b) && !SIGNS.contains(&b);
                Token::Word(collect(bytes, &mut position, inside, false))
            }
        };
        tokens.push(token);
    }
    tokens
}

/// Collects characters while `inside` holds, with backslashes taken away.
fn collect(
    bytes: &[u8],
    position: &mut usize,
    inside: impl Fn(u8) -> bool,
    skip_last: bool,
) -> String {
    let mut collected = Vec::new();
    while let Some(&byte) = bytes.get(*position) {
        if byte == b'\\' {
            let Some(&escaped) = bytes.get(*position + 1) else {
                *position = bytes.len();
                break;
            };
            collected.push(escaped);
            *position += 2;
            continue;
        }
        if !inside(byte) {
            *position += usize::from(skip_last);
            break;
        }
        collected.push(byte);
        *position += 1;
    }
    String::from_utf8(collected)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn comment(bytes: &[u8], from: usize) -> usize {
    let mut level = 1;
    let mut position = from;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        match byte {
            b'(' => level += 1,
            b')' => {
                level -= 1;
                if level == 0 {
                    break;
                }
            }
            b'\\' => position += 1,
            _ => {}
        }
    }
    position
}

/// Groups from right to left. What stands between the current token and the last separator is
/// an address.
fn group(mut tokens: Vec<Token>) -> Extracted {
    let mut found = Extracted::default();
    let mut address: Vec<Token> = Vec::new();
    let (mut word_ok, mut in_group) = (true, false);
    while let Some(token) = tokens.pop() {
        match token {
            Token::Comment => found.others += 1,
            Token::Sign(b';') => {
                found.others += 1 + usize::from(found.close(&mut address));
                (word_ok, in_group) = (true, true);
            }
            Token::Sign(b':') if in_group => {
                found.others += 1;
                found.close(&mut address);
                found.skip(&mut tokens, b",");
            }
            Token::Sign(b'>') => {
                found.others += usize::from(found.close(&mut address));
                while let Some(inner) = tokens.pop() {
                    match inner {
                        Token::Sign(b'<') => break,
                        Token::Comment => found.others += 1,
                        other => address.push(other),
                    }
                }
                found.close(&mut address);
                found.skip(&mut tokens, b">;,:");
                word_ok = true;
            }
            Token::Sign(b',') => {
                found.others += 1;
                found.close(&mut address);
                word_ok = true;
            }
            Token::Word(_) | Token::Literal(_) => {
                if !word_ok {
                    found.others += usize::from(found.close(&mut address));
                }
                address.push(token);
                word_ok = false;
            }
            Token::Sign(_) => {
                address.push(token);
                word_ok = true;
            }
        }
    }
    found.close(&mut address);
    found
}

impl Extracted {
    /// Ends an address, if there is one. The first one to be closed stands last in the text.
    fn close(&mut self, reversed: &mut Vec<Token>) -> bool {
        if reversed.is_empty() {
            return false;
        }
        self.addresses += 1;
        if self.addresses > 1 {
            reversed.clear();
            return true;
        }
        for token in reversed.drain(..).rev() {
            match token {
                Token::Sign(sign) => self.address.push(char::from(sign)),
                Token::Word(text) => self.address.push_str(&text),
                Token::Literal(text) => {
                    self.address.push('[');
                    self.address.push_str(&text);
                    self.address.push(']');
                }
                Token::Comment => {}
            }
        }
        true
    }

    /// Leaves tokens alone up to one of `stops`.
    fn skip(&mut self, tokens: &mut Vec<Token>, stops: &[u8]) {
        while let Some(token) = tokens.last() {
            match token {
                Token::Sign(sign) if stops.contains(sign) => break,
                Token::Sign(b'<' | b'>') => {}
                _ => self.others += 1,
            }
            tokens.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> String {
        let found = extract(text);
        assert!(found.addresses <= 1, "{text}");
        found.address
    }

    #[test]
    fn plain_and_odd_forms() {
        assert_eq!(address("<a@b.c>"), "a@b.c");
        assert_eq!(address("a@b.c"), "a@b.c");
        assert_eq!(address("<>"), "");
        assert_eq!(address("<@x.y,@z:a@b.c>"), "a@b.c");
        assert_eq!(address("<\"a b\"@c>"), "a b@c");
        assert_eq!(address("<\"a\\\"b\"@c>"), "a\"b@c");
        assert_eq!(address("<a@[1.2.3.4]>"), "a@[1.2.3.4]");
        assert_eq!(address("<Fred Foobar <a@b>>"), "a@b");
        assert_eq!(address("<<a@b>>"), "a@b");
        assert_eq!(address("<a@b(comment)>"), "a@b");
        assert_eq!(address("<\"\"@c>"), "@c");
    }

    #[test]
    fn counts() {
        assert_eq!(extract("<a b>").addresses, 2);
        assert_eq!(extract("<a@b,c@d>").addresses, 2);
        assert_eq!(extract("<a@b (x)>").others, 1);
        assert_eq!(extract("<x <a@b>>").others, 1);
        assert_eq!(extract("<a@b>").others, 0);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = extract(&text);
        }
        #[test]
        fn plain_way_is_the_slow_way(text in "[a-z.@%!+-]{1,20}") {
            prop_assert_eq!(extract(&text), group(tokens(&text)));
        }
    }
}
