//! Search filters: from text (RFC 4515) to what is sent (RFC 4511 section 4.5.1.7).

use super::ber::{self, OCTETS};

/// How deep filters may be nested.
const DEPTH: usize = 100;

/// A text that is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Bad search filter")]
pub struct BadFilter;

/// What is sent for a filter.
pub fn encode(text: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let text = text.trim_ascii();
    // Outer parentheses may be left out.
    let parser = &mut Parser { rest: text };
    let filter = match text.first() {
        Some(b'(') => parser.filter(0)?,
        _ => {
            parser.rest = &[];
            item(text)?
        }
    };
    if parser.rest.is_empty() { Ok(filter) } else { Err(BadFilter) }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// `( … )`
    fn filter(&mut self, depth: usize) -> Result<Vec<u8>, BadFilter> {
        if depth > DEPTH || !self.take(b'(') {
            return Err(BadFilter);
        }
        self.rest = self.rest.trim_ascii_start();
        let filter = match self.rest.first().ok_or(BadFilter)? {
            b'&' => self.several(0xa0, depth)?,
            b'|' => self.several(0xa1, depth)?,
            b'!' => {
                self.take(b'!');
                self.rest = self.rest.trim_ascii_start();
                ber::element(0xa2, &self.filter(depth + 1)?)
            }
            b'(' => self.filter(depth + 1)?,
            _ => item(self.until_end()?)?,
        };
        self.rest = self.rest.trim_ascii_start();
        if self.take(b')') { Ok(filter) } else { Err(BadFilter) }
    }

    fn several(&mut self, tag: u8, depth: usize) -> Result<Vec<u8>, BadFilter> {
        self.rest = self.rest.get(1..).unwrap_or_default().trim_ascii_start();
        let mut filters = Vec::new();
        while self.rest.first() == Some(&b'(') {
            filters.push(self.filter(depth + 1)?);
            self.rest = self.rest.trim_ascii_start();
        }
        Ok(ber::group(tag, &filters))
    }

    /// What stands before the `)`: a value has none of its own, but for escaped ones.
    fn until_end(&mut self) -> Result<&'a [u8], BadFilter> {
        let end = memchr::memchr(b')', self.rest).ok_or(BadFilter)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(text)
    }
}

/// `attribute=value` and its relatives.
fn item(text: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let equals = memchr::memchr(b'=', text).ok_or(BadFilter)?;
    let (left, right) = text.split_at(equals);
    let value = right.get(1..).ok_or(BadFilter)?;
    let (name, kind) = match left.split_last() {
        Some((b'~', name)) => (name, 0xa8),
        Some((b'>', name)) => (name, 0xa5),
        Some((b'<', name)) => (name, 0xa6),
        Some((b':', name)) => return extensible(name, value),
        _ => (left, 0xa3),
    };
    let name = name.trim_ascii();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b';' | b'.' | b'_');
    if name.is_empty() || !name.iter().all(is_name) {
        return Err(BadFilter);
    }
    let name = ber::element(OCTETS, name);
    if kind != 0xa3 || !value.contains(&b'*') {
        return Ok(ber::group(kind, &[name, ber::element(OCTETS, &unescape(value)?)]));
    }
    if value == b"*" {
        let [_, _, name @ ..] = name.as_slice() else { return Err(BadFilter) };
        return Ok(ber::element(0x87, name));
    }
    substrings(name, value)
}

/// `a*b*c`
fn substrings(name: Vec<u8>, value: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let parts: Vec<&[u8]> = value.split(|byte| *byte == b'*').collect();
    let last = parts.len() - 1;
    let mut pieces = Vec::new();
    for (at, part) in parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        let tag = match at {
            0 => 0x80,
            at if at == last => 0x82,
            _ => 0x81,
        };
        pieces.push(ber::element(tag, &unescape(part)?));
    }
    if pieces.is_empty() {
        return Err(BadFilter);
    }
    Ok(ber::group(0xa4, &[name, ber::group(ber::SEQUENCE, &pieces)]))
}

/// `attribute:dn:rule:=value`
fn extensible(left: &[u8], value: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let mut parts = left.split(|byte| *byte == b':');
    let name = parts.next().unwrap_or_default();
    let mut rule: &[u8] = &[];
    let mut dn = false;
    for part in parts {
        match part {
            b"dn" | b"DN" => dn = true,
            part if rule.is_empty() => rule = part,
            _ => return Err(BadFilter),
        }
    }
    if name.is_empty() && rule.is_empty() {
        return Err(BadFilter);
    }
    let mut elements = Vec::new();
    if !rule.is_empty() {
        elements.push(ber::element(0x81, rule));
    }
    if !name.is_empty() {
        elements.push(ber::element(0x82, name));
    }
    elements.push(ber::element(0x83, &unescape(value)?));
    if dn {
        elements.push(ber::element(0x84, &[0xff]));
    }
    Ok(ber::group(0xa9, &elements))
}

