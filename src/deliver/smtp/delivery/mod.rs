//! One request: next hop after next hop, server after server, until every recipient has its
//! outcome.

mod reuse;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::attempt::{Attempt, Scope};
use super::connect;
use super::connection::{Connection, Keep};
use super::destination::{self, Destination};
use super::encryption::{Policy, Site};
use super::handshake::{self, Way};
use super::idle::Idle;
use super::mapping::Mapping;
use super::reason::Reason;
use super::require_tls::{self, Enforcement};
use super::servers::{Finder, Found, Server, Servers, without};
use super::settings::Settings;
use super::tls_status::TlsStatus;
use super::tlsrpt;
use super::transaction::{self, Mail};
use crate::dns::Resolver;
use crate::ipc::delivery::Request;
use crate::log::Log;
use crate::mail::address;
use crate::mail::header::field_name;
use crate::mail::status::Status;
use crate::service::agent::Reporter;
use crate::service::pass::Passer;
use crate::spool::{Reader, SpoolError, StoredContent};
use crate::tls::words::Level;

/// The port on which mail comes back if it loops.
const SMTP_PORT: u16 = 25;
/// How much of a message is searched for `Delivered-To:`.
const HEADERS_MAX: usize = 64 << 10;

/// One smtp or lmtp line of master.cf, open.
#[derive(Debug)]
pub struct Service {
    /// Its number in the process.
    pub number: usize,
    /// First column of its line.
    pub name: String,
    /// Parameters.
    pub settings: Settings,
    /// Log.
    pub log: Log,
    /// Name service of the process.
    pub resolver: Arc<Resolver>,
    /// The spool.
    pub reader: Arc<Reader>,
    /// Idle connections of the process.
    pub idle: Arc<Idle>,
    /// The way to other transports.
    pub passer: Passer,
}

/// What goes on for one request.
struct Delivery<'a> {
    service: &'a Service,
    attempt: Attempt<'a>,
    mail: Mail<'a>,
    /// Connections may be kept for further mail.
    store: bool,
    /// The next hop under which the first good connection is kept; none once one has been.
    keep_as: Option<String>,
    /// Servers that a connection that had been idle led to.
    used: HashSet<IpAddr>,
}

/// The servers of a next hop that are still to be tried.
struct Rest {
    list: Vec<Server>,
    /// Preference of the best one there was.
    best: Option<u16>,
    /// Sessions that there have been.
    sessions: usize,
}

/// Where the servers of a next hop listen.
struct Place<'a> {
    port: u16,
    /// Whether mail to this port could come back here.
    loops: bool,
    nexthop: &'a str,
    /// The next hop without brackets and port: what certificates are for.
    domain: &'a str,
    /// The MX or SRV records that led there.
    exchange: Option<&'a Found>,
}

/// Delivers a message to its recipients, and says `done`.
pub async fn deliver(service: &Service, request: &Request, reporter: Reporter) {
    let log = service.log.session();
    let mut attempt = Attempt::new(&service.settings, request, &log, &reporter);
    let unreachable = match prepare(service, request, &log).await {
        Ok((content, mapping)) => {
            let mail = Mail { content: &content, mapping: &mapping };
            let (keep_as, used) = (None, HashSet::new());
            let mut delivery = Delivery { service, attempt, mail, store: false, keep_as, used };
            delivery.run(&request.nexthop).await;
            delivery.attempt.unreachable
        }
        Err(reason) => {
            attempt.nobody = &service.name;
            attempt.final_server = true;
            attempt.fail_all(None, Scope::Message, reason).await;
            None
        }
    };
    reporter.done(unreachable);
}

/// Content and addresses of a message, if it can be sent at all.
async fn prepare(
    service: &Service,
    request: &Request,
    log: &Log,
) -> Result<(StoredContent, Mapping), Reason> {
    misconfigured(service, request, log)?;
    let content = service.reader.content(request.location);
    let content = content.map_err(|failed| unreadable(log, request, &failed))?;
    let generic = service.settings.rewriting.generic.as_ref();
    let mapping = Mapping::of(generic, log, request).await.map_err(|failed| {
        log.fatal(format_args!("{failed}"));
        died()
    })?;
    if service.settings.flags.delivered_to
        && let Some(to) = request.recipients.first()
        && has_delivered_to(&content, mapping.recipient(to))
    {
        let text = format!("mail forwarding loop for {}", to.address);
        return Err(Reason::own(Status::new(5, 4, 6), text));
    }
    Ok((content, mapping))
}

