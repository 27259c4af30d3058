//! pamauth(8): asks PAM whether passwords are right, for smtpd.
//!
//! ```text
//! smtpd ─ private/pamauth ─ pamauth (calls no module) ─┬─ worker: libpam, modules
//!                                                      └─ worker …
//! ```
//!
//! Modules are programs of others, in C, and may hang or crash: each question is asked in a worker,
//! which is ended when it takes too long. Modules need root's rights to read what they compare
//! with, so pamauth keeps them; it reads nothing but questions of smtpd's, and takes a whole one or
//! none. The process is started when a service of master.cf uses it.

mod worker;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use self::worker::Workers;
use crate::config::why;
use crate::ipc::channel::Sender;
use crate::ipc::login::{Answer, QUESTION_MAX, Question};
use crate::log::Log;
use crate::service::birth::{self, Birth, Life};
use crate::service::profile::{Profile, RunAs, Threads};

/// What the process may touch.
pub const PROFILE: Profile = Profile {
    name: "pamauth",
    user: RunAs::Root,
    writes: &[],
    executes: true,
    // Workers end with the thread that has started them.
    threads: Threads::One,
    purpose: "asks PAM whether passwords are right, in workers that may hang or crash",
};

/// How long a client may take to send its question.
const QUESTION: Duration = Duration::from_secs(10);

/// Connections that are served at a time; more wait in the socket's queue.
const CLIENTS_MAX: usize = 4096;

/// With this argument it is a worker.
const WORKER: &str = "worker";

struct State {
    sockets: Vec<OwnedFd>,
    log: Log,
    directory: std::path::PathBuf,
}

/// Runs the process, or one of its workers.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    if arguments.first().is_some_and(|argument| argument == WORKER) {
        return worker::main();
    }
    birth::run(&PROFILE, prepare, serve)
}

fn prepare(birth: Birth) -> Result<State, String> {
    let sockets = birth.services.into_iter().flat_map(|service| service.sockets).collect();
    Ok(State { sockets, log: birth.log, directory: birth.config.queue_directory() })
}

async fn serve(State { sockets, log, directory }: State, life: Life) {
    let workers = Arc::new(Workers::new(directory));
    let mut listeners = JoinSet::new();
    for socket in sockets {
        let (workers, life, log) = (workers.clone(), life.clone(), log.clone());
        listeners.spawn(async move {
            if let Err(e) = listen(socket, &workers, life, &log).await {
                log.fatal(format_args!("listen: {}", why(&e)));
            }
        });
    }
    while listeners.join_next().await.is_some() {}
}

async fn listen(
    socket: OwnedFd,
    workers: &Arc<Workers>,
    mut life: Life,
    log: &Log,
) -> std::io::Result<()> {
    let listener = StdListener::from(socket);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if clients.len() < CLIENTS_MAX => accepted,
            () = life.drained() => break,
            Some(_) = clients.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                let (workers, log) = (workers.clone(), log.clone());
                clients.spawn(async move { converse(stream, &workers, &log).await });
            }
            // Out of descriptors, perhaps.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    tokio::select! {
        () = async { while clients.join_next().await.is_some() {} } => {}
        () = life.stopped() => {}
    }
    Ok(())
}

/// One question, one answer.
async fn converse(stream: UnixStream, workers: &Workers, log: &Log) {
    let (mut read, write) = stream.into_split();
    let Ok(Ok(question)) = tokio::time::timeout(QUESTION, question(&mut read)).await else {
        return;
    };
    let answer = workers.ask(&question).await;
    if let Answer::Unknown(text) = &answer {
        log.warning(format_args!("service {}: {text}", question.service));
    }
    // Who does not wait any more has gone.
    let _ = Sender::new(write).send(&answer).await;
}

/// Reads a question, of which there may not be more than [`QUESTION_MAX`] bytes.
async fn question(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<Question> {
    use tokio::io::AsyncReadExt as _;
    let mut prefix = [0; 4];
    from.read_exact(&mut prefix).await?;
    let length = u32::from_le_bytes(prefix) as usize;
    if length > QUESTION_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut frame = prefix.to_vec();
    frame.resize(4 + length, 0);
    from.read_exact(frame.get_mut(4..).unwrap_or_default()).await?;
    let whole = crate::ipc::channel::take_frame(&frame)?;
    whole.map(|(question, _)| question).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn questions_have_an_end() {
        let asked = Question {
            service: "smtp".into(),
            user: "joe".into(),
            password: b"secret".to_vec(),
            client: "::1".into(),
        };
        let mut frame = Vec::new();
        crate::ipc::channel::append_frame(&mut frame, &asked).unwrap();
        assert_eq!(question(&mut &frame[..]).await.unwrap(), asked);
        assert!(question(&mut &frame[..frame.len() - 1]).await.is_err());
        assert!(question(&mut &[0xff; 100][..]).await.is_err());
        assert!(!format!("{asked:?}").contains("secret"));
    }
}
