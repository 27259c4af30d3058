//! The intake's side of the spool: many sessions append, one thread writes for all of them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::committer::{Answer, Shared, Waiting};
use super::disk::{Disk, RealDisk};
use super::ids::QueueIds;
use super::reader::Reader;
use super::record::Record;
use super::store::{Content, ScratchFile, Settings, Store, copy};
use super::{Full, Location, SpoolError};
use crate::mail::envelope::Envelope;

/// What a writer has to tell qmgr, besides what sessions say themselves.
#[derive(Debug)]
pub enum Notice {
    /// A segment will get no more records.
    Full(Full),
    /// A message was stored whose session went away while it waited.
    Orphan(Location, Box<Envelope>),
}

/// Appends records; shared by all sessions of a process.
#[derive(Debug)]
pub struct Writer {
    store: Arc<Store>,
    ids: QueueIds,
    shared: Arc<Shared>,
    notice: mpsc::UnboundedSender<Notice>,
    committer: Mutex<Option<JoinHandle<()>>>,
    notices: Mutex<Option<mpsc::UnboundedReceiver<Notice>>>,
}

impl Writer {
    /// Takes the first writer directory below `queue_directory/segments` that no living process
    /// owns, or makes one, and starts the committer. What an earlier owner left is reported to
    /// qmgr as full segments and never appended to.
    pub fn open(queue_directory: &Path) -> Result<Arc<Self>, SpoolError> {
        Self::open_on(Arc::new(RealDisk), queue_directory, Settings::default())
    }

    /// The same on another disk or with other settings.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        queue_directory: &Path,
        settings: Settings,
    ) -> Result<Arc<Self>, SpoolError> {
        let mut store = Store::open(disk, queue_directory, settings)?;
        let (notice, notices) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let segments = store.take_segments()?;
        let thread = Shared::start(&shared, segments, notice.clone(), settings.keep_free)?;
        Ok(Arc::new(Self {
            ids: store.ids()?,
            store: Arc::new(store),
            shared,
            notice,
            committer: Mutex::new(Some(thread)),
            notices: Mutex::new(Some(notices)),
        }))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.store.id()
    }

    /// A new queue ID and the arrival time in it.
    pub fn queue_id(
        &self,
        long: bool,
    ) -> (crate::mail::queue_id::QueueId, crate::mail::envelope::Timestamp) {
        self.ids.next(long)
    }

    /// Appends a message and waits until it is on disk. If the caller goes away while it waits,
    /// the message may have been stored: then qmgr hears of it all the same.
    pub async fn append(
        &self,
        envelope: &Envelope,
        content: Content,
    ) -> Result<Location, SpoolError> {
        let record = match self.store.inline(content) {
            Ok(bytes) => Record::message(envelope, bytes, None)?,
            Err(large) => {
                let store = Arc::clone(&self.store);
                // Writing it out and syncing it takes too long for a thread of the runtime.
                let file = tokio::task::spawn_blocking(move || store.keep_apart(large));
                let reference =
                    file.await.map_err(|e| SpoolError::Failed(format!("large message: {e}")))??;
                Record::elsewhere(envelope, &reference, None)?
            }
        };
        self.commit(record).await
    }

    /// Copies a live record to this writer, so that the segment where it lies can be used again.
    /// The copy counts only once the state log has [`super::Event::Moved`]; until then it is
    /// dead, and after that the old record is.
    pub async fn move_record(
        &self,
        reader: &Reader,
        from: Location,
    ) -> Result<Location, SpoolError> {
        self.commit(copy(reader, from)?).await
    }

    async fn commit(&self, record: Record) -> Result<Location, SpoolError> {
        let (done, answer) = oneshot::channel();
        self.shared.push(Waiting { record, done });
        let mut wait = Wait { answer, notice: &self.notice };
        match (&mut wait.answer).await {
            Ok(answer) => answer.result,
            Err(_) => Err(SpoolError::Failed("the committer has ended".into())),
        }
    }

    /// A fresh file for content that outgrows memory; gone when it is dropped, unless it has
    /// been given to [`Writer::append`].
    pub fn scratch_file(&self) -> Result<ScratchFile, SpoolError> {
        self.store.scratch_file()
    }

    /// qmgr says that nothing in that generation of the segment is alive.
    pub fn recycle(&self, segment: u64, generation: u32) {
        self.shared.recycle(segment, generation);
    }

    /// What there is to tell qmgr; can be taken once.
    pub fn notices(&self) -> Option<mpsc::UnboundedReceiver<Notice>> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A session's wait for the disk. If the session is cancelled when its answer has come already,
/// qmgr hears of the message from here.
struct Wait<'a> {
    answer: oneshot::Receiver<Answer>,
    notice: &'a mpsc::UnboundedSender<Notice>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        // From here on the committer sees that nobody listens.
        self.answer.close();
        if let Ok(answer) = self.answer.try_recv()
            && let Some(notice) = answer.orphan()
        {
            let _ = self.notice.send(notice);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stop();
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}
