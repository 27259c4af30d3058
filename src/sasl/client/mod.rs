//! How smtp and lmtp log in elsewhere: mechanisms, and which of those that a server offers is used.
//!
//! Nothing here reads or writes: a [`Dialogue`] turns challenges into responses.

mod scram;

use md5::Md5;

use self::scram::Scram;
use super::Options;
use super::hmac::Hmac;
use super::scram_keys::Hash;
use crate::wire::dovecot_auth::Properties;

/// A mechanism that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 7677
    ScramSha256,
    /// RFC 5802
    ScramSha1,
    /// RFC 2195
    CramMd5,
    /// RFC 4616
    Plain,
    /// Never standardised, often used.
    Login,
    /// RFC 7628; the password is a token.
    OauthBearer,
    /// Google's precursor of it; the password is a token.
    Xoauth2,
}

/// From the best to the last. Tokens come last: a server that takes them takes passwords, too, and
/// who has a token says so with `smtp_sasl_mechanism_filter`.
const ALL: &[(Mechanism, &str, Properties)] = &[
    (Mechanism::ScramSha256, "SCRAM-SHA-256", SCRAM),
    (Mechanism::ScramSha1, "SCRAM-SHA-1", SCRAM),
    (Mechanism::CramMd5, "CRAM-MD5", Properties::ACTIVE.with(Properties::DICTIONARY)),
    (Mechanism::Plain, "PLAIN", CLEAR),
    (Mechanism::Login, "LOGIN", CLEAR),
    (Mechanism::OauthBearer, "OAUTHBEARER", CLEAR),
    (Mechanism::Xoauth2, "XOAUTH2", CLEAR),
];

const SCRAM: Properties = Properties::DICTIONARY.with(Properties::MUTUAL_AUTH);
const CLEAR: Properties =
    Properties::PLAINTEXT.with(Properties::ACTIVE).with(Properties::DICTIONARY);

impl Mechanism {
    /// The best of the mechanisms in `offered` (names with space between them) that we know and
    /// the options allow.
    pub fn choose(offered: &str, options: Options) -> Option<Self> {
        let is_offered =
            |name: &str| offered.split_ascii_whitespace().any(|o| o.eq_ignore_ascii_case(name));
        let good = |(_, name, properties): &&(Self, &str, Properties)| {
            options.allow(*properties) && is_offered(name)
        };
        ALL.iter().find(good).map(|(mechanism, ..)| *mechanism)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(mechanism, ..)| *mechanism == self).map_or("", |(_, name, _)| name)
    }
}

impl Mechanism {
    /// What it is like.
    pub(super) fn properties(self) -> Properties {
        let own = ALL.iter().find(|(mechanism, ..)| *mechanism == self);
        own.map_or_else(Properties::default, |(.., properties)| *properties)
    }
}

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Login name.
    pub username: String,
    /// Password or token.
    pub password: String,
    /// Say twice who we are, as `send_cyrus_sasl_authzid` wants it.
    pub with_authzid: bool,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why a dialogue cannot go on. The words are Cyrus SASL's, which log readers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing that the server offers is known and good enough.
    #[error("no mechanism available")]
    NoMechanism,
    /// The server's challenge makes no sense.
    #[error("bad protocol / cancel")]
    BadChallenge,
    /// The server does not know our password, though it says so.
    #[error("server failed mutual authentication step")]
    BadServer,
    /// There are no random numbers.
    #[error("generic failure")]
    NoRandom,
}

/// A dialogue with a server.
#[derive(Debug)]
pub struct Dialogue {
    credentials: Credentials,
    state: State,
}

#[derive(Debug)]
enum State {
    Plain,
    Login { asked: u32 },
    CramMd5,
    Scram(Scram),
    OauthBearer { host: String, port: u16 },
    Xoauth2,
}

impl Dialogue {
    /// Begins a dialogue with `host`.
    pub fn begin(
        mechanism: Mechanism,
        credentials: Credentials,
        (host, port): (&str, u16),
    ) -> Result<Self, Failure> {
        let state = match mechanism {
            Mechanism::Plain => State::Plain,
            Mechanism::Login => State::Login { asked: 0 },
            Mechanism::CramMd5 => State::CramMd5,
            Mechanism::ScramSha1 => {
                State::Scram(Scram::new(Hash::Sha1, &credentials.username, &nonce()?))
            }
            Mechanism::ScramSha256 => {
                State::Scram(Scram::new(Hash::Sha256, &credentials.username, &nonce()?))
            }
            Mechanism::OauthBearer => State::OauthBearer { host: host.to_owned(), port },
            Mechanism::Xoauth2 => State::Xoauth2,
        };
        Ok(Self { credentials, state })
    }

