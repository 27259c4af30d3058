//! postsuper(1): deletes, holds, releases, requeues and expires queued mail.
//!
//! Two options that C Postfix does not have: `-T` takes over the queue files that it has left, `-W`
//! writes the queue back as such files.

mod maildrop;
mod queue_files;
mod take_over;
mod write_back;

use std::ffi::OsString;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::getopt::Options;
use super::queue_access::{ask, config_directory, set_up};
use crate::config::{Config, parameters as p, why};
use crate::ipc::control::{Change, FromQmgr, ToQmgr, Which};
use crate::log::{self, Log};
use crate::mail::queue_id::QueueId;
use crate::qmgr::offline::Offline;
use crate::sys::users;

const USAGE: &str = "usage: postsuper [-c config_dir] [-d queue_id (delete)] \
                     [-e queue_id (expire)] [-f queue_id (expire and/or un-hold)] \
                     [-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge temporary files)] \
                     [-r queue_id (requeue)] [-s (structure fix)] \
                     [-S (redundant structure fix)][-v (verbose)] [queue...]";

/// The queues that an administrator may name.
const QUEUES: [&str; 9] =
    ["defer", "bounce", "maildrop", "incoming", "active", "deferred", "hold", "flush", "trace"];

/// Runs postsuper(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let code = match act(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((log, text)) => {
            log.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

/// Whether C Postfix has left mail in queue files.
pub fn has_queue_files(queue_directory: &Path) -> bool {
    queue_files(queue_directory) > 0
}

/// How many messages C Postfix has left in queue files.
pub fn queue_files(queue_directory: &Path) -> usize {
    queue_files::find(queue_directory).len()
}

/// How many messages each kind of request has changed.
#[derive(Debug, Default)]
struct Counts {
    requeued: usize,
    deleted: usize,
    expired: usize,
    held: usize,
    released: usize,
}

fn act(arguments: Vec<OsString>) -> Result<(), (Log, String)> {
    let early = Log::for_command("postfix", "postsuper");
    let fail = |text: String| (early.clone(), text);
    let options = Options::read(arguments, "c:d:e:f:h:H:pr:sSTvW").map_err(|bad| {
        eprintln!("postsuper: {bad}");
        fail(USAGE.into())
    })?;
    let directory = options.options.iter().rev().find(|(letter, _)| *letter == 'c');
    let directory = directory.and_then(|(_, value)| value.as_deref());
    if directory.is_some_and(|directory| !directory.starts_with('/')) {
        return Err(fail("-c requires absolute pathname".into()));
    }
    let (config, log) = set_up(&config_directory(directory), "postsuper").map_err(fail)?;
    let fail = |text: String| (log.clone(), text);
    let queue_directory = config.queue_directory();
    if !users::is_root() && !is_owner(&queue_directory) {
        return Err(fail("use of this command is reserved for the superuser".into()));
    }
    for queue in &options.rest {
        if !QUEUES.contains(&queue.as_str()) {
            return Err(fail(format!("invalid directory name: {queue}")));
        }
    }
    become_owner(&config).map_err(fail)?;
    let has = |wanted: char| options.options.iter().any(|(letter, _)| *letter == wanted);
    if has('T') {
        let count = take_over::run(&config, &log).map_err(fail)?;
        log.info(format_args!("Taken over: {count} message{}", if count == 1 { "" } else { "s" }));
    }
    if has('W') {
        let count = write_back::run(&config, &log).map_err(fail)?;
        log.info(format_args!(
            "Written back: {count} message{}",
            if count == 1 { "" } else { "s" }
        ));
    }
    let mut access = Access::new(queue_directory, options.rest, log.clone());
    let mut counts = Counts::default();
    let mut seen = Vec::new();
    for (letter, value) in &options.options {
        if let Some(value) = value
            && *letter != 'c'
        {
            access.option(*letter, value, &mut counts).map_err(fail)?;
            seen.push(*letter);
        }
    }
    access.finish().map_err(fail)?;
    report(&log, &seen, &counts);
    Ok(())
}

/// Without root one user does everything, and owns the queue.
fn is_owner(queue_directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(queue_directory)
        .is_ok_and(|m| m.uid() == nix::unistd::geteuid().as_raw() && m.uid() != 0)
}

/// What is written has to belong to the mail owner.
fn become_owner(config: &Config) -> Result<(), String> {
    if !users::is_root() {
        return Ok(());
    }
    let name = config.text(&p::mail_owner);
    let owner = users::user(&name).map_err(|e| format!("mail_owner: {e}"))?;
    users::become_user(owner.uid, owner.gid, &[owner.gid]).map_err(|e| format!("set user: {e}"))
}

