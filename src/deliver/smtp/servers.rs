//! Which servers a next hop has, in the order in which they are tried.

use std::collections::HashSet;
use std::net::IpAddr;

use super::reason::Reason;
use super::settings::{Family, Routing};
use crate::dns::{DnsError, Kind, LookupError, Resolver};
use crate::log::Log;
use crate::mail::hostname;
use crate::mail::status::Status;
use crate::sys::netdb::{NetdbError, NetdbErrorKind};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name in the log.
    pub host: String,
    /// Where it is.
    pub address: IpAddr,
    /// MX preference.
    pub preference: u16,
}

/// The servers of a next hop.
#[derive(Debug, Default)]
pub struct Servers {
    /// In order.
    pub list: Vec<Server>,
    /// Why there are none, or why some could not be found.
    pub reason: Option<Reason>,
    /// This system is one of the mail exchangers.
    pub self_is_mx: bool,
    /// Mail would come back here.
    pub loops: bool,
}

/// Looks servers up.
#[derive(Clone, Copy, Debug)]
pub struct Finder<'a> {
    /// Name service.
    pub resolver: &'a Resolver,
    /// Parameters.
    pub routing: &'a Routing,
    /// Log.
    pub log: &'a Log,
    /// Whether mail to this port could come back here.
    pub detect_loops: bool,
}

impl Finder<'_> {
    /// The mail exchangers of a domain; without MX records, the domain itself.
    pub async fn domain(&self, name: &str) -> Servers {
        let ascii = to_ascii(name);
        let failed = match self.resolver.look_up_mx(&ascii, self.routing.search).await {
            Ok(exchangers) => {
                let mut servers = Servers::default();
                let best = exchangers.first().map(|mx| mx.preference);
                for mx in &exchangers {
                    self.host_addresses(&mut servers, &mx.host, mx.preference).await;
                }
                self.exchangers(&mut servers, name, best);
                return servers;
            }
            Err(failed) => failed,
        };
        match failed.error {
            DnsError::NotFound | DnsError::NoData => self.host(name).await,
            DnsError::NullMx => none(Status::new(5, 1, 0), failed.text),
            DnsError::Policy => none(Status::new(4, 7, 0), failed.text),
            _ if self.routing.ignore_mx_error => self.host(name).await,
            DnsError::Invalid(_) => none(Status::new(5, 4, 4), failed.text),
            DnsError::NonRecoverable => none(Status::new(5, 4, 3), failed.text),
            DnsError::TryAgain | DnsError::Malformed => none(Status::new(4, 4, 3), failed.text),
        }
    }

    /// Cuts the list of exchangers at this system, and puts it in order.
    fn exchangers(&self, servers: &mut Servers, name: &str, best: Option<u16>) {
        let Some(best_found) = servers.list.first().map(|server| server.preference) else {
            if self.routing.defer_without_mx_address
                && let Some(reason) = &mut servers.reason
            {
                reason.status = reason.status.with_class(4);
            }
            self.log.warning(format_args!("no MX host for {name} has a valid address record"));
            return;
        };
        if self.detect_loops
            && let Some(own) = servers.list.iter().find(|server| self.is_own(server))
        {
            let preference = own.preference;
            servers.self_is_mx = true;
            let cut = servers.list.iter().position(|server| server.preference == preference);
            servers.list.truncate(cut.unwrap_or_default());
            if servers.list.is_empty() {
                if best != Some(best_found) {
                    let text = format!("unable to find primary relay for {name}");
                    servers.reason = Some(Reason::own(Status::new(4, 4, 4), text));
                } else {
                    servers.reason = Some(loop_reason(name));
                    servers.loops = true;
                }
                return;
            }
        }
        arrange(&mut servers.list, self.routing);
    }

    /// The addresses of a host.
    pub async fn host(&self, name: &str) -> Servers {
        let mut servers = Servers::default();
        self.host_addresses(&mut servers, &to_ascii(name), 0).await;
        if self.detect_loops && servers.list.iter().any(|server| self.is_own(server)) {
            return Servers {
                list: Vec::new(),
                reason: Some(loop_reason(name)),
                self_is_mx: false,
                loops: true,
            };
        }
        arrange(&mut servers.list, self.routing);
        servers
    }

    fn is_own(&self, server: &Server) -> bool {
        self.routing.own.contains(&hostname::unmapped(server.address))
    }

    /// Adds the addresses of one host, or says why there are none.
    async fn host_addresses(&self, servers: &mut Servers, host: &str, preference: u16) {
        let routing = self.routing;
        if let Some(address) = hostname::address(host)
            && if address.is_ipv4() { routing.v4 } else { routing.v6 }
        {
            servers.list.push(Server { host: host.into(), address, preference });
            return;
        }
        if routing.lookup_dns {
            match self.dns_addresses(host).await {
                Ok(found) => {
                    servers.list.extend(found.into_iter().map(|(name, address)| Server {
                        host: name,
                        address,
                        preference,
                    }));
                    return;
                }
                Err(failed) => {
                    let not_found = matches!(failed.error, DnsError::NotFound | DnsError::NoData);
                    servers.fail_dns(failed);
                    if !not_found {
                        return;
                    }
                }
            }
        }
        if routing.lookup_native {
            match self.resolver.system_addresses(host, routing.v4, routing.v6).await {
                Ok(found) => servers.list.extend(found.into_iter().map(|address| Server {
                    host: host.into(),
                    address,
                    preference,
                })),
                Err(failed) => servers.fail_native(host, &failed),
            }
        }
    }

    /// Addresses by DNS, with the name that the log shows.
    async fn dns_addresses(&self, host: &str) -> Result<Vec<(String, IpAddr)>, LookupError> {
        let routing = self.routing;
        if !routing.cname_overrides {
            let found = self
                .resolver
                .look_up_addresses(host, routing.v4, routing.v6, routing.search)
                .await?;
            return Ok(found.into_iter().map(|address| (host.to_owned(), address)).collect());
        }
        let mut found = Vec::new();
        let mut failure = None;
        for (wanted, kind) in [(routing.v4, Kind::A), (routing.v6, Kind::Aaaa)] {
            if !wanted {
                continue;
            }
            match self.resolver.look_up(host, kind, routing.search).await {
                Ok(records) => found
                    .extend(records.iter().filter_map(|r| Some((r.owner.clone(), r.address()?)))),
                Err(failed) => failure = Some(failed),
            }
        }
        match failure {
            Some(failed) if found.is_empty() => Err(failed),
            _ => Ok(found),
        }
    }
}

