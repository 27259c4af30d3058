//! Which address class a domain is in, and the warnings about domains that are in two.

use super::{Class, Rewrite, Stripped};
use crate::lookup::TableError;
use crate::lookup::match_list::StringList;
use crate::mail::address::literal_address;

impl Rewrite {
    /// Whether a domain is local: mydestination, or one of our addresses in brackets.
    pub(super) async fn is_local(&self, domain: &str) -> Result<bool, TableError> {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if domain.is_empty() || domain.ends_with('.') {
            return Ok(false);
        }
        if self.settings.mydestination.matches(domain).await? {
            return Ok(true);
        }
        let inside = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
        let address = inside.and_then(literal_address);
        Ok(address.is_some_and(|a| self.settings.own_addresses.contains(a)))
    }

    /// The class of a resolved address.
    pub(super) async fn class_of(&self, address: &Stripped) -> Result<Class, TableError> {
        let domain = address.domain();
        let settings = &self.settings;
        if address.local {
            if settings.helpful_warnings {
                self.warn_if_virtual_too(domain).await;
            }
            return Ok(Class::Local);
        }
        if let Some(list) = &settings.virtual_alias_domains
            && self.looked_up("virtual_alias_domains", list.matches(domain).await)?
        {
            if settings.helpful_warnings {
                let name = "virtual_alias_domains";
                let mailbox = is_in(settings.virtual_mailbox_domains.as_ref(), domain).await;
                self.warn_both(mailbox, domain, name, "virtual_mailbox_domains");
                self.warn_both(self.relays_too(domain).await, domain, name, "relay_domains");
            }
            return Ok(Class::VirtualAlias);
        }
        if self.in_virtual_mailbox_domains(domain).await? {
            if settings.helpful_warnings {
                let name = "virtual_mailbox_domains";
                self.warn_both(self.relays_too(domain).await, domain, name, "relay_domains");
            }
            return Ok(Class::VirtualMailbox);
        }
        if self.in_relay_domains(domain).await? {
            return Ok(Class::Relay);
        }
        Ok(Class::Default)
    }

    async fn in_virtual_mailbox_domains(&self, domain: &str) -> Result<bool, TableError> {
        match &self.settings.virtual_mailbox_domains {
            Some(list) => self.looked_up("virtual_mailbox_domains", list.matches(domain).await),
            None => Ok(false),
        }
    }

    async fn in_relay_domains(&self, domain: &str) -> Result<bool, TableError> {
        match &self.settings.relay_domains {
            Some(list) => self.looked_up("relay_domains", list.matches(domain).await),
            None => Ok(false),
        }
    }

    /// Logs which list a failure belongs to.
    pub(super) fn looked_up<T>(
        &self,
        parameter: &str,
        result: Result<T, TableError>,
    ) -> Result<T, TableError> {
        if result.is_err() {
            self.settings.log.warning(format_args!("{parameter} lookup failure"));
        }
        result
    }

    async fn warn_if_virtual_too(&self, domain: &str) {
        let alias = is_in(self.settings.virtual_alias_domains.as_ref(), domain).await;
        self.warn_both(alias, domain, "mydestination", "virtual_alias_domains");
        let mailbox = is_in(self.settings.virtual_mailbox_domains.as_ref(), domain).await;
        self.warn_both(mailbox, domain, "mydestination", "virtual_mailbox_domains");
    }

    async fn relays_too(&self, domain: &str) -> bool {
        match &self.settings.relay_domains {
            Some(list) => list.matches(domain).await.unwrap_or(false),
            None => false,
        }
    }

    fn warn_both(&self, both: bool, domain: &str, one: &str, other: &str) {
        if both {
            self.settings
                .log
                .warning(format_args!("do not list domain {domain} in BOTH {one} and {other}"));
        }
    }
}

/// Whether a list that is asked for the sake of a warning matches: trouble with it, which the
/// list logs, decides nothing.
async fn is_in(list: Option<&StringList>, domain: &str) -> bool {
    match list {
        Some(list) => list.matches(domain).await.unwrap_or(false),
        None => false,
    }
}
