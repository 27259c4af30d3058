//! The workers: processes that ask PAM one question after the other, and the parent's side of them.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::why;
use crate::ipc::channel::{Receiver, Sender, append_frame, split, take_frame};
use crate::ipc::login::{Answer, QUESTION_MAX, Question};
use crate::sys::{descriptors, pam, spawn};

/// Workers at a time.
const WORKERS_MAX: usize = 16;

/// Workers that wait for the next question.
const IDLE_MAX: usize = 4;

/// Questions of one worker: modules are known to lose memory.
const QUESTIONS_MAX: u32 = 200;

/// How long a question waits for a worker.
const WAIT: Duration = Duration::from_secs(15);

/// How long a module may take.
const ANSWER: Duration = Duration::from_secs(20);

/// The workers of a pamauth.
pub(super) struct Workers {
    places: Semaphore,
    idle: Mutex<Vec<Worker>>,
    directory: PathBuf,
}

/// A worker.
struct Worker {
    child: Child,
    to: Sender<Question>,
    from: Receiver<Answer>,
    asked: u32,
}

impl Drop for Worker {
    /// One that is idle would end by itself; one that hangs does not, and takes along what its
    /// modules have started.
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Workers {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { places: Semaphore::new(WORKERS_MAX), idle: Mutex::default(), directory }
    }

    /// Asks, in a worker that is idle or in a new one.
    pub(super) async fn ask(&self, question: &Question) -> Answer {
        let unknown = |text: String| Answer::Unknown(text);
        let Ok(Ok(_place)) = timeout(WAIT, self.places.acquire()).await else {
            return unknown("too many logins at once".into());
        };
        loop {
            let (mut worker, was_idle) = match self.take_idle() {
                Some(worker) => (worker, true),
                None => match Worker::start(&self.directory) {
                    Ok(worker) => (worker, false),
                    Err(e) => return unknown(format!("cannot start a process: {}", why(&e))),
                },
            };
            match timeout(ANSWER, worker.ask(question)).await {
                Ok(Ok(Some(answer))) => {
                    self.keep(worker);
                    return answer;
                }
                // It may have died while it was idle.
                Ok(_) if was_idle => {}
                Ok(_) => return unknown("a module ended its process".into()),
                Err(_) => return unknown(format!("no answer for {} s", ANSWER.as_secs())),
            }
        }
    }

    fn take_idle(&self) -> Option<Worker> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, worker: Worker) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.asked < QUESTIONS_MAX && idle.len() < IDLE_MAX {
            idle.push(worker);
        }
    }
}

impl Worker {
    fn start(directory: &Path) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        let child = spawn::spawn_program(
            Path::new("/proc/self/exe"),
            super::PROFILE.name,
            directory,
            &[super::WORKER.to_owned()],
            theirs.into(),
            None,
        )?;
        ours.set_nonblocking(true)?;
        let (to, from) = split(UnixStream::from_std(ours)?);
        Ok(Self { child, to, from, asked: 0 })
    }

    async fn ask(&mut self, question: &Question) -> io::Result<Option<Answer>> {
        self.asked += 1;
        self.to.send(question).await?;
        self.from.next().await
    }
}

/// Runs a worker: a question, an answer, until the parent closes the socket.
pub(super) fn main() -> ExitCode {
    // Whatever a module does, nothing is left of a worker without its parent.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let served = descriptors::take_stdin().and_then(|socket| serve(StdStream::from(socket)));
    // There is nobody to tell: the parent sees the closed socket.
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(mut socket: StdStream) -> io::Result<()> {
    loop {
        let mut prefix = [0; 4];
        if socket.read(&mut prefix[..1])? == 0 {
            return Ok(());
        }
        socket.read_exact(&mut prefix[1..])?;
        let length = u32::from_le_bytes(prefix) as usize;
        if length > QUESTION_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut frame = prefix.to_vec();
        frame.resize(4 + length, 0);
        socket.read_exact(frame.get_mut(4..).unwrap_or_default())?;
        let Some((question, _)) = take_frame(&frame)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut answer = Vec::new();
        append_frame(&mut answer, &asked(&question))?;
        socket.write_all(&answer)?;
    }
}

fn asked(question: &Question) -> Answer {
    let Question { service, user, password, client } = question;
    // The name of a file in /etc/pam.d.
    if service.is_empty() || service.contains('/') {
        return Answer::Unknown(format!("\"{service}\" is no name of a service"));
    }
    match pam::check(service, user, password, client) {
        Ok(()) => Answer::Right,
        Err(failure) if failure.is_refusal() => Answer::Wrong(failure.text),
        Err(failure) => Answer::Unknown(format!("{}: {}", failure.call, failure.text)),
    }
}
