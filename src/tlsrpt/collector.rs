//! Takes handshakes in, keeps the sums, and sends reports when their time has come.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::letter::{self, Envelope};
use super::post::{self, Trouble};
use super::report::{Period, Report};
use super::totals::{DOMAINS_MAX, DomainTotals, Totals};
use crate::cleanup::{Cleanup, Origin, Skip};
use crate::config::{Config, parameters as p, why};
use crate::ipc::tlsrpt::Handshake;
use crate::log::Log;
use crate::mail::envelope::Recipient;
use crate::spool::Location;
use crate::wire::tlsrpt::{Place, Record, Url};

/// Handshakes that wait to be counted. When more come in than that, some go uncounted: nobody
/// waits for statistics.
const WAITING: usize = 4096;

/// Between two looks at what is to be sent, and to be saved.
const ROUND: Duration = Duration::from_secs(60);

/// Reports that are sent in one round: they must not crowd the queue.
const LETTERS: usize = 50;

/// How long a stop waits for the sums to be written.
const FAREWELL: Duration = Duration::from_secs(5);

/// Reports that are being posted at the same time.
const POSTS: usize = 20;

/// How long a report is tried to be posted, in seconds (RFC 8460 section 5.5), and what it waits
/// after the first time, and at most.
const PATIENCE: u64 = 86_400;
const BACKOFF: u64 = 300;
const BACKOFF_MAX: u64 = 4 * 3600;

/// A report that has been put into the queue.
pub type Letter = (Location, Box<crate::mail::envelope::Envelope>);

/// The parameters.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the sums are kept.
    file: PathBuf,
    organization: String,
    contact: String,
    sender: String,
    hostname: String,
    /// Length of a period, in seconds.
    interval: u64,
    /// How long after its end reports may be sent, in seconds.
    delay: u64,
    log: Log,
}

impl Settings {
    /// Reads them.
    pub fn read(config: &Config, log: &Log) -> Arc<Self> {
        Arc::new(Self {
            file: PathBuf::from(config.text(&p::data_directory)).join("tlsrpt.json"),
            organization: config.text(&p::tlsrpt_organization_name),
            contact: config.text(&p::tlsrpt_contact_info),
            sender: config.text(&p::tlsrpt_report_sender),
            hostname: config.text(&p::myhostname),
            interval: config.time(&p::tlsrpt_report_interval).as_secs().max(1),
            delay: config.time(&p::tlsrpt_report_delay).as_secs(),
            log: log.of_program("tlsrpt"),
        })
    }
}

/// The way to the task that counts.
#[derive(Debug)]
pub struct Collector {
    handshakes: mpsc::Sender<Handshake>,
    parts: Arc<RwLock<Parts>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Parts {
    settings: Arc<Settings>,
    cleanup: Arc<Cleanup>,
}

/// The task.
struct Counting {
    parts: Arc<RwLock<Parts>>,
    totals: Totals,
    /// There is something that the file does not have.
    changed: bool,
    /// What has been warned of, once for each period.
    warned: HashSet<u64>,
    letters: mpsc::UnboundedSender<Letter>,
    posting: JoinSet<Posted>,
    /// What is being posted.
    under_way: HashSet<Subject>,
}

/// A period, by its beginning, and a domain.
type Subject = (u64, String);

/// How the POSTs of one report have ended.
struct Posted {
    start: u64,
    domain: String,
    results: Vec<(Url, Result<(), Trouble>)>,
}

impl Collector {
    /// Starts the task. Reports come out of the receiver, on disk already.
    pub fn start(
        settings: Arc<Settings>,
        cleanup: Arc<Cleanup>,
    ) -> (Self, mpsc::UnboundedReceiver<Letter>) {
        let (handshakes, incoming) = mpsc::channel(WAITING);
        let (letters, posted) = mpsc::unbounded_channel();
        let parts = Arc::new(RwLock::new(Parts { settings, cleanup }));
        let counting = Counting {
            parts: parts.clone(),
            totals: Totals::default(),
            changed: false,
            warned: HashSet::new(),
            letters,
            posting: JoinSet::new(),
            under_way: HashSet::new(),
        };
        let task = tokio::spawn(counting.run(incoming));
        (Self { handshakes, parts, task }, posted)
    }

