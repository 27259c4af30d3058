//! sqlite_table(5). The library blocks, so each question goes to a thread of its own; one that
//! takes too long is interrupted.

use std::path::Path;
use std::time::Duration;

use super::super::Tables;
use super::super::client::pool::{Driver, Fault, Patience, Pool};
use super::super::client::settings::Settings;
use super::super::lines::Report;
use super::quote::{self, Grammar};
use super::{Query, Question, SqlTable, Values};
use crate::sys::sqlite::{Database, SqlError};

/// A database that somebody writes to is waited for so long.
const BUSY: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(30);

/// How the database is read.
#[derive(Debug)]
pub struct Sqlite {
    name: String,
    path: String,
}

/// Opens the table whose settings these are; `report` takes warnings about the query.
pub fn open(
    tables: &Tables,
    settings: &Settings,
    report: &mut Report<'_>,
) -> Result<SqlTable<Sqlite>, String> {
    let path = settings.text_of("dbpath", String::new())?;
    let query = Query::read(settings, [Grammar::Sqlite; 2])?;
    if let Some(text) = settings.optional("query")
        && let Some(part) = quote::unprotected(&text)
    {
        let title = settings.title();
        report(format!(
            "{title}: query >{text}< contains >{part}< without the recommended '' quotes"
        ));
    }
    let driver = Sqlite { name: settings.name().to_owned(), path };
    // As Postfix: a database that cannot be opened makes a table that is not available.
    driver.open().map_err(|why| {
        let (title, path) = (settings.title(), &driver.path);
        format!("{title}: open database {path}: {why}")
    })?;
    let patience =
        Patience { retry: Duration::from_secs(1), idle: Duration::from_secs(60), again: false };
    let pool = Pool::new(driver, [0], patience);
    SqlTable::new(tables, settings, query, pool, "dict_sqlite_lookup")
}

impl Sqlite {
    fn open(&self) -> Result<Database, String> {
        Database::open(Path::new(&self.path), BUSY)
    }
}

impl Driver for Sqlite {
    type Connection = Database;
    type Question = Question;
    type Answer = Vec<Vec<u8>>;

    fn answer_limit(&self) -> Duration {
        // The inner limit is shorter.
        LIMIT + BUSY
    }

    async fn connect(&self, _host: usize) -> Result<Database, String> {
        let same = Self { name: self.name.clone(), path: self.path.clone() };
        let opened = tokio::task::spawn_blocking(move || same.open()).await;
        opened.map_err(|_| "the thread died".to_owned())?
    }

    async fn ask(
        &self,
        database: &mut Database,
        question: &Question,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let (same, name, query) = (database.clone(), self.name.clone(), question.usual.clone());
        let mut thread = tokio::task::spawn_blocking(move || run(&same, &name, &query));
        let done = match tokio::time::timeout(LIMIT, &mut thread).await {
            Ok(done) => done,
            Err(_) => {
                database.interrupt();
                thread.await
            }
        };
        match done {
            Ok(answer) => answer.map_err(Fault::Refused),
            Err(_) => Err(Fault::Spoiled(self.unreachable(0, "the thread died"))),
        }
    }

    fn unreachable(&self, _host: usize, why: &str) -> String {
        format!("dict_sqlite_lookup: {}: open database {}: {why}", self.name, self.path)
    }
}

/// All values of the first column.
fn run(database: &Database, name: &str, query: &str) -> Result<Vec<Vec<u8>>, String> {
    let part = "dict_sqlite_lookup";
    let mut values = Values::default();
    match database.query(query, |value| values.add(value)) {
        Ok(()) => Ok(values.all),
        Err(SqlError::Prepare(words)) => {
            Err(format!("{part}: {name}: SQL prepare failed: {words}"))
        }
        Err(SqlError::Step(words)) => {
            Err(format!("{part}: {name}: SQL step failed for query '{query}': {words}"))
        }
        Err(SqlError::Enough) => {
            Err(format!("{part}: {name}: result is too large for query '{query}'"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};
    use crate::log::Log;
    use crate::lookup::server::Server as _;
    use crate::sys::sqlite::execute;
    use proptest::prelude::*;

    struct Database {
        _directory: tempfile::TempDir,
        tables: std::sync::Arc<Tables>,
        path: String,
        runtime: tokio::runtime::Runtime,
    }

    impl Database {
        fn new(statements: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("db").to_str().unwrap().to_owned();
            execute(Path::new(&path), statements);
            let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            Self { _directory: directory, tables, path, runtime: runtime.unwrap() }
        }

        fn table(&self, text: &str) -> Result<SqlTable<Sqlite>, String> {
            let text = format!("dbpath = {}\n{text}", self.path);
            open(&self.tables, &Settings::of("sqlite", "/x", &text), &mut |_| ())
        }

        fn find(&self, table: &SqlTable<Sqlite>, key: &str) -> Result<Option<String>, String> {
            let log = Log::new("postfix", "test").to_stderr();
            let value = self.runtime.block_on(table.find(key.as_bytes(), &log));
            value
                .map(|value| value.map(|value| String::from_utf8(value).unwrap()))
                .map_err(|failure| failure.text)
        }
    }

    #[test]
    fn values() {
        let database = Database::new(
            "CREATE TABLE t (k, v); INSERT INTO t VALUES \
             ('a','1'),('a','2'),('it''s','x'),('n',NULL),('i',7),('e','');",
        );
        let table = database.table("query = SELECT v FROM t WHERE k='%s'\n").unwrap();
        let find = |key| database.find(&table, key).unwrap();
        assert_eq!(find("a"), Some("1,2".into()));
        assert_eq!(find("it's"), Some("x".into()));
        assert_eq!(find("' OR '1'='1"), None);
        assert_eq!((find("n"), find("e"), find("i")), (None, None, Some("7".into())));
        let limited = "query = SELECT v FROM t WHERE k='%s'\nexpansion_limit = 1\ndomain = x\n";
        let table = database.table(limited).unwrap();
        assert_eq!(database.find(&table, "a").unwrap(), None);
        let limited = "query = SELECT v FROM t WHERE k='%u'\nexpansion_limit = 1\ndomain = x\n";
        let table = database.table(limited).unwrap();
        assert_eq!(
            database.find(&table, "a@x").unwrap_err(),
            "dict_sqlite_lookup: /x: Expansion limit exceeded for key 'a@x'"
        );
        assert_eq!(database.find(&table, "a@y").unwrap(), None);
        let table = database.table("query = SELECT nonsense\n").unwrap();
        assert_eq!(
            database.find(&table, "a").unwrap_err(),
            "dict_sqlite_lookup: /x: SQL prepare failed: no such column: nonsense"
        );
        assert!(database.table("dbpath = /no/such\nquery = SELECT 1\n").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Whatever the key: it is found if it is there, and nothing else is.
        #[test]
        fn hostile_keys(key in "[^\0]{1,20}") {
            let database = Database::new("CREATE TABLE t (k); INSERT INTO t VALUES ('other');");
            let table = database.table("query = SELECT 'yes' FROM t WHERE k='%s'\n").unwrap();
            prop_assert_eq!(database.find(&table, &key).unwrap(), None);
            let literal = key.replace('\'', "''");
            execute(Path::new(&database.path), &format!("INSERT INTO t VALUES ('{literal}')"));
            prop_assert_eq!(database.find(&table, &key).unwrap(), Some("yes".into()));
        }
    }
}
