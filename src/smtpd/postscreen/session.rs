//! One client, from its connection to smtpd, or to the door.
//!
//! ```text
//! connect ─ access list ─ remembered? ─ early tests ─ deep tests ─┬─ smtpd
//!                                                                 └─ 4xx, 5xx
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Screen;
use super::access::Access;
use super::clients::Visit;
use super::engine::Penalty;
use super::lists::Query;
use super::passes::seconds;
use super::reply;
use super::results::{Results, Test, Tests, Times};
use crate::log::Log;
use crate::service::delivery_line;
use crate::smtpd::connection::{Connection, Patience};
use crate::smtpd::listener::Room;
use crate::smtpd::passed::{Passed, Replay};
use crate::tls::{Facts, Stream};

/// How long a client that has passed may wait for a place in smtpd.
const WAIT_FOR_SMTPD: Duration = Duration::from_secs(100);

/// How long the last word may take to get into the network: nobody waits for those who do not read.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Who the client is.
#[derive(Clone, Debug)]
pub struct Who {
    /// Its address.
    pub ip: IpAddr,
    /// The same as text.
    pub address: String,
    /// Its port.
    pub port: String,
    /// `[address]:port`
    pub text: String,
    /// Where it has connected from, and to.
    pub ends: (SocketAddr, SocketAddr),
}

/// A session.
#[derive(Debug)]
pub struct Session {
    pub(super) screen: Arc<Screen>,
    pub(super) who: Who,
    pub(super) log: Log,
    pub(super) io: Connection,
    pub(super) results: Results,
    pub(super) visit: Visit,
    /// How recipients are refused by the engine.
    pub(super) rcpt_reply: String,
    /// What is said at the end.
    pub(super) final_reply: String,
    /// When the tests that are under way began, and what they are called.
    began: Instant,
    tests: &'static str,
    /// Of the connection, once it is encrypted.
    pub(super) tls: Option<Arc<Facts>>,
    pub(super) query: Option<Arc<Query>>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// The tests before the greeting.
    Early,
    /// The tests after it, by the built-in engine.
    Deep,
    /// The end, with this reply.
    Drop(String),
    /// The client has gone.
    HungUp,
    /// The end as the results have it.
    Conclude,
    /// smtpd goes on where the engine was.
    HandOver(Vec<Vec<u8>>),
    /// Nothing is left to be done.
    Over,
}

impl Who {
    /// The client at `remote`, connected to `local`.
    pub fn new(remote: SocketAddr, local: SocketAddr) -> Self {
        let ip = remote.ip().to_canonical();
        let (address, port) = (ip.to_string(), remote.port().to_string());
        let text = format!("[{address}]:{port}");
        Self { ip, address, port, text, ends: (remote, local) }
    }

    fn server(&self) -> (IpAddr, u16) {
        (self.ends.1.ip().to_canonical(), self.ends.1.port())
    }
}

impl Session {
    /// A client has connected.
    pub fn begin(screen: Arc<Screen>, stream: Stream, who: Who, log: Log) -> Self {
        let (server, port) = who.server();
        log.info(format_args!("CONNECT from {} to [{server}]:{port}", who.text));
        let visit = screen.clients.enter(who.ip);
        let timeout = screen.settings.command_time.now(screen.clients.is_stressed());
        let patience = Patience { timeout, per_request: true, min_data_rate: 1 };
        Self {
            io: Connection::new(stream, patience),
            results: Results::default(),
            visit,
            rcpt_reply: "450 4.3.2 Service currently unavailable".into(),
            final_reply: "421 4.3.2 Service currently unavailable".into(),
            began: Instant::now(),
            tests: "",
            tls: None,
            query: None,
            screen,
            who,
            log,
        }
    }

