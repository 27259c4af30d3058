//! Whole sessions in one process, with a client that a test plays: what goes over the wire and
//! in which order, without sockets that others could see and without a daemon.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::Session;
use crate::cleanup::Cleanup;
use crate::config::{Config, Sources};
use crate::dns::Resolver;
use crate::log::Log;
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::smtpd::service::{Intake, Service, Shared};
use crate::spool::Writer;
use crate::tls::Stream;

/// A service and its spool.
pub struct House {
    _directory: tempfile::TempDir,
    service: Arc<Service>,
    log: Log,
}

/// The client's side of one session.
pub struct Client {
    stream: Stream,
    input: Vec<u8>,
    session: tokio::task::JoinHandle<()>,
}

/// Who connects.
pub const STRANGER: &str = "198.51.100.7:12345";

/// How long a reply may take on a machine that has other things to do.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

impl House {
    /// A service with this main.cf over a plain one.
    pub fn new(main_cf: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let main_cf = format!(
            "compatibility_level = 3.11\nmyhostname = host.home.example\nmydomain = home.example\n\
             mydestination = host.home.example, home.example\nmyorigin = home.example\n\
             alias_maps =\nlocal_recipient_maps =\nmynetworks = 127.0.0.1\n\
             smtpd_peername_lookup = no\nsmtpd_error_sleep_time = 0\n\
             smtpd_soft_error_limit = 1000000\nsmtpd_hard_error_limit = 1000001\n\
             smtpd_junk_command_limit = 1000000\n{main_cf}\n"
        );
        let sources = Sources { directory: directory.path().into(), main_cf, ..Sources::default() };
        let config = Config::parse(&sources).unwrap();
        let log = Log::new("test", "smtpd");
        let tables = Tables::new(config.clone());
        let rewrite = Rewrite::new(&config, &tables).unwrap();
        let writer = Writer::open(directory.path()).unwrap();
        let cleanup = Cleanup::new(&config, &tables, rewrite.clone(), writer, None).unwrap();
        let shared = Arc::new(Shared::new(Resolver::with_log(log.clone()), &config));
        let way = (rewrite, log.clone());
        let unfinished = Service::prepare("smtpd", &config, &tables, way, shared, &log).unwrap();
        let service = Arc::new(unfinished(Intake::Queue(cleanup)));
        Self { _directory: directory, service, log }
    }

    /// The service, for what a test has to tell it.
    #[cfg(feature = "ssl")]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The session itself, and the client's end of its connection.
    pub async fn session(&self) -> (UnixStream, Box<Session>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let remote = STRANGER.parse().unwrap();
        let local = "192.0.2.1:25".parse().unwrap();
        let (service, log) = (self.service.clone(), self.log.clone());
        let directory = &service.shared.directory;
        let peer = directory.internet(service.settings.naming, &log, remote, local).await;
        (ours, Box::new(Session::begin(service, theirs.into(), peer, log).await))
    }

    /// Begins a session; the other end of its connection.
    pub async fn connect(&self) -> (UnixStream, tokio::task::JoinHandle<()>) {
        let (ours, mut session) = self.session().await;
        let session = tokio::spawn(async move { session.run().await });
        (ours, session)
    }

    /// A client that has been greeted.
    pub async fn client(&self) -> Client {
        let (stream, session) = self.connect().await;
        let mut client = Client::new(stream.into(), session);
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    /// A client that has said EHLO.
    pub async fn esmtp(&self) -> Client {
        let mut client = self.client().await;
        assert!(client.ask("EHLO client.example").await.starts_with("250"));
        client
    }
}

impl Client {
    /// Over a connection.
    pub fn new(stream: Stream, session: tokio::task::JoinHandle<()>) -> Self {
        Self { stream, input: Vec::new(), session }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        // The session may have ended, which the next reply tells.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next reply, its lines joined by ` / `; `(closed)` if there is none to come.
    pub async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line().await else {
                lines.push("(closed)".to_owned());
                break;
            };
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !more {
                break;
            }
        }
        lines.join(" / ")
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let mut room = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut room));
            match read.await.expect("a reply in time") {
                Ok(count @ 1..) => self.input.extend_from_slice(&room[..count]),
                _ => return None,
            }
        }
    }

    /// A command and its reply.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Commands one after the other; the codes of their replies.
    pub async fn codes(&mut self, commands: &[&str]) -> Vec<String> {
        let mut codes = Vec::new();
        for command in commands {
            codes.push(self.ask(command).await.chars().take(3).collect());
        }
        codes
    }

    /// Goes away, and waits for the session to end.
    pub async fn leave(self) {
        drop(self.stream);
        tokio::time::timeout(PATIENCE, self.session).await.expect("an end in time").unwrap();
    }

    /// The connection and the session, for a handshake; nothing may be left unread.
    #[cfg(feature = "ssl")]
    pub fn into_parts(mut self) -> (UnixStream, tokio::task::JoinHandle<()>) {
        assert!(self.input.is_empty());
        match self.stream.take_socket() {
            Some(crate::tls::Socket::Unix(stream)) => (stream, self.session),
            other => panic!("no plain connection: {other:?}"),
        }
    }
}
