//! DNS lists (`postscreen_dnsbl_sites`): asked once for all sessions of an address that are here
//! at the same time. Plays dnsblog(8), and logs in its name.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::sites::{Answer, Score, Sites};
use crate::dns::{DnsError, Resolver};
use crate::log::Log;
use crate::lookup::Maps;

/// What is needed to ask.
#[derive(Debug)]
pub struct Lists {
    /// Whom to ask.
    pub sites: Sites,
    /// By which way.
    pub resolver: Arc<Resolver>,
    /// `postscreen_dnsbl_reply_map`
    pub names: Maps,
    /// `postscreen_dnsbl_timeout`
    pub timeout: Duration,
    /// `dnsblog_reply_delay`
    pub delay: Duration,
    /// The log of dnsblog.
    pub log: Log,
    /// The limit in dnsblog's line of master.cf, if it has one.
    pub places: Option<Semaphore>,
    /// The questions that are under way or whose answers are still wanted.
    pub open: Mutex<HashMap<IpAddr, Weak<Query>>>,
}

/// The questions about one address. Dropping it ends them.
#[derive(Debug)]
pub struct Query {
    lists: Arc<Lists>,
    ip: IpAddr,
    score: Mutex<Score>,
    /// How many lists have not answered.
    pending: watch::Sender<usize>,
    tasks: Mutex<JoinSet<()>>,
}

impl Lists {
    /// Asks all lists about an address, unless that is being done already.
    pub fn ask(self: &Arc<Self>, ip: IpAddr, log: &Log) -> Arc<Query> {
        let mut open = self.lock();
        if let Some(query) = open.get(&ip).and_then(Weak::upgrade) {
            return query;
        }
        let query = Arc::new(Query {
            lists: self.clone(),
            ip,
            score: Mutex::default(),
            pending: watch::Sender::new(self.sites.len()),
            tasks: Mutex::default(),
        });
        open.insert(ip, Arc::downgrade(&query));
        drop(open);
        if let Ok(mut tasks) = query.tasks.lock() {
            let own = self.log.with_number_of(log);
            for number in 0..self.sites.len() {
                let question = Question { ip, number, log: log.clone(), own: own.clone() };
                tasks.spawn(question.ask(self.clone(), Arc::downgrade(&query)));
            }
        }
        query
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Weak<Query>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a list as clients may see it.
    pub async fn shown(&self, domain: &str, log: &Log) -> String {
        match self.names.find(domain).await {
            Ok(found) => found.unwrap_or_else(|| domain.to_owned()),
            Err(e) => {
                // The name may hold a secret.
                log.warning(format_args!("{}: lookup error for {domain}", e.table));
                "a DNS list".into()
            }
        }
    }
}

/// One list to be asked about one address.
struct Question {
    ip: IpAddr,
    number: usize,
    /// Of postscreen.
    log: Log,
    /// Of dnsblog.
    own: Log,
}

impl Question {
    async fn ask(self, lists: Arc<Lists>, query: Weak<Query>) {
        let Some(site) = lists.sites.iter().nth(self.number) else { return };
        let answer = tokio::time::timeout(lists.timeout, async {
            let _place = match &lists.places {
                Some(places) => places.acquire().await.ok(),
                None => None,
            };
            let answer = self.look_up(&lists.resolver, &site.domain).await;
            if !lists.delay.is_zero() {
                tokio::time::sleep(lists.delay).await;
            }
            answer
        });
        let Ok(answer) = answer.await else {
            let seconds = lists.timeout.as_secs();
            self.log.warning(format_args!("dnsblog reply timeout {seconds}s for {}", site.domain));
            return;
        };
        let Some(query) = query.upgrade() else { return };
        query.score().take(site, &answer);
        query.pending.send_modify(|pending| *pending = pending.saturating_sub(1));
    }