fn report(log: &Log, seen: &[char], counts: &Counts) {
    let any = |letters: &[char]| letters.iter().any(|letter| seen.contains(letter));
    for (wanted, what, count) in [
        (any(&['r']), "Requeued", counts.requeued),
        (any(&['d']), "Deleted", counts.deleted),
        (any(&['e', 'f']), "Force-expired", counts.expired),
        (any(&['h']), "Placed on hold", counts.held),
        (any(&['H', 'f']), "Released from hold", counts.released),
    ] {
        if wanted {
            let plural = if count == 1 { "" } else { "s" };
            log.info(format_args!("{what}: {count} message{plural}"));
        }
    }
}

/// The queue, through qmgr or on disk.
struct Access {
    queue_directory: PathBuf,
    queues: Vec<String>,
    log: Log,
    offline: Option<Offline>,
}

impl Access {
    fn new(queue_directory: PathBuf, queues: Vec<String>, log: Log) -> Self {
        Self { queue_directory, queues, log, offline: None }
    }

    /// Does what one option asks for: a queue ID, `ALL`, or `-` for IDs on standard input.
    fn option(&mut self, letter: char, value: &str, counts: &mut Counts) -> Result<(), String> {
        match value {
            "ALL" => self.all(letter, counts),
            "-" => {
                for line in std::io::stdin().lock().lines() {
                    let line = line.map_err(|e| format!("read standard input: {}", why(&e)))?;
                    self.one(letter, &line, counts)?;
                }
                Ok(())
            }
            id => self.one(letter, id, counts),
        }
    }

    fn all(&mut self, letter: char, counts: &mut Counts) -> Result<(), String> {
        for change in changes(letter) {
            let mut count = self.change(*change, None)?.len();
            if *change == Change::Delete && self.wants("maildrop") {
                count += maildrop::delete_all(&self.queue_directory);
            }
            *counter(*change, counts) += count;
        }
        Ok(())
    }

    fn one(&mut self, letter: char, text: &str, counts: &mut Counts) -> Result<(), String> {
        let Ok(id) = text.parse::<QueueId>() else {
            self.log.warning(format_args!("invalid mail queue id: {text}"));
            return Ok(());
        };
        for change in changes(letter) {
            let mut changed = !self.change(*change, Some(id))?.is_empty();
            if !changed && *change == Change::Delete && self.wants("maildrop") {
                changed = maildrop::delete(&self.queue_directory, id);
            }
            if changed {
                self.log.info(format_args!("{id}: {}", done(*change)));
                *counter(*change, counts) += 1;
            }
        }
        Ok(())
    }

    fn wants(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|name| name == queue)
    }

    fn change(&mut self, change: Change, id: Option<QueueId>) -> Result<Vec<QueueId>, String> {
        if let Some(offline) = &mut self.offline {
            return Ok(offline.change(change, id, &self.queues));
        }
        let which = id.map_or(Which::All, Which::Id);
        let request = ToQmgr::Change { change, which, queues: self.queues.clone() };
        match ask(&self.queue_directory, "private/control", &request) {
            Ok(FromQmgr::Changed(changed)) => Ok(changed),
            Ok(FromQmgr::Refused(why)) => Err(why),
            Ok(other) => Err(format!("unexpected answer of qmgr: {other:?}")),
            Err(_) => {
                let mut offline =
                    Offline::open(&self.queue_directory).map_err(|e| e.to_string())?;
                let changed = offline.change(change, id, &self.queues);
                self.offline = Some(offline);
                Ok(changed)
            }
        }
    }

    /// Changes made on disk have to be there before the command ends.
    fn finish(&self) -> Result<(), String> {
        let Some(offline) = &self.offline else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|e| format!("start of the runtime: {e}"))?;
        runtime.block_on(offline.sync()).map_err(|e| e.to_string())
    }
}

/// What an option letter stands for.
fn changes(letter: char) -> &'static [Change] {
    match letter {
        'd' => &[Change::Delete],
        'e' => &[Change::Expire],
        'f' => &[Change::Expire, Change::Release],
        'h' => &[Change::Hold],
        'H' => &[Change::Release],
        'r' => &[Change::Requeue],
        _ => &[],
    }
}

fn counter(change: Change, counts: &mut Counts) -> &mut usize {
    match change {
        Change::Delete => &mut counts.deleted,
        Change::Hold => &mut counts.held,
        Change::Release => &mut counts.released,
        Change::Requeue => &mut counts.requeued,
        Change::Expire | Change::ForceExpire => &mut counts.expired,
    }
}

fn done(change: Change) -> &'static str {
    match change {
        Change::Delete => "removed",
        Change::Hold => "placed on hold",
        Change::Release => "released from hold",
        Change::Requeue => "requeued",
        Change::Expire | Change::ForceExpire => "expired",
    }
}
