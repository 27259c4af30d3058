//! The intake's side of the spool: many sessions append, one thread writes for all of them.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::committer::{Shared, Waiting};
use super::disk::{Access, Disk, DiskFile, Lock, RealDisk, write_all_at};
use super::ids::QueueIds;
use super::reader::Reader;
use super::record::{Record, Reference};
use super::segments::Segments;
use super::{Full, Key, Location, SpoolError};
use crate::mail::envelope::Envelope;

/// Longer content gets a file of its own.
pub const INLINE_MAX: u64 = 1 << 20;

/// Names of large bodies, and of what may become one.
const BIG: &str = "big-";
const SCRATCH: &str = "scratch-";

/// Writer directories that are tried: more processes than that take in mail on no machine.
const WRITERS_MAX: u32 = 4096;

/// How a writer works. The default is for production.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a segment in bytes. Segments of another length are read but not used again.
    pub segment_size: u64,
    /// Longer content gets a file of its own.
    pub inline_max: u64,
    /// Free segments that are kept; more are removed.
    pub keep_free: usize,
    /// Seconds since 1970.
    pub clock: fn() -> u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_size: 16 << 20,
            inline_max: INLINE_MAX,
            keep_free: 16,
            clock: || crate::sys::now() / 1_000_000,
        }
    }
}

