//! Takes handshakes in, keeps the sums, and sends reports when their time has come.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::letter::{self, Envelope};
use super::report::{Period, Report};
use super::totals::{DOMAINS_MAX, DomainTotals, Totals};
use crate::cleanup::{Cleanup, Origin, Skip};
use crate::config::{Config, parameters as p, why};
use crate::ipc::tlsrpt::Handshake;
use crate::log::Log;
use crate::mail::envelope::Recipient;
use crate::spool::Location;
use crate::wire::tlsrpt::{Place, Record};

/// Handshakes that wait to be counted. When more come in than that, some go uncounted: nobody
/// waits for statistics.
const WAITING: usize = 4096;

/// Between two looks at what is to be sent, and to be saved.
const ROUND: Duration = Duration::from_secs(60);

/// Reports that are sent in one round: they must not crowd the queue.
const LETTERS: usize = 50;

/// How long a stop waits for the sums to be written.
const FAREWELL: Duration = Duration::from_secs(5);

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
            match tokio::time::timeout_at(next, incoming.recv_many(&mut batch, WAITING)).await {
                Ok(0) => break,
                Ok(_) => batch.drain(..).for_each(|handshake| self.add(&settings, handshake)),
                Err(_) => {}
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
        let Parts { settings, cleanup } = self.parts();
        let now = seconds();
        let due = due(&self.totals, now, settings.delay);
        self.warned.retain(|start| start + settings.interval > now);
        for (start, end, domain, totals) in due {
            let period = Period { start, end: end - 1 };
            if self.report(&settings, &cleanup, period, &domain, &totals).await {
                self.totals.done(start, &domain);
                self.changed = true;
            }
        }
        self.save();
    }

    /// Sends the report about a domain to all places that it names. False: the queue does not
    /// take it now, and it is tried again.
    async fn report(
        &self,
        settings: &Settings,
        cleanup: &Arc<Cleanup>,
        period: Period,
        domain: &str,
        totals: &DomainTotals,
    ) -> bool {
        let log = &settings.log;
        let record = match Record::parse(&totals.record) {
            Ok(record) => record,
            Err(why) => {
                log.warning(format_args!("TLS report for {domain} not sent: {why}"));
                return true;
            }
        };
        let id = format!("{}.{}", period.start, hash(domain));
        let Settings { organization, contact, hostname, sender, .. } = settings;
        let json = Report::new(organization, contact, &id, period, totals).json();
        for place in &record.places {
            let to = match place {
                Place::Mail(to) => to,
                Place::Https(url) => {
                    log.info(format_args!(
                        "TLS report for {domain} not sent to {url}: reports go by mail only"
                    ));
                    continue;
                }
            };
            let envelope =
                Envelope { from: sender, to, submitter: hostname, domain, period, id: &id };
            let posted = match letter::compose(envelope, &json) {
                Ok(text) => self.post(settings, cleanup, to, &text).await,
                Err(e) => Err(why(&e)),
            };
            match posted {
                Ok(()) => log.info(format_args!("TLS report for {domain} sent to <{to}>")),
                Err(why) => {
                    log.warning(format_args!("TLS report for {domain} to <{to}>: {why}"));
                    return false;
                }
            }
        }
        true
    }

    /// Puts a letter into the queue, as the sendmail command would: signing milters see it.
    async fn post(
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

/// What is to be reported at `now`: beginning and end of the period, the domain, its sums.
fn due(totals: &Totals, now: u64, delay: u64) -> Vec<(u64, u64, String, DomainTotals)> {
    let domains = totals.over(now).flat_map(|(start, period)| {
        let (end, most) = (start + period.seconds, delay.min(period.seconds));
        period.domains.iter().map(move |(domain, totals)| (start, end, most, domain, totals))
    });
    domains
        .filter(|(_, end, most, domain, _)| now >= end + pause(domain, *most))
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
        let first = due(&totals, DAY + pause("d0.test", 14_400), 14_400);
        assert!(first.iter().any(|(start, end, domain, _)| {
            (*start, *end, domain.as_str()) == (0, DAY, "d0.test")
        }));
        assert!(due(&totals, DAY - 1, 0).is_empty());
        assert_eq!(due(&totals, DAY, 0).len(), LETTERS);
    }
}
