//! Relay control: for which recipients we take mail.

use std::net::IpAddr;

use super::hostname::is_temporary;
use super::outcome::{Jump, Refusal, Verdict};
use super::{Checks, RECIPIENT};
use crate::dns::{DnsError, Mx};
use crate::mail::address;
use crate::mail::envelope::RewriteContext;
use crate::rewrite::{Class, ResolveError, Route};
use crate::smtpd::fault::Faults;

/// An address as it is routed, case folded.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub recipient: String,
    pub transport: String,
    pub nexthop: String,
    pub class: Class,
    pub routed: bool,
}

impl Resolved {
    /// Mail for it ends here.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self.class, Class::Local | Class::VirtualAlias | Class::VirtualMailbox)
    }
}

impl Checks<'_> {
    /// Resolves an address of the given class. A table failure ends the stage with 451.
    pub(super) async fn resolve(&mut self, mailbox: &str, class: &str) -> Result<Resolved, Jump> {
        let sender = self.other_side(class).to_owned();
        match self.service.resolve(&sender, mailbox).await {
            Ok(route) => Ok(resolved(route)),
            // Malformed addresses do not get past MAIL and RCPT; should one come here, its text
            // still belongs to no domain of ours.
            Err(ResolveError::Syntax) => Ok(Resolved {
                recipient: address::fold(mailbox).into_owned(),
                transport: "error".into(),
                nexthop: "5.1.3 bad address syntax".into(),
                class: Class::Default,
                routed: false,
            }),
            Err(ResolveError::Table(_) | ResolveError::NullTransport) => {
                Err(self.table_failed(mailbox))
            }
        }
    }

    /// Whether mail for the recipient is for us, or for a domain that we relay for.
    pub(super) async fn is_auth_destination(&mut self, recipient: &str) -> Result<bool, Jump> {
        let route = self.resolve(recipient, RECIPIENT).await?;
        if !route.recipient.contains('@') {
            return Ok(true);
        }
        if route.routed && !self.service.settings.allow_untrusted_routing {
            return Ok(false);
        }
        Ok(route.is_final() || route.class == Class::Relay)
    }

    pub(super) async fn reject_unauth_destination(
        &mut self,
        recipient: &str,
        code: u16,
        dsn: &str,
    ) -> Result<Verdict, Jump> {
        if self.is_auth_destination(recipient).await? {
            return Ok(Verdict::Dunno);
        }
        let text = format!("<{recipient}>: Relay access denied");
        Ok(self.reject(Faults::POLICY, Refusal::new(code, dsn, &text)))
    }

    /// We are a backup mail exchanger of the recipient's domain, and not a primary one.
    pub(super) async fn permit_mx_backup(
        &mut self,
        word: &str,
        recipient: &str,
    ) -> Result<Verdict, Jump> {
        if self.service.warn_mx_backup_once() {
            self.log.warning(format_args!(
                "support for restriction \"permit_mx_backup\" will be removed from {}; instead, \
                 specify \"relay_domains\"",
                self.service.settings.mail_name
            ));
        }
        if self.is_auth_destination(recipient).await? {
            return Ok(self.permit(word, RECIPIENT, recipient, None).await);
        }
        let route = self.resolve(recipient, RECIPIENT).await?;
        let Some((_, domain)) = route.recipient.rsplit_once('@') else {
            return Ok(Verdict::Dunno);
        };
        if route.routed || domain.starts_with('[') {
            return Ok(Verdict::Dunno);
        }
        let ascii = address::domain_to_ascii(domain);
        let exchangers = match self.service.resolver.mx(ascii.as_deref().unwrap_or(domain)).await {
            Ok(exchangers) => exchangers,
            Err(error) => {
                if is_temporary(&error) || error == DnsError::Policy {
                    let text = format!(
                        "<{recipient}>: {RECIPIENT} rejected: Unable to look up mail exchanger \
                         information: {}",
                        error.in_short()
                    );
                    self.defer_if_reject(Faults::POLICY, &Refusal::new(450, "4.4.4", &text));
                }
                return Ok(Verdict::Dunno);
            }
        };
        let best = exchangers.first().map(|mx| mx.preference);
        let (primary, backup): (Vec<Mx>, Vec<Mx>) =
            exchangers.into_iter().partition(|mx| Some(mx.preference) == best);
        if self.lists_us(&primary, recipient).await? || !self.lists_us(&backup, recipient).await? {
            return Ok(Verdict::Dunno);
        }
        if !self.service.maps.permit_mx_backup_networks.is_empty()
            && !self.all_in_backup_networks(&primary, recipient).await
        {
            return Ok(Verdict::Dunno);
        }
        Ok(self.permit(word, RECIPIENT, recipient, None).await)
    }

    /// Whether one of the hosts is this one.
    async fn lists_us(&mut self, hosts: &[Mx], recipient: &str) -> Result<bool, Jump> {
        for mx in hosts {
            let mailbox = format!("postmaster@{}", mx.host);
            if self.service.rewrite.is_own_domain(&mailbox).await.unwrap_or(false) {
                return Ok(true);
            }
        }
        for mx in hosts {
            let resolver = self.service.resolver.clone();
            let settings = &self.service.settings;
            match resolver.system_addresses(&mx.host, settings.ipv4, settings.ipv6).await {
                Ok(found) => {
                    if found.iter().any(|ip| self.service.rewrite.is_own_address(*ip)) {
                        return Ok(true);
                    }
                }
                Err(error) => {
                    let text = format!(
                        "<{recipient}>: {RECIPIENT} rejected: Unable to look up mail exchanger \
                         host {}: {}",
                        mx.host, error.text
                    );
                    self.defer_if_reject(Faults::POLICY, &Refusal::new(450, "4.4.4", &text));
                }
            }
        }
        Ok(false)
    }

    async fn all_in_backup_networks(&mut self, hosts: &[Mx], recipient: &str) -> bool {
        for mx in hosts {
            let settings = &self.service.settings;
            let resolver = &self.service.resolver;
            let found: Vec<IpAddr> =
                match resolver.addresses(&mx.host, settings.ipv4, settings.ipv6).await {
                    Ok(found) => found,
                    Err(error) => {
                        let text = format!(
                            "<{recipient}>: {RECIPIENT} rejected: Unable to look up host {} as \
                             mail exchanger: {}",
                            mx.host,
                            error.in_short()
                        );
                        self.defer_if_reject(Faults::POLICY, &Refusal::new(450, "4.4.4", &text));
                        return false;
                    }
                };
            for address in found {
                let networks = &self.service.maps.permit_mx_backup_networks;
                if !networks.matches(&mx.host, address).await.unwrap_or(false) {
                    return false;
                }
            }
        }
        true
    }
}

fn resolved(route: Route) -> Resolved {
    Resolved {
        recipient: address::fold(&route.recipient).into_owned(),
        transport: route.transport,
        nexthop: route.nexthop,
        class: route.class,
        routed: route.routed,
    }
}

impl crate::smtpd::service::Service {
    /// The route of an address that a client gave.
    pub(in crate::smtpd) async fn resolve(
        &self,
        sender: &str,
        mailbox: &str,
    ) -> Result<Route, ResolveError> {
        let sender = self.rewrite.rewrite_internal(RewriteContext::Local, sender);
        let mailbox = self.rewrite.rewrite_internal(RewriteContext::Local, mailbox);
        self.rewrite.resolve(&sender, &mailbox).await
    }
}
