//! Which server is looked at, and how it has to prove itself.

use std::net::IpAddr;

use super::finger::Finger;
use crate::deliver::smtp::dane::{self, Dane, DaneSettings, Tlsas};
use crate::deliver::smtp::destination;
use crate::deliver::smtp::servers::{Finder, Found, Server, Servers};
use crate::tls::words::Level;

/// A server, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub host: String,
    /// Where it is.
    pub address: Address,
    /// The domain that it serves: `nexthop` in lists of names.
    pub domain: String,
    /// The security level for it.
    pub level: Level,
    /// Its TLSA records, if it has any that count.
    pub dane: Option<Dane>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(IpAddr, u16),
    /// The path of a UNIX socket.
    Unix(String),
}

impl Place {
    /// `name[address]:port`
    pub fn shown(&self) -> String {
        match &self.address {
            Address::Tcp(address, port) => format!("{}[{address}]:{port}", self.host),
            Address::Unix(path) => format!("{}[{path}]", self.host),
        }
    }
}

/// The servers of a destination, and what leads to them.
pub struct Candidates {
    servers: Servers,
    port: u16,
    domain: String,
}

impl Finger {
    /// Finds the servers; an error is for the log.
    pub async fn candidates(&self, destination: &str) -> Result<Candidates, String> {
        let parsed = destination::parse(destination)
            .map_err(|problem| format!("{problem} in server description: {destination}"))?;
        let usual = if self.options.lmtp { "24" } else { "smtp" };
        let service = parsed.service.unwrap_or(usual);
        let port = self.routing.ports.port(service, destination).map_err(|e| e.to_string())?;
        let finder = Finder {
            resolver: &self.resolver,
            routing: &self.routing,
            log: &self.log,
            detect_loops: false,
        };
        let servers = if self.options.lmtp || parsed.literal {
            finder.host(parsed.host).await
        } else if self.options.services {
            finder.service(parsed.host, service, true).await
        } else {
            finder.domain(parsed.host).await
        };
        Ok(Candidates { servers, port, domain: parsed.host.to_owned() })
    }

    /// What is expected of one server; none if its TLSA records cannot be had.
    async fn expected(&self, of: &Candidates, server: &Server) -> Option<Place> {
        let port = server.port.unwrap_or(of.port);
        let mut place = Place {
            host: server.host.clone(),
            address: Address::Tcp(server.address, port),
            domain: of.domain.clone(),
            level: self.options.level,
            dane: None,
        };
        if place.level.uses_dane() {
            let exchange = of.servers.exchange.as_ref();
            (place.level, place.dane) = self.by_dane(exchange, &server.name, port).await?;
        }
        Some(place)
    }

    /// What the levels `dane` and `dane-only` come to. Where smtp(8) would go on without proof,
    /// a certificate for the right name is of more interest here.
    async fn by_dane(
        &self,
        exchange: Option<&Found>,
        name: &Found,
        port: u16,
    ) -> Option<(Level, Option<Dane>)> {
        let (log, options) = (&self.log, &self.options);
        let unsure = exchange.is_some_and(|exchange| !exchange.validated);
        if unsure && options.insecure_mx == Level::May {
            log.info(format_args!("MX RRset is insecure: try to encrypt"));
            return Some((Level::May, None));
        }
        let settings = DaneSettings {
            insecure_mx: options.insecure_mx,
            force: options.force,
            ignores_mx_errors: false,
            curious: options.log.dane || options.log.verbose,
        };
        let found = dane::look_up(&self.resolver, log, &settings, name, port).await.ok()?;
        let (base, records) = match found {
            Tlsas::Some { base, records } => (base, records),
            other => {
                if options.verbose > 0 || options.level == Level::DaneOnly {
                    let usable = if other == Tlsas::Unusable { "usable " } else { "" };
                    log.info(format_args!(
                        "no {usable}TLSA records found, resorting to \"secure\""
                    ));
                }
                return Some((Level::Secure, None));
            }
        };
        if unsure && options.insecure_mx == Level::Encrypt {
            log.info(format_args!("TLSA RRs found, MX RRset insecure: just encrypt"));
            return Some((Level::Encrypt, None));
        }
        if unsure {
            log.info(format_args!("MX RRset insecure: log verified as trusted"));
        }
        let names = dane::names(&base, exchange);
        Some((options.level, Some(Dane { base, names, records, half: unsure })))
    }

    /// Tries the servers of a destination until one takes a connection.
    pub async fn connect_any(&self, of: &Candidates) -> Option<(Place, crate::tls::Stream)> {
        let destination = &self.options.destination;
        if of.servers.list.is_empty() {
            let why = of.servers.reason.as_ref().map_or("", |reason| reason.text.as_str());
            self.log.info(format_args!("Destination address lookup failed: {why}"));
        }
        for server in &of.servers.list {
            let port = server.port.unwrap_or(of.port);
            let why = match self.expected(of, server).await {
                None => format!("TLSA lookup error for {}:{port}", server.host),
                Some(place) => match self.connect(&place).await {
                    Ok(stream) => return Some((place, stream)),
                    Err(why) => why,
                },
            };
            self.log.info(format_args!(
                "Failed to establish session to {destination} via {}:{port}: {why}",
                server.host
            ));
        }
        None
    }
}
