//! The address in MAIL and RCPT, taken out of what clients really send: `<user@host>`, but also
//! `user@host`, comments, phrases and source routes.
//!
//! The words are those of RFC 822; they are grouped from right to left, so that in
//! `Fred Foobar <fred@example.com>` the part in brackets is the address.

use memchr::memchr3_iter;

use crate::mail::address::{Token, scan};

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
    group(scan(inner.as_bytes()))
}

/// Whether nothing in it needs the tokenizer: that is nearly always so.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr3_iter(b' ', b'"', b'\\', bytes).next().is_none()
        && !bytes.iter().any(|b| *b < b' ' || b"()<>[],;:\x7f".contains(b))
}

/// Groups from right to left. What stands between the current token and the last separator is
/// an address.
fn group(mut tokens: Vec<Token>) -> Extracted {
    let mut found = Extracted::default();
    let mut address: Vec<Token> = Vec::new();
    let (mut word_ok, mut in_group) = (true, false);
    while let Some(token) = tokens.pop() {
        match token {
            Token::Comment(_) => found.others += 1,
            Token::Op(b';') => {
                found.others += 1 + usize::from(found.close(&mut address));
                (word_ok, in_group) = (true, true);
            }
            Token::Op(b':') if in_group => {
                found.others += 1;
                found.close(&mut address);
                found.skip(&mut tokens, b",");
            }
            Token::Op(b'>') => {
                found.others += usize::from(found.close(&mut address));
                while let Some(inner) = tokens.pop() {
                    match inner {
                        Token::Op(b'<') => break,
                        Token::Comment(_) => found.others += 1,
                        other => address.push(other),
                    }
                }
                found.close(&mut address);
                found.skip(&mut tokens, b">;,:");
                word_ok = true;
            }
            Token::Op(b',') => {
                found.others += 1;
                found.close(&mut address);
                word_ok = true;
            }
            Token::Atom(_) | Token::Quoted(_) | Token::Literal(_) => {
                if !word_ok {
                    found.others += usize::from(found.close(&mut address));
                }
                address.push(token);
                word_ok = false;
            }
            Token::Op(_) => {
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
        let mut internal = Vec::new();
        for token in reversed.drain(..).rev() {
            match token {
                Token::Op(sign) => internal.push(sign),
                Token::Atom(text) | Token::Quoted(text) => internal.extend(text),
                Token::Literal(text) => {
                    internal.push(b'[');
                    internal.extend(text);
                    internal.push(b']');
                }
                Token::Comment(_) => {}
            }
        }
        self.address = String::from_utf8(internal)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        true
    }

    /// Leaves tokens alone up to one of `stops`.
    fn skip(&mut self, tokens: &mut Vec<Token>, stops: &[u8]) {
        while let Some(token) = tokens.last() {
            match token {
                Token::Op(sign) if stops.contains(sign) => break,
                Token::Op(b'<' | b'>') => {}
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
            prop_assert_eq!(extract(&text), group(scan(text.as_bytes())));
        }
    }
}
