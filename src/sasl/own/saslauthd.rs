//! Cyrus SASL's saslauthd, which checks a password: one connection for each question, as it wants
//! it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Identity;
use super::store::Verdict;
use crate::config::why;
use crate::sasl::server::Session;
use crate::wire::saslauthd::{self as protocol, Answer, Request};

/// How long it may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may take to answer. It may have to ask another server, and a wrong password makes PAM
/// wait for seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// One saslauthd.
#[derive(Debug)]
pub(in crate::sasl) struct Saslauthd {
    /// Where its socket may be; the first that is there is used.
    places: Vec<PathBuf>,
}

impl Saslauthd {
    /// Connects when somebody needs it.
    pub(in crate::sasl) fn new(places: Vec<PathBuf>) -> Self {
        Self { places }
    }

    /// Asks whether a password is right.
    pub(super) async fn check(
        &self,
        service: &str,
        session: Session<'_>,
        user: &Identity,
        password: &[u8],
    ) -> Verdict {
        let (user, realm) = user.parts();
        let client = session.client_address;
        let bytes = match (Request { user, password, service, realm, client }).bytes() {
            Ok(bytes) => bytes,
            // No user has such a name or password.
            Err(too_large) => {
                super::complain(session, format_args!("{too_large}"));
                return Verdict::Wrong;
            }
        };
        match self.ask(&bytes).await {
            Ok(Answer::Accepted) => Verdict::Right,
            Ok(Answer::Refused) => Verdict::Wrong,
            Err(text) => Verdict::Unknown(text),
        }
    }

    async fn ask(&self, request: &[u8]) -> Result<Answer, String> {
        let mut stream = self
            .connect()
            .await
            .map_err(|e| format!("cannot connect to saslauthd server: {}", why(&e)))?;
        let dialogue = async {
            stream.write_all(request).await.map_err(|_| "write failed".to_owned())?;
            let mut prefix = [0; 2];
            let read = stream.read_exact(&mut prefix).await;
            read.map_err(|_| protocol::BadAnswer::NoLength.to_string())?;
            let length = protocol::length(prefix).map_err(|bad| bad.to_string())?;
            let mut text = vec![0; length];
            let read = stream.read_exact(&mut text).await;
            read.map_err(|_| protocol::BadAnswer::Cut.to_string())?;
            Ok(protocol::answer(&text))
        };
        let answer = timeout(ANSWER, dialogue).await;
        answer
            .unwrap_or_else(|_| Err(format!("no answer from saslauthd for {} s", ANSWER.as_secs())))
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let mut first = None;
        for place in &self.places {
            match super::connect(place, CONNECT).await {
                Ok(stream) => return Ok(stream),
                Err(e) => {
                    // What is wrong with a socket that is there says more than that another is not.
                    let better = e.kind() != io::ErrorKind::NotFound;
                    first = first.filter(|_| !better).or(Some(e));
                    if better {
                        break;
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
    }
}
