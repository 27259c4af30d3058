//! mongodb_table(5): a filter in JSON with the key in it, and the fields of the documents that it
//! finds.
//!
//! The driver keeps connections, finds the members of a replica set and comes back by itself after
//! an outage. It is started by the first look-up, as it needs a runtime.

mod filter;

use ::mongodb::Client;
use ::mongodb::bson::raw::{RawArray, RawBsonRef};
use ::mongodb::bson::{Document, RawDocumentBuf};
use ::mongodb::error::{Error, ErrorKind};
use ::mongodb::options::{ClientOptions, ConnectionString};
use tokio::sync::OnceCell;

use super::Tables;
use super::client::frame::{Collection, Frame, TooMuch};
use super::client::pool::{ANSWER_LIMIT, CONNECT_LIMIT, CONNECTIONS};
use super::client::reply;
use super::client::settings::Settings;
use super::client::template::Key;
use super::lines::{Report, show};
use super::outage::Limited;
use super::server::{Reply, Server};
use super::table::Failure;
use crate::log::Log;
use filter::Filter;

/// Longest text of the driver in a warning: it lists all that it knows about all servers.
const WORDS: usize = 300;
/// Arrays in arrays: as deep as anybody could mean it.
const DEPTH: usize = 8;

/// A table in a MongoDB database.
pub struct Mongodb {
    frame: Frame,
    uri: ConnectionString,
    database: String,
    collection: String,
    filter: Filter,
    projection: Document,
    client: OnceCell<Client>,
    outage: Limited,
}

impl std::fmt::Debug for Mongodb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address of the server has a password in it.
        f.debug_struct("Mongodb").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl Mongodb {
    /// The table whose settings these are; `report` takes warnings.
    pub fn open(
        tables: &Tables,
        settings: &Settings,
        report: &mut Report<'_>,
    ) -> Result<Self, String> {
        let title = settings.title();
        // What is wrong with an address is said without it: it has a password in it.
        let uri = ConnectionString::parse(settings.required("uri")?).map_err(|e| {
            let blame = settings.blame("uri");
            format!("{title}: {blame}: failed to parse URI: {}", words(&e))
        })?;
        let (database, collection) =
            (settings.required("dbname")?, settings.required("collection")?);
        let text = settings.required("query_filter")?;
        let filter = Filter::new(settings.template("query", &text)?);
        filter.check().map_err(|why| {
            let blame = settings.blame("query_filter");
            format!("{blame}: failed to create a query from '{text}': {why}")
        })?;
        let projection = projection(settings)?;
        let frame = Frame::read(tables, settings, &[filter.template()], None)?;
        let limit = settings.number("expansion_limit", 10, 0..=100)?;
        let frame = frame.limited(usize::try_from(limit).unwrap_or(0));
        if filter.is_fixed() {
            report(format!("{title}: query_filter has no place for the key: {text}"));
        }
        let (client, outage) = (OnceCell::new(), Limited::default());
        Ok(Self { frame, uri, database, collection, filter, projection, client, outage })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let Some(key) = self.frame.admit(key, log).await? else {
            return Ok(None);
        };
        let Some((text, filter)) = self.filter.of(&key) else {
            let (title, key) = (&self.frame.title, show(key.whole()));
            let text = format!("{title}: no safe place in the query for key '{key}': not found");
            self.frame.warn(log, &text);
            return Ok(None);
        };
        let mut found = self.frame.collect(&key);
        let asking = self.ask(filter, &mut found, log);
        let outcome = tokio::time::timeout(ANSWER_LIMIT, asking).await;
        match outcome.unwrap_or(Err(Trouble::Away("no answer within the time limit".into()))) {
            Ok(()) => {
                self.outage.is_over();
                Ok(found.finish())
            }
            Err(Trouble::TooMuch(much)) => Err(self.refuse(much, &key, log)),
            Err(Trouble::Away(why)) => {
                let text = self.complaint(&text, &why);
                if self.outage.begins() {
                    log.warning(format_args!("{text}"));
                }
                Err(Failure { text, config: false })
            }
            Err(Trouble::Refused(why)) => Err(self.frame.broken(log, self.complaint(&text, &why))),
        }
    }

    fn complaint(&self, filter: &str, why: &str) -> String {
        format!("{}: cursor error for '{filter}': {why}", self.frame.title)
    }

    fn refuse(&self, much: TooMuch, key: &Key<'_>, log: &Log) -> Failure {
        let (title, key) = (&self.frame.title, show(key.whole()));
        let text = match much {
            TooMuch::Values => format!("{title}: expansion limit exceeded for key: '{key}'"),
            TooMuch::Bytes => format!("{title}: result is too large for key: '{key}'"),
        };
        self.frame.broken(log, text)
    }

    async fn ask(
        &self,
        filter: Document,
        found: &mut Collection<'_>,
        log: &Log,
    ) -> Result<(), Trouble> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let collection =
            client.database(&self.database).collection::<RawDocumentBuf>(&self.collection);
        let mut cursor = collection.find(filter).projection(self.projection.clone()).await?;
        while cursor.advance().await? {
            for element in cursor.current() {
                let (name, value) = element.map_err(|e| Trouble::Refused(e.to_string()))?;
                self.add(name.as_ref(), value, DEPTH, found, log)?;
            }
        }
        Ok(())
    }

    /// Starts the driver. Options that stand in the address win over ours.
    async fn connect(&self) -> Result<Client, Trouble> {
        let mut options = ClientOptions::parse(self.uri.clone()).await?;
        options.app_name.get_or_insert_with(|| "postfix".to_owned());
        options.server_selection_timeout.get_or_insert(CONNECT_LIMIT);
        options.connect_timeout.get_or_insert(CONNECT_LIMIT);
        options.max_pool_size.get_or_insert(u32::try_from(CONNECTIONS).unwrap_or(8));
        Ok(Client::with_options(options)?)
    }

    /// Adds the values of a field.
    fn add(
        &self,
        name: &str,
        value: RawBsonRef<'_>,
        depth: usize,
        found: &mut Collection<'_>,
        log: &Log,
    ) -> Result<(), Trouble> {
        match value {
            RawBsonRef::String(text) => found.add(text.as_bytes(), log).map_err(Trouble::TooMuch),
            RawBsonRef::Int32(number) => self.add_number(number.into(), found, log),
            RawBsonRef::Int64(number) => self.add_number(number, found, log),
            RawBsonRef::Array(array) if depth > 0 => self.add_all(array, depth - 1, found, log),
            other => {
                let kind = other.element_type() as u8;
                let text = format!(
                    "{}: failed to retrieve value of '{name}', Unknown result type {kind}.",
                    self.frame.title
                );
                self.frame.warn(log, &text);
                Ok(())
            }
        }
    }

    fn add_number(
        &self,
        number: i64,
        found: &mut Collection<'_>,
        log: &Log,
    ) -> Result<(), Trouble> {
        found.add(number.to_string().as_bytes(), log).map_err(Trouble::TooMuch)
    }

    fn add_all(
        &self,
        array: &RawArray,
        depth: usize,
        found: &mut Collection<'_>,
        log: &Log,
    ) -> Result<(), Trouble> {
        for (at, value) in array.into_iter().enumerate() {
            let value = value.map_err(|e| Trouble::Refused(e.to_string()))?;
            self.add(&at.to_string(), value, depth, found, log)?;
        }
        Ok(())
    }
}

