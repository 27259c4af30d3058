//! How a part of a key is put into a query so that it stays what it is: a piece of a string.
//!
//! What is harmless depends on where it stands. The template is read once as the server would
//! read it, to learn for each part whether it stands in a string, in a name, or in the open. In
//! the open, where Postfix puts whatever it is given, only digits are taken.

use super::super::client::template::{Piece, Template};

/// How a server reads strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `'…'` and `"…"` with backslashes, `` `…` ``.
    Mysql,
    /// The same in a character set whose characters may end in a byte that looks like a backslash:
    /// only ASCII is taken.
    MysqlAscii,
    /// The same without backslashes (`NO_BACKSLASH_ESCAPES`).
    MysqlNoBackslash,
    /// `'…'`, `E'…'` with backslashes, `"…"`, `$tag$…$tag$`.
    Postgres,
    /// The same with backslashes in `'…'` (`standard_conforming_strings = off`).
    PostgresBackslash,
    /// `'…'`, and names in `"…"`, `` `…` ``, `[…]`.
    Sqlite,
}

/// Where a part of the key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a string between these quotes. `backslash`: whether one means something there. `like`:
    /// whether the string is a pattern of LIKE.
    Quoted { quote: u8, backslash: bool, like: bool },
    /// Between dollars.
    Dollars,
    /// In the open, behind a letter, digit or `_`: part of a name or number.
    Glued,
    /// In the open.
    Bare,
    /// Where nothing is safe.
    Nowhere,
}

/// The part cannot stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsafe;

impl Grammar {
    fn is_mysql(self) -> bool {
        matches!(self, Self::Mysql | Self::MysqlAscii | Self::MysqlNoBackslash)
    }

    fn is_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresBackslash)
    }

    /// Whether a backslash means something between such quotes; `prefix` is the letter before.
    fn has_backslash(self, quote: u8, prefix: Option<u8>) -> bool {
        match self {
            Self::Mysql | Self::MysqlAscii => quote != b'`',
            Self::PostgresBackslash => quote == b'\'',
            // E'…', and U&'…'.
            Self::Postgres => quote == b'\'' && matches!(prefix, Some(b'e' | b'E' | b'&')),
            Self::MysqlNoBackslash | Self::Sqlite => false,
        }
    }
}

/// What the reader of a template is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    Quoted {
        quote: u8,
        backslash: bool,
        like: bool,
        escaped: bool,
    },
    /// The closing `$tag$`.
    Dollars(Vec<u8>),
    LineComment,
    BlockComment,
}

/// The place of each piece of a template; those of fixed text mean nothing.
pub fn places(template: &Template, grammar: Grammar) -> Vec<Place> {
    let mut reader = Reader { grammar, state: State::Open, before: Vec::new() };
    template
        .pieces()
        .iter()
        .map(|piece| {
            if let Piece::Text(text) = piece {
                reader.read(text);
                return Place::Nowhere;
            }
            let place = reader.place();
            // In the open it ends whatever word stands before it.
            reader.before.push(b'0');
            place
        })
        .collect()
}

struct Reader {
    grammar: Grammar,
    state: State,
    /// All text so far, with a digit for each part of the key.
    before: Vec<u8>,
}

impl Reader {
    fn place(&self) -> Place {
        match &self.state {
            State::Quoted { escaped: true, .. } => Place::Nowhere,
            State::Quoted { quote, backslash, like, .. } => {
                Place::Quoted { quote: *quote, backslash: *backslash, like: *like }
            }
            State::Dollars(_) => Place::Dollars,
            State::Open => match self.before.last() {
                Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => Place::Glued,
                _ => Place::Bare,
            },
            State::LineComment | State::BlockComment => Place::Bare,
        }
    }