impl Servers {
    /// A temporary failure is never hidden by a permanent one.
    fn fail(&mut self, hard: Status, soft: Status, temporary: bool, text: String) {
        let before = self.reason.as_ref().is_some_and(Reason::is_temporary);
        let status = if temporary || before { soft } else { hard };
        self.reason = Some(Reason::own(status, text));
    }

    fn fail_dns(&mut self, failed: LookupError) {
        let (detail, temporary) = match failed.error {
            DnsError::Policy => {
                self.reason = Some(Reason::own(Status::new(4, 7, 0), failed.text));
                return;
            }
            DnsError::NotFound | DnsError::NoData | DnsError::Invalid(_) | DnsError::NullMx => {
                (4, false)
            }
            DnsError::NonRecoverable => (3, false),
            DnsError::TryAgain | DnsError::Malformed => (3, true),
        };
        let (hard, soft) = (Status::new(5, 4, detail), Status::new(4, 4, detail));
        self.fail(hard, soft, temporary, failed.text);
    }

    fn fail_native(&mut self, host: &str, failed: &NetdbError) {
        let temporary = matches!(failed.kind, NetdbErrorKind::TryAgain | NetdbErrorKind::System);
        let no_host = matches!(
            failed.kind,
            NetdbErrorKind::TryAgain | NetdbErrorKind::NoData | NetdbErrorKind::NotFound
        );
        let (subject, detail) = if no_host { (4, 4) } else { (3, 0) };
        let (hard, soft) = (Status::new(5, subject, detail), Status::new(4, subject, detail));
        self.fail(hard, soft, temporary, format!("unable to look up host {host}: {failed}"));
    }
}

fn none(status: Status, text: String) -> Servers {
    Servers { reason: Some(Reason::own(status, text)), ..Servers::default() }
}

