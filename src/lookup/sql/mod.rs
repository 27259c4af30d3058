//! `mysql:`, `pgsql:` and `sqlite:` tables: a query in SQL with the key in it.

#[cfg(feature = "postgres")]
mod conninfo;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "mysql")]
mod option_file;
#[cfg(feature = "postgres")]
pub mod pgsql;
mod quote;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::sync::Arc;

use super::Tables;
use super::client::frame::{ANSWER_MAX, Frame};
#[cfg(any(feature = "mysql", feature = "postgres"))]
use super::client::pool::Patience;
use super::client::pool::{Driver, Pool};
use super::client::reply;
use super::client::settings::Settings;
use super::client::template::{Key, Template};
use super::server::{Reply, Server};
use super::table::Failure;
use crate::log::Log;
use quote::{Grammar, Place};

/// A table whose answers come from a query in SQL.
#[derive(Debug)]
pub struct SqlTable<D: Driver<Question = Question, Answer = Vec<Vec<u8>>>> {
    frame: Frame,
    query: Query,
    pool: Arc<Pool<D>>,
    /// What Postfix calls the place where answers are taken apart.
    part: &'static str,
}

/// A query with places for parts of the key.
#[derive(Debug)]
pub struct Query {
    template: Template,
    /// How each part of the key has to be quoted, for each grammar that a server may have.
    grammars: [(Grammar, Vec<Place>); 2],
}

/// A query with the key in it.
#[derive(Debug)]
pub struct Question {
    /// For a server that takes a backslash as it usually does.
    usual: String,
    /// For one that was told to see it otherwise: `NO_BACKSLASH_ESCAPES` of MySQL,
    /// `standard_conforming_strings = off` of PostgreSQL.
    unusual: String,
}

/// The settings that an old query is made of.
const OLD_STYLE: &[&str] = &["table", "select_field", "where_field", "additional_conditions"];

impl Query {
    /// The setting `query`, or the settings that it was made of once.
    fn read(settings: &Settings, grammars: [Grammar; 2]) -> Result<Self, String> {
        let text = match settings.optional("query") {
            Some(query) => {
                for setting in OLD_STYLE {
                    let _ = settings.optional(setting);
                }
                query
            }
            None => Self::old_style(settings)?,
        };
        Self::of(settings, &text, grammars)
    }

    fn of(settings: &Settings, text: &str, grammars: [Grammar; 2]) -> Result<Self, String> {
        let template = settings.template("query", text)?;
        let grammars = grammars.map(|grammar| (grammar, quote::places(&template, grammar)));
        Ok(Self { template, grammars })
    }

    fn old_style(settings: &Settings) -> Result<String, String> {
        let table = settings.text_of("table", String::new())?;
        let select = settings.text_of("select_field", String::new())?;
        let condition = settings.text_of("where_field", String::new())?;
        let more = settings.text("additional_conditions", "");
        Ok(format!("SELECT {select} FROM {table} WHERE {condition}='%s' {more}"))
    }

    /// The query for `key`; none if it cannot be put there safely.
    fn question(&self, key: &Key<'_>) -> Option<Question> {
        let [usual, unusual] = self.grammars.each_ref().map(|(grammar, places)| {
            let query = self.template.query(key, |at, part, query| {
                let place = places.get(at).copied().ok_or(quote::Unsafe)?;
                quote::append(part, place, *grammar, query)
            });
            query.ok().and_then(|query| String::from_utf8(query).ok())
        });
        Some(Question { usual: usual?, unusual: unusual? })
    }
}

impl<D: Driver<Question = Question, Answer = Vec<Vec<u8>>>> SqlTable<D> {
    fn new(
        tables: &Tables,
        settings: &Settings,
        query: Query,
        pool: Arc<Pool<D>>,
        part: &'static str,
    ) -> Result<Self, String> {
        let frame = Frame::read(tables, settings, &[&query.template], None)?;
        Ok(Self { frame, query, pool, part })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let Some(key) = self.frame.admit(key, log).await? else {
            return Ok(None);
        };
        let Some(question) = self.query.question(&key) else {
            let (title, key) = (&self.frame.title, super::show(key.whole()));
            let text = format!("{title}: no safe place in the query for key '{key}': not found");
            self.frame.warn(log, &text);
            return Ok(None);
        };
        let warn = |text: &str| self.frame.warn(log, text);
        let values = self.pool.ask(&question, &warn).await;
        let values = values.map_err(|text| Failure { text, config: false })?;
        let mut found = self.frame.collect(&key);
        for value in values {
            if let Err(much) = found.add(&value, log) {
                return Err(found.refuse(much, self.part, log));
            }
        }
        Ok(found.finish())
    }
}

impl<D: Driver<Question = Question, Answer = Vec<Vec<u8>>>> Server for SqlTable<D> {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

/// `retry_interval`, `idle_interval`
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn patience(settings: &Settings) -> Result<Patience, String> {
    Ok(Patience {
        retry: settings.seconds("retry_interval", 60, 1..)?,
        idle: settings.seconds("idle_interval", 60, 1..)?,
        again: true,
    })
}

/// The values of one answer, until they are too many.
#[derive(Debug, Default)]
struct Values {
    all: Vec<Vec<u8>>,
    bytes: usize,
}

impl Values {
    /// Adds one; NULL is nothing. False if that is more than anybody could want.
    fn add(&mut self, value: Option<&[u8]>) -> bool {
        if let Some(value) = value {
            self.bytes += value.len() + 1;
            self.all.push(value.to_vec());
        }
        self.bytes <= ANSWER_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_style() {
        let settings = |text| Settings::of("mysql", "/x", text);
        let built =
            settings("table=t\nselect_field=f\nwhere_field=w\nadditional_conditions=AND a\n");
        let text = "SELECT f FROM t WHERE w='%s' AND a";
        assert_eq!(Query::old_style(&built).as_deref(), Ok(text));
        assert_eq!(
            Query::old_style(&settings("table=t\nselect_field=f\n")),
            Err("/x: bad string length 0 < 1: where_field = ".into())
        );
    }

    #[test]
    fn questions() {
        let settings = Settings::of("mysql", "/x", "query = SELECT a FROM b WHERE c='%u' AND d=%1");
        let query = Query::read(&settings, [Grammar::Mysql, Grammar::MysqlNoBackslash]).unwrap();
        let ask = |key: &str| {
            let key = Key::new(key.as_bytes(), query.template.needs_as_query())?;
            query.question(&key)
        };
        let asked = ask("it's\\@a.7").unwrap();
        assert_eq!(asked.usual, "SELECT a FROM b WHERE c='it\\'s\\\\' AND d=7");
        assert_eq!(asked.unusual, "SELECT a FROM b WHERE c='it''s\\' AND d=7");
        assert!(ask("x@a.d").is_none());
        assert!(ask("x@a.1 OR 1").is_none());
    }
}