    fn read(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
            self.before.push(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        let ends = |tail: &[u8]| self.before.ends_with(tail);
        match &mut self.state {
            State::Quoted { quote, backslash, escaped, .. } => {
                if *escaped {
                    *escaped = false;
                } else if *backslash && byte == b'\\' {
                    *escaped = true;
                } else if byte == *quote {
                    self.state = State::Open;
                }
            }
            State::Dollars(tag) => {
                if let Some((last, head)) = tag.split_last()
                    && byte == *last
                    && ends(head)
                {
                    self.state = State::Open;
                }
            }
            State::LineComment => {
                if byte == b'\n' {
                    self.state = State::Open;
                }
            }
            State::BlockComment => {
                if byte == b'/' && ends(b"*") {
                    self.state = State::Open;
                }
            }
            State::Open => self.open(byte),
        }
    }

    fn open(&mut self, byte: u8) {
        let last = self.before.last().copied();
        match byte {
            b'\'' | b'"' => {
                let backslash = self.grammar.has_backslash(byte, last);
                let like = byte == b'\'' && self.follows_like();
                self.state = State::Quoted { quote: byte, backslash, like, escaped: false };
            }
            b'`' if !self.grammar.is_postgres() => {
                self.state =
                    State::Quoted { quote: b'`', backslash: false, like: false, escaped: false };
            }
            b'[' if self.grammar == Grammar::Sqlite => {
                self.state =
                    State::Quoted { quote: b']', backslash: false, like: false, escaped: false };
            }
            b'$' if self.grammar.is_postgres() => {
                let start =
                    self.before.iter().rposition(|b| !b.is_ascii_alphanumeric() && *b != b'_');
                if let Some(start) = start.filter(|start| self.before.get(*start) == Some(&b'$')) {
                    let mut tag = self.before.get(start..).unwrap_or_default().to_vec();
                    tag.push(b'$');
                    self.state = State::Dollars(tag);
                }
            }
            b'#' if self.grammar.is_mysql() => self.state = State::LineComment,
            b'-' if last == Some(b'-') => self.state = State::LineComment,
            b'*' if last == Some(b'/') => self.state = State::BlockComment,
            _ => {}
        }
    }

    /// Whether the word before here is LIKE, or a relative of it.
    fn follows_like(&self) -> bool {
        let text = self.before.trim_ascii_end();
        let word = text.rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
        word.eq_ignore_ascii_case(b"like") || word.eq_ignore_ascii_case(b"ilike")
    }
}

/// Appends a part of a key as it has to be written at its place.
pub fn append(
    part: &[u8],
    place: Place,
    grammar: Grammar,
    query: &mut Vec<u8>,
) -> Result<(), Unsafe> {
    if part.contains(&0) || (grammar == Grammar::MysqlAscii && !part.is_ascii()) {
        return Err(Unsafe);
    }
    match place {
        Place::Quoted { quote: b'\'', backslash, like } => {
            return string(part, backslash, like, grammar, query);
        }
        // Whether such quotes are those of a string or of a name depends on the server.
        Place::Quoted { quote, .. } if part.contains(&quote) || part.contains(&b'\\') => {
            return Err(Unsafe);
        }
        Place::Dollars if part.contains(&b'$') => return Err(Unsafe),
        Place::Glued if !part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') => {
            return Err(Unsafe);
        }
        Place::Bare if part.is_empty() || !part.iter().all(u8::is_ascii_digit) => {
            return Err(Unsafe);
        }
        Place::Nowhere => return Err(Unsafe),
        Place::Quoted { .. } | Place::Dollars | Place::Glued | Place::Bare => {}
    }
    query.extend_from_slice(part);
    Ok(())
}

/// Inside `'…'`.
fn string(
    part: &[u8],
    backslash: bool,
    like: bool,
    grammar: Grammar,
    query: &mut Vec<u8>,
) -> Result<(), Unsafe> {
    // SQLite has no escape in patterns, and there is none in MySQL without backslashes.
    let escapes_patterns = !matches!(grammar, Grammar::Sqlite | Grammar::MysqlNoBackslash);
    if like && !escapes_patterns && part.contains(&b'%') {
        return Err(Unsafe);
    }
    for byte in part {
        if like && escapes_patterns && matches!(byte, b'%' | b'_' | b'\\') {
            query.extend_from_slice(if backslash { b"\\\\" } else { b"\\" });
        }
        match byte {
            b'\\' if backslash => query.extend_from_slice(b"\\\\"),
            b'\'' if backslash && grammar.is_mysql() => query.extend_from_slice(b"\\'"),
            b'\'' => query.extend_from_slice(b"''"),
            b'"' if backslash && grammar.is_mysql() => query.extend_from_slice(b"\\\""),
            b'\n' if backslash => query.extend_from_slice(b"\\n"),
            b'\r' if backslash => query.extend_from_slice(b"\\r"),
            0x1a if backslash && grammar.is_mysql() => query.extend_from_slice(b"\\Z"),
            byte => query.push(*byte),
        }
    }
    Ok(())
}

