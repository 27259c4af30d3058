//! The part that remembers and probes. It lives in qmgr, where the outcomes of probes come in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};

use super::entry::{Decision, Entry, decide, updated};
use super::settings::Settings;
use crate::cleanup::{Cleanup, Origin, Skip};
use crate::ipc::channel::split;
use crate::ipc::verify::{FromVerify, Status, ToVerify};
use crate::lookup::cache::Cache;
use crate::mail::envelope::{Envelope, Recipient};
use crate::spool::Location;

/// A probe that has been put into the queue.
pub type Probe = (Location, Box<Envelope>);

/// Remembers what is known about addresses, and finds out the rest.
#[derive(Debug)]
pub struct Verifier {
    parts: RwLock<Parts>,
    /// None: it cannot be opened for writing.
    cache: Mutex<Store>,
    /// Where probes go.
    probes: mpsc::UnboundedSender<Probe>,
    /// Something has been put into the cache.
    changed: Notify,
}

#[derive(Debug)]
struct Parts {
    settings: Arc<Settings>,
    cleanup: Arc<Cleanup>,
}

/// The cache, from its first use on.
#[derive(Debug)]
enum Store {
    /// Nobody has asked yet.
    Closed,
    Open {
        cache: Cache,
        /// When it is cleaned up next.
        cleanup: Option<Instant>,
    },
    /// It cannot be used.
    Broken,
}

/// What is open, to look into.
struct Open<'a> {
    guard: MutexGuard<'a, Store>,
}

impl Open<'_> {
    fn cache(&mut self) -> Option<&mut Cache> {
        match &mut *self.guard {
            Store::Open { cache, .. } => Some(cache),
            Store::Closed | Store::Broken => None,
        }
    }
}

impl Verifier {
    /// One that nobody has asked yet. Probes come out of the receiver, on disk already.
    pub fn new(
        settings: Arc<Settings>,
        cleanup: Arc<Cleanup>,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Probe>) {
        let (probes, probed) = mpsc::unbounded_channel();
        let verifier = Self {
            parts: RwLock::new(Parts { settings, cleanup }),
            cache: Mutex::new(Store::Closed),
            probes,
            changed: Notify::new(),
        };
        (Arc::new(verifier), probed)
    }

