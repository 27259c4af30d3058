//! The state log as qmgr uses it: appending never waits, what was appended is on disk within a
//! few milliseconds, and who must know for sure waits for [`StateLog::sync`].

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::SpoolError;
use super::disk::{Disk, RealDisk};
use super::state::{Event, SEGMENT_SIZE, State, encode};

/// How long events may wait for others to share their sync.
const DELAY: Duration = Duration::from_millis(10);

/// How long after a failure the next attempt is made.
const RETRY: Duration = Duration::from_secs(1);

/// Appends events; qmgr only.
#[derive(Debug)]
pub struct StateLog {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Encoded events, each chunk short enough for one record.
    chunks: Vec<Vec<u8>>,
    syncs: Vec<oneshot::Sender<Result<(), SpoolError>>>,
    snapshot: Option<Snapshot>,
    wants_compaction: bool,
    /// Waits for anything at all, not for the delay to pass.
    sleeping: bool,
    stopping: bool,
}

#[derive(Debug)]
struct Snapshot {
    live: Vec<Event>,
    /// Chunks that were appended before the snapshot was asked for: it says all they say.
    covers: usize,
}

/// A chunk is closed beyond this size; one event alone may be longer.
const CHUNK: usize = 64 << 10;

impl StateLog {
    /// Opens `queue_directory/state` and returns what it says, oldest first.
    pub fn open(queue_directory: &Path) -> Result<(Self, Vec<Event>), SpoolError> {
        let mut events = Vec::new();
        let log = Self::open_with(queue_directory, &mut |event| events.push(event))?;
        Ok((log, events))
    }

    /// The same, where `each` gets the events, the oldest first.
    pub fn open_with(
        queue_directory: &Path,
        each: &mut dyn FnMut(Event),
    ) -> Result<Self, SpoolError> {
        let directory = queue_directory.join("state");
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let clock = || crate::sys::now() / 1_000_000;
        let state = State::open_with(&disk, &directory, SEGMENT_SIZE, clock, each)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("state log".into())
            .spawn(move || of_thread.run(state))
            .map_err(|e| SpoolError::Failed(format!("start state log: {e}")))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Appends an event. It will be on disk soon; if the disk fails, it is kept and tried again.
    pub fn append(&self, event: &Event) {
        let mut inbox = self.shared.lock();
        if inbox.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK) {
            inbox.chunks.push(Vec::new());
        }
        if let Some(chunk) = inbox.chunks.last_mut()
            && let Ok(longer) = encode(event, std::mem::take(chunk))
        {
            *chunk = longer;
        }
        if std::mem::take(&mut inbox.sleeping) {
            drop(inbox);
            self.shared.wake.notify_one();
        }
    }

    /// Waits until everything that has been appended is on disk. An error says that it is not
    /// yet; it is kept and tried again.
    pub async fn sync(&self) -> Result<(), SpoolError> {
        let (done, answer) = oneshot::channel();
        {
            let mut inbox = self.shared.lock();
            inbox.syncs.push(done);
            inbox.sleeping = false;
        }
        self.shared.wake.notify_one();
        answer.await.unwrap_or_else(|_| Err(SpoolError::Failed("the state log has ended".into())))
    }

    /// Whether a snapshot is due: then call [`StateLog::compact`].
    pub fn wants_compaction(&self) -> bool {
        self.shared.lock().wants_compaction
    }

    /// Replaces everything in the log by events that rebuild the present state: what was
    /// appended before this call is in `live`, what is appended after it is not.
    pub fn compact(&self, live: Vec<Event>) {
        {
            let mut inbox = self.shared.lock();
            let covers = inbox.chunks.len();
            inbox.snapshot = Some(Snapshot { live, covers });
            inbox.wants_compaction = false;
            inbox.chunks.push(Vec::new());
            inbox.sleeping = false;
        }
        self.shared.wake.notify_one();
    }
}

impl Drop for StateLog {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut state: State) {
        loop {
            let mut work = self.take();
            let mut result = work.write(&mut state);
            if result.is_err() {
                // The failed segment is behind us: often the next one is fine.
                result = work.write(&mut state);
            }
            let failed = result.is_err();
            for done in work.syncs.drain(..) {
                let _ = done.send(result.clone());
            }
            let mut inbox = self.lock();
            inbox.wants_compaction = inbox.snapshot.is_none() && state.wants_compaction();
            if failed {
                inbox.put_back(work);
                if inbox.stopping {
                    return;
                }
                let waited = self.wake.wait_timeout(inbox, RETRY);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            if inbox.stopping && inbox.is_empty() {
                return;
            }
            drop(inbox);
            let _ = state.prepare();
        }
    }

    /// Waits for work; lets more of it come together unless somebody waits for it.
    fn take(&self) -> Inbox {
        let mut inbox = self.lock();
        while inbox.is_empty() && !inbox.stopping {
            inbox.sleeping = true;
            inbox = self.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
        inbox.sleeping = false;
        if inbox.is_patient() {
            let waited = self.wake.wait_timeout_while(inbox, DELAY, |i| i.is_patient());
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let stopping = inbox.stopping;
        std::mem::replace(&mut *inbox, Inbox { stopping, ..Inbox::default() })
    }
}

impl Inbox {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.syncs.is_empty() && self.snapshot.is_none()
    }

    /// Nobody waits.
    fn is_patient(&self) -> bool {
        self.syncs.is_empty() && self.snapshot.is_none() && !self.stopping
    }

    /// Writes what there is. What has been written is taken out, so that a second call goes on
    /// where the first failed.
    fn write(&mut self, state: &mut State) -> Result<(), SpoolError> {
        if let Some(snapshot) = &self.snapshot {
            // A failed snapshot leaves the old ones in force; it can be had again later, while
            // the events must be written in any case.
            if state.compact(snapshot.live.iter().cloned()).is_ok() {
                let covers = snapshot.covers.min(self.chunks.len());
                self.chunks.drain(..covers);
            }
            self.snapshot = None;
        }
        while let Some(chunk) = self.chunks.first() {
            if !chunk.is_empty() {
                state.append(chunk.clone())?;
            }
            self.chunks.remove(0);
        }
        Ok(())
    }

    /// Work that failed comes before what has come in since.
    fn put_back(&mut self, mut work: Self) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.covers += work.chunks.len();
        }
        work.chunks.append(&mut self.chunks);
        self.chunks = work.chunks;
    }
}
