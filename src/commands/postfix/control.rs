//! Starting, stopping and reloading the running system.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::{Context, Logged, check};
use crate::config::parameters as p;
use crate::master;

/// Starts master; in the foreground it becomes this process.
pub(super) fn start(context: &Context, foreground: bool) -> Result<ExitCode, Logged> {
    if is_running(context) {
        return Err(context.fatal("the Postfix mail system is already running"));
    }
    let services = check::fatal_checks(context).inspect_err(|Logged| {
        context.log.fatal(format_args!("Postfix integrity check failed!"));
    })?;
    check::warnings(context);
    check::report(context, &services);
    take_over(context)?;
    context.log.info(format_args!("starting the Postfix mail system"));
    crate::log::flush();
    if foreground {
        return Ok(master::start(&master::Options {
            config_directory: context.config_directory.clone(),
            test: false,
            foreground: true,
            announce: false,
            verbose: context.verbose,
        }));
    }
    start_in_background(context).map_err(|text| {
        if !text.is_empty() {
            context.log.error(format_args!("{text}"));
        }
        context.fatal("mail system startup failed")
    })
}

/// Mail that C Postfix has left in its queue files is ours from the first start on. It is
/// postsuper(1) that does it, as the mail owner.
fn take_over(context: &Context) -> Result<(), Logged> {
    if !crate::commands::postsuper::has_queue_files(&context.config.queue_directory()) {
        return Ok(());
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg0("postsuper").arg("-c").arg(&context.config_directory).arg("-T");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(context.fatal(&format!("take-over of the queue failed: {status}"))),
        Err(e) => Err(context.fatal(&format!("cannot execute postsuper: {e}"))),
    }
}

/// Starts master in a session of its own and waits until it says that it is up.
fn start_in_background(context: &Context) -> Result<ExitCode, String> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("master").arg("-w").arg("-c").arg(&context.config_directory);
    for _ in 0..context.verbose {
        command.arg("-v");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .current_dir("/")
        .spawn()
        .map_err(|e| format!("start of master: {e}"))?;
    let mut said = [0];
    let heard = child.stdout.take().map(|mut out| out.read_exact(&mut said));
    match heard {
        Some(Ok(())) => Ok(ExitCode::SUCCESS),
        _ => {
            let _ = child.wait();
            Err(String::new())
        }
    }
}

/// Ends the system; what is in flight gets some seconds.
pub(super) fn stop(context: &Context) -> Result<ExitCode, Logged> {
    let pid = running_master(context)?;
    context.log.info(format_args!("stopping the Postfix mail system"));
    signal(pid, Signal::SIGTERM);
    for second in 0..6 {
        for _ in 0..20 {
            if !is_running(context) {
                return Ok(ExitCode::SUCCESS);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        if second < 5 {
            context.log.info(format_args!("waiting for the Postfix mail system to terminate"));
        }
    }
    context.log.warning(format_args!("stopping the Postfix mail system with force"));
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    // Whoever starts it again next finds its lock released.
    for _ in 0..20 {
        if !is_running(context) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the system at once.
pub(super) fn abort(context: &Context) -> Result<ExitCode, Logged> {
    let pid = running_master(context)?;
    context.log.info(format_args!("aborting the Postfix mail system"));
    signal(pid, Signal::SIGTERM);
    Ok(ExitCode::SUCCESS)
}

/// Ends master alone, at once: its processes finish what they have.
pub(super) fn drain(context: &Context) -> Result<ExitCode, Logged> {
    let pid = running_master(context)?;
    context.log.info(format_args!("stopping the Postfix mail system"));
    signal(pid, Signal::SIGKILL);
    Ok(ExitCode::SUCCESS)
}

/// Has master take over the configuration.
pub(super) fn reload(context: &Context) -> Result<ExitCode, Logged> {
    let pid = running_master(context)?;
    check::fatal_checks(context)?;
    context.log.info(format_args!("refreshing the Postfix mail system"));
    signal(pid, Signal::SIGHUP);
    Ok(ExitCode::SUCCESS)
}

/// Says whether the system runs.
pub(super) fn status(context: &Context) -> Result<ExitCode, Logged> {
    match master::pid_of_master(&context.config.queue_directory()) {
        Some(pid) if is_running(context) => {
            context.log.info(format_args!("the Postfix mail system is running: PID: {pid}"));
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            context.log.info(format_args!("the Postfix mail system is not running"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Tries all deferred mail now.
pub(super) fn flush(context: &Context) -> ExitCode {
    let postqueue = Path::new(&context.config.text(&p::command_directory)).join("postqueue");
    let status =
        Command::new(&postqueue).arg("-c").arg(&context.config_directory).arg("-f").status();
    match status {
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(e) => {
            context.log.fatal(format_args!("cannot execute {}: {e}", postqueue.display()));
            ExitCode::FAILURE
        }
    }
}

fn is_running(context: &Context) -> bool {
    master::is_running(&context.config.queue_directory())
}

fn running_master(context: &Context) -> Result<i32, Logged> {
    match master::pid_of_master(&context.config.queue_directory()) {
        Some(pid) if is_running(context) => Ok(pid),
        _ => Err(context.fatal("the Postfix mail system is not running")),
    }
}

fn signal(pid: i32, signal: Signal) {
    // The lock was held a moment ago; if master has ended since, there is nobody to tell.
    let _ = kill(Pid::from_raw(pid), signal);
}
