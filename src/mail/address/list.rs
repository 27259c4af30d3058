//! Address lists as they stand in `To:` and its relatives: parsed so that each address can be
//! rewritten in place while names, comments and groups stay.
//!
//! The parser reads from right to left, as an address is easiest recognised from its end, and
//! throws nothing away. Words that stand side by side without a comma are separate addresses.

use super::quote::quote_822_bytes;
use super::token::{Address, Token, scan_limited};

/// A part of an address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Text around the addresses: names, comments, `<`, `>`, commas.
    Token(Token),
    /// The `:` after the name of a group.
    GroupStart,
    /// An address.
    Address(Address),
}

/// A parsed address list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// All of it, in order.
    pub items: Vec<Item>,
}

/// How much text that is no address one address may carry before it is dropped: more has
/// overflowed a buffer in old versions of Sendmail (CERT CA-2003-07).
const NON_ADDRESS_MAX: usize = 250;

struct Parser {
    /// Tokens not looked at yet; the last is next.
    left: Vec<Token>,
    /// The address being collected, last token first.
    pending: Vec<Token>,
    /// What is done, last item first.
    done: Vec<Item>,
    word_ok: bool,
    in_group: bool,
}

impl Parser {
    /// Ends the address being collected.
    fn flush(&mut self, comma: bool) {
        if self.pending.is_empty() {
            return;
        }
        let mut tokens = std::mem::take(&mut self.pending);
        tokens.reverse();
        self.done.push(Item::Address(Address { tokens, spaced: false }));
        if comma {
            self.done.push(Item::Token(Token::Op(b',')));
        }
    }

    fn keep(&mut self, token: Token) {
        self.done.push(Item::Token(token));
    }

    /// Leaves tokens as they are down to (not including) one of these operators.
    fn keep_until(&mut self, operators: &[u8]) {
        while let Some(token) = self.left.pop() {
            if let Token::Op(byte) = token
                && operators.contains(&byte)
            {
                self.left.push(token);
                return;
            }
            self.keep(token);
        }
    }

    /// `phrase <address>`, from the `>` on.
    fn angle(&mut self, close: Token) {
        self.flush(true);
        self.keep(close);
        while let Some(token) = self.left.pop() {
            match token {
                Token::Comment(_) => self.keep(token),
                Token::Op(b'<') => {
                    self.left.push(token);
                    break;
                }
                _ => self.pending.push(token),
            }
        }
        self.flush(false);
        self.keep_until(b">;,:");
        self.word_ok = true;
        // What ends the phrase is no part of the address before it.
        if !self.in_group
            && let Some(colon) = self.left.pop_if(|token| token.is(b':'))
        {
            self.keep(colon);
        }
    }

    fn step(&mut self, token: Token) {
        match token {
            Token::Comment(_) => self.keep(token),
            Token::Op(b';') => {
                self.flush(true);
                self.keep(token);
                self.in_group = true;
                self.word_ok = true;
            }
            Token::Op(b':') if self.in_group => {
                self.flush(false);
                self.done.push(Item::GroupStart);
                self.keep_until(b",");
            }
            Token::Op(b'>') => self.angle(token),
            Token::Op(b',') => {
                self.flush(false);
                self.keep(token);
                self.word_ok = true;
            }
            Token::Op(_) => {
                self.pending.push(token);
                self.word_ok = true;
            }
            Token::Atom(_) | Token::Quoted(_) | Token::Literal(_) => {
                if !self.word_ok {
                    self.flush(true);
                }
                self.word_ok = false;
                self.pending.push(token);
            }
        }
    }
}

impl List {
    /// Parses text in external form, at most `token_limit` tokens of it
    /// (`header_address_token_limit`).
    pub fn parse(text: &[u8], token_limit: usize) -> Self {
        let mut parser = Parser {
            left: scan_limited(text, token_limit),
            pending: Vec::new(),
            done: Vec::new(),
            word_ok: true,
            in_group: false,
        };
        while let Some(token) = parser.left.pop() {
            parser.step(token);
        }
        parser.flush(false);
        parser.done.reverse();
        Self { items: parser.done }
    }

