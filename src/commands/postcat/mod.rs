//! postcat(1): shows a queued message: envelope, headers, body, in the form of Postfix's queue
//! records.

mod records;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use self::records::Flags;
use super::getopt::Options;
use super::queue_access::{ask, config_directory};
use crate::config::{Config, parameters as p, split_list};
use crate::ipc::control::{FromQmgr, ToQmgr};
use crate::mail::queue_id::QueueId;
use crate::qmgr::offline::Offline;
use crate::spool::{Location, Reader};

const USAGE: &str = "usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] \
                     [-e (envelope records)] [-h (header text)] [-q (access queue)] [-v] \
                     [file(s)...]";

/// Runs postcat(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    match act(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("postcat: fatal: {text}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: Vec<OsString>) -> Result<(), String> {
    let options = Options::read(arguments, "bc:defhoqrs:v").map_err(|bad| {
        eprintln!("postcat: {bad}");
        USAGE.to_owned()
    })?;
    let mut flags = Flags::default();
    let mut directory = None;
    let mut search = false;
    for (letter, value) in options.options {
        match letter {
            'b' => flags.body = true,
            'c' => directory = value,
            'd' => flags.types = true,
            'e' => flags.envelope = true,
            'f' => flags.path = true,
            'h' => flags.header = true,
            'o' => flags.offsets = true,
            'q' => search = true,
            'v' => flags.verbose = true,
            's' => {
                let offset = value.unwrap_or_default();
                if offset.is_empty() || !offset.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(format!("bad offset: {offset}"));
                }
            }
            _ => {}
        }
    }
    let flags = flags.or_all();
    let config =
        Config::load(&config_directory(directory.as_deref())).map_err(|problem| problem.text)?;
    for name in &options.rest {
        if !search {
            let why = match std::fs::File::open(name) {
                Err(e) => crate::sys::spawn::error_text(&e),
                Ok(_) => "not a queue file; use -q with a queue ID".into(),
            };
            return Err(format!("open {name}: {why}"));
        }
        let id: QueueId = name.parse().map_err(|_| format!("bad mail queue ID: {name}"))?;
        let shown = show(&config, id, flags)?;
        let mut out = std::io::stdout().lock();
        if out.write_all(&shown).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(())
}

/// The queue and the place of a message, and the recipients that are not done.
fn locate(queue_directory: &Path, id: QueueId) -> Result<(String, Location, Vec<u32>), String> {
    let missing = || format!("open queue file {id}: No such file or directory");
    match ask(queue_directory, "private/control", &ToQmgr::Locate(id)) {
        Ok(FromQmgr::Located { queue, location, pending }) => Ok((queue, location, pending)),
        Ok(_) => Err(missing()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(format!("open queue file {id}: Permission denied"))
        }
        Err(_) => {
            let offline = Offline::open(queue_directory).map_err(|e| e.to_string())?;
            let (queue, location, pending) = offline.locate(id).ok_or_else(missing)?;
            Ok((queue.name().into(), location, pending))
        }
    }
}

fn show(config: &Arc<Config>, id: QueueId, flags: Flags) -> Result<Vec<u8>, String> {
    let directory = config.queue_directory();
    let (queue, location, pending) = locate(&directory, id)?;
    let stored = Reader::new(&directory).open(location).map_err(|e| e.to_string())?;
    let path = path(config, &queue, id);
    records::show(&path, &stored.envelope, &stored.content, &pending, flags)
        .map_err(|e| format!("read {path}: {}", crate::config::why(&e)))
}

/// The path that Postfix would show: `deferred/A/ABCDEF`.
fn path(config: &Config, queue: &str, id: QueueId) -> String {
    let mut path = format!("{queue}/");
    let names = config.text(&p::hash_queue_names);
    if split_list(&names).contains(&queue) {
        for letter in id.as_str().chars().take(config.count(&p::hash_queue_depth)) {
            path.push(letter);
            path.push('/');
        }
    }
    path.push_str(id.as_str());
    path
}
