//! The client's side of Dovecot's authentication protocol, version 1: what an auth server says, and
//! what smtpd says to it.
//!
//! Lines end with LF, fields are separated by tabs
//! (<https://doc.dovecot.org/main/developers/design/auth_protocol.html>).
//!
//! ```text
//! C: VERSION 1 0   CPID 123           S: VERSION 1 2   MECH PLAIN plaintext   SPID 7   DONE
//! C: AUTH 1 PLAIN service=smtp …      S: CONT 1 dGVzdA==  |  OK 1 user=joe  |  FAIL 1 user=joe
//! C: CONT 1 dGVzdA==
//! ```

use std::fmt::Write as _;

/// The version of the protocol that we speak. Another minor version makes no difference.
pub const MAJOR: u32 = 1;
const MINOR: u32 = 0;

/// What a mechanism is like, in the server's own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties(u8);

const NAMES: &[(&str, Properties)] = &[
    ("plaintext", Properties::PLAINTEXT),
    ("active", Properties::ACTIVE),
    ("dictionary", Properties::DICTIONARY),
    ("anonymous", Properties::ANONYMOUS),
    ("forward-secrecy", Properties::FORWARD_SECRECY),
    ("mutual-auth", Properties::MUTUAL_AUTH),
    ("private", Properties::PRIVATE),
];

impl Properties {
    /// Passwords can be read on the wire.
    pub const PLAINTEXT: Self = Self(1);
    /// Open to somebody in the middle.
    pub const ACTIVE: Self = Self(1 << 1);
    /// Open to guessing from what was overheard.
    pub const DICTIONARY: Self = Self(1 << 2);
    /// Nobody in particular logs in.
    pub const ANONYMOUS: Self = Self(1 << 3);
    /// A session stays secret when the password is found out later.
    pub const FORWARD_SECRECY: Self = Self(1 << 4);
    /// The server proves who it is, too.
    pub const MUTUAL_AUTH: Self = Self(1 << 5);
    /// Not to be offered to clients.
    pub const PRIVATE: Self = Self(1 << 6);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether anything of `other` is in the set.
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A line of the server's greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting<'a> {
    /// VERSION; none is one that cannot be read.
    Version(Option<u32>),
    /// MECH
    Mechanism(&'a str, Properties),
    /// SPID: all mechanisms have been named.
    Process,
    /// DONE
    Done,
    /// Something that need not be understood.
    Other,
}

/// A line that answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// OK: who it is.
    Accepted {
        /// Of the request.
        id: u32,
        /// `user=`
        user: Option<&'a str>,
    },
    /// CONT
    Challenge {
        /// Of the request.
        id: u32,
        /// In base64; none is missing, which is an error of the server's.
        data: Option<&'a str>,
    },
    /// FAIL
    Refused {
        /// Of the request.
        id: u32,
        /// `user=`
        user: Option<&'a str>,
        /// `reason=`
        reason: Option<&'a str>,
    },
    /// OK, CONT or FAIL without the number of a request.
    Nameless,
    /// Something that need not be understood.
    Other,
}

/// Reads a line of the greeting, without its LF.
pub fn greeting(line: &str) -> Greeting<'_> {
    let (command, rest) = split(line);
    match (command, rest) {
        ("VERSION", Some(rest)) => Greeting::Version(version(rest)),
        ("MECH", Some(rest)) => {
            let (name, properties) = split(rest);
            // A name goes into our reply to EHLO.
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Greeting::Other;
            }
            Greeting::Mechanism(name, properties.map(properties_of).unwrap_or_default())
        }
        ("SPID", _) => Greeting::Process,
        ("DONE", _) => Greeting::Done,
        _ => Greeting::Other,
    }
}

/// Reads an answer, without its LF.
pub fn answer(line: &str) -> Answer<'_> {
    let (command, rest) = split(line);
    if !matches!(command, "OK" | "CONT" | "FAIL") {
        return Answer::Other;
    }
    let Some(rest) = rest else { return Answer::Nameless };
    let (id, fields) = split(rest);
    let Ok(id) = id.parse() else { return Answer::Nameless };
    match command {
        "CONT" => Answer::Challenge { id, data: fields },
        "OK" => Answer::Accepted { id, user: field(fields, "user=") },
        _ => Answer::Refused { id, user: field(fields, "user="), reason: field(fields, "reason=") },
    }
}

/// Whether a client's response can be passed on: only letters of base64, which keeps tabs and line
/// ends out.
pub fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}

/// The client's greeting; `process` tells clients apart.
pub fn hello(process: u32) -> String {
    format!("VERSION\t{MAJOR}\t{MINOR}\nCPID\t{process}\n")
}

/// What is said of the client that wants to log in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `smtpd_sasl_service`
    pub service: &'a str,
    /// The server's address.
    pub server_address: &'a str,
    /// The client's address.
    pub client_address: &'a str,
    /// The session is encrypted.
    pub encrypted: bool,
}

impl Request<'_> {
    /// AUTH: `mechanism` must be one that the server offers, `initial` in base64.
    pub fn line(&self, id: u32, mechanism: &str, initial: Option<&str>) -> String {
        let mut line = format!(
            "AUTH\t{id}\t{mechanism}\tservice={}\tnologin\tlip={}\trip={}",
            self.service, self.server_address, self.client_address
        );
        if self.encrypted {
            line.push_str("\tsecured");
        }
        if let Some(initial) = initial {
            let _ = write!(line, "\tresp={initial}");
        }
        line.push('\n');
        line
    }
}

