//! One connection to a directory: TLS, login, searches.

use std::time::Duration;

use super::super::client::endpoint::Endpoint;
use super::super::client::frame::ANSWER_MAX;
use super::super::client::settings::Secret;
use super::super::client::stream::{ReadError, Stream};
use super::ber;
use super::message::{self, Entry, Outcome, Reply, Search};
use super::url::{LdapUrl, Scheme};

/// How connections are made.
#[derive(Debug)]
pub struct Access {
    /// 2 or 3
    pub version: u32,
    /// For each step.
    pub timeout: Duration,
    /// Whether TLS is asked for on a connection that begins without it.
    pub start_tls: bool,
    /// Whom to trust with TLS.
    #[cfg(feature = "ssl")]
    pub connector: Option<super::super::client::encryption::Connector>,
    /// How to log in.
    pub bind: Bind,
    /// The name to log in with.
    pub name: String,
    /// And its password.
    pub password: Secret,
}

/// How to log in.
#[derive(Debug)]
pub enum Bind {
    /// Not at all.
    No,
    /// With name and password.
    Simple,
    /// By SASL.
    #[cfg(feature = "ldap-bind")]
    Sasl(super::sasl::Sasl),
}

/// A connection that is ready for searches.
#[derive(Debug)]
pub struct Session {
    stream: Stream,
    last: u32,
    timeout: Duration,
    /// Whether nobody else can listen.
    #[cfg(feature = "ldap-bind")]
    pub is_private: bool,
}

/// Why there is no session, or no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The server cannot be reached, or has gone.
    Down,
    /// It says nothing within the time limit.
    Late,
    /// It says more than anybody could want.
    TooMuch,
    /// It does not want TLS, or we do not want its certificate.
    NoTls(i64),
    /// The login failed, by this code.
    Refused(i64),
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(e) if e.raw_os_error() == Some(libc::ETIMEDOUT) => Self::Late,
            ReadError::TooLong(_) => Self::TooMuch,
            _ => Self::Down,
        }
    }
}

impl From<ber::Malformed> for Trouble {
    fn from(_: ber::Malformed) -> Self {
        Self::Down
    }
}

impl Session {
    /// Connects and logs in.
    pub async fn open(server: &LdapUrl, access: &Access) -> Result<Self, Trouble> {
        let endpoint = match server.scheme {
            Scheme::Ldapi => Endpoint::Unix(match server.host.as_str() {
                "" => "/var/run/slapd/ldapi".into(),
                path => path.into(),
            }),
            scheme => Endpoint::Inet {
                host: match server.host.as_str() {
                    "" => "localhost".to_owned(),
                    host => host.to_owned(),
                },
                port: server.port.unwrap_or(if scheme == Scheme::Ldaps { 636 } else { 389 }),
            },
        };
        let timeout = access.timeout;
        let mut stream = endpoint.connect(timeout).await.map_err(|_| Trouble::Down)?;
        if server.scheme == Scheme::Ldaps {
            stream = encrypt(stream, server, access).await?;
        }
        let mut session = Self {
            stream,
            last: 0,
            timeout,
            #[cfg(feature = "ldap-bind")]
            is_private: server.scheme != Scheme::Ldap,
        };
        if access.start_tls {
            session = session.start_tls(server, access).await?;
        }
        match &access.bind {
            Bind::No => {}
            Bind::Simple => session.simple_bind(access).await?,
            #[cfg(feature = "ldap-bind")]
            Bind::Sasl(sasl) => sasl.bind(&mut session, access, server).await?,
        }
        Ok(session)
    }

    async fn start_tls(mut self, server: &LdapUrl, access: &Access) -> Result<Self, Trouble> {
        let number = self.next();
        let outcome = self.run(&message::start_tls(number), number).await;
        let outcome = outcome.map_err(|_| Trouble::NoTls(-1))?;
        // What came in the clear behind the answer is no business of ours.
        if outcome.code != message::SUCCESS || !self.stream.is_quiet() {
            return Err(Trouble::NoTls(i64::from(outcome.code)));
        }
        self.stream = encrypt(self.stream, server, access).await?;
        #[cfg(feature = "ldap-bind")]
        {
            self.is_private = true;
        }
        Ok(self)
    }

