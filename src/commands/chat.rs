//! The client's side of a dialogue in SMTP or LMTP, one command at a time: for programs that look at a
//! server's TLS, or give it work.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::tls::{Socket, Stream};
use crate::wire::line::{self, Line, Skip};
use crate::wire::smtp_reply::printable;

/// Longest line of a reply that is kept; what is longer is cut off. Also the longest reply.
const LINE_MAX: usize = 2048;
/// How much of a line that is too long is passed over before the server is given up.
const GARBAGE_MAX: usize = 1 << 20;

/// A connection with a server.
pub struct Chat<'a> {
    stream: Stream,
    input: Vec<u8>,
    show: Option<&'a Show<'a>>,
}

/// What is said, for whoever listens in.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// By us.
    Ours(&'a str),
    /// By the server: one line.
    Theirs(&'a str),
}

/// Shows what is said.
pub type Show<'a> = dyn Fn(Said<'_>) + Send + Sync + 'a;

/// A reply, without the codes of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Zero if there was none.
    pub code: u16,
    /// Its lines.
    pub text: String,
}

/// Why a dialogue cannot go on; shown as Postfix does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The server is gone.
    #[error("lost connection")]
    Lost,
    /// The time is over.
    #[error("timeout")]
    Time,
}

impl std::fmt::Debug for Chat<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<'a> Chat<'a> {
    /// Over a fresh connection.
    pub fn new(stream: Stream, show: Option<&'a Show<'a>>) -> Self {
        Self { stream, input: Vec::new(), show }
    }

    /// The socket, for a handshake; what came with the last reply is forgotten.
    pub fn take_socket(&mut self) -> Option<Socket> {
        self.input.clear();
        self.stream.take_socket()
    }

    /// Goes on over another stream.
    pub fn resume(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// What carries it.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Says something and hears the reply, all within `limit`.
    pub async fn ask(&mut self, text: &str, shown: bool, limit: Duration) -> Result<Reply, Broken> {
        if let Some(show) = self.show.filter(|_| shown) {
            show(Said::Ours(text));
        }
        let dialogue = async {
            self.write(format!("{text}\r\n").as_bytes()).await?;
            self.reply(shown).await
        };
        tokio::time::timeout(limit, dialogue).await.unwrap_or(Err(Broken::Time))
    }

    /// Says what is no command, such as a message, within `limit`.
    pub async fn say(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Broken> {
        tokio::time::timeout(limit, self.write(bytes)).await.unwrap_or(Err(Broken::Time))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(bytes).await.map_err(|_| Broken::Lost)?;
        self.stream.flush().await.map_err(|_| Broken::Lost)
    }

    /// Hears a reply within `limit`.
    pub async fn hear(&mut self, limit: Duration) -> Result<Reply, Broken> {
        tokio::time::timeout(limit, self.reply(true)).await.unwrap_or(Err(Broken::Time))
    }

    async fn reply(&mut self, shown: bool) -> Result<Reply, Broken> {
        let mut reply = Reply::default();
        loop {
            let line = self.line().await?;
            if let Some(show) = self.show.filter(|_| shown) {
                show(Said::Theirs(&line));
            }
            let digits = line.bytes().take_while(u8::is_ascii_digit).count();
            let code = line.get(..digits).filter(|code| code.len() == 3);
            reply.code = code.and_then(|code| code.parse().ok()).unwrap_or(0);
            let rest = line.get(digits..).unwrap_or_default();
            let more = rest.strip_prefix('-');
            if reply.text.len() < LINE_MAX {
                reply.text.push_str(more.unwrap_or(rest).trim_start());
            }
            if more.is_none() {
                return Ok(reply);
            }
            if reply.text.len() < LINE_MAX {
                reply.text.push('\n');
            }
        }
    }

    async fn line(&mut self) -> Result<String, Broken> {
        loop {
            match line::take(&self.input, LINE_MAX, false) {
                Line::Whole { text, used, .. } => {
                    let text = printable(text).into_owned();
                    self.input.drain(..used);
                    return Ok(text);
                }
                Line::TooLong { text } => {
                    let text = printable(text).into_owned();
                    self.input.drain(..LINE_MAX);
                    self.skip().await?;
                    return Ok(text);
                }
                Line::Incomplete => self.fill().await?,
            }
        }
    }

    async fn skip(&mut self) -> Result<(), Broken> {
        let mut left = GARBAGE_MAX;
        loop {
            match line::skip(&self.input, left) {
                Skip::Done(used) => {
                    self.input.drain(..used);
                    return Ok(());
                }
                Skip::More(still) => {
                    left = still;
                    self.input.clear();
                    self.fill().await?;
                }
                Skip::Exhausted => return Err(Broken::Lost),
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Broken> {
        self.input.reserve(LINE_MAX);
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) | Err(_) => Err(Broken::Lost),
            Ok(_) => Ok(()),
        }
    }

    /// The end, as far as the server hears it.
    pub fn end(mut self) {
        self.stream.end_now();
    }
}

impl Reply {
    /// What a reply to EHLO says: the server's name, and whether it offers STARTTLS.
    pub fn offers(&self) -> (String, bool) {
        let words = self
            .text
            .lines()
            .map(|line| line.split([' ', '\t', '=']).find(|word| !word.is_empty()));
        let words: Vec<&str> = words.flatten().collect();
        let name = words.first().copied().unwrap_or_default().to_owned();
        (name, words.iter().any(|word| word.eq_ignore_ascii_case("STARTTLS")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixStream;

    async fn heard(said: &[u8]) -> Result<Reply, Broken> {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(said).await.unwrap();
        drop(far);
        Chat::new(near.into(), None).hear(Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn replies() {
        let reply = heard(b"250-mx.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n").await.unwrap();
        assert_eq!((reply.code, reply.offers()), (250, ("mx.example".into(), true)));
        assert_eq!(heard(b"500 what\n").await.unwrap().text, "what");
        assert_eq!(heard(b"hello\r\n").await.unwrap().code, 0);
        assert_eq!(heard(b"250-never ended\r\n").await, Err(Broken::Lost));
    }

    #[tokio::test]
    async fn long_lines_are_cut() {
        let long = [&b"250 "[..], &vec![b'x'; 3 * LINE_MAX], b"\r\n"].concat();
        let reply = heard(&long).await.unwrap();
        assert!(reply.code == 250 && reply.text.len() <= LINE_MAX);
    }
}
