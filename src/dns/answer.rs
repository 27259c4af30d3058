//! One reply of a name server, as far as mail needs it.

use std::fmt;
use std::net::IpAddr;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::DnsError;
use crate::mail::hostname::{self, BadHostname};
use crate::wire::tlsa::{Tlsa, Truncated};

/// The types of records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of DNS")]
pub enum Kind {
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Srv,
    Tlsa,
    Txt,
}

const KINDS: [Kind; 9] = [
    Kind::A,
    Kind::Aaaa,
    Kind::Cname,
    Kind::Mx,
    Kind::Ns,
    Kind::Ptr,
    Kind::Srv,
    Kind::Tlsa,
    Kind::Txt,
];

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name that has it, after CNAMEs.
    pub owner: String,
    /// Seconds for which it may be kept, as the server said.
    pub ttl: u32,
    /// The name server says that it has validated it (DNSSEC), and all that led to it.
    pub validated: bool,
    /// What it says.
    pub data: Data,
}

/// What a record says. Names have no final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of DNS")]
pub enum Data {
    Address(IpAddr),
    Mx { preference: u16, host: String },
    Srv { priority: u16, weight: u16, port: u16, host: String },
    Cname(String),
    Ns(String),
    Ptr(String),
    Tlsa(Result<Tlsa, Truncated>),
    Text(String),
}

/// A reply, read.
#[derive(Debug)]
pub(super) struct Asked {
    /// What it comes to.
    pub(super) answer: Result<Answer, DnsError>,
    /// For how many seconds it may be taken for granted that there is nothing, if the reply says.
    pub(super) absent: Option<u32>,
    /// What is odd about it, for the log.
    pub(super) oddities: Vec<String>,
    /// The name server has validated it (the AD bit, RFC 4035 section 3.2.3).
    pub(super) validated: bool,
}

/// What a reply comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// At least one record, and the time in seconds that they may be kept.
    Records(Vec<Record>, u32),
    /// Only a CNAME: ask again for this name.
    Alias(String),
}

impl Kind {
    /// Parses its name in any case.
    pub fn parse(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.to_string().eq_ignore_ascii_case(name))
    }

    pub(super) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Cname => RecordType::CNAME,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
            Self::Ptr => RecordType::PTR,
            Self::Srv => RecordType::SRV,
            Self::Tlsa => RecordType::TLSA,
            Self::Txt => RecordType::TXT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.record_type())
    }
}

impl Record {
    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.data {
            Data::Address(address) => Some(address),
            _ => None,
        }
    }
}

/// As `smtp_dns_reply_filter` and the log have it: `example.com. 3600 IN MX 10 mail.example.com.`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, ttl, data, .. } = self;
        write!(f, "{owner}. {ttl} IN ")?;
        match data {
            Data::Address(address @ IpAddr::V4(_)) => write!(f, "A {address}"),
            Data::Address(address @ IpAddr::V6(_)) => write!(f, "AAAA {address}"),
            Data::Mx { preference, host } => write!(f, "MX {preference} {host}."),
            Data::Srv { priority, weight, port, host } => {
                write!(f, "SRV {priority} {weight} {port} {host}.")
            }
            Data::Cname(name) => write!(f, "CNAME {name}."),
            Data::Ns(name) => write!(f, "NS {name}."),
            Data::Ptr(name) => write!(f, "PTR {name}."),
            Data::Tlsa(Ok(tlsa)) => write!(f, "TLSA {tlsa}"),
            Data::Tlsa(Err(_)) => write!(f, "TLSA"),
            Data::Text(text) => write!(f, "TXT {text}"),
        }
    }
}

impl From<Result<Answer, DnsError>> for Asked {
    fn from(answer: Result<Answer, DnsError>) -> Self {
        Self { answer, absent: None, oddities: Vec::new(), validated: false }
    }
}

