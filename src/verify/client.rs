//! smtpd's side: asks the address verification in qmgr. Connections are kept for the next query.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;

use crate::ipc::channel::{Receiver, Sender, split};
use crate::ipc::verify::{FromVerify, ToVerify};

/// How often a query is tried before it is given up.
const TRIES: u32 = 5;

/// How long one try may take: the answer never waits for a probe.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that are kept.
const KEPT: usize = 16;

type Connection = (Sender<ToVerify>, Receiver<FromVerify>);

/// The way to the address verification.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Between tries.
    pause: Duration,
}

/// The address verification does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl Client {
    /// Asks at this socket.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::default(), pause: Duration::from_secs(1) }
    }

    /// What is known about an address (internal form). `trouble` hears why a try failed.
    pub async fn query(
        &self,
        address: &str,
        trouble: impl Fn(&str),
    ) -> Result<FromVerify, Unavailable> {
        let mut tries = 0;
        loop {
            let error = match tokio::time::timeout(PATIENCE, self.ask(address)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            tries += 1;
            let why = crate::config::why(&error);
            // A connection that has ended since it was last used is no trouble.
            if tries > 1 {
                trouble(&why);
            }
            if tries >= TRIES {
                return Err(Unavailable(why));
            }
            if tries > 1 {
                tokio::time::sleep(self.pause).await;
            }
        }
    }

    async fn ask(&self, address: &str) -> io::Result<FromVerify> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let (mut to, mut from) = match kept {
            Some(connection) => connection,
            None => split(UnixStream::connect(&self.socket).await?),
        };
        to.send(&ToVerify::Query(address.to_owned())).await?;
        let answer = from.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut idle = idle();
        if idle.len() < KEPT {
            idle.push((to, from));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::verify::Status;

    #[tokio::test]
    async fn asks_over_one_connection() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("verify");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (mut to, mut from) = split::<FromVerify, ToVerify>(stream);
            while let Ok(Some(ToVerify::Query(text))) = from.next().await {
                to.send(&FromVerify { status: Status::Deliverable, text }).await.unwrap();
            }
        });
        let client = Client::new(socket);
        for address in ["a@b", "c@d"] {
            assert_eq!(client.query(address, |_| ()).await.unwrap().text, address);
        }
        assert_eq!(client.idle.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn gives_up() {
        let mut client = Client::new("/no/such/socket".into());
        client.pause = Duration::from_millis(1);
        let count = std::cell::Cell::new(0);
        let error = client.query("a@b", |_| count.set(count.get() + 1)).await.unwrap_err();
        assert_eq!(error.0, "No such file or directory");
        assert_eq!(count.get(), TRIES - 1);
    }
}
