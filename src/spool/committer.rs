//! The thread that writes for all sessions of a process: takes everything that waits, writes and
//! syncs it once, wakes everybody.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::blank::Made;
use super::record::Record;
use super::segments::Segments;
use super::writer::Notice;
use super::{Location, SpoolError};

/// A session that waits for its record to be on disk.
#[derive(Debug)]
pub(super) struct Waiting {
    pub record: Record,
    pub done: oneshot::Sender<Answer>,
}

/// What the session hears. The record comes back with it, so that it is freed by the session's
/// thread and not by the one that everybody waits for.
#[derive(Debug)]
pub(super) struct Answer {
    pub result: Result<Location, SpoolError>,
    record: Record,
}

impl Answer {
    /// For an answer that nobody took: a session that has gone cannot tell qmgr, yet its
    /// message may be stored.
    pub(super) fn orphan(&self) -> Option<Notice> {
        let location = self.result.as_ref().ok()?;
        Some(Notice::Orphan(*location, Box::new(self.record.envelope()?)))
    }
}

/// What sessions and committer share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inbox {
    waiting: Vec<Waiting>,
    recycled: Vec<(u64, u32)>,
    /// The result of making a segment ahead of need.
    made: Option<Result<Made, SpoolError>>,
    stopping: bool,
    /// Nobody needs to wake a committer that is at work.
    sleeping: bool,
}

impl Shared {
    /// Starts the thread.
    pub(super) fn start(
        shared: &Arc<Self>,
        segments: Segments,
        notices: mpsc::UnboundedSender<Notice>,
        keep_free: usize,
    ) -> Result<JoinHandle<()>, SpoolError> {
        let committer =
            Committer { shared: Arc::clone(shared), segments, notices, keep_free, making: false };
        std::thread::Builder::new()
            .name("spool".into())
            .spawn(move || committer.run())
            .map_err(|e| SpoolError::Failed(format!("start committer: {e}")))
    }

    pub(super) fn push(&self, waiting: Waiting) {
        self.change(|inbox| inbox.waiting.push(waiting));
    }

    pub(super) fn recycle(&self, segment: u64, generation: u32) {
        self.change(|inbox| inbox.recycled.push((segment, generation)));
    }

    pub(super) fn stop(&self) {
        self.change(|inbox| inbox.stopping = true);
    }

    fn made(&self, made: Result<Made, SpoolError>) {
        self.change(|inbox| inbox.made = Some(made));
    }

    fn change(&self, change: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.lock();
        change(&mut inbox);
        if std::mem::take(&mut inbox.sleeping) {
            drop(inbox);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the segment that is being made.
    fn take_made(&self) -> Result<Made, SpoolError> {
        let mut inbox = self.lock();
        loop {
            if let Some(made) = inbox.made.take() {
                return made;
            }
            inbox.sleeping = true;
            inbox = self.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is something to do and takes it all.
    fn take(&self) -> Inbox {
        let mut inbox = self.lock();
        while inbox.is_empty() {
            inbox.sleeping = true;
            inbox = self.wake.wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
        inbox.sleeping = false;
        let stopping = inbox.stopping;
        std::mem::replace(&mut *inbox, Inbox { stopping, ..Inbox::default() })
    }
}

impl Inbox {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.recycled.is_empty() && self.made.is_none() && !self.stopping
    }
}

#[derive(Debug)]
struct Committer {
    shared: Arc<Shared>,
    segments: Segments,
    notices: mpsc::UnboundedSender<Notice>,
    keep_free: usize,
    /// A segment is being made by another thread.
    making: bool,
}

impl Committer {
    fn run(mut self) {
        self.tell_full();
        loop {
            self.prepare();
            let inbox = self.shared.take();
            if !inbox.recycled.is_empty() {
                for (segment, generation) in inbox.recycled {
                    self.segments.recycle(segment, generation);
                }
                self.segments.shrink(self.keep_free);
            }
            if let Some(made) = inbox.made {
                self.take_over(made);
            }
            let idle = inbox.waiting.is_empty();
            self.commit(inbox.waiting);
            self.tell_full();
            if inbox.stopping && idle {
                return;
            }
        }
    }

    fn commit(&mut self, waiting: Vec<Waiting>) {
        if waiting.is_empty() {
            return;
        }
        let (mut records, done): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|w| (w.record, w.done)).unzip();
        if self.making && records.first().is_some_and(|first| self.segments.lacks(first)) {
            // Soon there: quicker than making another.
            let made = self.shared.take_made();
            self.take_over(made);
        }
        let results = self.segments.append(&mut records);
        for ((record, done), result) in records.into_iter().zip(done).zip(results) {
            if let Err(answer) = done.send(Answer { result, record })
                && let Some(notice) = answer.orphan()
            {
                let _ = self.notices.send(notice);
            }
        }
    }

    fn take_over(&mut self, made: Result<Made, SpoolError>) {
        self.making = false;
        // What went wrong will be said when a segment is needed.
        if let Ok(made) = made {
            self.segments.add(made);
        }
    }

    /// Has the next segment made by another thread before it is needed: filling one takes longer
    /// than anybody should wait.
    fn prepare(&mut self) {
        if self.making || !self.segments.wants_spare() {
            return;
        }
        let blank = self.segments.blank();
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("spool-fill".into());
        self.making = thread.spawn(move || shared.made(blank.make())).is_ok();
    }

    fn tell_full(&mut self) {
        for full in self.segments.take_full() {
            let _ = self.notices.send(Notice::Full(full));
        }
    }
}
