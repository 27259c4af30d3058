//! `postfix logrotate`: the log goes on in a new file, and the old one is compressed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Context, Logged};
use crate::config::{parameters as p, why};
use crate::master;
use crate::service::logging;

/// How long processes of before the rotation may still write to the old file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Rotates `maillog_file`.
pub(super) fn run(context: &Context, words: &[String]) -> Result<(), Logged> {
    if !words.is_empty() {
        return Err(context.fatal("usage postfix logrotate (no arguments)"));
    }
    let config = &context.config;
    let value = |parameter: &crate::config::parameter::Parameter<_>| {
        let text = config.text(parameter);
        if text.is_empty() {
            let name = parameter.name;
            return Err(
                context.fatal(&format!("empty '{name}' parameter value - logfile rotation failed"))
            );
        }
        Ok(text)
    };
    let file = value(&p::maillog_file)?;
    let compressor = value(&p::maillog_file_compressor)?;
    let suffix = value(&p::maillog_file_rotate_suffix)?;
    if file.starts_with("/dev/") {
        return Err(context.fatal(&format!("not rotating '{file}'")));
    }
    // What this command has to say belongs into the new file.
    let log_anew = || logging::set_up(config, &config.text(&p::myhostname));
    let fail = |why: String| {
        log_anew();
        context.fatal(&format!("logfile '{file}' rotation failed: {why}"))
    };
    let old = rotate(context, Path::new(&file), &suffix).map_err(fail)?;
    if !is_let_go(&old) {
        log_anew();
        context.log.warning(format_args!(
            "{} is still being written to: it stays uncompressed",
            old.display()
        ));
        return Ok(());
    }
    compress(&compressor, &old).map_err(fail)
}

/// Gives the file another name, and has all processes begin a new one.
fn rotate(context: &Context, file: &Path, suffix: &str) -> Result<PathBuf, String> {
    let stamp = jiff::Zoned::now();
    let stamp = jiff::fmt::strtime::format(suffix, &stamp)
        .map_err(|e| format!("maillog_file_rotate_suffix = {suffix}: {e}"))?;
    let old = PathBuf::from(format!("{}.{stamp}", file.display()));
    if old.exists() {
        return Err(format!("{} exists", old.display()));
    }
    std::fs::rename(file, &old).map_err(|e| format!("rename {}: {}", file.display(), why(&e)))?;
    let queue = context.config.queue_directory();
    if master::is_running(&queue)
        && let Some(pid) = master::pid_of_master(&queue)
    {
        kill(Pid::from_raw(pid), Signal::SIGHUP)
            .map_err(|e| format!("reload of process {pid}: {}", e.desc()))?;
    }
    Ok(old)
}

/// Whether all processes have closed the old file: those of before the reload finish their
/// sessions first.
fn is_let_go(file: &Path) -> bool {
    let Ok(found) = std::fs::metadata(file) else { return true };
    let deadline = Instant::now() + PATIENCE;
    loop {
        if !is_open(&found) {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether another process has it open, as far as /proc shows.
fn is_open(file: &std::fs::Metadata) -> bool {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.bytes().all(|b| b.is_ascii_digit()) && name != own
        })
        .flat_map(|entry| std::fs::read_dir(entry.path().join("fd")).into_iter().flatten())
        .flatten()
        .filter_map(|descriptor| std::fs::metadata(descriptor.path()).ok())
        .any(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()))
}

fn compress(compressor: &str, file: &Path) -> Result<(), String> {
    let output = Command::new(compressor)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("execute {compressor}: {}", why(&e)))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{compressor}: {} ({})", said.trim(), output.status))
}
