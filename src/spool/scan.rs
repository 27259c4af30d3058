//! Finding all records of a spool again: when qmgr starts, and when it may have missed what an
//! intake process said.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Access, Disk, DiskFile, RealDisk};
use super::format::{Kind, RECORD_HEADER, RECORDS_START, RecordHeader, SegmentHeader};
use super::record::{Head, Reference, decode_head, intact};
use super::segments::read_header;
use super::store::BIG;
use super::{Key, Location, SpoolError};
use crate::mail::envelope::Envelope;

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where.
    pub location: Location,
    /// Its envelope.
    pub envelope: Envelope,
    /// It is a copy, made by [`super::Writer::move_record`], of that record: it counts only if
    /// the state log says that the record was moved here.
    pub origin: Option<Key>,
    /// The file of its content below `queue_directory/segments`, if it has one of its own.
    pub apart: Option<PathBuf>,
}

/// The whole records of one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentScan {
    /// The writer.
    pub writer: u32,
    /// The segment.
    pub segment: u64,
    /// Its present generation.
    pub generation: u32,
    /// What is in it, in the order of writing.
    pub records: Vec<Found>,
    /// How many records had a sound header and a damaged body. At the end of a segment that is
    /// what a crash leaves of messages nobody acknowledged.
    pub damaged: u32,
}

impl SegmentScan {
    /// The same segment with nothing found in it.
    pub fn empty(&self) -> Self {
        Self { records: Vec::new(), damaged: 0, ..*self }
    }
}

/// Goes through the segments of some writers; see [`scan`].
#[derive(Debug)]
pub struct Scan {
    disk: Arc<dyn Disk>,
    segments: std::vec::IntoIter<(u32, u64, PathBuf)>,
}

/// All segments of all writers below `queue_directory`, each with its whole records. A segment
/// is synced before it is read, so that nothing is found that a power cut could take away again.
pub fn scan(queue_directory: &Path) -> Result<Scan, SpoolError> {
    scan_on(Arc::new(RealDisk), queue_directory, None)
}

/// The same for one writer.
pub fn scan_writer(queue_directory: &Path, writer: u32) -> Result<Scan, SpoolError> {
    scan_on(Arc::new(RealDisk), queue_directory, Some(writer))
}

/// The same on another disk.
pub fn scan_on(
    disk: Arc<dyn Disk>,
    queue_directory: &Path,
    writer: Option<u32>,
) -> Result<Scan, SpoolError> {
    let top = queue_directory.join("segments");
    let writers = match writer {
        Some(writer) => vec![u64::from(writer)],
        None => numbers(&*disk, &top)?,
    };
    let mut segments = Vec::new();
    for writer in writers {
        let Ok(id) = u32::try_from(writer) else { continue };
        let directory = top.join(writer.to_string());
        for number in numbers(&*disk, &directory)? {
            segments.push((id, number, directory.join(number.to_string())));
        }
    }
    Ok(Scan { disk, segments: segments.into_iter() })
}

/// How old a file must be to be swept: the record that names it may be on its way.
const SWEEP_AGE: Duration = Duration::from_secs(3600);

/// Removes files of content that no record names: what crashes leave of messages that were not
/// acknowledged, or had been removed. `named` holds [`Found::apart`] of everything alive that a
/// scan without errors and damage found. Returns how many were removed.
pub fn sweep(queue_directory: &Path, named: &HashSet<PathBuf>) -> usize {
    let top = queue_directory.join("segments");
    let mut swept = 0;
    for writer in std::fs::read_dir(&top).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(writer.path()).into_iter().flatten().flatten() {
            let large = file.file_name().to_str().is_some_and(|name| name.starts_with(BIG));
            let path = file.path();
            let named = path.strip_prefix(&top).is_ok_and(|below| named.contains(below));
            let age = file.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
            let old = matches!(age, Ok(Ok(age)) if age > SWEEP_AGE);
            if large && old && !named && std::fs::remove_file(&path).is_ok() {
                swept += 1;
            }
        }
    }
    swept
}

