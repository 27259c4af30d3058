//! The Basic Encoding Rules as LDAP uses them (RFC 4511 section 5.1): definite lengths, one byte of
//! tag.

/// Tags of universal types.
pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Bytes that end too early, or that are not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

/// One element: its tag, and what is in it.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
            let length = length.get(start..).unwrap_or_default();
            bytes.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
            bytes.extend_from_slice(length);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// An element made of others.
pub fn group(tag: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &elements.concat())
}

/// A number that is not negative.
pub fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut start = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    // A number with its first bit set would be negative.
    let mut content = Vec::new();
    if bytes.get(start).is_some_and(|byte| *byte >= 0x80) {
        content.push(0);
    }
    while let Some(byte) = bytes.get(start) {
        content.push(*byte);
        start += 1;
    }
    element(tag, &content)
}

/// Takes elements off bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether all was taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub fn any(&mut self) -> Result<(u8, Self), Malformed> {
        let (tag, rest) = self.0.split_first().ok_or(Malformed)?;
        let (head, length) = length(rest)?.ok_or(Malformed)?;
        let content = rest.get(head..).ok_or(Malformed)?;
        let (content, after) = content.split_at_checked(length).ok_or(Malformed)?;
        self.0 = after;
        Ok((*tag, Reader(content)))
    }

    /// The next element, which has that tag.
    pub fn expect(&mut self, wanted: u8) -> Result<Self, Malformed> {
        match self.any()? {
            (tag, content) if tag == wanted => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// The next element if it has that tag.
    pub fn optional(&mut self, wanted: u8) -> Result<Option<Self>, Malformed> {
        match self.0.first() {
            Some(tag) if *tag == wanted => self.expect(wanted).map(Some),
            _ => Ok(None),
        }
    }

    /// The next element as a number.
    pub fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        let Reader(bytes) = self.expect(tag)?;
        if bytes.is_empty() || bytes.len() > 5 {
            return Err(Malformed);
        }
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        u32::try_from(bytes.iter().fold(0, add)).map_err(|_| Malformed)
    }

    /// The next element as bytes.
    pub fn octets(&mut self) -> Result<&'a [u8], Malformed> {
        self.expect(OCTETS).map(|content| content.0)
    }
}

/// A length: how many bytes it takes, and what it is; none if more bytes are needed to tell.
pub fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some((first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if *first < 0x80 {
        return Ok(Some((1, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let length = digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    Ok(Some((1 + count, length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(content in proptest::collection::vec(any::<u8>(), 0..70_000), value: u32) {
            let bytes = [element(OCTETS, &content), number(INTEGER, value)].concat();
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.octets().unwrap(), &content[..]);
            prop_assert_eq!(reader.number(INTEGER), Ok(value));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while let Ok((_, mut inner)) = reader.any() {
                let _ = inner.number(INTEGER);
            }
        }
    }
}
