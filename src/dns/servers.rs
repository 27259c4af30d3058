//! The name servers of /etc/resolv.conf, asked in its order, with its time limits.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle as _, FirstAnswer as _};
use hickory_resolver::net::{DnsError as NetDnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Query, ResponseCode};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};

use super::answer::{self, Asked};
use super::{DnsError, Kind, Search};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How often resolv.conf is looked at for a change at most.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

type Pool = NameServerPool<TokioRuntimeProvider>;

/// The name servers.
#[derive(Debug)]
pub(super) struct Servers {
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    settings: Arc<Settings>,
    modified: Option<SystemTime>,
    looked: Instant,
}

/// One reading of resolv.conf.
struct Settings {
    /// One for each `nameserver`.
    pools: Vec<Pool>,
    attempts: usize,
    timeout: Duration,
    search: Vec<Name>,
    ndots: usize,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("servers", &self.pools.len()).finish_non_exhaustive()
    }
}

impl Servers {
    /// Reads resolv.conf; without it the server is the one of this machine.
    pub(super) fn from_system() -> Self {
        Self { current: RwLock::new(Current::read()) }
    }

    /// Asks for `name`, and under the names of the search list where `search` says so.
    pub(super) async fn ask(&self, name: &str, kind: Kind, search: Search) -> Asked {
        let Ok(mut absolute) = Name::from_ascii(name) else {
            return Err(DnsError::NotFound).into();
        };
        absolute.set_fqdn(true);
        let settings = self.settings();
        let mut outcome = Asked::from(Err(DnsError::NotFound));
        for name in settings.candidates(absolute, search) {
            let asked = settings.ask(&name, kind, search.dnssec).await;
            match asked.answer {
                Err(DnsError::NotFound) if matches!(outcome.answer, Err(DnsError::NoData)) => {}
                Err(DnsError::NotFound | DnsError::NoData) => outcome = asked,
                _ => return asked,
            }
        }
        outcome
    }

    /// The settings, read again if the file has changed.
    fn settings(&self) -> Arc<Settings> {
        let stale = match self.current.read() {
            Ok(current) if current.looked.elapsed() < LOOK_AGAIN => {
                return current.settings.clone();
            }
            Ok(current) => modified() != current.modified,
            Err(_) => true,
        };
        let mut current = match self.current.write() {
            Ok(current) => current,
            Err(poisoned) => poisoned.into_inner(),
        };
        if stale {
            *current = Current::read();
        } else {
            current.looked = Instant::now();
        }
        current.settings.clone()
    }
}

impl Current {
    fn read() -> Self {
        let modified = modified();
        let text = std::fs::read(RESOLV_CONF).unwrap_or_default();
        Self { settings: Arc::new(Settings::parse(&text)), modified, looked: Instant::now() }
    }
}

fn modified() -> Option<SystemTime> {
    std::fs::metadata(RESOLV_CONF).and_then(|file| file.modified()).ok()
}

impl Settings {
    fn parse(text: &[u8]) -> Self {
        let (servers, search, mut options) = match parse_resolv_conf(text) {
            Ok((config, options)) => {
                let mut search = config.search().to_vec();
                if search.is_empty() {
                    search.extend(config.domain().cloned());
                }
                (config.name_servers().to_vec(), search, options)
            }
            // What libc does without a usable line.
            Err(_) => {
                let local = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
                (vec![local], Vec::new(), ResolverOpts::default())
            }
        };
        options.num_concurrent_reqs = 1;
        options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        options.case_randomization = false;
        let (attempts, timeout, ndots) =
            (options.attempts.clamp(1, 5), options.timeout, options.ndots);
        let pool = |server| {
            // Without TLS features there is nothing in it that could fail.
            let context = PoolContext::new(options.clone(), TlsConfig::new().ok()?);
            let provider = TokioRuntimeProvider::default();
            Some(Pool::from_config([server], Arc::new(context), provider))
        };
        let pools = servers.into_iter().filter_map(pool).collect();
        Self { pools, attempts, timeout, search, ndots }
    }

