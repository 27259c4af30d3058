//! How commands reach the queue: through qmgr's sockets while the system runs, on the files of
//! the spool while it is down.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Uid, User};

use crate::config::{Config, parameters as p};
use crate::ipc::channel::{append_frame, take_frame};
use crate::ipc::control::{FromQmgr, ToQmgr};
use crate::log::Log;
use crate::lookup::Tables;
use crate::lookup::match_list::{DomainList, StringList};
use crate::service::logging;

/// How long qmgr may take to answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Exit codes of sysexits.h: the queue commands know one, whatever went wrong.
pub mod exit {
    /// EX_UNAVAILABLE
    pub const UNAVAILABLE: u8 = 69;
}

/// The configuration directory: `-c`, MAIL_CONFIG, or the usual place.
pub fn config_directory(option: Option<&str>) -> PathBuf {
    match option {
        Some(directory) => directory.into(),
        None => std::env::var_os("MAIL_CONFIG").map_or_else(|| "/etc/postfix".into(), Into::into),
    }
}

/// Loads the configuration and sets logging up; returns the log of the command as well.
pub fn set_up(directory: &Path, command: &str) -> Result<(Arc<Config>, Log), String> {
    let config = Config::load(directory).map_err(|problem| problem.text)?;
    logging::set_up(&config, &config.text(&p::myhostname));
    let log = Log::for_command(&logging::syslog_name(&config), command);
    Ok((config, log))
}

/// Asks qmgr through a socket below the queue directory.
pub fn ask(queue_directory: &Path, socket: &str, request: &ToQmgr) -> io::Result<FromQmgr> {
    let mut stream = UnixStream::connect(queue_directory.join(socket))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut frame = Vec::new();
    append_frame(&mut frame, request)?;
    stream.write_all(&frame)?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        if let Some((answer, _)) = take_frame(&bytes)? {
            return Ok(answer);
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Whether a list of domains holds that one.
pub fn matches_domain(config: &Arc<Config>, title: &str, list: &str, domain: &str) -> bool {
    let tables = Tables::new(config.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match (DomainList::parse(&tables, title, list), runtime) {
        (Ok(list), Ok(runtime)) => runtime.block_on(list.matches(domain)).unwrap_or(false),
        _ => false,
    }
}

/// Whether the list `authorized_…_users` lets the caller in; root and the mail owner always may.
/// The name of one that is kept out, with its number.
pub fn permitted(config: &Arc<Config>, title: &str, list: &str) -> Result<(), (String, Uid)> {
    let uid = Uid::current();
    let owner = User::from_name(&config.text(&p::mail_owner)).ok().flatten();
    let unlimited = uid.is_root() || owner.is_some_and(|owner| owner.uid == uid);
    if unlimited || list.starts_with("static:") {
        return Ok(());
    }
    let name = User::from_uid(uid).ok().flatten().map_or_else(|| "unknown".into(), |u| u.name);
    let tables = Tables::new(config.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let matched = match (StringList::parse(&tables, title, list), runtime) {
        (Ok(list), Ok(runtime)) => runtime.block_on(list.matches(&name)).unwrap_or(false),
        _ => false,
    };
    if matched { Ok(()) } else { Err((name, uid)) }
}
