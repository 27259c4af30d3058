//! Carries out a plan: step by step, each written down before, everything undone if one fails or
//! somebody interrupts.

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write as _};
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::failure::{Failure, Outcome};
use crate::journal::{self, Before, Change, Facts, Journal, Recovered};
use crate::machine::Machine;
use crate::plan::{Action, Owner, Plan, Role, Source, Step};
use crate::root;
use crate::voice::Voice;

/// Undoes or finishes what an earlier run has left, and says so.
pub fn recover(machine: &Machine, voice: &Voice) -> Outcome {
    let (recovered, failures) = journal::recover(&machine.root)?;
    match recovered {
        Recovered::Nothing => {}
        Recovered::Finished => voice.note("an earlier run is finished now"),
        Recovered::RolledBack(count) => {
            voice.note(&format!("an earlier run was interrupted: its {count} changes are undone"));
        }
    }
    match failures.into_iter().reduce(joined) {
        None => Ok(()),
        Some(failure) => Err(failure),
    }
}

/// What could not be undone.
fn joined(all: Failure, one: Failure) -> Failure {
    let mut all = Failure { what: format!("{}; {}", all.what, one.what), ..all };
    all.advice.extend(one.advice);
    all
}

/// Carries a plan out, or undoes all of it. `ends_all` is for `uninstall`.
pub fn perform(
    machine: &Machine,
    voice: &Voice,
    verb: &str,
    plan: &Plan,
    facts: Facts,
    ends_all: bool,
) -> Outcome {
    possible(machine, plan)?;
    let interrupts = Interrupts::watch();
    let mut journal = Journal::begin(&machine.root, verb, facts)?;
    let count = plan.steps.len();
    for (number, step) in (1..).zip(&plan.steps) {
        voice.step(number, count, &step.action);
        let done = perform_step(machine, voice, &mut journal, step);
        let done = done.and_then(|()| match interrupts.seen() {
            Some(signal) => Err(Failure::new(format!("interrupted by {signal}"))),
            None => Ok(()),
        });
        if let Err(failure) = done {
            voice.end_of_steps();
            return Err(undone(journal, failure));
        }
    }
    voice.end_of_steps();
    journal.commit(ends_all)
}

fn undone(journal: Journal, failure: Failure) -> Failure {
    let mut left = journal.roll_back();
    if left.is_empty() {
        return Failure {
            what: format!("{}; everything is as it was before", failure.what),
            ..failure
        };
    }
    left.insert(0, failure);
    left.into_iter().reduce(joined).unwrap_or_else(|| Failure::new("failed"))
}

/// Looks, before anything is changed, whether everything can be written to and every program is
/// there.
fn possible(machine: &Machine, plan: &Plan) -> Outcome {
    let mut failures: Vec<Failure> = Vec::new();
    for path in plan.paths().chain([Path::new(journal::FOLDER)]) {
        if let Err(failure) = writable(machine, path)
            && !failures.contains(&failure)
        {
            failures.push(failure);
        }
    }
    let made: HashSet<&Path> = plan.paths().collect();
    let missing: BTreeSet<&str> = plan
        .programs()
        .filter(|program| !made.contains(Path::new(program)) && machine.tool(program).is_none())
        .collect();
    failures.extend(missing.into_iter().map(|program| {
        Failure::new(format!("the program {program} is not here"))
            .advise(format!("install {program}, or do by hand what --dry-run shows for it"))
    }));
    match failures.into_iter().reduce(joined) {
        None => Ok(()),
        Some(mut failure) => {
            let mut seen = HashSet::new();
            failure.advice.retain(|advice| seen.insert(advice.clone()));
            Err(failure.advise("nothing has been changed"))
        }
    }
}

/// Whether a path can be given something else: it is put into its folder. A file that cannot be
/// written to cannot be replaced either where that is because of a mount or of `chattr +i`, which
/// hold for root as well; for others the folder's mode decides alone.
fn writable(machine: &Machine, path: &Path) -> Outcome {
    use nix::unistd::{AccessFlags, access};
    let at = machine.root.at(path);
    let folder = at.ancestors().skip(1).find(|above| above.exists()).unwrap_or(Path::new("/"));
    access(folder, AccessFlags::W_OK).map_err(|e| Failure::io("write to", folder, &e.into()))?;
    let is_link = std::fs::symlink_metadata(&at).is_ok_and(|found| found.is_symlink());
    if !machine.privileged || is_link || !at.exists() {
        return Ok(());
    }
    access(&at, AccessFlags::W_OK).map_err(|e| Failure::io("write to", &at, &e.into()))
}

