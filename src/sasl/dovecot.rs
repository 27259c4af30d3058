//! Dovecot's auth server (`smtpd_sasl_type = dovecot`).
//!
//! All sessions of a service share one connection: requests are told apart by their numbers, and a
//! task hands each answer to whoever waits for it. A connection that is lost is made again by the
//! next one who needs it. Nothing that the server sends, or keeps from sending, holds up a session
//! for longer than [`TIME_LIMIT`], or takes more memory than [`LINE_MAX`].

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::server::Unavailable;
use super::server::{Authenticator, Exchange, Mechanism, Pending, Session, Source, Step};
use crate::config::why;
use crate::log::Log;
use crate::wire::dovecot_auth::{self as protocol, Answer, Greeting, Properties, Request};

/// How long the server may take to accept a connection and greet, to take a request, and to answer
/// one. Postfix's limit, too.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Longest line of the server's. A response may have 12288 bytes, and a challenge not many more.
const LINE_MAX: usize = 64 << 10;

/// Most lines in its greeting.
const GREETING_MAX: usize = 1000;

const LOST: &str = "Connection lost to authentication server";
const UNREACHABLE: &str = "Can't connect to authentication server";
const BAD_ANSWER: &str = "Authentication backend error";

type Reader = BufReader<Box<dyn AsyncRead + Send + Unpin>>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// One auth server.
#[derive(Debug)]
pub(super) struct Dovecot {
    /// As configured.
    name: String,
    endpoint: Endpoint,
    service: String,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
enum Endpoint {
    Unix(PathBuf),
    Inet(String),
}

/// The connection, or when it could not be had.
#[derive(Debug, Default)]
struct State {
    link: Option<Arc<Link>>,
    failed: Option<Instant>,
}

/// A connection that has been greeted.
struct Link {
    mechanisms: Vec<Mechanism>,
    writer: tokio::sync::Mutex<Writer>,
    desk: Mutex<Desk>,
    /// The task that listens.
    listener: OnceLock<AbortHandle>,
}

/// Who waits for what.
#[derive(Debug)]
struct Desk {
    closed: bool,
    last_id: u32,
    heard: Instant,
    waiting: HashMap<u32, oneshot::Sender<Said>>,
}

/// An answer, as it is handed over.
#[derive(Debug)]
enum Said {
    Accepted(Option<String>),
    Challenge(Option<String>),
    Refused { reason: String, username: Option<String> },
}

/// The connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lost;

impl Dovecot {
    /// Connects when somebody needs it.
    pub(super) fn new(source: &Source) -> Self {
        let endpoint = match source.path.strip_prefix("inet:") {
            Some(place) if place.contains(':') => Endpoint::Inet(place.to_owned()),
            Some(port) => Endpoint::Inet(format!("localhost:{port}")),
            None => {
                let path = source.path.strip_prefix("unix:").unwrap_or(&source.path);
                Endpoint::Unix(source.queue_directory.join(path))
            }
        };
        Self {
            name: source.path.clone(),
            endpoint,
            service: source.service.clone(),
            state: tokio::sync::Mutex::default(),
        }
    }

    /// The connection, made now if there is none.
    async fn link(&self, log: &Log) -> Result<Arc<Link>, Unavailable> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(link) = &state.link
            && !link.desk().closed
        {
            return Ok(link.clone());
        }
        // Those who waited while somebody else tried in vain do not try one after the other.
        if state.failed.is_some_and(|failed| failed > asked) {
            return Err(Unavailable);
        }
        state.link = None;
        let made = timeout(TIME_LIMIT, self.connect(log)).await;
        state.link = made.ok().and_then(Result::ok);
        state.failed = state.link.is_none().then(Instant::now);
        state.link.clone().ok_or(Unavailable)
    }

    async fn connect(&self, log: &Log) -> Result<Arc<Link>, Unavailable> {
        let (mut reader, mut writer) = match timeout(TIME_LIMIT, self.endpoint.connect()).await {
            Ok(Ok(stream)) => stream,
            failed => {
                let e = match failed {
                    Ok(Err(e)) => e,
                    _ => io::Error::from_raw_os_error(nix::libc::ETIMEDOUT),
                };
                log.warning(format_args!(
                    "SASL: Connect to Dovecot auth socket '{}' failed: {}",
                    self.name,
                    why(&e)
                ));
                return Err(Unavailable);
            }
        };
        let hello = protocol::hello(client_number());
        let sent = async {
            writer.write_all(hello.as_bytes()).await?;
            writer.flush().await
        };
        if let Err(e) = sent.await {
            log.warning(format_args!("SASL: Couldn't send handshake: {}", why(&e)));
            return Err(Unavailable);
        }
        let mechanisms = greeting(&mut reader, log).await?;
        let link = Arc::new(Link {
            mechanisms,
            writer: tokio::sync::Mutex::new(writer),
            desk: Mutex::new(Desk {
                closed: false,
                last_id: 0,
                heard: Instant::now(),
                waiting: HashMap::new(),
            }),
            listener: OnceLock::new(),
        });
        let (listener, log) = (link.clone(), log.clone());
        let task = tokio::spawn(async move { listener.listen(reader, &log).await });
        let _ = link.listener.set(task.abort_handle());
        Ok(link)
    }
}

