//! Whether an address exists, as far as tables can tell: `reject_unlisted_recipient`,
//! `reject_unlisted_sender`.

use super::destination::Resolved;
use super::outcome::{Jump, Refusal, Verdict};
use super::{Checks, RECIPIENT, SENDER};
use crate::lookup::{AddressRules, Maps};
use crate::rewrite::Class;
use crate::smtpd::fault::Faults;

impl Checks<'_> {
    /// Looks the recipient up, once for each RCPT.
    pub(super) async fn recipient_listed(&mut self, recipient: &str) -> Result<Verdict, Jump> {
        let checks = &mut self.talk.checks;
        if self.service.settings.skip.unknown_recipient_checks || checks.recipient_listed_checked {
            return Ok(Verdict::Dunno);
        }
        if checks.warn_if_reject == 0 {
            checks.recipient_listed_checked = true;
        }
        self.listed(recipient, RECIPIENT).await
    }

    /// Looks the sender up, once for each MAIL.
    pub(super) async fn sender_listed(&mut self, sender: &str) -> Result<Verdict, Jump> {
        let checks = &mut self.talk.checks;
        if self.service.settings.skip.unknown_recipient_checks || checks.sender_listed_checked {
            return Ok(Verdict::Dunno);
        }
        if checks.warn_if_reject == 0 {
            checks.sender_listed_checked = true;
        }
        self.listed(sender, SENDER).await
    }

    async fn listed(&mut self, mailbox: &str, class: &'static str) -> Result<Verdict, Jump> {
        let route = self.resolve(mailbox, class).await?;
        let rules = match self.service.rewrite.address_rules(&route.recipient).await {
            Ok(rules) => rules,
            Err(error) => return Err(self.maps_failed(mailbox, &error)),
        };
        let service = self.service;
        let maps = &service.maps;
        // What is rewritten or aliased exists.
        let sender_canonical = (class == SENDER).then_some(&maps.sender_canonical);
        let rewriting = [
            Some(&maps.recipient_canonical),
            sender_canonical,
            Some(&maps.canonical),
            Some(&maps.virtual_alias),
        ];
        for table in rewriting.into_iter().flatten() {
            if self.has(table, &route.recipient, &rules, mailbox).await? {
                return Ok(Verdict::Dunno);
            }
        }
        if let Some(verdict) = self.undeliverable(&route, mailbox, class) {
            return Ok(verdict);
        }
        let codes = &service.settings.codes;
        let (table, code, title) = match route.class {
            Class::Local if self.always_exists(&route.recipient) => return Ok(Verdict::Dunno),
            Class::Local => {
                (&maps.local_recipient, codes.unknown_local_recipient, "local recipient")
            }
            Class::VirtualMailbox => {
                (&maps.virtual_mailbox, codes.unknown_virtual_mailbox, "virtual mailbox")
            }
            Class::Relay => {
                (&maps.relay_recipient, codes.unknown_relay_recipient, "relay recipient")
            }
            Class::VirtualAlias | Class::Default => return Ok(Verdict::Dunno),
        };
        if table.is_empty() || self.has(table, &route.recipient, &rules, mailbox).await? {
            return Ok(Verdict::Dunno);
        }
        let which = if service.settings.show_user_unknown_table {
            format!(" in {title} table")
        } else {
            String::new()
        };
        let text = format!("<{mailbox}>: {class} rejected: User unknown{which}");
        let dsn = if class == SENDER { "5.1.0" } else { "5.1.1" };
        Ok(self.reject(Faults::BOUNCE, Refusal::new(code, dsn, &text)))
    }

    async fn has(
        &mut self,
        table: &Maps,
        address: &str,
        rules: &AddressRules,
        mailbox: &str,
    ) -> Result<bool, Jump> {
        if table.is_empty() {
            return Ok(false);
        }
        match table.find_address(address, rules).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) => Err(self.maps_failed(mailbox, &error)),
        }
    }

    /// What is routed to error or retry cannot be delivered.
    fn undeliverable(
        &mut self,
        route: &Resolved,
        mailbox: &str,
        class: &'static str,
    ) -> Option<Verdict> {
        let is_sender = class == SENDER;
        let (code, default) = match route.transport.as_str() {
            "error" => {
                let code = if route.class == Class::VirtualAlias {
                    self.service.settings.codes.unknown_virtual_alias
                } else {
                    550
                };
                (code, if is_sender { "5.1.0" } else { "5.1.1" })
            }
            "retry" => (450, if is_sender { "4.1.0" } else { "4.1.1" }),
            _ => return None,
        };
        let (dsn, text) = self.status_and_text(default, &route.nexthop, class);
        let text = format!("<{mailbox}>: {class} rejected: {text}");
        Some(self.reject(Faults::BOUNCE, Refusal::new(code, &dsn, &text)))
    }

    /// Addresses that the mail system itself uses.
    fn always_exists(&self, recipient: &str) -> bool {
        let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
        let bounces = &self.service.settings.double_bounce_sender;
        [bounces.as_str(), "postmaster", "mailer-daemon"]
            .iter()
            .any(|name| local.eq_ignore_ascii_case(name))
    }
}
