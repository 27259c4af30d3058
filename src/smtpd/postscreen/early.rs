//! The tests before the greeting: does the client wait for it, and what do DNS lists say?

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::engine::Penalty;
use super::passes::seconds;
use super::results::Test;
use super::session::{Session, Step};
use super::sites::Score;
use crate::smtpd::session::escape;

/// How much of what comes too early is looked at.
const PEEK: usize = 1023;

/// What happened first.
enum Event {
    /// The client has said so many bytes.
    Spoke(Vec<u8>),
    /// The client has gone.
    HungUp,
    /// All lists have answered.
    Listed,
    /// The time is over.
    Time,
}

impl Session {
    /// Runs those of the two tests that are to be done.
    pub(super) async fn early(&mut self) -> Step {
        self.begin_tests("tests before SMTP handshake");
        let screen = self.screen.clone();
        let waits = self.results.todo.has(Test::Pregreet);
        if waits {
            self.say(&format!("220-{}", screen.settings.teaser)).await;
            if self.io.flush().await.is_err() {
                return Step::HungUp;
            }
        }
        if self.results.todo.has(Test::Dnsbl) {
            self.query = Some(screen.lists.ask(self.who.ip, &self.log));
        }
        let wait = screen.settings.greet_wait.now(screen.clients.is_stressed());
        let end = Instant::now() + wait;
        let mut listens = waits;
        let mut score = None;
        loop {
            match self.next_event(listens, score.is_none(), end).await {
                Event::HungUp => return Step::HungUp,
                Event::Time => break,
                Event::Spoke(bytes) => {
                    listens = false;
                    if let Some(step) = self.spoke(&bytes) {
                        return step;
                    }
                }
                Event::Listed => {
                    score = self.take_score();
                    self.results.done.add(Test::Dnsbl);
                }
            }
            if self.results.early_done() {
                break;
            }
        }
        self.finish_early(score).await
    }

    async fn next_event(&self, listens: bool, asks: bool, end: Instant) -> Event {
        let socket = self.io.socket().filter(|_| listens);
        let query = self.query.as_ref().filter(|_| asks);
        tokio::select! {
            biased;
            event = spoken(socket) => event,
            () = async {
                match query {
                    Some(query) => query.finished().await,
                    None => std::future::pending().await,
                }
            } => Event::Listed,
            () = tokio::time::sleep_until(end) => Event::Time,
        }
    }

    /// The client has spoken before its turn.
    fn spoke(&mut self, bytes: &[u8]) -> Option<Step> {
        let shown = escape(bytes);
        self.log.info(format_args!(
            "PREGREET {} after {} from {}: {}",
            bytes.len(),
            self.elapsed(),
            self.who.text,
            shown.get(..100).unwrap_or(&shown)
        ));
        self.results.fail(Test::Pregreet);
        match self.screen.settings.greet {
            Penalty::Drop => return Some(Step::Drop("521 5.5.1 Protocol error".into())),
            Penalty::Enforce => self.enforce("550 5.5.1 Protocol error".into()),
            // Forgiven when the time is over.
            Penalty::Ignore => {}
        }
        self.results.done.add(Test::Pregreet);
        None
    }

    /// What the lists have said; their verdict may stand for all other tests.
    fn take_score(&mut self) -> Option<Score> {
        let score = self.query.take()?.result();
        let settings = &self.screen.settings;
        let allowed = settings.allow_threshold < 0 && score.total <= settings.allow_threshold;
        if allowed && !self.results.has_failed() && score.total < settings.threshold {
            let (least, most) = settings.dnsbl_ttl;
            let until = seconds() + score.ttl(least, most);
            let mut times = self.visit.times();
            self.results.allow(&mut times, until);
        }
        Some(score)
    }

    /// The time is over, or everything is known.
    async fn finish_early(&mut self, score: Option<Score>) -> Step {
        let settings = &self.screen.settings;
        let test = Test::Pregreet;
        let failed = self.results.failed.has(test);
        if self.results.todo.has(test) && !failed && !self.results.done.has(test) {
            self.visit.times().set(test, seconds() + settings.greet_ttl);
            self.results.pass(test);
        }
        if failed && settings.greet == Penalty::Ignore {
            self.results.forgive(test);
        }
        if self.results.todo.has(Test::Dnsbl) {
            let score = match score {
                Some(score) => Some(score),
                None => self.take_score(),
            };
            if let Some(step) = self.judge(score.unwrap_or_default()).await {
                return step;
            }
        }
        if self.results.needs_engine() { Step::Deep } else { Step::Conclude }
    }

    /// What the score means.
    async fn judge(&mut self, score: Score) -> Option<Step> {
        let screen = self.screen.clone();
        let settings = &screen.settings;
        if score.total < settings.threshold {
            let (least, most) = settings.dnsbl_ttl;
            self.visit.times().set(Test::Dnsbl, seconds() + score.ttl(least, most));
            self.results.pass(Test::Dnsbl);
            return None;
        }
        self.log.info(format_args!("DNSBL rank {} for {}", score.total, self.who.text));
        let code = match settings.dnsbl {
            Penalty::Ignore => return None,
            Penalty::Enforce => "550",
            Penalty::Drop => "521",
        };
        self.results.fail(Test::Dnsbl);
        let name = screen.lists.shown(&score.domain.unwrap_or_default(), &self.log).await;
        let reply = format!(
            "{code} 5.7.1 Service unavailable; client [{}] blocked using {name}",
            self.who.address
        );
        if settings.dnsbl == Penalty::Drop {
            return Some(Step::Drop(reply));
        }
        self.enforce(reply);
        None
    }
}

/// Waits for the client to speak or to go; for ever without a socket. Takes nothing.
async fn spoken(socket: Option<&TcpStream>) -> Event {
    let Some(socket) = socket else { return std::future::pending().await };
    let mut bytes = vec![0; PEEK];
    match socket.peek(&mut bytes).await {
        Ok(0) | Err(_) => Event::HungUp,
        Ok(count) => {
            bytes.truncate(count);
            Event::Spoke(bytes)
        }
    }
}