    /// The addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.items.iter().filter_map(|item| match item {
            Item::Address(address) => Some(address),
            _ => None,
        })
    }

    /// The addresses, to be rewritten.
    pub fn addresses_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        self.items.iter_mut().filter_map(|item| match item {
            Item::Address(address) => Some(address),
            _ => None,
        })
    }

    /// Appends the list as a header shows it, a newline after each comma. Returns how often text
    /// around an address was dropped because it was too long.
    pub fn push_header(&self, out: &mut Vec<u8>) -> usize {
        let mut part = Part { start: out.len(), address: None };
        let mut stripped = 0;
        let mut items = self.items.iter().peekable();
        while let Some(item) = items.next() {
            match item {
                Item::Token(Token::Op(b',')) => {
                    stripped += usize::from(part.enforce(out));
                    out.extend_from_slice(b",\n");
                    part = Part { start: out.len(), address: None };
                    continue;
                }
                Item::Address(address) => {
                    let before = out.len();
                    let internal = address.internal();
                    out.extend_from_slice(&quote_822_bytes(&internal));
                    part.address = Some((internal, out.len() - before));
                }
                Item::Token(token) => {
                    if token.is(b'<') && matches!(items.peek(), Some(Item::Token(Token::Op(b'>'))))
                    {
                        part.address = Some((Vec::new(), 0));
                    }
                    token.push_external(out);
                }
                Item::GroupStart => out.push(b':'),
            }
            if items.peek().is_some_and(|next| item.space_before(next)) {
                out.push(b' ');
            }
        }
        stripped + usize::from(part.enforce(out))
    }
}

impl Item {
    fn is_text(&self) -> bool {
        match self {
            Self::Token(token) => token.is_text(),
            Self::GroupStart => false,
            Self::Address(_) => true,
        }
    }

    fn space_before(&self, next: &Self) -> bool {
        *self == Self::GroupStart
            || matches!(next, Self::Token(Token::Op(b'<')))
            || (self.is_text() && next.is_text())
    }
}

/// The text between two commas.
struct Part {
    start: usize,
    /// Internal form of its address, and the length of the external form.
    address: Option<(Vec<u8>, usize)>,
}

impl Part {
    /// Drops all but the address if there is too much around it.
    fn enforce(&self, out: &mut Vec<u8>) -> bool {
        let Some((internal, length)) = &self.address else { return false };
        if out.len() - length <= self.start + NON_ADDRESS_MAX {
            return false;
        }
        out.truncate(self.start);
        out.push(b'<');
        if !internal.is_empty() {
            out.extend_from_slice(&quote_822_bytes(internal));
        }
        out.push(b'>');
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str) -> String {
        let list = List::parse(text.as_bytes(), 10_240);
        let mut out = Vec::new();
        list.push_header(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn addresses(text: &str) -> Vec<String> {
        let list = List::parse(text.as_bytes(), 10_240);
        list.addresses().map(|a| String::from_utf8(a.internal()).unwrap()).collect()
    }

    #[test]
    fn lists() {
        assert_eq!(addresses("a@b, C D <c@d>, e"), ["a@b", "c@d", "e"]);
        assert_eq!(show("a@b, C D <c@d>, e"), "a@b,\nC D <c@d>,\ne");
        assert_eq!(show("a b c"), "a,\nb,\nc");
        assert_eq!(addresses("<a b@c>"), ["ab@c"]);
        assert_eq!(show("wietse @ porcupine . org (Wietse)"), "wietse@porcupine.org (Wietse)");
        assert_eq!(addresses("group: a@b, c@d;"), ["a@b", "c@d"]);
        assert_eq!(show("My group: a@b, c@d;, e@f"), "My group: a@b,\nc@d;,\ne@f");
        assert_eq!(show("undisclosed-recipients:;"), "undisclosed-recipients: ;");
        assert_eq!(show("\"x, y\" <a@b> (note)"), "\"x, y\" <a@b>(note)");
        assert_eq!(addresses("Name <>"), Vec::<String>::new());
        assert_eq!(addresses("<@r,@s:u@d>"), ["@r,@s:u@d"]);
        // The colon before a name that is no group's belongs to nobody; quotes around nothing stay.
        assert_eq!(addresses("@r:joe@x <a@b>"), ["@r", "a@b"]);
        assert_eq!(show("\"\", @x"), "\"\",\n\"\"@x");
    }

    #[test]
    fn too_much_comment_is_dropped() {
        let text = format!("({}) <a@b>", "x".repeat(300));
        assert_eq!(show(&text), "<a@b>");
        let text = format!("({}) <a@b>", "x".repeat(200));
        assert_eq!(show(&text), text);
    }

    #[test]
    fn the_token_limit_holds() {
        assert_eq!(List::parse(b"a,b,c,d", 3).items.len(), 3);
    }

    proptest! {
        #[test]
        fn never_panics_and_loses_no_address(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let list = List::parse(&bytes, 10_240);
            let mut out = Vec::new();
            list.push_header(&mut out);
        }

        #[test]
        fn plain_lists_survive(names in proptest::collection::vec("[a-z]{1,8}@[a-z]{1,8}\\.[a-z]{2,3}", 1..6)) {
            let list = List::parse(names.join(", ").as_bytes(), 10_240);
            let found: Vec<_> = list.addresses().map(|a| String::from_utf8(a.internal()).unwrap()).collect();
            prop_assert_eq!(found, names);
        }
    }
}