/// Tells this connection apart from all others that the server has: it refuses two of one number.
/// Process IDs have 22 bits.
fn client_number() -> u32 {
    static CONNECTIONS: AtomicU32 = AtomicU32::new(0);
    let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    std::process::id() | connection << 22
}

impl Endpoint {
    async fn connect(&self) -> io::Result<(Reader, Writer)> {
        let (read, write): (Box<dyn AsyncRead + Send + Unpin>, Writer) = match self {
            Self::Unix(path) => {
                let (read, write) = UnixStream::connect(path).await?.into_split();
                (Box::new(read), Box::new(write))
            }
            Self::Inet(place) => {
                let stream = TcpStream::connect(place).await?;
                stream.set_nodelay(true)?;
                let (read, write) = stream.into_split();
                (Box::new(read), Box::new(write))
            }
        };
        Ok((BufReader::new(read), write))
    }
}

/// Reads the server's greeting: the mechanisms that clients may be offered.
async fn greeting(reader: &mut Reader, log: &Log) -> Result<Vec<Mechanism>, Unavailable> {
    let mut mechanisms = Vec::new();
    let mut any = false;
    let mut line = Vec::new();
    for _ in 0..GREETING_MAX {
        let Some(text) = read_line(reader, &mut line).await else { return Err(Unavailable) };
        match protocol::greeting(&text) {
            Greeting::Version(Some(protocol::MAJOR)) | Greeting::Other => {}
            Greeting::Version(Some(other)) => {
                log.warning(format_args!(
                    "SASL: Protocol version mismatch ({other} vs. {})",
                    protocol::MAJOR
                ));
                return Err(Unavailable);
            }
            Greeting::Version(None) => {
                log.warning(format_args!("SASL: Protocol version error"));
                return Err(Unavailable);
            }
            Greeting::Mechanism(name, properties) => {
                any = true;
                if !properties.has(Properties::PRIVATE) {
                    mechanisms.push(Mechanism { name: name.to_owned(), properties });
                }
            }
            Greeting::Process if !any => {
                log.warning(format_args!(
                    "SASL: Connected to wrong auth socket (auth-master instead of auth-client)"
                ));
                return Err(Unavailable);
            }
            Greeting::Process => {}
            // Without mechanisms a connection is of no use: the next session asks again.
            Greeting::Done if mechanisms.is_empty() => return Err(Unavailable),
            Greeting::Done => return Ok(mechanisms),
        }
    }
    Err(Unavailable)
}

/// A line without its LF; none at the end of input, or if it is too long.
async fn read_line(reader: &mut Reader, line: &mut Vec<u8>) -> Option<String> {
    line.clear();
    let mut limited = reader.take(LINE_MAX as u64);
    limited.read_until(b'\n', line).await.ok()?;
    let text = line.strip_suffix(b"\n")?;
    Some(String::from_utf8_lossy(text).into_owned())
}

impl Link {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out answers until the server goes away.
    async fn listen(&self, mut reader: Reader, log: &Log) {
        let mut line = Vec::new();
        while let Some(text) = read_line(&mut reader, &mut line).await {
            if self.desk().closed {
                break;
            }
            self.heard(&text, log);
        }
        self.close();
    }

