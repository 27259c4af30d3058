//! The intake's side of the connection with qmgr: says what has been stored, hears which
//! segments may be used again, reconnects when qmgr restarts.
//!
//! Nothing is acknowledged and nothing is sent twice. Whenever a connection ends, what had been
//! written to it and may not have been read is dropped here: at every Hello qmgr scans this
//! writer's directory and so finds all that it did not hear of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::ipc::channel::{self, Receiver, Sender};
use crate::ipc::queue::{FromQueue, ToQueue};
use crate::mail::envelope::Envelope;
use crate::spool::{Full, Location, Notice, Writer};

/// Waiting times between attempts to reach qmgr.
const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Frames that are put into one write at most.
const BATCH: usize = 512;

/// Messages that wait for an absent qmgr; beyond that they are left for its scan.
const BACKLOG: usize = 10_000;

/// Says to qmgr what has been stored. Messages queue up here while qmgr is away; what is lost
/// when this process dies, qmgr finds in the segments.
#[derive(Debug)]
pub struct QueueClient {
    sender: mpsc::UnboundedSender<Notice>,
}

impl QueueClient {
    /// Starts the task that talks to qmgr's `private/queue`; must run inside a tokio runtime.
    pub fn start(queue_directory: &Path, writer: Arc<Writer>) -> Arc<Self> {
        let (sender, stored) = mpsc::unbounded_channel();
        let notices = writer.notices().unwrap_or_else(|| mpsc::unbounded_channel().1);
        let task = Task {
            socket: queue_directory.join("private/queue"),
            writer,
            stored,
            notices,
            full: Vec::new(),
        };
        tokio::spawn(task.run());
        Arc::new(Self { sender })
    }

    /// A message is on disk.
    pub fn stored(&self, location: Location, envelope: Box<Envelope>) {
        let _ = self.sender.send(Notice::Orphan(location, envelope));
    }
}

struct Task {
    socket: PathBuf,
    writer: Arc<Writer>,
    stored: mpsc::UnboundedReceiver<Notice>,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// Full segments that have not been recycled yet: qmgr hears of them after each Hello.
    full: Vec<Full>,
}

/// Why a connection ended.
enum End {
    /// The process has no more use for it.
    Finished,
    /// qmgr went away.
    Lost,
}

impl Task {
    async fn run(mut self) {
        let mut wait = RETRY_MIN;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.socket).await {
                wait = RETRY_MIN;
                let (sender, receiver) = channel::split(stream);
                if matches!(self.talk(sender, receiver).await, Ok(End::Finished)) {
                    return;
                }
            }
            if self.stored.is_closed() && self.stored.is_empty() {
                return;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
            // Too many to keep: the scan will find them.
            while self.stored.len() > BACKLOG && self.stored.try_recv().is_ok() {}
        }
    }

    async fn talk(
        &mut self,
        mut to: Sender<ToQueue>,
        mut from: Receiver<FromQueue>,
    ) -> std::io::Result<End> {
        to.push(&ToQueue::Hello { writer: self.writer.id() })?;
        for full in &self.full {
            to.push(&ToQueue::SegmentFull(*full))?;
        }
        to.flush().await?;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                message = from.next() => match message? {
                    Some(message) => self.hear(&message),
                    None => return Ok(End::Lost),
                },
                n = self.stored.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        return Ok(End::Finished);
                    }
                }
                Some(notice) = self.notices.recv() => batch.push(notice),
            }
            if !batch.is_empty() {
                for notice in batch.drain(..) {
                    to.push(&self.frame(notice))?;
                }
                // The lines about these messages stand in the log before those of qmgr.
                crate::log::flush();
                to.flush().await?;
            }
        }
    }

    fn frame(&mut self, notice: Notice) -> ToQueue {
        match notice {
            Notice::Orphan(location, envelope) => ToQueue::Stored { location, envelope },
            Notice::Full(full) => {
                self.full.push(full);
                ToQueue::SegmentFull(full)
            }
        }
    }

    fn hear(&mut self, message: &FromQueue) {
        let FromQueue::Recycle { segment, generation } = *message;
        self.full.retain(|full| full.segment != segment || full.generation > generation);
        self.writer.recycle(segment, generation);
    }
}
