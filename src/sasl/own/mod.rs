//! Mechanisms that smtpd plays itself, over a [`Store`] that knows users and passwords:
//!
//! ```text
//! client ─ dialogue ─┬─ PLAIN, LOGIN ──── Store::check ─┬─ user file, sasldb
//!                    │                                  └─ saslauthd, PAM: somebody else checks
//!                    └─ CRAM-MD5, SCRAM ─ Store::secret ─── user file, sasldb
//! ```
//!
//! Whatever takes computing is done by few threads at a time ([`effort`]). For a name that is not
//! there everything takes as long, and says the same, as for a wrong password. The words are Cyrus
//! SASL's, which log readers know.

mod dialogue;
mod effort;
#[cfg(feature = "pam")]
pub(super) mod pam;
pub mod password;
pub mod sasldb;
pub(super) mod saslauthd;
pub mod scram;
mod store;
pub mod user_file;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use tokio::time::timeout;

pub(super) use self::store::Store;
use super::client::Mechanism as Kind;
use super::server::{
    Authenticator, Exchange, Mechanism, Pending, Session, Source, Step, Unavailable,
};
use crate::sasl::prep::prepared_text;
use crate::sys::random;

/// Nothing is wrong with the credentials but that they are wrong.
const REFUSED: &str = "authentication failure";
/// What the client said makes no sense.
const BAD_PROTOCOL: &str = "bad protocol / cancel";
/// Nobody can say whether they are right.
const FAILED: &str = "generic failure";

/// The mechanisms, from the best to the last.
pub(super) const ALL: [Kind; 5] =
    [Kind::ScramSha256, Kind::ScramSha1, Kind::CramMd5, Kind::Plain, Kind::Login];

/// Logins by mechanisms of our own.
#[derive(Debug)]
pub(super) struct Own(Arc<Inner>);

/// What all dialogues share.
struct Inner {
    store: Store,
    /// In the order in which clients see them.
    offered: Vec<Kind>,
    /// `smtpd_sasl_local_domain`: added to names that have none.
    realm: String,
    /// `myhostname`
    hostname: String,
    /// `smtpd_sasl_service`
    service: String,
    /// For salts of names that are not there.
    secret: [u8; 32],
}

/// A name as Cyrus makes it canonical, and as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity(String);

/// There is nothing but space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nameless;

impl Own {
    /// Over `store`, with those of the mechanisms in `offered` that the store can do.
    pub(super) fn new(source: &Source, store: Store, offered: &[Kind]) -> Self {
        let mut secret = [0; 32];
        // Without random numbers every session ends at its first challenge anyway.
        let _ = random::fill(&mut secret);
        Self(Arc::new(Inner {
            store,
            offered: offered.to_vec(),
            realm: source.realm.clone(),
            hostname: source.hostname.clone(),
            service: source.service.clone(),
            secret,
        }))
    }
}

impl Inner {
    fn identity(&self, name: &str) -> Result<Identity, Nameless> {
        let name = prepared_text(name);
        let name = name.trim_matches(|c: char| c.is_ascii_whitespace());
        if name.is_empty() {
            return Err(Nameless);
        }
        if self.realm.is_empty() || name.contains('@') {
            return Ok(Identity(name.to_owned()));
        }
        Ok(Identity(format!("{name}@{}", self.realm)))
    }
}

impl Identity {
    /// User and realm; the realm is empty if there is none.
    fn parts(&self) -> (&str, &str) {
        self.0.rsplit_once('@').unwrap_or((&self.0, ""))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Authenticator for Own {
    fn mechanisms<'a>(
        &'a self,
        session: Session<'a>,
    ) -> Pending<'a, Result<Vec<Mechanism>, Unavailable>> {
        let able = self.0.store.able(session);
        let kinds = self.0.offered.iter().filter(|kind| able.contains(kind));
        let all: Vec<Mechanism> = kinds
            .map(|kind| Mechanism { name: kind.name().to_owned(), properties: kind.properties() })
            .collect();
        Box::pin(async move { if all.is_empty() { Err(Unavailable) } else { Ok(all) } })
    }

    fn begin<'a>(
        &'a self,
        session: Session<'a>,
        mechanism: &'a str,
        initial: Option<&'a str>,
    ) -> Pending<'a, (Step, Option<Box<dyn Exchange>>)> {
        Box::pin(async move {
            let kind = ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(mechanism));
            let Some(kind) = kind else { return (self.not_offered(session, mechanism), None) };
            dialogue::begin(self.0.clone(), *kind, session, initial).await
        })
    }

    fn forgets_names(&self) -> bool {
        true
    }

    fn not_offered(&self, session: Session<'_>, mechanism: &str) -> Step {
        complain(session, format_args!("Couldn't find mech {mechanism}"));
        Step::Malformed("no mechanism available".into())
    }
}

/// Connects to a server on this machine. When its queue is full, this kind of socket says so at once
/// to who does not block: that is no reason to give up.
async fn connect(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, UnixStream::connect(path)).await {
            Ok(Err(e)) if e.kind() == io::ErrorKind::WouldBlock && !left.is_zero() => {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(connected) => return connected,
            Err(_) => return Err(io::Error::from_raw_os_error(nix::libc::ETIMEDOUT)),
        }
    }
}

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Says in the log what Cyrus SASL would.
fn complain(session: Session<'_>, text: std::fmt::Arguments<'_>) {
    session.log.warning(format_args!("SASL authentication failure: {text}"));
}

/// Whether two secrets of one length are the same, in a time that does not depend on where they
/// differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences =
        one.iter().zip(other).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests;
