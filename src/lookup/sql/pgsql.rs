//! pgsql_table(5), with libpq's reading of connection strings.

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream as _;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::super::Tables;
use super::super::client::pool::{CONNECT_LIMIT, Driver, Fault, Pool};
use super::super::client::settings::Settings;
use super::conninfo::{self, Parameters};
use super::quote::Grammar;
use super::{Query, Question, SqlTable, Values};
use crate::config::{parameters as p, why};
use crate::sys::users;

/// How servers are talked to.
#[derive(Debug)]
pub struct Pgsql {
    hosts: Vec<Host>,
}

/// One server, or several behind one connection string.
#[derive(Debug)]
struct Host {
    /// As written, without a password.
    name: String,
    /// Sockets first, connection strings last.
    rank: u8,
    config: Config,
    encryption: Encryption,
}

/// How far libpq's `sslmode` goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Encryption {
    None,
    /// `prefer`, `require`, `verify-ca`, `verify-full`.
    #[cfg(feature = "ssl")]
    Tls(Box<TlsOptions>),
}

/// Whom to trust, and who we are.
#[cfg(feature = "ssl")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TlsOptions {
    verify_chain: bool,
    verify_name: bool,
    root: Option<String>,
    certificate: Option<(String, String)>,
}

/// Parameters of libpq that mean nothing here.
const WITHOUT_MEANING: &[&str] = &[
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "passfile",
    "requiressl",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslsni",
    "tty",
];

/// Opens the table whose settings these are.
pub fn open(tables: &Tables, settings: &Settings) -> Result<SqlTable<Pgsql>, String> {
    // Keys and values are UTF-8 here whatever the setting is: the server converts.
    let _ = settings.text_of("encoding", "UTF8".to_owned())?;
    let grammars = [Grammar::Postgres, Grammar::PostgresBackslash];
    let query = match (settings.optional("query"), settings.optional("select_function")) {
        (None, Some(function)) => {
            Query::of(settings, &format!("SELECT {function}('%s')"), grammars)?
        }
        _ => Query::read(settings, grammars)?,
    };
    let mut hosts = settings.words("hosts");
    if hosts.is_empty() {
        hosts.push("localhost".into());
    }
    let login = Login {
        nobody: whoami(tables),
        user: settings.text("user", ""),
        password: settings.text("password", ""),
        database: settings.text("dbname", ""),
    };
    let mut parsed = Vec::new();
    for host in hosts {
        if login.database.is_empty() && !conninfo::is_uri(&host) {
            let title = settings.title();
            let target = host.split_once(':').filter(|(kind, _)| matches!(*kind, "unix" | "inet"));
            let target = target.map_or(&*host, |(_, rest)| rest);
            return Err(format!("{title} host target '{target}' requires dbname setting"));
        }
        let host = Host::parse(&host, &login);
        parsed.push(host.map_err(|why| format!("{}: {why}", settings.blame("hosts")))?);
    }
    let ranks: Vec<u8> = parsed.iter().map(|host| host.rank).collect();
    let pool = Pool::new(Pgsql { hosts: parsed }, ranks, super::patience(settings)?);
    SqlTable::new(tables, settings, query, pool, "dict_pgsql_lookup")
}

/// The user that a process of the mail system is, or will be.
fn whoami(tables: &Tables) -> Option<String> {
    match users::is_root() && !tables.is_command() {
        true => Some(tables.config().text(&p::mail_owner)),
        false => users::effective_name(),
    }
}

/// The settings `user`, `password` and `dbname`.
struct Login {
    /// Who it is if no user is named.
    nobody: Option<String>,
    user: String,
    password: String,
    database: String,
}

