//! ldap_table(5).

mod ber;
mod filter;
mod message;
#[cfg(feature = "ldap-bind")]
mod sasl;
mod session;
mod settings;
mod url;
mod values;

use std::sync::Arc;
use std::time::Duration;

use super::client::frame::Frame;
use super::client::pool::{Driver, Fault, Pool};
use super::client::reply;
use super::client::template::Template;
use super::server::{Reply, Server};
use super::show;
use super::table::Failure;
use crate::log::Log;
use message::{Entry, NO_SUCH_OBJECT, Outcome, SUCCESS, Search, words};
use session::{Access, Session, Trouble};
use url::LdapUrl;

/// However many searches a look-up takes, it is over then.
const LIMIT: Duration = Duration::from_secs(300);

/// A table in a directory.
#[derive(Debug)]
pub struct Ldap {
    frame: Frame,
    search_base: Template,
    query_filter: Template,
    scope: url::Scope,
    dereference: u32,
    size_limit: u32,
    recursion_limit: usize,
    attributes: Attributes,
    pool: Arc<Pool<Directory>>,
}

/// What is wanted of entries.
#[derive(Debug)]
struct Attributes {
    /// Their names: terminal, leaf, ordinary, special.
    names: Vec<String>,
    /// So many are terminal.
    terminal: usize,
    /// So many are leaf attributes.
    leaf: usize,
    /// So many are not special.
    ordinary: usize,
}

/// How servers are talked to.
#[derive(Debug)]
struct Directory {
    /// In the order in which they are tried.
    servers: Vec<LdapUrl>,
    /// `server_host` as URLs.
    shown: String,
    access: Access,
}

/// What a search comes to.
type Found = (Outcome, Vec<Entry>);

pub use settings::open;

impl Ldap {
    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        match tokio::time::timeout(LIMIT, self.look_up(key, log)).await {
            Ok(answer) => answer,
            Err(_) => {
                let text = format!("dict_ldap_lookup: {}: look-up takes too long", self.frame.name);
                Err(self.frame.broken(log, text))
            }
        }
    }

    async fn look_up(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let Some(key) = self.frame.admit(key, log).await? else {
            return Ok(None);
        };
        let quoted = |quote: fn(&[u8], &mut Vec<u8>), template: &Template| {
            let Ok::<_, std::convert::Infallible>(text) = template.query(&key, |_, part, text| {
                quote(part, text);
                Ok(())
            });
            text
        };
        let base = quoted(filter::quote_in_name, &self.search_base);
        let text = quoted(filter::quote, &self.query_filter);
        let Ok(filter) = filter::encode(&text) else {
            return Err(self.search_error(-7, log));
        };
        let search = self.search(base.clone(), self.scope, filter, self.attributes.names.clone());
        let (outcome, entries) = self.ask(&search, log).await?;
        match outcome.code {
            SUCCESS => {}
            // A base that is made of the key need not be there.
            NO_SUCH_OBJECT if self.search_base.is_dynamic() => return Ok(None),
            NO_SUCH_OBJECT => {
                let (name, base) = (&self.frame.name, show(&base));
                let text = format!(
                    "dict_ldap_lookup: {name}: Search base '{base}' not found: 32: {}",
                    words(32)
                );
                return Err(self.frame.broken(log, text));
            }
            code => return Err(self.search_error(i64::from(code), log)),
        }
        let mut values = values::Values::new(self, &key, log);
        let taken = values.take(entries, 1).await;
        values.report_last(log);
        taken?;
        Ok(values.finish())
    }

    fn search(
        &self,
        base: Vec<u8>,
        scope: url::Scope,
        filter: Vec<u8>,
        attributes: Vec<String>,
    ) -> Search {
        let Self { dereference, size_limit, .. } = self;
        let time_limit = self.pool.driver().access.timeout.as_secs();
        Search {
            base,
            scope,
            dereference: *dereference,
            size_limit: *size_limit,
            time_limit: u32::try_from(time_limit).unwrap_or(0),
            filter,
            attributes,
        }
    }

    async fn ask(&self, search: &Search, log: &Log) -> Result<Found, Failure> {
        let warn = |text: &str| match text.strip_prefix("error: ") {
            Some(text) => log.error(format_args!("{text}")),
            None => self.frame.warn(log, text),
        };
        let found = self.pool.ask(search, &warn).await;
        found.map_err(|text| Failure { text, config: false })
    }

    fn search_error(&self, code: i64, log: &Log) -> Failure {
        let text = format!("dict_ldap_lookup: Search error {code}: {} ", words(code));
        self.frame.broken(log, text)
    }
}

impl Server for Ldap {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

impl Driver for Directory {
    type Connection = Session;
    type Question = Search;
    type Answer = Found;

    fn connect_limit(&self) -> Duration {
        // For each server: to connect, TLS, to log in.
        let count = u32::try_from(self.servers.len()).unwrap_or(1);
        self.access.timeout * 3 * count.max(1)
    }

    async fn connect(&self, _host: usize) -> Result<Session, String> {
        let mut why = Trouble::Down;
        for server in &self.servers {
            match Session::open(server, &self.access).await {
                Ok(session) => return Ok(session),
                // As the C library: only a server that cannot be reached is passed over.
                Err(trouble @ (Trouble::Down | Trouble::Late)) => why = trouble,
                Err(trouble) => {
                    why = trouble;
                    break;
                }
            }
        }
        let part = "dict_ldap_connect";
        let code = match why {
            Trouble::NoTls(code) if self.access.start_tls => {
                return Err(format!(
                    "error: {part}: Unable to set STARTTLS: {code}: {}",
                    words(code)
                ));
            }
            Trouble::Refused(code) | Trouble::NoTls(code) => code,
            Trouble::Late => -5,
            Trouble::Down | Trouble::TooMuch => -1,
        };
        let shown = &self.shown;
        if matches!(self.access.bind, session::Bind::No) {
            return Err(format!("dict_ldap_lookup: Search error {code}: {} ", words(code)));
        }
        let name = match self.access.name.as_str() {
            "" => "empty or implicit",
            name => name,
        };
        let words = words(code);
        Err(format!("{part}: Unable to bind to server {shown} with dn {name}: {code} ({words})"))
    }

    async fn ask(&self, session: &mut Session, search: &Search) -> Result<Found, Fault> {
        let error = |code| format!("dict_ldap_lookup: Search error {code}: {} ", words(code));
        session.search(search).await.map_err(|trouble| match trouble {
            Trouble::Late => Fault::Spoiled(error(-5)),
            Trouble::TooMuch => Fault::Spoiled("dict_ldap_lookup: result is too large".into()),
            Trouble::Down | Trouble::NoTls(_) | Trouble::Refused(_) => Fault::Lost(error(-1)),
        })
    }

    fn is_alive(&self, session: &Session) -> bool {
        session.is_quiet()
    }

    fn unreachable(&self, _host: usize, why: &str) -> String {
        why.to_owned()
    }
}
