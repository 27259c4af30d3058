//! A table that this program writes itself: what it found out and would have to find out again
//! (address verification, clients that passed postscreen's tests).
//!
//! All of it is in memory. What changes is written back as a whole, beside the old file and then
//! in its place, so that a reader (`postmap -s`) and a crash see one state or the other. A crash
//! loses the changes of the last moments: they are found out again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::build::{Builder, Making};
use super::indexed;
use super::native::Syntax;
use super::table::Duplicates;
use crate::log::Log;

/// Table types that can be written while they are in use.
const WRITABLE: &[&str] = &["btree", "hash", "lmdb"];

/// Least time from a change to its way to the disk: changes come in bursts.
const LEAST_PAUSE: Duration = Duration::from_millis(250);

/// Writing takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// Of Berkeley DB while it writes, in bytes.
const CACHE_BUFFER: u64 = 1 << 20;

/// The key under which the time of the last cleanup stands, in seconds since 1970.
const CLEANED: &str = "_LAST_CACHE_CLEANUP_COMPLETED_";

/// The entries, and the file behind them.
#[derive(Debug)]
pub struct Cache {
    /// As the parameter names it, for the log.
    name: String,
    entries: HashMap<Box<str>, Box<str>, foldhash::fast::RandomState>,
    file: Option<File>,
    /// When it may be written, if there is something to write.
    due: Option<Instant>,
    /// How long the last writing took.
    cost: Duration,
}

#[derive(Clone, Debug)]
struct File {
    kind: String,
    path: String,
    map_size: u64,
}

/// All entries at one moment, on their way to the disk.
#[derive(Debug)]
pub struct Snapshot {
    file: File,
    entries: Vec<(Box<str>, Box<str>)>,
}

/// What a cleanup did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Entries that stay.
    pub retained: usize,
    /// Entries that went.
    pub dropped: usize,
}

impl Cache {
    /// A cache without a file; `name` is for the log.
    pub fn in_memory(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            entries: HashMap::default(),
            file: None,
            due: None,
            cost: Duration::ZERO,
        }
    }

    /// Opens `type:name`, and reads what is there. The error says why it can never be written.
    /// `map_size` is `lmdb_map_size`.
    pub fn open(spec: &str, map_size: u64, log: &Log) -> Result<Self, String> {
        let mut cache = Self::in_memory(spec);
        let inner = spec.trim_start_matches("proxy:");
        let Some((kind, path)) = inner.split_once(':').filter(|(_, path)| !path.is_empty()) else {
            return Err(format!(
                "open dictionary: expecting \"type:name\" form instead of \"{spec}\""
            ));
        };
        if kind == "internal" {
            return Ok(cache);
        }
        if !WRITABLE.contains(&kind) || !super::can_make(kind) {
            return match super::map_types().iter().find(|(name, _)| *name == kind) {
                Some((_, true)) => Err(format!("{kind}:{path} map requires O_RDONLY access mode")),
                _ => Err(super::unsupported(kind)),
            };
        }
        let file = File { kind: kind.to_owned(), path: path.to_owned(), map_size };
        if indexed::path(kind, path).exists() {
            if let Err(why) = cache.load(&file) {
                log.warning(format_args!("cache {spec}: {why}: starting with an empty one"));
            }
        } else {
            cache.due = Some(Instant::now());
        }
        cache.file = Some(file);
        Ok(cache)
    }

    fn load(&mut self, file: &File) -> Result<(), String> {
        let path = indexed::path(&file.kind, &file.path);
        let open = match indexed::open_file(&file.kind, &path)? {
            indexed::Found::File(open) => open,
            indexed::Found::Foreign(what) => return Err(format!("{}: {what}", path.display())),
        };
        let text = |bytes: &[u8]| -> Option<Box<str>> {
            let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
            Some(std::str::from_utf8(bytes.get(..end)?).ok()?.into())
        };
        open.for_each(|key, value| {
            if let (Some(key), Some(value)) = (text(key), text(value)) {
                self.entries.insert(key, value);
            }
        })
    }

    /// The file of `type:name`, if there is one.
    pub fn path_of(spec: &str) -> Option<PathBuf> {
        let (kind, path) = spec.trim_start_matches("proxy:").split_once(':')?;
        (kind != "internal").then(|| indexed::path(kind, path))
    }

    /// What the log calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| indexed::path(&file.kind, &file.path))
    }

    /// Takes over the entries of another state of the same table that are not here.
    pub fn take_over(&mut self, other: Self) {
        for (key, value) in other.entries {
            if let std::collections::hash_map::Entry::Vacant(place) = self.entries.entry(key) {
                place.insert(value);
            }
        }
    }

    /// Whether it outlives the process.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// The entry of `key`.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|value| &**value)
    }

    /// Sets the entry of `key`.
    pub fn put(&mut self, key: &str, value: String) {
        self.entries.insert(key.into(), value.into());
        self.changed();
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) {
        if self.entries.remove(key).is_some() {
            self.changed();
        }
    }

    /// When the next cleanup is due, from `now` (seconds since 1970) on: the cache remembers when
    /// the last one was.
    pub fn next_cleanup(&self, interval: Duration, now: u64) -> Duration {
        let last = self.find(CLEANED).and_then(|text| text.parse::<u64>().ok());
        let next = last.map_or(0, |last| last.saturating_add(interval.as_secs()));
        Duration::from_secs(next.saturating_sub(now)).min(interval)
    }

    /// Keeps the entries for which `keep` is true.
    pub fn clean(&mut self, now: u64, mut keep: impl FnMut(&str, &str) -> bool) -> Cleaned {
        self.entries.remove(CLEANED);
        let before = self.entries.len();
        self.entries.retain(|key, value| keep(key, value));
        let retained = self.entries.len();
        self.put(CLEANED, now.to_string());
        Cleaned { retained, dropped: before - retained }
    }

    fn changed(&mut self) {
        if self.file.is_some() && self.due.is_none() {
            self.due = Some(Instant::now() + LEAST_PAUSE.max(self.cost * SHARE));
        }
    }

    /// When the changes should be written; none if there are none.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What is to be written now, if anything has changed. [`Cache::written`] follows.
    pub fn snapshot(&mut self) -> Option<Snapshot> {
        self.due.take()?;
        let file = self.file.clone()?;
        let entries = self.entries.iter().map(|(key, value)| (key.clone(), value.clone()));
        Some(Snapshot { file, entries: entries.collect() })
    }

    /// A snapshot took so long to write: the next one waits accordingly.
    pub fn written(&mut self, took: Duration) {
        self.cost = took;
    }
}

