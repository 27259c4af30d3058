//! One open table: `type:name`, what it was opened for, and the engine that answers.
//!
//! Tables in files are watched: at most once a second a look-up compares the file with what was
//! read, and reads it again when it changed. What cannot be read then leaves the last good
//! content in place; a table that could not be opened at all is tried again.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::cidr::CidrTable;
use super::fold::fold;
use super::hash::HashTable;
use super::lines::show;
use super::outage::Outage;
use super::pattern::PatternTable;
use super::server::Server;
use super::system;
use super::watch::Watch;
use crate::log::Log;

/// What a table is opened for. The same `type:name` opened for two purposes is two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Purpose {
    /// Tables of fixed strings fold the case of keys.
    pub fold: bool,
    /// Keys and values must be UTF-8 if `smtputf8_enable` says so.
    pub utf8: bool,
    /// `$1` may be used in results of patterns.
    pub substitution: bool,
    /// Values are names of files whose contents count.
    pub files: bool,
    /// The text of an indexed table is an alias file.
    pub aliases: bool,
    /// What a key that is there twice does.
    pub duplicates: Duplicates,
    /// Whether keys and values in files end in NUL; none: both forms are tried.
    pub trailing_nul: Option<bool>,
}

/// What happens to the second of two equal keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// The table is refused (text read by a daemon).
    Refuse,
    /// It is left out, with a warning.
    Warn,
    /// It is left out.
    Ignore,
    /// It takes the place of the first.
    Replace,
}

impl Purpose {
    /// Addresses, domains, users: what most `*_maps` parameters are for.
    pub const ADDRESSES: Self = Self {
        fold: true,
        utf8: true,
        substitution: true,
        files: false,
        aliases: false,
        duplicates: Duplicates::Refuse,
        trailing_nul: None,
    };
    /// Elements of match lists: the list folds keys itself.
    pub const LISTS: Self = Self { fold: false, ..Self::ADDRESSES };
    /// alias_maps: results of patterns may not contain parts of the key.
    pub const ALIASES: Self = Self { substitution: false, aliases: true, ..Self::ADDRESSES };
    /// Transports and next hops: a client must not choose them with parts of an address.
    pub const ROUTES: Self = Self { substitution: false, ..Self::ADDRESSES };
    /// Transports and commands of local users, who are known by the names as they stand.
    pub const USERS: Self = Self { fold: false, ..Self::ROUTES };
    /// Mailboxes and user IDs of virtual(8), whose recipients are folded beforehand.
    pub const MAILBOXES: Self = Self::USERS;
    /// header_checks and its relatives: any bytes, case is left alone.
    pub const CONTENT: Self = Self { fold: false, utf8: false, ..Self::ADDRESSES };
}

/// What all tables of a process share.
#[derive(Debug)]
pub struct Context {
    /// Where warnings go.
    pub log: Log,
    /// `smtputf8_enable`
    pub utf8: bool,
}

/// What `%m` shows in Postfix when the system gave no reason.
pub const NO_REASON: &str = "Application error";

/// Why a look-up gave no answer. Already logged, but for the caller's own line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What went wrong.
    pub text: String,
    /// Whether the configuration or the data is wrong, rather than the moment.
    pub config: bool,
}

/// Why the records of a table cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Its type has no list of records.
    #[error("sequence operation is not supported")]
    Unsupported,
    /// It has, but something went wrong.
    #[error("{0}")]
    Failed(String),
}

/// What answers.
#[derive(Debug)]
pub(super) enum Engine {
    /// texthash, inline, and indexed files whose source is newer.
    Hash(HashTable),
    /// static
    Static(Box<[u8]>),
    /// regexp, pcre
    Patterns(PatternTable),
    /// cidr
    Cidr(CidrTable),
    /// environ
    Environ,
    /// unix:passwd.byname
    Passwd,
    /// unix:group.byname
    Group,
    /// fail
    Fail,
    /// randmap
    Random(Vec<Box<[u8]>>),
    /// Other tables, or a server.
    Elsewhere(Place),
    /// A file that postmap(1) made.
    Indexed(super::indexed::Indexed),
    /// It could not be opened; the reason.
    Unavailable(String),
}