    async fn simple_bind(&mut self, access: &Access) -> Result<(), Trouble> {
        let number = self.next();
        let Access { version, name, password, .. } = access;
        let request = message::simple_bind(number, *version, name, &password.0);
        match self.run(&request, number).await?.code {
            message::SUCCESS => Ok(()),
            code => Err(Trouble::Refused(i64::from(code))),
        }
    }

    /// A number for the next message.
    pub fn next(&mut self) -> u32 {
        self.last = self.last % 0x7fff_ffff + 1;
        self.last
    }

    /// Sends a message and waits for the end of its operation.
    pub async fn run(&mut self, request: &[u8], number: u32) -> Result<Outcome, Trouble> {
        self.send(request).await?;
        loop {
            if let Reply::Done(outcome) = self.receive(number).await?.1 {
                return Ok(outcome);
            }
        }
    }

    /// Searches; what was found, and how it ended.
    pub async fn search(&mut self, search: &Search) -> Result<(Outcome, Vec<Entry>), Trouble> {
        let number = self.next();
        self.send(&message::search(number, search)).await?;
        let mut entries = Vec::new();
        let mut bytes = 0;
        loop {
            let (size, reply) = self.receive(number).await?;
            bytes += size;
            if bytes > ANSWER_MAX {
                return Err(Trouble::TooMuch);
            }
            match reply {
                Reply::Entry(entry) => entries.push(entry),
                Reply::Done(outcome) => return Ok((outcome, entries)),
                // Other servers are not asked.
                Reply::Reference(_) | Reply::Other => {}
            }
        }
    }

    /// Whether the server has said something that nobody asked for, such as good-bye.
    pub fn is_quiet(&self) -> bool {
        self.stream.is_quiet()
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Trouble> {
        let sent = self.stream.send(message, self.timeout).await;
        sent.map_err(|e| Trouble::from(ReadError::Io(e)))
    }

    /// The next reply to the message `number`, and its size.
    async fn receive(&mut self, number: u32) -> Result<(usize, Reply), Trouble> {
        loop {
            if self.stream.byte(self.timeout).await? != ber::SEQUENCE {
                return Err(Trouble::Down);
            }
            let mut head = Vec::new();
            let length = loop {
                head.push(self.stream.byte(self.timeout).await?);
                if let Some((_, length)) = ber::length(&head)? {
                    break length;
                }
            };
            if length > ANSWER_MAX {
                return Err(Trouble::TooMuch);
            }
            let (to, reply) = message::parse(&self.stream.exact(length, self.timeout).await?)?;
            match to {
                // The notice of disconnection (RFC 4511 section 4.4.1).
                0 => return Err(Trouble::Down),
                to if to == number => return Ok((length, reply)),
                _ => {}
            }
        }
    }
}

#[cfg(feature = "ssl")]
async fn encrypt(stream: Stream, server: &LdapUrl, access: &Access) -> Result<Stream, Trouble> {
    let connector = access.connector.as_ref().ok_or(Trouble::NoTls(-11))?;
    let connecting = connector.connect(&server.host, stream.into_channel());
    match tokio::time::timeout(access.timeout, connecting).await {
        Ok(Ok(stream)) => Ok(Stream::new(stream)),
        Ok(Err(_)) => Err(Trouble::NoTls(-11)),
        Err(_) => Err(Trouble::Late),
    }
}

#[cfg(not(feature = "ssl"))]
async fn encrypt(_stream: Stream, _server: &LdapUrl, _: &Access) -> Result<Stream, Trouble> {
    Err(Trouble::NoTls(-11))
}