    /// Tests the client, and hands it over or sends it away.
    pub async fn run(mut self) {
        let mut step = self.connect().await;
        loop {
            step = match step {
                Step::Early => self.early().await,
                Step::Deep => Box::pin(self.deep()).await,
                Step::Drop(reply) => {
                    self.results.stays = true;
                    self.final_reply = reply;
                    self.conclude();
                    self.say_goodbye().await
                }
                Step::HungUp => {
                    self.log.info(format_args!(
                        "HANGUP after {} from {} in {}",
                        self.elapsed(),
                        self.who.text,
                        self.tests
                    ));
                    self.conclude();
                    self.disconnect()
                }
                Step::Conclude => {
                    self.conclude();
                    match (self.results.stays, self.screen.smtpd.clone()) {
                        (true, _) => self.say_goodbye().await,
                        (false, None) => self.without_smtpd().await,
                        (false, Some(smtpd)) => return self.hand_over(&smtpd, None).await,
                    }
                }
                Step::HandOver(commands) => {
                    self.conclude();
                    match self.screen.smtpd.clone() {
                        Some(smtpd) => return self.hand_over(&smtpd, Some(commands)).await,
                        None => self.without_smtpd().await,
                    }
                }
                Step::Over => return,
            };
        }
    }

    /// The limits, the access list, and what is known from earlier sessions.
    async fn connect(&mut self) -> Step {
        if let Some(step) = self.limits() {
            return step;
        }
        if let Some(step) = self.access().await {
            return step;
        }
        if self.recall() {
            self.log.info(format_args!("PASS OLD {}", self.who.text));
            return Step::Conclude;
        }
        let screen = self.screen.clone();
        let server = self.who.server().0;
        if !screen.interfaces.matches("", server).await.unwrap_or(false) {
            self.results.vetoed = true;
            self.results.stays = true;
            let word = screen.word("ALLOW", "WHITE");
            self.log.info(format_args!("{word}LIST VETO {}", self.who.text));
            screen.tell_of_words(&self.log, &self.who);
        }
        let limit = screen.settings.pre_queue_limit;
        if limit > 0 && screen.clients.crowd().under_test >= limit {
            self.log.info(format_args!(
                "reject: connect from {}: all screening ports busy",
                self.who.text
            ));
            return Step::Drop("421 4.3.2 All screening ports are busy".into());
        }
        if !self.results.todo.and(Tests::EARLY).is_empty() {
            Step::Early
        } else if !self.results.todo.and(Tests::DEEP).is_empty() || self.results.stays {
            Step::Deep
        } else {
            Step::Conclude
        }
    }

    fn limits(&self) -> Option<Step> {
        let settings = &self.screen.settings;
        let refuse = |why: &str, reply: &str| {
            let client = &self.who.text;
            self.log.info(format_args!("NOQUEUE: reject: CONNECT from {client}: {why}"));
            Some(Step::Drop(reply.to_owned()))
        };
        if settings.connections > 0 && self.visit.sessions > settings.connections {
            return refuse("too many connections", "421 4.7.0 Error: too many connections");
        }
        let waiting = self.screen.clients.crowd().waiting;
        if settings.post_queue_limit > 0 && waiting >= settings.post_queue_limit {
            return refuse("all server ports busy", "421 4.3.2 All server ports are busy");
        }
        None
    }

    async fn access(&mut self) -> Option<Step> {
        let screen = self.screen.clone();
        match screen.access.check(self.who.ip, &self.log).await {
            Access::Unknown => return None,
            Access::Allow => {
                let word = screen.word("ALLOW", "WHITE");
                self.log.info(format_args!("{word}LISTED {}", self.who.text));
                screen.tell_of_words(&self.log, &self.who);
                return Some(Step::Conclude);
            }
            Access::Deny => {}
        }
        let word = screen.word("DENY", "BLACK");
        self.log.info(format_args!("{word}LISTED {}", self.who.text));
        screen.tell_of_words(&self.log, &self.who);
        match screen.settings.deny {
            Penalty::Ignore => None,
            Penalty::Enforce => {
                self.results.denied = true;
                self.enforce("550 5.3.2 Service currently unavailable".into());
                None
            }
            Penalty::Drop => {
                self.results.denied = true;
                Some(Step::Drop("521 5.3.2 Service currently unavailable".into()))
            }
        }
    }

