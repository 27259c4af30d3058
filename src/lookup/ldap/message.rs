//! Messages of LDAP (RFC 4511 section 4), as far as look-ups need them.

use super::ber::{self, BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE};
use super::url::Scope;

/// Result codes that are treated in their own way.
pub const SUCCESS: u32 = 0;
#[cfg(feature = "ldap-bind")]
pub const SASL_IN_PROGRESS: u32 = 14;
pub const NO_SUCH_OBJECT: u32 = 32;

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The distinguished name where it begins.
    pub base: Vec<u8>,
    /// How deep it goes.
    pub scope: Scope,
    /// Which aliases are followed: never, searching, finding, always (0 to 3).
    pub dereference: u32,
    /// How many entries are wanted at most; 0: all.
    pub size_limit: u32,
    /// How long the server may work, in seconds; 0: as long as it likes.
    pub time_limit: u32,
    /// The filter as it is sent.
    pub filter: Vec<u8>,
    /// What is wanted of each entry.
    pub attributes: Vec<String>,
}

/// One thing that a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An entry that was found.
    Entry(Entry),
    /// Where a search may go on.
    Reference(Vec<String>),
    /// The end of an operation.
    Done(Outcome),
    /// Something else.
    Other,
}

/// An entry: its name, and its attributes with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The distinguished name.
    pub name: Vec<u8>,
    /// Names and values of attributes.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// How an operation ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result code.
    pub code: u32,
    /// Where to ask instead.
    pub referrals: Vec<String>,
    /// What a SASL mechanism has to say.
    pub credentials: Option<Vec<u8>>,
}

/// A message with its number.
fn message(number: u32, operation: Vec<u8>) -> Vec<u8> {
    ber::group(SEQUENCE, &[ber::number(INTEGER, number), operation])
}

/// A login with a name and a password, perhaps both empty.
pub fn simple_bind(number: u32, version: u32, name: &str, password: &str) -> Vec<u8> {
    bind(number, version, name, ber::element(0x80, password.as_bytes()))
}

/// A step of a login by SASL.
#[cfg(feature = "ldap-bind")]
pub fn sasl_bind(number: u32, mechanism: &str, credentials: Option<&[u8]>) -> Vec<u8> {
    let mut elements = vec![ber::element(OCTETS, mechanism.as_bytes())];
    elements.extend(credentials.map(|credentials| ber::element(OCTETS, credentials)));
    bind(number, 3, "", ber::group(0xa3, &elements))
}

fn bind(number: u32, version: u32, name: &str, credentials: Vec<u8>) -> Vec<u8> {
    let name = ber::element(OCTETS, name.as_bytes());
    message(number, ber::group(0x60, &[ber::number(INTEGER, version), name, credentials]))
}

/// The wish for TLS (RFC 4511 section 4.14).
pub fn start_tls(number: u32) -> Vec<u8> {
    message(number, ber::element(0x77, &ber::element(0x80, b"1.3.6.1.4.1.1466.20037")))
}

/// A search.
pub fn search(number: u32, search: &Search) -> Vec<u8> {
    let scope = match search.scope {
        Scope::Base => 0,
        Scope::One => 1,
        Scope::Sub => 2,
    };
    let attributes: Vec<_> =
        search.attributes.iter().map(|name| ber::element(OCTETS, name.as_bytes())).collect();
    let operation = [
        ber::element(OCTETS, &search.base),
        ber::number(ENUMERATED, scope),
        ber::number(ENUMERATED, search.dereference),
        ber::number(INTEGER, search.size_limit),
        ber::number(INTEGER, search.time_limit),
        ber::element(BOOLEAN, &[0]),
        search.filter.clone(),
        ber::group(SEQUENCE, &attributes),
    ];
    message(number, ber::group(0x63, &operation))
}

/// Takes the inside of a message apart: its number, and what it says.
pub fn parse(bytes: &[u8]) -> Result<(u32, Reply), Malformed> {
    let mut reader = Reader(bytes);
    let number = reader.number(INTEGER)?;
    let (tag, mut operation) = reader.any()?;
    let reply = match tag {
        0x64 => Reply::Entry(entry(operation)?),
        0x73 => Reply::Reference(texts(operation)?),
        // Ends of bind, search and extended operations.
        0x61 | 0x65 | 0x78 => Reply::Done(outcome(&mut operation)?),
        _ => Reply::Other,
    };
    Ok((number, reply))
}