/// The content of a message on its way into the spool.
#[derive(Debug)]
pub enum Content {
    /// Held in memory.
    Memory(Vec<u8>),
    /// In a file from [`Writer::scratch_file`], complete, of that length.
    File(ScratchFile, u64),
}

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
        let thread = Shared::start(&shared, segments, notice, settings.keep_free)?;
        Ok(Arc::new(Self {
            ids: QueueIds::new(store.id),
            store: Arc::new(store),
            shared,
            committer: Mutex::new(Some(thread)),
            notices: Mutex::new(Some(notices)),
        }))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.store.id
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
        let record = match content {
            Content::Memory(bytes) if bytes.len() as u64 <= self.store.settings.inline_max => {
                Record::message(envelope, bytes, None)?
            }
            large => {
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
        let stored = reader.open(from)?;
        let origin = Some(from.key());
        let record = match &stored.reference {
            Some(reference) => Record::elsewhere(&stored.envelope, reference, origin)?,
            None => {
                let content = stored.content.into_bytes().ok_or_else(|| {
                    SpoolError::Damaged(format!("{from}: content is neither here nor there"))
                })?;
                Record::message(&stored.envelope, content, origin)?
            }
        };
        self.commit(record).await
    }

    async fn commit(&self, record: Record) -> Result<Location, SpoolError> {
        let (done, answer) = oneshot::channel();
        self.shared.push(Waiting { record, done });
        match answer.await {
            Ok(result) => result,
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

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stop();
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// A writer's directory without any thread: what [`Writer`] is made of, and what tests drive
/// step by step.
#[derive(Debug)]
pub struct Store {
    id: u32,
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    settings: Settings,
    segments: Option<Segments>,
    next_file: AtomicU64,
    /// Held as long as the directory is ours.
    _lock: Lock,
}

impl Store {
    /// Takes the first directory that nobody has locked.
    pub fn open(
        disk: Arc<dyn Disk>,
        queue_directory: &Path,
        settings: Settings,
    ) -> Result<Self, SpoolError> {
        let top = queue_directory.join("segments");
        for id in 0..WRITERS_MAX {
            let directory = top.join(id.to_string());
            disk.create_directory(&directory)
                .map_err(|e| SpoolError::io("make", &directory, &e))?;
            let path = directory.join("lock");
            let lock = disk.lock(&path).map_err(|e| SpoolError::io("lock", &path, &e))?;
            if let Some(lock) = lock {
                for made in [&directory, &top, queue_directory] {
                    disk.sync_directory(made).map_err(|e| SpoolError::io("sync", made, &e))?;
                }
                return Self::locked(disk, id, directory, settings, lock);
            }
        }
        Err(SpoolError::Failed(format!("{}: no free writer directory", top.display())))
    }

    fn locked(
        disk: Arc<dyn Disk>,
        id: u32,
        directory: PathBuf,
        settings: Settings,
        lock: Lock,
    ) -> Result<Self, SpoolError> {
        let names = disk.list(&directory).map_err(|e| SpoolError::io("list", &directory, &e))?;
        let mut next_file = 0;
        for name in &names {
            if let Some(number) = name.strip_prefix(BIG).and_then(|n| n.parse::<u64>().ok()) {
                next_file = next_file.max(number + 1);
            } else if name.starts_with(SCRATCH) {
                // Whatever it held was never acknowledged.
                let _ = disk.remove(&directory.join(name));
            }
        }
        let segments = Segments::open(
            Arc::clone(&disk),
            &directory,
            id,
            settings.segment_size,
            settings.clock,
        )?;
        Ok(Self {
            id,
            disk,
            directory,
            settings,
            segments: Some(segments),
            next_file: AtomicU64::new(next_file),
            _lock: lock,
        })
    }

    fn take_segments(&mut self) -> Result<Segments, SpoolError> {
        self.segments.take().ok_or_else(|| SpoolError::Failed("already started".into()))
    }

    /// The number of the writer.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Appends messages with one write and one sync as far as they fit into one segment.
    pub fn append(
        &mut self,
        messages: Vec<(&Envelope, Content)>,
    ) -> Vec<Result<Location, SpoolError>> {
        let mut results: Vec<Result<Location, SpoolError>> = Vec::new();
        let mut records = Vec::new();
        for (envelope, content) in messages {
            let record = match content {
                Content::Memory(bytes) if bytes.len() as u64 <= self.settings.inline_max => {
                    Record::message(envelope, bytes, None)
                }
                large => self
                    .keep_apart(large)
                    .and_then(|reference| Record::elsewhere(envelope, &reference, None)),
            };
            match record {
                Ok(record) => {
                    results.push(Ok(Location::default()));
                    records.push(record);
                }
                Err(error) => results.push(Err(error)),
            }
        }
        let Some(segments) = &mut self.segments else { return Vec::new() };
        let stored = segments.append(&mut records);
        for (place, result) in results.iter_mut().filter(|r| r.is_ok()).zip(stored) {
            *place = result;
        }
        results
    }

    /// Copies a record; see [`Writer::move_record`].
    pub fn move_record(&mut self, reader: &Reader, from: Location) -> Result<Location, SpoolError> {
        let stored = reader.open(from)?;
        let origin: Option<Key> = Some(from.key());
        let record = match &stored.reference {
            Some(reference) => Record::elsewhere(&stored.envelope, reference, origin)?,
            None => {
                let content = stored.content.into_bytes().unwrap_or_default();
                Record::message(&stored.envelope, content, origin)?
            }
        };
        let failed = || SpoolError::Failed("already started".into());
        let segments = self.segments.as_mut().ok_or_else(failed)?;
        segments.append(&mut [record]).pop().unwrap_or_else(|| Err(failed()))
    }

    /// See [`Writer::recycle`].
    pub fn recycle(&mut self, segment: u64, generation: u32) {
        if let Some(segments) = &mut self.segments {
            segments.recycle(segment, generation);
            segments.shrink(self.settings.keep_free);
        }
    }

    /// Makes a segment ahead of need, if that is due.
    pub fn prepare(&mut self) -> Result<(), SpoolError> {
        match &mut self.segments {
            Some(segments) if segments.wants_spare() => segments.prepare().map(drop),
            _ => Ok(()),
        }
    }

    /// Segments that have become full since the last call.
    pub fn take_full(&mut self) -> Vec<Full> {
        self.segments.as_mut().map(Segments::take_full).unwrap_or_default()
    }

    /// See [`Writer::scratch_file`].
    pub fn scratch_file(&self) -> Result<ScratchFile, SpoolError> {
        let number = self.next_file.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{SCRATCH}{number}"));
        let file = self
            .disk
            .open(&path, Access::Create)
            .map_err(|e| SpoolError::io("create", &path, &e))?;
        Ok(ScratchFile { disk: Arc::clone(&self.disk), file, path, number, end: 0, kept: false })
    }

    /// Puts content into a file of its own, safe on disk with its name.
    fn keep_apart(&self, content: Content) -> Result<Reference, SpoolError> {
        let (mut file, length) = match content {
            Content::File(file, length) => (file, length),
            Content::Memory(bytes) => {
                let mut file = self.scratch_file()?;
                let failed = |e: io::Error| SpoolError::io("write", &file.path, &e);
                let mut parts = [IoSlice::new(&bytes)];
                write_all_at(&*file.file, &mut parts, 0).map_err(failed)?;
                file.end = bytes.len() as u64;
                (file, bytes.len() as u64)
            }
        };
        let name = format!("{BIG}{}", file.number);
        let path = self.directory.join(&name);
        let failed = |what: &str, e: io::Error| SpoolError::io(what, &path, &e);
        file.file.sync_data().map_err(|e| failed("sync", e))?;
        self.disk.rename(&file.path, &path).map_err(|e| failed("rename", e))?;
        file.kept = true;
        if let Err(error) = self.disk.sync_directory(&self.directory) {
            let _ = self.disk.remove(&path);
            return Err(failed("sync", error));
        }
        Ok(Reference { writer: self.id, name, length })
    }
}

/// A file for content that outgrows memory.
#[derive(Debug)]
pub struct ScratchFile {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    number: u64,
    end: u64,
    kept: bool,
}

impl ScratchFile {
    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.end
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Reads what has been written.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Writes anywhere.
    pub fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        write_all_at(&*self.file, &mut [IoSlice::new(bytes)], offset)?;
        self.end = self.end.max(offset + bytes.len() as u64);
        Ok(())
    }
}

/// Appends at the end.
impl io::Write for ScratchFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write_at(&[IoSlice::new(bytes)], self.end)?;
        self.end += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.disk.remove(&self.path);
        }
    }
}
