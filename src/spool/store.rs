//! A writer's directory: which one is ours, large bodies in files of their own, the segments.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Access, Disk, DiskFile, Lock, write_all_at};
use super::ids::QueueIds;
use super::reader::{Reader, Stored};
use super::record::{Record, Reference};
use super::segments::Segments;
use super::{Full, Location, SpoolError};
use crate::mail::envelope::Envelope;

/// Longer content gets a file of its own.
pub const INLINE_MAX: u64 = 1 << 20;

/// Names of large bodies, and of what may become one.
pub(super) const BIG: &str = "big-";
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
            segment_size: 4 << 20,
            inline_max: INLINE_MAX,
            keep_free: 32,
            clock: || crate::sys::now() / 1_000_000,
        }
    }
}

/// The content of a message on its way into the spool.
#[derive(Debug)]
pub enum Content {
    /// Held in memory.
    Memory(Vec<u8>),
    /// In a file from [`super::Writer::scratch_file`], complete, of that length.
    File(ScratchFile, u64),
}

/// A writer's directory without any thread: what [`super::Writer`] is made of, and what tests drive
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
                for made in [&directory, &top] {
                    disk.sync_directory(made).map_err(|e| SpoolError::io("sync", made, &e))?;
                }
                // Who may not read the queue directory did not make anything in it either.
                let _ = disk.sync_directory(queue_directory);
                return Self::locked(disk, id, directory, settings, lock);
            }
        }
        Err(SpoolError::Failed(format!("{}: no free writer directory", top.display())))
    }

    /// The queue IDs of this writer.
    pub(super) fn ids(&self) -> Result<QueueIds, SpoolError> {
        QueueIds::open(&*self.disk, &self.directory, self.id)
            .map_err(|e| SpoolError::io("open", &self.directory.join("count"), &e))
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

    pub(super) fn take_segments(&mut self) -> Result<Segments, SpoolError> {
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
            let record = self.record(envelope, content);
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

    /// A record of that message; large content is put apart.
    fn record(&self, envelope: &Envelope, content: Content) -> Result<Record, SpoolError> {
        match self.inline(content) {
            Ok(bytes) => Record::message(envelope, bytes, None),
            Err(large) => Record::elsewhere(envelope, &self.keep_apart(large)?, None),
        }
    }

    /// Content that goes into the record itself; else it comes back.
    pub(super) fn inline(&self, content: Content) -> Result<Vec<u8>, Content> {
        match content {
            Content::Memory(bytes) if bytes.len() as u64 <= self.settings.inline_max => Ok(bytes),
            large => Err(large),
        }
    }

    /// Copies a record; see [`super::Writer::move_record`].
    pub fn move_record(&mut self, reader: &Reader, from: Location) -> Result<Location, SpoolError> {
        let record = copy(reader, from)?;
        let failed = || SpoolError::Failed("already started".into());
        let segments = self.segments.as_mut().ok_or_else(failed)?;
        segments.append(&mut [record]).pop().unwrap_or_else(|| Err(failed()))
    }

    /// See [`super::Writer::recycle`].
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

    /// See [`super::Writer::scratch_file`].
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
    pub(super) fn keep_apart(&self, content: Content) -> Result<Reference, SpoolError> {
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

/// A record that is a copy of the one at `from`.
pub(super) fn copy(reader: &Reader, from: Location) -> Result<Record, SpoolError> {
    let Stored { envelope, content, reference, .. } = reader.open(from)?;
    let origin = Some(from.key());
    match (reference, content.into_bytes()) {
        (Some(reference), _) => Record::elsewhere(&envelope, &reference, origin),
        (None, Some(bytes)) => Record::message(&envelope, bytes, origin),
        (None, None) => Err(SpoolError::Damaged(from.to_string())),
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
