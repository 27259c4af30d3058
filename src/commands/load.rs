//! What smtp-source(1) and qmqp-source(1) have in common: so many messages over so many sessions,
//! with pauses between them, and one new connection at a time.

use std::io::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::endpoint::Endpoint;
use super::speaker::Speaker;
use crate::config::why;
use crate::mail::address;
use crate::mail::hostname::{self, BadHostname};
use crate::tls::Stream;

/// The work that is left, shared by all sessions.
#[derive(Debug)]
pub struct Load {
    endpoint: Endpoint,
    window: usize,
    tries: u32,
    pause: Pause,
    left: AtomicI64,
    /// Messages that went out, if anybody is to be shown.
    counted: Option<AtomicU64>,
    /// Held by whoever is connecting: a server that is flooded with SYN packets backs off, and then
    /// what is measured is that.
    door: tokio::sync::Mutex<()>,
    speaker: Speaker,
}

/// What stands between two messages of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    #[default]
    None,
    /// `-w`: so many seconds.
    Fixed(u32),
    /// `-R`: at most so many seconds.
    Random(u32),
}

/// The options that both commands have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// `-s`
    pub sessions: u32,
    /// `-m`
    pub messages: u32,
    /// `-C`
    pub tries: u32,
    /// `-w`, `-R`
    pub pause: Pause,
    /// `-c`
    pub counts: bool,
    /// `-T`, bytes; 0 is the system's choice.
    pub window: usize,
}

impl Default for Common {
    fn default() -> Self {
        Self { sessions: 1, messages: 1, tries: 1, pause: Pause::None, counts: false, window: 0 }
    }
}

impl Load {
    /// Nothing done yet.
    pub fn new(endpoint: Endpoint, common: &Common, speaker: Speaker) -> Self {
        Self {
            endpoint,
            window: common.window,
            tries: common.tries,
            pause: common.pause,
            left: AtomicI64::new(common.messages.into()),
            counted: common.counts.then(AtomicU64::default),
            door: tokio::sync::Mutex::default(),
            speaker,
        }
    }

    /// Takes one message to send; how many are left then. None if there was none any more.
    pub fn take(&self) -> Option<i64> {
        let left = self.left.fetch_sub(1, Ordering::Relaxed) - 1;
        (left >= 0).then_some(left)
    }

    /// Whether this was the last message.
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 1
    }

    /// Waits as long as there is to be between messages.
    pub async fn pause(&self) {
        let seconds = match self.pause {
            Pause::None => return,
            Pause::Fixed(seconds) => seconds,
            Pause::Random(most) => {
                let mut bytes = [0; 4];
                // Without random numbers there is always the longest pause.
                match crate::sys::random::fill(&mut bytes) {
                    Ok(()) => u32::from_ne_bytes(bytes) % most.saturating_add(1).max(1),
                    Err(_) => most,
                }
            }
        };
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    }

    /// Connects, several times if a connection is refused and that is allowed.
    pub async fn connect(&self) -> Result<Stream, String> {
        let _alone = self.door.lock().await;
        for last in 1.. {
            match self.endpoint.connect(self.window).await {
                Ok(stream) => return Ok(stream),
                Err(e) if last >= self.tries => return Err(format!("connect: {}", why(&e))),
                Err(e) => self.speaker.warning(format_args!("connect: {}", why(&e))),
            }
            tokio::time::sleep(RETRY).await;
        }
        Err("connect: too many tries".into())
    }

    /// A message is on its way.
    pub fn count(&self) {
        if let Some(counted) = &self.counted {
            let count = counted.fetch_add(1, Ordering::Relaxed) + 1;
            print(&format!("{count}\r"));
        }
    }

    /// Runs the sessions to their end. The error is the first that any of them has.
    pub fn run<F>(&self, sessions: u32, mut session: impl FnMut(u32) -> F) -> Result<(), String>
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("start of the runtime: {}", why(&e)))?;
        let outcome = runtime.block_on(async {
            let mut all = JoinSet::new();
            for number in 0..sessions {
                all.spawn(session(number));
            }
            while let Some(ended) = all.join_next().await {
                ended.map_err(|e| format!("session: {e}"))??;
            }
            Ok(())
        });
        if outcome.is_ok() && self.counted.is_some() {
            print("\n");
        }
        outcome
    }
}

/// How long a server that refuses connections is left alone.
const RETRY: Duration = Duration::from_micros(10);

fn print(text: &str) {
    let mut out = std::io::stdout();
    // Whoever reads it may have had enough.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A number as atoi(3) reads it: what follows the digits does not matter; 0 without any.
pub fn number(text: &str) -> i32 {
    let text = text.trim_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let value = digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if text.starts_with('-') { -value } else { value }
}

/// The same if it is more than zero.
pub fn positive(text: &str) -> Option<u32> {
    u32::try_from(number(text)).ok().filter(|value| *value > 0)
}

/// `-M`: a host name, or an address in brackets. What is wrong with it, for a warning and for the
/// end.
pub fn own_name(text: &str) -> Result<String, (String, String)> {
    let Some(literal) = text.strip_prefix('[') else {
        return match hostname::check(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(BadHostname::Empty) => {
                let why = format!("valid_hostname: {}", BadHostname::Empty);
                Err((why, format!("bad hostname: {text}")))
            }
            Err(bad) => {
                Err((format!("valid_hostname: {bad}: {text}"), format!("bad hostname: {text}")))
            }
        };
    };
    let why = match literal.strip_suffix(']') {
        Some(inside) if address::literal_address(inside).is_some() => return Ok(text.to_owned()),
        Some(_) => "malformed address",
        None => "']' expected at end",
    };
    let why = format!("valid_mailhost_literal: {why}: {text}");
    Err((why, format!("bad address literal: {text}")))
}

/// The name of this machine.
pub fn machine() -> Result<String, String> {
    let name = nix::unistd::gethostname().map_err(|e| format!("gethostname: {}", e.desc()))?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([number("12k"), number("-3"), number("x"), number(" +7")], [12, -3, 0, 7]);
        assert_eq!([positive("0"), positive("-1"), positive("9")], [None, None, Some(9)]);
    }

    #[test]
    fn names() {
        assert_eq!(own_name("a.example"), Ok("a.example".into()));
        assert_eq!(own_name("[127.0.0.1]"), Ok("[127.0.0.1]".into()));
        assert_eq!(own_name("a..b").unwrap_err().1, "bad hostname: a..b");
        assert_eq!(own_name("[x]").unwrap_err().1, "bad address literal: [x]");
    }
}
