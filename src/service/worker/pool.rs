//! The workers of a process: started when there is mail for their user, used again while there
//! is more, ended after some idle time.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Content, Opened};
use crate::ipc::channel::{Receiver, append_frame};
use crate::ipc::worker::{Answer, Done, Job, PROGRAM};
use crate::sys::descriptors;
use crate::sys::spawn::{Rights, spawn_program};

/// How often idle workers are looked at.
const TICK: Duration = Duration::from_secs(5);

/// How long a worker may take to end after its socket has been closed.
const LAST_BREATH: Duration = Duration::from_secs(30);

/// Who a worker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its rights; `None` are those of the parent (the mail system does not run as root).
    pub rights: Option<Rights>,
    /// Its root directory, if another.
    pub chroot: Option<String>,
}

/// The limits of a pool.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Workers of one identity.
    pub per_identity: usize,
    /// Workers in all.
    pub total: usize,
    /// Bytes that a file of a worker or of its commands may have; zero is no limit.
    pub file_size: u64,
    /// Their working directory.
    pub directory: PathBuf,
    /// How long a worker stays without work.
    pub idle: Duration,
}

/// Workers by identity.
#[derive(Debug)]
pub struct Pool {
    itself: Weak<Pool>,
    tidied: AtomicBool,
    limits: Limits,
    program: PathBuf,
    total: Arc<Semaphore>,
    slots: Mutex<HashMap<Identity, Slot>>,
    ended: Arc<Mutex<Vec<Ended>>>,
}

#[derive(Debug)]
struct Slot {
    idle: Vec<Worker>,
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
struct Ended {
    child: Child,
    since: Instant,
    killed: bool,
}

/// A worker that waits for its next job.
#[derive(Debug)]
struct Worker {
    child: Option<Child>,
    input: OwnedWriteHalf,
    answers: Receiver<Answer>,
    idle_since: Instant,
    ended: Arc<Mutex<Vec<Ended>>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            let ended = Ended { child, since: Instant::now(), killed: false };
            locked(&self.ended).push(ended);
        }
    }
}

