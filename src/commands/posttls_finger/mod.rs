//! posttls-finger(1): connects to a mail server as smtp(8) would, and says what its TLS is like.
//!
//! ```text
//! options ─ main.cf ─┬─ place    which server, at which level, by which records
//!                    └─ finger ─ commands::chat, tls::client   once, or again with `-r`
//! ```

mod finger;
mod options;
mod place;

use std::ffi::OsString;
use std::process::ExitCode;

use self::finger::Finger;
use self::options::{Bad, Options, USAGE};
use crate::config::{Config, default_directory, parameters as p};
use crate::deliver::smtp::settings::Routing;
use crate::dns::{Probe, Resolver};
use crate::log::Log;
use crate::lookup::Tables;
use crate::sys::users;
use crate::tls::client::Client;

const NAME: &str = "posttls-finger";

/// Runs the command. What it finds out is its output; it fails only if it cannot try.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let log = Log::as_output(NAME);
    match Options::parse(arguments).and_then(|options| run(options, &log).map_err(Bad::Fatal)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Bad::Usage) => {
            eprintln!("usage: {NAME} {USAGE}");
            ExitCode::FAILURE
        }
        Err(Bad::Fatal(text)) => {
            log.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options, log: &Log) -> Result<(), String> {
    let log = log.clone().with_verbose(options.verbose);
    for reason in &options.ignored {
        log.warning(format_args!("option ignored: {reason}"));
    }
    let config = Config::load_main(&default_directory()).map_err(|problem| problem.text)?;
    let config = config.with_overrides(&options.parameters);
    let tables = Tables::new(config.clone());
    let routing = Routing::of(&config, &tables, false).map_err(|problem| problem.text)?;
    let client = Client::prepare(&config, "smtp", &log);
    for complaint in client.as_ref().map(Client::open_own).unwrap_or_default() {
        log.warning(format_args!("{complaint}"));
    }
    let probe = Probe::parse(&config.text(&p::dnssec_probe))?;
    let resolver = Resolver::with_probe(log.clone(), probe);
    // Strangers are not spoken to with root's rights.
    if users::is_root() {
        let owner = config.text(&p::mail_owner);
        users::user(&owner)
            .and_then(|user| users::become_user(user.uid, user.gid, &[]))
            .map_err(|e| e.to_string())?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| crate::config::why(&e))?;
    let finger = Finger { options, config, log, routing, resolver, client };
    runtime.block_on(finger.run())
}