fn perform_step(machine: &Machine, voice: &Voice, journal: &mut Journal, step: &Step) -> Outcome {
    let role = step.role;
    let root = &machine.root;
    match &step.action {
        Action::Folder { path, mode, owner } => {
            journal.intend_path(role, path)?;
            let at = root.at(path);
            match std::fs::create_dir(&at) {
                // The journal may have needed it first.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && at.is_dir() => {}
                done => done.map_err(|e| Failure::io("create the folder", &at, &e))?,
            }
            set_rights(machine, &at, *mode, Some(owner))
        }
        Action::File { path, source, mode, owner, .. } => {
            journal.intend_path(role, path)?;
            write(machine, &root.at(path), source, *mode, owner.as_ref())
        }
        Action::Link { path, target } => {
            journal.intend_path(role, path)?;
            let at = root.at(path);
            let temporary = journal::temporary(&at);
            let _ = std::fs::remove_file(&temporary);
            std::os::unix::fs::symlink(target, &temporary)
                .and_then(|()| std::fs::rename(&temporary, &at))
                .map_err(|e| Failure::io("make the link", &at, &e))
        }
        Action::Rights { path, mode, owner } => {
            let at = root.at(path);
            let before = root::rights(&at)
                .ok_or_else(|| Failure::new(format!("{} is not there", path.display())))?;
            journal.intend(role, Change::Rights { path: path.clone(), before })?;
            set_rights(machine, &at, *mode, Some(owner))
        }
        Action::Remove { path } => {
            journal.intend_path(role, path)?;
            let at = root.at(path);
            journal::remove(&at).map_err(|e| Failure::io("remove", &at, &e))
        }
        Action::PutBack { path, before } => put_back(machine, journal, role, path, before),
        Action::Run { words, undo, makes, environment, .. } => {
            for path in makes {
                journal.intend_path(role, path)?;
            }
            let change = Change::Command { words: words.clone(), undo: undo.clone() };
            journal.intend(role, change)?;
            run(words, environment, Some(voice))?;
            journal.ran()
        }
    }
}

fn put_back(
    machine: &Machine,
    journal: &mut Journal,
    role: Role,
    path: &Path,
    before: &Before,
) -> Outcome {
    journal.intend_path(role, path)?;
    journal::restore(&machine.root, path, before)
}

/// Writes a file beside its place and moves it there: whoever has the old one open keeps it.
fn write(
    machine: &Machine,
    at: &Path,
    source: &Source,
    mode: u32,
    owner: Option<&Owner>,
) -> Outcome {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |e: &io::Error| Failure::io("write", at, e);
    let bytes = source.read().map_err(|e| match source {
        Source::Copy(from) => Failure::io("read", from, &e),
        Source::Bytes(_) => failed(&e),
    })?;
    let before = root::rights(at);
    let temporary = journal::temporary(at);
    let _ = std::fs::remove_file(&temporary);
    let written = || -> io::Result<()> {
        let mut file =
            std::fs::File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    written().map_err(|e| failed(&e))?;
    match (owner, before) {
        (None, Some((_, user, group))) => {
            journal::set_rights(&temporary, (mode, user, group))?;
        }
        _ => set_rights(machine, &temporary, mode, owner)?,
    }
    journal::take_place(&temporary, at).map_err(|e| failed(&e))
}

/// Mode and owner; without root's rights things stay with whoever made them. The owner comes
/// first: a change of it takes set-gid away.
fn set_rights(machine: &Machine, at: &Path, mode: u32, owner: Option<&Owner>) -> Outcome {
    let mut mode = mode;
    if let Some(owner) = owner
        && machine.privileged
    {
        let user = machine.id("passwd", &owner.user);
        let group = machine.id("group", &owner.group);
        if user.is_none() || group.is_none() {
            // A staging folder may be made where the accounts are not known: no set-gid for a
            // group that nobody has chosen.
            if machine.is_system() {
                return Err(Failure::new(format!(
                    "no account {}:{} for {}",
                    owner.user,
                    owner.group,
                    at.display()
                ))
                .advise("postfix-installer first-start creates the accounts"));
            }
            mode &= 0o1777;
        }
        std::os::unix::fs::lchown(at, user, group)
            .map_err(|e| Failure::io("set the owner of", at, &e))?;
    }
    journal::set_mode(at, mode).map_err(|e| Failure::io("set the mode of", at, &e))
}

/// Runs a program and returns what it printed. What it printed is part of the failure.
pub fn run(
    words: &[String],
    environment: &[(String, String)],
    voice: Option<&Voice>,
) -> Outcome<String> {
    let shown = words.join(" ");
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::new("no program to run"));
    };
    let mut expression = duct::cmd(program, arguments).stdin_null().stderr_to_stdout();
    for (name, value) in environment {
        expression = expression.env(name, value);
    }
    let output = expression.stdout_capture().unchecked().run().map_err(|e| {
        Failure::new(format!("cannot run {shown}: {}", postfix_rs::config::why(&e)))
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        if let Some(voice) = voice {
            text.lines().for_each(|line| voice.quote(line));
        }
        return Ok(text);
    }
    let said = text.trim_end();
    let said = if said.is_empty() { String::new() } else { format!(":\n{said}") };
    Err(Failure::new(format!("{shown} failed ({}){said}", output.status)))
}

/// Ctrl-C and its relatives wait while a step is being carried out.
struct Interrupts(Option<SignalFd>);

impl Interrupts {
    fn watch() -> Self {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        let blocked = set.thread_block();
        let descriptor = blocked.and_then(|()| {
            SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        });
        Self(descriptor.ok())
    }

    fn seen(&self) -> Option<&'static str> {
        let signal = self.0.as_ref()?.read_signal().ok()??;
        let number = i32::try_from(signal.ssi_signo).ok()?;
        Signal::try_from(number).ok().map(Signal::as_str)
    }
}

/// Comes by after each line of the journal. Tests of a debug build end the program here, as a
/// power cut would, to see that the next run cleans up.
pub fn tick() {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU32, Ordering};
        static TICKS: AtomicU32 = AtomicU32::new(0);
        let count = TICKS.fetch_add(1, Ordering::Relaxed) + 1;
        let last = std::env::var("POSTFIX_INSTALLER_KILLED_AT").ok();
        if last.is_some_and(|last| last == count.to_string()) {
            let _ = nix::sys::signal::raise(Signal::SIGKILL);
        }
    }
}
