//! The connections of one table in one process: a list of hosts, tried as Postfix tries them; a
//! host that failed is left alone for a while; connections that nobody uses are closed.
//!
//! A look-up holds a connection for one question. The number of connections is bounded; who comes
//! when all are busy waits, for a limited time, and blocks nobody.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::super::outage::Absence;
use super::super::system;

/// Connections of one table in one process.
pub const CONNECTIONS: usize = 8;
/// For one attempt to connect.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// For one answer, and for a free connection.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A kind of server.
pub trait Driver: Debug + Send + Sync + 'static {
    /// A connection that questions can be asked on.
    type Connection: Send + 'static;
    /// What is asked.
    type Question: Sync;
    /// What comes back.
    type Answer: Send;

    /// How long an attempt to connect may take.
    fn connect_limit(&self) -> Duration {
        CONNECT_LIMIT
    }

    /// How long an answer may take.
    fn answer_limit(&self) -> Duration {
        ANSWER_LIMIT
    }

    /// Connects to the host of that number.
    fn connect(&self, host: usize)
    -> impl Future<Output = Result<Self::Connection, String>> + Send;

    /// Asks on a connection.
    fn ask(
        &self,
        connection: &mut Self::Connection,
        question: &Self::Question,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;

    /// Whether an idle connection still works, as far as can be told without asking.
    fn is_alive(&self, _connection: &Self::Connection) -> bool {
        true
    }

    /// The warning about a host that cannot be reached.
    fn unreachable(&self, host: usize, why: &str) -> String;

    /// The warning about a host that stopped talking.
    fn silent(&self, host: usize, why: &str) -> String {
        self.unreachable(host, why)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is of no more use; the warning.
    Lost(String),
    /// Nothing is wrong with the host, but the connection is of no more use: the answer is too slow,
    /// or too long. The warning.
    Spoiled(String),
    /// The server does not like the question, or we do not like the answer; another host might
    /// know better. The warning.
    #[cfg(table_settings)]
    Refused(String),
}

/// How a pool treats its hosts.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A host that failed is left alone for so long.
    pub retry: Duration,
    /// A connection that nobody uses is closed after so long.
    pub idle: Duration,
    /// Whether a host that fails is tried once more at once, if it is the only one: it may be many
    /// behind one name.
    pub again: bool,
}

/// The connections to the servers of a table.
pub struct Pool<D: Driver> {
    driver: D,
    patience: Patience,
    hosts: Vec<Host<D::Connection>>,
    free: Semaphore,
    /// For the task that closes idle connections.
    me: Weak<Self>,
}

struct Host<C> {
    /// Hosts of lower rank are tried first: sockets before networks.
    rank: u8,
    state: Mutex<State<C>>,
}

struct State<C> {
    idle: Vec<(C, Instant)>,
    /// Questions that are being asked.
    busy: usize,
    down_until: Option<Instant>,
    absence: Absence,
    /// Whether somebody is going to close idle connections.
    is_watched: bool,
}

impl<D: Driver> Debug for Pool<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.driver).finish()
    }
}

impl<C> Default for State<C> {
    fn default() -> Self {
        Self {
            idle: Vec::new(),
            busy: 0,
            down_until: None,
            absence: Absence::default(),
            is_watched: false,
        }
    }
}

impl<D: Driver> Pool<D> {
    /// A pool with no connections yet; `ranks` has an entry for each host.
    pub fn new(driver: D, ranks: impl IntoIterator<Item = u8>, patience: Patience) -> Arc<Self> {
        let hosts = ranks.into_iter().map(|rank| Host { rank, state: Mutex::default() }).collect();
        Arc::new_cyclic(|me| Self {
            driver,
            patience,
            hosts,
            free: Semaphore::new(CONNECTIONS),
            me: me.clone(),
        })
    }

    /// The kind of server.
    #[cfg(any(test, feature = "ldap", feature = "memcached"))]
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Asks the first host that answers. Warnings go to `warn`; the error says why there is no
    /// answer, and was a warning already unless all hosts are being left alone.
    pub async fn ask(
        &self,
        question: &D::Question,
        warn: &(dyn Fn(&str) + Sync),
    ) -> Result<D::Answer, String> {
        let waiting = tokio::time::timeout(self.driver.answer_limit(), self.free.acquire());
        let Ok(Ok(_permit)) = waiting.await else {
            let why = "all connections are busy".to_owned();
            warn(&why);
            return Err(why);
        };
        let mut refused = vec![false; self.hosts.len()];
        let mut reason = "no server is available".to_owned();
        while let Some(host) = self.choose(&refused) {
            match self.ask_host(host, question).await {
                Ok(answer) => return Ok(answer),
                Err(Fault::Lost(why)) => {
                    if self.take_down(host) {
                        warn(&why);
                    }
                    reason = why;
                }
                Err(Fault::Spoiled(why)) => {
                    let state = self.hosts.get(host).map(|host| lock(&host.state));
                    if state.is_none_or(|mut state| state.absence.begins(Instant::now())) {
                        warn(&why);
                    }
                    reason = why;
                }
                #[cfg(table_settings)]
                Err(Fault::Refused(why)) => {
                    warn(&why);
                    reason = why;
                }
            }
            if let Some(refused) = refused.get_mut(host) {
                *refused = true;
            }
        }
        Err(reason)
    }

