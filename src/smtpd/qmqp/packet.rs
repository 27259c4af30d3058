//! What a client sends, piece by piece: a netstring of a message, a sender and recipients, each a
//! netstring again.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;

use crate::tls::Stream;
use crate::wire::netstring::{self, BadNetstring};

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The client has gone.
    #[error("lost connection")]
    Lost,
    /// It is silent.
    #[error("read/write timeout")]
    Timeout,
    /// It does not speak QMQP, or says too much at a time.
    #[error(transparent)]
    Bad(#[from] BadNetstring),
}

/// Reads the pieces.
#[derive(Debug)]
pub struct Reader {
    stream: Stream,
    buffer: Vec<u8>,
    used: usize,
    timeout: Duration,
}

/// How much is read at a time.
const CHUNK: usize = 16 << 10;

impl Reader {
    /// From a connection whose client may be silent for `timeout`.
    pub fn new(stream: Stream, timeout: Duration) -> Self {
        Self { stream, buffer: Vec::new(), used: 0, timeout }
    }

    /// The connection, for the reply.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Passes over the length of the whole: its parts tell when it is over.
    pub async fn header(&mut self) -> Result<(), End> {
        loop {
            if let Some((_, used)) = netstring::length(self.rest())? {
                self.used += used;
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// The next text, of at most `limit` bytes.
    pub async fn text(&mut self, limit: usize) -> Result<Vec<u8>, End> {
        loop {
            if let Some((text, used)) = netstring::take(self.rest(), limit)? {
                let text = text.to_vec();
                self.used += used;
                self.forget();
                return Ok(text);
            }
            self.more().await?;
        }
    }

    /// Whether the comma comes that ends the whole; it is passed over.
    pub async fn is_over(&mut self) -> Result<bool, End> {
        while self.rest().is_empty() {
            self.more().await?;
        }
        let over = self.rest().first() == Some(&b',');
        self.used += usize::from(over);
        Ok(over)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Drops what has been taken, once that is worth the copying.
    fn forget(&mut self) {
        if self.used == self.buffer.len() || self.used >= CHUNK {
            self.buffer.drain(..self.used);
            self.used = 0;
        }
    }

    async fn more(&mut self) -> Result<(), End> {
        // A long text is read with room for as much again as is there, so that it is not moved
        // too often.
        self.buffer.reserve(CHUNK.max(self.buffer.len() / 2));
        let reading = self.stream.read_buf(&mut self.buffer);
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(count)) if count > 0 => Ok(()),
            Ok(_) => Err(End::Lost),
            Err(_) => Err(End::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;

    async fn reader(said: &[u8]) -> Reader {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(said).await.unwrap();
        Reader::new(near.into(), Duration::from_secs(60))
    }

    #[tokio::test]
    async fn a_packet() {
        let mut reader = reader(b"30:4:text,1:s,3:a@b,3:c@d,,").await;
        reader.header().await.unwrap();
        assert_eq!(reader.text(4).await.unwrap(), b"text");
        assert_eq!(reader.text(9).await.unwrap(), b"s");
        let mut recipients = Vec::new();
        while !reader.is_over().await.unwrap() {
            recipients.push(reader.text(9).await.unwrap());
        }
        assert_eq!(recipients, [b"a@b", b"c@d"]);
        assert_eq!(reader.text(9).await, Err(End::Lost));
    }

    #[tokio::test]
    async fn what_is_no_packet() {
        let bad = |bad| Err(End::Bad(bad));
        assert_eq!(reader(b"EHLO x\r\n").await.header().await, bad(BadNetstring::Format));
        assert_eq!(reader(b"4:").await.header().await, Ok(()));
        assert_eq!(
            reader(b"5:hello,").await.text(4).await,
            bad(BadNetstring::Size).map(|()| vec![])
        );
        assert_eq!(reader(b"5:hel").await.text(9).await, Err(End::Lost));
    }
}
