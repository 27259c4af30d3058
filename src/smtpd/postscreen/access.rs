//! `postscreen_access_list`: who passes without tests, and who is denied, before any test.

use std::net::IpAddr;

use crate::config::{Config, Problem, parameters as p, split_list};
use crate::log::Log;
use crate::lookup::match_list::HostList;
use crate::lookup::{Maps, Tables};

/// The name under which the log speaks of it.
const TITLE: &str = "postscreen_access_list";

/// The list.
#[derive(Debug)]
pub struct AccessList {
    rules: Vec<Rule>,
    mynetworks: HostList,
}

/// One word of it.
#[derive(Debug)]
enum Rule {
    Permit,
    Reject,
    Dunno,
    Mynetworks,
    Table(String, Maps),
    /// No word that there is: the rest is ignored when it is reached.
    Unknown(String),
}

/// What it says about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It passes.
    Allow,
    /// It is denied.
    Deny,
    /// Nothing.
    Unknown,
}

impl AccessList {
    /// Parses the parameter and opens its tables.
    pub fn parse(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        let text = config.text(&p::postscreen_access_list);
        let mut rules = Vec::new();
        for word in split_list(&text) {
            rules.push(match rule(word) {
                None if word.contains(':') => {
                    Rule::Table(word.to_owned(), tables.maps(TITLE, word)?)
                }
                None => Rule::Unknown(word.to_owned()),
                Some(rule) => rule,
            });
        }
        let mynetworks = HostList::parse(tables, TITLE, &config.text(&p::mynetworks))?;
        Ok(Self { rules, mynetworks })
    }

    /// What it says about an address.
    pub async fn check(&self, ip: IpAddr, log: &Log) -> Access {
        for rule in &self.rules {
            match rule {
                Rule::Table(name, maps) => match maps.find(&ip.to_string()).await {
                    Ok(None) => {}
                    Ok(Some(words)) => match self.check_result(name, &words, ip, log).await {
                        Ok(()) => {}
                        Err(access) => return access,
                    },
                    Err(_) => {
                        log.warning(format_args!(
                            "{TITLE}: {name}: table lookup error -- ignoring the remainder of \
                             this access list"
                        ));
                        return Access::Unknown;
                    }
                },
                rule => match self.judge(rule, TITLE, ip, log).await {
                    Ok(()) => {}
                    Err(access) => return access,
                },
            }
        }
        Access::Unknown
    }

    /// The words that a table has about an address. A table may not name others.
    async fn check_result(
        &self,
        table: &str,
        words: &str,
        ip: IpAddr,
        log: &Log,
    ) -> Result<(), Access> {
        for word in split_list(words) {
            if word.contains(':') {
                log.warning(format_args!(
                    "table {table}: lookup result \"{word}\" is not allowed -- ignoring remainder \
                     of access list"
                ));
                return Ok(());
            }
            let rule = rule(word).unwrap_or_else(|| Rule::Unknown(word.to_owned()));
            match self.judge(&rule, table, ip, log).await {
                // In a table it ends the table alone.
                Err(Access::Unknown) if matches!(rule, Rule::Dunno) => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }

    /// Goes on, or ends with a verdict.
    async fn judge(&self, rule: &Rule, origin: &str, ip: IpAddr, log: &Log) -> Result<(), Access> {
        match rule {
            Rule::Permit => Err(Access::Allow),
            Rule::Reject => Err(Access::Deny),
            Rule::Dunno => Err(Access::Unknown),
            Rule::Mynetworks => match self.mynetworks.matches("", ip).await {
                Ok(true) => Err(Access::Allow),
                Ok(false) => Ok(()),
                Err(_) => {
                    log.warning(format_args!(
                        "{origin}: permit_mynetworks: mynetworks lookup error -- ignoring the \
                         remainder of this access list"
                    ));
                    Err(Access::Unknown)
                }
            },
            Rule::Unknown(word) => {
                log.warning(format_args!(
                    "{origin}: unknown command: {word} -- ignoring the remainder of this access list"
                ));
                Err(Access::Unknown)
            }
            Rule::Table(..) => Ok(()),
        }
    }
}

fn rule(word: &str) -> Option<Rule> {
    Some(match word.to_ascii_lowercase().as_str() {
        "permit" => Rule::Permit,
        "reject" => Rule::Reject,
        "dunno" => Rule::Dunno,
        "permit_mynetworks" => Rule::Mynetworks,
        _ => return None,
    })
}

/// Whether a word may stand in the list.
pub(super) fn is_known(word: &str) -> bool {
    word.contains(':') || rule(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    async fn check(list: &str, ip: &str) -> Access {
        let main_cf = format!("mynetworks = 10.0.0.0/8\npostscreen_access_list = {list}\n");
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let tables = Tables::new(config.clone());
        let list = AccessList::parse(&config, &tables).unwrap();
        list.check(ip.parse().unwrap(), &Log::new("postfix", "postscreen")).await
    }

    #[tokio::test]
    async fn words_in_order() {
        assert_eq!(check("permit_mynetworks, reject", "10.1.2.3").await, Access::Allow);
        assert_eq!(check("permit_mynetworks, reject", "192.0.2.1").await, Access::Deny);
        assert_eq!(check("permit_mynetworks", "192.0.2.1").await, Access::Unknown);
        assert_eq!(check("dunno, reject", "192.0.2.1").await, Access::Unknown);
        assert_eq!(check("PERMIT", "192.0.2.1").await, Access::Allow);
        assert_eq!(check("rejcet, permit", "192.0.2.1").await, Access::Unknown);
        assert_eq!(check("", "192.0.2.1").await, Access::Unknown);
    }

    #[tokio::test]
    async fn tables_give_words() {
        let table = "inline:{{192.0.2.1=permit},{192.0.2.2=reject},{192.0.2.3=dunno},\
                     {10.0.0.1=permit_mynetworks},{192.0.2.4=hash:/x permit},{192.0.2.5=perhaps}}";
        let list = format!("{table}, reject");
        assert_eq!(check(&list, "192.0.2.1").await, Access::Allow);
        assert_eq!(check(&format!("{table}, permit"), "192.0.2.2").await, Access::Deny);
        assert_eq!(check(&list, "192.0.2.3").await, Access::Deny, "the rest of the list counts");
        assert_eq!(check(&list, "10.0.0.1").await, Access::Allow);
        assert_eq!(check(&list, "192.0.2.4").await, Access::Deny);
        assert_eq!(check(&list, "192.0.2.5").await, Access::Unknown);
        assert_eq!(check(&list, "192.0.2.9").await, Access::Deny);
    }
}