impl Host {
    fn parse(text: &str, login: &Login) -> Result<Self, String> {
        if text.contains("://") {
            if !conninfo::is_uri(text) {
                return Err("unknown scheme of a connection URI".into());
            }
            let parameters = conninfo::parse(text)?;
            let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
            return Self::of(shown, 2, parameters, login);
        }
        let address = text.strip_prefix("unix:").or_else(|| text.strip_prefix("inet:"));
        let address = address.unwrap_or(text);
        // As PQsetdbLogin: a database may be a connection string, over which the others go.
        let mut parameters = match login.database.contains('=') || conninfo::is_uri(&login.database)
        {
            true => conninfo::parse(&login.database)?,
            false => Parameters::from([("dbname".to_owned(), login.database.clone())]),
        };
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                parameters.insert(name.to_owned(), value.to_owned());
            }
        };
        let is_socket = address.is_empty() || address.starts_with('/');
        let (host, port) = match address.rsplit_once(':') {
            Some(split) if !is_socket => split,
            _ => (address, ""),
        };
        set("host", host.trim_start_matches('[').trim_end_matches(']'));
        set("port", port);
        set("user", &login.user);
        set("password", &login.password);
        Self::of(text, u8::from(!is_socket), parameters, login)
    }

    fn of(name: &str, rank: u8, mut parameters: Parameters, login: &Login) -> Result<Self, String> {
        let mut config = Config::new();
        let encryption = Encryption::take(&mut parameters, &mut config)?;
        for name in WITHOUT_MEANING {
            parameters.remove(*name);
        }
        let user = match parameters.remove("user").filter(|user| !user.is_empty()) {
            Some(user) => user,
            None => login.nobody.clone().ok_or("no user name for the server")?,
        };
        config.user(&user);
        config.dbname(parameters.remove("dbname").filter(|d| !d.is_empty()).unwrap_or(user));
        if let Some(password) = parameters.remove("password") {
            config.password(password);
        }
        let hosts = parameters.remove("host").filter(|host| !host.is_empty());
        for host in hosts.as_deref().unwrap_or("/var/run/postgresql").split(',') {
            config.host(if host.is_empty() { "localhost" } else { host });
        }
        for port in parameters.remove("port").iter().flat_map(|ports| ports.split(',')) {
            let number = if port.is_empty() { Some(5432) } else { port.parse().ok() };
            config.port(number.ok_or_else(|| format!("invalid port number: \"{port}\""))?);
        }
        for (name, value) in parameters {
            set(&mut config, &name, &value)?;
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_LIMIT);
        }
        Ok(Self { name: name.to_owned(), rank, config, encryption })
    }

    /// Where it is, as libpq says it.
    fn place(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        match self.config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Tcp(name)) => {
                format!("connection to server at \"{name}\", port {port} failed")
            }
            Some(tokio_postgres::config::Host::Unix(path)) => {
                let path = path.display();
                format!("connection to server on socket \"{path}/.s.PGSQL.{port}\" failed")
            }
            None => "connection to server failed".into(),
        }
    }

    async fn connect(&self) -> Result<Session, tokio_postgres::Error> {
        match &self.encryption {
            Encryption::None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok(Session::start(client, connection))
            }
            #[cfg(feature = "ssl")]
            Encryption::Tls(options) => {
                let connector = tls::Connector::new((**options).clone());
                let (client, connection) = self.config.connect(connector).await?;
                Ok(Session::start(client, connection))
            }
        }
    }
}

/// One of the parameters that are the same here and there.
fn set(config: &mut Config, name: &str, value: &str) -> Result<(), String> {
    let bad = |what: &str| format!("invalid {what} value: \"{value}\"");
    let seconds = || value.parse().map(std::time::Duration::from_secs);
    match name {
        "application_name" => {
            config.application_name(value);
        }
        "options" => {
            config.options(value);
        }
        "connect_timeout" => {
            config.connect_timeout(seconds().map_err(|_| bad(name))?);
        }
        "keepalives" => {
            config.keepalives(value != "0");
        }
        "keepalives_idle" => {
            config.keepalives_idle(seconds().map_err(|_| bad(name))?);
        }
        "hostaddr" => {
            for address in value.split(',') {
                config.hostaddr(address.parse().map_err(|_| bad(name))?);
            }
        }
        "target_session_attrs" => {
            use tokio_postgres::config::TargetSessionAttrs;
            config.target_session_attrs(match value {
                "any" => TargetSessionAttrs::Any,
                "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                "read-only" | "standby" => TargetSessionAttrs::ReadOnly,
                _ => return Err(bad(name)),
            });
        }
        "channel_binding" if value == "require" => {
            return Err("channel_binding=require is not supported".into());
        }
        "channel_binding" => {}
        _ => return Err(format!("invalid connection option \"{name}\"")),
    }
    Ok(())
}

