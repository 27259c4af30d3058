//! How strictly REQUIRETLS (RFC 8689) is enforced on the way to a next hop:
//! `smtp_requiretls_policy`.

use std::sync::Arc;

use super::attempt::Attempt;
use super::reason::Reason;
use super::settings::Named;
use super::tls_status::RequireTls;
use crate::config::{Config, Problem, parameters as p, split_list};
use crate::log::Log;
use crate::lookup::{Maps, Tables};
use crate::mail::address;
use crate::mail::hostname;
use crate::mail::status::Status;
use crate::tls::words::Level;

/// What a message with REQUIRETLS needs of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enforcement {
    /// Nothing, and nothing is said: nobody asked for it, or our policy is not to care.
    #[default]
    Disable,
    /// Nothing, but REQUIRETLS is passed on where it is known.
    Opportunistic,
    /// TLS; REQUIRETLS is passed on where it is known.
    Starttls,
    /// TLS with a matching certificate, and REQUIRETLS.
    Enforce,
}

impl Enforcement {
    /// Whether nothing may be sent in the clear.
    pub fn requires_tls(self) -> bool {
        self >= Self::Starttls
    }
}

/// The parameters.
#[derive(Debug)]
pub struct RequireTlsPolicy {
    /// `requiretls_enable`
    enabled: bool,
    parameter: String,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Action(String),
    Table(Maps),
}

/// The policy cannot be applied: the mail waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPolicy;

impl RequireTlsPolicy {
    pub(super) fn read(
        named: &Named<'_>,
        config: &Arc<Config>,
        tables: &Tables,
    ) -> Result<Self, Problem> {
        let parameter = format!("{}_requiretls_policy", named.prefix);
        let text = named.text("requiretls_policy");
        let mut items = Vec::new();
        for word in split_list(&text) {
            items.push(match word.contains(':') {
                true => Item::Table(tables.maps(&parameter, word)?),
                false => Item::Action(word.to_owned()),
            });
        }
        Ok(Self { enabled: config.bool(&p::requiretls_enable), parameter, items })
    }

    /// Whether a wish for REQUIRETLS counts at all.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What holds for a next hop (without brackets and port).
    pub async fn of(&self, log: &Log, nexthop: &str) -> Result<Enforcement, BadPolicy> {
        let parameter = &self.parameter;
        for item in &self.items {
            match item {
                Item::Action(word) => return action(log, parameter, word),
                Item::Table(maps) => {
                    let Some(name) = ascii(nexthop) else {
                        log.warning(format_args!(
                            "{parameter}: malformed next-hop destination: '{nexthop}' -- using \
                             default policy 'enforce'"
                        ));
                        return Ok(Enforcement::Enforce);
                    };
                    if let Some(word) = self.listed(log, maps, &name).await? {
                        return action(log, parameter, &word);
                    }
                }
            }
        }
        Ok(Enforcement::Enforce)
    }

    /// The next hop as it is, and if it is a name, its parent domains as `.example.com`.
    async fn listed(
        &self,
        log: &Log,
        maps: &Maps,
        name: &str,
    ) -> Result<Option<String>, BadPolicy> {
        let mut key = name;
        loop {
            let found = match key == name {
                true => maps.find(key).await,
                false => maps.find_partial(key).await,
            };
            let Ok(found) = found else {
                log.warning(format_args!(
                    "{}: table lookup error -- ignoring the remainder of this policy",
                    self.parameter
                ));
                return Err(BadPolicy);
            };
            if let Some(word) = found {
                return Ok(Some(word));
            }
            let dot = key.get(1..).and_then(|rest| rest.find('.')).map(|at| at + 1);
            match dot.filter(|_| hostname::address(name).is_none()) {
                Some(at) => key = key.get(at..).unwrap_or_default(),
                None => return Ok(None),
            }
        }
    }
}