    /// Counts a handshake.
    pub fn count(&self, handshake: Handshake) {
        let _ = self.handshakes.try_send(handshake);
    }

    /// Waits until what has been counted is in the file.
    pub async fn finish(self) {
        drop(self.handshakes);
        let _ = tokio::time::timeout(FAREWELL, self.task).await;
    }

    /// Takes a new configuration over.
    pub fn reload(&self, settings: Arc<Settings>, cleanup: Arc<Cleanup>) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        *parts = Parts { settings, cleanup };
    }
}

impl Counting {
    fn parts(&self) -> Parts {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts until qmgr ends, then saves what there is.
    async fn run(mut self, mut incoming: mpsc::Receiver<Handshake>) {
        self.load();
        let mut batch = Vec::new();
        let mut last = Instant::now();
        loop {
            let Parts { settings, .. } = self.parts();
            let next = last + ROUND.min(Duration::from_secs(settings.interval));
            let more = tokio::time::timeout_at(next, incoming.recv_many(&mut batch, WAITING));
            tokio::select! {
                more = more => match more {
                    Ok(0) => break,
                    Ok(_) => batch.drain(..).for_each(|handshake| self.add(&settings, handshake)),
                    Err(_) => {}
                },
                Some(Ok(posted)) = self.posting.join_next() => self.posted(&settings, posted),
            }
            if self.posting.is_empty() {
                self.under_way.clear();
            }
            if Instant::now() >= next {
                self.round().await;
                last = Instant::now();
            }
        }
        self.save();
    }

    fn add(&mut self, settings: &Settings, handshake: Handshake) {
        let now = seconds();
        self.changed = true;
        if !self.totals.add(now, settings.interval, handshake)
            && self.warned.insert(now - now % settings.interval)
        {
            settings.log.warning(format_args!(
                "TLS reports: more than {DOMAINS_MAX} domains in one period, others are not counted"
            ));
        }
    }

    fn load(&mut self) {
        let Parts { settings, .. } = self.parts();
        let file = settings.file.display();
        let text = match std::fs::read(&settings.file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return,
            Err(e) => {
                let why = why(&e);
                settings.log.warning(format_args!("TLS reports: open {file}: {why}"));
                return;
            }
        };
        match serde_json::from_slice(&text) {
            Ok(totals) => self.totals = totals,
            Err(e) => settings
                .log
                .warning(format_args!("TLS reports: {file}: {e}: what had been counted is lost")),
        }
    }

    /// Writes the sums to their file, whole or not at all.
    fn save(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let Parts { settings, .. } = self.parts();
        let text = serde_json::to_vec(&self.totals).unwrap_or_default();
        let new = settings.file.with_extension("new");
        let written =
            std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &settings.file));
        if let Err(e) = written {
            self.changed = true;
            let (file, why) = (settings.file.display(), why(&e));
            settings.log.warning(format_args!("TLS reports: write {file}: {why}"));
        }
    }

    /// Sends what is due, and saves.
    async fn round(&mut self) {
        let parts = self.parts();
        let now = seconds();
        let due = due(&self.totals, &self.under_way, now, parts.settings.delay);
        self.warned.retain(|start| start + parts.settings.interval > now);
        for (start, end, domain, totals) in due {
            let period = Period { start, end: end - 1 };
            self.report(&parts, period, &domain, &totals).await;
        }
        self.save();
    }

    /// Sends the report about a domain to the places that do not have it. What fails is tried
    /// again in another round.
    async fn report(&mut self, parts: &Parts, period: Period, domain: &str, totals: &DomainTotals) {
        let Parts { settings, cleanup } = parts;
        let log = &settings.log;
        let record = match Record::parse(&totals.record) {
            Ok(record) => record,
            Err(why) => {
                log.warning(format_args!("TLS report for {domain} not sent: {why}"));
                self.done(period.start, domain);
                return;
            }
        };
        let id = format!("{}.{}", period.start, hash(domain));
        let Settings { organization, contact, hostname, sender, .. } = &**settings;
        let json = Report::new(organization, contact, &id, period, totals).json();
        let Ok(packed) = letter::compressed(&json) else { return };
        let mut urls = Vec::new();
        for place in record.places {
            let name = place.to_string();
            let to = match place {
                _ if totals.settled.contains(&name) => continue,
                Place::Https(url) => {
                    urls.push(url);
                    continue;
                }
                Place::Mail(to) => to,
            };
            let (from, to) = (sender, to.as_str());
            let envelope = Envelope { from, to, submitter: hostname, domain, period, id: &id };
            let text = letter::compose(envelope, &packed);
            if let Err(why) = self.mail(settings, cleanup, to, &text).await {
                log.warning(format_args!("TLS report for {domain} to <{to}>: {why}"));
                return;
            }
            log.info(format_args!("TLS report for {domain} sent to <{to}>"));
            self.settle(period.start, domain, name);
        }
        if urls.is_empty() {
            self.done(period.start, domain);
        } else if self.posting.len() < POSTS {
            self.under_way.insert((period.start, domain.to_owned()));
            self.posting.spawn(post_all(period.start, domain.to_owned(), urls, packed));
        }
    }

    /// Takes in how a POST has ended.
    fn posted(&mut self, settings: &Settings, posted: Posted) {
        let Posted { start, domain, results } = posted;
        self.under_way.remove(&(start, domain.clone()));
        let Some(totals) = self.totals.domain(start, &domain) else { return };
        let (log, now) = (&settings.log, seconds());
        let last = start + settings.interval + settings.delay.min(settings.interval) + PATIENCE;
        let mut again = false;
        for (url, result) in results {
            match result {
                Ok(()) => log.info(format_args!("TLS report for {domain} sent to {url}")),
                Err(Trouble { text, is_final }) if is_final || now > last => {
                    log.warning(format_args!("TLS report for {domain} not sent to {url}: {text}"));
                }
                Err(Trouble { text, .. }) => {
                    log.info(format_args!(
                        "TLS report for {domain} to {url}: {text}: once more later"
                    ));
                    again = true;
                    continue;
                }
            }
            totals.settled.push(url.text);
        }
        if again {
            totals.next = now + backoff(totals.tries).min(settings.interval);
            totals.tries += 1;
        } else {
            self.totals.done(start, &domain);
        }
        self.changed = true;
    }

    fn settle(&mut self, start: u64, domain: &str, place: String) {
        if let Some(totals) = self.totals.domain(start, domain) {
            totals.settled.push(place);
            self.changed = true;
        }
    }

    fn done(&mut self, start: u64, domain: &str) {
        self.totals.done(start, domain);
        self.changed = true;
    }

    /// Puts a letter into the queue, as the sendmail command would: signing milters see it.
    async fn mail(
        &self,
        settings: &Settings,
        cleanup: &Arc<Cleanup>,
        to: &str,
        text: &str,
    ) -> Result<(), String> {
        let mut message = cleanup.begin(Origin::Local, Skip::default(), &settings.log);
        message.sender(&settings.sender);
        message.recipient(Recipient { address: to.to_owned(), ..Recipient::default() }).await;
        let id = message.queue_id();
        let date = crate::sys::date::mail_date(seconds());
        message.prepend(&format!("Received: by {} (tlsrpt)\n\tid {id}; {date}", settings.hostname));
        message.content(text.as_bytes()).await;
        match Box::pin(message.finish_here()).await {
            Ok(Some(letter)) => {
                let _ = self.letters.send(letter);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(refusal) => Err(format!("{} {}", refusal.status, refusal.text)),
        }
    }
}