impl Encryption {
    /// Takes `sslmode` and its relatives out of the parameters.
    fn take(parameters: &mut Parameters, config: &mut Config) -> Result<Self, String> {
        let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_empty());
        let root = take("sslrootcert");
        let (certificate, key) = (take("sslcert"), take("sslkey"));
        let mode = take("sslmode");
        let mode = mode.as_deref().unwrap_or("prefer");
        let (ssl_mode, verify_chain, verify_name) = match mode {
            "disable" | "allow" => (SslMode::Disable, false, false),
            "prefer" => (SslMode::Prefer, false, false),
            // With a root certificate at hand it is verify-ca, for the sake of old programs.
            "require" => (SslMode::Require, root.is_some(), false),
            "verify-ca" => (SslMode::Require, true, false),
            "verify-full" => (SslMode::Require, true, true),
            _ => return Err(format!("invalid sslmode value: \"{mode}\"")),
        };
        #[cfg(not(feature = "ssl"))]
        {
            let _ = (root, certificate, key, verify_chain, verify_name);
            if ssl_mode == SslMode::Require {
                let text = "sslmode value \"{mode}\" invalid when SSL support is not compiled in";
                return Err(text.replace("{mode}", mode) + "; build with USE=ssl");
            }
            config.ssl_mode(SslMode::Disable);
            Ok(Self::None)
        }
        #[cfg(feature = "ssl")]
        {
            config.ssl_mode(ssl_mode);
            if ssl_mode == SslMode::Disable {
                return Ok(Self::None);
            }
            let certificate = match (certificate, key) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (Some(certificate), None) => Some((certificate.clone(), certificate)),
                (None, _) => None,
            };
            Ok(Self::Tls(Box::new(TlsOptions { verify_chain, verify_name, root, certificate })))
        }
    }
}

/// A connection, and how its server reads backslashes.
pub struct Session {
    client: Client,
    is_standard: bool,
}

impl Session {
    fn start<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let is_standard = connection.parameter("standard_conforming_strings") != Some("off");
        tokio::spawn(async move {
            // Its end is noticed by the client.
            let _ = connection.await;
        });
        Self { client, is_standard }
    }
}

impl Driver for Pgsql {
    type Connection = Session;
    type Question = Question;
    type Answer = Vec<Vec<u8>>;

    async fn connect(&self, host: usize) -> Result<Session, String> {
        let host = self.hosts.get(host).ok_or("no such host")?;
        host.connect().await.map_err(|error| format!("{}: {}", host.place(), words(&error)))
    }

    async fn ask(&self, session: &mut Session, question: &Question) -> Result<Vec<Vec<u8>>, Fault> {
        let query = if session.is_standard { &question.usual } else { &question.unusual };
        let answer = session.client.simple_query_raw(query).await;
        let mut rows = pin!(answer.map_err(|error| self.fault(&error))?);
        let mut values = Values::default();
        while let Some(message) = poll_fn(|context| rows.as_mut().poll_next(context)).await {
            let SimpleQueryMessage::Row(row) = message.map_err(|error| self.fault(&error))? else {
                continue;
            };
            for column in 0..row.len() {
                let value = row.try_get(column).map_err(|error| self.fault(&error))?;
                // libpq has no NULL: it is an empty string there.
                if !values.add(Some(value.unwrap_or_default().as_bytes())) {
                    return Err(Fault::Spoiled("pgsql query failed: result is too large".into()));
                }
            }
        }
        Ok(values.all)
    }

    fn is_alive(&self, session: &Session) -> bool {
        !session.client.is_closed()
    }

    fn unreachable(&self, host: usize, why: &str) -> String {
        let name = self.hosts.get(host).map_or("", |host| &host.name);
        format!("connect to pgsql server {name}: {why}")
    }

    fn silent(&self, host: usize, why: &str) -> String {
        let name = self.hosts.get(host).map_or("", |host| &host.name);
        format!("pgsql query failed: fatal error from host {name}: {why}")
    }
}

impl Pgsql {
    fn fault(&self, error: &tokio_postgres::Error) -> Fault {
        let name = match self.hosts.as_slice() {
            [only] => format!(" from host {}", only.name),
            _ => String::new(),
        };
        let text = format!("pgsql query failed: fatal error{name}: {}", words(error));
        match error.as_db_error() {
            Some(db) if !matches!(db.severity(), "FATAL" | "PANIC") => Fault::Refused(text),
            _ => Fault::Lost(text),
        }
    }
}

