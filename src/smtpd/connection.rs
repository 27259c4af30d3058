//! The bytes of one session: one read buffer, one write buffer, one clock.
//!
//! Replies gather in the write buffer and leave in one write when there is nothing more to read.
//! While a session waits for its client it holds no read buffer, so that idle sessions are cheap.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::tls::{Socket, Stream};

/// Room for the commands of one turn.
const COMMAND_ROOM: usize = 4 << 10;

/// Room for message content.
pub const CONTENT_ROOM: usize = 64 << 10;

/// Why the dialogue cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The client has gone.
    Connection,
    /// The client was silent for too long.
    Timeout,
}

/// How long to wait for the client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one read or write; with `per_request`, for one whole request.
    pub timeout: Duration,
    /// `smtpd_per_request_deadline`
    pub per_request: bool,
    /// Bytes a second that buy content more time under a deadline.
    pub min_data_rate: u64,
}

/// The connection of one session.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    input: Vec<u8>,
    start: usize,
    output: Vec<u8>,
    patience: Patience,
    timer: Pin<Box<Sleep>>,
    /// The end of the current request's time.
    deadline: Instant,
    /// No more input is wanted.
    deaf: bool,
}

impl Connection {
    /// Begins with nothing read or written.
    pub fn new(stream: Stream, patience: Patience) -> Self {
        let deadline = Instant::now() + patience.timeout;
        Self {
            stream,
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            patience,
            timer: Box::pin(sleep_until(deadline)),
            deadline,
            deaf: false,
        }
    }