/// Reads a reply to a question for `kind`.
pub(super) fn read(reply: &Message, kind: Kind) -> Asked {
    let mut oddities = Vec::new();
    let answer = read_answers(reply, kind, &mut oddities);
    Asked { answer, absent: None, oddities, validated: reply.metadata.authentic_data }
}

/// Reads the bytes of a reply, and throws away what it comes to: for fuzzing.
pub fn try_bytes(bytes: &[u8]) {
    if let Ok(reply) = Message::from_vec(bytes) {
        for kind in KINDS {
            if let Ok(Answer::Records(records, _)) = read(&reply, kind).answer {
                records.iter().for_each(|record| drop(record.to_string()));
            }
        }
    }
}

fn read_answers(
    reply: &Message,
    kind: Kind,
    oddities: &mut Vec<String>,
) -> Result<Answer, DnsError> {
    match reply.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Err(DnsError::NotFound),
        ResponseCode::ServFail => return Err(DnsError::TryAgain),
        _ => return Err(DnsError::NonRecoverable),
    }
    let question = reply.queries.first().map_or_else(String::new, |query| plain(query.name()));
    let mut found = Vec::new();
    let mut ttl = u32::MAX;
    let mut alias = None;
    let mut failure = None;
    for record in &reply.answers {
        let about = About { record: record.record_type(), question: &question };
        let owner = plain(&record.name);
        // The root is no host, but dnssec_probe asks for it.
        if owner != "." || question != "." {
            about.check(&owner, "resource name", oddities)?;
        }
        ttl = ttl.min(record.ttl);
        if record.record_type() == kind.record_type() {
            match data(&record.data).and_then(|data| {
                if let Data::Mx { host, .. }
                | Data::Srv { host, .. }
                | Data::Cname(host)
                | Data::Ns(host)
                | Data::Ptr(host) = &data
                {
                    about.check(host, "resource data", oddities)?;
                }
                Ok(data)
            }) {
                Ok(data) => {
                    let validated = reply.metadata.authentic_data;
                    found.push(Record { owner, ttl: record.ttl, validated, data });
                }
                Err(error @ (DnsError::NullMx | DnsError::NullSrv)) => return Err(error),
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        } else if let RData::CNAME(target) = &record.data {
            let target = plain(target);
            about.check(&target, "resource data", oddities)?;
            alias = Some(target);
        }
    }
    match (found.is_empty(), alias, failure) {
        (false, _, _) => Ok(Answer::Records(found, ttl)),
        (true, Some(target), _) => Ok(Answer::Alias(target)),
        (true, None, Some(failure)) => Err(failure),
        (true, None, None) => Err(DnsError::NoData),
    }
}

/// What a name in a reply belongs to.
struct About<'a> {
    record: RecordType,
    question: &'a str,
}

impl About<'_> {
    /// Lets host names pass, and addresses too, which people put there; notes what is odd.
    fn check(&self, name: &str, place: &str, oddities: &mut Vec<String>) -> Result<(), DnsError> {
        let (gripe, problem) = match hostname::check_in_dns(name) {
            _ if hostname::address(name).is_some() => ("numeric domain name", None),
            Ok(()) => return Ok(()),
            Err(problem) => ("malformed domain name", Some(problem)),
        };
        let shown = name.get(..100).unwrap_or(name);
        if let Some(problem) = problem {
            oddities.push(match problem {
                BadHostname::Empty => format!("valid_hostname: {problem}"),
                _ => format!("valid_hostname: {problem}: {shown}"),
            });
        }
        let Self { record, question } = self;
        oddities.push(format!("{gripe} in {place} of {record} record for {question}: {shown}"));
        match problem {
            None => Ok(()),
            Some(_) => Err(DnsError::Invalid(name.to_owned())),
        }
    }
}

