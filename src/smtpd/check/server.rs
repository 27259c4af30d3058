//! Access tables asked about servers of a domain: `check_…_mx_access`, `check_…_ns_access`,
//! `check_…_a_access`.

use super::outcome::{Jump, Verdict};
use super::{About, Checks};
use crate::dns::{Data, DnsError, Kind, LookupError, Search};
use crate::mail::address;
use crate::smtpd::restriction::{Server, Subject, Table};

/// How many addresses of servers are looked up, all together.
const ADDRESSES_MAX: usize = 100;

impl Checks<'_> {
    pub(super) async fn server_access(
        &mut self,
        word: &str,
        subject: Subject,
        server: Server,
        table: &Table,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let Some((key, name, class)) = self.subject(subject) else { return Ok(Verdict::Dunno) };
        let is_client = matches!(subject, Subject::Client | Subject::ReverseClient);
        if key.is_empty() || (is_client && key.eq_ignore_ascii_case("unknown")) {
            return Ok(Verdict::Dunno);
        }
        let about = About { name: &name, class, ..about };
        let verdict = self.servers(&key, server, table, about).await?;
        self.forbid_permit(&word.to_ascii_lowercase(), verdict, &key)?;
        Ok(verdict)
    }

    async fn servers(
        &mut self,
        name: &str,
        server: Server,
        table: &Table,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let domain = name.rsplit_once('@').map_or(name, |(_, domain)| domain);
        if let Some(literal) = domain.strip_prefix('[') {
            let inside = literal.strip_suffix(']').and_then(address::literal_address);
            return match inside {
                Some(ip) if server != Server::Ns => {
                    let answer = self.address_answer(table, &ip.to_string()).await;
                    self.act_on(table, answer, domain, about).await
                }
                _ => Ok(Verdict::Dunno),
            };
        }
        let ascii = address::domain_to_ascii(domain);
        let domain = ascii.as_deref().unwrap_or(domain).to_owned();
        let hosts = match self.hosts(&domain, server).await {
            Ok(hosts) => hosts,
            Err(None) => return Ok(Verdict::Dunno),
            Err(Some(Failed { error, of })) => {
                self.log.warning(format_args!(
                    "Unable to look up {} host for {}: {}",
                    kind(server),
                    of.as_deref().unwrap_or(name),
                    error.in_short()
                ));
                return Ok(Verdict::Dunno);
            }
        };
        let mut left = ADDRESSES_MAX;
        for host in hosts {
            if let Some(verdict) = self.host(&host, server, table, about, &mut left).await? {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Dunno)
    }

    /// The servers of a domain; no error at all for a null MX.
    async fn hosts(&self, domain: &str, server: Server) -> Result<Vec<String>, Option<Failed>> {
        let resolver = &self.service.resolver;
        let failed = |error, of: &str| Some(Failed { error, of: Some(of.to_owned()) });
        match server {
            Server::A => Ok(vec![domain.to_owned()]),
            Server::Mx => match resolver.mx(domain).await {
                Ok(found) if found.iter().any(|mx| mx.host.is_empty()) => Err(None),
                Ok(found) => Ok(found.into_iter().map(|mx| mx.host).collect()),
                Err(DnsError::NotFound | DnsError::NoData) => Ok(vec![domain.to_owned()]),
                Err(error) => Err(failed(error, domain)),
            },
            Server::Ns => {
                let mut zone = domain;
                loop {
                    let found = resolver.look_up(zone, Kind::Ns, Search::default()).await;
                    match found {
                        Ok(records) => return Ok(records.iter().filter_map(name_of).collect()),
                        Err(LookupError {
                            error: error @ (DnsError::NotFound | DnsError::NoData),
                            ..
                        }) => match zone.split_once('.') {
                            Some((_, parent)) if !parent.is_empty() => zone = parent,
                            _ => return Err(Some(Failed { error, of: None })),
                        },
                        Err(LookupError { error, .. }) => return Err(failed(error, zone)),
                    }
                }
            }
        }
    }

    /// What the table says about one host; none if nothing, DUNNO if it makes an exception.
    async fn host(
        &mut self,
        host: &str,
        server: Server,
        table: &Table,
        about: About<'_>,
        left: &mut usize,
    ) -> Result<Option<Verdict>, Jump> {
        if host.parse::<std::net::IpAddr>().is_ok() {
            let answer = self.address_answer(table, host).await;
            return match answer {
                Ok(None) => Ok(None),
                answer => self.act_on(table, answer, host, about).await.map(Some),
            };
        }
        if server != Server::A {
            let answer = self.domain_answer(table, host).await;
            if !matches!(answer, Ok(None)) {
                return self.act_on(table, answer, host, about).await.map(Some);
            }
        }
        let settings = &self.service.settings;
        let resolver = &self.service.resolver;
        let addresses = match resolver.system_addresses(host, settings.ipv4, settings.ipv6).await {
            Ok(addresses) => addresses,
            Err(error) => {
                if server != Server::A {
                    self.log.warning(format_args!(
                        "Unable to look up {} host {host} for {} {}: {}",
                        kind(server),
                        about.class,
                        about.name,
                        error.text
                    ));
                }
                return Ok(None);
            }
        };
        for address in addresses {
            if *left == 0 {
                self.log.warning(format_args!(
                    "check_server_access: {} server address count limit ({ADDRESSES_MAX}) exceeded \
                     for {} {} -- ignoring the remainder",
                    kind(server),
                    about.class,
                    about.name
                ));
                return Ok(Some(Verdict::Dunno));
            }
            *left -= 1;
            let answer = self.address_answer(table, &address.to_string()).await;
            if !matches!(answer, Ok(None)) {
                return self.act_on(table, answer, &address.to_string(), about).await.map(Some);
            }
        }
        Ok(None)
    }
}

/// Servers could not be looked up.
struct Failed {
    error: DnsError,
    /// Of this domain; none if there was no domain left to ask about.
    of: Option<String>,
}

fn name_of(record: &crate::dns::Record) -> Option<String> {
    match &record.data {
        Data::Ns(name) => Some(name.clone()),
        _ => None,
    }
}

const fn kind(server: Server) -> &'static str {
    match server {
        Server::Mx => "MX",
        Server::Ns => "NS",
        Server::A => "A",
    }
}
