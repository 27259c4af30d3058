//! Where the recipients of a message go: redirect, content filter, or the address resolver; and
//! into which destination each is counted.

use std::sync::Arc;

use super::roster::Roster;
use super::scheduler::{Assignment, RETRY};
use super::settings::Settings;
use crate::mail::address::{fold, same, split_extension};
use crate::mail::envelope::{Envelope, RewriteContext};
use crate::rewrite::{Class, Purpose, ResolveError, Rewrite};

/// The transport of what can never be delivered.
const ERROR: &str = "error";

/// The transport of what cleanup refused; the next hop is the reason.
const REFUSED: &str = "cleanup";

/// What was found out about some recipients of a message.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Those that go somewhere, in the order in which they are delivered.
    pub(super) assignments: Vec<Assignment>,
    /// Addresses that the resolver changed, by index.
    pub(super) rewritten: Vec<(u32, String)>,
    /// Mail for the double-bounce address, which ends here.
    pub(super) dropped: Vec<u32>,
    /// A redirect took the place of these.
    pub(super) skipped: Vec<u32>,
}

/// How this attempt differs from others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// Ignore defer_transports.
    pub(super) flushed: bool,
    /// `postsuper -e`: everything waits, so that it can be returned with a reason.
    pub(super) expired: bool,
    /// It is an address probe, and there are too many of them.
    pub(super) crowded: bool,
}

/// One recipient's way.
struct Way {
    transport: String,
    nexthop: String,
    recipient: String,
    local: bool,
}

impl Way {
    fn to(transport: &str, nexthop: &str, recipient: &str) -> Self {
        Self {
            transport: transport.into(),
            nexthop: nexthop.into(),
            recipient: recipient.into(),
            local: false,
        }
    }

    fn redirect(&mut self, transport: &str, nexthop: &str) {
        transport.clone_into(&mut self.transport);
        nexthop.clone_into(&mut self.nexthop);
    }
}

/// Resolves `recipients` (indexes into the envelope).
pub(super) async fn resolve(
    settings: Arc<Settings>,
    rewrite: Arc<Rewrite>,
    roster: Roster,
    recipients: Vec<u32>,
    attempt: Attempt,
) -> Resolved {
    let mut resolved = Resolved::default();
    let mut recipients = recipients;
    let envelope = &*roster.envelope;
    sort_by_address(&mut recipients, &roster);
    // A redirect goes out once for the whole message, in place of the first recipient.
    let redirect =
        envelope.redirect.as_deref().map(|to| rewrite.rewrite(RewriteContext::Local, to));
    if redirect.is_some() && recipients.len() > 1 {
        resolved.skipped = recipients.split_off(1);
    }
    let mut last: Option<Assignment> = None;
    for index in recipients {
        let Some(recipient) = roster.get(index) else { continue };
        let address = redirect.as_deref().unwrap_or(&recipient.address);
        let mut way = match &envelope.filter {
            _ if envelope.refused.is_some() => {
                Way::to(REFUSED, envelope.refused.as_deref().unwrap_or_default(), address)
            }
            Some(filter)
                if redirect.is_none() && !envelope.trace.expand_only && !envelope.trace.verify =>
            {
                filtered(&settings, filter, address)
            }
            _ => routed(&rewrite, envelope, address).await,
        };
        if way.recipient != recipient.address {
            resolved.rewritten.push((index, way.recipient.clone()));
        }
        if way.recipient.is_empty() {
            way.redirect(ERROR, "5.1.3 null recipient address");
        }
        if attempt.expired {
            way.redirect(RETRY, "4.7.0 message is administratively expired");
        }
        if way.local && is_double_bounce(&settings, &way.recipient) {
            resolved.dropped.push(index);
            continue;
        }
        if !attempt.flushed && settings.defer_transports.contains(&way.transport) {
            way.redirect(RETRY, "4.3.2 deferred transport");
        }
        if attempt.crowded {
            way.redirect(RETRY, "4.3.2 Too many address verification requests");
        }
        let assignment = assignment(&settings, index, &way, last.as_ref());
        last = Some(assignment.clone());
        resolved.assignments.push(assignment);
    }
    sort_by_destination(&mut resolved, &roster);
    resolved
}