fn entry(mut reader: Reader<'_>) -> Result<Entry, Malformed> {
    let name = reader.octets()?.to_vec();
    let mut list = reader.expect(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.expect(SEQUENCE)?;
        let name = std::str::from_utf8(attribute.octets()?).map_err(|_| Malformed)?.to_owned();
        let mut set = attribute.expect(ber::SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.octets()?.to_vec());
        }
        attributes.push((name, values));
    }
    Ok(Entry { name, attributes })
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, Malformed> {
    let code = reader.number(ENUMERATED)?;
    let _name = reader.octets()?;
    let _words = reader.octets()?;
    let referrals = match reader.optional(0xa3)? {
        Some(list) => texts(list)?,
        None => Vec::new(),
    };
    let credentials = reader.optional(0x87)?.map(|content| content.0.to_vec());
    Ok(Outcome { code, referrals, credentials })
}

fn texts(mut reader: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut texts = Vec::new();
    while !reader.is_empty() {
        texts.push(String::from_utf8_lossy(reader.octets()?).into_owned());
    }
    Ok(texts)
}

/// OpenLDAP's words for a result code; -1 is a server that cannot be reached.
pub fn words(code: i64) -> &'static str {
    match code {
        -1 => "Can't contact LDAP server",
        -5 => "Timed out",
        -7 => "Bad search filter",
        -11 => "Connect error",
        0 => "Success",
        1 => "Operations error",
        2 => "Protocol error",
        3 => "Time limit exceeded",
        4 => "Size limit exceeded",
        7 => "Authentication method not supported",
        8 => "Strong(er) authentication required",
        10 => "Referral",
        11 => "Administrative limit exceeded",
        12 => "Critical extension is unavailable",
        13 => "Confidentiality required",
        14 => "SASL bind in progress",
        16 => "No such attribute",
        17 => "Undefined attribute type",
        18 => "Inappropriate matching",
        21 => "Invalid syntax",
        32 => "No such object",
        33 => "Alias problem",
        34 => "Invalid DN syntax",
        36 => "Alias dereferencing problem",
        48 => "Inappropriate authentication",
        49 => "Invalid credentials",
        50 => "Insufficient access",
        51 => "Server is busy",
        52 => "Server is unavailable",
        53 => "Server is unwilling to perform",
        54 => "Loop detected",
        80 => "Other (e.g., implementation specific) error",
        _ => "Unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inside of the message that has these elements.
    fn inside(number: u32, tag: u8, elements: &[Vec<u8>]) -> Vec<u8> {
        [ber::number(INTEGER, number), ber::group(tag, elements)].concat()
    }

    #[test]
    fn replies() {
        let text = |text: &str| ber::element(OCTETS, text.as_bytes());
        let values = ber::group(ber::SET, &[text("1"), text("2")]);
        let attribute = ber::group(SEQUENCE, &[text("mail"), values]);
        let bytes = inside(300, 0x64, &[text("cn=a"), ber::group(SEQUENCE, &[attribute])]);
        let (number, reply) = parse(&bytes).unwrap();
        let Reply::Entry(entry) = reply else { panic!() };
        assert_eq!((number, &*entry.name), (300, &b"cn=a"[..]));
        assert_eq!(entry.attributes, [("mail".into(), vec![b"1".to_vec(), b"2".to_vec()])]);
        let done = [ber::number(ENUMERATED, 32), text(""), text("no")];
        let (_, reply) = parse(&inside(7, 0x65, &done)).unwrap();
        assert_eq!(reply, Reply::Done(Outcome { code: NO_SUCH_OBJECT, ..Outcome::default() }));
        assert_eq!(parse(b""), Err(Malformed));
    }

    /// What a server says of other servers is owned by the reply that it came in, however often it says it.
    #[test]
    fn audit_2026_06_23_references_to_other_servers() {
        let text = |text: &str| ber::element(OCTETS, text.as_bytes());
        let there = [text("ldap://there.example/"), text("ldap://\0")];
        for _ in 0..2 {
            let (_, reply) = parse(&inside(7, 0x73, &there)).unwrap();
            let Reply::Reference(urls) = reply else { panic!() };
            assert_eq!(urls, ["ldap://there.example/", "ldap://\0"]);
        }
        assert_eq!(parse(&inside(7, 0x73, &[])).unwrap().1, Reply::Reference(Vec::new()));
        let number = ber::number(INTEGER, 1);
        assert_eq!(parse(&inside(7, 0x73, &[number])), Err(Malformed));
        let referred = ber::group(0xa3, &there);
        let done = [ber::number(ENUMERATED, 10), text(""), text(""), referred];
        let (_, reply) = parse(&inside(7, 0x65, &done)).unwrap();
        let Reply::Done(outcome) = reply else { panic!() };
        assert_eq!((outcome.code, outcome.referrals.len()), (10, 2));
    }

    #[test]
    fn requests() {
        // As `ldapsearch -x` sends it.
        assert_eq!(simple_bind(1, 3, "", ""), b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
