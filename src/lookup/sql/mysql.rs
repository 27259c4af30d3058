//! mysql_table(5).

use std::path::PathBuf;

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Value};

use super::super::Tables;
use super::super::client::endpoint::port_of;
use super::super::client::frame::ANSWER_MAX;
use super::super::client::pool::{Driver, Fault, Pool};
use super::super::client::settings::Secret;
use super::super::client::settings::Settings;
use super::option_file::{self, Options};
use super::quote::Grammar;
use super::{Query, Question, SqlTable, Values};
use crate::config::why;

/// Where the server usually has its socket.
const SOCKETS: &[&str] =
    &["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/tmp/mysql.sock"];
const PORT: u16 = 3306;
/// Character sets in which the last byte of a character may look like a backslash.
const TREACHEROUS: &[&str] = &["big5", "cp932", "gb18030", "gbk", "sjis"];

/// How servers are talked to.
#[derive(Debug)]
pub struct Mysql {
    title: String,
    hosts: Vec<Host>,
    user: Option<String>,
    password: Secret,
    database: String,
    charset: String,
    require_result_set: bool,
    tls: Option<Tls>,
}

#[derive(Debug)]
struct Host {
    /// As written.
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Socket(String),
    Inet(String, u16),
}

/// How connections are encrypted.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "ssl"), expect(dead_code, reason = "refused before it is used"))]
struct Tls {
    ca_files: Vec<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the certificate must be good, and whether its name must fit.
    verify: (bool, bool),
}

/// Opens the table whose settings these are.
pub fn open(tables: &Tables, settings: &Settings) -> Result<SqlTable<Mysql>, String> {
    let group = settings.text("option_group", "client");
    let options = option_file::read(settings.optional("option_file").as_deref(), &group);
    let option = |name: &str| options.get(name).filter(|value| !value.is_empty()).cloned();
    let charset = settings.text_of("charset", "utf8mb4".to_owned())?;
    if !charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("{}: bad charset: {charset}", settings.blame("charset")));
    }
    let usual = match TREACHEROUS.contains(&charset.to_ascii_lowercase().as_str()) {
        true => Grammar::MysqlAscii,
        false => Grammar::Mysql,
    };
    let query = Query::read(settings, [usual, Grammar::MysqlNoBackslash])?;
    let tls = Tls::read(settings, &options)?;
    if tls.is_some() && !cfg!(feature = "ssl") {
        return Err(format!("{}: TLS is not built in; build with USE=ssl", settings.name()));
    }
    let mut hosts = settings.words("hosts");
    if hosts.is_empty() {
        hosts.push("localhost".into());
    }
    let parse = |host: String| {
        Host::parse(&host, &options).map_err(|why| format!("{}: {why}", settings.blame("hosts")))
    };
    let hosts = hosts.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let ranks: Vec<u8> =
        hosts.iter().map(|host| u8::from(matches!(host.place, Place::Inet(..)))).collect();
    let driver = Mysql {
        title: settings.title(),
        hosts,
        user: settings.optional("user").or_else(|| option("user")),
        password: match settings.optional("password").or_else(|| option("password")) {
            Some(password) => Secret(password),
            None => Secret::default(),
        },
        database: settings.text_of("dbname", String::new())?,
        charset,
        require_result_set: settings.flag("require_result_set", true)?,
        tls,
    };
    let pool = Pool::new(driver, ranks, super::patience(settings)?);
    SqlTable::new(tables, settings, query, pool, "dict_mysql_lookup")
}

impl Host {
    fn parse(text: &str, options: &Options) -> Result<Self, String> {
        let host = |place| Ok(Self { name: text.to_owned(), place });
        if let Some(path) = text.strip_prefix("unix:") {
            return host(Place::Socket(path.to_owned()));
        }
        let address = text.strip_prefix("inet:").unwrap_or(text);
        let (name, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':')),
            None => match address.rsplit_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (address, None),
            },
        };
        let preset = options.get("port").and_then(|port| port.parse().ok()).unwrap_or(PORT);
        let port = match port {
            Some(port) => port_of(port).ok_or_else(|| format!("unknown service: {port}/tcp"))?,
            None => preset,
        };
        // What the C library does with that name.
        if name.eq_ignore_ascii_case("localhost") {
            let socket = options.get("socket").cloned();
            return host(Place::Socket(socket.unwrap_or_default()));
        }
        host(Place::Inet(name.to_owned(), port))
    }
}