/// No answer to a job. Nobody knows how much of it was done.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The worker could not be started.
    #[error("cannot start a worker: {}", crate::sys::spawn::error_text(.0))]
    Start(io::Error),
    /// The content could not be read from the spool.
    #[error("cannot read the message: {}", crate::sys::spawn::error_text(.0))]
    Content(io::Error),
    /// The worker ended, or the socket failed.
    #[error("worker ended without an answer: {}", crate::sys::spawn::error_text(.0))]
    Lost(io::Error),
    /// The worker took too long and was killed.
    #[error("worker did not answer in time")]
    Late,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at all times.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool without workers.
    pub fn new(limits: Limits) -> Arc<Self> {
        Self::of_program(limits, Path::new("/proc/self/exe"))
    }

    /// The same with workers of another executable file, for tests.
    pub fn of_program(limits: Limits, program: &Path) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            itself: itself.clone(),
            tidied: AtomicBool::new(false),
            program: program.to_owned(),
            total: Arc::new(Semaphore::new(limits.total.max(1))),
            limits,
            slots: Mutex::default(),
            ended: Arc::default(),
        })
    }

    /// With the first worker begins the watch over idle ones.
    fn watch(&self) {
        if self.tidied.swap(true, Ordering::AcqRel) {
            return;
        }
        let watched = self.itself.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let Some(pool) = watched.upgrade() else { break };
                pool.tidy();
            }
        });
    }

    /// Has a worker of that identity do a job, in at most `limit`; waits while all are busy. A
    /// mailbox that was opened in the parent goes along.
    pub async fn run(
        &self,
        identity: &Identity,
        mut job: Job,
        content: Option<&Content>,
        opened: Option<&Opened>,
        limit: Duration,
    ) -> Result<Answer, WorkerError> {
        job.content = content.map_or(0, Content::len);
        let _permits = self.permits(identity).await;
        // A worker that was used before may have ended meanwhile, without having seen the job.
        if let Some(mut worker) = self.idle(identity) {
            match within(limit, worker.exchange(&job, content, opened)).await {
                Err(Exchange::Unsent(_)) => {}
                result => return self.finish(identity, worker, result),
            }
        }
        let mut worker = self.spawn(identity).map_err(WorkerError::Start)?;
        let result = within(limit, worker.exchange(&job, content, opened)).await;
        self.finish(identity, worker, result)
    }

    async fn permits(
        &self,
        identity: &Identity,
    ) -> (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>) {
        let of_identity = {
            let mut slots = locked(&self.slots);
            let slot = slots.entry(identity.clone()).or_insert_with(|| Slot {
                idle: Vec::new(),
                permits: Arc::new(Semaphore::new(self.limits.per_identity.max(1))),
            });
            slot.permits.clone()
        };
        // The semaphores are never closed.
        let first = of_identity.acquire_owned().await.ok();
        let second = self.total.clone().acquire_owned().await.ok();
        (first, second)
    }

    fn idle(&self, identity: &Identity) -> Option<Worker> {
        locked(&self.slots).get_mut(identity)?.idle.pop()
    }

    fn finish(
        &self,
        identity: &Identity,
        mut worker: Worker,
        result: Result<Answer, Exchange>,
    ) -> Result<Answer, WorkerError> {
        match result {
            Ok(answer) => {
                worker.idle_since = Instant::now();
                if let Some(slot) = locked(&self.slots).get_mut(identity) {
                    slot.idle.push(worker);
                }
                Ok(answer)
            }
            Err(failed) => {
                if let Some(mut child) = worker.child.take() {
                    let _ = child.kill();
                    let ended = Ended { child, since: Instant::now(), killed: true };
                    locked(&self.ended).push(ended);
                }
                Err(match failed {
                    Exchange::Unsent(e) | Exchange::Lost(e) => WorkerError::Lost(e),
                    Exchange::Content(e) => WorkerError::Content(e),
                    Exchange::Late => WorkerError::Late,
                })
            }
        }
    }

    fn spawn(&self, identity: &Identity) -> io::Result<Worker> {
        self.watch();
        self.make_room();
        let (ours, theirs) = StdStream::pair()?;
        let mut arguments = vec![self.limits.file_size.to_string()];
        let mut rights = identity.rights;
        if let Some(root) = &identity.chroot {
            // Only root can change the root directory: this one gives its rights up itself.
            let given = rights.take();
            let (uid, gid) = given.map_or((0, 0), |rights| (rights.uid, rights.gid));
            arguments.extend([root.clone(), uid.to_string(), gid.to_string()]);
        }
        let child = spawn_program(
            &self.program,
            PROGRAM,
            &self.limits.directory,
            &arguments,
            theirs.into(),
            rights,
        )?;
        ours.set_nonblocking(true)?;
        let (read, input) = UnixStream::from_std(ours)?.into_split();
        Ok(Worker {
            child: Some(child),
            input,
            answers: Receiver::new(read),
            idle_since: Instant::now(),
            ended: self.ended.clone(),
        })
    }

    /// Ends the worker that has been idle longest if there are as many as there may be.
    fn make_room(&self) {
        let mut slots = locked(&self.slots);
        let idle: usize = slots.values().map(|slot| slot.idle.len()).sum();
        let busy = self.limits.total.saturating_sub(self.total.available_permits());
        if idle + busy <= self.limits.total {
            return;
        }
        let oldest = slots
            .values_mut()
            .filter(|slot| !slot.idle.is_empty())
            .min_by_key(|slot| slot.idle.first().map(|worker| worker.idle_since));
        if let Some(slot) = oldest {
            drop(slot.idle.remove(0));
        }
    }

    /// Ends workers that have been idle for long, and collects those that have ended.
    fn tidy(&self) {
        let now = Instant::now();
        locked(&self.slots).retain(|_, slot| {
            slot.idle.retain(|worker| now.duration_since(worker.idle_since) < self.limits.idle);
            !slot.idle.is_empty() || Arc::strong_count(&slot.permits) > 1
        });
        locked(&self.ended).retain_mut(|ended| {
            if !ended.killed && now.duration_since(ended.since) > LAST_BREATH {
                ended.killed = true;
                let _ = ended.child.kill();
            }
            matches!(ended.child.try_wait(), Ok(None))
        });
    }
}

/// Why there is no answer.
enum Exchange {
    /// The job was not taken.
    Unsent(io::Error),
    /// It may have been done.
    Lost(io::Error),
    /// The spool failed.
    Content(io::Error),
    /// It took too long.
    Late,
}

async fn within(
    limit: Duration,
    exchange: impl Future<Output = Result<Answer, Exchange>>,
) -> Result<Answer, Exchange> {
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Exchange::Late))
}

impl Worker {
    async fn exchange(
        &mut self,
        job: &Job,
        content: Option<&Content>,
        opened: Option<&Opened>,
    ) -> Result<Answer, Exchange> {
        let mut buffer = Vec::with_capacity(1024);
        append_frame(&mut buffer, job).map_err(Exchange::Lost)?;
        if let Some(opened) = opened {
            self.input.write_all(&buffer).await.map_err(Exchange::Unsent)?;
            buffer.clear();
            self.hand_over(opened).await.map_err(Exchange::Lost)?;
        }
        let mut position = 0;
        loop {
            // Small content goes out with the frame, in one write.
            if let Some(content) = content {
                position += content.piece(position, &mut buffer).map_err(Exchange::Content)?;
            }
            self.input.write_all(&buffer).await.map_err(Exchange::Unsent)?;
            buffer.clear();
            if position >= job.content {
                break;
            }
        }
        match self.answers.next().await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Exchange::Lost(io::ErrorKind::UnexpectedEof.into())),
            Err(e) => Err(Exchange::Lost(e)),
        }
    }

    /// Gives the worker the descriptor of a mailbox when it asks for it.
    async fn hand_over(&mut self, opened: &Opened) -> io::Result<()> {
        match self.answers.next().await? {
            Some(Answer { result: Ok(Done::SendDescriptor), .. }) => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        let stream: &UnixStream = self.input.as_ref();
        let send = || descriptors::send(stream.as_fd(), opened.file.as_fd());
        stream.async_io(Interest::WRITABLE, send).await
    }
}
