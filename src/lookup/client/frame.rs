//! What a table does with keys before a server is asked, and with values afterwards.

use super::super::match_list::StringList;
use super::super::outage::Limited;
use super::super::table::Failure;
use super::super::{TableError, Tables, show};
use super::settings::Settings;
use super::template::{Key, Needs, Template};
use super::warn_within;
use crate::log::Log;

/// Answers longer than this are the server's mistake, or somebody's attack on our memory.
pub const ANSWER_MAX: usize = 16 << 20;

/// What a table does with keys before the server is asked, and with values afterwards: the
/// parameters `domain`, `result_format` and `expansion_limit`.
#[derive(Debug)]
pub struct Frame {
    /// `type:name`, for messages.
    pub title: String,
    /// The name alone: a file, or a prefix of main.cf parameters.
    pub name: String,
    domains: StringList,
    result: Template,
    expansion_limit: usize,
    needs: Needs,
    outage: Limited,
}

/// The values of one answer, as they come in.
#[derive(Debug)]
pub struct Collection<'a> {
    frame: &'a Frame,
    key: &'a Key<'a>,
    text: Vec<u8>,
    count: usize,
}

/// More values than `expansion_limit` allows, or than anybody could want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// `expansion_limit`
    Values,
    /// [`ANSWER_MAX`]
    Bytes,
}

impl Frame {
    /// Reads the parameters that all these tables have; `queries` are the table's own templates,
    /// whose demands on keys count as well. `old_format` is what `result_format` was called once.
    pub fn read(
        tables: &Tables,
        settings: &Settings,
        queries: &[&Template],
        old_format: Option<&str>,
    ) -> Result<Self, String> {
        let result = match (settings.optional("result_format"), old_format) {
            (Some(format), _) => format,
            (None, Some(old)) => settings.text_of("result_format", settings.text(old, "%s"))?,
            (None, None) => settings.text_of("result_format", "%s".to_owned())?,
        };
        let result = settings.template("result", &result)?;
        let limit = settings.number("expansion_limit", 0, 0..)?;
        let domains = StringList::parse(tables, settings.name(), &settings.text("domain", ""))
            .map_err(|problem| problem.text)?;
        let needs = queries
            .iter()
            .fold(result.needs_as_result(), |needs, query| needs.with(query.needs_as_query()));
        Ok(Self {
            title: settings.title(),
            name: settings.name().to_owned(),
            domains,
            result,
            expansion_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            needs,
            outage: Limited::default(),
        })
    }

    /// The key in its parts; none if the templates or `domain` leave it out, or if no server could
    /// hold it.
    pub async fn admit<'k>(&self, key: &'k [u8], log: &Log) -> Result<Option<Key<'k>>, Failure> {
        // memcache_table(5) looks at the key before that.
        let is_told = self.domains.is_empty() && !self.title.starts_with("memcache:");
        if key.is_empty() && is_told {
            self.warn(log, &format!("table \"{}\": empty query string -- ignored", self.title));
        }
        if key.is_empty() || key.contains(&0) {
            return Ok(None);
        }
        let Ok(text) = std::str::from_utf8(key) else {
            return Ok(None);
        };
        if !self.domains.is_empty() {
            let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
            if domain.is_empty() {
                return Ok(None);
            }
            match self.domains.matches(domain).await {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(TableError { text: why, config, .. }) => {
                    self.warn(
                        log,
                        &format!("{} 'domain' pattern match failed for '{text}'", self.title),
                    );
                    return Err(Failure { text: why, config });
                }
            }
        }
        Ok(Key::new(key, self.needs))
    }

    /// The same with another limit on values, where zero is none.
    #[cfg(feature = "mongodb")]
    pub fn limited(mut self, limit: usize) -> Self {
        self.expansion_limit = limit;
        self
    }

    /// `expansion_limit`
    #[cfg(feature = "ldap")]
    pub fn expansion_limit(&self) -> i32 {
        i32::try_from(self.expansion_limit).unwrap_or(0)
    }

    /// Ready to take the values for `key`.
    pub fn collect<'a>(&'a self, key: &'a Key<'a>) -> Collection<'a> {
        Collection { frame: self, key, text: Vec::new(), count: 0 }
    }

    /// Logs trouble, but not for ever.
    pub fn warn(&self, log: &Log, text: &str) {
        warn_within(&self.outage, log, text);
    }

    /// Logs what went wrong, and makes it the outcome of a look-up.
    pub fn broken(&self, log: &Log, text: String) -> Failure {
        self.warn(log, &text);
        Failure { text, config: false }
    }
}

impl Collection<'_> {
    /// Adds one value in `result_format`.
    pub fn add(&mut self, value: &[u8], log: &Log) -> Result<(), TooMuch> {
        if value.is_empty() {
            let key = show(self.key.whole());
            let title = &self.frame.title;
            self.frame.warn(
                log,
                &format!("table \"{title}\": empty lookup result for: \"{key}\" -- ignored"),
            );
            return Ok(());
        }
        if !self.frame.result.append_result(value, self.key, self.frame.needs, &mut self.text) {
            return Ok(());
        }
        self.count += 1;
        if self.frame.expansion_limit > 0 && self.count > self.frame.expansion_limit {
            return Err(TooMuch::Values);
        }
        if self.text.len() > ANSWER_MAX { Err(TooMuch::Bytes) } else { Ok(()) }
    }

    /// The failure that too much becomes; `part` is how Postfix calls the place in its message.
    pub fn refuse(&self, much: TooMuch, part: &str, log: &Log) -> Failure {
        let (name, key) = (&self.frame.name, show(self.key.whole()));
        self.frame.broken(
            log,
            match much {
                TooMuch::Values => {
                    // sqlite_table(5) alone has no colon there.
                    let colon = if self.frame.title.starts_with("sqlite:") { "" } else { ":" };
                    format!("{part}: {name}: Expansion limit exceeded for key{colon} '{key}'")
                }
                TooMuch::Bytes => format!("{part}: {name}: result is too large for key: '{key}'"),
            },
        )
    }

    /// All values with commas between them; none if there were none.
    pub fn finish(self) -> Option<Vec<u8>> {
        Some(self.text).filter(|text| !text.is_empty())
    }
}
