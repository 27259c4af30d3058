//! Address rewriting to standard form, and resolving to transport and next hop: what
//! trivial-rewrite(8) does, as a library of the processes that need it.
//!
//! ```text
//! rewrite ─ standard: any address ─► user@full.domain
//! resolve ─ strip: user%site@here ─► user@site      (routing through us is undone)
//!           class: which of five address classes its domain is in
//!           route: the class's transport, relayhost, transport_maps, relocated_maps
//! ```

mod class;
mod own;
mod propagate;
mod route;
mod settings;
mod standard;
mod strip;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::config::{Config, Problem};
use crate::lookup::{AddressRules, TableError, Tables};
use crate::mail::address::{self, Address};
use crate::mail::envelope::RewriteContext;

pub use self::propagate::Propagate;
use self::settings::Settings;
pub use self::strip::Stripped;

/// Rewrites and resolves by one configuration.
#[derive(Debug)]
pub struct Rewrite {
    settings: Settings,
    /// Whether transport_maps has been asked for `*`.
    wildcard_asked: AtomicBool,
}

/// Where mail for an address goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// master.cf name of the transport.
    pub transport: String,
    /// Next hop; may be empty.
    pub nexthop: String,
    /// The recipient as resolved: percent hack and source routes gone.
    pub recipient: String,
    /// The address class of its domain.
    pub class: Class,
    /// Whether the recipient still holds routing characters (`@`, `%`, `!`) left of its last
    /// `@`: another host might relay by them, so smtpd takes such mail only for itself.
    pub routed: bool,
}

/// Address classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// mydestination, inet_interfaces
    Local,
    /// virtual_alias_domains
    VirtualAlias,
    /// virtual_mailbox_domains
    VirtualMailbox,
    /// relay_domains
    Relay,
    /// everything else
    Default,
}

/// An address that cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A table failed: try again later.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Bad syntax, such as an empty domain: `5.1.3 bad address syntax` for recipients.
    #[error("bad address syntax")]
    Syntax,
    /// main.cf names an empty transport; logged. Try again later.
    #[error("null transport")]
    NullTransport,
}

/// What an address is resolved for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Delivery: `local_transport`, `relayhost`, …
    #[default]
    Delivery,
    /// An address probe: `address_verify_local_transport`, `address_verify_relayhost`, …
    Probe,
}

impl Rewrite {
    /// Reads the parameters and opens the tables.
    pub fn new(config: &Arc<Config>, tables: &Tables) -> Result<Arc<Self>, Problem> {
        let tables = tables.of_program("trivial-rewrite");
        let settings = Settings::read(config, &tables)?;
        Ok(Arc::new(Self { settings, wildcard_asked: AtomicBool::new(false) }))
    }

    /// An address in internal form, completed and in standard form: myorigin, mydomain, source
    /// routes, bang paths, percent hack, as the parameters say.
    pub fn rewrite(&self, context: RewriteContext, address: &str) -> String {
        self.rewrite_internal(context, address).into_owned()
    }

    /// As [`Rewrite::rewrite`]; what needs no change is not copied.
    pub fn rewrite_internal<'a>(&self, context: RewriteContext, address: &'a str) -> Cow<'a, str> {
        if self.is_standard(context, address.as_bytes()) {
            return Cow::Borrowed(address);
        }
        let external = address::quote_822(address);
        let mut tree = Address::from_external(external.as_bytes());
        self.standardise(context, &mut tree);
        let result = address::unquote_bytes(&tree.quoted());
        Cow::Owned(String::from_utf8_lossy(&result).into_owned())
    }

    /// Rewrites an address of a header in place; says whether that changed it.
    pub fn rewrite_header_address(&self, context: RewriteContext, address: &mut Address) -> bool {
        let before = address.external();
        if self.is_standard(context, &before) {
            return false;
        }
        let mut tree = Address::from_external(&before);
        self.standardise(context, &mut tree);
        let after = tree.quoted();
        *address = Address::from_external(&after);
        before != after
    }

    /// Whether it is an address of this host (inet_interfaces, proxy_interfaces).
    pub fn is_own_address(&self, address: std::net::IpAddr) -> bool {
        self.settings.own_addresses.contains(address)
    }

    /// Whether the domain of `address` is ours, so that its local part alone stands for it in
    /// tables: myorigin, mydestination, inet_interfaces, proxy_interfaces.
    pub async fn is_own_domain(&self, address: &str) -> Result<bool, TableError> {
        let Some(domain) = address::split(address).1 else { return Ok(false) };
        Ok(address::same(domain, &self.settings.local.origin) || self.is_local(domain).await?)
    }

    /// How tables of addresses (canonical, virtual, bcc, sender-dependent …) are asked for
    /// `address`.
    pub async fn address_rules(&self, address: &str) -> Result<AddressRules, TableError> {
        Ok(AddressRules {
            delimiters: self.settings.delimiters.clone(),
            local_part_alone: self.is_own_domain(address).await?,
            at_domain: true,
            domain_and_parents: false,
        })
    }

    /// The route of a recipient (rewritten before) for mail of `sender`.
    pub async fn resolve(&self, sender: &str, recipient: &str) -> Result<Route, ResolveError> {
        self.resolve_for(Purpose::Delivery, sender, recipient).await
    }

    /// As [`Rewrite::resolve`], for delivery or for a probe.
    pub async fn resolve_for(
        &self,
        purpose: Purpose,
        sender: &str,
        recipient: &str,
    ) -> Result<Route, ResolveError> {
        let stripped = self.strip(recipient).await?;
        self.route(purpose, sender, stripped).await
    }

    /// Only the class of a domain, for `reject_unauth_destination` and unlisted recipients. A
    /// malformed address is in the default class.
    pub async fn class(&self, recipient: &str) -> Result<Class, ResolveError> {
        match self.strip(recipient).await {
            Ok(stripped) => Ok(self.class_of(&stripped).await?),
            Err(ResolveError::Syntax) => Ok(Class::Default),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests;