/// The first part that stands outside `'…'`, as it is written: Postfix warns about it.
#[cfg(feature = "sqlite")]
pub fn unprotected(text: &str) -> Option<String> {
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if quote == Some('\'') || c != '%' {
            continue;
        }
        match characters.next_if(|next| *next == '%' || next.is_ascii_alphanumeric()) {
            Some('%') | None => {}
            Some(letter) => return Some(format!("%{letter}")),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Grammar; 6] = [
        Grammar::Mysql,
        Grammar::MysqlAscii,
        Grammar::MysqlNoBackslash,
        Grammar::Postgres,
        Grammar::PostgresBackslash,
        Grammar::Sqlite,
    ];

    fn write(template: &str, part: &str, grammar: Grammar) -> Option<String> {
        let template = Template::parse(template).unwrap();
        let places = places(&template, grammar);
        let mut query = Vec::new();
        for (piece, place) in template.pieces().iter().zip(places) {
            match piece {
                Piece::Text(text) => query.extend_from_slice(text),
                _ => append(part.as_bytes(), place, grammar, &mut query).ok()?,
            }
        }
        Some(String::from_utf8(query).unwrap())
    }

    #[test]
    fn places_are_told_apart() {
        let part = "a'b";
        let mysql = |template| write(template, part, Grammar::Mysql);
        assert_eq!(mysql("x='%s'"), Some("x='a\\'b'".into()));
        assert_eq!(mysql("x='\\'%s'"), Some("x='\\'a\\'b'".into()));
        assert_eq!(mysql("x=\"%s\""), Some("x=\"a'b\"".into()));
        assert_eq!(mysql("FROM `%s`"), Some("FROM `a'b`".into()));
        assert_eq!(mysql("x='\\%s'"), None);
        assert_eq!(mysql("x=%s"), None);
        assert_eq!(mysql("x='' + %s"), None);
        assert_eq!(write("x=%s", "17", Grammar::Mysql), Some("x=17".into()));
        assert_eq!(write("x=%s", "x", Grammar::Mysql), None);
        assert_eq!(write("t_%s", "x", Grammar::Mysql), Some("t_x".into()));
        assert_eq!(write("x=%s%s", "1", Grammar::Mysql), Some("x=11".into()));
        let postgres = |template, part| write(template, part, Grammar::Postgres);
        assert_eq!(postgres("x='%s'", "a'\\"), Some("x='a''\\'".into()));
        assert_eq!(postgres("x=E'%s'", "a'\\"), Some("x=E'a''\\\\'".into()));
        assert_eq!(postgres("$$%s$$", "a'"), Some("$$a'$$".into()));
        assert_eq!(postgres("$a$%s$a$ %s", "7"), Some("$a$7$a$ 7".into()));
        assert_eq!(postgres("$$%s$$", "a$"), None);
        assert_eq!(postgres("-- it's %s\n", "a"), None);
        assert_eq!(postgres("-- it's \n'%s'", "a'"), Some("-- it's \n'a'''".into()));
        assert_eq!(postgres("/* ' */ '%s'", "a'"), Some("/* ' */ 'a'''".into()));
        assert_eq!(write("[%s]", "a]", Grammar::Sqlite), None);
    }

    #[test]
    fn patterns() {
        assert_eq!(
            write("x LIKE '%s'", "a%_\\", Grammar::Mysql),
            Some("x LIKE 'a\\\\%\\\\_\\\\\\\\'".into())
        );
        assert_eq!(write("x like '%s'", "a%_", Grammar::Postgres), Some("x like 'a\\%\\_'".into()));
        assert_eq!(write("x like '%s'", "a%", Grammar::Sqlite), None);
        assert_eq!(write("x='%s'", "a%", Grammar::Sqlite), Some("x='a%'".into()));
        assert_eq!(write("'%s' LIKE x", "a%", Grammar::Mysql), Some("'a%' LIKE x".into()));
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn advice() {
        assert_eq!(unprotected("a='%s' and b='%%'"), None);
        assert_eq!(unprotected("a=\"%s\""), Some("%s".into()));
        assert_eq!(unprotected("a='x' and b=%u"), Some("%u".into()));
    }

    /// What a server makes of a string literal, and whether the literal ends at the end.
    fn literal(text: &[u8], grammar: Grammar) -> Option<Vec<u8>> {
        let backslash = grammar.has_backslash(b'\'', None);
        let mut value = Vec::new();
        let mut bytes = text.strip_prefix(b"'")?.iter().copied();
        loop {
            match bytes.next()? {
                b'\\' if backslash => value.push(match bytes.next()? {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b'Z' => 0x1a,
                    other => other,
                }),
                b'\'' => match bytes.next() {
                    Some(b'\'') => value.push(b'\''),
                    None => return Some(value),
                    Some(_) => return None,
                },
                other => value.push(other),
            }
        }
    }

    proptest! {
        /// However a key is written: the literal ends where it should, and means the key.
        #[test]
        fn strings_stay_strings(part in "[ -~\n\r\u{1a}'\\\\\"%é嘊]{0,30}") {
            for grammar in ALL {
                if let Some(query) = write("'%s'", &part, grammar) {
                    prop_assert_eq!(literal(query.as_bytes(), grammar), Some(part.clone().into_bytes()));
                } else {
                    prop_assert!(grammar == Grammar::MysqlAscii && !part.is_ascii());
                }
            }
        }

        /// Elsewhere nothing that could end the place gets in.
        #[test]
        fn other_places(part in "[ -~\n]{0,20}") {
            for grammar in ALL {
                for (template, forbidden) in
                    [("\"%s\"", "\"\\"), ("`%s`", "`\\"), ("%s", " '\"`\\;-/*#$()=,")]
                {
                    if let Some(query) = write(template, &part, grammar) {
                        let inside = match template.len() {
                            2 => &query,
                            _ => &query[1..query.len() - 1],
                        };
                        prop_assert!(!inside.contains(|c| forbidden.contains(c)), "{query}");
                    }
                }
            }
        }

        #[test]
        fn any_template(template in "[ -~]{0,40}", part in ".{0,10}") {
            if Template::parse(&template).is_some() {
                for grammar in ALL {
                    let _ = write(&template, &part, grammar);
                }
            }
        }
    }
}
