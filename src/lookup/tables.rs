//! All tables of a process, and the lists of tables that parameters are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::ThreadId;

use super::address::{self, AddressRules, Found, Keys};
use super::lines::Report;
use super::proxy::{self, Access, Approved};
use super::table::{Context, Core, Engine, Failure, Place, Purpose, Table};
use super::watch::Watch;
use super::{braces, open, servers};
use crate::config::parameters as p;
use crate::config::{Config, Problem, split_list};
use crate::log::Log;

/// How deep tables may be made of tables.
const DEPTH: usize = 20;

/// Tables by specification and purpose.
type Open = HashMap<(String, Purpose), Arc<Core>>;

/// All open tables of a process.
#[derive(Debug)]
pub struct Tables {
    config: Arc<Config>,
    context: Arc<Context>,
    /// All tables of the process, whoever opened them.
    open: Arc<Mutex<Open>>,
    /// Those that were asked for here.
    ours: Mutex<HashMap<(String, Purpose), Arc<Table>>>,
    /// Those that are being opened, and by whom: a table must not need itself.
    opening: Arc<Mutex<Vec<(ThreadId, String)>>>,
    /// What `proxy_read_maps` allows.
    approved: OnceLock<Approved>,
    /// Commands give up when a table cannot be opened; daemons wait for it to come back.
    is_command: bool,
}

/// A table that cannot be asked right now. Temporary by nature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} lookup error: {text}")]
pub struct TableError {
    /// `type:name`
    pub table: String,
    /// What went wrong, already logged once.
    pub text: String,
    /// Whether it is the configuration that is wrong, or what the table says: Postfix answers
    /// `4.3.5 Server configuration error` then, else `4.3.0 Temporary lookup failure`.
    pub config: bool,
}

/// The tables of one parameter, asked in order until one answers.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    title: Arc<str>,
    tables: Arc<[Arc<Table>]>,
    parents: bool,
}

impl Tables {
    /// No tables open yet. Warnings go to the log under the program's own name.
    pub fn new(config: Arc<Config>) -> Arc<Self> {
        let program = std::env::args_os().next().unwrap_or_default();
        let program = PathBuf::from(program);
        let program = program.file_name().unwrap_or_default().to_string_lossy();
        let log = Log::new(&config.text(&p::syslog_name), &program);
        Self::with_log(config, log)
    }

    /// The same with warnings in the log of a daemon or session.
    pub fn with_log(config: Arc<Config>, log: Log) -> Arc<Self> {
        Self::make(config, log, false)
    }

    /// The tables of a command that opens them with [`Tables::open`].
    pub fn for_command(config: Arc<Config>, log: Log) -> Arc<Self> {
        Self::make(config, log, true)
    }

    fn make(config: Arc<Config>, log: Log, is_command: bool) -> Arc<Self> {
        let context = Arc::new(Context { log, utf8: config.bool(&p::smtputf8_enable) });
        Arc::new(Self {
            config,
            context,
            open: Arc::default(),
            ours: Mutex::default(),
            opening: Arc::default(),
            approved: OnceLock::new(),
            is_command,
        })
    }

    /// The same tables for a part of this process that Postfix has as a program of its own, such
    /// as trivial-rewrite inside smtpd: their trouble is logged under that name.
    pub fn of_program(&self, program: &str) -> Arc<Self> {
        let log = self.context.log.of_program(program);
        Arc::new(Self {
            config: self.config.clone(),
            context: Arc::new(Context { log, utf8: self.context.utf8 }),
            open: self.open.clone(),
            ours: Mutex::default(),
            opening: self.opening.clone(),
            approved: OnceLock::new(),
            is_command: self.is_command,
        })
    }

    /// Opens one table; the error is what a command gives up with.
    pub fn open(&self, kind: &str, name: &str, purpose: Purpose) -> Result<Arc<Table>, String> {
        let table = self.table(&format!("{kind}:{name}"), purpose);
        match table.unavailable() {
            Some(why) => Err(why),
            None => Ok(table),
        }
    }