/// What is said of a delivery whose agent died.
fn died() -> Reason {
    Reason::own(Status::new(4, 3, 0), "unknown mail transport error".to_owned())
}

/// Whether a `Delivered-To:` header names this address.
fn has_delivered_to(content: &StoredContent, address: &str) -> bool {
    let mut block = vec![0_u8; HEADERS_MAX];
    let count = content.read_at(0, &mut block).unwrap_or_default();
    let headers = block.get(..count).unwrap_or_default();
    for line in headers.split(|b| *b == b'\n').take_while(|line| !line.is_empty()) {
        let name = field_name(line);
        let value = line.get(name.len() + 1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"Delivered-To")
            && let Ok(value) = std::str::from_utf8(value)
            && address::same(&address::unquote(value), address)
        {
            return true;
        }
    }
    false
}

fn unreadable(log: &Log, request: &Request, failed: &SpoolError) -> Reason {
    log.warning(format_args!("{}: {failed}", request.queue_id));
    match failed {
        SpoolError::Damaged(_) => {
            Reason::own(Status::new(5, 3, 0), "unreadable mail queue entry".into())
        }
        _ => Reason::own(Status::new(4, 3, 0), "queue file read error".into()),
    }
}

/// Flags of the master.cf line that make sense for one recipient only.
fn misconfigured(service: &Service, request: &Request, log: &Log) -> Result<(), Reason> {
    let flags = service.settings.flags;
    let wrong = match (flags.delivered_to, flags.original_to) {
        _ if request.recipients.len() < 2 => return Ok(()),
        (true, _) => 'D',
        (false, true) => 'O',
        (false, false) => return Ok(()),
    };
    log.warning(format_args!(
        "flag `{wrong}' requires {}_destination_recipient_limit = 1",
        service.name
    ));
    Err(Reason::own(Status::new(4, 3, 5), "mail system configuration error".into()))
}