    fn heard(&self, line: &str, log: &Log) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (id, said) = match protocol::answer(line) {
            Answer::Accepted { id, user } => (id, Said::Accepted(owned(user))),
            Answer::Challenge { id, data } => (id, Said::Challenge(owned(data))),
            Answer::Refused { id, user, reason } => {
                let reason = reason.unwrap_or_default().to_owned();
                (id, Said::Refused { reason, username: owned(user) })
            }
            Answer::Nameless => return log.warning(format_args!("SASL: Protocol error")),
            Answer::Other => return,
        };
        let mut desk = self.desk();
        desk.heard = Instant::now();
        if let Some(waiting) = desk.waiting.remove(&id) {
            // Who does not wait any more has gone.
            let _ = waiting.send(said);
        }
    }

    /// Everybody who waits learns that it is in vain, and nobody listens any more.
    fn close(&self) {
        {
            let mut desk = self.desk();
            desk.closed = true;
            desk.waiting.clear();
        }
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }

    fn new_id(&self) -> u32 {
        let mut desk = self.desk();
        desk.last_id = desk.last_id.wrapping_add(1);
        desk.last_id
    }

    async fn send(&self, line: &str) -> Result<(), Lost> {
        let write = async {
            let mut writer = self.writer.lock().await;
            writer.write_all(line.as_bytes()).await?;
            writer.flush().await
        };
        match timeout(TIME_LIMIT, write).await {
            Ok(Ok(())) => Ok(()),
            _ => {
                // Half a line may have been written.
                self.close();
                Err(Lost)
            }
        }
    }

    /// Sends a request and waits for its answer.
    async fn ask(&self, id: u32, line: &str) -> Result<Result<Said, Lost>, Lost> {
        let (sender, answer) = oneshot::channel();
        let asked = Instant::now();
        {
            let mut desk = self.desk();
            if desk.closed {
                return Err(Lost);
            }
            desk.waiting.insert(id, sender);
        }
        let _place = Place { link: self, id };
        self.send(line).await?;
        match timeout(TIME_LIMIT, answer).await {
            Ok(Ok(said)) => Ok(Ok(said)),
            Ok(Err(_)) => Ok(Err(Lost)),
            Err(_) => {
                // One request may take long; a server that says nothing at all is of no use.
                if self.desk().heard < asked {
                    self.close();
                }
                Ok(Err(Lost))
            }
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}

/// A place among those who wait, given up when nobody waits any more.
struct Place<'a> {
    link: &'a Link,
    id: u32,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.link.desk().waiting.remove(&self.id);
    }
}

impl Authenticator for Dovecot {
    fn mechanisms<'a>(
        &'a self,
        session: Session<'a>,
    ) -> Pending<'a, Result<Vec<Mechanism>, Unavailable>> {
        Box::pin(async move { Ok(self.link(session.log).await?.mechanisms.clone()) })
    }

    fn begin<'a>(
        &'a self,
        session: Session<'a>,
        mechanism: &'a str,
        initial: Option<&'a str>,
    ) -> Pending<'a, (Step, Option<Box<dyn Exchange>>)> {
        Box::pin(async move {
            if initial.is_some_and(|initial| !protocol::is_base64(initial)) {
                return (Step::Malformed("Invalid base64 data in initial response".into()), None);
            }
            let request = Request {
                service: &self.service,
                server_address: session.server_address,
                client_address: session.client_address,
                encrypted: session.encrypted,
            };
            // The server may have been started again since somebody asked it last.
            for _ in 0..2 {
                let Ok(link) = self.link(session.log).await else {
                    return (UNKNOWN, None);
                };
                let id = link.new_id();
                let Ok(said) = link.ask(id, &request.line(id, mechanism, initial)).await else {
                    continue;
                };
                let step = step(said, session.log);
                let going: Option<Box<dyn Exchange>> = match step {
                    Step::Challenge(_) => Some(Box::new(Going { link, id })),
                    _ => None,
                };
                return (step, going);
            }
            (unknown(UNREACHABLE), None)
        })
    }
}

/// Nobody can say, and there is no news of it.
const UNKNOWN: Step = Step::Unknown { reason: None, username: None };

fn unknown(reason: &str) -> Step {
    Step::Unknown { reason: Some(reason.to_owned()), username: None }
}

/// A dialogue that goes on.
#[derive(Debug)]
struct Going {
    link: Arc<Link>,
    id: u32,
}

impl Exchange for Going {
    fn respond<'a>(&'a mut self, session: Session<'a>, response: &'a str) -> Pending<'a, Step> {
        Box::pin(async move {
            if !protocol::is_base64(response) {
                return Step::Malformed("Invalid base64 data in continued response".into());
            }
            let line = protocol::continuation(self.id, response);
            step(self.link.ask(self.id, &line).await.and_then(|said| said), session.log)
        })
    }
}