async fn post_all(start: u64, domain: String, urls: Vec<Url>, packed: Vec<u8>) -> Posted {
    let mut results = Vec::new();
    for url in urls {
        let result = post::post(&url, &packed).await;
        results.push((url, result));
    }
    Posted { start, domain, results }
}

/// How long a report waits after it could not be posted, which has happened `tries` times before.
fn backoff(tries: u32) -> u64 {
    BACKOFF.checked_shl(tries.min(16)).unwrap_or(BACKOFF_MAX).min(BACKOFF_MAX)
}

/// What is to be reported at `now` and is not `under_way`: beginning and end of the period, the
/// domain, its sums.
fn due(
    totals: &Totals,
    under_way: &HashSet<Subject>,
    now: u64,
    delay: u64,
) -> Vec<(u64, u64, String, DomainTotals)> {
    let domains = totals.over(now).flat_map(|(start, period)| {
        let (end, most) = (start + period.seconds, delay.min(period.seconds));
        period.domains.iter().map(move |(domain, totals)| (start, end, most, domain, totals))
    });
    domains
        .filter(|(_, end, most, domain, totals)| {
            now >= totals.next && now >= end + pause(domain, *most)
        })
        .filter(|(start, _, _, domain, _)| !under_way.contains(&(*start, (*domain).clone())))
        .take(LETTERS)
        .map(|(start, end, _, domain, totals)| (start, end, domain.clone(), totals.clone()))
        .collect()
}

