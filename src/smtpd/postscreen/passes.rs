//! Clients that have passed, remembered beyond the process (`postscreen_cache_map`).
//!
//! At a reload two processes have the same file for a while. The older one writes it a last time
//! when it is told to take no more clients; the newer one takes over what it does not know yet.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::results::{Tests, Times};
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::lookup::cache::{self, Cache};
use crate::service::birth::Life;
use crate::sys::users;

/// How often the file is looked at for a change by somebody else, at most.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long after a reload an older process may still have its last word: in that time the file is
/// looked at whenever a client is not known.
const HANDOVER: Duration = Duration::from_secs(10);

/// The clients that have passed.
#[derive(Debug)]
pub struct Passes {
    state: Mutex<State>,
    changed: Notify,
    /// A client has come: as in Postfix, where the process starts then, that begins the first
    /// cleanup.
    used: AtomicBool,
    settings: Settings,
}

/// What the parameters say.
#[derive(Debug)]
struct Settings {
    /// Where they are kept; as the parameter names it, or where it was redirected.
    map: String,
    map_size: u64,
    /// `postscreen_cache_cleanup_interval`; zero is never.
    cleanup_interval: Duration,
    /// `postscreen_cache_retention_time`, seconds.
    retention: u64,
    enabled: Tests,
    log: Log,
}

#[derive(Debug)]
struct State {
    /// None: this process has had its last word.
    cache: Option<Cache>,
    /// When the next cleanup is due.
    cleanup: Option<Instant>,
    /// The file as it was last read or written.
    seen: Option<Identity>,
    looked: Instant,
    /// When this process has read it for the first time.
    opened: Instant,
}

/// What tells one state of a file from another.
type Identity = (u64, u64, SystemTime);

impl Passes {
    /// Opens what `postscreen_cache_map` names; none if it names nothing. The error says why it
    /// can never be written. Before confinement.
    pub fn open(config: &Config, enabled: Tests, log: &Log) -> Result<Option<Arc<Self>>, String> {
        let map = config.text(&p::postscreen_cache_map);
        let retention = config.time(&p::postscreen_cache_retention_time).as_secs();
        let cleanup_interval = config.time(&p::postscreen_cache_cleanup_interval);
        if map.is_empty() {
            return Ok(None);
        }
        crate::lookup::writable(config, &map, log)?;
        let settings = Settings {
            map: settled(config, &map, log),
            map_size: u64::try_from(config.int(&p::lmdb_map_size)).unwrap_or(0),
            cleanup_interval,
            retention,
            enabled,
            log: log.clone(),
        };
        // Before the file is read: one that comes while it is being read is another one.
        let seen = Cache::path_of(&settings.map).and_then(|path| identity(&path));
        let cache = Cache::open(&settings.map, settings.map_size, log)?;
        let cleanup = (!cleanup_interval.is_zero())
            .then(|| Instant::now() + cache.next_cleanup(cleanup_interval, seconds()));
        let now = Instant::now();
        let state = State { cache: Some(cache), cleanup, seen, looked: now, opened: now };
        Ok(Some(Arc::new(Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            used: AtomicBool::new(false),
            settings,
        })))
    }

    /// Where it is: two services with the same place share one.
    pub fn place(config: &Config) -> String {
        config.text(&p::postscreen_cache_map)
    }

    /// The folder that has to be written to.
    pub fn folder(&self) -> Option<PathBuf> {
        let path = self.lock().cache.as_ref().and_then(Cache::path)?;
        path.parent().map(Path::to_path_buf)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has come.
    pub fn touch(&self) {
        if !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// The record of a client.
    pub fn find(&self, client: &str) -> Option<String> {
        let mut state = self.lock();
        let found = state.cache.as_ref()?.find(client).map(str::to_owned);
        let looks = state.looked.elapsed() >= LOOK_AGAIN || state.opened.elapsed() < HANDOVER;
        if found.is_none() && looks {
            state.looked = Instant::now();
            self.take_over(&mut state);
            return state.cache.as_ref()?.find(client).map(str::to_owned);
        }
        found
    }

    /// Remembers a client.
    pub fn put(&self, client: &str, record: String) {
        if let Some(cache) = &mut self.lock().cache {
            cache.put(client, record);
        }
        self.changed.notify_one();
    }

    /// Cleans up and writes what has changed, until the process takes no more clients.
    pub async fn keep(self: Arc<Self>, mut life: Life) {
        loop {
            let due = self.next();
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.changed.notified() => continue,
                () = life.drained() => break,
            }
            let this = self.clone();
            // Should it panic, the next round tries again.
            let _ = tokio::task::spawn_blocking(move || this.chores()).await;
        }
        let this = self.clone();
        let _ = tokio::task::spawn_blocking(move || {
            this.save();
            this.lock().cache = None;
        })
        .await;
    }

    fn next(&self) -> Option<Instant> {
        if !self.used.load(Ordering::Relaxed) {
            return None;
        }
        let state = self.lock();
        let due = state.cache.as_ref().and_then(Cache::due);
        [due, state.cleanup].into_iter().flatten().min()
    }

    fn chores(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        let is_cleaned_up = state.cleanup.is_some_and(|when| when <= now);
        if is_cleaned_up {
            self.take_over(&mut state);
            let interval = self.settings.cleanup_interval.max(Duration::from_secs(1));
            state.cleanup = Some(now + interval);
            if let Some(cache) = &mut state.cache {
                self.clean(cache, seconds());
            }
        }
        let is_due = state.cache.as_ref().and_then(Cache::due).is_some_and(|due| due <= now);
        drop(state);
        if is_due {
            self.save();
        }
    }

    /// Drops the clients whose passes have expired long ago, and says so.
    fn clean(&self, cache: &mut Cache, now: u64) {
        let Settings { enabled, retention, .. } = self.settings;
        let cleaned =
            cache.clean(now, |_, record| Times::parse(record).is_kept(enabled, now, retention));
        self.settings.log.info(format_args!(
            "cache {} full cleanup: retained={} dropped={} entries",
            cache.name(),
            cleaned.retained,
            cleaned.dropped
        ));
    }

    /// Writes what has changed.
    fn save(&self) {
        let mut state = self.lock();
        self.take_over(&mut state);
        let path = state.cache.as_ref().and_then(Cache::path);
        let snapshot = state.cache.as_mut().and_then(Cache::snapshot);
        drop(state);
        let Some(snapshot) = snapshot else { return };
        let begun = Instant::now();
        if let Err(why) = snapshot.write() {
            self.settings.log.warning(format_args!("{why}"));
        }
        let mut state = self.lock();
        state.seen = path.and_then(|path| identity(&path));
        if let Some(cache) = &mut state.cache {
            cache.written(begun.elapsed());
        }
    }

    /// Takes over what somebody else has written since the file was last seen.
    fn take_over(&self, state: &mut State) {
        let State { cache: Some(cache), seen, .. } = state else { return };
        let Some(path) = cache.path() else { return };
        let now = identity(&path);
        if now.is_none() || now == *seen {
            return;
        }
        *seen = now;
        let Settings { map, map_size, log, .. } = &self.settings;
        if let Ok(other) = Cache::open(map, *map_size, log) {
            cache.take_over(other);
        }
    }
}