fn data(data: &RData) -> Result<Data, DnsError> {
    let host = plain;
    match data {
        RData::A(a) => Ok(Data::Address(IpAddr::V4(a.0))),
        RData::AAAA(aaaa) => Ok(Data::Address(IpAddr::V6(aaaa.0))),
        RData::MX(mx) if mx.exchange.is_root() => Err(DnsError::NullMx),
        RData::MX(mx) => Ok(Data::Mx { preference: mx.preference, host: host(&mx.exchange) }),
        RData::SRV(srv) if srv.target.is_root() => Err(DnsError::NullSrv),
        RData::SRV(srv) => Ok(Data::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            host: host(&srv.target),
        }),
        RData::CNAME(name) => Ok(Data::Cname(host(name))),
        RData::NS(name) => Ok(Data::Ns(host(name))),
        RData::PTR(name) => Ok(Data::Ptr(host(name))),
        RData::TLSA(tlsa) => {
            let fixed: [u8; 3] =
                [tlsa.cert_usage.into(), tlsa.selector.into(), tlsa.matching.into()];
            Ok(Data::Tlsa(Tlsa::parse(&[&fixed[..], &tlsa.cert_data].concat())))
        }
        RData::Update0(RecordType::TLSA) => Ok(Data::Tlsa(Tlsa::parse(&[]))),
        RData::TXT(text) => {
            let bytes = text.txt_data.iter().flat_map(|part| part.iter());
            let printable = |b: &u8| if matches!(b, b' '..=b'~') { char::from(*b) } else { ' ' };
            Ok(Data::Text(bytes.map(printable).collect()))
        }
        _ => Err(DnsError::Malformed),
    }
}