/// Names in a directory that are numbers, in order; none if there is no such directory.
fn numbers(disk: &dyn Disk, directory: &Path) -> Result<Vec<u64>, SpoolError> {
    let names = match disk.list(directory) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(SpoolError::io("list", directory, &e)),
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

impl Iterator for Scan {
    type Item = Result<SegmentScan, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (writer, segment, path) = self.segments.next()?;
            match scan_messages(&*self.disk, writer, segment, &path) {
                Ok(Some(scan)) => return Some(Ok(scan)),
                Ok(None) => {}
                // Removed since it was listed: it was free.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Some(Err(SpoolError::io("read", &path, &e))),
            }
        }
    }
}

/// The messages of one segment; `None` if it has no header.
fn scan_messages(
    disk: &dyn Disk,
    writer: u32,
    segment: u64,
    path: &Path,
) -> io::Result<Option<SegmentScan>> {
    let Some(mut records) = Records::open(disk, path)? else { return Ok(None) };
    let generation = records.segment.generation;
    let mut scan = SegmentScan { writer, segment, generation, records: Vec::new(), damaged: 0 };
    while let Some((header, body)) = records.next_record()? {
        let parts = body.and_then(|body| body.split_at_checked(header.envelope as usize));
        let read = parts.and_then(|(head, rest)| Some((decode_head(head)?, rest)));
        let Some((Head { origin, envelope }, rest)) = read else {
            scan.damaged += 1;
            continue;
        };
        let location = Location {
            writer,
            segment,
            generation,
            offset: u64::from(header.offset),
            length: u32::try_from(header.length()).unwrap_or(u32::MAX),
        };
        let apart = (header.kind == Kind::Elsewhere).then(|| Reference::decode(rest)).flatten();
        let apart = apart.map(|reference| reference.path());
        scan.records.push(Found { location, envelope, origin, apart });
    }
    Ok(Some(scan))
}

/// A sound header, and the body if it is whole.
type Record<'a> = (RecordHeader, Option<&'a [u8]>);

/// Walks over the records of one segment, whatever they hold.
#[derive(Debug)]
pub(super) struct Records {
    file: Arc<dyn DiskFile>,
    pub(super) segment: SegmentHeader,
    window: Vec<u8>,
    /// Where the window begins in the file.
    start: u64,
    /// Where the next record begins.
    offset: u64,
}

/// How much is read at once at least.
const WINDOW: usize = 256 << 10;

impl Records {
    /// Syncs the segment and reads its header; `None` if it has none.
    pub(super) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Option<Self>> {
        let file = disk.open(path, Access::Read)?;
        file.sync_data()?;
        let Some(segment) = read_header(&*file)? else { return Ok(None) };
        let start = RECORDS_START;
        Ok(Some(Self { file, segment, window: Vec::new(), start, offset: start }))
    }

    /// The next record with a sound header, and its body (without the header) if that is whole;
    /// `None` behind the last one.
    pub(super) fn next_record(&mut self) -> io::Result<Option<Record<'_>>> {
        let offset = self.offset;
        let Some(bytes) = self.bytes(offset, RECORD_HEADER)? else { return Ok(None) };
        let header = bytes.first_chunk().and_then(RecordHeader::decode);
        let Some(header) = header.filter(|h| h.belongs(&self.segment, offset)) else {
            return Ok(None);
        };
        self.offset += header.length();
        let length = header.envelope as usize + header.stored as usize;
        let body = self.bytes(offset + RECORD_HEADER as u64, length)?;
        Ok(Some((header, body.filter(|body| intact(&header, body)))))
    }

    /// Bytes of the file; `None` if it ends before.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let inside = |start: u64, have: usize| {
            offset >= start && offset + length as u64 <= start + have as u64
        };
        if !inside(self.start, self.window.len()) {
            self.load(offset, length)?;
        }
        if !inside(self.start, self.window.len()) {
            return Ok(None);
        }
        let skip = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.window.get(skip..skip + length))
    }

    fn load(&mut self, offset: u64, length: usize) -> io::Result<()> {
        self.start = offset;
        let left = usize::try_from(self.segment.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.window = vec![0; length.max(WINDOW.min(left))];
        let mut filled = 0;
        while let Some(rest) = self.window.get_mut(filled..)
            && !rest.is_empty()
        {
            match self.file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.window.truncate(filled);
        Ok(())
    }
}
