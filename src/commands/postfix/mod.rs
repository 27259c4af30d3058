//! postfix(1): start, stop, reload and check the mail system.

mod check;
mod control;
mod instances;
mod logrotate;
mod non_bdb;
mod permissions;
#[cfg(feature = "ssl")]
mod tls;
pub mod tree;
mod upgrade;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use nix::unistd::{Uid, User};

use crate::config::{Config, parameters as p, why};
use crate::log::{self, Log};
use crate::service::logging;
use crate::sys::users;

/// What the command line says.
struct Call {
    config_directory: PathBuf,
    /// Whether somebody has said which instance is meant: `-c`, or `MAIL_CONFIG`.
    one_instance: bool,
    verbose: u32,
    words: Vec<String>,
}

/// Everything an action needs.
struct Context {
    config: Arc<Config>,
    config_directory: PathBuf,
    verbose: u32,
    /// Speaks as `postfix/postfix-script`, as Postfix's own script does.
    log: Log,
    privileged: bool,
}

/// A failure whose text has been logged.
struct Logged;

/// Runs postfix(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let code = act(&arguments).unwrap_or(ExitCode::FAILURE);
    log::flush();
    code
}

fn act(arguments: &[OsString]) -> Result<ExitCode, Logged> {
    let early = speaker(Log::tagged("postfix"));
    let fatal = |text: &str| {
        early.fatal(format_args!("{text}"));
        Logged
    };
    let call = parse(arguments).map_err(|text| fatal(&text))?;
    let config = Config::load(&call.config_directory).map_err(|problem| fatal(&problem.text))?;
    let privileged = users::is_root();
    if !privileged && !is_mail_owner(&config) {
        early.error(format_args!("to submit mail, use the Postfix sendmail command"));
        return Err(fatal("the postfix command is reserved for the superuser"));
    }
    config
        .check_essentials(privileged)
        .and_then(|()| config.check_interfaces())
        .and_then(|()| match call.words.first().map(String::as_str) {
            Some("start" | "start-fg") => config.check_expansions(),
            _ => Ok(()),
        })
        .map_err(|problem| fatal(&problem.text))?;
    let queue = config.queue_directory();
    if let Err(e) = std::fs::read_dir(&queue) {
        return Err(fatal(&format!("chdir({}): {}", queue.display(), why(&e))));
    }
    logging::set_up(&config, &config.text(&p::myhostname));
    let log = speaker(Log::new(&logging::syslog_name(&config), "postfix-script"));
    let context = Context {
        config,
        config_directory: call.config_directory,
        verbose: call.verbose,
        log,
        privileged,
    };
    if instances::are_meant(&context, call.one_instance) {
        return instances::hand_over(&context, &call.words);
    }
    let (word, rest) = match call.words.split_first() {
        Some((word, rest)) => (word.as_str(), rest),
        None => ("", [].as_slice()),
    };
    obey(&context, word, rest)
}

/// Does what the first word says.
fn obey(context: &Context, word: &str, rest: &[String]) -> Result<ExitCode, Logged> {
    let done = |()| ExitCode::SUCCESS;
    match word {
        "start" => control::start(context, false),
        "start-fg" => control::start(context, true),
        "stop" => control::stop(context),
        "quick-stop" => control::stop(context),
        "abort" => control::abort(context),
        "drain" => control::drain(context),
        "reload" => control::reload(context),
        "status" => control::status(context),
        "flush" => Ok(control::flush(context)),
        "check" => check::run(context).map(done),
        "set-permissions" => permissions::set(context, rest).map(done),
        "upgrade-configuration" => upgrade::run(context, rest).map(done),
        "logrotate" => logrotate::run(context, rest).map(done),
        "non-bdb" => non_bdb::run(context, rest).map(done),
        #[cfg(feature = "ssl")]
        "tls" => tls::run(context, rest),
        #[cfg(not(feature = "ssl"))]
        "tls" => Err(context.fatal("this program was built without TLS (USE=ssl)")),
        // What scripts of Postfix use to run something as an instance.
        path if path.starts_with('/') => instances::run_program(context, path, rest),
        other => Err(context.fatal(&format!(
            "unknown command: '{other}'. Usage: postfix start (or stop, reload, abort, flush, check, \
             status, set-permissions, upgrade-configuration, logrotate)"
        ))),
    }
}

impl Context {
    fn fatal(&self, text: &str) -> Logged {
        self.log.fatal(format_args!("{text}"));
        Logged
    }
}

/// As Postfix: a person at a terminal sees what is logged, scripts only the exit code. A script
/// that wants to show the reason of a failure sets [`ALOUD`].
fn speaker(log: Log) -> Log {
    let aloud = std::env::var_os(ALOUD).is_some_and(|value| !value.is_empty());
    if aloud || std::io::stderr().is_terminal() { log.to_stderr() } else { log }
}

/// The environment variable by which the init script asks for log lines on standard error.
const ALOUD: &str = "POSTFIX_LOG_TO_STDERR";

fn parse(arguments: &[OsString]) -> Result<Call, String> {
    let mut call = Call {
        config_directory: crate::config::default_directory(),
        one_instance: std::env::var_os("MAIL_CONFIG").is_some(),
        verbose: 0,
        words: Vec::new(),
    };
    let mut rest = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-c" => {
                call.config_directory =
                    rest.next().ok_or("usage: postfix [-c config_dir] [-Dv] command")?.into();
                call.one_instance = true;
                if !call.config_directory.is_absolute() {
                    return Err("-c requires absolute pathname".into());
                }
            }
            "-v" => call.verbose += 1,
            "-D" => {}
            "--" => call.words.extend(rest.by_ref()),
            option if option.starts_with('-') && option.len() > 1 => {
                let letter = option.chars().nth(1).unwrap_or('-');
                eprintln!("postfix: invalid option -- '{letter}'");
                return Err("usage: postfix [-c config_dir] [-Dv] command".into());
            }
            _ => {
                call.words.push(argument);
                call.words.extend(rest.by_ref());
            }
        }
    }
    Ok(call)
}

/// Whether the caller is the mail owner: such a private system runs without root.
fn is_mail_owner(config: &Config) -> bool {
    let name = config.text(&p::mail_owner);
    User::from_name(&name).ok().flatten().is_some_and(|user| user.uid == Uid::effective())
}