impl Snapshot {
    /// Writes the file and puts it in place. The error is for the log.
    pub fn write(mut self) -> Result<(), String> {
        let making = Making {
            fold: false,
            utf8: false,
            duplicates: Duplicates::Replace,
            trailing_nul: None,
            syntax: Syntax::Records,
            mode: 0o644,
            map_size: self.file.map_size,
            buffer_size: CACHE_BUFFER,
        };
        self.entries.sort_unstable();
        let mut builder = Builder::new(&self.file.kind, &self.file.path, making);
        for (key, value) in &self.entries {
            builder.put(key.as_bytes(), value.as_bytes(), &mut |_| ())?;
        }
        builder.finish()
    }
}

/// Where a cache file really goes. One in a folder of somebody else goes into `data_directory`,
/// as in Postfix, since it is written by the mail system: the log hears of that.
pub fn redirected(spec: &str, owner: (u32, &str), data_directory: &Path, log: &Log) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let (uid, owner) = owner;
    let Some((kind, path)) = spec.split_once(':').filter(|(kind, _)| WRITABLE.contains(kind))
    else {
        return spec.to_owned();
    };
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match std::fs::metadata(folder) {
        Ok(found) if found.uid() != uid => {}
        _ => return spec.to_owned(),
    }
    log.warning(format_args!(
        "request to update table {spec} in non-{owner} directory {}",
        folder.display()
    ));
    log.warning(format_args!(
        "redirecting the request to {owner}-owned data_directory {}",
        data_directory.display()
    ));
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    format!("{kind}:{}", data_directory.join(name).display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        Log::new("postfix", "verify")
    }

    #[test]
    fn what_is_written_is_there_again() {
        let directory = tempfile::tempdir().unwrap();
        for kind in WRITABLE.iter().filter(|kind| super::super::can_make(kind)) {
            let spec = format!("{kind}:{}", directory.path().join("c").display());
            let mut cache = Cache::open(&spec, 1 << 20, &log()).unwrap();
            cache.put("a@b", "1".into());
            cache.put("A@b", "2".into());
            cache.put("gone", "3".into());
            cache.remove("gone");
            assert!(cache.due().is_some());
            cache.snapshot().unwrap().write().unwrap();
            assert!(cache.snapshot().is_none());
            let mut again = Cache::open(&spec, 1 << 20, &log()).unwrap();
            assert_eq!((again.find("a@b"), again.find("A@b")), (Some("1"), Some("2")), "{kind}");
            assert_eq!(again.find("gone"), None);
            let hour = Duration::from_secs(3600);
            assert_eq!(again.next_cleanup(hour, 5000), Duration::ZERO);
            let cleaned = again.clean(5000, |_, value| value == "1");
            assert_eq!(cleaned, Cleaned { retained: 1, dropped: 1 });
            assert_eq!(again.next_cleanup(hour, 5600), Duration::from_secs(3000));
            assert_eq!(again.next_cleanup(hour, 9000), Duration::ZERO);
            assert_eq!(again.next_cleanup(hour, 10), hour);
        }
    }

    #[test]
    fn only_what_can_be_written() {
        let error = |spec| Cache::open(spec, 0, &log()).unwrap_err();
        assert_eq!(error("texthash:/x"), "texthash:/x map requires O_RDONLY access mode");
        assert_eq!(error("fruit:/x"), "unsupported dictionary type: fruit");
        assert!(Cache::open("internal:x", 0, &log()).unwrap().due().is_none());
        assert!(Cache::open("x", 0, &log()).is_err());
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("c");
        std::fs::write(directory.path().join("c.db"), b"not a database").unwrap();
        let spec = format!("btree:{}", name.display());
        let mut cache = Cache::open(&spec, 0, &log()).unwrap();
        cache.put("a", "b".into());
        cache.snapshot().unwrap().write().unwrap();
        assert_eq!(Cache::open(&spec, 0, &log()).unwrap().find("a"), Some("b"));
    }

    #[test]
    fn folders_of_others_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let owner = nix::unistd::geteuid().as_raw();
        let spec = format!("btree:{}/c", directory.path().display());
        let data = Path::new("/var/lib/postfix");
        assert_eq!(redirected(&spec, (owner, "postfix"), data, &log()), spec);
        let other = redirected(&spec, (owner + 1, "postfix"), data, &log());
        assert_eq!(other, "btree:/var/lib/postfix/c");
        assert_eq!(redirected("internal:x", (owner + 1, "p"), data, &log()), "internal:x");
    }
}