    async fn look_up(&self, resolver: &Resolver, domain: &str) -> Answer {
        let Self { ip, own, .. } = self;
        let name = reversed(*ip) + domain;
        let (found, ttl) = resolver.listing(&name).await;
        match found {
            Ok(records) => {
                let addresses = records.iter().filter_map(|record| match record.address() {
                    Some(IpAddr::V4(address)) => Some(address),
                    _ => None,
                });
                let addresses: Vec<_> = addresses.collect();
                for address in &addresses {
                    own.info(format_args!("addr {ip} listed by domain {domain} as {address}"));
                }
                Answer { addresses, ttl }
            }
            Err(failed) => {
                match failed.error {
                    DnsError::NotFound | DnsError::NoData if own.verbose() > 0 => own.info(
                        format_args!("dnsblog_query: addr {ip} not listed by domain {domain}"),
                    ),
                    DnsError::NotFound | DnsError::NoData => {}
                    _ => own.warning(format_args!(
                        "dnsblog_query: lookup error for DNS query {name}: {failed}"
                    )),
                }
                Answer { addresses: Vec::new(), ttl }
            }
        }
    }
}

impl Query {
    fn score(&self) -> MutexGuard<'_, Score> {
        self.score.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lists have said so far.
    pub fn result(&self) -> Score {
        self.score().clone()
    }

    /// Waits until all lists have answered; for ever, if one of them does not.
    pub async fn finished(&self) {
        let _ = self.pending.subscribe().wait_for(|pending| *pending == 0).await;
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        let mut open = self.lists.lock();
        // A newer one may have taken the place.
        if open.get(&self.ip).is_some_and(|query| query.strong_count() == 0) {
            open.remove(&self.ip);
        }
    }
}

/// The address backwards, with a dot behind it.
fn reversed(ip: IpAddr) -> String {
    let mut name = String::with_capacity(64);
    match ip {
        IpAddr::V4(v4) => {
            for octet in v4.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
        }
        IpAddr::V6(v6) => {
            for octet in v6.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 0xf, octet >> 4);
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(sites: &str, places: Option<usize>) -> Arc<Lists> {
        Arc::new(Lists {
            sites: Sites::parse(sites).unwrap(),
            resolver: Resolver::from_system(),
            names: Maps::default(),
            timeout: Duration::from_millis(1),
            delay: Duration::from_secs(3600),
            log: Log::new("postfix", "dnsblog"),
            places: places.map(Semaphore::new),
            open: Mutex::default(),
        })
    }

    #[test]
    fn names_in_dns() {
        assert_eq!(reversed("192.0.2.7".parse().unwrap()), "7.2.0.192.");
        let v6 = reversed("2001:db8::1".parse().unwrap());
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with("8.b.d.0.1.0.0.2."));
    }

    #[tokio::test]
    async fn questions_are_shared_and_end_with_the_last_who_asks() {
        let lists = lists("a.example b.example*2", Some(0));
        let log = Log::new("postfix", "postscreen");
        let ip = IpAddr::from([192, 0, 2, 1]);
        let (first, second) = (lists.ask(ip, &log), lists.ask(ip, &log));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.result(), Score::default());
        drop(first);
        assert_eq!(lists.lock().len(), 1);
        drop(second);
        assert!(lists.lock().is_empty());
    }

    #[tokio::test]
    async fn audit_2026_06_18_and_08_02_answers_after_the_last_session() {
        // A session that ends early, another one that comes at that moment, and answers that come
        // when nobody wants them any more: each has its own value or none.
        let lists = lists("a.example", None);
        let log = Log::new("postfix", "postscreen");
        let ip = IpAddr::from([192, 0, 2, 1]);
        let gone = lists.ask(ip, &log);
        let late = Arc::downgrade(&gone);
        drop(gone);
        assert!(late.upgrade().is_none());
        let next = lists.ask(ip, &log);
        next.score().total = 7;
        assert_eq!(lists.ask(ip, &log).result().total, 7);
        next.pending.send_modify(|pending| *pending = 0);
        let (a, b) = (next.clone(), next.clone());
        tokio::join!(a.finished(), b.finished());
        drop((a, b, next));
        assert_eq!(lists.ask(ip, &log).result().total, 0, "reads do not outlive their readers");
    }
}
