//! Passwords as they are kept in a user file: hashes that take time to try, keys of SCRAM, or clear
//! text for CRAM-MD5. The forms are those of argon2, crypt(3) and Dovecot.

use std::borrow::Cow;
use std::io;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD as BARE};
use sha_crypt::{CustomizedPasswordHasher as _, PasswordVerifier as _, ShaCrypt};

use super::same;
use super::scram::{Keys, SALT};
use crate::sasl::prep::prepared;
use crate::sasl::scram_keys::Hash;
use crate::sys::random;

/// A kept password.
#[derive(Clone, PartialEq, Eq)]
pub enum Stored {
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`
    Argon2(Argon2Hash),
    /// `$5$…` or `$6$…`, as crypt(3) has them.
    ShaCrypt(String),
    /// `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey`
    Scram(Hash, Keys),
    /// `{PLAIN}…`
    Clear(Vec<u8>),
}

/// What a password can be made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// For PLAIN and LOGIN; the best there is when the file is stolen.
    Argon2id,
    /// For PLAIN and LOGIN, as in /etc/shadow.
    #[value(name = "sha512-crypt")]
    Sha512Crypt,
    /// For PLAIN and LOGIN, as in /etc/shadow.
    #[value(name = "sha256-crypt")]
    Sha256Crypt,
    /// For SCRAM-SHA-256, PLAIN and LOGIN.
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// For SCRAM-SHA-1, PLAIN and LOGIN.
    #[value(name = "scram-sha-1")]
    ScramSha1,
    /// The password itself, for every mechanism, CRAM-MD5 among them.
    Plain,
}

/// An Argon2 hash with what it was made by.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2Hash {
    text: String,
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Why a text is no kept password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStored {
    /// Another form.
    #[error("unknown password scheme \"{0}\"")]
    UnknownScheme(String),
    /// It does not hold together.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Trying one password would take too long, or too much memory.
    #[error("{0}: too costly to be tried for a stranger")]
    TooCostly(&'static str),
}

/// Costliest Argon2 that is tried: memory in KiB, passes, lanes, and memory times passes.
const ARGON2_MAX: (u32, u32, u32, u64) = (256 << 10, 64, 16, 1 << 20);

/// Argon2 as the OWASP password cheat sheet has it: 19 MiB, two passes, one lane.
const ARGON2_NEW: (u32, u32, u32) = (19 << 10, 2, 1);

/// Rounds of SHA-crypt; `crypt(3)` allows up to 999999999.
const ROUNDS: std::ops::RangeInclusive<u32> = 1000..=1_000_000;

/// Rounds of SHA-crypt in a new hash: a quarter of a second on a slow machine.
const ROUNDS_NEW: u32 = 100_000;

/// Iterations of SCRAM: what clients will do.
const ITERATIONS: std::ops::RangeInclusive<u32> = 1..=1_000_000;

/// Iterations of SCRAM in new keys. RFC 7677 wants 4096 at least; clients that are telephones have to
/// do them at each login.
pub const ITERATIONS_NEW: u32 = 20_000;

impl Stored {
    /// Reads a kept password, with `{SCHEME}` in front or without.
    pub fn parse(text: &str) -> Result<Self, BadStored> {
        let (scheme, rest) = match text.strip_prefix('{').and_then(|text| text.split_once('}')) {
            Some((scheme, rest)) => (scheme.to_ascii_uppercase(), rest),
            None => (String::new(), text),
        };
        // Hashes have no colons: what follows one are Dovecot's further fields.
        let hash = rest.split(':').next().unwrap_or_default();
        match scheme.as_str() {
            "PLAIN" | "CLEAR" | "CLEARTEXT" => Ok(Self::Clear(rest.as_bytes().to_vec())),
            "SCRAM-SHA-256" => scram(hash).map(|keys| Self::Scram(Hash::Sha256, keys)),
            "SCRAM-SHA-1" => scram(hash).map(|keys| Self::Scram(Hash::Sha1, keys)),
            "" | "CRYPT" | "ARGON2ID" | "ARGON2I" | "SHA512-CRYPT" | "SHA256-CRYPT" => {
                match hash.get(..3) {
                    Some("$ar") => Argon2Hash::parse(hash).map(Self::Argon2),
                    Some("$5$" | "$6$") => sha_crypt(hash).map(Self::ShaCrypt),
                    _ => Err(BadStored::UnknownScheme(shown(hash))),
                }
            }
            _ => Err(BadStored::UnknownScheme(format!("{{{scheme}}}"))),
        }
    }

    /// Makes one of a password. Takes as long as a login.
    pub fn make(scheme: Scheme, password: &[u8]) -> io::Result<Self> {
        let mut salt = [0; SALT];
        random::fill(&mut salt)?;
        // Typed text stays as it is where CRAM-MD5 may need it.
        let typed = password;
        let password = &*prepared(typed);
        let keys =
            |hash| Self::Scram(hash, Keys::of_password(hash, password, &salt, ITERATIONS_NEW));
        Ok(match scheme {
            Scheme::Argon2id => Self::Argon2(Argon2Hash::make(password, &salt)?),
            Scheme::Sha512Crypt => Self::ShaCrypt(new_sha_crypt("6", password, &salt)?),
            Scheme::Sha256Crypt => Self::ShaCrypt(new_sha_crypt("5", password, &salt)?),
            Scheme::ScramSha256 => keys(Hash::Sha256),
            Scheme::ScramSha1 => keys(Hash::Sha1),
            Scheme::Plain => Self::Clear(typed.to_vec()),
        })
    }

    /// Whether it is of this password. Takes long, on purpose. A hash that somebody else has made
    /// may be of the password as it was typed (RFC 4616 section 2 wants it prepared).
    pub fn matches(&self, password: &[u8]) -> bool {
        match prepared(password) {
            Cow::Borrowed(_) => self.matches_bytes(password),
            Cow::Owned(prepared) => self.matches_bytes(&prepared) || self.matches_bytes(password),
        }
    }

    fn matches_bytes(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => hash.matches(password),
            Self::ShaCrypt(hash) => {
                ShaCrypt::default().verify_password(password, hash.as_str()).is_ok()
            }
            Self::Scram(hash, keys) => {
                let given = Keys::of_password(*hash, password, &keys.salt, keys.iterations);
                same(&given.stored, &keys.stored)
            }
            // By hashes of one length, so that the time tells nothing of the password's.
            Self::Clear(clear) => {
                same(&Hash::Sha256.of(&prepared(clear)), &Hash::Sha256.of(password))
                    || same(&Hash::Sha256.of(clear), &Hash::Sha256.of(password))
            }
        }
    }

    /// The name of its scheme, for people.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Argon2(_) => "argon2",
            Self::ShaCrypt(hash) if hash.starts_with("$5$") => "sha256-crypt",
            Self::ShaCrypt(_) => "sha512-crypt",
            Self::Scram(Hash::Sha256, _) => "scram-sha-256",
            Self::Scram(Hash::Sha1, _) => "scram-sha-1",
            Self::Clear(_) => "plain",
        }
    }

    /// As it is kept.
    pub fn text(&self) -> String {
        match self {
            Self::Argon2(hash) => hash.text.clone(),
            Self::ShaCrypt(hash) => hash.clone(),
            Self::Scram(hash, Keys { iterations, salt, stored, server }) => {
                let name = if *hash == Hash::Sha1 { "SCRAM-SHA-1" } else { "SCRAM-SHA-256" };
                let [salt, stored, server] = [salt, stored, server].map(|key| BASE64.encode(key));
                format!("{{{name}}}{iterations},{salt},{stored},{server}")
            }
            Self::Clear(clear) => format!("{{PLAIN}}{}", String::from_utf8_lossy(clear)),
        }
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stored({})", self.scheme())
    }
}

impl Argon2Hash {
    fn parse(text: &str) -> Result<Self, BadStored> {
        let malformed = || BadStored::Malformed("Argon2 hash");
        let mut fields = text.split('$').skip(1);
        let mut field = || fields.next().ok_or_else(malformed);
        let algorithm = match field()? {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            other => return Err(BadStored::UnknownScheme(shown(other))),
        };
        let version = match field()? {
            "v=19" => Version::V0x13,
            "v=16" => Version::V0x10,
            _ => return Err(malformed()),
        };
        let mut costs = field()?.split(',');
        let mut cost = |name| {
            let value = costs.next().and_then(|cost| cost.strip_prefix(name));
            value.and_then(|value| value.parse::<u32>().ok()).ok_or_else(malformed)
        };
        let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
        let (memory_max, passes_max, lanes_max, product) = ARGON2_MAX;
        let work = u64::from(memory) * u64::from(passes);
        if memory > memory_max || passes > passes_max || lanes > lanes_max || work > product {
            return Err(BadStored::TooCostly("Argon2 hash"));
        }
        let salt = BARE.decode(field()?).map_err(|_| malformed())?;
        let hash = BARE.decode(field()?).map_err(|_| malformed())?;
        let lengths = (8..=64).contains(&salt.len()) && (16..=64).contains(&hash.len());
        let params = Params::new(memory, passes, lanes, Some(hash.len())).ok();
        match params.filter(|_| lengths && fields.next().is_none()) {
            Some(params) => {
                Ok(Self { text: text.to_owned(), algorithm, version, params, salt, hash })
            }
            None => Err(malformed()),
        }
    }

    fn make(password: &[u8], salt: &[u8]) -> io::Result<Self> {
        let (memory, passes, lanes) = ARGON2_NEW;
        let params = Params::new(memory, passes, lanes, Some(32)).map_err(io::Error::other)?;
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let mut hash = vec![0; 32];
        let argon2 = Argon2::new(algorithm, version, params.clone());
        argon2.hash_password_into(password, salt, &mut hash).map_err(io::Error::other)?;
        let text = format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
            BARE.encode(salt),
            BARE.encode(&hash)
        );
        Ok(Self { text, algorithm, version, params, salt: salt.to_vec(), hash })
    }

    fn matches(&self, password: &[u8]) -> bool {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut given = vec![0; self.hash.len()];
        let computed = argon2.hash_password_into(password, &self.salt, &mut given);
        computed.is_ok() && same(&given, &self.hash)
    }
}

/// Checks the form of a `$5$` or `$6$` hash.
fn sha_crypt(text: &str) -> Result<String, BadStored> {
    let malformed = || BadStored::Malformed("SHA-crypt hash");
    let fields: Vec<&str> = text.split('$').skip(1).collect();
    let (id, rounds, salt, hash) = match fields.as_slice() {
        [id, salt, hash] => (*id, None, *salt, *hash),
        [id, rounds, salt, hash] => (*id, rounds.strip_prefix("rounds="), *salt, *hash),
        _ => return Err(malformed()),
    };
    if let Some(rounds) = rounds {
        let rounds: u32 = rounds.parse().map_err(|_| malformed())?;
        if rounds > *ROUNDS.end() {
            return Err(BadStored::TooCostly("SHA-crypt hash"));
        }
        if !ROUNDS.contains(&rounds) {
            return Err(malformed());
        }
    } else if fields.len() == 4 {
        return Err(malformed());
    }
    let letters =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    let length = if id == "5" { 43 } else { 86 };
    let sound = letters(salt) && letters(hash) && salt.len() <= 16 && hash.len() == length;
    if sound { Ok(text.to_owned()) } else { Err(malformed()) }
}

fn new_sha_crypt(id: &str, password: &[u8], salt: &[u8]) -> io::Result<String> {
    let params = sha_crypt::Params::new(ROUNDS_NEW).map_err(io::Error::other)?;
    // Twelve bytes are the sixteen letters that count.
    let salt = salt.get(..12).unwrap_or(salt);
    let made = ShaCrypt::default().hash_password_customized(password, salt, Some(id), None, params);
    made.map(|hash| hash.as_str().to_owned()).map_err(|e| io::Error::other(e.to_string()))
}

fn scram(text: &str) -> Result<Keys, BadStored> {
    let malformed = || BadStored::Malformed("SCRAM keys");
    let fields: Vec<&str> = text.split(',').collect();
    let [iterations, salt, stored, server] = fields.as_slice() else { return Err(malformed()) };
    let decode = |text: &str| BASE64.decode(text).map_err(|_| malformed());
    let iterations: u32 = iterations.parse().map_err(|_| malformed())?;
    if iterations > *ITERATIONS.end() {
        return Err(BadStored::TooCostly("SCRAM keys"));
    }
    let keys =
        Keys { iterations, salt: decode(salt)?, stored: decode(stored)?, server: decode(server)? };
    let length = keys.stored.len();
    let sound = ITERATIONS.contains(&iterations)
        && !keys.salt.is_empty()
        && matches!(length, 20 | 32)
        && keys.server.len() == length;
    if sound { Ok(keys) } else { Err(malformed()) }
}

/// Enough of a text to find it by, and not so much that a password would be in a log.
fn shown(text: &str) -> String {
    match text.get(..3).filter(|start| start.starts_with('$')) {
        Some(start) => format!("{start}..."),
        None => "(none)".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by mkpasswd(1).
    #[test]
    fn crypt_as_the_c_library_has_it() {
        for (text, password) in [
            (
                "$6$saltstringsalts$z3Zj.EaNHbdF8Y5GYZoQ9XJ75jTzepU9aj8YhOadPieHVInzzXoUITpBGfRjh.jL3YdBtrJVcFGsUHH65EhlU0",
                "Hello world!",
            ),
            (
                "$5$rounds=10000$saltstringsalts$R5TOpYuiFkgpkHZBMfusMezONaFnRfbs0V0DRA5lYC4",
                "Hello world!",
            ),
            ("$5$saltstringsalts$sQ328bZJPVuvSYdW/kAmZwxqmtq5RztW9mC5Bt2tlzA", "p\u{e4}ssword"),
        ] {
            let stored = Stored::parse(&format!("{{CRYPT}}{text}")).unwrap();
            assert_eq!(stored.text(), text);
            assert!(stored.matches(password.as_bytes()) && !stored.matches(b"wrong"));
        }
    }

    /// RFC 9106 section 5.3 has a secret and associated data; this is the library's own example.
    #[test]
    fn argon2_of_others() {
        let text = "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg";
        let stored = Stored::parse(&format!("{{ARGON2ID}}{text}")).unwrap();
        assert!(stored.text() == text && !stored.matches(b"wrong"));
    }

    fn all() -> impl Iterator<Item = Scheme> {
        use clap::ValueEnum as _;
        Scheme::value_variants().iter().copied()
    }

    #[test]
    fn what_is_made_is_read_and_matches() {
        for scheme in all() {
            let made = Stored::make(scheme, b"pa:ss word").unwrap();
            let read = Stored::parse(&made.text()).unwrap();
            assert_eq!(read, made, "{scheme:?}");
            assert!(read.matches(b"pa:ss word") && !read.matches(b"pa:ss worD"), "{scheme:?}");
            assert!(!format!("{made:?}").contains("pa:ss"));
        }
    }

    #[test]
    fn however_it_was_typed() {
        for scheme in all() {
            let made = Stored::make(scheme, "pa\u{308}ss\u{ad}wo\u{aa}rd".as_bytes()).unwrap();
            for typed in ["p\u{e4}sswoard", "pa\u{308}sswo\u{aa}rd"] {
                assert!(made.matches(typed.as_bytes()), "{scheme:?} {typed}");
            }
            assert!(!made.matches(b"passwoard"), "{scheme:?}");
        }
        // Made by somebody who does not prepare.
        let raw = Stored::parse("{PLAIN}I\u{ad}X").unwrap();
        assert!(raw.matches("I\u{ad}X".as_bytes()) && raw.matches(b"IX"));
    }

    #[test]
    fn scram_of_dovecot() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Keys::of_password(Hash::Sha256, b"pencil", &salt, 4096);
        let text = format!("{}:1000:1000::/home/x", Stored::Scram(Hash::Sha256, keys).text());
        assert!(text.starts_with("{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"));
        assert!(Stored::parse(&text).unwrap().matches(b"pencil"));
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "secret",
            "{MD5}x",
            "$1$abc$def",
            "$2b$12$xxx",
            "$6$",
            "$6$salt$short",
            "$6$rounds=5$saltstring$svn8UoSVapNtMuq1uXKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=19456,t=2,p=0$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ",
            "{SCRAM-SHA-1}4096,a,b,c",
            "{SCRAM-SHA-1}0,c2FsdA==,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert!(Stored::parse(text).is_err(), "{text}");
        }
        let costly = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ";
        assert!(matches!(Stored::parse(costly), Err(BadStored::TooCostly(_))));
        let secret = Stored::parse("hunter2").unwrap_err();
        assert!(!secret.to_string().contains("hunter2"), "{secret}");
    }

    proptest! {
        #[test]
        fn never_panics(text in "([{]?(SCRAM-SHA-1|PLAIN|CRYPT|ARGON2ID)[}])?[$]?(argon2id|5|6)?([$,=mtpv0-9A-Za-z./]|\\PC){0,80}") {
            let _ = Stored::parse(&text);
        }
    }
}