    /// The configuration that the tables belong to.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether they belong to a command, rather than to a process of the mail system.
    #[cfg(feature = "postgres")]
    pub(super) fn is_command(&self) -> bool {
        self.is_command
    }

    /// The log that table warnings go to.
    pub(super) fn log(&self) -> &Log {
        &self.context.log
    }

    /// Opens the tables of a parameter, such as `hash:/etc/postfix/virtual, static:x`; `title` is
    /// the parameter, for messages. An unknown type is not a failure here but at lookup time, as
    /// in Postfix; the problem is logged and found by `postfix check`.
    pub fn maps(&self, title: &str, text: &str) -> Result<Maps, Problem> {
        let purpose = match title {
            "alias_maps" | "alias_database" | "aliases" => Purpose::ALIASES,
            _ if title.ends_with("_checks") => Purpose::CONTENT,
            "transport_maps"
            | "address_verify_transport_maps"
            | "sender_dependent_relayhost_maps"
            | "address_verify_sender_dependent_relayhost_maps"
            | "sender_dependent_default_transport_maps"
            | "address_verify_sender_dependent_default_transport_maps" => Purpose::ROUTES,
            "mailbox_transport_maps" | "fallback_transport_maps" | "mailbox_command_maps" => {
                Purpose::USERS
            }
            _ => Purpose::ADDRESSES,
        };
        let maps = self.maps_for(title, text, purpose);
        maps.tables.iter().try_for_each(|table| self.insist(table))?;
        Ok(maps)
    }

    /// With `daemon_table_open_error_is_fatal` a table that cannot be opened is a reason for a
    /// process of the mail system not to begin.
    pub(super) fn insist(&self, table: &Table) -> Result<(), Problem> {
        if self.is_command || !self.config.bool(&p::daemon_table_open_error_is_fatal) {
            return Ok(());
        }
        table.unavailable().map_or(Ok(()), |text| Err(Problem { text }))
    }

    /// The same for a purpose other than what the title suggests.
    pub fn maps_for(&self, title: &str, text: &str, purpose: Purpose) -> Maps {
        let tables = split_list(text).into_iter().map(|spec| self.table(spec, purpose));
        let style = match title.starts_with("check_") {
            true => "smtpd_access_maps",
            false => title,
        };
        Maps {
            title: title.into(),
            tables: tables.collect(),
            parents: super::match_list::matches_subdomains(self, style),
        }
    }

    /// Opens one table. What cannot be opened is logged, and fails at lookup time.
    pub fn table(&self, spec: &str, purpose: Purpose) -> Arc<Table> {
        self.table_at(spec, purpose, 0)
    }

    /// Logs what is wrong with the tables that were asked for here, rather than at the first
    /// look-up of each: for a program that opens them when it starts.
    pub fn tell_all(&self) {
        let ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        let tables: Vec<_> = ours.values().cloned().collect();
        drop(ours);
        for table in tables {
            table.tell_once();
        }
    }

    /// The folders and files that look-ups read later: a confined process must be let at them.
    pub fn paths(&self) -> Vec<PathBuf> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let watches = open.values().filter_map(|core| core.watch.as_ref());
        let mut paths: Vec<PathBuf> = watches
            .flat_map(|watch| watch.paths())
            .filter_map(|path| path.parent())
            .map(PathBuf::from)
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    fn table_at(&self, spec: &str, purpose: Purpose, depth: usize) -> Arc<Table> {
        let key = (spec.to_owned(), purpose);
        let ours = || self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = ours().get(&key).cloned() {
            return table;
        }
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let core = known.unwrap_or_else(|| {
            let core = Arc::new(self.make_core_once(spec, purpose, depth));
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry(key.clone()).or_insert(core).clone()
        });
        let told = AtomicBool::new(self.is_command);
        let table = Arc::new(Table { core, context: self.context.clone(), told });
        ours().entry(key).or_insert(table).clone()
    }