fn action(log: &Log, parameter: &str, word: &str) -> Result<Enforcement, BadPolicy> {
    match word.to_ascii_lowercase().as_str() {
        "enforce" => Ok(Enforcement::Enforce),
        "opportunistic+starttls" => Ok(Enforcement::Starttls),
        "opportunistic" => Ok(Enforcement::Opportunistic),
        "disable" => Ok(Enforcement::Disable),
        "error" => Err(BadPolicy),
        _ => {
            log.warning(format_args!(
                "{parameter}: unknown policy action: '{word}' -- ignoring the remainder of this \
                 policy"
            ));
            Err(BadPolicy)
        }
    }
}

fn ascii(nexthop: &str) -> Option<std::borrow::Cow<'_, str>> {
    if hostname::address(nexthop).is_some() {
        return Some(nexthop.into());
    }
    address::domain_to_ascii(nexthop)
}

/// Before a server is connected to: whether its TLS policy can do what the sender wants.
pub fn fits(attempt: &mut Attempt<'_>, level: Level, host: &str) -> Result<(), Reason> {
    let asked = "Sender requested REQUIRETLS, but my configured TLS security level";
    let name = level.name();
    let last = format!("The last attempted server was {host}");
    let refused = |text: String| Err(Reason::own(Status::new(5, 7, 10), text));
    match attempt.enforcement {
        Ok(Enforcement::Enforce) if !level.must_match() => {
            attempt.tls.require_tls(RequireTls::NoMatch, false);
            refused(format!("{asked} '{name}' disables certificate matching. {last}"))
        }
        Ok(Enforcement::Starttls) if level == Level::None => {
            attempt.tls.require_tls(RequireTls::NoEncryption, false);
            refused(format!("{asked} '{name}' disables encryption. {last}"))
        }
        Ok(Enforcement::Starttls) if !level.must_match() => {
            attempt.log.info(format_args!(
                "{}: {asked} '{name}' disables certificate matching. {last}",
                attempt.request.queue_id
            ));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(BadPolicy) => {
            let text = format!("REQUIRETLS policy configuration error. {last}");
            Err(Reason::own(Status::new(4, 7, 10), text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn log() -> Log {
        Log::new("test", "smtp")
    }

    fn policy(main_cf: &str) -> RequireTlsPolicy {
        let main_cf = format!("myhostname = mx.example.com\n{main_cf}");
        let directory = "/nonexistent".into();
        let sources = Sources { directory, main_cf, master_cf: String::new() };
        let config = Config::parse(&sources).unwrap();
        let tables = Tables::new(config.clone());
        let named = Named { config: &config, prefix: "smtp" };
        RequireTlsPolicy::read(&named, &config, &tables).unwrap()
    }

    #[tokio::test]
    async fn next_hops() {
        let usual = policy("");
        for (name, wanted) in [
            ("example.com", Enforcement::Opportunistic),
            ("in.Example.com", Enforcement::Opportunistic),
            ("localhost", Enforcement::Opportunistic),
            ("2001:db8::1", Enforcement::Opportunistic),
            ("example.org", Enforcement::Enforce),
        ] {
            assert_eq!(usual.of(&log(), name).await, Ok(wanted), "{name}");
        }
        let mixed = policy(
            "smtp_requiretls_policy = inline:{{.a.test=opportunistic}, {b.test=disable}, {c.test=what}} \
             cidr:{{192.0.2.0/24 opportunistic}} opportunistic+starttls",
        );
        for (name, wanted) in [
            ("x.a.test", Ok(Enforcement::Opportunistic)),
            ("y.x.a.test", Ok(Enforcement::Opportunistic)),
            ("a.test", Ok(Enforcement::Starttls)),
            ("B.test", Ok(Enforcement::Disable)),
            ("c.test", Err(BadPolicy)),
            ("192.0.2.9", Ok(Enforcement::Opportunistic)),
            ("198.51.100.9", Ok(Enforcement::Starttls)),
        ] {
            assert_eq!(mixed.of(&log(), name).await, wanted, "{name}");
        }
        assert_eq!(
            policy("smtp_requiretls_policy =").of(&log(), "x.test").await,
            Ok(Enforcement::Enforce)
        );
        assert_eq!(
            policy("smtp_requiretls_policy = error").of(&log(), "x.test").await,
            Err(BadPolicy)
        );
    }
}