fn filtered(settings: &Settings, filter: &str, address: &str) -> Way {
    let (transport, nexthop) = filter.split_once(':').unwrap_or((filter, ""));
    let nexthop = match nexthop {
        "" if !settings.default_filter_nexthop.is_empty() => &settings.default_filter_nexthop,
        "" => match address.rsplit_once('@') {
            Some((_, domain)) if !domain.is_empty() => domain,
            _ => &settings.hostname,
        },
        nexthop => nexthop,
    };
    Way::to(transport, nexthop, address)
}

async fn routed(rewrite: &Rewrite, envelope: &Envelope, address: &str) -> Way {
    let purpose = if envelope.trace.verify { Purpose::Probe } else { Purpose::Delivery };
    match rewrite.resolve_for(purpose, &envelope.sender, address).await {
        Ok(route) => Way {
            transport: route.transport,
            nexthop: route.nexthop,
            recipient: route.recipient,
            local: route.class == Class::Local,
        },
        Err(ResolveError::Syntax) => Way::to(ERROR, "5.1.3 bad address syntax", address),
        Err(ResolveError::Table(_) | ResolveError::NullTransport) => {
            Way::to(RETRY, "4.3.0 address resolver failure", address)
        }
    }
}

fn is_double_bounce(settings: &Settings, recipient: &str) -> bool {
    let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
    same(local, &settings.double_bounce)
}

fn assignment(
    settings: &Settings,
    recipient: u32,
    way: &Way,
    last: Option<&Assignment>,
) -> Assignment {
    let destination = destination(settings, way);
    let again = |known: Option<&Arc<str>>, text: &str| match known {
        Some(known) if **known == *text => known.clone(),
        _ => Arc::from(text),
    };
    Assignment {
        recipient,
        transport: again(last.map(|l| &l.transport), &way.transport),
        nexthop: again(last.map(|l| &l.nexthop), &way.nexthop),
        destination: again(last.map(|l| &l.destination), &destination),
    }
}

/// The next hop; where the agent takes one recipient at a time, each recipient at it, without its
/// address extension.
fn destination(settings: &Settings, way: &Way) -> String {
    let single = way.transport != ERROR
        && way.transport != RETRY
        && settings.recipient_limit(&way.transport) == 1;
    let name = if single {
        let local = way.recipient.rsplit_once('@').map_or(&*way.recipient, |(local, _)| local);
        let (user, _) = split_extension(local, &settings.delimiters);
        format!("{user}@{}", way.nexthop)
    } else {
        way.nexthop.clone()
    };
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase() } else { name }
}

/// The domain with its `@`; addresses without one come last.
fn domain(address: &str) -> (bool, &str) {
    match address.rfind('@') {
        Some(at) => (false, address.get(at..).unwrap_or_default()),
        None => (true, ""),
    }
}

fn by_address(a: &str, b: &str) -> std::cmp::Ordering {
    let ((a_last, a_domain), (b_last, b_domain)) = (domain(a), domain(b));
    a_last.cmp(&b_last).then_with(|| fold(a_domain).cmp(&fold(b_domain))).then_with(|| a.cmp(b))
}

fn sort_by_address(recipients: &mut [u32], roster: &Roster) {
    if recipients.len() < 2 {
        return;
    }
    recipients.sort_by(|a, b| by_address(roster.address(*a), roster.address(*b)));
}

fn sort_by_destination(resolved: &mut Resolved, roster: &Roster) {
    if resolved.assignments.len() < 2 {
        return;
    }
    let Resolved { assignments, rewritten, .. } = resolved;
    rewritten.sort_by_key(|(index, _)| *index);
    let address = |index: u32| match rewritten.binary_search_by_key(&index, |(i, _)| *i) {
        Ok(at) => rewritten.get(at).map(|(_, address)| address.as_str()).unwrap_or_default(),
        Err(_) => roster.address(index),
    };
    assignments.sort_by(|a, b| {
        a.transport
            .cmp(&b.transport)
            .then_with(|| a.destination.cmp(&b.destination))
            .then_with(|| by_address(address(a.recipient), address(b.recipient)))
    });
}