    /// Takes a new configuration over. As in Postfix, whose process is another one then, what is
    /// in memory alone is forgotten.
    pub fn reload(&self, settings: Arc<Settings>, cleanup: Arc<Cleanup>) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let moved = parts.settings.map != settings.map;
        *parts = Parts { settings: settings.clone(), cleanup };
        drop(parts);
        if moved {
            self.save();
        }
        let mut store = self.lock();
        *store = match std::mem::replace(&mut *store, Store::Closed) {
            Store::Open { cache, .. } if !moved && cache.has_file() => {
                let cleanup = next_cleanup(&cache, &settings);
                Store::Open { cache, cleanup }
            }
            _ => Store::Closed,
        };
        drop(store);
        self.changed.notify_one();
    }

    fn settings(&self) -> Arc<Settings> {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).settings.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cache, opened at its first use.
    fn open(&self, settings: &Settings) -> Open<'_> {
        let mut guard = self.lock();
        if matches!(*guard, Store::Closed) {
            *guard = match open_cache(settings) {
                Ok(mut cache) => {
                    let interval = settings.cleanup_interval;
                    let is_due = cache.next_cleanup(interval, seconds()).is_zero();
                    if is_due && !interval.is_zero() {
                        clean(&mut cache, settings, seconds());
                    }
                    let cleanup = next_cleanup(&cache, settings);
                    Store::Open { cache, cleanup }
                }
                Err(why) => {
                    settings.log.error(format_args!("{why}"));
                    Store::Broken
                }
            };
            self.changed.notify_one();
        }
        Open { guard }
    }

    /// What is known about an address. If a probe is due, it goes its way.
    pub fn query(self: &Arc<Self>, address: &str) -> FromVerify {
        let settings = self.settings();
        let key = key(address);
        let now = seconds();
        let mut open = self.open(&settings);
        let Some(cache) = open.cache() else {
            let text = "Address verification status unavailable".into();
            return FromVerify { status: Status::Deferred, text };
        };
        let entry = cache.find(&key).and_then(|text| parse(&settings, text));
        let Decision { status, text, forget, probe, store } = decide(entry, &settings.times, now);
        if forget {
            cache.remove(&key);
        }
        if let Some(entry) = store {
            cache.put(&key, entry.format());
        }
        drop(open);
        self.changed.notify_one();
        if probe {
            let (verifier, address) = (self.clone(), address.to_owned());
            tokio::spawn(async move { verifier.probe(&address).await });
        }
        FromVerify { status, text }
    }

    /// A probe has come to an end. `original` is the address that was asked for, `address` what
    /// aliases made of it.
    pub fn outcome(&self, original: &str, address: &str, status: Status, text: &str) {
        let settings = self.settings();
        if status != Status::Deliverable && !settings.times.negative_cache {
            return;
        }
        let now = seconds();
        let mut open = self.open(&settings);
        let Some(cache) = open.cache() else { return };
        let both = [original, address];
        let differing = if original == address { &both[..1] } else { &both[..] };
        for address in differing.iter().filter(|address| !address.is_empty()) {
            let key = key(address);
            let old = cache.find(&key).and_then(Entry::parse);
            if let Some(entry) = updated(old.as_ref(), status, text, now) {
                cache.put(&key, entry.format());
            }
        }
        drop(open);
        self.changed.notify_one();
    }

    /// Puts a probe into the queue.
    async fn probe(&self, address: &str) {
        let (settings, cleanup) = {
            let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
            (parts.settings.clone(), parts.cleanup.clone())
        };
        let sender = match &settings.sender {
            Ok(sender) => sender.at(seconds(), &settings.rewrite),
            Err(why) => return settings.log.fatal(format_args!("{why}")),
        };
        let mut message = cleanup.begin(Origin::Probe, Skip::default(), &settings.log);
        let id = message.queue_id();
        message.envelope.trace.verify = true;
        message.sender(&sender);
        let date = crate::sys::date::mail_date(seconds());
        message.prepend(&format!(
            "Received: by {} ({})\n\tid {id}; {date}",
            settings.hostname, settings.mail_name
        ));
        message.prepend(&format!("Date: {date}"));
        let recipient = Recipient { address: address.to_owned(), ..Recipient::default() };
        message.recipient(recipient).await;
        for expanded in message.take_expanded() {
            let text = "aliased to multiple recipients";
            self.outcome(&expanded.original, &expanded.address, Status::Deliverable, text);
        }
        match message.finish_here().await {
            Ok(Some(stored)) => {
                let _ = self.probes.send(stored);
            }
            Ok(None) => {}
            Err(refusal) => settings.log.warning(format_args!(
                "{id}: address verification probe for {address}: {}",
                refusal.text
            )),
        }
    }

    /// Writes changes to the disk and cleans up, until `stopped`.
    pub async fn keep(self: Arc<Self>, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let next = self.next_chore();
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut stopped => break,
                () = self.changed.notified() => continue,
                () = due => {}
            }
            let verifier = self.clone();
            let _ = tokio::task::spawn_blocking(move || verifier.chores()).await;
        }
        self.save();
    }

    fn next_chore(&self) -> Option<Instant> {
        match &*self.lock() {
            Store::Open { cache, cleanup } => [cache.due(), *cleanup].into_iter().flatten().min(),
            Store::Closed | Store::Broken => None,
        }
    }

    fn chores(&self) {
        let settings = self.settings();
        let now = Instant::now();
        let mut is_due = false;
        if let Store::Open { cache, cleanup } = &mut *self.lock() {
            if cleanup.is_some_and(|when| when <= now) {
                clean(cache, &settings, seconds());
                *cleanup = Some(now + settings.cleanup_interval.max(Duration::from_secs(1)));
            }
            is_due = cache.due().is_some_and(|due| due <= now);
        }
        if is_due {
            self.save();
        }
    }

    /// Writes what has changed.
    pub fn save(&self) {
        let snapshot = match &mut *self.lock() {
            Store::Open { cache, .. } => cache.snapshot(),
            Store::Closed | Store::Broken => None,
        };
        let Some(snapshot) = snapshot else { return };
        let begun = Instant::now();
        if let Err(why) = snapshot.write() {
            self.settings().log.warning(format_args!("{why}"));
        }
        if let Store::Open { cache, .. } = &mut *self.lock() {
            cache.written(begun.elapsed());
        }
    }
}

fn open_cache(settings: &Settings) -> Result<Cache, String> {
    match settings.map.as_str() {
        "" => Ok(Cache::in_memory("internal:verify")),
        map => {
            let settled = settings.redirected(map)?;
            Cache::open(&settled, settings.map_size, &settings.log)
        }
    }
}

/// When the cache is cleaned up next; none is never.
fn next_cleanup(cache: &Cache, settings: &Settings) -> Option<Instant> {
    let interval = settings.cleanup_interval;
    (!interval.is_zero()).then(|| Instant::now() + cache.next_cleanup(interval, seconds()))
}

/// Reads an entry; one that is none is reported.
fn parse(settings: &Settings, text: &str) -> Option<Entry> {
    let entry = Entry::parse(text);
    if entry.is_none() {
        let start = text.split(':').next().unwrap_or_default();
        settings.log.warning(format_args!("bad address verify table entry: {start:.100}"));
    }
    entry
}

/// Drops what has expired, and says so.
fn clean(cache: &mut Cache, settings: &Settings, now: u64) {
    let cleaned = cache.clean(now, |_, text| {
        parse(settings, text).is_some_and(|entry| entry.is_alive(&settings.times, now))
    });
    settings.log.info(format_args!(
        "cache {} full cleanup: retained={} dropped={} entries",
        cache.name(),
        cleaned.retained,
        cleaned.dropped
    ));
}

/// The key of an address: colons, which IPv6 literals have, are no good in some table types.
fn key(address: &str) -> String {
    address.replace(':', "_")
}

fn seconds() -> u64 {
    crate::sys::now() / 1_000_000
}

/// Accepts smtpd processes and answers their queries.
pub async fn serve(listener: UnixListener, verifier: Arc<Verifier>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, verifier.clone()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: UnixStream, verifier: Arc<Verifier>) {
    let (mut to, mut from) = split::<FromVerify, ToVerify>(stream);
    while let Ok(Some(ToVerify::Query(address))) = from.next().await {
        if to.send(&verifier.query(&address)).await.is_err() {
            return;
        }
    }
}