fn loop_reason(name: &str) -> Reason {
    Reason::own(Status::new(5, 4, 6), format!("mail for {name} loops back to myself"))
}

/// A name for DNS (IDNA); what cannot be converted stays, and is refused there.
fn to_ascii(name: &str) -> std::borrow::Cow<'_, str> {
    #[cfg(feature = "eai")]
    if !name.is_ascii()
        && let Ok(ascii) = idna::domain_to_ascii(name)
    {
        return std::borrow::Cow::Owned(ascii);
    }
    std::borrow::Cow::Borrowed(name)
}

/// Random order among equals, then by preference and address family, then no more of one family
/// than leaves room for the other.
fn arrange(list: &mut Vec<Server>, routing: &Routing) {
    if list.len() < 2 {
        return;
    }
    if routing.randomize {
        shuffle(list);
    }
    list.sort_by_key(|server| {
        let family = match routing.preference {
            Family::Any => false,
            Family::V4 => server.address.is_ipv6(),
            Family::V6 => server.address.is_ipv4(),
        };
        (server.preference, family)
    });
    if routing.balance && routing.address_limit > 0 {
        balance(list, routing.address_limit);
    }
}

/// Every order is equally likely.
fn shuffle(list: &mut [Server]) {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new();
    for last in (1..list.len()).rev() {
        let other = usize::try_from(random.hash_one(last) >> 1).unwrap_or_default() % (last + 1);
        list.swap(last, other);
    }
}

/// Keeps at most `limit` servers, so that neither address family crowds out the other.
fn balance(list: &mut Vec<Server>, limit: usize) {
    let v4 = list.iter().filter(|server| server.address.is_ipv4()).count();
    let v6 = list.len() - v4;
    if v4 == 0 || v6 == 0 || v4 + v6 <= limit {
        return;
    }
    let first_is_v4 = list.first().is_some_and(|server| server.address.is_ipv4());
    let mut room_v4 = if v6 <= limit / 2 {
        limit - v6
    } else if v4 <= limit / 2 {
        v4
    } else {
        (limit + usize::from(first_is_v4)) / 2
    };
    let mut room_v6 = limit - room_v4;
    list.retain(|server| {
        let room = if server.address.is_ipv4() { &mut room_v4 } else { &mut room_v6 };
        let fits = *room > 0;
        *room = room.saturating_sub(1);
        fits
    });
}

/// Takes out of `list` what `used` has.
pub fn without(list: &mut Vec<Server>, used: &HashSet<IpAddr>) {
    list.retain(|server| !used.contains(&server.address));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(addresses: &[&str]) -> Vec<Server> {
        let server = |text: &&str| Server {
            host: "mx".into(),
            address: text.parse().unwrap(),
            preference: 10,
        };
        addresses.iter().map(server).collect()
    }

    #[test]
    fn families_share_the_room() {
        let mut list = servers(&["::1", "::2", "::3", "::4", "::5", "192.0.2.1", "192.0.2.2"]);
        balance(&mut list, 5);
        assert_eq!(list, servers(&["::1", "::2", "::3", "192.0.2.1", "192.0.2.2"]));
        let mut list = servers(&["192.0.2.1", "192.0.2.2", "::1"]);
        balance(&mut list, 5);
        assert_eq!(list.len(), 3);
    }

    #[test]
    fn shuffling_loses_nobody() {
        let mut list = servers(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        let before = list.clone();
        shuffle(&mut list);
        assert!(before.iter().all(|server| list.contains(server)));
    }

    #[test]
    fn temporary_failures_stick() {
        let about = |error| LookupError { error, text: String::new() };
        let mut servers = Servers::default();
        servers.fail_dns(about(DnsError::NotFound));
        assert_eq!(servers.reason.as_ref().unwrap().status, Status::new(5, 4, 4));
        servers.fail_dns(about(DnsError::TryAgain));
        assert_eq!(servers.reason.as_ref().unwrap().status, Status::new(4, 4, 3));
        servers.fail_dns(about(DnsError::NotFound));
        assert_eq!(servers.reason.as_ref().unwrap().status, Status::new(4, 4, 4));
    }
}