/// How long after the end of a period a domain's report waits: spread over `most` seconds, so that
/// not all the world reports at midnight (RFC 8460 section 4.1), and always the same for a domain.
fn pause(domain: &str, most: u64) -> u64 {
    u64::from(crc32fast::hash(domain.as_bytes())) % (most + 1)
}

fn hash(domain: &str) -> String {
    format!("{:08x}", crc32fast::hash(domain.as_bytes()))
}

/// Seconds since 1970.
fn seconds() -> u64 {
    crate::sys::now() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_wait_for_different_times() {
        let pauses: HashSet<u64> = (0..50).map(|n| pause(&format!("d{n}.test"), 14_400)).collect();
        assert!(pauses.len() > 40 && pauses.iter().all(|pause| *pause <= 14_400));
        assert_eq!(pause("a.test", 0), 0);
    }

    #[test]
    fn reports_are_due_after_the_day_and_their_pause() {
        use crate::tlsrpt::totals::tests::handshake;
        const DAY: u64 = 86_400;
        let mut totals = Totals::default();
        for n in 0..LETTERS + 20 {
            totals.add(5, DAY, handshake(&format!("d{n}.test"), None));
        }
        let first = due(&totals, &HashSet::new(), DAY + pause("d0.test", 14_400), 14_400);
        assert!(first.iter().any(|(start, end, domain, _)| {
            (*start, *end, domain.as_str()) == (0, DAY, "d0.test")
        }));
        let mut under_way = HashSet::new();
        assert!(due(&totals, &under_way, DAY - 1, 0).is_empty());
        assert_eq!(due(&totals, &under_way, DAY, 0).len(), LETTERS);
        let mut few = Totals::default();
        few.add(5, DAY, handshake("a.test", None));
        few.add(5, DAY, handshake("b.test", None));
        under_way.insert((0, "a.test".to_owned()));
        assert_eq!(due(&few, &under_way, DAY, 0).len(), 1);
        few.domain(0, "b.test").unwrap().next = DAY + 300;
        assert!(due(&few, &under_way, DAY + 299, 0).is_empty());
        assert_eq!(due(&few, &under_way, DAY + 300, 0).len(), 1);
    }

    #[test]
    fn waits_grow() {
        let waits: Vec<u64> = [0, 1, 2, 5, 6, 40].into_iter().map(backoff).collect();
        assert_eq!(waits, [300, 600, 1200, 9600, 14_400, 14_400]);
    }
}