impl Tls {
    fn read(settings: &Settings, options: &Options) -> Result<Option<Self>, String> {
        let named = |setting: &str, option: &str| {
            let value = settings.optional(setting);
            value.or_else(|| options.get(option).filter(|value| !value.is_empty()).cloned())
        };
        let ca_file = named("tls_CAfile", "ssl-ca");
        let ca_path = named("tls_CApath", "ssl-capath");
        let certificate = named("tls_cert_file", "ssl-cert");
        let key = named("tls_key_file", "ssl-key");
        // The ciphers are those of the library; that TLS is wanted is understood.
        let ciphers = named("tls_ciphers", "ssl-cipher");
        let verify = settings.choice("tls_verify_cert")?;
        let verify = verify.or_else(|| {
            options
                .get("ssl-verify-server-cert")
                .map(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "off" | "false"))
        });
        let wanted = ca_file.is_some()
            || ca_path.is_some()
            || certificate.is_some()
            || key.is_some()
            || ciphers.is_some()
            || verify == Some(true);
        if !wanted {
            return Ok(None);
        }
        let mut ca_files: Vec<PathBuf> = ca_file.map(PathBuf::from).into_iter().collect();
        if let Some(path) = ca_path {
            let entries = std::fs::read_dir(&path)
                .map_err(|e| format!("{}: {path}: {}", settings.blame("tls_CApath"), why(&e)))?;
            ca_files.extend(entries.flatten().map(|e| e.path()).filter(|path| path.is_file()));
        }
        let verify = match verify {
            Some(verify) => (verify, verify),
            // Who names authorities wants them to be asked.
            None => (!ca_files.is_empty(), false),
        };
        let certificate = certificate.map(|certificate| {
            let key = key.unwrap_or_else(|| certificate.clone());
            (certificate.into(), key.into())
        });
        Ok(Some(Self { ca_files, certificate, verify }))
    }

    #[cfg(feature = "ssl")]
    fn apply(&self, options: OptsBuilder) -> OptsBuilder {
        use mysql_async::{ClientIdentity, SslOpts};
        /// Where distributions have the authorities that everybody trusts.
        const SYSTEM: &[&str] =
            &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
        let (chain, name) = self.verify;
        let mut files = self.ca_files.clone();
        if files.is_empty() && chain {
            files.extend(SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file()));
        }
        let identity = self.certificate.as_ref().map(|(certificate, key)| {
            ClientIdentity::new(certificate.clone().into(), key.clone().into())
        });
        options.ssl_opts(
            SslOpts::default()
                .with_disable_built_in_roots(chain && !files.is_empty())
                .with_root_certs(if chain {
                    files.into_iter().map(Into::into).collect()
                } else {
                    Vec::new()
                })
                .with_client_identity(identity)
                .with_danger_accept_invalid_certs(!chain)
                .with_danger_skip_domain_validation(!name),
        )
    }

    #[cfg(not(feature = "ssl"))]
    fn apply(&self, options: OptsBuilder) -> OptsBuilder {
        options
    }
}

impl Mysql {
    fn options(&self, place: &Place) -> Opts {
        let password = Some(self.password.0.clone()).filter(|password| !password.is_empty());
        let mut options = OptsBuilder::default()
            .user(self.user.clone())
            .pass(password)
            .db_name(Some(self.database.clone()))
            .prefer_socket(false)
            .max_allowed_packet(Some(ANSWER_MAX))
            // Saves a question: idle connections are closed long before.
            .wait_timeout(Some(28_800))
            .stmt_cache_size(0)
            .init(vec![format!("SET NAMES {}", self.charset)]);
        match place {
            Place::Socket(path) if path.is_empty() => {
                let usual = SOCKETS.iter().find(|path| std::path::Path::new(path).exists());
                let path = usual.or(SOCKETS.first()).copied().unwrap_or_default();
                options = options.socket(Some(path));
            }
            Place::Socket(path) => options = options.socket(Some(path.clone())),
            Place::Inet(host, port) => {
                options = options.ip_or_hostname(host.clone()).tcp_port(*port);
                if let Some(tls) = &self.tls {
                    options = tls.apply(options);
                }
            }
        }
        options.into()
    }

    fn refused(&self, what: &str, text: &str) -> Fault {
        Fault::Refused(format!("{}: query failed{what}: {text}", self.title))
    }

    fn fault(&self, error: &mysql_async::Error) -> Fault {
        match error {
            // The server is shutting down, or hangs up.
            mysql_async::Error::Server(e) if matches!(e.code, 1053 | 1079 | 1927 | 4031) => {
                Fault::Lost(format!("{}: query failed: {}", self.title, e.message))
            }
            mysql_async::Error::Server(e) => self.refused("", &e.message),
            other => Fault::Lost(format!("{}: query failed: {}", self.title, words(other))),
        }
    }
}