/// Who answers a look-up in place of a table of this process.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// unionmap
    Union(Arc<[Arc<Table>]>),
    /// pipemap
    Pipe(Arc<[Arc<Table>]>),
    /// debug
    Debug(Arc<Table>),
    /// proxy
    Proxy(Arc<Table>),
    /// A server, such as a database.
    Server(Arc<dyn Server>),
}

/// What one table says about a key.
enum Answer {
    Value(Option<Vec<u8>>),
    Elsewhere(Place),
}

/// An open table, and whose log its trouble goes to.
pub struct Table {
    pub(super) core: Arc<Core>,
    pub(super) context: Arc<Context>,
    /// Whether the log knows what is wrong with it: it is told at the first look-up, which is when
    /// Postfix starts the process that opens the table.
    pub(super) told: AtomicBool,
}

/// What all holders of an open table share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) purpose: Purpose,
    pub(super) engine: RwLock<Engine>,
    /// What was wrong with its lines when it was read, for the log of each holder.
    pub(super) complaints: RwLock<Vec<String>>,
    /// Whether the engine is anything but unavailable.
    pub(super) is_open: AtomicBool,
    pub(super) watch: Option<Watch>,
    pub(super) outage: Mutex<Outage>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Postfix calls an open table by the file behind it, except for lmdb.
        let suffix = match self.core.kind.as_str() {
            "hash" | "btree" if self.core.is_open.load(Ordering::Relaxed) => ".db",
            "cdb" if self.core.is_open.load(Ordering::Relaxed) => ".cdb",
            _ => "",
        };
        write!(f, "{}:{}{suffix}", self.core.kind, self.core.name)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({self})")
    }
}

impl Table {
    /// Whether it holds fixed strings: partial keys make sense. Patterns, networks and tables
    /// that are not available do not.
    pub fn is_fixed(&self) -> bool {
        let engine = self.core.engine.read().unwrap_or_else(PoisonError::into_inner);
        match &*engine {
            Engine::Hash(_)
            | Engine::Static(_)
            | Engine::Environ
            | Engine::Passwd
            | Engine::Group
            | Engine::Indexed(_) => true,
            Engine::Patterns(_)
            | Engine::Cidr(_)
            | Engine::Fail
            | Engine::Random(_)
            | Engine::Unavailable(_) => false,
            Engine::Elsewhere(Place::Union(tables) | Place::Pipe(tables)) => {
                tables.first().is_some_and(|table| table.is_fixed())
            }
            Engine::Elsewhere(Place::Debug(table) | Place::Proxy(table)) => table.is_fixed(),
            Engine::Elsewhere(Place::Server(server)) => server.is_fixed(),
        }
    }

    /// The user who owns the file behind it; `None` if there is no file. With several files, one
    /// that is not root's counts: whoever may write it says what the table says.
    pub fn owner(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        let Core { kind, name, watch, .. } = &*self.core;
        if super::servers::have_settings(kind) {
            // The file with its settings; main.cf is root's.
            return Some(std::fs::metadata(name).map_or(0, |file| file.uid()));
        }
        let paths = watch.as_ref()?.paths().iter();
        paths.filter_map(|path| Some(std::fs::metadata(path).ok()?.uid())).max()
    }

