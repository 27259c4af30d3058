//! The dialogues: what is asked, what is made of the answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD as BASE64};
use md5::Md5;

use super::scram::{Proof, Scram};
use super::store::Verdict;
use super::{BAD_PROTOCOL, FAILED, Identity, Inner, Kind, REFUSED, complain, same};
use crate::sasl::hmac::Hmac;
use crate::sasl::nonce;
use crate::sasl::scram_keys::Hash;
use crate::sasl::server::{Exchange, Pending, Session, Step};
use crate::wire::sasl_response::{self, BadResponse};

/// A dialogue that goes on.
#[derive(Debug)]
struct Going {
    inner: Arc<Inner>,
    state: State,
}

/// What the next message of the client is.
#[derive(Debug)]
enum State {
    Plain,
    LoginName,
    LoginPassword(Result<Identity, BadName>),
    CramMd5 {
        challenge: String,
    },
    ScramFirst(Hash),
    ScramLast {
        scram: Scram,
        user: Identity,
        authzid: String,
    },
    /// The client has the last word, and it is empty.
    ScramEnd {
        user: Identity,
        authzid: String,
    },
    Over,
}

/// What is wrong with a name.
#[derive(Debug)]
enum BadName {
    Nothing,
    NoText,
}

/// Begins, with what the client has sent along.
pub(super) async fn begin(
    inner: Arc<Inner>,
    kind: Kind,
    session: Session<'_>,
    initial: Option<&str>,
) -> (Step, Option<Box<dyn Exchange>>) {
    let (state, challenge) = match kind {
        Kind::CramMd5 => {
            if initial.is_some() {
                complain(session, format_args!("Remote sent first but mech does not allow it."));
                return (Step::Malformed(BAD_PROTOCOL.into()), None);
            }
            let Ok(random) = nonce() else { return (no_random(session), None) };
            let random: String = random.chars().filter(char::is_ascii_alphanumeric).collect();
            let challenge = format!("<{random}.{}@{}>", std::process::id(), inner.hostname);
            (State::CramMd5 { challenge: challenge.clone() }, challenge)
        }
        Kind::Login => (State::LoginName, "Username:".to_owned()),
        Kind::ScramSha1 => (State::ScramFirst(Hash::Sha1), String::new()),
        Kind::ScramSha256 => (State::ScramFirst(Hash::Sha256), String::new()),
        _ => (State::Plain, String::new()),
    };
    let mut going = Going { inner, state };
    let step = match initial {
        None => Step::Challenge(BASE64.encode(challenge)),
        Some(initial) => going.respond(session, initial).await,
    };
    let exchange: Option<Box<dyn Exchange>> = match step {
        Step::Challenge(_) => Some(Box::new(going)),
        _ => None,
    };
    (step, exchange)
}

impl Exchange for Going {
    fn respond<'a>(&'a mut self, session: Session<'a>, response: &'a str) -> Pending<'a, Step> {
        Box::pin(async move {
            let state = std::mem::replace(&mut self.state, State::Over);
            match decoded(response) {
                Ok(message) => self.step(session, state, &message).await,
                Err(reason) => Step::Malformed(reason.into()),
            }
        })
    }
}

impl Going {
    async fn step(&mut self, session: Session<'_>, state: State, message: &[u8]) -> Step {
        match state {
            State::Plain => self.plain(session, message).await,
            State::LoginName => {
                self.state = State::LoginPassword(self.login_name(message));
                Step::Challenge(BASE64.encode("Password:"))
            }
            State::LoginPassword(name) => self.login(session, name, message).await,
            State::CramMd5 { challenge } => self.cram_md5(session, &challenge, message).await,
            State::ScramFirst(hash) => self.scram_first(session, hash, message).await,
            State::ScramLast { scram, user, authzid } => match scram.finish(message) {
                Proof::Right(signature) => {
                    self.state = State::ScramEnd { user, authzid };
                    Step::Challenge(BASE64.encode(signature))
                }
                Proof::Wrong => refused(&user),
                Proof::Malformed => malformed(session, BadResponse::NoScram),
            },
            State::ScramEnd { user, authzid } if message.is_empty() => {
                self.authorized(session, user, &authzid)
            }
            State::ScramEnd { .. } | State::Over => Step::Malformed(BAD_PROTOCOL.into()),
        }
    }

    async fn plain(&self, session: Session<'_>, message: &[u8]) -> Step {
        let plain = match sasl_response::plain(message) {
            Ok(plain) => plain,
            Err(bad) => return malformed(session, bad),
        };
        let Ok(user) = self.inner.identity(plain.authcid) else { return nameless(session) };
        let verdict = self.inner.store.check(&self.inner, session, &user, plain.password).await;
        if let Verdict::Unknown(text) = &verdict {
            complain(session, format_args!("{text}"));
        }
        if verdict != Verdict::Right {
            complain(session, format_args!("Password verification failed"));
        }
        match verdict {
            Verdict::Right => self.authorized(session, user, plain.authzid),
            Verdict::Wrong => refused(&user),
            Verdict::Unknown(_) => unknown(&user),
        }
    }

