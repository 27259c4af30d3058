//! The second half of resolving: transport and next hop of an address whose class is known.
//!
//! Later words win over earlier ones: the transport of the class; relayhost and its
//! sender-dependent form; `transport:nexthop` in the transport parameter; transport_maps;
//! relocated_maps.

use std::sync::atomic::Ordering;

use super::settings::{Named, NamedMaps, Transports};
use super::{Class, Purpose, ResolveError, Rewrite, Route, Stripped};
use crate::lookup::{AddressRules, TableError};
use crate::mail::address::same;
use crate::mail::status::Status;

/// The transport_maps key of addresses that no other key matches.
const WILDCARD: &str = "*";

/// `transport` and `nexthop`, while they are being decided.
struct Choice {
    transport: String,
    nexthop: String,
    /// The parameter that named the transport.
    parameter: &'static str,
}

impl Rewrite {
    pub(super) async fn route(
        &self,
        purpose: Purpose,
        sender: &str,
        address: Stripped,
    ) -> Result<Route, ResolveError> {
        let transports = self.settings.transports(purpose);
        let class = self.class_of(&address).await?;
        let mut choice = self.class_choice(transports, class, sender, &address).await?;
        choice.split();
        if choice.transport.is_empty() {
            self.settings.log.warning(format_args!(
                "file {}: parameter {}: null transport is not allowed",
                self.settings.main_cf, choice.parameter
            ));
            return Err(ResolveError::NullTransport);
        }
        if let Some(maps) = &transports.transport_maps
            && class != Class::VirtualAlias
        {
            if !self.wildcard_asked.swap(true, Ordering::Relaxed) {
                // Trouble with it shows before the first address is asked for, as when
                // Postfix starts the program; then it is asked when nothing else matches.
                let _ = maps.maps.find(WILDCARD).await;
            }
            let found = self.transport_entry(maps, &address).await;
            if let Some(entry) = self.looked_up(maps.parameter, found)? {
                choice.apply_entry(&entry, address.domain());
            }
        }
        self.relocate(&mut choice, &address).await?;
        if !self.settings.allow_minus_user && address.recipient.starts_with('-') {
            return Err(ResolveError::Syntax);
        }
        Ok(Route {
            transport: choice.transport,
            nexthop: choice.nexthop,
            routed: address.routed,
            recipient: address.recipient,
            class,
        })
    }

    /// What the class says, before transport_maps.
    async fn class_choice(
        &self,
        transports: &Transports,
        class: Class,
        sender: &str,
        address: &Stripped,
    ) -> Result<Choice, ResolveError> {
        let domain = address.domain();
        Ok(match class {
            Class::Local => Choice::new(&transports.local, domain),
            Class::VirtualMailbox => Choice::new(&transports.virtual_mailbox, domain),
            Class::VirtualAlias => {
                let table =
                    if self.settings.show_table_name { " in virtual alias table" } else { "" };
                Choice {
                    transport: "error".into(),
                    nexthop: format!("5.1.1 User unknown{table}"),
                    parameter: "virtual_alias_domains",
                }
            }
            Class::Relay => {
                let mut choice = Choice::new(&transports.relay, domain);
                self.relayhost(transports, sender, &mut choice).await?;
                choice
            }
            Class::Default => {
                let mut choice = Choice::new(&transports.default, domain);
                self.sender_transport(transports, sender, &mut choice).await?;
                self.relayhost(transports, sender, &mut choice).await?;
                choice
            }
        })
    }

    /// A sender-dependent table's answer; an empty one is warned about and counts as DUNNO.
    async fn by_sender(
        &self,
        maps: &NamedMaps,
        sender: &str,
        null_key: &str,
    ) -> Result<Option<String>, TableError> {
        let key = if sender.is_empty() { null_key } else { sender };
        let rules = self.address_rules(key).await?;
        let found = self.looked_up(maps.parameter, maps.maps.find_address(key, &rules).await)?;
        Ok(match found {
            Some(found) if found.value.is_empty() => {
                self.settings.log.warning(format_args!(
                    "{}: ignoring null lookup result for {key}",
                    maps.parameter
                ));
                None
            }
            Some(found) if same(&found.value, "DUNNO") => None,
            Some(found) => Some(found.value),
            None => None,
        })
    }