impl Delivery<'_> {
    async fn run(&mut self, nexthop: &str) {
        let lmtp = self.service.settings.lmtp;
        if lmtp && let Some(path) = nexthop.strip_prefix("unix:") {
            self.unix(path).await;
        } else {
            let nexthop =
                if lmtp { nexthop.strip_prefix("inet:").unwrap_or(nexthop) } else { nexthop };
            self.inet(nexthop).await;
        }
        if self.attempt.left.is_empty() {
            return;
        }
        let reason = self.attempt.reason.clone().unwrap_or_else(no_excuse);
        self.attempt.final_server = true;
        self.attempt.fail_all(None, Scope::Server, reason).await;
        self.attempt.end_session();
    }

    /// What REQUIRETLS asks of the servers of a next hop.
    async fn enforce(&mut self, domain: &str) {
        self.attempt.enforcement = match self.attempt.wants_require_tls() {
            true => self.service.settings.require_tls.of(self.attempt.log, domain).await,
            false => Ok(Enforcement::Disable),
        };
    }

    /// LMTP over a UNIX socket.
    async fn unix(&mut self, path: &str) {
        let settings = &self.service.settings;
        if !settings.routing.fallback_relay.is_empty() {
            self.attempt.log.warning(format_args!(
                "ignoring \"lmtp_fallback_relay = {}\" setting for non-TCP connections",
                settings.routing.fallback_relay
            ));
        }
        let host = settings.greeting.myhostname.clone();
        self.enforce(&host).await;
        self.reuse_policy(path).await;
        self.attempt.final_nexthop = true;
        self.attempt.final_server = true;
        if self.reuse_for_destination(path, &mut Vec::new()).await > 0 {
            return;
        }
        let domain = host.as_str();
        let place = Place { port: 0, loops: false, nexthop: path, domain, exchange: None };
        let Some(mut policy) = self.policy(&place, &host, None).await else { return };
        if policy.level == Level::May {
            self.attempt.log.warning(format_args!(
                "smtp_connect_local: opportunistic TLS encryption is not appropriate for \
                 unix-domain destinations."
            ));
            policy = Policy::plain();
        }
        match connect::unix(settings, self.attempt.log, path).await {
            Ok(connection) => {
                let way = Way { loops: false, nexthop: path, policy: &policy };
                self.session(connection, way).await;
            }
            Err(reason) => self.attempt.reason = Some(reason),
        }
    }

    /// All next hops of a list, then the fallback relays.
    async fn inet(&mut self, nexthop: &str) {
        let routing = &self.service.settings.routing;
        if !routing.v4 && !routing.v6 {
            let text = "all network protocols are disabled".to_owned();
            self.attempt.reason = Some(Reason::own(Status::new(4, 4, 4), text));
            return;
        }
        let own: Vec<&str> = destination::sites(nexthop).collect();
        let fallback: Vec<&str> = destination::sites(&routing.fallback_relay).collect();
        let sites: Vec<&str> = own.iter().chain(&fallback).copied().collect();
        let mut last = 0;
        for (index, site) in sites.iter().enumerate() {
            last = index;
            self.attempt.final_nexthop |= index + 1 == sites.len();
            if let Err(fatal) = self.site(site, index == 0).await {
                self.attempt.log.fatal(format_args!("{fatal}"));
                self.attempt.reason = Some(died());
                return;
            }
            if self.attempt.left.is_empty() {
                return;
            }
            if self.attempt.final_nexthop {
                break;
            }
        }
        let forgiven = self.forgive(last >= own.len(), own.first().copied());
        let loops = |reason: &Reason| reason.status == Status::new(5, 4, 6);
        if !forgiven
            && !routing.best_mx_transport.is_empty()
            && self.attempt.reason.as_ref().is_some_and(loops)
        {
            self.attempt.pass_all(&self.service.passer, &routing.best_mx_transport).await;
        }
    }

    /// What looks like a mistake in the configuration does not make mail bounce: it waits.
    fn forgive(&mut self, fallback: bool, first: Option<&str>) -> bool {
        let routing = &self.service.settings.routing;
        let reason = self.attempt.reason.get_or_insert_with(no_excuse);
        if reason.is_temporary() {
            return true;
        }
        let relayhost = !routing.relayhost.is_empty() && first == Some(&routing.relayhost);
        let parameter = match (fallback, relayhost) {
            (true, _) => "smtp_fallback_relay",
            (false, true) => "relayhost",
            (false, false) => return false,
        };
        self.attempt.log.warning(format_args!("{parameter} configuration problem"));
        reason.status = Status::new(4, 3, 5);
        true
    }

    /// One next hop; an error means that it makes no sense at all.
    async fn site(&mut self, site: &str, first: bool) -> Result<(), String> {
        let routing = &self.service.settings.routing;
        let parsed = destination::parse(site)
            .map_err(|problem| format!("{problem} in server description: {site}"))?;
        let service = parsed.service.unwrap_or(&routing.default_service);
        let port = routing.ports.port(service, site).map_err(|problem| problem.to_string())?;
        if port == 465 && !self.service.settings.encryption.wrapper {
            let prefix = if self.service.settings.lmtp { "lmtp" } else { "smtp" };
            self.attempt.log.info(format_args!(
                "SMTPS wrappermode (TCP port 465) requires setting \
                 \"{prefix}_tls_wrappermode = yes\", and \"{prefix}_tls_security_level = encrypt\" \
                 (or stronger)"
            ));
        }
        self.enforce(parsed.host).await;
        let (resolver, reporting) = (&self.service.resolver, &self.service.settings.reporting);
        self.attempt.tlsrpt = reporting.begin(resolver, &self.attempt, parsed.host).await;
        let loops = !self.service.settings.lmtp && port == SMTP_PORT;
        let mut servers = self.find(&parsed, service, loops).await;
        if servers.self_is_mx || (servers.list.is_empty() && servers.loops) {
            self.attempt.final_nexthop = true;
        }
        if servers.list.is_empty() {
            self.attempt.reason = servers.reason;
            return Ok(());
        }
        // What could not be found does not matter once something has been.
        self.attempt.reason = None;
        let best = servers.list.first().map(|server| server.preference);
        if first {
            self.reuse_policy(parsed.host).await;
        }
        without(&mut servers.list, &self.used);
        let sessions = match first {
            true => self.reuse_for_destination(site, &mut servers.list).await,
            false => 0,
        };
        if sessions == 0 || !self.enough(sessions, sessions) {
            let rest = Rest { list: servers.list, best, sessions };
            let exchange = servers.exchange.as_ref();
            let place = Place { port, loops, nexthop: site, domain: parsed.host, exchange };
            self.servers(rest, &place).await;
        }
        Ok(())
    }

    async fn find(
        &self,
        destination: &Destination<'_>,
        service: &str,
        detect_loops: bool,
    ) -> Servers {
        let routing = &self.service.settings.routing;
        let finder = Finder {
            resolver: &self.service.resolver,
            routing,
            log: self.attempt.log,
            detect_loops,
        };
        let by_dns = !routing.no_dns && !destination.literal;
        let exchangers = !self.service.settings.lmtp && by_dns;
        if by_dns
            && routing.any_srv_services
            && routing.srv_services.matches(service).await == Ok(true)
        {
            finder.service(destination.host, service, exchangers).await
        } else if exchangers {
            finder.domain(destination.host).await
        } else {
            finder.host(destination.host).await
        }
    }

    /// Whether the limits of a next hop are reached after so many servers and sessions.
    fn enough(&self, servers: usize, sessions: usize) -> bool {
        let routing = &self.service.settings.routing;
        let reached = |count: usize, limit: usize| limit > 0 && count >= limit;
        reached(servers, routing.address_limit) || reached(sessions, routing.session_limit)
    }

    /// The servers of one next hop that have not been tried.
    async fn servers(&mut self, rest: Rest, place: &Place<'_>) {
        let Rest { mut list, best, mut sessions } = rest;
        let idle = &self.service.idle;
        let is_best = |server: &Server| Some(server.preference) == best;
        let mut shared = HashSet::new();
        for server in &list {
            if self.needs_no_login(&server.host, place.nexthop).await {
                shared.insert(server.address);
            }
        }
        // Connections that wait come before new ones, among the most preferred servers.
        let waits = |server: &Server| {
            let port = server.port.unwrap_or(place.port);
            shared.contains(&server.address)
                && idle.has(self.service.number, &server.address.to_string(), port)
        };
        list.sort_by_key(|server| !(is_best(server) && waits(server)));
        let before = sessions;
        for (index, server) in list.iter().enumerate() {
            if self.attempt.left.is_empty() {
                return;
            }
            let tried = before + index + 1;
            let last = index + 1 == list.len();
            self.attempt.final_server =
                self.attempt.final_nexthop && (last || self.enough(tried, sessions));
            let port = server.port.unwrap_or(place.port);
            let place = &Place { port, ..*place };
            let name = Some(&server.name);
            let Some(policy) = self.policy(place, &server.host, name).await else { continue };
            let endpoint = self.endpoint(server.address.to_string(), port, &policy.key());
            let may_share = shared.contains(&server.address);
            let waiting = may_share.then(|| idle.for_endpoint(&endpoint)).flatten();
            let waited = match waiting {
                Some(mut connection) => {
                    connection.best_mx = is_best(server);
                    self.attempt.final_server |=
                        self.attempt.final_nexthop && self.enough(tried, sessions + 1);
                    self.reuse(connection).await
                }
                None => false,
            };
            let used = waited
                || self.fresh(server, place, is_best(server), (tried, sessions), policy).await;
            sessions += usize::from(used);
            if self.enough(tried, sessions) {
                return;
            }
        }
    }

    /// Whether a connection with this host is for everybody: those that we log in to are for one
    /// next hop only.
    async fn needs_no_login(&self, host: &str, nexthop: &str) -> bool {
        match &self.service.settings.login {
            None => true,
            Some(login) => {
                let sender = &self.attempt.request.sender;
                matches!(login.credentials(sender, host, nexthop).await, Ok(None))
            }
        }
    }

    /// The TLS policy for a host of a next hop; none if there can be no mail there. The reason is
    /// noted.
    async fn policy(
        &mut self,
        place: &Place<'_>,
        host: &str,
        name: Option<&Found>,
    ) -> Option<Policy> {
        let Place { nexthop, domain, port, exchange, .. } = *place;
        let encryption = &self.service.settings.encryption;
        let log = self.attempt.log;
        let (resolver, routing) = (&*self.service.resolver, &self.service.settings.routing);
        let site = Site { nexthop, domain, host, port, name, exchange, resolver, routing };
        let found = match self.attempt.needs_no_tls() {
            true => encryption.relaxed(log, &site),
            false => encryption.policy(log, &site).await,
        };
        let level = found.as_ref().ok().map(|policy| policy.level);
        let requires = self.attempt.enforcement() > Enforcement::Disable;
        self.attempt.tls = TlsStatus::begin(level, requires);
        let fitting = found.and_then(|policy| {
            require_tls::fits(&mut self.attempt, policy.level, host).map(|()| policy)
        });
        if let Ok(policy) = &fitting {
            tlsrpt::server(&mut self.attempt, policy);
        }
        match fitting {
            Ok(policy) if encryption.wrapper && !policy.level.requires_tls() => {
                let prefix = if self.service.settings.lmtp { "lmtp" } else { "smtp" };
                log.warning(format_args!(
                    "{prefix}_tls_wrappermode requires \"{prefix}_tls_security_level = encrypt\" \
                     (or stronger)"
                ));
                None
            }
            Ok(policy) => Some(policy),
            Err(reason) => {
                let why = &reason.text;
                let about = match name {
                    Some(_) => format!("TLS policy lookup for {nexthop}/{host}"),
                    None => format!("TLS policy lookup error for {host}/{nexthop}"),
                };
                log.warning(format_args!("{about}: {why}"));
                self.attempt.reason = Some(reason);
                None
            }
        }
    }

    /// A new connection; true if a message was sent over it, or might have been. Where TLS is
    /// welcome but not required and has failed, there may be another one without.
    async fn fresh(
        &mut self,
        server: &Server,
        place: &Place<'_>,
        best: bool,
        (tried, sessions): (usize, usize),
        mut policy: Policy,
    ) -> bool {
        let (settings, log) = (&self.service.settings, self.attempt.log);
        let is_final = self.attempt.final_server;
        loop {
            let connected =
                connect::tcp(settings, log, &server.host, server.address, place.port).await;
            let mut connection = match connected {
                Ok(connection) => connection,
                Err(reason) => {
                    log.info(format_args!("{}", reason.text));
                    self.attempt.reason = Some(reason);
                    return false;
                }
            };
            connection.best_mx = best;
            let way = Way { loops: place.loops, nexthop: place.nexthop, policy: &policy };
            let greeted = self.greeted(&mut connection, way).await;
            if greeted {
                self.attempt.final_server |=
                    self.attempt.final_nexthop && self.enough(tried, sessions + 1);
                transaction::send(&mut self.attempt, &mut connection, &self.mail, false).await;
            }
            let again = connection.retry_plain;
            self.end(connection).await;
            if !again || self.attempt.left.is_empty() {
                return greeted;
            }
            policy = Policy::plain();
            self.attempt.final_server = is_final;
        }
    }

    /// Greets; if that fails, says goodbye.
    async fn greeted(&mut self, connection: &mut Connection, way: Way<'_>) -> bool {
        if !self.store {
            connection.keep = Keep::No;
        }
        if self.attempt.tlsrpt.is_some() {
            connection.note_own_address();
        }
        connection.level = way.policy.level;
        connection.policy = way.policy.key();
        connection.nexthop = way.nexthop.to_owned();
        let greeted = handshake::greet(&mut self.attempt, connection, way).await;
        if greeted.is_err() {
            let keep = connection.keep;
            transaction::quit(&self.attempt, connection).await;
            connection.keep = keep;
        }
        greeted.is_ok()
    }

    async fn session(&mut self, mut connection: Connection, way: Way<'_>) {
        if self.greeted(&mut connection, way).await {
            transaction::send(&mut self.attempt, &mut connection, &self.mail, false).await;
        }
        self.end(connection).await;
    }
}

/// Servers were found, but nothing came of it.
fn no_excuse() -> Reason {
    let text = "server unavailable or unable to receive mail".to_owned();
    Reason::own(Status::new(4, 3, 0), text)
}