    /// Opens a table, unless that is what this thread is doing already.
    fn make_core_once(&self, spec: &str, purpose: Purpose, depth: usize) -> Core {
        let opening = || self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let me = (std::thread::current().id(), spec.to_owned());
        if opening().contains(&me) {
            let why = format!("table {spec} is made of itself");
            return Core::new(spec, purpose, Err(why), Vec::new(), None);
        }
        opening().push(me.clone());
        let core = self.make_core(spec, purpose, depth);
        opening().retain(|other| *other != me);
        core
    }

    fn make_core(&self, spec: &str, purpose: Purpose, depth: usize) -> Core {
        let (kind, name) = match spec.split_once(':') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => (kind, name),
            _ => {
                let why =
                    format!("open dictionary: expecting \"type:name\" form instead of \"{spec}\"");
                return Core::new(spec, purpose, Err(why), Vec::new(), None);
            }
        };
        let mut complaints = Vec::new();
        let watch = open::files(kind, name).map(|(paths, text)| Watch::new(paths, text));
        let mut report = |text: String| match self.is_command {
            true => self.context.log.warning(format_args!("{text}")),
            false => complaints.push(text),
        };
        let opened = match kind {
            "unionmap" => self
                .several(kind, name, purpose, depth)
                .map(|tables| Engine::Elsewhere(Place::Union(tables.into()))),
            "pipemap" => self
                .several(kind, name, purpose, depth)
                .map(|tables| Engine::Elsewhere(Place::Pipe(tables.into()))),
            "debug" if depth < DEPTH => {
                self.inner(name, purpose, depth).map(|table| Engine::Elsewhere(Place::Debug(table)))
            }
            "proxy" if depth < DEPTH => self
                .proxied(spec, purpose, depth, &mut report)
                .map(|table| Engine::Elsewhere(Place::Proxy(table))),
            _ => match servers::open(self, kind, name, purpose, &mut report) {
                Some(opened) => opened.map(|server| Engine::Elsewhere(Place::Server(server))),
                None => open::load(kind, name, purpose, self.context.utf8, &mut report),
            },
        };
        Core::new(spec, purpose, opened, complaints, watch)
    }

    /// The table behind `proxy:`, whose trouble proxymap(8) logs.
    fn proxied(
        &self,
        spec: &str,
        purpose: Purpose,
        depth: usize,
        report: &mut Report<'_>,
    ) -> Result<Arc<Table>, String> {
        let inner = proxy::without_proxy(spec).ok_or_else(|| proxy::no_table(spec))?;
        // Tables that say what is done with whose rights are opened directly.
        if !purpose.substitution {
            return self.inner(inner, purpose, depth);
        }
        let approved = self.approved.get_or_init(|| Approved::of(&self.config, Access::Read));
        if self.is_command {
            // proxymap(8) has nobody's standard error.
            let log = self.context.log.of_program("proxymap").without_stderr();
            let mut report = |text: String| log.warning(format_args!("{text}"));
            approved.check(Access::Read, inner, &mut report)?;
        } else {
            approved.check(Access::Read, inner, report)?;
        }
        self.of_program("proxymap").inner(inner, purpose, depth)
    }

    /// The tables that a unionmap or pipemap is made of.
    fn several(
        &self,
        kind: &str,
        name: &str,
        purpose: Purpose,
        depth: usize,
    ) -> Result<Vec<Arc<Table>>, String> {
        let specs = braces::inside(name).map(split_list).unwrap_or_default();
        if specs.is_empty() || specs.iter().any(|spec| !spec.contains(':')) {
            return Err(format!("bad syntax: \"{kind}:{name}\"; need \"{kind}:{{type:name...}}\""));
        }
        if depth >= DEPTH {
            return Err(format!("too many tables in tables: \"{kind}:{name}\""));
        }
        specs.into_iter().map(|spec| self.inner(spec, purpose, depth)).collect()
    }

    /// A table that another one is made of.
    fn inner(&self, spec: &str, purpose: Purpose, depth: usize) -> Result<Arc<Table>, String> {
        let table = self.table_at(spec, purpose, depth + 1);
        match table.unavailable().filter(|_| self.is_command) {
            Some(why) => Err(why),
            None => Ok(table),
        }
    }
}