    /// Finds out which tests are to be done. True if there are none: the client is known.
    fn recall(&mut self) -> bool {
        let screen = self.screen.clone();
        let enabled = screen.settings.enabled;
        let mut times = self.visit.times();
        if self.visit.sessions > 1 {
            // Another session of the client has asked already.
            self.results.begin(&times, enabled, seconds());
            return false;
        }
        let record = match (&screen.passes, self.results.has_failed()) {
            (Some(passes), false) => passes.find(&self.who.address),
            _ => None,
        };
        match record {
            Some(record) => {
                *times = Times::parse(&record);
                self.results.begin(&times, enabled, seconds());
                self.results.is_clear()
            }
            None => {
                *times = Times::NEW;
                self.results.begin(&times, enabled, 1);
                false
            }
        }
    }

    /// From now on all recipients are refused.
    pub(super) fn enforce(&mut self, reply: String) {
        self.rcpt_reply = reply;
        self.results.stays = true;
    }

    /// Tests begin, under this name.
    pub(super) fn begin_tests(&mut self, tests: &'static str) {
        self.tests = tests;
        self.began = Instant::now();
    }

    /// How long the tests have been going on.
    pub(super) fn since(&self) -> Duration {
        self.began.elapsed()
    }

    /// The same for the log.
    pub(super) fn elapsed(&self) -> String {
        let micros = u64::try_from(self.since().as_micros()).unwrap_or(u64::MAX);
        delivery_line::seconds(micros, self.screen.settings.decimals)
    }

    /// Says whether the client has passed all that was to be done, and remembers what it has
    /// passed.
    fn conclude(&mut self) {
        if self.results.conclude() {
            let is_new = self.results.is_new && self.visit.passes_first();
            let word = if is_new { "NEW" } else { "OLD" };
            self.log.info(format_args!("PASS {word} {}", self.who.text));
        }
        if !self.results.passed.is_empty()
            && let Some(passes) = &self.screen.passes
        {
            let record = self.visit.times().record(self.screen.settings.enabled);
            passes.put(&self.who.address, record);
        }
    }

    /// Adds a reply; nothing leaves yet.
    pub(super) async fn say(&mut self, text: &str) {
        let reply = reply::finished(&self.screen, &self.who, text, &self.log).await;
        if self.log.verbose() > 0 {
            self.log.info(format_args!("> {}: {text}", self.who.text));
        }
        self.io.say(&reply);
    }

    async fn say_goodbye(&mut self) -> Step {
        let reply = std::mem::take(&mut self.final_reply);
        self.say(&reply).await;
        self.io.give(LAST_WORD);
        // It was the last word: who does not hear it misses nothing else.
        let _ = self.io.flush().await;
        let step = self.disconnect();
        self.io.close().await;
        step
    }

    fn disconnect(&self) -> Step {
        self.log.info(format_args!("DISCONNECT {}", self.who.text));
        if self.tls.is_some() {
            let log = self.screen.tls_log.with_number_of(&self.log);
            log.info(format_args!("DISCONNECT {}", self.who.text));
        }
        Step::Over
    }

    /// Gives the connection to smtpd, as soon as there is a place.
    async fn hand_over(mut self, smtpd: &Arc<Room>, commands: Option<Vec<Vec<u8>>>) {
        self.visit.waits();
        let Ok(place) = tokio::time::timeout(WAIT_FOR_SMTPD, smtpd.place()).await else {
            self.log.warning(format_args!(
                "timeout sending connection to service private/{}",
                self.screen.settings.smtpd_service
            ));
            return;
        };
        let Self { io, who, tls, visit, .. } = self;
        let (stream, rest) = io.into_parts();
        let (remote, local) = who.ends;
        let replay = commands.map(|commands| Box::new(Replay { tls, commands, rest }));
        smtpd.take_over(Passed { stream, remote, local, replay }, place);
        drop(visit);
    }

    /// There is nobody to hand the client to.
    async fn without_smtpd(&mut self) -> Step {
        let service = self.screen.settings.smtpd_service.clone();
        self.log.warning(format_args!(
            "cannot connect to service private/{service}: No such file or directory"
        ));
        if self.results.todo.has(Test::Pregreet) && self.tls.is_none() {
            // Half of a greeting has been sent: the client gets the other half, and 421 to
            // whatever it says.
            self.final_reply = "421 4.3.2 No system resources".into();
            self.results.ends_at_command = true;
            return Step::Deep;
        }
        self.say("421 4.3.2 All server ports are busy").await;
        self.io.give(LAST_WORD);
        self.io.close().await;
        Step::Over
    }
}