impl Driver for Mysql {
    type Connection = Conn;
    type Question = Question;
    type Answer = Vec<Vec<u8>>;

    async fn connect(&self, host: usize) -> Result<Conn, String> {
        let host = self.hosts.get(host).ok_or("no such host")?;
        Conn::new(self.options(&host.place)).await.map_err(|error| match (&error, &host.place) {
            (mysql_async::Error::Server(e), _) => e.message.clone(),
            (error, Place::Inet(name, _)) => {
                format!("Can't connect to MySQL server on '{name}' ({})", words(error))
            }
            (error, Place::Socket(path)) => {
                let path = if path.is_empty() { "localhost" } else { path };
                format!(
                    "Can't connect to local MySQL server through socket '{path}' ({})",
                    words(error)
                )
            }
        })
    }

    async fn ask(&self, conn: &mut Conn, question: &Question) -> Result<Vec<Vec<u8>>, Fault> {
        let flags = conn.last_ok_packet().map(|packet| packet.status_flags());
        let unusual = flags
            .is_some_and(|flags| flags.contains(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES));
        let query = if unusual { &question.unusual } else { &question.usual };
        let mut result =
            conn.query_iter(query.as_str()).await.map_err(|error| self.fault(&error))?;
        let mut values = Values::default();
        let mut sets = 0;
        loop {
            let has_columns = result.columns().is_some_and(|columns| !columns.is_empty());
            sets += usize::from(has_columns);
            while let Some(row) = result.next().await.map_err(|error| self.fault(&error))? {
                for value in row.unwrap() {
                    let fits = match value {
                        Value::NULL => true,
                        Value::Bytes(bytes) => values.add(Some(&bytes)),
                        other => values.add(Some(other.as_sql(true).as_bytes())),
                    };
                    if !fits {
                        // The rest would have to be read: the connection is dropped instead.
                        let title = &self.title;
                        let text = format!("{title}: query failed: result is too large");
                        return Err(Fault::Spoiled(text));
                    }
                }
            }
            if result.is_empty() {
                break;
            }
        }
        match sets {
            0 if self.require_result_set => {
                Err(self.refused("", "query returned no result set(require_result_set = yes)"))
            }
            0 | 1 => Ok(values.all),
            _ => Err(self.refused("", "multiple result sets returning data are not supported")),
        }
    }

    fn is_alive(&self, connection: &Conn) -> bool {
        !connection.is_disconnected()
    }

    fn unreachable(&self, host: usize, why: &str) -> String {
        let name = self.hosts.get(host).map_or("", |host| &host.name);
        format!("connect to mysql server {name}: {why}")
    }

    fn silent(&self, _host: usize, why: &str) -> String {
        format!("{}: query failed: {why}", self.title)
    }
}

/// The system's words for an error, if they are the reason.
fn words(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Io(mysql_async::IoError::Io(e)) => why(e),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn hosts() {
        let options = Options::from([("port".to_owned(), "33".to_owned())]);
        let parse = |text| Host::parse(text, &options).map(|host| host.place);
        assert!(matches!(parse("unix:/x"), Ok(Place::Socket(path)) if path == "/x"));
        assert!(matches!(parse("LocalHost:12"), Ok(Place::Socket(path)) if path.is_empty()));
        assert!(matches!(parse("inet:a:12"), Ok(Place::Inet(name, 12)) if name == "a"));
        assert!(matches!(parse("a"), Ok(Place::Inet(_, 33))));
        assert!(matches!(parse("[::1]:12"), Ok(Place::Inet(name, 12)) if name == "::1"));
        assert_eq!(parse("a:none-such").unwrap_err(), "unknown service: none-such/tcp");
    }

    #[test]
    fn settings() {
        let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
        let open = |text: &str| {
            let text = format!("option_group =\nquery = SELECT 1\n{text}");
            super::open(&tables, &Settings::of("mysql", "/x", &text))
                .map(|table| format!("{:?}", table.pool.driver()))
        };
        assert_eq!(open(""), Err("/x: bad string length 0 < 1: dbname = ".into()));
        assert!(open("dbname = d\ncharset = x'y").unwrap_err().contains("bad charset"));
        assert!(open("dbname = d\nretry_interval = 0").is_err());
        let shown = open("dbname = d\nuser = u\npassword = hush\n").unwrap();
        assert!(shown.contains("tls: None") && !shown.contains("hush"), "{shown}");
    }
}