    /// What is sent before the server says anything, if the mechanism begins with us.
    pub fn initial(&self) -> Option<Vec<u8>> {
        let Credentials { username, password, with_authzid } = &self.credentials;
        Some(match &self.state {
            State::Plain => {
                let authzid = if *with_authzid { username.as_str() } else { "" };
                format!("{authzid}\0{username}\0{password}").into_bytes()
            }
            State::Login { .. } | State::CramMd5 => return None,
            State::Scram(scram) => scram.first().into_bytes(),
            State::OauthBearer { host, port } => {
                let user = scram::escaped(username);
                format!(
                    "n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {password}\x01\x01"
                )
                .into_bytes()
            }
            State::Xoauth2 => {
                format!("user={username}\x01auth=Bearer {password}\x01\x01").into_bytes()
            }
        })
    }

    /// The response to a challenge. May compute for up to a second.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        let Credentials { username, password, .. } = &self.credentials;
        match &mut self.state {
            State::Plain => Err(Failure::BadChallenge),
            State::Login { asked } => {
                *asked += 1;
                match asked {
                    1 => Ok(username.clone().into_bytes()),
                    2 => Ok(password.clone().into_bytes()),
                    _ => Err(Failure::BadChallenge),
                }
            }
            State::CramMd5 => {
                let digest = Hmac::<Md5>::new(password.as_bytes()).of(&[challenge]);
                let mut response = format!("{username} ");
                for byte in digest {
                    response.push_str(&format!("{byte:02x}"));
                }
                Ok(response.into_bytes())
            }
            State::Scram(scram) => scram.respond(password, challenge),
            // The server's reasons; it refuses after our answer.
            State::OauthBearer { .. } => Ok(vec![1]),
            State::Xoauth2 => Ok(Vec::new()),
        }
    }

    /// The server says that we are logged in: whether that can be.
    pub fn accepted(&self) -> Result<(), Failure> {
        let proved = match &self.state {
            State::Scram(scram) => scram.is_proved(),
            _ => true,
        };
        if proved { Ok(()) } else { Err(Failure::BadServer) }
    }
}

fn nonce() -> Result<String, Failure> {
    super::nonce().map_err(|_| Failure::NoRandom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            username: "tim".into(),
            password: "tanstaaftanstaaf".into(),
            with_authzid: false,
        }
    }

    fn begin(mechanism: Mechanism) -> Dialogue {
        Dialogue::begin(mechanism, credentials(), ("mx.example.com", 587)).unwrap()
    }

    #[test]
    fn the_best_is_chosen() {
        let choose = |offered, options| {
            Mechanism::choose(offered, Options::parse(options).unwrap()).map(Mechanism::name)
        };
        assert_eq!(choose("LOGIN plain CRAM-MD5", "noanonymous"), Some("CRAM-MD5"));
        assert_eq!(choose("LOGIN PLAIN XOAUTH2", "noanonymous"), Some("PLAIN"));
        assert_eq!(choose("LOGIN PLAIN", "noplaintext, noanonymous"), None);
        assert_eq!(choose("XOAUTH2 GSSAPI", ""), Some("XOAUTH2"));
        assert_eq!(choose("CRAM-MD5 SCRAM-SHA-1", "mutual_auth"), Some("SCRAM-SHA-1"));
        assert_eq!(choose("GSSAPI NTLM", ""), None);
    }

    #[test]
    fn clear_text() {
        let plain = begin(Mechanism::Plain);
        assert_eq!(plain.initial().unwrap(), b"\0tim\0tanstaaftanstaaf");
        let mut login = begin(Mechanism::Login);
        assert_eq!(login.initial(), None);
        assert_eq!(login.respond(b"Username:").unwrap(), b"tim");
        assert_eq!(login.respond(b"Password:").unwrap(), b"tanstaaftanstaaf");
        assert_eq!(login.respond(b"More?"), Err(Failure::BadChallenge));
    }

    /// The example of RFC 2195 section 2.
    #[test]
    fn cram_md5() {
        let mut cram = begin(Mechanism::CramMd5);
        assert_eq!(
            cram.respond(b"<1896.697170952@postoffice.reston.mci.net>").unwrap(),
            b"tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    #[test]
    fn tokens() {
        let bearer = begin(Mechanism::OauthBearer).initial().unwrap();
        assert_eq!(
            String::from_utf8(bearer).unwrap(),
            "n,a=tim,\x01host=mx.example.com\x01port=587\x01auth=Bearer tanstaaftanstaaf\x01\x01"
        );
        let mut google = begin(Mechanism::Xoauth2);
        assert!(google.initial().unwrap().starts_with(b"user=tim\x01auth=Bearer "));
        assert_eq!(google.respond(b"{}").unwrap(), b"");
    }

    #[test]
    fn passwords_are_not_shown() {
        assert!(!format!("{:?}", begin(Mechanism::Plain)).contains("tanstaaf"));
    }
}
