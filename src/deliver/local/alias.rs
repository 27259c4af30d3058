//! Aliases (aliases(5)): the tables of alias_maps, and the `owner-` alias that goes with one.

use super::attributes::{Attributes, Source, Subject};
use super::delivery::{DEPTH, Delivery, Retry, Unavailable};
use crate::lookup::Table;
use crate::mail::address::{quote_822_local_part, same};
use crate::mail::envelope::Notify;
use crate::mail::outcome::Success;
use crate::service::worker::destinations;

/// An alias that was found.
struct Found {
    value: String,
    subject: Subject,
}

impl Delivery {
    /// Delivers to the expansion of an alias; `None` if there is no alias of that name.
    pub(super) async fn alias(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        name: &str,
    ) -> Option<Retry> {
        // An alias that lists its own name means the user.
        if attributes.expanded_from.as_ref().is_some_and(|from| same(from, name)) {
            return None;
        }
        let mut attributes = attributes.deeper();
        if attributes.depth > DEPTH {
            let text = format!("alias database loop for {name}");
            self.log.warning(format_args!("{text}"));
            return Some(self.say(&attributes, (5, 4, 6), text).await);
        }
        attributes.expanded_from = Some(name.to_owned());
        match self.find_alias(&attributes, subject, name).await {
            Ok(found) => Some(self.alias_found(attributes, found?, name).await),
            Err(retry) => Some(retry),
        }
    }

    /// Asks the tables in order; an error is a failure that has been reported.
    async fn find_alias(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        name: &str,
    ) -> Result<Option<Found>, Retry> {
        let aliases = self.settings().aliases.clone();
        for table in aliases.tables() {
            let value = match look_up(table, name).await {
                Ok(None) => continue,
                Ok(Some(value)) => value,
                Err(()) => {
                    self.log.warning(format_args!("{table}: lookup of '{name}' failed"));
                    return Err(self
                        .say(attributes, (4, 3, 0), "alias database unavailable")
                        .await);
                }
            };
            let subject = match table.owner() {
                None | Some(0) => Subject::default(),
                Some(uid) => self.alias_owner(attributes, table, uid).await?,
            };
            return Ok(Some(Found { value, subject }));
        }
        let _ = subject;
        Ok(None)
    }

    /// The user who wrote an alias file that is not root's.
    async fn alias_owner(
        &mut self,
        attributes: &Attributes,
        table: &Table,
        uid: u32,
    ) -> Result<Subject, Retry> {
        let what = format!("cannot find alias database owner for {table}");
        match self.settings().users.numbered(uid) {
            Ok(Some(user)) => return Ok(Subject::of(&user)),
            Ok(None) => self.log.warning(format_args!("{what}")),
            Err(failed) => self.log.warning(format_args!("{what}: {}", failed.0)),
        }
        Err(self.say(attributes, (4, 3, 0), "cannot find alias database owner").await)
    }

    async fn alias_found(&mut self, mut attributes: Attributes, found: Found, name: &str) -> Retry {
        if self.request.trace.verify {
            return self.would(&attributes, format!("aliased to {}", found.value)).await;
        }
        attributes.source = Some(Source::Alias);
        let owner = match self.settings().extensions.owner_request_special {
            true => self.owner_alias(name).await,
            false => Ok(None),
        };
        let has_owner = match owner {
            Ok(Some(owner)) => {
                attributes.sender.clone_from(&owner);
                attributes.owner = Some(owner);
                true
            }
            Ok(None) => {
                if self.settings().reset_owner {
                    attributes.owner = None;
                }
                false
            }
            Err(Unavailable) => {
                return self.say(&attributes, (4, 3, 0), "alias database unavailable").await;
            }
        };
        if !self.settings().frozen {
            attributes.delivered = Some(attributes.address.clone());
        }
        let mut before = attributes.clone();
        attributes.without_success();
        if has_owner {
            attributes.dsn_orcpt.clear();
            attributes.original.clear();
            before.original.clear();
        }
        let list = destinations(found.value.as_bytes());
        if list.is_empty() {
            self.log.warning(format_args!("no recipient in alias lookup result for {name}"));
            return self.say(&attributes, (4, 3, 0), "alias database unavailable").await;
        }
        let mut retry = false;
        for destination in list {
            retry |= self.destination(&attributes, &found.subject, &destination).await;
        }
        if before.notify.has(Notify::SUCCESS) {
            let success = if has_owner { Success::Delivered } else { Success::Expanded };
            self.expanded(&before, success);
        }
        retry
    }
}

/// Asks one table, under the name as it stands in an alias file, then under the bare name.
async fn look_up(table: &Table, name: &str) -> Result<Option<String>, ()> {
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    let quoted = quote_822_local_part(name);
    let found = table.lookup(quoted.as_bytes()).await.map_err(drop)?;
    if found.is_some() || *quoted == *name {
        return Ok(found.map(text));
    }
    Ok(table.lookup(name.as_bytes()).await.map_err(drop)?.map(text))
}
