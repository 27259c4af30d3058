//! The log as main.cf wants it: `maillog_file`, `syslog_facility`, `syslog_name`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Config, parameters as p};
use crate::log::{self, Destination, Facility, Log};
use crate::lookup;

/// Sends all lines of this process where the configuration says. A file that this process may
/// not write is written by postlogd; what cannot be reached at all falls back to syslog.
pub fn set_up(config: &Config, hostname: &str) {
    let facility = Facility::from_name(&config.text(&p::syslog_facility)).unwrap_or(Facility::MAIL);
    let file = config.text(&p::maillog_file);
    let destination = if file.is_empty() {
        Destination::Syslog
    } else {
        open(config, Path::new(&file), hostname)
    };
    log::set_destination(destination, facility);
}

/// The prefix of all tags: `postfix`, or `postfix/submission` and the like.
pub fn syslog_name(config: &Config) -> String {
    let name = config.text(&p::syslog_name);
    if name.is_empty() { "postfix".to_owned() } else { name }
}

/// The log of a command: to standard error and to the mail log.
pub fn for_command(config: &Config, program: &str) -> Log {
    set_up(config, &config.text(&p::myhostname));
    Log::for_command(&syslog_name(config), program)
}

/// The system's own name up to the first dot, as Postfix writes it, whatever `myhostname` is; that
/// is taken where the system has no name.
fn short_name(hostname: &str) -> String {
    let own = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let name = own.as_deref().filter(|name| !name.is_empty()).unwrap_or(hostname);
    name.split('.').next().unwrap_or(name).to_owned()
}

fn open(config: &Config, file: &Path, hostname: &str) -> Destination {
    if !is_allowed(config, file) {
        return Destination::Syslog;
    }
    match append(config, file).ok().or_else(|| lookup::lent::log(file)) {
        Some(file) => Destination::File { file, hostname: short_name(hostname) },
        None => {
            let name = config.text(&p::postlog_service_name);
            Destination::Postlog(config.queue_directory().join("public").join(name))
        }
    }
}

/// `maillog_file`, open, for a process that may not open it itself.
pub fn file(config: &Config) -> Option<(PathBuf, File)> {
    let path = PathBuf::from(config.text(&p::maillog_file));
    if path.as_os_str().is_empty() || !is_allowed(config, &path) {
        return None;
    }
    let file = append(config, &path).ok()?;
    Some((path, file))
}

fn is_allowed(config: &Config, file: &Path) -> bool {
    let prefixes = config.text(&p::maillog_file_prefixes);
    prefixes.split([',', ' ', '\t']).any(|prefix| !prefix.is_empty() && file.starts_with(prefix))
}

fn append(config: &Config, file: &Path) -> std::io::Result<File> {
    let mode = file_mode(&config.text(&p::maillog_file_permissions));
    OpenOptions::new().append(true).create(true).mode(mode).open(file)
}

/// `maillog_file_permissions`: what a new log file may be read by. Postfix knows only these three,
/// and takes the strictest for anything else.
fn file_mode(text: &str) -> u32 {
    match text.trim_start_matches('0') {
        "644" => 0o644,
        "640" => 0o640,
        _ => 0o600,
    }
}
