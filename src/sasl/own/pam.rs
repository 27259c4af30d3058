//! Asking pamauth, our process that asks PAM: smtpd itself never loads a PAM module.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout;

use super::Identity;
use super::store::Verdict;
use crate::config::why;
use crate::ipc::channel::split;
use crate::ipc::login::{Answer, Question, SOCKET};
use crate::sasl::server::{Session, Source};

/// How long an answer may take. pamauth gives up a module after less than that.
const ANSWER: Duration = Duration::from_secs(60);

/// How long it may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The way to pamauth.
#[derive(Debug)]
pub(in crate::sasl) struct Pam {
    socket: PathBuf,
    realm: String,
}

impl Pam {
    /// Connects when somebody needs it.
    pub(in crate::sasl) fn new(source: &Source) -> Self {
        let socket = source.queue_directory.join("private").join(SOCKET);
        Self { socket, realm: source.realm.clone() }
    }

    /// Asks whether a password is right.
    pub(super) async fn check(
        &self,
        service: &str,
        session: Session<'_>,
        user: &Identity,
        password: &[u8],
    ) -> Verdict {
        // The domain that we have added ourselves means nothing to PAM.
        let user = match user.parts() {
            (name, realm) if realm == self.realm => name,
            _ => &user.0,
        };
        let question = Question {
            service: service.to_owned(),
            user: user.to_owned(),
            password: password.to_vec(),
            client: session.client_address.to_owned(),
        };
        match timeout(ANSWER, self.ask(&question)).await {
            Ok(Ok(Answer::Right)) => Verdict::Right,
            Ok(Ok(Answer::Wrong(text))) => {
                super::complain(session, format_args!("PAM: {text}"));
                Verdict::Wrong
            }
            Ok(Ok(Answer::Unknown(text))) => Verdict::Unknown(format!("PAM: {text}")),
            Ok(Err(e)) => Verdict::Unknown(format!("cannot ask pamauth: {}", why(&e))),
            Err(_) => {
                Verdict::Unknown(format!("no answer from pamauth for {} s", ANSWER.as_secs()))
            }
        }
    }

    async fn ask(&self, question: &Question) -> std::io::Result<Answer> {
        let stream = super::connect(&self.socket, CONNECT).await?;
        let (mut to, mut from) = split::<Question, Answer>(stream);
        to.send(question).await?;
        from.next().await?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}