    /// One question to one host. Connections die while they are idle, and a server that was
    /// restarted is a good server, so a lost connection is made again, once.
    async fn ask_host(&self, host: usize, question: &D::Question) -> Result<D::Answer, Fault> {
        let used = self.take_idle(host);
        let is_used = used.is_some();
        let first = match used {
            Some(connection) => self.ask_on(host, connection, question).await,
            None => self.ask_anew(host, question).await,
        };
        match first {
            Err(Fault::Lost(_)) if is_used || (self.patience.again && self.hosts.len() == 1) => {
                if let Some(host) = self.hosts.get(host) {
                    lock(&host.state).idle.clear();
                }
                self.ask_anew(host, question).await
            }
            other => other,
        }
    }

    async fn ask_anew(&self, host: usize, question: &D::Question) -> Result<D::Answer, Fault> {
        let connecting =
            tokio::time::timeout(self.driver.connect_limit(), self.driver.connect(host));
        match connecting.await {
            Ok(Ok(connection)) => self.ask_on(host, connection, question).await,
            Ok(Err(why)) => Err(Fault::Lost(self.driver.unreachable(host, &why))),
            Err(_) => Err(Fault::Lost(self.driver.unreachable(host, "Connection timed out"))),
        }
    }

    async fn ask_on(
        &self,
        host: usize,
        mut connection: D::Connection,
        question: &D::Question,
    ) -> Result<D::Answer, Fault> {
        let Some(place) = self.hosts.get(host) else {
            return Err(Fault::Lost("no such host".into()));
        };
        let _busy = Busy::new(&place.state);
        let asking = self.driver.ask(&mut connection, question);
        let answer = match tokio::time::timeout(self.driver.answer_limit(), asking).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(Fault::Spoiled(self.driver.silent(host, "no answer within the time limit")))
            }
        };
        if !matches!(answer, Err(Fault::Lost(_) | Fault::Spoiled(_))) {
            self.put_back(host, connection);
        }
        answer
    }

    /// The host to try next, as Postfix chooses: one with a connection if there is one, sockets
    /// first, and by chance among equals.
    fn choose(&self, refused: &[bool]) -> Option<usize> {
        let now = Instant::now();
        let mut best: Option<(bool, u8)> = None;
        let mut equals = Vec::new();
        for (number, host) in self.hosts.iter().enumerate() {
            if refused.get(number).copied().unwrap_or(true) {
                continue;
            }
            let state = lock(&host.state);
            if state.down_until.is_some_and(|until| until > now) {
                continue;
            }
            let merit = (state.idle.is_empty() && state.busy == 0, host.rank);
            drop(state);
            if best.is_none_or(|best| merit < best) {
                best = Some(merit);
                equals.clear();
            }
            if best == Some(merit) {
                equals.push(number);
            }
        }
        match equals.as_slice() {
            [only] => Some(*only),
            several => system::choose(several).copied(),
        }
    }

    /// Leaves a host alone for a while; true if that is news.
    fn take_down(&self, host: usize) -> bool {
        let Some(host) = self.hosts.get(host) else { return false };
        let now = Instant::now();
        let mut state = lock(&host.state);
        state.idle.clear();
        let is_new = state.down_until.is_none_or(|until| until <= now);
        if is_new {
            state.down_until = Some(now + self.patience.retry);
        }
        is_new && state.absence.begins(now)
    }

    fn take_idle(&self, host: usize) -> Option<D::Connection> {
        let host = self.hosts.get(host)?;
        let mut state = lock(&host.state);
        while let Some((connection, since)) = state.idle.pop() {
            if since.elapsed() < self.patience.idle && self.driver.is_alive(&connection) {
                return Some(connection);
            }
        }
        None
    }

    fn put_back(&self, host: usize, connection: D::Connection) {
        let Some(place) = self.hosts.get(host) else { return };
        let mut state = lock(&place.state);
        state.down_until = None;
        state.absence.is_over();
        if !self.driver.is_alive(&connection) {
            return;
        }
        state.idle.push((connection, Instant::now()));
        if !state.is_watched {
            state.is_watched = true;
            let (pool, idle) = (self.me.clone(), self.patience.idle);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(idle.max(Duration::from_millis(100))).await;
                    if pool.upgrade().is_none_or(|pool| pool.close_idle(host)) {
                        break;
                    }
                }
            });
        }
    }

    /// Closes what nobody used lately; true if nothing is left.
    fn close_idle(&self, host: usize) -> bool {
        let Some(host) = self.hosts.get(host) else { return true };
        let mut state = lock(&host.state);
        state.idle.retain(|(_, since)| since.elapsed() < self.patience.idle);
        state.is_watched = !state.idle.is_empty();
        !state.is_watched
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a question while it is being asked.
struct Busy<'a, C>(&'a Mutex<State<C>>);