/// The words for an error as libpq has them.
fn words(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{}:  {}", db.severity(), db.message());
    }
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.raw_os_error().is_some()
        {
            return why(io);
        }
        match inner.source() {
            Some(deeper) => cause = Some(deeper),
            None => return inner.to_string(),
        }
    }
    error.to_string()
}

#[cfg(feature = "ssl")]
mod tls {
    //! TLS as tokio-postgres wants it.

    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};

    use super::super::super::client::encryption::{Trust, connector};
    use super::TlsOptions;

    /// Makes connections TLS.
    #[derive(Clone)]
    pub struct Connector(TlsOptions);

    /// One connection to be made TLS.
    pub struct One {
        options: TlsOptions,
        host: String,
    }

    /// A TLS connection.
    pub struct Stream<S>(tokio_rustls::client::TlsStream<S>);

    impl Connector {
        pub fn new(options: TlsOptions) -> Self {
            Self(options)
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
        type Stream = Stream<S>;
        type TlsConnect = One;
        type Error = io::Error;

        fn make_tls_connect(&mut self, host: &str) -> Result<One, io::Error> {
            Ok(One { options: self.0.clone(), host: host.to_owned() })
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for One {
        type Stream = Stream<S>;
        type Error = io::Error;
        type Future = Pin<Box<dyn Future<Output = Result<Stream<S>, io::Error>> + Send>>;

        fn connect(self, stream: S) -> Self::Future {
            Box::pin(async move {
                let TlsOptions { verify_chain, verify_name, root, certificate } = self.options;
                let trust = match (verify_chain, verify_name) {
                    (true, true) => Trust::Name,
                    (true, false) => Trust::Chain,
                    _ => Trust::Anybody,
                };
                let root = root.filter(|root| root != "system");
                let roots: Vec<_> = root.map(Into::into).into_iter().collect();
                let identity = certificate.map(|(file, key)| (file.into(), key.into()));
                let connector =
                    connector(trust, &roots, identity.as_ref()).map_err(io::Error::other)?;
                connector.connect(&self.host, stream).await.map(Stream)
            })
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Stream<S> {
        fn channel_binding(&self) -> ChannelBinding {
            ChannelBinding::none()
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::config::Host as Place;

    fn host(text: &str, database: &str) -> Result<Host, String> {
        let login = Login {
            nobody: None,
            user: "u".into(),
            password: "p".into(),
            database: database.into(),
        };
        Host::parse(text, &login)
    }

    #[test]
    fn hosts() {
        let inet = host("inet:db.example:12", "d").unwrap();
        assert_eq!(inet.config.get_hosts(), [Place::Tcp("db.example".into())]);
        assert_eq!((inet.config.get_ports(), inet.rank), (&[12][..], 1));
        assert_eq!(inet.config.get_dbname(), Some("d"));
        assert_eq!(inet.place(), "connection to server at \"db.example\", port 12 failed");
        let socket = host("unix:/run/pg", "d").unwrap();
        assert_eq!(socket.config.get_hosts(), [Place::Unix("/run/pg".into())]);
        assert_eq!(socket.rank, 0);
        let uri = host("postgresql://a:b@h/x?sslmode=verify-full&sslrootcert=/r", "").unwrap();
        assert_eq!(uri.config.get_user(), Some("a"));
        assert_eq!((uri.rank, &*uri.name), (2, "h/x?sslmode=verify-full&sslrootcert=/r"));
        let string = host("db", "dbname=d sslmode=disable user=x").unwrap();
        assert_eq!(string.config.get_user(), Some("u"));
        assert_eq!(string.encryption, Encryption::None);
        assert!(host("db:x", "d").is_err());
        assert!(host("mysql://x", "d").is_err());
        assert!(host("db", "sslmode=maybe").is_err());
        assert!(host("db", "nonsense=1").unwrap_err().contains("invalid connection option"));
    }

    #[cfg(feature = "ssl")]
    #[test]
    fn modes() {
        let of = |mode: &str| match host("db", &format!("dbname=d sslmode={mode}")).unwrap() {
            Host { encryption: Encryption::Tls(options), .. } => {
                Some((options.verify_chain, options.verify_name))
            }
            _ => None,
        };
        assert_eq!(of("disable"), None);
        assert_eq!(of("prefer"), Some((false, false)));
        assert_eq!(of("require"), Some((false, false)));
        assert_eq!(of("verify-ca"), Some((true, false)));
        assert_eq!(of("verify-full"), Some((true, true)));
    }
}
