//! Changes of addresses by table: canonical(5), masquerading, virtual(5).

use std::collections::HashSet;

use super::settings::{Canonical, Classes, Masquerade, Table};
use super::{Errors, Message};
use crate::lookup::TableError;
use crate::mail::address::{self, Address, List};
use crate::mail::envelope::RewriteContext;

/// How often canonical mapping is repeated on its own result.
const CANONICAL_MAX: usize = 10;

/// Whose address is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    EnvelopeSender,
    EnvelopeRecipient,
    HeaderSender,
    HeaderRecipient,
}

impl Whose {
    fn is_sender(self) -> bool {
        matches!(self, Self::EnvelopeSender | Self::HeaderSender)
    }

    fn is_in(self, classes: Classes) -> bool {
        match self {
            Self::EnvelopeSender => classes.envelope_sender,
            Self::EnvelopeRecipient => classes.envelope_recipient,
            Self::HeaderSender => classes.header_sender,
            Self::HeaderRecipient => classes.header_recipient,
        }
    }
}

/// Why virtual aliasing stopped.
enum Unexpanded {
    Error(Errors),
}

impl Message {
    /// Whether [`Message::map_address`] can change anything.
    pub(super) fn maps_addresses(&self, whose: Whose) -> bool {
        let mapping = &self.stage.settings.mapping;
        let own = if whose.is_sender() {
            &mapping.sender_canonical
        } else {
            &mapping.recipient_canonical
        };
        let applies = |c: &Option<Canonical>| c.as_ref().is_some_and(|c| whose.is_in(c.classes));
        self.flags.map
            && (applies(own)
                || applies(&mapping.canonical)
                || mapping.masquerade.as_ref().is_some_and(|m| whose.is_in(m.classes)))
    }

    /// Canonical maps and masquerading, on an address in internal form. Says whether it changed.
    pub(super) async fn map_address(&mut self, whose: Whose, address: &mut String) -> bool {
        let stage = self.stage.clone();
        let mapping = &stage.settings.mapping;
        let own = if whose.is_sender() {
            &mapping.sender_canonical
        } else {
            &mapping.recipient_canonical
        };
        let mut changed = false;
        for canonical in [own, &mapping.canonical].into_iter().flatten() {
            if whose.is_in(canonical.classes) {
                changed |= self
                    .map_canonical(&canonical.table, mapping.propagate.canonical, address)
                    .await;
            }
        }
        if let Some(masquerade) = &mapping.masquerade
            && whose.is_in(masquerade.classes)
        {
            changed |= self.masquerade(masquerade, address).await;
        }
        changed
    }

    async fn map_canonical(
        &mut self,
        table: &Table,
        propagate: bool,
        address: &mut String,
    ) -> bool {
        let before = address.clone();
        for _ in 0..CANONICAL_MAX {
            let external = address::quote_822(address).into_owned();
            match self.look_up_addresses(table, address, propagate).await {
                Ok(Some(results)) => {
                    if results.len() > 1 {
                        self.log.warning(format_args!(
                            "{}: multi-valued {} entry for {external}",
                            self.queue_id, table.parameter
                        ));
                    }
                    let Some(first) = results.into_iter().next() else { break };
                    let settled = address::same(&first, address);
                    *address = first;
                    if settled {
                        return *address != before;
                    }
                }
                Ok(None) => return *address != before,
                Err(_) => {
                    self.log.warning(format_args!(
                        "{}: {} map lookup problem for {external} -- message not accepted, \
                         try again later",
                        self.queue_id, table.parameter
                    ));
                    self.errors.add(Errors::WRITE);
                    return *address != before;
                }
            }
        }
        self.log.warning(format_args!(
            "{}: unreasonable {} map nesting for {} -- message not accepted, try again later",
            self.queue_id,
            table.parameter,
            address::quote_822(address)
        ));
        *address != before
    }

    async fn masquerade(&mut self, masquerade: &Masquerade, address: &mut String) -> bool {
        let Some(at) = address.rfind('@') else { return false };
        if let Some(exceptions) = &masquerade.exceptions {
            let external = address::quote_822(address).into_owned();
            let name = address::split(&external).0;
            match exceptions.matches(name).await {
                Ok(true) => return false,
                Ok(false) => {}
                Err(_) => {
                    self.log.info(format_args!(
                        "{}: masquerade_exceptions map lookup problem -- message not accepted, \
                         try again later",
                        self.queue_id
                    ));
                    self.errors.add(Errors::WRITE);
                }
            }
        }
        let Some(new) = masqueraded(masquerade, address.get(at + 1..).unwrap_or_default()) else {
            return false;
        };
        address.truncate(at + 1);
        address.push_str(new);
        true
    }

    /// What a table of addresses says about `address` (internal form): addresses in internal form,
    /// completed, with the extension that the key lacked put on if `propagate`.
    async fn look_up_addresses(
        &self,
        table: &Table,
        address: &str,
        propagate: bool,
    ) -> Result<Option<Vec<String>>, TableError> {
        let rules = self.stage.rewrite.address_rules(address).await?;
        let Some(found) = table.maps.find_address(address, &rules).await? else { return Ok(None) };
        let mut value = found.value;
        if value.starts_with('@') {
            let local = address::split(address).0;
            let local = local.strip_suffix(found.extension.as_str()).unwrap_or(local);
            value = address::quote_822(&format!("{local}{value}")).into_owned();
        }
        let extension = if propagate { found.extension.as_str() } else { "" };
        let results = self.addresses_of(&value, extension);
        if results.is_empty() {
            self.log.warning(format_args!(
                "{} lookup of {address} returns non-address result \"{value}\"",
                table.parameter
            ));
            return Err(TableError {
                table: table.parameter.to_owned(),
                text: value,
                config: false,
            });
        }
        Ok(Some(results))
    }