impl<'a, C> Busy<'a, C> {
    fn new(state: &'a Mutex<State<C>>) -> Self {
        lock(state).busy += 1;
        Self(state)
    }
}

impl<C> Drop for Busy<'_, C> {
    fn drop(&mut self) {
        let mut state = lock(self.0);
        state.busy = state.busy.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A server that can be switched off, and hangs up when it is told to.
    #[derive(Debug, Default)]
    struct Fake {
        down: [AtomicBool; 2],
        hang_up: AtomicBool,
        connects: AtomicUsize,
    }

    impl Driver for Fake {
        type Connection = usize;
        type Question = String;
        type Answer = String;

        async fn connect(&self, host: usize) -> Result<usize, String> {
            self.connects.fetch_add(1, Ordering::Relaxed);
            match self.down[host].load(Ordering::Relaxed) {
                true => Err("Connection refused".into()),
                false => Ok(host),
            }
        }

        async fn ask(&self, host: &mut usize, question: &String) -> Result<String, Fault> {
            tokio::task::yield_now().await;
            if question == "bad" {
                return Err(Fault::Spoiled("syntax".into()));
            }
            if self.hang_up.swap(false, Ordering::Relaxed) {
                return Err(Fault::Lost("hung up".into()));
            }
            Ok(format!("{host}:{question}"))
        }

        fn unreachable(&self, host: usize, why: &str) -> String {
            format!("connect to {host}: {why}")
        }
    }

    const PATIENCE: Patience =
        Patience { retry: Duration::from_secs(60), idle: Duration::from_secs(60), again: true };

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn failover_and_back_off() {
        run(async {
            let pool = Pool::new(Fake::default(), [0, 1], PATIENCE);
            let warnings = Mutex::new(Vec::new());
            let warn = |text: &str| warnings.lock().unwrap().push(text.to_owned());
            assert_eq!(pool.ask(&"x".into(), &warn).await.unwrap(), "0:x");
            pool.driver().down[0].store(true, Ordering::Relaxed);
            pool.driver().hang_up.store(true, Ordering::Relaxed);
            assert_eq!(pool.ask(&"y".into(), &warn).await.unwrap(), "1:y");
            assert_eq!(*warnings.lock().unwrap(), ["connect to 0: Connection refused"]);
            // Host 0 is left alone now.
            let connects = pool.driver().connects.load(Ordering::Relaxed);
            assert_eq!(pool.ask(&"z".into(), &warn).await.unwrap(), "1:z");
            assert_eq!(pool.driver().connects.load(Ordering::Relaxed), connects);
            // A refused question takes nothing down.
            assert_eq!(pool.ask(&"bad".into(), &warn).await, Err("syntax".into()));
            assert_eq!(pool.ask(&"z".into(), &warn).await.unwrap(), "1:z");
        });
    }

    #[test]
    fn a_restart_is_not_noticed() {
        run(async {
            let pool = Pool::new(Fake::default(), [0], PATIENCE);
            let warn = |text: &str| panic!("{text}");
            pool.ask(&"x".into(), &warn).await.unwrap();
            pool.driver().hang_up.store(true, Ordering::Relaxed);
            assert_eq!(pool.ask(&"y".into(), &warn).await.unwrap(), "0:y");
        });
    }

    #[test]
    fn one_warning_for_many() {
        run(async {
            let pool = Pool::new(Fake::default(), [0], PATIENCE);
            pool.driver().down[0].store(true, Ordering::Relaxed);
            let count = AtomicUsize::new(0);
            let warn = |_: &str| {
                count.fetch_add(1, Ordering::Relaxed);
            };
            let question = "x".to_owned();
            let asked = (0..100).map(|_| pool.ask(&question, &warn));
            for answer in asked {
                assert!(answer.await.is_err());
            }
            assert_eq!(count.load(Ordering::Relaxed), 1);
            // Nor one for each attempt, until the server has been there.
            let pool =
                Pool::new(Fake::default(), [0], Patience { retry: Duration::ZERO, ..PATIENCE });
            let down = |is_down| pool.driver().down[0].store(is_down, Ordering::Relaxed);
            down(true);
            count.store(0, Ordering::Relaxed);
            for _ in 0..10 {
                assert!(pool.ask(&question, &warn).await.is_err());
            }
            assert_eq!(count.load(Ordering::Relaxed), 1);
            down(false);
            assert!(pool.ask(&question, &warn).await.is_ok());
            down(true);
            pool.driver().hang_up.store(true, Ordering::Relaxed);
            assert!(pool.ask(&question, &warn).await.is_err());
            assert_eq!(count.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn idle_connections_are_closed() {
        run(async {
            let idle = Duration::from_millis(200);
            let pool = Pool::new(Fake::default(), [0], Patience { idle, ..PATIENCE });
            pool.ask(&"x".into(), &|_| ()).await.unwrap();
            assert_eq!(lock(&pool.hosts[0].state).idle.len(), 1);
            tokio::time::sleep(idle * 3).await;
            assert_eq!(lock(&pool.hosts[0].state).idle.len(), 0);
        });
    }
}