    async fn sender_transport(
        &self,
        transports: &Transports,
        sender: &str,
        choice: &mut Choice,
    ) -> Result<(), TableError> {
        if let Some(maps) = &transports.sender_transport {
            let key = &self.settings.null_sender_transport_key;
            if let Some(transport) = self.by_sender(maps, sender, key).await? {
                choice.transport = transport;
                choice.parameter = maps.parameter;
            }
        }
        Ok(())
    }

    async fn relayhost(
        &self,
        transports: &Transports,
        sender: &str,
        choice: &mut Choice,
    ) -> Result<(), TableError> {
        if let Some(maps) = &transports.sender_relayhost {
            let key = &self.settings.null_sender_relay_key;
            if let Some(relay) = self.by_sender(maps, sender, key).await? {
                choice.nexthop = relay;
                return Ok(());
            }
        }
        if !transports.relayhost.is_empty() {
            choice.nexthop.clone_from(&transports.relayhost);
        }
        Ok(())
    }

    async fn transport_entry(
        &self,
        maps: &NamedMaps,
        address: &Stripped,
    ) -> Result<Option<String>, TableError> {
        let rules = AddressRules {
            delimiters: self.settings.delimiters.clone(),
            local_part_alone: false,
            at_domain: false,
            domain_and_parents: true,
        };
        if let Some(found) = maps.maps.find_address(&address.recipient, &rules).await? {
            return Ok(Some(found.value));
        }
        maps.maps.find(WILDCARD).await
    }

    /// Bounces recipients that have moved.
    async fn relocate(&self, choice: &mut Choice, address: &Stripped) -> Result<(), TableError> {
        let Some(maps) = &self.settings.relocated_maps else { return Ok(()) };
        let rules = self.address_rules(&address.recipient).await?;
        let found = maps.find_address(&address.recipient, &rules).await;
        let Some(found) = self.looked_up("relocated_maps", found)? else { return Ok(()) };
        choice.transport = "error".into();
        choice.nexthop = if self.settings.relocated_prefix {
            format!("5.1.6 User has moved to {}", found.value)
        } else {
            match Status::split(&found.value) {
                (Some(status), text) if !text.is_empty() => format!("{status} {text}"),
                _ => {
                    self.settings.log.warning(format_args!(
                        "relocated_maps result must contain RFC 3463 status and text: '{:.100}'",
                        found.value
                    ));
                    "5.2.0 Mailbox is unavailable".into()
                }
            }
        };
        Ok(())
    }
}

impl Choice {
    fn new(transport: &Named, domain: &str) -> Self {
        Self {
            transport: transport.value.clone(),
            nexthop: domain.to_owned(),
            parameter: transport.parameter,
        }
    }

    /// `transport:nexthop` in a transport parameter says both.
    fn split(&mut self) {
        if let Some((transport, nexthop)) = self.transport.split_once(':') {
            if !nexthop.is_empty() {
                self.nexthop = nexthop.to_owned();
            }
            self.transport = transport.to_owned();
        }
    }

    /// A transport(5) entry. `:` changes nothing, `:nexthop` only the next hop; a transport
    /// without a next hop goes to the recipient's domain, because what the next hop was before
    /// was meant for another transport.
    fn apply_entry(&mut self, entry: &str, domain: &str) {
        let (transport, nexthop) = entry.split_once(':').unwrap_or((entry, ""));
        if !transport.is_empty() {
            self.transport = transport.to_owned();
            self.nexthop = match transport {
                "error" | "retry" => "Address is undeliverable".into(),
                _ => domain.to_owned(),
            };
        }
        if !nexthop.is_empty() {
            self.nexthop = nexthop.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(entry: &str) -> (String, String) {
        let mut choice = Choice {
            transport: "smtp".into(),
            nexthop: "[relay]".into(),
            parameter: "default_transport",
        };
        choice.apply_entry(entry, "x.example");
        (choice.transport, choice.nexthop)
    }

    #[test]
    fn transport_entries() {
        let is = |entry, transport: &str, nexthop: &str| {
            assert_eq!(applied(entry), (transport.to_owned(), nexthop.to_owned()), "{entry}");
        };
        is(":", "smtp", "[relay]");
        is("", "smtp", "[relay]");
        is(":[other]:26", "smtp", "[other]:26");
        is("uucp", "uucp", "x.example");
        is("uucp:", "uucp", "x.example");
        is("lmtp:unix:/x", "lmtp", "unix:/x");
        is("error:", "error", "Address is undeliverable");
        is("error:5.1.1 no: such", "error", "5.1.1 no: such");
    }
}
