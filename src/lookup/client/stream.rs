//! A connection on which pieces of bounded size are read, each within a time limit.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::endpoint::timed_out;

/// What can be read and written.
trait Channel: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Channel for T {}

/// A connection with what was read ahead.
pub struct Stream {
    channel: Box<dyn Channel>,
    ahead: Vec<u8>,
    /// How much of `ahead` was taken already.
    taken: usize,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The other side has gone.
    #[error("unexpected EOF")]
    End,
    /// It sends more than it may.
    #[error("text longer than {0}")]
    TooLong(usize),
    /// The system, or the clock.
    #[error("{}", super::endpoint::reason(.0))]
    Io(#[from] io::Error),
}

impl Stream {
    /// A connection that nothing was read from yet.
    pub fn new(channel: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self { channel: Box::new(channel), ahead: Vec::new(), taken: 0 }
    }

    /// Sends all of `bytes`.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let sending = async {
            self.channel.write_all(bytes).await?;
            self.channel.flush().await
        };
        tokio::time::timeout(limit, sending).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// The next line without its LF or CRLF, of at most `size` bytes.
    pub async fn line(&mut self, size: usize, limit: Duration) -> Result<Vec<u8>, ReadError> {
        let until = Instant::now() + limit;
        let mut seen = 0;
        loop {
            let rest = self.ahead.get(self.taken..).unwrap_or_default();
            let fresh = rest.get(seen..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', fresh).map(|end| seen + end) {
                let line = rest.get(..end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.taken += end + 1;
                return if line.len() > size { Err(ReadError::TooLong(size)) } else { Ok(line) };
            }
            seen = rest.len();
            if seen > size {
                return Err(ReadError::TooLong(size));
            }
            self.fill(until).await?;
        }
    }

    /// The next `size` bytes. The caller has checked the size.
    pub async fn exact(&mut self, size: usize, limit: Duration) -> Result<Vec<u8>, ReadError> {
        let until = Instant::now() + limit;
        while self.ahead.len() - self.taken < size {
            self.fill(until).await?;
        }
        let bytes = self.ahead.get(self.taken..self.taken + size).unwrap_or_default().to_vec();
        self.taken += size;
        Ok(bytes)
    }

    /// The next byte.
    pub async fn byte(&mut self, limit: Duration) -> Result<u8, ReadError> {
        let bytes = self.exact(1, limit).await?;
        bytes.first().copied().ok_or(ReadError::End)
    }

    /// Whether the server has said something that nobody asked for.
    pub fn is_quiet(&self) -> bool {
        self.taken == self.ahead.len()
    }

    async fn fill(&mut self, until: Instant) -> Result<(), ReadError> {
        if self.taken == self.ahead.len() {
            self.ahead.clear();
            self.taken = 0;
        } else if self.taken > 1 << 16 {
            self.ahead.drain(..self.taken);
            self.taken = 0;
        }
        self.ahead.reserve(4096);
        match timeout_at(until, self.channel.read_buf(&mut self.ahead)).await {
            Ok(Ok(0)) => Err(ReadError::End),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(e.into()),
            Err(_) => Err(timed_out().into()),
        }
    }

    /// The channel itself, for a change to TLS; whatever was read ahead in the clear is dropped.
    #[cfg(all(feature = "ssl", any(feature = "ldap", feature = "memcached")))]
    pub fn into_channel(self) -> impl AsyncRead + AsyncWrite + Send + Sync + Unpin {
        self.channel
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::wait;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    fn with(text: &'static [u8], check: impl AsyncFnOnce(&mut Stream)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (here, mut there) = tokio::io::duplex(64);
            tokio::spawn(async move { there.write_all(text).await });
            check(&mut Stream::new(here)).await;
        });
        wait(async {});
    }

    #[test]
    fn lines_and_bytes() {
        with(b"one\r\n\ntwo\nxyz3:rest", async |stream| {
            assert_eq!(stream.line(10, LIMIT).await.unwrap(), b"one");
            assert_eq!(stream.line(10, LIMIT).await.unwrap(), b"");
            assert_eq!(stream.line(3, LIMIT).await.unwrap(), b"two");
            assert_eq!(stream.exact(3, LIMIT).await.unwrap(), b"xyz");
            assert_eq!(stream.byte(LIMIT).await.unwrap(), b'3');
            assert!(matches!(stream.line(3, LIMIT).await, Err(ReadError::TooLong(3))));
            assert!(matches!(stream.line(30, LIMIT).await, Err(ReadError::End)));
        });
    }
}
