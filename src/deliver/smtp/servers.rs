//! Which servers a next hop has, in the order in which they are tried.

use std::collections::HashSet;
use std::net::IpAddr;

use super::reason::Reason;
use super::settings::{Family, Routing};
use super::srv::{self, Srv};
use crate::dns::{Data, DnsError, Kind, LookupError, Record, Resolver, Search};
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
    /// MX preference or SRV priority.
    pub preference: u16,
    /// The port of its SRV record.
    pub port: Option<u16>,
    /// How its address was found.
    pub name: Found,
}

/// The name that an address, or a list of servers, was found under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// As it was asked for.
    pub asked: String,
    /// What that is an alias of; the same name if it is none.
    pub owner: String,
    /// The name server has validated all of it (DNSSEC).
    pub validated: bool,
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
    /// The MX or SRV records that led to them.
    pub exchange: Option<Found>,
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

/// What addresses of a host are wanted for.
#[derive(Clone, Copy, Debug)]
struct Of<'a> {
    host: &'a str,
    preference: u16,
    port: Option<u16>,
    /// Whether it matters that they have been validated.
    dnssec: bool,
}

impl Finder<'_> {
    /// The mail exchangers of a domain; without MX records, the domain itself.
    pub async fn domain(&self, name: &str) -> Servers {
        let ascii = to_ascii(name);
        let failed = match self.resolver.look_up(&ascii, Kind::Mx, self.routing.search).await {
            Ok(records) => {
                let mut exchangers: Vec<(u16, &str)> = records
                    .iter()
                    .filter_map(|record| match &record.data {
                        Data::Mx { preference, host } => Some((*preference, host.as_str())),
                        _ => None,
                    })
                    .collect();
                exchangers.sort_by_key(|(preference, _)| *preference);
                let mut servers = Servers::led_by(&ascii, &records);
                let dnssec = self.hosts_matter(&servers);
                for &(preference, host) in &exchangers {
                    let of = Of { host, preference, port: None, dnssec };
                    self.host_addresses(&mut servers, of).await;
                }
                let best = exchangers.first().map(|(preference, _)| *preference);
                self.exchangers(&mut servers, name, best);
                return servers;
            }
            Err(failed) => failed,
        };
        match failed.error {
            DnsError::NotFound | DnsError::NoData => self.host(name).await,
            DnsError::NullMx | DnsError::NullSrv => none(Status::new(5, 1, 0), failed.text),
            DnsError::Policy => none(Status::new(4, 7, 0), failed.text),
            _ if self.routing.ignore_mx_error => self.host(name).await,
            DnsError::Invalid(_) => none(Status::new(5, 4, 4), failed.text),
            DnsError::NonRecoverable => none(Status::new(5, 4, 3), failed.text),
            DnsError::TryAgain | DnsError::Malformed => none(Status::new(4, 4, 3), failed.text),
        }
    }

    /// The servers that SRV records name for a service of a domain (`use_srv_lookup`). Where
    /// there are none and that is allowed, those of the domain as usual: by MX records if `mx`.
    pub async fn service(&self, name: &str, service: &str, mx: bool) -> Servers {
        let label = format!("_{service}._tcp.{}", to_ascii(name));
        let mut fall_back = self.routing.srv_fallback;
        let servers = match self.resolver.look_up(&label, Kind::Srv, self.routing.search).await {
            Ok(records) => self.srv_servers(&label, &records).await,
            Err(failed) => {
                let ignored = !matches!(
                    failed.error,
                    DnsError::NotFound | DnsError::NoData | DnsError::NullSrv | DnsError::Policy
                );
                fall_back |= ignored && self.routing.ignore_srv_error;
                none(srv::status(&failed.error), failed.text)
            }
        };
        if !servers.list.is_empty() || !fall_back {
            return servers;
        }
        let why = servers.reason.map(|reason| reason.text).unwrap_or_default();
        self.log.info(format_args!("skipping SRV lookup for {label}: {why}"));
        if mx { self.domain(name).await } else { self.host(name).await }
    }

    async fn srv_servers(&self, label: &str, records: &[Record]) -> Servers {
        let mut named: Vec<Srv<'_>> = records.iter().filter_map(Srv::of).collect();
        srv::arrange(&mut named);
        let mut servers = Servers::led_by(label, records);
        let dnssec = self.hosts_matter(&servers);
        for Srv { priority, port, host, .. } in &named {
            let of = Of { host, preference: *priority, port: Some(*port), dnssec };
            self.host_addresses(&mut servers, of).await;
        }
        if servers.list.is_empty() {
            self.log.warning(format_args!("no SRV host for {label} has a valid address record"));
            return servers;
        }
        let best = named.first().map(|srv| srv.priority);
        if self.cut(&mut servers, label, best) && self.routing.balance {
            balance(&mut servers.list, self.routing.address_limit);
        }
        servers
    }

    /// Whether it matters that the addresses of MX or SRV hosts have been validated: not if the
    /// names of the hosts have not, unless these hosts may use DANE all the same.
    fn hosts_matter(&self, servers: &Servers) -> bool {
        let led = servers.exchange.as_ref().is_some_and(|exchange| exchange.validated);
        self.routing.search.dnssec && (led || self.routing.insecure_mx_dane)
    }

    /// Cuts the list of exchangers at this system, and puts it in order.
    fn exchangers(&self, servers: &mut Servers, name: &str, best: Option<u16>) {
        if servers.list.is_empty() {
            if self.routing.defer_without_mx_address
                && let Some(reason) = &mut servers.reason
            {
                reason.status = reason.status.with_class(4);
            }
            self.log.warning(format_args!("no MX host for {name} has a valid address record"));
            return;
        }
        if self.cut(servers, name, best) {
            arrange(&mut servers.list, self.routing);
        }
    }

    /// Cuts a list of servers at this system. False if nothing is left.
    fn cut(&self, servers: &mut Servers, name: &str, best: Option<u16>) -> bool {
        let best_found = servers.list.first().map(|server| server.preference);
        let own = servers.list.iter().find(|server| self.detect_loops && self.is_own(server));
        let Some(preference) = own.map(|own| own.preference) else { return true };
        servers.self_is_mx = true;
        let cut = servers.list.iter().position(|server| server.preference == preference);
        servers.list.truncate(cut.unwrap_or_default());
        if servers.list.is_empty() && best != best_found {
            let text = format!("unable to find primary relay for {name}");
            servers.reason = Some(Reason::own(Status::new(4, 4, 4), text));
        } else if servers.list.is_empty() {
            servers.reason = Some(loop_reason(name));
            servers.loops = true;
        }
        !servers.list.is_empty()
    }

    /// The addresses of a host.
    pub async fn host(&self, name: &str) -> Servers {
        let mut servers = Servers::default();
        let dnssec = self.routing.search.dnssec;
        let of = Of { host: &to_ascii(name), preference: 0, port: None, dnssec };
        self.host_addresses(&mut servers, of).await;
        if self.detect_loops && servers.list.iter().any(|server| self.is_own(server)) {
            let reason = Some(loop_reason(name));
            return Servers { reason, loops: true, ..Servers::default() };
        }
        arrange(&mut servers.list, self.routing);
        servers
    }

    fn is_own(&self, server: &Server) -> bool {
        self.routing.own.contains(&hostname::unmapped(server.address))
    }

    /// Adds the addresses of one host, or says why there are none.
    async fn host_addresses(&self, servers: &mut Servers, of: Of<'_>) {
        let (routing, host) = (self.routing, of.host);
        let server = |host: &str, address, name| {
            let Of { preference, port, .. } = of;
            Server { host: host.to_owned(), address, preference, port, name }
        };
        if let Some(address) = hostname::address(host)
            && if address.is_ipv4() { routing.v4 } else { routing.v6 }
        {
            servers.list.push(server(host, address, Found::unsure(host)));
            return;
        }
        if routing.lookup_dns {
            let search = Search { dnssec: of.dnssec, ..routing.search };
            match self.resolver.look_up_records(host, routing.v4, routing.v6, search).await {
                Ok(records) => {
                    servers.list.extend(records.iter().filter_map(|record| {
                        let shown = if routing.cname_overrides { &record.owner } else { host };
                        Some(server(shown, record.address()?, Found::by(host, record)))
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
                Ok(found) => servers.list.extend(
                    found.into_iter().map(|address| server(host, address, Found::unsure(host))),
                ),
                Err(failed) => servers.fail_native(host, &failed),
            }
        }
    }
}

impl Found {
    /// By a record in the answer to a question for `asked`.
    fn by(asked: &str, record: &Record) -> Self {
        let Record { owner, validated, .. } = record;
        Self { asked: asked.to_owned(), owner: owner.clone(), validated: *validated }
    }

    /// Without DNS.
    fn unsure(name: &str) -> Self {
        Self { asked: name.to_owned(), owner: name.to_owned(), validated: false }
    }

    /// Whether it was found by way of an alias.
    pub fn is_alias(&self) -> bool {
        !self.asked.eq_ignore_ascii_case(&self.owner)
    }
}

impl Servers {
    /// None yet; `records` lead to them.
    fn led_by(asked: &str, records: &[Record]) -> Self {
        let exchange = records.first().map(|record| Found::by(asked, record));
        Self { exchange, ..Self::default() }
    }

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
            DnsError::NotFound
            | DnsError::NoData
            | DnsError::Invalid(_)
            | DnsError::NullMx
            | DnsError::NullSrv => (4, false),
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
        srv::shuffle(list);
    }
    list.sort_by_key(|server| {
        let family = match routing.preference {
            Family::Any => false,
            Family::V4 => server.address.is_ipv6(),
            Family::V6 => server.address.is_ipv4(),
        };
        (server.preference, family)
    });
    if routing.balance {
        balance(list, routing.address_limit);
    }
}

/// Keeps at most `limit` servers, so that neither address family crowds out the other. Zero is no
/// limit.
fn balance(list: &mut Vec<Server>, limit: usize) {
    let v4 = list.iter().filter(|server| server.address.is_ipv4()).count();
    let v6 = list.len() - v4;
    if limit == 0 || v4 == 0 || v6 == 0 || v4 + v6 <= limit {
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
            port: None,
            name: Found::default(),
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