/// Where the clients are really kept.
fn settled(config: &Config, map: &str, log: &Log) -> String {
    let data_directory = PathBuf::from(config.text(&p::data_directory));
    let inner = map.trim_start_matches("proxy:");
    if inner.starts_with("memcache:") {
        let own = format!("btree:{}", data_directory.join("postscreen_cache").display());
        log.warning(format_args!(
            "postscreen_cache_map: {map} is not written to here; clients that have passed are \
             remembered in {own}"
        ));
        return own;
    }
    let owner = config.text(&p::mail_owner);
    match users::user(&owner) {
        Ok(user) => cache::redirected(map, (user.uid.into(), owner.as_str()), &data_directory, log),
        Err(_) => map.to_owned(),
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.modified().ok()?))
}

/// Seconds since 1970.
pub fn seconds() -> u64 {
    crate::sys::now() / 1_000_000
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn open(folder: &Path, extra: &str) -> Arc<Passes> {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let main_cf = format!(
            "mail_owner = {user}\ndata_directory = {0}\npostscreen_cache_map = btree:{0}/cache\n\
             {extra}",
            folder.display()
        );
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let log = Log::new("postfix", "postscreen");
        Passes::open(&config, Tests::EARLY, &log).unwrap().unwrap()
    }

    #[test]
    fn what_passed_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let passes = open(folder.path(), "");
        passes.put("192.0.2.1", "5;6;1;1;1".into());
        passes.save();
        assert_eq!(open(folder.path(), "").find("192.0.2.1").as_deref(), Some("5;6;1;1;1"));
        assert_eq!(passes.folder().as_deref(), Some(folder.path()));
    }

    #[test]
    fn a_reload_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let older = open(folder.path(), "");
        older.put("192.0.2.1", "5;5;1;1;1".into());
        older.save();
        let newer = open(folder.path(), "");
        older.put("192.0.2.2", "6;6;1;1;1".into());
        newer.put("192.0.2.1", "9;9;1;1;1".into());
        newer.put("192.0.2.3", "7;7;1;1;1".into());
        older.save();
        newer.save();
        let third = open(folder.path(), "");
        assert_eq!(third.find("192.0.2.1").as_deref(), Some("9;9;1;1;1"), "the newer one knows");
        assert!(third.find("192.0.2.2").is_some() && third.find("192.0.2.3").is_some());
    }

    #[test]
    fn expired_passes_go_after_the_retention_time() {
        let folder = tempfile::tempdir().unwrap();
        let passes = open(folder.path(), "postscreen_cache_retention_time = 100s\n");
        passes.put("192.0.2.1", "1000;1000;1;1;1".into());
        passes.put("192.0.2.2", "1001;1001;1;1;1".into());
        let mut state = passes.lock();
        passes.clean(state.cache.as_mut().unwrap(), 1101);
        drop(state);
        assert!(passes.find("192.0.2.1").is_none() && passes.find("192.0.2.2").is_some());
    }

    #[test]
    fn types_that_cannot_be_written() {
        let log = Log::new("postfix", "postscreen");
        let of = |map: &str| {
            let folder = tempfile::tempdir().unwrap();
            let main_cf = format!(
                "postscreen_cache_map = {map}\ndata_directory = {}\n",
                folder.path().display()
            );
            let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
            Passes::open(&config, Tests::EARLY, &log)
        };
        assert!(of("texthash:/x").is_err());
        assert!(of("").unwrap().is_none());
        assert!(of("memcache:/etc/postfix/cache.cf").unwrap().is_some());
    }
}