    /// The socket of a connection by TCP that is not encrypted, to be looked at.
    pub fn socket(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(Socket::Tcp(tcp)) => Some(tcp),
            _ => None,
        }
    }

    /// The stream, and what has been read and not been used.
    pub fn into_parts(mut self) -> (Stream, Vec<u8>) {
        self.input.drain(..self.start);
        (self.stream, self.input)
    }

    /// Puts bytes in front of what is still to be read.
    pub fn push_front(&mut self, bytes: &[u8]) {
        let rest = self.input.split_off(self.start);
        self.input = bytes.to_vec();
        self.input.extend(rest);
        self.start = 0;
    }

    /// Takes the replies that have not left yet.
    pub fn take_unsent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Gives the next request this much time.
    pub fn give(&mut self, timeout: Duration) {
        self.patience.timeout = timeout;
        self.start_request();
    }

    /// Takes the socket for a handshake; what has been read and not been used is forgotten.
    #[cfg(feature = "ssl")]
    pub fn take_plain(&mut self) -> Option<Socket> {
        self.input = Vec::new();
        self.start = 0;
        self.stream.take_socket()
    }

    /// Goes on over another stream.
    #[cfg(feature = "ssl")]
    pub fn resume(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// What has been read and not been used.
    pub fn buffered(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// Uses up `count` bytes of it.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.input.len());
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        }
    }

    /// Uses up all of it, and reads nothing more: the client appears to have gone.
    pub fn stop_listening(&mut self) {
        self.input = Vec::new();
        self.start = 0;
        self.deaf = true;
    }

    /// Whether nobody on the way can read along.
    pub fn is_encrypted(&self) -> bool {
        self.stream.is_encrypted()
    }

    /// Adds a reply line; nothing leaves yet.
    pub fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Whether replies wait to be written.
    pub fn has_unsent(&self) -> bool {
        !self.output.is_empty()
    }

    /// A new request begins: its time starts to run.
    pub fn start_request(&mut self) {
        if self.patience.per_request {
            self.deadline = Instant::now() + self.patience.timeout;
        }
    }

    /// Content has arrived: under a deadline that buys time, at `smtpd_min_data_rate`.
    pub fn content_arrived(&mut self, bytes: usize) {
        if self.patience.per_request {
            let bought = bytes as f64 / self.patience.min_data_rate.max(1) as f64;
            let most = Instant::now() + self.patience.timeout;
            self.deadline = (self.deadline + Duration::from_secs_f64(bought)).min(most);
        }
    }

    /// Sends what is unsent, then reads at least one more byte. `room` is how many bytes to have
    /// space for.
    pub async fn read_more(&mut self, room: usize) -> Result<(), Lost> {
        if self.has_unsent() {
            self.flush().await?;
        }
        if self.deaf {
            return Err(Lost::Connection);
        }
        let room = room.max(COMMAND_ROOM);
        self.make_room(room);
        if !self.patience.per_request {
            self.deadline = Instant::now() + self.patience.timeout;
        }
        let Self { stream, input, timer, deadline, start, .. } = self;
        poll_fn(|context| {
            // The buffer is given back while the client keeps us waiting.
            if input.capacity() == 0 {
                input.reserve_exact(room);
            }
            match poll_read(stream, context, input) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                    return Poll::Ready(Err(Lost::Connection));
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => {}
            }
            if input.is_empty() && *start == 0 {
                *input = Vec::new();
            }
            poll_timer(timer, *deadline, context)
        })
        .await
    }

    /// Writes all replies.
    pub async fn flush(&mut self) -> Result<(), Lost> {
        let output = std::mem::take(&mut self.output);
        let limit = if self.patience.per_request {
            self.deadline
        } else {
            Instant::now() + self.patience.timeout
        };
        let mut rest = output.as_slice();
        let Self { stream, timer, .. } = self;
        poll_fn(|context| {
            while !rest.is_empty() {
                match Pin::new(&mut *stream).poll_write(context, rest) {
                    Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                        return Poll::Ready(Err(Lost::Connection));
                    }
                    Poll::Ready(Ok(written)) => rest = rest.get(written..).unwrap_or_default(),
                    Poll::Pending => return poll_timer(timer, limit, context),
                }
            }
            match Pin::new(&mut *stream).poll_flush(context) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Lost::Connection)),
                Poll::Pending => poll_timer(timer, limit, context),
            }
        })
        .await?;
        if output.capacity() <= COMMAND_ROOM {
            self.output = output;
            self.output.clear();
        }
        Ok(())
    }

    /// Writes what it can and ends the connection.
    pub async fn close(&mut self) {
        if self.flush().await.is_ok() {
            let shut = self.stream.shutdown();
            let _ = tokio::time::timeout(Duration::from_secs(1), shut).await;
        }
    }

    /// Whether the client has sent something that nobody asked for yet. Asks the kernel.
    pub fn has_spoken(&mut self) -> bool {
        if self.buffered().is_empty() && self.stream.has_input() {
            self.take_early();
        }
        !self.buffered().is_empty()
    }

    /// Reads what has come early, without waiting.
    pub fn take_early(&mut self) {
        if !self.buffered().is_empty() {
            return;
        }
        let mut early = [0; COMMAND_ROOM];
        // Nothing there after all: the next read will tell.
        let count = self.stream.read_now(&mut early).unwrap_or_default();
        self.make_room(count);
        self.input.extend_from_slice(early.get(..count).unwrap_or_default());
    }

    fn make_room(&mut self, room: usize) {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        if self.input.capacity() - self.input.len() < room / 2 {
            self.input.reserve(room);
        }
    }
}

fn poll_timer(
    timer: &mut Pin<Box<Sleep>>,
    deadline: Instant,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<(), Lost>> {
    // The timer is only ever moved when it must ring earlier, or rang too early: most waits cost
    // no change in the runtime's timer wheel.
    if timer.deadline() > deadline {
        timer.as_mut().reset(deadline);
    }
    while timer.as_mut().poll(context).is_ready() {
        if Instant::now() >= deadline {
            return Poll::Ready(Err(Lost::Timeout));
        }
        timer.as_mut().reset(deadline);
    }
    Poll::Pending
}

fn poll_read(
    stream: &mut Stream,
    context: &mut std::task::Context<'_>,
    input: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    // `read_buf` keeps nothing between polls, so a fresh one each time is the same read.
    pin!(stream.read_buf(input)).poll(context)
}