/// A value without `\XX`.
fn unescape(text: &[u8]) -> Result<Vec<u8>, BadFilter> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                let code = digit().zip(digit()).map(|(high, low)| high << 4 | low);
                plain.push(code.and_then(|code| u8::try_from(code).ok()).ok_or(BadFilter)?);
            }
            b'(' | b')' | 0 => return Err(BadFilter),
            byte => plain.push(*byte),
        }
    }
    Ok(plain)
}

/// Makes a part of a key harmless in a filter (RFC 4515 section 3).
pub fn quote(part: &[u8], filter: &mut Vec<u8>) {
    for byte in part {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0 => {
                filter.extend_from_slice(format!("\\{byte:02X}").as_bytes());
            }
            byte => filter.push(*byte),
        }
    }
}

/// Makes a part of a key harmless in a distinguished name (RFC 4514 section 2.4).
pub fn quote_in_name(part: &[u8], name: &mut Vec<u8>) {
    for byte in part {
        match byte {
            0..b' '
            | b' '
            | b'"'
            | b'#'
            | b'+'
            | b','
            | b';'
            | b'<'
            | b'='
            | b'>'
            | b'\\'
            | 0x7f => {
                name.extend_from_slice(format!("\\{byte:02X}").as_bytes());
            }
            byte => name.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ber::Reader;
    use super::*;
    use proptest::prelude::*;

    fn equality(name: &str, value: &str) -> Vec<u8> {
        ber::group(
            0xa3,
            &[ber::element(OCTETS, name.as_bytes()), ber::element(OCTETS, value.as_bytes())],
        )
    }

    #[test]
    fn forms() {
        let encode = |text: &str| super::encode(text.as_bytes());
        assert_eq!(encode("(cn=a b)"), Ok(equality("cn", "a b")));
        assert_eq!(encode("cn=a"), Ok(equality("cn", "a")));
        assert_eq!(encode("(cn=a\\2a\\28)"), Ok(equality("cn", "a*(")));
        let both = [equality("a", "1"), equality("b", "2")];
        assert_eq!(encode("(&(a=1)(b=2))"), Ok(ber::group(0xa0, &both)));
        assert_eq!(encode("( | (a=1) (b=2) )"), Ok(ber::group(0xa1, &both)));
        assert_eq!(encode("(!(a=1))"), Ok(ber::element(0xa2, &both[0])));
        assert_eq!(encode("(cn=*)"), Ok(ber::element(0x87, b"cn")));
        assert_eq!(encode("(cn=a*b*c)").unwrap()[0], 0xa4);
        assert_eq!(encode("(cn>=5)").unwrap()[0], 0xa5);
        assert_eq!(encode("(cn:dn:2.5.13.5:=x)").unwrap()[0], 0xa9);
        for bad in ["", "(", "(cn)", "(cn=a", "(cn=a)x", "(=a)", "(cn=\\2)", "(a b=1)", "(!)"] {
            assert_eq!(encode(bad), Err(BadFilter), "{bad}");
        }
        assert_eq!(encode(&"(!".repeat(5000)), Err(BadFilter));
    }

    proptest! {
        /// Whatever the key, the filter still asks for one attribute with that value.
        #[test]
        fn keys_stay_values(key: Vec<u8>) {
            let mut text = b"(&(objectClass=person)(mail=".to_vec();
            quote(&key, &mut text);
            text.extend_from_slice(b"))");
            let filter = encode(&text).unwrap();
            let mut filter = Reader(&filter).expect(0xa0).unwrap();
            filter.expect(0xa3).unwrap();
            let mut mail = filter.expect(0xa3).unwrap();
            prop_assert!(filter.is_empty());
            prop_assert_eq!(mail.octets().unwrap(), b"mail");
            prop_assert_eq!(mail.octets().unwrap(), &key[..]);
        }

        #[test]
        fn names_keep_their_parts(key: Vec<u8>) {
            let mut name = Vec::new();
            quote_in_name(&key, &mut name);
            prop_assert!(!name.iter().any(|byte| b",+\"<>;=#\0 ".contains(byte)));
            prop_assert_eq!(unescape_name(&name), key);
        }

        #[test]
        fn any_text(text: Vec<u8>) {
            let _ = encode(&text);
        }
    }

    fn unescape_name(text: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            if *byte == b'\\' {
                let digits = std::str::from_utf8(&after[..2]).unwrap();
                plain.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &after[2..];
            } else {
                plain.push(*byte);
                rest = after;
            }
        }
        plain
    }
}