/// CONT: the next response, in base64.
pub fn continuation(id: u32, response: &str) -> String {
    format!("CONT\t{id}\t{response}\n")
}

/// What stands before the first tab, and behind it.
fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('\t') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

fn version(rest: &str) -> Option<u32> {
    let (major, minor) = split(rest);
    let minor = split(minor?).0;
    minor.parse::<u32>().ok()?;
    major.parse().ok()
}

fn properties_of(rest: &str) -> Properties {
    let known = |word: &str| NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let words = rest.split('\t').filter_map(known);
    words.fold(Properties::default(), |set, (_, property)| set.with(*property))
}

/// The last field that begins with `name`: later ones count.
fn field<'a>(fields: Option<&'a str>, name: &str) -> Option<&'a str> {
    fields?.split('\t').filter_map(|field| field.strip_prefix(name)).next_back()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn greetings() {
        assert_eq!(greeting("VERSION\t1\t2"), Greeting::Version(Some(1)));
        assert_eq!(greeting("VERSION\t1"), Greeting::Version(None));
        assert_eq!(greeting("VERSION\tx\t2"), Greeting::Version(None));
        assert_eq!(greeting("VERSION"), Greeting::Other);
        let plain = Properties::PLAINTEXT;
        assert_eq!(greeting("MECH\tPLAIN\tplaintext"), Greeting::Mechanism("PLAIN", plain));
        let both = Properties::DICTIONARY.with(Properties::ACTIVE);
        assert_eq!(
            greeting("MECH\tCRAM-MD5\tDictionary\tactive\tnew"),
            Greeting::Mechanism("CRAM-MD5", both)
        );
        assert_eq!(greeting("MECH\tX"), Greeting::Mechanism("X", Properties::default()));
        assert_eq!(greeting("MECH"), Greeting::Other);
        assert_eq!(greeting("MECH\tA B"), Greeting::Other);
        assert_eq!(greeting("SPID"), Greeting::Process);
        assert_eq!(greeting("DONE"), Greeting::Done);
        assert_eq!(greeting("CUID\t7"), Greeting::Other);
    }

    #[test]
    fn answers() {
        assert_eq!(
            answer("OK\t7\tuser=joe\toriginal_user=jo"),
            Answer::Accepted { id: 7, user: Some("joe") }
        );
        assert_eq!(answer("OK\t7"), Answer::Accepted { id: 7, user: None });
        assert_eq!(
            answer("FAIL\t7\tuser=joe\treason=no\ttemp"),
            Answer::Refused { id: 7, user: Some("joe"), reason: Some("no") }
        );
        assert_eq!(answer("CONT\t7\tYQ=="), Answer::Challenge { id: 7, data: Some("YQ==") });
        assert_eq!(answer("CONT\t7\t"), Answer::Challenge { id: 7, data: Some("") });
        assert_eq!(answer("CONT\t7"), Answer::Challenge { id: 7, data: None });
        for line in ["OK", "CONT", "FAIL", "OK\t", "OK\tx", "FAIL\t-1", "OK\t99999999999"] {
            assert_eq!(answer(line), Answer::Nameless, "{line}");
        }
        assert_eq!(answer("NOTFOUND\t7"), Answer::Other);
    }

    #[test]
    fn requests() {
        let mut request = Request {
            service: "smtp",
            server_address: "192.0.2.1",
            client_address: "2001:db8::7",
            encrypted: false,
        };
        assert_eq!(
            request.line(3, "PLAIN", None),
            "AUTH\t3\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=2001:db8::7\n"
        );
        request.encrypted = true;
        assert!(request.line(3, "PLAIN", Some("=")).ends_with("\tsecured\tresp==\n"));
        assert_eq!(continuation(3, "YQ=="), "CONT\t3\tYQ==\n");
        assert_eq!(hello(12), "VERSION\t1\t0\nCPID\t12\n");
        assert!(is_base64("aB3+/=") && !is_base64("a\tb") && !is_base64("*"));
    }

    #[test]
    fn audit_2026_07_10_malformed_auth_reply() {
        for line in [
            "",
            "OK",
            "OK\t",
            "OK\tx\tuser=a",
            "FAIL",
            "FAIL\t\t\t",
            "CONT\t",
            "CONT\t-7\tYQ==",
            "\t",
            "OK\t7\tuser",
        ] {
            let found = answer(line);
            assert!(
                !matches!(found, Answer::Accepted { user: Some(_), .. }),
                "{line:?}: {found:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in "\\PC*|(VERSION|MECH|OK|CONT|FAIL|SPID)(\t[a-z0-9=]{0,9}){0,5}") {
            let _ = greeting(&line);
            let _ = answer(&line);
        }

        #[test]
        fn a_request_is_one_line(response in "\\PC{0,40}", id: u32) {
            if is_base64(&response) {
                let line = continuation(id, &response);
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert_eq!(line.matches('\t').count(), 2);
            }
        }

        #[test]
        fn fields_come_back(id: u32, user in "[a-z@.]{1,20}", reason in "[a-z ]{1,20}") {
            let line = format!("FAIL\t{id}\treason={reason}\tuser={user}");
            let expected = Answer::Refused { id, user: Some(&user), reason: Some(&reason) };
            prop_assert_eq!(answer(&line), expected);
        }
    }
}
