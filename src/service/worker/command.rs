//! Running a command: the message goes to its standard input, what it says is kept up to a bound,
//! and its exit status becomes a verdict (sysexits(3)).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::copy::{Body, CopyError, copy};
use super::mbox;
use crate::ipc::worker::{Command, Refusal, Run};
use crate::mail::status::Status;
use crate::sys::spawn::{error_text, own_uid, spawn_command};

/// How much of what a command says is kept.
const OUTPUT_LIMIT: usize = 4096;

/// EX_TEMPFAIL: what a command that cannot be started exits with in Postfix.
const TEMPFAIL: i32 = 75;

/// How long an orderly end may take after the output has been closed and time is up.
const GRACE: Duration = Duration::from_secs(1);

/// The characters that need no shell.
const PLAIN: &str = "1234567890!@%-_=+:,./ \tabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Runs the command. Whatever part of the content was not needed is still on the socket.
pub(super) fn run<R: Read>(
    command: &Command,
    body: &mut Body<'_, R>,
    warnings: &mut Vec<String>,
) -> Result<Result<String, Refusal>, CopyError> {
    let name = command.run.name();
    let started = match start(command) {
        Ok(started) => started,
        Err(failed) => return Ok(Err(failed.verdict(command, &name, warnings))),
    };
    let Started { mut child, input, output } = started;
    let deadline = Instant::now() + Duration::from_secs(u64::from(command.time_limit));
    let (input, output) = (Some(input), Some(output));
    let mut talk = Talk { input, output, said: Vec::new(), deadline, late: false };
    let written = copy(&command.copy, body, &mut talk);
    let cut = if talk.late {
        Some("pipe_command_write: write time limit exceeded")
    } else {
        let _ = talk.listen();
        talk.late.then_some("pipe_command_read: read time limit exceeded")
    };
    warnings.extend(cut.map(str::to_owned));
    let status = finish(&mut child, talk.late, deadline);
    let (status, late) = match status {
        Ok((status, killed)) => {
            if killed && cut.is_none() {
                let why = "pipe_command_wait_or_kill: child wait time limit exceeded";
                warnings.push(why.to_owned());
            }
            (status, killed)
        }
        Err(e) => {
            warnings.push(format!("wait for \"{name}\": {}", error_text(&e)));
            return Ok(Err(Refusal::new(Status::new(4, 3, 0), "system resource problem")));
        }
    };
    let said = printable(&talk.said);
    match written {
        Err(CopyError::Parent) => Err(CopyError::Parent),
        _ if late => Ok(Err(with_output(
            Status::new(5, 3, 0),
            format!("Command time limit exceeded: \"{name}\""),
            said.as_deref(),
            "internal software error",
        ))),
        written => Ok(verdict(status, written, &name, said.as_deref(), warnings)),
    }
}

impl Run {
    /// How the log shows it.
    fn name(&self) -> String {
        match self {
            Self::Argv(argv) => argv.first().cloned().unwrap_or_default(),
            Self::Line(line) | Self::Shell(_, line) => line.clone(),
        }
    }
}

struct Started {
    child: Child,
    input: File,
    output: File,
}

/// Why a command could not be started. Postfix finds out in the new process, and these are that
/// process's last words.
enum NotStarted {
    /// Before the log was exchanged for the output of the command.
    Logged(String),
    /// After.
    Said(String),
}

impl NotStarted {
    fn verdict(self, command: &Command, name: &str, warnings: &mut Vec<String>) -> Refusal {
        match self {
            Self::Logged(text) => {
                Refusal { fatal: Some(text), ..exit_verdict(TEMPFAIL, name, None, warnings) }
            }
            Self::Said(text) => {
                let said = format!("{}: fatal: {text}\n", command.agent);
                exit_verdict(TEMPFAIL, name, printable(said.as_bytes()).as_deref(), warnings)
            }
        }
    }
}

