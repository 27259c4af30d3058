//! postmulti(1): several mail systems on one machine, each with a configuration, a queue and a
//! data directory of its own, started and stopped together.
//!
//! ```text
//! options ─┬─ instance (primary main.cf, then those of multi_instance_directories)
//!          ├─ run     -l, -p, -x: one command for each instance
//!          └─ edit    -e: an instance comes, goes, or gets another name
//! ```

mod edit;
mod instance;
mod options;
mod run;

use std::ffi::OsString;
use std::process::ExitCode;

use self::instance::Instances;
use self::options::{Mode, Options};
use crate::config::{Config, default_directory, parameters as p};
use crate::log::{self, Log};
use crate::service::logging;
use crate::sys::users;

/// Why the command gives up, in the words after `fatal: `; empty if that has been said.
type Outcome<T> = Result<T, String>;

/// Where the primary instance is configured.
const PRIMARY: &str = "/etc/postfix";

/// Runs postmulti(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let log = Log::tagged("postmulti").to_stderr();
    let code = act(arguments, &log).unwrap_or_else(|text| {
        // An empty text has been said.
        if !text.is_empty() {
            log.fatal(format_args!("{text}"));
        }
        ExitCode::FAILURE
    });
    log::flush();
    code
}

/// The simple manager that Postfix has beside postmulti: `postmulti -p` under another name.
pub fn wrapper(arguments: Vec<OsString>) -> ExitCode {
    main(["-p", "--"].into_iter().map(OsString::from).chain(arguments).collect())
}

fn act(arguments: Vec<OsString>, log: &Log) -> Outcome<ExitCode> {
    let directory = default_directory();
    let config = Config::load_main(&directory).map_err(|problem| problem.text)?;
    config.check_essentials(users::is_root()).map_err(|problem| problem.text)?;
    logging::set_up(&config, &config.text(&p::myhostname));
    if directory.as_os_str() != PRIMARY {
        let directory = directory.display();
        return Err(format!("Non-default configuration directory: MAIL_CONFIG={directory}"));
    }
    let options = Options::read(arguments)?;
    let mut instances = Instances::new(config)?;
    match &options.mode {
        Mode::List => {
            instances.load(log)?;
            run::list(&instances, &options);
            Ok(ExitCode::SUCCESS)
        }
        Mode::Postfix | Mode::Command => {
            instances.load(log)?;
            run::run(&instances, &options, log)
        }
        Mode::Edit(action) => edit::edit(&mut instances, *action, &options, log),
    }
}