/// A name without the final dot; odd bytes stay escaped, so that they are no host names.
fn plain(name: &Name) -> String {
    let mut text = name.to_ascii();
    if text.len() > 1 && text.ends_with('.') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use hickory_resolver::proto::op::{MessageType, OpCode};
    use hickory_resolver::proto::rr::Record as WireRecord;
    use hickory_resolver::proto::rr::rdata::{A, CNAME, MX};

    use super::*;

    fn read(reply: &Message, kind: Kind) -> Result<Answer, DnsError> {
        super::read(reply, kind).answer
    }

    fn reply(answers: Vec<RData>) -> Message {
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        for data in answers {
            let name = Name::from_str("a.example.").unwrap();
            message.add_answer(WireRecord::from_rdata(name, 60, data));
        }
        message
    }

    fn mx(preference: u16, host: &str) -> RData {
        RData::MX(MX::new(preference, Name::from_str(host).unwrap()))
    }

    #[test]
    fn exchangers() {
        let Ok(Answer::Records(records, 60)) =
            read(&reply(vec![mx(10, "m.example."), mx(20, "n.example.")]), Kind::Mx)
        else {
            panic!("no records");
        };
        assert_eq!(records[0].data, Data::Mx { preference: 10, host: "m.example".into() });
    }

    #[test]
    fn null_mx_wins() {
        let message = reply(vec![mx(10, "m.example."), mx(0, ".")]);
        assert_eq!(read(&message, Kind::Mx), Err(DnsError::NullMx));
    }

    #[test]
    fn bad_names_count_only_without_good_ones() {
        let bad = mx(5, "12345.");
        assert!(matches!(read(&reply(vec![bad.clone()]), Kind::Mx), Err(DnsError::Invalid(_))));
        assert!(read(&reply(vec![bad, mx(10, "m.example.")]), Kind::Mx).is_ok());
    }

    #[test]
    fn oddities_are_noted() {
        let asked = super::read(&reply(vec![mx(5, "192.0.2.1.")]), Kind::Mx);
        assert!(asked.answer.is_ok());
        let noted = "numeric domain name in resource data of MX record for : 192.0.2.1";
        assert_eq!(asked.oddities, [noted]);
        let asked = super::read(&reply(vec![mx(5, "12345.")]), Kind::Mx);
        assert_eq!(asked.oddities.len(), 2);
        assert_eq!(asked.oddities[0], "valid_hostname: numeric hostname: 12345");
    }

    fn tlsa(data: &[u8]) -> RData {
        use hickory_resolver::proto::rr::rdata::TLSA;
        RData::TLSA(TLSA::new(3.into(), 1.into(), 1.into(), data.to_vec()))
    }

    #[test]
    fn what_has_been_validated() {
        let mut message = reply(vec![tlsa(&[0xab])]);
        message.metadata.authentic_data = true;
        let asked = super::read(&message, Kind::Tlsa);
        let Ok(Answer::Records(records, _)) = &asked.answer else { panic!("{asked:?}") };
        assert!(asked.validated && records[0].validated);
        message.metadata.authentic_data = false;
        let asked = super::read(&message, Kind::Tlsa);
        let Ok(Answer::Records(records, _)) = &asked.answer else { panic!("{asked:?}") };
        assert!(!asked.validated && !records[0].validated);
    }

    /// Such a record made Postfix read where nothing is when `smtp_dns_reply_filter` was in use.
    #[test]
    fn audit_tlsa_records_as_text() {
        let empty = RData::Update0(RecordType::TLSA);
        let found = read(&reply(vec![tlsa(&[0xab, 0x0c]), tlsa(&[]), empty]), Kind::Tlsa);
        let Ok(Answer::Records(records, _)) = found else { panic!("{found:?}") };
        let texts: Vec<String> = records.iter().map(Record::to_string).collect();
        let nothing = "a.example. 60 IN TLSA";
        assert_eq!(texts, ["a.example. 60 IN TLSA 3 1 1 AB0C", nothing, nothing]);
    }

    #[test]
    fn services() {
        use hickory_resolver::proto::rr::rdata::SRV;
        let srv = |host: &str| RData::SRV(SRV::new(10, 5, 587, Name::from_str(host).unwrap()));
        let found = read(&reply(vec![srv("mx.example.")]), Kind::Srv);
        let Ok(Answer::Records(records, _)) = found else { panic!("{found:?}") };
        assert_eq!(records[0].to_string(), "a.example. 60 IN SRV 10 5 587 mx.example.");
        let none = read(&reply(vec![srv("mx.example."), srv(".")]), Kind::Srv);
        assert_eq!(none, Err(DnsError::NullSrv));
    }

    proptest::proptest! {
        /// RFC 1035 section 4.1: twelve octets, and then anything.
        #[test]
        fn audit_no_reply_panics(tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), answers in 0_u8..4) {
            let head = [0, 1, 0x81, 0x80, 0, 0, 0, answers, 0, 0, 0, 0];
            try_bytes(&[&head[..], &tail].concat());
        }

        /// Every length that a TLSA, SRV or MX record may have, and those that it may not.
        #[test]
        fn audit_no_record_of_a_reply_panics(
            kind in proptest::sample::select(&[52_u8, 33, 15, 5, 16][..]),
            rdata in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
        ) {
            let head = [0, 1, 0x81, 0xa0, 0, 0, 0, 1, 0, 0, 0, 0];
            let length = u8::try_from(rdata.len()).unwrap();
            let fixed = [1, b'a', 0, 0, kind, 0, 1, 0, 0, 0, 60, 0, length];
            try_bytes(&[&head[..], &fixed, &rdata].concat());
        }
    }

    #[test]
    fn aliases_and_nothing() {
        let alias = RData::CNAME(CNAME(Name::from_str("b.example.").unwrap()));
        assert_eq!(
            read(&reply(vec![alias.clone()]), Kind::A),
            Ok(Answer::Alias("b.example".into()))
        );
        let a = RData::A(A::new(192, 0, 2, 1));
        assert!(matches!(read(&reply(vec![alias, a]), Kind::A), Ok(Answer::Records(..))));
        assert_eq!(read(&reply(vec![]), Kind::A), Err(DnsError::NoData));
    }
}