fn start(command: &Command) -> Result<Started, NotStarted> {
    let there = std::env::current_dir();
    if let Some(directory) = command.directory.as_deref()
        && let Err(e) = std::env::set_current_dir(directory)
    {
        let (uid, gid) = (own_uid(), crate::sys::spawn::groups().0);
        return Err(NotStarted::Logged(format!(
            "cannot change directory to \"{directory}\" for uid={uid} gid={gid}: {}",
            error_text(&e)
        )));
    }
    let started = start_there(command).map_err(NotStarted::Said);
    if command.directory.is_some()
        && let Ok(there) = there
    {
        // If this fails, the next command without a directory of its own starts here.
        let _ = std::env::set_current_dir(there);
    }
    started
}

fn start_there(command: &Command) -> Result<Started, String> {
    let shell = |line: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()];
    let failed = |argv: &[String], e: &io::Error| {
        let program = argv.first().map_or("", String::as_str);
        format!("execvp {program}: {}", error_text(e))
    };
    match &command.run {
        Run::Argv(argv) => {
            exec(command, argv, None).map_err(|e| format!("pipe_command: {}", failed(argv, &e)))
        }
        Run::Shell(shell, line) => {
            let mut argv = shell.clone();
            argv.push(line.clone());
            exec(command, &argv, None).map_err(|e| format!("pipe_command: {}", failed(&argv, &e)))
        }
        Run::Line(line) => {
            let argv: Vec<_> =
                line.split([' ', '\t']).filter(|s| !s.is_empty()).map(str::to_owned).collect();
            if line.chars().all(|c| PLAIN.contains(c)) && !argv.is_empty() {
                match exec(command, &argv, None) {
                    Err(e)
                        if e.kind() == io::ErrorKind::NotFound
                            && argv.first().is_some_and(|program| !program.contains('/')) => {}
                    result => return result.map_err(|e| failed(&argv, &e)),
                }
            }
            exec(command, &shell(line), Some("sh"))
                .map_err(|e| format!("execl /bin/sh: {}", error_text(&e)))
        }
    }
}

fn exec(command: &Command, argv: &[String], name: Option<&str>) -> io::Result<Started> {
    use std::os::unix::process::CommandExt as _;
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let (output, said) = io::pipe()?;
    let (takes, input) = io::pipe()?;
    let mut new = std::process::Command::new(program);
    new.args(arguments)
        .env_clear()
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(takes)))
        .stdout(Stdio::from(OwnedFd::from(said.try_clone()?)))
        .stderr(Stdio::from(OwnedFd::from(said)));
    if let Some(name) = name {
        new.arg0(name);
    }
    let child = spawn_command(&mut new)?;
    let (input, output) = (File::from(OwnedFd::from(input)), File::from(OwnedFd::from(output)));
    nix::fcntl::fcntl(&input, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    Ok(Started { child, input, output })
}

/// The two pipes of a command, and the time that is left.
struct Talk {
    input: Option<File>,
    output: Option<File>,
    said: Vec<u8>,
    deadline: Instant,
    late: bool,
}

