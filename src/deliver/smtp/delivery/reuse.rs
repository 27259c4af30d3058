//! Connections that are used again: which may be, under what they are found, and what becomes of one at the end
//! of a session.

use std::net::IpAddr;

use super::super::connection::{Connection, Keep, Peer};
use super::super::idle::{self, Endpoint};
use super::super::login::{LoginSettings, Protection};
use super::super::require_tls::Enforcement;
use super::super::servers::{Server, without};
use super::super::starttls;
use super::super::tls_status::{RequireTls, TlsStatus};
use super::super::transaction::{self, Ended};
use super::Delivery;
use crate::tls::words::Level;

impl Delivery<'_> {
    /// Whether connections for this next hop are kept (`smtp_connection_cache_destinations`, or
    /// on demand when qmgr has more for it).
    pub(super) async fn reuse_policy(&mut self, host: &str) {
        let reuse = &self.service.settings.reuse;
        let listed = reuse.any_destinations && reuse.destinations.matches(host).await == Ok(true);
        let login = &self.service.settings.login;
        self.store = (listed || (reuse.on_demand && self.attempt.request.connection_reuse))
            && !login.as_ref().is_some_and(LoginSettings::is_by_sender);
    }

    fn destination(&self, site: &str) -> idle::Destination {
        (self.service.number, format!("{site}{}", self.wish()))
    }

    /// What connections for senders with other wishes are told apart by: where nothing had to be
    /// encrypted, mail that must be is not sent over the same connection.
    fn wish(&self) -> &'static str {
        match self.attempt.enforcement {
            _ if self.attempt.needs_no_tls() => " TLS-Required: no",
            Ok(Enforcement::Disable) => "",
            Ok(Enforcement::Opportunistic) => " requiretls: opportunistic",
            Ok(Enforcement::Starttls) => " requiretls: opportunistic+starttls",
            Ok(Enforcement::Enforce) | Err(_) => " requiretls: enforce",
        }
    }

    pub(super) fn endpoint(&self, address: String, port: u16, policy: &str) -> Endpoint {
        let (service, policy) = (self.service.number, format!("{policy}{}", self.wish()));
        Endpoint { service, address, port, login: None, policy }
    }

    /// Sends over a connection that waits for mail to this next hop, and takes its server off the
    /// list; returns the number of sessions, 0 or 1.
    pub(super) async fn reuse_for_destination(
        &mut self,
        site: &str,
        list: &mut Vec<Server>,
    ) -> usize {
        self.keep_as = self.store.then(|| site.to_owned());
        while let Some(connection) = self.service.idle.for_destination(&self.destination(site)) {
            let address = connection.peer.address.parse::<IpAddr>();
            let others = list.iter().any(|server| Ok(server.address) != address);
            self.attempt.final_server =
                self.attempt.final_nexthop && (!others || self.enough(1, 1));
            if self.reuse(connection).await {
                self.used.extend(address);
                without(list, &self.used);
                return 1;
            }
        }
        0
    }

    /// A connection that is used again is as good as it was.
    fn reused_status(&mut self, connection: &Connection) {
        let requires = self.attempt.enforcement() > Enforcement::Disable;
        let mut status = TlsStatus::begin(Some(connection.level), requires);
        let level = if connection.tls.is_some() { connection.level } else { Level::None };
        status.level(level, true);
        let matched = starttls::protection(connection) == Protection::Verified;
        let met = match connection.features.require_tls && connection.tls.is_some() {
            true if matched => RequireTls::Met,
            true => RequireTls::NoMatch,
            false => RequireTls::Unknown,
        };
        status.require_tls(met, true);
        self.attempt.tls = status;
    }

    /// Sends over a connection that has been idle; false if it is of no use any more.
    pub(super) async fn reuse(&mut self, mut connection: Connection) -> bool {
        connection.reused += 1;
        if let Some(tls) = &connection.tls {
            let text = &connection.peer.name_port;
            let line = tls.summary(crate::tls::Role::Client, text, true);
            self.attempt.log.info(format_args!("{line}"));
        }
        self.reused_status(&connection);
        if !self.store {
            connection.keep = Keep::No;
        }
        let ended = transaction::send(&mut self.attempt, &mut connection, &self.mail, true).await;
        if ended == Ended::Stale {
            return false;
        }
        self.end(connection).await;
        true
    }

    /// A session is over: its connection is kept or closed, and whoever is left is free for the
    /// next server.
    pub(super) async fn end(&mut self, mut connection: Connection) {
        let good = connection.keep != Keep::Throttled;
        if connection.is_expired(self.service.settings.reuse.count) {
            transaction::quit(&self.attempt, &mut connection).await;
        }
        if connection.is_kept() && connection.output.is_empty() {
            let Peer { address, port, .. } = connection.peer.clone();
            let mut endpoint = self.endpoint(address, port, &connection.policy);
            let site = self.keep_as.take();
            if connection.login.is_some() {
                endpoint.login = Some(site.clone().unwrap_or_default());
            }
            let destination = site.map(|site| self.destination(&site));
            let time = self.service.settings.reuse.idle;
            self.service.idle.keep(connection, endpoint, destination, time);
        } else if !connection.output.is_empty() {
            connection.flush_if_possible();
        }
        if good {
            self.keep_as = None;
        }
        self.attempt.end_session();
    }
}
