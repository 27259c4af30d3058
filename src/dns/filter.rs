//! `smtp_dns_reply_filter` and its relatives: tables that take records out of answers.

use crate::config::{Config, Problem};
use crate::log::Log;
use crate::lookup::{Maps, Tables};

use super::Record;

/// A filter, open.
#[derive(Debug)]
pub struct ReplyFilter {
    maps: Maps,
    log: Log,
}

/// The table cannot be asked, or says what nobody understands.
#[derive(Debug)]
pub(super) struct BadFilter;

impl ReplyFilter {
    /// Opens the tables of a parameter; `None` if it names none.
    pub fn open(
        config: &Config,
        tables: &Tables,
        parameter: &str,
        log: &Log,
    ) -> Result<Option<Self>, Problem> {
        let maps = tables.maps(parameter, &config.text_named(parameter))?;
        Ok((!maps.is_empty()).then(|| Self { maps, log: log.clone() }))
    }

    /// The records that stay.
    pub(super) async fn apply(&self, records: &[Record]) -> Result<Vec<Record>, BadFilter> {
        let mut left = Vec::with_capacity(records.len());
        for record in records {
            let text = record.to_string();
            match self.maps.find(&text).await {
                Ok(None) => left.push(record.clone()),
                Ok(Some(action)) if is_ignore(&action) => {
                    self.log.info(format_args!("ignoring DNS RR: {text}"));
                }
                Ok(Some(action)) => {
                    let title = self.maps.title();
                    self.log
                        .warning(format_args!("{title}: unknown DNS filter action: \"{action}\""));
                    return Err(BadFilter);
                }
                Err(_) => return Err(BadFilter),
            }
        }
        Ok(left)
    }
}

/// Only the first word counts.
fn is_ignore(action: &str) -> bool {
    action.split([' ', '\t']).next().is_some_and(|word| word.eq_ignore_ascii_case("ignore"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::dns::Data;

    async fn filtered(table: &str) -> Result<Vec<u16>, BadFilter> {
        let main_cf = format!("smtp_dns_reply_filter = {table}\n");
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let tables = Tables::new(config.clone());
        let log = Log::new("postfix", "smtp");
        let filter = ReplyFilter::open(&config, &tables, "smtp_dns_reply_filter", &log);
        let record = |preference, host: &str| Record {
            owner: "example.com".into(),
            ttl: 60,
            validated: false,
            data: Data::Mx { preference, host: host.into() },
        };
        let records = [record(10, "a.example"), record(20, "b.example")];
        let left = filter.unwrap().unwrap().apply(&records).await?;
        let preference = |record: Record| match record.data {
            Data::Mx { preference, .. } => preference,
            _ => 0,
        };
        Ok(left.into_iter().map(preference).collect())
    }

    #[tokio::test]
    async fn records_are_taken_out() {
        let one = "regexp:{{/ MX 10 / ignore it}}";
        assert_eq!(filtered(one).await.unwrap(), [20]);
        assert!(filtered("static:drop").await.is_err());
        assert_eq!(filtered("static:IGNORE").await.unwrap(), Vec::<u16>::new());
    }
}