impl Talk {
    /// Waits until the command takes input (true) or has said something, which is kept.
    fn wait(&mut self) -> io::Result<bool> {
        let mut polled = Vec::with_capacity(2);
        if let Some(output) = &self.output {
            polled.push(PollFd::new(output.as_fd(), PollFlags::POLLIN));
        }
        if let Some(input) = &self.input {
            polled.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        // A command that goes on reading or talking gets no more time than a silent one.
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(0) => {
                self.late = true;
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(nix::Error::EINTR) => return Ok(false),
            Err(e) => return Err(e.into()),
            Ok(_) => {}
        }
        let ready = |at: Option<&PollFd<'_>>| at.is_some_and(|p| p.any().unwrap_or(true));
        let says = self.output.is_some() && ready(polled.first());
        let takes = self.input.is_some() && ready(polled.last());
        drop(polled);
        if says {
            self.hear()?;
        }
        Ok(takes)
    }

    /// Reads what the command said; what is too much is forgotten.
    fn hear(&mut self) -> io::Result<()> {
        let mut buffer = [0; OUTPUT_LIMIT];
        let Some(output) = &mut self.output else { return Ok(()) };
        let got = output.read(&mut buffer)?;
        if got == 0 {
            self.output = None;
        }
        let room = OUTPUT_LIMIT.saturating_sub(self.said.len()).min(got);
        self.said.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(())
    }

    /// Hears the command out, until it closes its output or time is up.
    fn listen(&mut self) -> io::Result<()> {
        self.input = None;
        while self.output.is_some() {
            self.wait()?;
        }
        Ok(())
    }
}

impl Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            if !self.wait()? {
                continue;
            }
            let Some(input) = &mut self.input else {
                return Err(io::ErrorKind::BrokenPipe.into());
            };
            match input.write(bytes) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for the end of the command; kills it and all that it started when time is up.
fn finish(child: &mut Child, kill: bool, deadline: Instant) -> io::Result<(ExitStatus, bool)> {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    let deadline = if kill { Instant::now() } else { deadline.max(Instant::now() + GRACE) };
    let mut pause = Duration::from_micros(200);
    loop {
        if !kill && let Some(status) = child.try_wait()? {
            return Ok((status, false));
        }
        if Instant::now() >= deadline {
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.kill();
            return Ok((child.wait()?, true));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// What an ended command means.
fn verdict(
    status: ExitStatus,
    written: Result<(), CopyError>,
    name: &str,
    said: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<String, Refusal> {
    if let Some(signal) = status.signal() {
        return Err(with_output(
            Status::new(4, 3, 0),
            format!("Command died with signal {signal}: \"{name}\""),
            said,
            "internal software error",
        ));
    }
    match (status.code().unwrap_or(TEMPFAIL), written) {
        (0, Err(CopyError::Write(e))) if e.kind() != io::ErrorKind::BrokenPipe => {
            let failed = mbox::write_failed(&e);
            let text = format!("Command failed: {}: \"{name}\"", failed.text);
            Err(Refusal { text, ..failed })
        }
        (0, _) => Ok(said.unwrap_or_default().to_owned()),
        (code, _) => Err(exit_verdict(code, name, said, warnings)),
    }
}

/// What a non-zero exit status means; a command may also say an enhanced status code itself.
fn exit_verdict(code: i32, name: &str, said: Option<&str>, warnings: &mut Vec<String>) -> Refusal {
    if let Some((Some(status), text)) = said.map(Status::split) {
        let status = match status.class {
            2 => {
                // A success that failed: Postfix wonders, and bounces.
                warnings.push(format!("bounce_append: ignoring dsn code \"{status}\""));
                Status::new(5, 0, 0)
            }
            _ => status,
        };
        return Refusal { diagnostic: Some(text.to_owned()), ..Refusal::new(status, text) };
    }
    match sysexit(code) {
        Some((status, text)) => with_output(status, text.to_owned(), said, text),
        None => with_output(
            Status::new(5, 3, 0),
            format!("Command died with status {code}: \"{name}\""),
            said,
            &format!("unknown mail system error {code}"),
        ),
    }
}

fn with_output(status: Status, text: String, said: Option<&str>, otherwise: &str) -> Refusal {
    let (text, diagnostic) = match said {
        None => (text, otherwise),
        Some(said) => (format!("{text}. Command output: {said}"), said),
    };
    Refusal { diagnostic: Some(diagnostic.to_owned()), ..Refusal::new(status, text) }
}

/// sysexits(3), with the status codes and words of Postfix.
fn sysexit(code: i32) -> Option<(Status, &'static str)> {
    let of = |class, subject, detail, text| Some((Status::new(class, subject, detail), text));
    match code {
        64 => of(5, 3, 0, "command line usage error"),
        65 => of(5, 6, 0, "data format error"),
        66 => of(5, 3, 0, "cannot open input"),
        67 => of(5, 1, 1, "user unknown"),
        68 => of(5, 1, 2, "host name unknown"),
        69 => of(5, 3, 0, "service unavailable"),
        70 => of(5, 3, 0, "internal software error"),
        71 => of(4, 3, 0, "system resource problem"),
        72 => of(5, 3, 0, "critical OS file missing"),
        73 => of(5, 2, 0, "can't create user output file"),
        74 => of(5, 3, 0, "input/output error"),
        75 => of(4, 3, 0, "temporary failure"),
        76 => of(5, 5, 0, "remote error in protocol"),
        77 => of(5, 7, 0, "permission denied"),
        78 => of(5, 3, 5, "local configuration error"),
        _ => None,
    }
}

/// What a command said, if anything, up to a NUL and on one line: tabs and line ends become
/// blanks, the rest that does not print an underscore.
fn printable(said: &[u8]) -> Option<String> {
    if said.is_empty() {
        return None;
    }
    let said: Vec<u8> = said.iter().copied().take_while(|c| *c != 0).collect();
    let text = String::from_utf8_lossy(&said)
        .chars()
        .map(|c| match c {
            '\t' | '\n' => ' ',
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => '_',
            c => c,
        })
        .collect();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::worker::Copy;

    fn line(text: &str) -> Command {
        Command {
            run: Run::Line(text.into()),
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("X".into(), "y".into())],
            directory: None,
            copy: Copy::default(),
            time_limit: 10,
            agent: "local".into(),
        }
    }

    fn run_with(command: &Command, content: &[u8]) -> Result<String, Refusal> {
        let mut from = content;
        let mut body = Body { from: &mut from, left: content.len() as u64 };
        run(command, &mut body, &mut Vec::new()).unwrap()
    }

    #[test]
    fn input_environment_and_output() {
        assert_eq!(run_with(&line("cat; echo $X"), b"hello\n"), Ok("hello y ".into()));
        assert_eq!(run_with(&line("cat"), b"a\tb\n"), Ok("a b ".into()));
        assert_eq!(run_with(&line("true"), &vec![b'x'; 1 << 20]), Ok(String::new()));
    }

    #[test]
    fn much_input_and_output_do_not_block() {
        let content = vec![b'x'; 3 << 20];
        assert_eq!(run_with(&line("cat"), &content).unwrap().len(), OUTPUT_LIMIT);
        assert_eq!(run_with(&line("exec 1>&- 2>&-; cat >/dev/null"), &content), Ok(String::new()));
    }

    #[test]
    fn exit_statuses() {
        let refusal = run_with(&line("echo oh no; exit 67"), b"x\n").unwrap_err();
        assert_eq!(refusal.status, Status::new(5, 1, 1));
        assert_eq!(refusal.text, "user unknown. Command output: oh no ");
        let refusal = run_with(&line("exit 1;"), b"x\n").unwrap_err();
        assert_eq!(refusal.status, Status::new(5, 3, 0));
        assert_eq!(refusal.text, "Command died with status 1: \"exit 1;\"");
        let refusal = run_with(&line("exit 75;"), b"x\n").unwrap_err();
        assert_eq!((refusal.status.class, &*refusal.text), (4, "temporary failure"));
        let refusal = run_with(&line("echo 4.2.2 quota; exit 69"), b"x\n").unwrap_err();
        assert_eq!((refusal.status, &*refusal.text), (Status::new(4, 2, 2), "quota "));
        let refusal = run_with(&line("kill -9 $$"), b"x\n").unwrap_err();
        assert_eq!(refusal.text, "Command died with signal 9: \"kill -9 $$\"");
        let refusal = run_with(&line("/no/such/program"), b"x\n").unwrap_err();
        assert_eq!(
            refusal.text,
            "temporary failure. Command output: local: fatal: execvp /no/such/program: No such \
             file or directory "
        );
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_its_children() {
        let command = Command { time_limit: 1, ..line("sleep 300 & sleep 300") };
        let begun = Instant::now();
        let refusal = run_with(&command, b"x\n").unwrap_err();
        assert_eq!(refusal.text, "Command time limit exceeded: \"sleep 300 & sleep 300\"");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