fn step(said: Result<Said, Lost>, log: &Log) -> Step {
    match said {
        Err(Lost) => unknown(LOST),
        Ok(Said::Challenge(Some(data))) => Step::Challenge(data),
        Ok(Said::Challenge(None)) => {
            log.warning(format_args!("missing Dovecot server CONT reply field"));
            Step::Malformed(BAD_ANSWER.into())
        }
        Ok(Said::Accepted(Some(username))) => Step::Accepted(username),
        Ok(Said::Accepted(None)) => {
            log.warning(format_args!("missing Dovecot server OK username field"));
            Step::Refused { reason: BAD_ANSWER.into(), username: None }
        }
        Ok(Said::Refused { reason, username }) => Step::Refused { reason, username },
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufReadExt as _;
    use tokio::net::UnixListener;

    use super::*;

    const HELLO: &str = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tX\tprivate\nSPID\t1\nDONE\n";

    /// A server that greets with `hello`, and answers each AUTH and CONT with `answer`, in which
    /// `#` is the number of the request; nothing closes the connection.
    fn server(hello: &'static str, answer: &'static str) -> (tempfile::TempDir, Dovecot) {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("auth")).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (read, mut write) = stream.into_split();
                let _ = write.write_all(hello.as_bytes()).await;
                let mut lines = BufReader::new(read).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let mut words = line.split('\t');
                    if !matches!(words.next(), Some("AUTH" | "CONT")) {
                        continue;
                    }
                    if answer.is_empty() {
                        break;
                    }
                    let reply = answer.replace('#', words.next().unwrap());
                    let _ = write.write_all(reply.as_bytes()).await;
                }
            }
        });
        let (path, queue_directory) = ("auth".into(), folder.path().to_owned());
        let source = Source { path, queue_directory, ..Source::default() };
        let dovecot = Dovecot::new(&source);
        (folder, dovecot)
    }

    fn log() -> Log {
        Log::new("test", "smtpd")
    }

    fn session(log: &Log) -> Session<'_> {
        Session { server_address: "", client_address: "192.0.2.1", encrypted: false, log }
    }

    async fn first_step(answer: &'static str) -> Step {
        let (_folder, dovecot) = server(HELLO, answer);
        dovecot.begin(session(&log()), "PLAIN", Some("AGpvZQ==")).await.0
    }

    #[tokio::test]
    async fn mechanisms_for_clients() {
        let (_folder, dovecot) = server(HELLO, "");
        let names = dovecot.mechanisms(session(&log())).await.unwrap();
        assert_eq!(names.len(), 1);
        for hello in [
            "VERSION\t2\t0\nMECH\tPLAIN\nDONE\n",
            "VERSION\n\nMECH\nSPID\nDONE\n",
            "VERSION\t1\t0\nMECH\tX\tprivate\nDONE\n",
            "VERSION\t1\t1\nSPID\t7\n",
        ] {
            let (_folder, dovecot) = server(hello, "");
            assert_eq!(dovecot.mechanisms(session(&log())).await, Err(Unavailable), "{hello:?}");
        }
    }

    #[tokio::test]
    async fn answers() {
        assert_eq!(
            first_step("NOTE\nOK\t0\tuser=x\nOK\t#\tuser=joe\n").await,
            Step::Accepted("joe".into())
        );
        assert_eq!(
            first_step("FAIL\t#\tuser=joe\treason=no\n").await,
            Step::Refused { reason: "no".into(), username: Some("joe".into()) }
        );
        let bad = |username| Step::Refused { reason: BAD_ANSWER.into(), username };
        assert_eq!(first_step("OK\t#\n").await, bad(None));
        assert_eq!(first_step("CONT\t#\n").await, Step::Malformed(BAD_ANSWER.into()));
        assert_eq!(first_step("OK\nCONT\t#\tYQ==\n").await, Step::Challenge("YQ==".into()));
        assert_eq!(first_step("").await, unknown(LOST));
    }

    #[tokio::test]
    async fn a_lost_connection_is_made_again() {
        let (_folder, dovecot) = server(HELLO, "CONT\t#\t\n");
        let log = log();
        let (step, exchange) = dovecot.begin(session(&log), "PLAIN", None).await;
        assert_eq!(step, Step::Challenge(String::new()));
        dovecot.link(&log).await.unwrap().close();
        let mut exchange = exchange.unwrap();
        let step = exchange.respond(session(&log), "YQ==").await;
        drop(exchange);
        assert_eq!(step, unknown(LOST));
        let (step, _) = dovecot.begin(session(&log), "PLAIN", None).await;
        assert_eq!(step, Step::Challenge(String::new()));
    }

    #[tokio::test]
    async fn nobody_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, queue_directory) = ("auth".into(), folder.path().to_owned());
        let source = Source { path, queue_directory, ..Source::default() };
        let dovecot = Dovecot::new(&source);
        let (step, _) = dovecot.begin(session(&log()), "PLAIN", None).await;
        assert_eq!(step, UNKNOWN);
        let (step, _) = dovecot.begin(session(&log()), "PLAIN", Some("\t")).await;
        assert!(matches!(step, Step::Malformed(_)));
    }
}