impl Server for Mongodb {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        false
    }
}

/// Why there is no answer.
enum Trouble {
    /// No server can be reached.
    Away(String),
    /// The server, or the driver, does not like the question.
    Refused(String),
    TooMuch(TooMuch),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let text = words(&error);
        match *error.kind {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. } => Self::Away(text),
            _ => Self::Refused(text),
        }
    }
}

/// What the driver says, in one line of a bearable length.
fn words(error: &Error) -> String {
    let text = error.kind.to_string();
    let line: Vec<&str> = text.split_whitespace().collect();
    let mut line = line.join(" ");
    if let Some((end, _)) = line.char_indices().nth(WORDS) {
        line.truncate(end);
        line.push_str("...");
    }
    line
}

/// Which fields are wanted: `projection`, or what is made of `result_attribute`.
fn projection(settings: &Settings) -> Result<Document, String> {
    let title = settings.title();
    let mut document =
        match (settings.optional("projection"), settings.optional("result_attribute")) {
            (Some(text), None) => serde_json::from_str(&text).map_err(|e| {
                let blame = settings.blame("projection");
                format!("{blame}: failed to create a projection from '{text}': {e}")
            })?,
            (None, Some(_)) => {
                let names = settings.words("result_attribute").into_iter();
                names.map(|name| (name, 1.into())).collect::<Document>()
            }
            _ => {
                let what = "specify exactly one of 'projection' or 'result_attribute'";
                return Err(format!("{title}: {what}"));
            }
        };
    document.insert("_id", 0);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    fn open(text: &str) -> Result<Mongodb, String> {
        let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
        Mongodb::open(&tables, &Settings::of("mongodb", "/x", text), &mut |_| ())
    }

    const GOOD: &str =
        "uri = mongodb://u:secret@localhost/?tls=false\ndbname = d\ncollection = c\n";

    #[test]
    fn settings() {
        let more = |text: &str| open(&format!("{GOOD}{text}")).unwrap_err();
        let filter = "query_filter = {\"a\": \"%s\"}\n";
        assert!(open(&format!("{GOOD}{filter}result_attribute = b, c\n")).is_ok());
        assert!(open(&format!("{GOOD}{filter}projection = {{\"b\": 1}}\n")).is_ok());
        let one_of = "mongodb:/x: specify exactly one of 'projection' or 'result_attribute'";
        assert_eq!(more(filter), one_of);
        assert_eq!(more(&format!("{filter}projection = {{}}\nresult_attribute = b\n")), one_of);
        assert_eq!(
            more("query_filter = {\"a\"\nresult_attribute = b\n").split(':').next(),
            Some("/x, line 4")
        );
        assert!(
            more(&format!("{filter}projection = [\n")).contains("failed to create a projection")
        );
        let limit = more(&format!("{filter}result_attribute = b\nexpansion_limit = 101\n"));
        assert_eq!(limit, "/x, line 6: invalid expansion_limit parameter value 101 > 100");
        let bad = open("uri = mongodb://u:secret@\ndbname = d\ncollection = c\n").unwrap_err();
        assert!(bad.contains("failed to parse URI") && !bad.contains("secret"), "{bad}");
        let table = open(&format!("{GOOD}{filter}result_attribute = b\n")).unwrap();
        assert!(!format!("{table:?}").contains("secret"));
    }

    #[test]
    fn projections() {
        let settings = |text| Settings::of("mongodb", "/x", text);
        let made = projection(&settings("result_attribute = b, c d\n")).unwrap();
        assert_eq!(made.to_string(), r#"{ "b": 1, "c": 1, "d": 1, "_id": 0 }"#);
    }
}