    /// Why it could not be opened, if so.
    pub fn unavailable(&self) -> Option<String> {
        match &*self.core.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Engine::Unavailable(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// Whether a look-up may log another line about trouble with this table.
    pub(super) fn may_complain(&self) -> bool {
        self.core.outage.lock().unwrap_or_else(PoisonError::into_inner).may_complain()
    }

    pub(super) fn warn(&self, text: fmt::Arguments<'_>) {
        if self.may_complain() {
            self.context.log.warning(text);
        }
    }

    /// The value for `key`.
    pub async fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(watch) = &self.core.watch
            && watch.is_due()
        {
            self.refresh(watch);
        }
        self.tell_once();
        let utf8 = self.core.purpose.utf8 && self.context.utf8;
        if utf8 && !is_utf8(key) {
            self.warn(format_args!(
                "{self}: non-UTF-8 key \"{}\": malformed UTF-8 or invalid codepoint",
                show(key)
            ));
            return Ok(None);
        }
        let answer = {
            let engine = self.core.engine.read().unwrap_or_else(PoisonError::into_inner);
            self.ask(&engine, key)?
        };
        let value = match answer {
            Answer::Value(value) => value,
            Answer::Elsewhere(place) => Box::pin(self.ask_elsewhere(&place, key)).await?,
        };
        if utf8
            && let Some(value) = &value
            && !is_utf8(value)
        {
            let text = format!(
                "key \"{}\": non-UTF-8 value \"{}\": malformed UTF-8 or invalid codepoint",
                show(key),
                show(value)
            );
            self.warn(format_args!("{self}: {text}"));
            return Err(Failure { text, config: true });
        }
        Ok(value)
    }

    /// Gives all records to `visit`.
    pub fn for_each(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), SequenceError> {
        match &*self.core.engine.read().unwrap_or_else(PoisonError::into_inner) {
            Engine::Hash(table) => {
                for (key, value) in table.sorted() {
                    visit(key, value);
                }
                Ok(())
            }
            Engine::Indexed(table) => table.for_each(visit).map_err(SequenceError::Failed),
            Engine::Elsewhere(Place::Debug(table) | Place::Proxy(table)) => table.for_each(visit),
            Engine::Elsewhere(Place::Server(server)) => server.for_each(&self.context.log, visit),
            Engine::Fail => Err(SequenceError::Failed(NO_REASON.into())),
            Engine::Unavailable(why) => Err(SequenceError::Failed(why.clone())),
            _ => Err(SequenceError::Unsupported),
        }
    }

    /// `key`, folded if this table is for that.
    fn folded<'k>(&self, key: &'k [u8]) -> Cow<'k, [u8]> {
        if self.core.purpose.fold {
            fold(key, self.core.purpose.utf8 && self.context.utf8)
        } else {
            Cow::Borrowed(key)
        }
    }

    /// What a table of this process says, or who else is to be asked.
    fn ask(&self, engine: &Engine, key: &[u8]) -> Result<Answer, Failure> {
        let value = match engine {
            Engine::Hash(table) => table.find(&self.folded(key)).map(<[u8]>::to_vec),
            Engine::Static(value) => Some(value.to_vec()),
            Engine::Patterns(table) => table.find(&self.core.name, key, &mut |text| {
                self.warn(format_args!("{text}"));
            }),
            Engine::Cidr(table) => {
                let address = std::str::from_utf8(key).ok().and_then(|key| key.parse().ok());
                address.and_then(|address: IpAddr| table.find(address)).map(<[u8]>::to_vec)
            }
            Engine::Environ => system::environment(&self.folded(key)),
            Engine::Passwd => system::passwd(&self.folded(key)).map_err(|e| self.broken(&e))?,
            Engine::Group => system::group(&self.folded(key)).map_err(|e| self.broken(&e))?,
            Engine::Fail => {
                return Err(Failure { text: "table always fails".into(), config: false });
            }
            Engine::Random(values) => system::choose(values).map(|value| value.to_vec()),
            Engine::Indexed(table) => table.find(&self.folded(key)).map_err(|e| self.broken(&e))?,
            Engine::Elsewhere(place) => return Ok(Answer::Elsewhere(place.clone())),
            Engine::Unavailable(why) => {
                self.warn(format_args!("{self} is unavailable. {why}"));
                return Err(Failure { text: why.clone(), config: false });
            }
        };
        Ok(Answer::Value(value))
    }

    /// What other tables or servers say.
    async fn ask_elsewhere(&self, place: &Place, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match place {
            Place::Union(tables) => {
                let mut all: Option<Vec<u8>> = None;
                for table in tables.iter() {
                    match (table.lookup(key).await?, &mut all) {
                        (None, _) => {}
                        (Some(value), None) => all = Some(value),
                        (Some(value), Some(all)) => {
                            if !all.is_empty() {
                                all.push(b',');
                            }
                            all.extend_from_slice(&value);
                        }
                    }
                }
                Ok(all.filter(|all| !all.is_empty()))
            }
            Place::Pipe(tables) => {
                let mut key = key.to_vec();
                for table in tables.iter() {
                    match table.lookup(&key).await? {
                        Some(value) => key = value,
                        None => return Ok(None),
                    }
                }
                Ok(Some(key))
            }
            Place::Debug(table) => {
                let found = table.lookup(key).await;
                let shown = match &found {
                    Ok(Some(value)) => show(value),
                    Ok(None) => "not_found".into(),
                    Err(_) => "error".into(),
                };
                let log = &self.context.log;
                log.info(format_args!("{table} lookup: \"{}\" = \"{shown}\"", show(key)));
                found
            }
            Place::Proxy(table) => table.lookup(key).await,
            Place::Server(server) => {
                // As in Postfix, only fixed strings are folded.
                let key = if server.is_fixed() { self.folded(key) } else { Cow::Borrowed(key) };
                server.find(&key, &self.context.log).await
            }
        }
    }

    /// Logs what is wrong with the table itself, if the log does not know it yet.
    pub(super) fn tell_once(&self) {
        if self.told.load(Ordering::Relaxed) || self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let log = match self.core.kind.as_str() {
            "proxy" => &self.context.log.of_program("proxymap"),
            _ => &self.context.log,
        };
        for text in &*self.core.complaints.read().unwrap_or_else(PoisonError::into_inner) {
            log.warning(format_args!("{text}"));
        }
        let engine = self.core.engine.read().unwrap_or_else(PoisonError::into_inner);
        match &*engine {
            Engine::Unavailable(why) => self.context.log.error(format_args!("{why}")),
            Engine::Indexed(table) => {
                if let Some(text) = table.remark() {
                    log.info(format_args!("{text}"));
                }
            }
            _ => {}
        }
    }

    /// Something of the system does not answer.
    fn broken(&self, text: &str) -> Failure {
        self.warn(format_args!("{text}"));
        Failure { text: text.to_owned(), config: false }
    }

    /// Reads the file again if it changed.
    fn refresh(&self, watch: &Watch) {
        if !watch.has_changed() {
            return;
        }
        let Core { kind, name, purpose, .. } = &*self.core;
        let mut complaints = Vec::new();
        let mut report = |text| complaints.push(text);
        match super::open::load(kind, name, *purpose, self.context.utf8, &mut report) {
            Ok(engine) => {
                for text in &complaints {
                    self.context.log.warning(format_args!("{text}"));
                }
                *self.core.complaints.write().unwrap_or_else(PoisonError::into_inner) = complaints;
                *self.core.engine.write().unwrap_or_else(PoisonError::into_inner) = engine;
                self.core.is_open.store(true, Ordering::Relaxed);
            }
            Err(why) => {
                let mut engine = self.core.engine.write().unwrap_or_else(PoisonError::into_inner);
                if let Engine::Unavailable(reason) = &mut *engine {
                    *reason = why;
                    return;
                }
                drop(engine);
                self.context.log.warning(format_args!(
                    "table {self} has changed and cannot be read again, \
                     its last good content stays in use: {why}"
                ));
            }
        }
    }
}

/// Whether `text` may go through a table of UTF-8.
pub(super) fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}
