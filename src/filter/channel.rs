//! The bytes of one milter connection: packets out gather until an answer is awaited; every wait
//! has a limit, every packet a bound.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::endpoint::Stream;
use crate::wire::milter::{Event, Head, Malformed, Packet};

/// What is written at once at least, in bytes, when no answer is awaited.
const BATCH: usize = 64 << 10;

/// How much is read at once.
const ROOM: usize = 8 << 10;

/// A connection; none of it is left after an error.
#[derive(Debug)]
pub(super) struct Channel {
    stream: Option<Stream>,
    input: Vec<u8>,
    used: usize,
    output: Vec<u8>,
}

/// Why there is no packet.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    Malformed(Malformed),
}

impl Channel {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream: Some(stream), input: Vec::new(), used: 0, output: Vec::new() }
    }

    /// One whose other end has been cut.
    pub(super) fn cut() -> Self {
        Self { stream: None, input: Vec::new(), used: 0, output: Vec::new() }
    }

    /// A packet that leaves with the next [`Channel::flush`].
    pub(super) fn packet(&mut self, event: Event) -> Packet<'_> {
        Packet::new(&mut self.output, event)
    }

    /// Writes what has gathered if that is much.
    pub(super) async fn ease(&mut self, limit: Duration) -> io::Result<()> {
        if self.output.len() < BATCH { Ok(()) } else { self.flush(limit).await }
    }

    /// Writes what has gathered.
    pub(super) async fn flush(&mut self, limit: Duration) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let write = async {
            stream.write_all(&self.output).await?;
            stream.flush().await
        };
        match tokio::time::timeout(limit, write).await {
            Ok(done) => done?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        self.output.clear();
        Ok(())
    }

    fn buffered(&self) -> &[u8] {
        self.input.get(self.used..).unwrap_or_default()
    }

    async fn fill(&mut self, end: Instant) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if self.used > 0 {
            self.input.drain(..self.used);
            self.used = 0;
        }
        self.input.reserve(ROOM);
        match timeout_at(end, stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Writes what has gathered and waits for the head of an answer.
    pub(super) async fn head(&mut self, limit: Duration) -> Result<Head, Failure> {
        self.flush(limit).await.map_err(Failure::Io)?;
        let end = Instant::now() + limit;
        loop {
            if let Some(head) = Head::take(self.buffered()).map_err(Failure::Malformed)? {
                self.used += Head::LENGTH;
                return Ok(head);
            }
            self.fill(end).await.map_err(Failure::Io)?;
        }
    }

    /// The next `length` bytes of a packet. The caller bounds them.
    pub(super) async fn data(&mut self, length: usize, limit: Duration) -> io::Result<Vec<u8>> {
        let end = Instant::now() + limit;
        let mut data = Vec::with_capacity(length.min(ROOM));
        loop {
            let missing = length - data.len();
            let here = self.buffered();
            let here = here.get(..missing).unwrap_or(here);
            data.extend_from_slice(here);
            self.used += here.len();
            if data.len() == length {
                return Ok(data);
            }
            self.fill(end).await?;
        }
    }
}
