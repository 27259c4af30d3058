//! A stream of length-prefixed frames over a UNIX stream socket, postcard inside.

use std::io;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Longest frame. Envelopes with very many recipients are the largest ones.
pub const FRAME_MAX: usize = 256 << 20;

/// The sending half: queues frames in memory, writes them all with [`Sender::flush`].
#[derive(Debug)]
pub struct Sender<T, W = OwnedWriteHalf> {
    to: W,
    buffer: Vec<u8>,
    message: PhantomData<fn(&T)>,
}

/// The receiving half.
#[derive(Debug)]
pub struct Receiver<T, R = OwnedReadHalf> {
    from: R,
    buffer: Vec<u8>,
    start: usize,
    message: PhantomData<fn() -> T>,
}

/// Splits a connected socket into a channel that sends `S` and receives `R`.
pub fn split<S: Serialize, R: DeserializeOwned>(stream: UnixStream) -> (Sender<S>, Receiver<R>) {
    let (read, write) = stream.into_split();
    (Sender::new(write), Receiver::new(read))
}

impl<T: Serialize, W: AsyncWrite + Unpin> Sender<T, W> {
    /// Sends over `to`.
    pub fn new(to: W) -> Self {
        Self { to, buffer: Vec::new(), message: PhantomData }
    }

    /// Queues a frame. Nothing is written yet: many frames leave in one write.
    pub fn push(&mut self, message: &T) -> io::Result<()> {
        append_frame(&mut self.buffer, message)
    }

    /// Writes all queued frames.
    pub async fn flush(&mut self) -> io::Result<()> {
        let done = self.to.write_all(&self.buffer).await;
        self.buffer.clear();
        if self.buffer.capacity() > 1 << 20 {
            self.buffer = Vec::new();
        }
        done
    }

    /// Queues and writes one frame.
    pub async fn send(&mut self, message: &T) -> io::Result<()> {
        self.push(message)?;
        self.flush().await
    }
}

impl<T: DeserializeOwned, R: AsyncRead + Unpin> Receiver<T, R> {
    /// Receives from `from`.
    pub fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), start: 0, message: PhantomData }
    }

    /// The next message; `None` when the peer has closed. Safe to cancel between frames and
    /// within one: what has been read stays in the buffer.
    pub async fn next(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            self.compact();
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// A message that has arrived whole already, without waiting.
    pub fn buffered(&mut self) -> io::Result<Option<T>> {
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        match take_frame(unread)? {
            Some((message, used)) => {
                self.start += used;
                Ok(Some(message))
            }
            None => Ok(None),
        }
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > 1 << 20 {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(16 << 10);
    }
}

/// Appends one frame to `buffer`.
pub fn append_frame<T: Serialize>(buffer: &mut Vec<u8>, message: &T) -> io::Result<()> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    let owned = std::mem::take(buffer);
    let mut filled = postcard::to_extend(message, owned).map_err(io::Error::other)?;
    let length = filled.len() - start - 4;
    let prefix = u32::try_from(length).map_err(io::Error::other)?.to_le_bytes();
    if let Some(place) = filled.get_mut(start..start + 4) {
        place.copy_from_slice(&prefix);
    }
    *buffer = filled;
    Ok(())
}

/// Takes one frame off the front of `bytes`, with the number of bytes it took; `None` when more
/// bytes are needed.
pub fn take_frame<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Option<(T, usize)>> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix) as usize;
    if length > FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let Some(frame) = rest.get(..length) else { return Ok(None) };
    let message =
        postcard::from_bytes(frame).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    Ok(Some((message, length + 4)))
}