impl Core {
    /// What was opened, or why it was not.
    fn new(
        spec: &str,
        purpose: Purpose,
        opened: Result<Engine, String>,
        complaints: Vec<String>,
        watch: Option<Watch>,
    ) -> Self {
        let (kind, name) =
            spec.split_once(':').filter(|(kind, _)| !kind.is_empty()).unwrap_or((spec, ""));
        let engine = opened.unwrap_or_else(Engine::Unavailable);
        Self {
            is_open: AtomicBool::new(!matches!(engine, Engine::Unavailable(_))),
            kind: kind.to_owned(),
            name: name.to_owned(),
            purpose,
            engine: RwLock::new(engine),
            complaints: RwLock::new(complaints),
            watch,
            outage: Mutex::default(),
        }
    }
}

impl Maps {
    /// Whether there is no table at all.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The parameter that they are from.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The tables, for callers that need to know which one answered.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// Whether a parent domain is looked up as `domain` rather than `.domain`:
    /// `parent_domain_matches_subdomains` for this parameter.
    pub fn parents_match_subdomains(&self) -> bool {
        self.parents
    }

    /// Looks `key` up as it is (tables fold case as their type does).
    pub async fn find(&self, key: &str) -> Result<Option<String>, TableError> {
        self.find_text(key.as_bytes(), false).await
    }

    /// Looks up a key that need not be UTF-8, such as a header.
    pub async fn find_bytes(&self, key: &[u8]) -> Result<Option<String>, TableError> {
        self.find_text(key, false).await
    }

    /// Looks up part of a name or address, such as a parent domain: only tables of fixed strings
    /// are asked, tables of patterns (regexp, pcre, tcp …) see whole keys only.
    pub async fn find_partial(&self, key: &str) -> Result<Option<String>, TableError> {
        self.find_text(key.as_bytes(), true).await
    }

    /// Looks an address up as tables of addresses are: `user+ext@domain`, `user@domain`, then, if
    /// the domain is local, `user+ext` and `user`, then `@domain`. Tables of patterns (regexp,
    /// pcre, tcp …) see the whole address only.
    pub async fn find_address(
        &self,
        address: &str,
        rules: &AddressRules,
    ) -> Result<Option<Found>, TableError> {
        address::find(self, address, &Keys::from(rules)).await
    }

    /// The same for any choice of keys.
    pub async fn find_keys(
        &self,
        address: &str,
        keys: &Keys<'_>,
    ) -> Result<Option<Found>, TableError> {
        address::find(self, address, keys).await
    }