    fn login_name(&self, message: &[u8]) -> Result<Identity, BadName> {
        let name = sasl_response::name(up_to_nul(message)).map_err(|_| BadName::NoText)?;
        self.inner.identity(name).map_err(|_| BadName::Nothing)
    }

    async fn login(
        &self,
        session: Session<'_>,
        name: Result<Identity, BadName>,
        message: &[u8],
    ) -> Step {
        let user = match name {
            Ok(user) => user,
            Err(BadName::Nothing) => return nameless(session),
            Err(BadName::NoText) => return malformed(session, BadResponse::BadName),
        };
        let password = up_to_nul(message);
        match self.inner.store.check(&self.inner, session, &user, password).await {
            Verdict::Right => Step::Accepted(user.0),
            Verdict::Wrong => refused(&user),
            Verdict::Unknown(text) => {
                complain(session, format_args!("{text}"));
                unknown(&user)
            }
        }
    }

    async fn cram_md5(&self, session: Session<'_>, challenge: &str, message: &[u8]) -> Step {
        let (name, digest) = match sasl_response::cram_md5(message) {
            Ok(response) => response,
            Err(bad) => return malformed(session, bad),
        };
        let Ok(user) = self.inner.identity(name) else { return nameless(session) };
        let kept = match self.inner.store.clear(&self.inner, &user).await {
            Ok(kept) => kept,
            Err(text) => {
                complain(session, format_args!("{text}"));
                return unknown(&user);
            }
        };
        let key = kept.as_deref().unwrap_or_default();
        let right = Hmac::<Md5>::new(key).of(&[challenge.as_bytes()]);
        let right: String = right.iter().map(|byte| format!("{byte:02x}")).collect();
        let right = same(right.as_bytes(), digest);
        match kept {
            Some(_) if right => Step::Accepted(user.0),
            Some(_) => {
                complain(session, format_args!("incorrect digest response"));
                refused(&user)
            }
            None => refused(&user),
        }
    }

    async fn scram_first(&mut self, session: Session<'_>, hash: Hash, message: &[u8]) -> Step {
        let first = match sasl_response::scram_first(message) {
            Ok(first) => first,
            Err(bad) => return malformed(session, bad),
        };
        let Ok(user) = self.inner.identity(&first.authcid) else { return nameless(session) };
        let keys = match self.inner.store.keys(&self.inner, &user, hash).await {
            Ok(keys) => keys,
            Err(text) => {
                complain(session, format_args!("{text}"));
                return unknown(&user);
            }
        };
        let Ok(ours) = nonce() else { return no_random(session) };
        let (scram, answer) = Scram::begin(hash, &first, keys, &ours);
        self.state = State::ScramLast { scram, user, authzid: first.authzid };
        Step::Challenge(BASE64.encode(answer))
    }

    /// Nobody may act for somebody else here.
    fn authorized(&self, session: Session<'_>, user: Identity, authzid: &str) -> Step {
        match self.inner.identity(authzid) {
            Ok(other) if other != user => {
                complain(session, format_args!("Requested identity not authenticated identity"));
                refused(&other)
            }
            _ => Step::Accepted(user.0),
        }
    }
}

fn refused(user: &Identity) -> Step {
    Step::Refused { reason: REFUSED.into(), username: Some(user.0.clone()) }
}

fn unknown(user: &Identity) -> Step {
    Step::Unknown { reason: Some(FAILED.into()), username: Some(user.0.clone()) }
}

fn nameless(session: Session<'_>) -> Step {
    complain(session, format_args!("All-whitespace username."));
    Step::Unknown { reason: Some(FAILED.into()), username: None }
}

fn no_random(session: Session<'_>) -> Step {
    complain(session, format_args!("no random numbers"));
    Step::Unknown { reason: Some(FAILED.into()), username: None }
}

fn malformed(session: Session<'_>, bad: BadResponse) -> Step {
    complain(session, format_args!("{bad}"));
    Step::Malformed(BAD_PROTOCOL.into())
}

/// Where a program in C would see the end.
fn up_to_nul(message: &[u8]) -> &[u8] {
    message.split(|byte| *byte == 0).next().unwrap_or_default()
}

const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, PAD.with_decode_allow_trailing_bits(true));

/// Takes base64 off; the error is the reason that Cyrus SASL has for it.
fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    let groups = text.get(..text.len() - text.len() % 4).unwrap_or_default();
    match LENIENT.decode(groups) {
        Ok(message) if groups.len() == text.len() => Ok(message),
        Ok(_) => Err("another step is needed in authentication"),
        Err(_) => Err(BAD_PROTOCOL),
    }
}
