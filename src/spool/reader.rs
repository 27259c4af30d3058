//! Reading single messages back, by location.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Access, Disk, DiskFile, RealDisk, read_exact_at};
use super::format::{Kind, RECORD_HEADER, RecordHeader};
use super::record::{Reference, decode_head, intact};
use super::{Key, Location, SpoolError};
use crate::mail::envelope::Envelope;

/// Descriptors kept for segments that are read often.
const OPEN_SEGMENTS: usize = 64;

/// Reads records; agents and qmgr. Keeps descriptors of recently used segments.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    open: Mutex<HashMap<(u32, u64), Arc<dyn DiskFile>>>,
}

/// A message as read back.
#[derive(Debug)]
pub struct Stored {
    /// Its envelope.
    pub envelope: Envelope,
    /// Its content, with LF line ends.
    pub content: StoredContent,
    /// See [`super::Found::origin`].
    pub origin: Option<Key>,
    pub(super) reference: Option<Reference>,
}

/// Content in the spool, read by position.
#[derive(Debug)]
pub struct StoredContent {
    held: Held,
    length: u64,
}

#[derive(Debug)]
enum Held {
    /// A whole record, checked, in memory; the content begins at that byte.
    Memory(Vec<u8>, usize),
    File(Arc<dyn DiskFile>),
}

impl Reader {
    /// Reads below `queue_directory/segments`.
    pub fn new(queue_directory: &Path) -> Self {
        Self::on(Arc::new(RealDisk), queue_directory)
    }

    /// The same on another disk.
    pub fn on(disk: Arc<dyn Disk>, queue_directory: &Path) -> Self {
        Self { disk, directory: queue_directory.join("segments"), open: Mutex::default() }
    }

    /// Envelope and content of a record.
    pub fn open(&self, location: Location) -> Result<Stored, SpoolError> {
        let (header, record) = self.record(location)?;
        let head = record
            .get(RECORD_HEADER..RECORD_HEADER + header.envelope as usize)
            .and_then(decode_head)
            .ok_or_else(|| damaged(location))?;
        let (content, reference) = self.locate_content(location, &header, record)?;
        Ok(Stored { envelope: head.envelope, content, origin: head.origin, reference })
    }

    /// Only the content, where the envelope is known.
    pub fn content(&self, location: Location) -> Result<StoredContent, SpoolError> {
        let (header, record) = self.record(location)?;
        Ok(self.locate_content(location, &header, record)?.0)
    }

    /// Removes the file of a message whose content has one of its own; nothing happens for
    /// others. Call it once the removal of the message is on disk in the state log, and again
    /// for dead records found by a scan, since a crash may have come between.
    pub fn remove_content(&self, location: Location) -> Result<(), SpoolError> {
        let (header, record) = self.record(location)?;
        if header.kind != Kind::Elsewhere {
            return Ok(());
        }
        let Some(reference) = reference(&header, &record) else { return Ok(()) };
        let path = self.path_of(&reference);
        match self.disk.remove(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(SpoolError::io("remove", &path, &e))
            }
            _ => Ok(()),
        }
    }

    /// The whole record, checked. A descriptor kept from earlier may be of a file that has been
    /// removed and made again since: then it is opened anew.
    fn record(&self, location: Location) -> Result<(RecordHeader, Vec<u8>), SpoolError> {
        self.read_record(location).or_else(|_| {
            self.cache().remove(&(location.writer, location.segment));
            self.read_record(location)
        })
    }

    fn read_record(&self, location: Location) -> Result<(RecordHeader, Vec<u8>), SpoolError> {
        let file = self.segment(location)?;
        let mut record = vec![0; location.length as usize];
        read_exact_at(&*file, &mut record, location.offset)
            .map_err(|e| SpoolError::Damaged(format!("{location}: {e}")))?;
        let header = record
            .first_chunk()
            .and_then(RecordHeader::decode)
            .filter(|h| h.is(location.key()) && h.length() == u64::from(location.length))
            .filter(|h| record.get(RECORD_HEADER..).is_some_and(|body| intact(h, body)))
            .ok_or_else(|| damaged(location))?;
        Ok((header, record))
    }

    fn locate_content(
        &self,
        location: Location,
        header: &RecordHeader,
        record: Vec<u8>,
    ) -> Result<(StoredContent, Option<Reference>), SpoolError> {
        match header.kind {
            Kind::Message => {
                let start = RECORD_HEADER + header.envelope as usize;
                let length = u64::from(header.stored);
                Ok((StoredContent { held: Held::Memory(record, start), length }, None))
            }
            Kind::Elsewhere => {
                let reference = reference(header, &record).ok_or_else(|| damaged(location))?;
                let path = self.path_of(&reference);
                let failed = |e: io::Error| SpoolError::io("open", &path, &e);
                let file = self.disk.open(&path, Access::Read).map_err(failed)?;
                if file.length().map_err(failed)? < reference.length {
                    return Err(damaged(location));
                }
                let content = StoredContent { held: Held::File(file), length: reference.length };
                Ok((content, Some(reference)))
            }
            _ => Err(damaged(location)),
        }
    }

    fn path_of(&self, reference: &Reference) -> PathBuf {
        self.directory.join(reference.path())
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<(u32, u64), Arc<dyn DiskFile>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segment(&self, location: Location) -> Result<Arc<dyn DiskFile>, SpoolError> {
        let key = (location.writer, location.segment);
        let mut open = self.cache();
        if let Some(file) = open.get(&key) {
            return Ok(Arc::clone(file));
        }
        let path =
            self.directory.join(location.writer.to_string()).join(location.segment.to_string());
        let file =
            self.disk.open(&path, Access::Read).map_err(|e| SpoolError::io("open", &path, &e))?;
        if open.len() >= OPEN_SEGMENTS {
            open.clear();
        }
        open.insert(key, Arc::clone(&file));
        Ok(file)
    }
}

fn reference(header: &RecordHeader, record: &[u8]) -> Option<Reference> {
    Reference::decode(record.get(RECORD_HEADER + header.envelope as usize..)?)
}

fn damaged(location: Location) -> SpoolError {
    SpoolError::Damaged(location.to_string())
}

impl StoredContent {
    /// Content that never came into the spool: of a message that was refused.
    pub fn in_memory(content: Vec<u8>) -> Self {
        Self { length: content.len() as u64, held: Held::Memory(content, 0) }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of it, if it is held in memory; else read it by position.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.held {
            Held::Memory(record, start) => record.get(*start..),
            Held::File(_) => None,
        }
    }

    /// All of it without a copy, if it is held in memory.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self.held {
            Held::Memory(mut record, start) => {
                record.drain(..start.min(record.len()));
                Some(record)
            }
            Held::File(_) => None,
        }
    }

    /// Reads up to `buffer.len()` bytes at `position` of the content; returns how many, 0 at the
    /// end.
    pub fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(position);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..want) else { return Ok(0) };
        match &self.held {
            Held::Memory(record, start) => {
                let from = start + usize::try_from(position).unwrap_or(usize::MAX - start);
                let Some(part) = record.get(from..from + want) else { return Ok(0) };
                buffer.copy_from_slice(part);
                Ok(want)
            }
            Held::File(file) => file.read_at(buffer, position),
        }
    }

    /// All of it, for messages known to be small.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        match &self.held {
            Held::Memory(record, start) => Ok(record.get(*start..).unwrap_or_default().to_vec()),
            Held::File(file) => {
                let length = usize::try_from(self.length).map_err(io::Error::other)?;
                let mut all = vec![0; length];
                read_exact_at(&**file, &mut all, 0)?;
                Ok(all)
            }
        }
    }
}