    /// What all of the above come to; `partial` skips tables of patterns.
    pub(super) async fn find_text(
        &self,
        key: &[u8],
        partial: bool,
    ) -> Result<Option<String>, TableError> {
        if key.is_empty() {
            return Ok(None);
        }
        for table in self.tables.iter() {
            if partial && !table.is_fixed() {
                continue;
            }
            let shown = || super::lines::show(key);
            match table.lookup(key).await {
                Ok(None) => {}
                Ok(Some(value)) if value.is_empty() => {
                    let title = &self.title;
                    let key = shown();
                    table.warn(format_args!(
                        "{title} lookup of {key} returns an empty string result"
                    ));
                    table
                        .warn(format_args!("{title} should return NO RESULT in case of NOT FOUND"));
                    let text = format!("empty string result for \"{key}\"");
                    return Err(TableError { table: table.to_string(), text, config: true });
                }
                Ok(Some(value)) => {
                    let text = String::from_utf8(value)
                        .unwrap_or_else(|e| super::lines::show(e.as_bytes()).into_owned());
                    return Ok(Some(text));
                }
                Err(failure) => {
                    let key = shown();
                    table.warn(format_args!("{table} lookup error for \"{key}\""));
                    let Failure { text, config } = failure;
                    return Err(TableError { table: table.to_string(), text, config });
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::config::Sources;

    fn tables() -> Arc<Tables> {
        Tables::new(Config::parse(&Sources::default()).unwrap())
    }

    fn find(text: &str, key: &str) -> Result<Option<String>, TableError> {
        let maps = tables().maps("x_maps", text).unwrap();
        wait(maps.find_text(key.as_bytes(), false))
    }

    #[test]
    fn in_order() {
        let text = "inline:{a=1}, inline:{ {a = 2}, b=3 } static:{ x y }";
        assert_eq!(find(text, "A"), Ok(Some("1".into())));
        assert_eq!(find(text, "b"), Ok(Some("3".into())));
        assert_eq!(find(text, "c"), Ok(Some("x y".into())));
        assert_eq!(find(text, ""), Ok(None));
    }

    #[test]
    fn composed() {
        assert_eq!(find("unionmap:{inline:{a=1} static:z}", "a"), Ok(Some("1,z".into())));
        assert_eq!(find("pipemap:{inline:{a=b},inline:{b=c}}", "a"), Ok(Some("c".into())));
        assert_eq!(find("pipemap:{inline:{a=b},inline:{c=c}}", "a"), Ok(None));
        assert_eq!(find("randmap:{x}", "a"), Ok(Some("x".into())));
        assert_eq!(find("regexp:{{/^a(.)/ $1}}", "ab"), Ok(Some("b".into())));
        assert_eq!(find("debug:static:y", "a"), Ok(Some("y".into())));
        assert_eq!(find("cidr:{{10.0.0.0/8 t}}", "10.1.1.1"), Ok(Some("t".into())));
        assert!(find("fail:x", "a").is_err());
        let error = find("unionmap:{x}", "a").unwrap_err();
        assert_eq!(error.text, "bad syntax: \"unionmap:{x}\"; need \"unionmap:{type:name...}\"");
    }

    #[test]
    fn proxied() {
        let main_cf = "relay_domains = proxy:static:y\n".to_owned();
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let tables = Tables::new(config);
        let ask = |spec: &str, purpose| wait(tables.table(spec, purpose).lookup(b"a"));
        assert_eq!(ask("proxy:proxy:static:y", Purpose::ADDRESSES), Ok(Some(b"y".to_vec())));
        let refused = ask("proxy:static:z", Purpose::ADDRESSES).unwrap_err();
        assert_eq!(refused.text, "proxymap service is not configured for table \"static:z\"");
        // What runs with whose rights is asked directly.
        assert_eq!(ask("proxy:static:z", Purpose::ALIASES), Ok(Some(b"z".to_vec())));
        assert_eq!(
            tables.table("proxy:static:y", Purpose::ADDRESSES).to_string(),
            "proxy:static:y"
        );
    }

    #[test]
    fn a_table_of_itself() {
        let tables = tables();
        let spec = "tcp:localhost:1";
        let mut opening = tables.opening.lock().unwrap();
        opening.push((std::thread::current().id(), spec.to_owned()));
        drop(opening);
        let table = tables.table(spec, Purpose::ADDRESSES);
        assert_eq!(table.unavailable().unwrap(), "table tcp:localhost:1 is made of itself");
    }

    #[test]
    fn unavailable() {
        let error = find("nosuch:x", "a").unwrap_err();
        assert_eq!(error.text, "unsupported dictionary type: nosuch");
        assert_eq!(error.table, "nosuch:x");
        let error = find("hash", "a").unwrap_err();
        let text = "open dictionary: expecting \"type:name\" form instead of \"hash\"";
        assert_eq!(error.text, text);
        let error = find("texthash:/no/such", "a").unwrap_err();
        assert_eq!(error.text, "open database /no/such: No such file or directory");
    }

    #[test]
    fn deep_nesting_ends() {
        let spec = "unionmap:{".repeat(40) + "static:x" + &"}".repeat(40);
        assert!(find(&spec, "a").is_err());
    }

    #[test]
    fn changes_are_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        let maps = tables().maps("x_maps", &format!("regexp:{}", path.display())).unwrap();
        assert!(wait(maps.find_text(b"a", false)).is_err());
        std::fs::write(&path, "/a/ b\n").unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while wait(maps.find_text(b"a", false)) != Ok(Some("b".into())) {
            assert!(std::time::Instant::now() < until);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        std::fs::remove_file(&path).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(wait(maps.find_text(b"a", false)), Ok(Some("b".into())));
    }
}