    /// The names to ask for, in order.
    fn candidates(&self, name: Name, search: Search) -> Vec<Name> {
        let dots = usize::from(name.num_labels()).saturating_sub(1);
        let listed = if search.search_list {
            self.search.as_slice()
        } else if search.default_domain && dots == 0 {
            self.search.get(..1).unwrap_or_default()
        } else {
            &[]
        };
        let mut relative = name.clone();
        relative.set_fqdn(false);
        let mut names: Vec<Name> = listed
            .iter()
            .filter_map(|domain| relative.clone().append_domain(domain).ok())
            .collect();
        if dots >= self.ndots || names.is_empty() {
            names.insert(0, name);
        } else {
            names.push(name);
        }
        names
    }

    /// Asks one server after the other, all of them as often as resolv.conf says.
    async fn ask(&self, name: &Name, kind: Kind, dnssec: bool) -> Asked {
        let mut failure = DnsError::TryAgain;
        for _ in 0..self.attempts {
            for pool in &self.pools {
                let query = Query::query(name.clone(), kind.record_type());
                let mut options = DnsRequestOptions::default();
                options.use_edns = pool.context().options.edns0 || dnssec;
                options.edns_set_dnssec_ok = dnssec;
                let mut request = DnsRequest::from_query(query, options);
                // We understand the AD bit of the reply (RFC 6840 section 5.7).
                request.metadata.authentic_data = dnssec;
                let reply = pool.send(request).first_answer();
                match tokio::time::timeout(self.timeout + Duration::from_secs(1), reply).await {
                    Ok(Ok(reply)) => {
                        let asked = answer::read(&reply, kind);
                        if asked.answer != Err(DnsError::TryAgain) {
                            return asked;
                        }
                    }
                    Ok(Err(NetError::Dns(NetDnsError::NoRecordsFound(none)))) => {
                        let absent = none.soa.as_ref().map(|soa| soa.ttl);
                        let nothing = Asked::from(Err(match none.response_code {
                            ResponseCode::NXDomain => DnsError::NotFound,
                            _ => DnsError::NoData,
                        }));
                        return Asked { absent, ..nothing };
                    }
                    Ok(Err(NetError::Dns(NetDnsError::ResponseCode(code)))) => match code {
                        // The next server may know better.
                        ResponseCode::ServFail | ResponseCode::Refused | ResponseCode::NotImp => {}
                        _ => return Err(DnsError::NonRecoverable).into(),
                    },
                    Ok(Err(NetError::Proto(_))) => failure = DnsError::Malformed,
                    Ok(Err(_)) | Err(_) => {}
                }
            }
        }
        Err(failure).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &Settings, name: &str, search: Search) -> Vec<String> {
        let mut name = Name::from_ascii(name).unwrap();
        name.set_fqdn(true);
        settings.candidates(name, search).iter().map(Name::to_ascii).collect()
    }

    #[test]
    fn search_list_only_when_asked_for() {
        let conf = b"nameserver 192.0.2.53\nsearch one.example two.example\noptions timeout:2";
        let settings = Settings::parse(conf);
        assert_eq!((settings.pools.len(), settings.timeout), (1, Duration::from_secs(2)));
        assert_eq!(names(&settings, "host", Search::default()), ["host."]);
        let defnames = Search { default_domain: true, ..Search::default() };
        assert_eq!(names(&settings, "host", defnames), ["host.one.example.", "host."]);
        assert_eq!(names(&settings, "host.example", defnames), ["host.example."]);
        let searching = Search { default_domain: true, search_list: true, dnssec: false };
        assert_eq!(
            names(&settings, "host.x", searching),
            ["host.x.", "host.x.one.example.", "host.x.two.example."]
        );
    }

    #[test]
    fn without_servers_this_machine_is_asked() {
        assert_eq!(Settings::parse(b"").pools.len(), 1);
    }
}