    /// The addresses of a list in external form.
    fn addresses_of(&self, list: &str, extension: &str) -> Vec<String> {
        let list = match list {
            "" | "<>" => "\"\"",
            other => other,
        };
        let list = List::parse(list.as_bytes(), usize::MAX);
        let complete = |parsed: &Address| {
            let mut parsed = parsed.clone();
            self.stage.rewrite.rewrite_header_address(RewriteContext::Local, &mut parsed);
            let mut text = String::from_utf8_lossy(&parsed.internal()).into_owned();
            let end = text.rfind('@').unwrap_or(text.len());
            text.insert_str(end, extension);
            text
        };
        list.addresses().map(complete).collect()
    }

    /// Virtual aliasing: all recipients that `recipient` stands for. On failure that is itself.
    pub(super) async fn expand(&mut self, table: &Table, recipient: &str) -> Vec<String> {
        match self.try_expand(table, recipient).await {
            Ok(recipients) => recipients,
            Err(Unexpanded::Error(errors)) => {
                self.errors.add(errors);
                self.reason = Some("4.6.0 Alias expansion error".into());
                vec![recipient.to_owned()]
            }
        }
    }

    async fn try_expand(&self, table: &Table, recipient: &str) -> Result<Vec<String>, Unexpanded> {
        let stage = self.stage.clone();
        let mapping = &stage.settings.mapping;
        let mut addresses = vec![recipient.to_owned()];
        let mut settled = HashSet::new();
        let mut next = 0;
        while next < addresses.len() {
            if addresses.len() > mapping.expansion_limit {
                return Err(self.unreasonable(table, "map expansion size", recipient));
            }
            let mut count = 0;
            while let Some(current) = addresses.get(next).cloned()
                && !settled.contains(&*address::fold(&current))
            {
                if count >= mapping.recursion_limit {
                    return Err(self.unreasonable(table, "map nesting", recipient));
                }
                count += 1;
                let found =
                    self.look_up_addresses(table, &current, mapping.propagate.virtual_alias).await;
                let results = match found {
                    Ok(Some(results)) => results,
                    Ok(None) => break,
                    Err(_) => {
                        self.log.warning(format_args!(
                            "{}: {} map lookup problem for {recipient} -- message not accepted, \
                             try again later",
                            self.queue_id, table.parameter
                        ));
                        return Err(Unexpanded::Error(Errors::WRITE));
                    }
                };
                for (place, result) in results.into_iter().enumerate() {
                    if result.len() > mapping.address_length_limit {
                        return Err(self.too_long(table, &result));
                    }
                    if address::same(&current, &result) {
                        settled.insert(address::fold(&current).into_owned());
                    }
                    match addresses.get_mut(next) {
                        Some(first) if place == 0 => *first = result,
                        _ => addresses.push(result),
                    }
                }
            }
            next += 1;
        }
        Ok(addresses)
    }

    fn unreasonable(&self, table: &Table, what: &str, recipient: &str) -> Unexpanded {
        self.log.warning(format_args!(
            "{}: unreasonable {} {what} for {recipient} -- message not accepted, try again later",
            self.queue_id, table.parameter
        ));
        Unexpanded::Error(Errors::DEFER)
    }

    fn too_long(&self, table: &Table, result: &str) -> Unexpanded {
        self.log.warning(format_args!(
            "{}: unreasonable {} result {result:.300}... -- message not accepted, try again later",
            self.queue_id, table.parameter
        ));
        Unexpanded::Error(Errors::DEFER)
    }
}

/// The masquerade domain that takes the place of `domain`, if one does. The first that matches
/// decides.
fn masqueraded<'a>(masquerade: &'a Masquerade, domain: &str) -> Option<&'a str> {
    let domain = address::fold(domain);
    for (parent, truncate) in &masquerade.domains {
        if *parent == *domain {
            return None;
        }
        if domain.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')) {
            return truncate.then_some(parent);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masquerading() {
        let rules = |domains: &[(&str, bool)]| Masquerade {
            domains: domains.iter().map(|(d, t)| ((*d).to_owned(), *t)).collect(),
            exceptions: None,
            classes: Classes::default(),
        };
        let one = rules(&[("keep.x.example", false), ("x.example", true)]);
        assert_eq!(masqueraded(&one, "a.B.X.Example"), Some("x.example"));
        assert_eq!(masqueraded(&one, "a.keep.x.example"), None);
        assert_eq!(masqueraded(&one, "x.example"), None);
        assert_eq!(masqueraded(&one, "yx.example"), None);
        let order = rules(&[("x.example", true), ("y.x.example", true)]);
        assert_eq!(masqueraded(&order, "z.y.x.example"), Some("x.example"));
    }
}
