//! postmap(1): makes, changes and asks lookup tables. postalias(1) is the same for alias files.

mod ask;
mod make;
mod message;
mod options;
mod output;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use self::options::{Call, Refusal, Verb};
use crate::config::parameters as p;
use crate::config::{Config, default_directory};
use crate::log::{self, Log};
use crate::lookup::{Making, Purpose, Syntax, Table, Tables};
use crate::service::logging;

pub use self::options::Which;

/// Runs postmap with the arguments after its name.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    run(Which::Postmap, arguments)
}

/// Runs either command.
pub fn run(which: Which, arguments: Vec<OsString>) -> ExitCode {
    let code = start(which, arguments);
    log::flush();
    code
}

/// A fatal error, in Postfix's words.
#[derive(Debug)]
struct Fatal(String);

impl From<String> for Fatal {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// What the work needs.
struct Context {
    which: Which,
    call: Call,
    config: Arc<Config>,
    log: Log,
    tables: Arc<Tables>,
    /// Tables may have to wait for a server.
    runtime: tokio::runtime::Runtime,
}

fn start(which: Which, arguments: Vec<OsString>) -> ExitCode {
    let early = Log::for_command("postfix", which.name());
    let refuse = |log: &Log, text: &str| {
        log.fatal(format_args!("{text}"));
        ExitCode::FAILURE
    };
    let call = match options::parse(which, arguments) {
        Ok(call) => call,
        Err(Refusal::Fatal(text)) => return refuse(&early, text),
        Err(Refusal::Usage(complaint)) => {
            if let Some(text) = complaint {
                eprintln!("{}: {text}", which.name());
            }
            return refuse(&early, &which.usage());
        }
    };
    let directory = call.config_directory.clone().unwrap_or_else(default_directory);
    let config = match Config::load_main(&directory) {
        Ok(config) => config,
        Err(problem) => return refuse(&early, &problem.text),
    };
    let log = logging::for_command(&config, which.name()).with_verbose(call.verbose);
    for text in config.warnings() {
        log.warning(format_args!("{text}"));
    }
    let context = match Context::new(which, call, config, log.clone()) {
        Ok(context) => context,
        Err(e) => return refuse(&log, &format!("cannot start: {e}")),
    };
    match context.act() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Fatal(text)) => {
            let _ = std::io::stdout().flush();
            refuse(&context.log, &text)
        }
    }
}

/// Makes tables of alias files: what `newaliases` and `sendmail -bi` do.
pub(super) fn make_aliases(config: &Arc<Config>, tables: Vec<String>) -> ExitCode {
    let which = Which::Postalias;
    let log = logging::for_command(config, which.name());
    let Ok(mut call) = options::parse(which, Vec::new()) else {
        return ExitCode::FAILURE;
    };
    call.tables = tables;
    let done = Context::new(which, call, config.clone(), log.clone())
        .map_err(|e| Fatal(format!("cannot start: {e}")))
        .and_then(|context| context.act());
    let code = match done {
        Ok(_) => ExitCode::SUCCESS,
        Err(Fatal(text)) => {
            log.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

impl Context {
    fn new(which: Which, call: Call, config: Arc<Config>, log: Log) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tables = Tables::for_command(config.clone(), log.clone());
        Ok(Self { which, call, config, log, tables, runtime })
    }

    /// True: all is well, or a key was found.
    fn act(&self) -> Result<bool, Fatal> {
        let call = &self.call;
        let parts = call.parts;
        if (parts.header || parts.body || parts.mime) && call.verb != Verb::Query(b"-".to_vec()) {
            return Err("specify -b -h or -m only with \"-q -\"".to_owned().into());
        }
        if parts.mime && !parts.header && !parts.body {
            self.log.warning(format_args!("ignoring -m option without -b or -h"));
        }
        if call.tables.is_empty() && call.verb != Verb::Sequence {
            return Err(self.which.usage().into());
        }
        match &call.verb {
            Verb::Make | Verb::Update => {
                for (kind, name) in self.specs() {
                    make::make(self, &kind, &name)?;
                }
                Ok(true)
            }
            Verb::Query(key) => ask::query(self, key),
            Verb::Delete(key) => ask::delete(self, key),
            Verb::Sequence => ask::sequence(self),
        }
    }

    /// Type and name of each table; the default type where none is given.
    fn specs(&self) -> Vec<(String, String)> {
        let split = |spec: &String| match spec.split_once(':') {
            Some((kind, name)) => (kind.to_owned(), name.to_owned()),
            None => (self.config.text(&p::default_database_type), spec.clone()),
        };
        self.call.tables.iter().map(split).collect()
    }

    /// What tables are opened for.
    fn purpose(&self) -> Purpose {
        let call = &self.call;
        let content = call.parts.header || call.parts.body;
        Purpose {
            fold: call.fold,
            utf8: call.utf8 && (!content || call.force_utf8),
            substitution: true,
            files: call.files,
            aliases: self.which == Which::Postalias,
            duplicates: call.duplicates,
            trailing_nul: call.trailing_nul,
        }
    }

    /// How files are made; `mode` is for new ones.
    fn making(&self, mode: u32) -> Making {
        let call = &self.call;
        Making {
            fold: call.fold,
            utf8: call.utf8 && self.config.bool(&p::smtputf8_enable),
            duplicates: call.duplicates,
            trailing_nul: call.trailing_nul,
            syntax: match self.which {
                Which::Postmap => Syntax::Records,
                Which::Postalias => Syntax::Aliases,
            },
            mode,
            map_size: u64::try_from(self.config.int(&p::lmdb_map_size)).unwrap_or(0),
            buffer_size: u64::try_from(self.config.int(&p::berkeley_db_create_buffer_size))
                .unwrap_or(0),
        }
    }

    fn open(&self, kind: &str, name: &str) -> Result<Arc<Table>, Fatal> {
        self.tables.open(kind, name, self.purpose()).map_err(Fatal)
    }
}
