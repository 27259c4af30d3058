//! postlock(1): locks a mailbox as local(8) does, and runs a command meanwhile.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use super::getopt::Options;
use super::queue_access::config_directory;
use super::speaker::Speaker;
use crate::config::{Config, parameters as p, why};
use crate::ipc::worker::Locking;
use crate::service::worker::{lock_mailbox, locking};

/// EX_TEMPFAIL
const TEMPFAIL: u8 = 75;

/// Runs postlock(1): the command's exit code, or 75 if it could not be run.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new("postlock");
    match run(arguments, &speaker) {
        Ok(code) => code,
        Err(text) => {
            let _ = speaker.fatal(text);
            ExitCode::from(TEMPFAIL)
        }
    }
}

fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<ExitCode, String> {
    let usage = || {
        let program = speaker.program();
        format!("usage: {program} [-c config_dir] [-l lock_style] [-v] folder command...")
    };
    let words = Options::read(arguments, "c:l:v").map_err(|bad| {
        speaker.info(bad);
        usage()
    })?;
    let given = |wanted: char| {
        let mut values = words.options.iter().rev().filter(|(letter, _)| *letter == wanted);
        values.next().and_then(|(_, value)| value.as_deref())
    };
    let [folder, command, rest @ ..] = &words.rest[..] else { return Err(usage()) };
    let mut config = Config::load(&config_directory(given('c'))).map_err(|problem| problem.text)?;
    let style = given('l');
    if let Some(style) = style {
        let name = p::mailbox_delivery_lock.name.to_owned();
        config = config.with_overrides(&[(name, style.to_owned())]);
    }
    let locking = match style {
        // As in Postfix no style at all is a wish for no lock.
        Some("") => Ok(Locking::default()),
        _ => locking(&config, &p::mailbox_delivery_lock).map_err(|problem| problem.text),
    };
    if let Some(problem) = config.problems().into_iter().next() {
        return Err(problem.text);
    }
    let locking = locking?;
    let (warnings, locked) = lock_mailbox(&PathBuf::from(folder), locking);
    for warning in warnings {
        speaker.warning(warning);
    }
    let locked = locked.map_err(|refusal| format!("open file {folder}: {}", refusal.text))?;
    let status = status(Command::new(command).args(rest), &config, speaker);
    drop(locked);
    match status {
        Ok(status) => Ok(match status.code() {
            Some(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)),
            None => {
                debug_assert!(status.signal().is_some());
                ExitCode::FAILURE
            }
        }),
        // The command has its own exit code for not being there, as in Postfix.
        Err(e) => Ok(speaker.fatal(format_args!("execvp {command}: {}", why(&e)))),
    }
}

/// Runs the command to its end. A system that has no process left for it is asked again.
fn status(
    command: &mut Command,
    config: &Config,
    speaker: &Speaker,
) -> std::io::Result<ExitStatus> {
    let attempts = config.int(&p::fork_attempts);
    for attempt in 1.. {
        match command.status() {
            Err(e) if is_crowded(&e) && attempt < attempts => {
                let name = command.get_program().display();
                speaker.warning(format_args!("fork {name}: {}", why(&e)));
            }
            other => return other,
        }
        std::thread::sleep(config.time(&p::fork_delay));
    }
    command.status()
}

fn is_crowded(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM))
}
