//! The segments of one directory, and the one hand that writes them. No thread and no clock of
//! its own: [`super::writer`] and [`super::state`] put it into one, tests drive it step by step.
//!
//! Rules that everything rests on:
//! * A segment of one generation is only ever appended to by the process that began it, and never
//!   again after a write or sync in it failed. So a place in a generation holds one record or
//!   none, for ever, and a mark about it stays true.
//! * A generation is at least the time (seconds) at which it began, so that it is new even when
//!   the segment's file is.
//! * A record counts once fdatasync has returned.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blank::{Blank, FILLING, Made, next_generation, nonce};
use super::disk::{Access, Disk, DiskFile, read_exact_at, write_all_at};
use super::format::{RECORD_HEADER, RECORDS_START, RecordHeader, SEGMENT_HEADER, SegmentHeader};
use super::record::Record;
use super::{Location, SpoolError};

/// A segment to which nothing will be appended until its next generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Full {
    /// Number of the segment.
    pub segment: u64,
    /// Its generation.
    pub generation: u32,
    /// How many records in it were acknowledged by this process; 0 for a segment that an
    /// earlier process wrote.
    pub records: u64,
}

/// All segments of one directory.
#[derive(Debug)]
pub(super) struct Segments {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    writer: u32,
    size: u64,
    table: BTreeMap<u64, Slot>,
    current: Option<Current>,
    next_number: u64,
    sequence: u64,
    full: Vec<Full>,
    /// Why the first segment that could not be read could not be read.
    unreadable: Option<SpoolError>,
    clock: fn() -> u64,
}

/// What is known of a segment without opening it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u32,
    free: bool,
}

/// The segment that is being appended to.
#[derive(Debug)]
struct Current {
    file: Arc<dyn DiskFile>,
    header: SegmentHeader,
    end: u64,
    records: u64,
}

impl Segments {
    /// Looks over a directory, which the caller has locked. What earlier processes wrote stays
    /// as it is and is reported by [`Segments::take_full`]; segments without any record are free.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        writer: u32,
        size: u64,
        clock: fn() -> u64,
    ) -> Result<Self, SpoolError> {
        let mut segments = Self {
            disk,
            directory: directory.to_path_buf(),
            writer,
            size,
            table: BTreeMap::new(),
            current: None,
            next_number: 0,
            sequence: 0,
            full: Vec::new(),
            unreadable: None,
            clock,
        };
        let names =
            segments.disk.list(directory).map_err(|e| SpoolError::io("list", directory, &e))?;
        for name in names {
            if name.starts_with(FILLING) {
                let path = directory.join(&name);
                segments.disk.remove(&path).map_err(|e| SpoolError::io("remove", &path, &e))?;
            } else if let Ok(number) = name.parse::<u64>() {
                segments.adopt(number);
            }
        }
        Ok(segments)
    }

    /// Takes a segment of an earlier process into the table. A file that cannot be read or has
    /// no header is left alone: its number is not used again.
    fn adopt(&mut self, number: u64) {
        self.next_number = self.next_number.max(number + 1);
        let path = self.path(number);
        let opened = self.disk.open(&path, Access::Read);
        let (file, header) = match opened.and_then(|file| Ok((read_header(&*file)?, file))) {
            Ok((Some(header), file)) => (file, header),
            Ok((None, _)) => return,
            Err(error) => {
                self.unreadable.get_or_insert(SpoolError::io("read", &path, &error));
                return;
            }
        };
        if header.segment != number || header.size != self.size {
            self.full.push(Full { segment: number, generation: header.generation, records: 0 });
            return;
        }
        self.sequence = self.sequence.max(header.sequence);
        let free = is_empty(&*file, &header);
        self.table.insert(number, Slot { generation: header.generation, free });
        if !free {
            self.full.push(Full { segment: number, generation: header.generation, records: 0 });
        }
    }

    /// Writes the records, syncs, and says of each where it lies or why not. Records that share
    /// a segment share one write and one sync.
    pub(super) fn append(&mut self, batch: &mut [Record]) -> Vec<Result<Location, SpoolError>> {
        let mut results = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while let Some(first) = rest.first() {
            if first.length() > self.capacity() {
                results.push(Err(SpoolError::Failed("record larger than a segment".into())));
                rest = rest.get_mut(1..).unwrap_or_default();
                continue;
            }
            let room = match self.room_for(first.length()) {
                Ok(room) => room,
                Err(error) => {
                    results.extend(rest.iter().map(|_| Err(error.clone())));
                    break;
                }
            };
            let (run, later) = rest.split_at_mut(fitting(rest, room));
            self.append_run(run, &mut results);
            rest = later;
        }
        results
    }

    /// Longest record that a segment can hold.
    pub(super) fn capacity(&self) -> u64 {
        self.size - RECORDS_START
    }

    /// Makes sure that the current segment has room for `length` more bytes; returns its room.
    fn room_for(&mut self, length: u64) -> Result<u64, SpoolError> {
        if let Some(current) = &self.current {
            let room = self.size - current.end;
            if length <= room {
                return Ok(room);
            }
            self.finish_current();
        }
        let current = self.begin_segment()?;
        let room = self.size - current.end;
        self.current = Some(current);
        Ok(room)
    }

    /// Appends records that all fit into the current segment.
    fn append_run(&mut self, run: &mut [Record], results: &mut Vec<Result<Location, SpoolError>>) {
        let Some(current) = &mut self.current else { return };
        let begin = current.end;
        let mut offset = begin;
        for record in run.iter_mut() {
            record.place(current.header.generation, current.header.nonce, offset);
            offset += record.length();
        }
        let mut parts: Vec<IoSlice<'_>> = run.iter().flat_map(Record::parts).collect();
        let written =
            write_all_at(&*current.file, &mut parts, begin).and_then(|()| current.file.sync_data());
        if let Err(error) = written {
            let error = SpoolError::io("write", &self.path_of_current(), &error);
            results.extend(run.iter().map(|_| Err(error.clone())));
            self.abandon_current();
            return;
        }
        let mut at = begin;
        for record in run.iter() {
            let length = record.length();
            results.push(Ok(Location {
                writer: self.writer,
                segment: current.header.segment,
                generation: current.header.generation,
                offset: at,
                length: u32::try_from(length).unwrap_or(u32::MAX),
            }));
            at += length;
        }
        current.end = offset;
        current.records += run.len() as u64;
    }

    /// Nothing more comes into the current segment.
    pub(super) fn finish_current(&mut self) {
        if let Some(current) = self.current.take() {
            self.full.push(Full {
                segment: current.header.segment,
                generation: current.header.generation,
                records: current.records,
            });
        }
    }

    /// After a failed write or sync nobody knows what is on disk behind the last good record.
    /// Its place is overwritten, as well as the disk can, so that what was refused does not turn
    /// up later, and the segment is not appended to any more.
    fn abandon_current(&mut self) {
        if let Some(current) = &self.current {
            let nothing = [0; RECORD_HEADER];
            let _ = write_all_at(&*current.file, &mut [IoSlice::new(&nothing)], current.end);
            let _ = current.file.sync_data();
            if current.records == 0 {
                // Perhaps not even its header is on disk. It stays out of use until a restart,
                // and qmgr, which may never say of this generation that it is dead, out of it.
                self.current = None;
            }
        }
        self.finish_current();
    }

    /// Takes a free segment into use, or makes one.
    fn begin_segment(&mut self) -> Result<Current, SpoolError> {
        let free = self.table.iter().find(|(_, slot)| slot.free).map(|(number, _)| *number);
        let number = match free {
            Some(number) => number,
            None => self.prepare()?,
        };
        let path = self.path(number);
        let failed = |e: &io::Error| SpoolError::io("open", &path, e);
        let Some(slot) = self.table.get_mut(&number) else {
            return Err(SpoolError::Failed(format!("segment {number} vanished")));
        };
        // Whatever happens below, this generation of it is not tried again.
        slot.free = false;
        let generation = next_generation(slot.generation, (self.clock)());
        slot.generation = generation;
        self.sequence += 1;
        let header = SegmentHeader {
            generation,
            nonce: nonce(),
            sequence: self.sequence,
            writer: self.writer,
            segment: number,
            size: self.size,
        };
        let opened = self.disk.open(&path, Access::Write).and_then(|file| {
            let bytes = header.encode();
            write_all_at(&*file, &mut [IoSlice::new(&bytes)], SegmentHeader::place(generation))?;
            Ok(file)
        });
        match opened {
            // The header becomes safe with the sync of the first records.
            Ok(file) => Ok(Current { file, header, end: RECORDS_START, records: 0 }),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Whether a new segment would have to be made to append that record.
    pub(super) fn lacks(&self, record: &Record) -> bool {
        let room = self.current.as_ref().map_or(0, |c| self.size - c.end);
        record.length() > room && !self.table.values().any(|slot| slot.free)
    }

    /// Whether another segment should be prepared before it is needed.
    pub(super) fn wants_spare(&self) -> bool {
        let nearly_full = self.current.as_ref().is_none_or(|c| c.end > self.size / 2);
        nearly_full && !self.table.values().any(|slot| slot.free)
    }

    /// The number for the next new segment; nobody else gets it.
    pub(super) fn reserve(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// What is needed to make a segment elsewhere (see [`Blank::make`]).
    pub(super) fn blank(&mut self) -> Blank {
        let number = self.reserve();
        Blank {
            disk: Arc::clone(&self.disk),
            directory: self.directory.clone(),
            header: SegmentHeader {
                generation: next_generation(0, (self.clock)()),
                nonce: nonce(),
                sequence: 0,
                writer: self.writer,
                segment: number,
                size: self.size,
            },
        }
    }

    /// Takes a segment that was made into the table.
    pub(super) fn add(&mut self, made: Made) {
        self.table.insert(made.segment, Slot { generation: made.generation, free: true });
    }

    /// Makes a new segment now.
    pub(super) fn prepare(&mut self) -> Result<u64, SpoolError> {
        let made = self.blank().make()?;
        self.add(made);
        Ok(made.segment)
    }

    /// Nothing in that generation of the segment is alive any more: it may be used again.
    pub(super) fn recycle(&mut self, segment: u64, generation: u32) {
        let current = self.current.as_ref().map(|c| c.header.segment);
        if let Some(slot) = self.table.get_mut(&segment)
            && slot.generation == generation
            && current != Some(segment)
        {
            slot.free = true;
        }
    }

    /// Removes free segments beyond `keep` of them, so that one bad day does not fill the disk
    /// for ever. The one with the highest number stays: no number may ever be used again.
    pub(super) fn shrink(&mut self, keep: usize) {
        let highest = self.table.last_key_value().map(|(number, _)| *number);
        let free = self.table.iter().filter(|(n, slot)| slot.free && Some(**n) != highest);
        let surplus: Vec<u64> = free.map(|(number, _)| *number).skip(keep).collect();
        for number in surplus {
            if self.disk.remove(&self.path(number)).is_ok() {
                self.table.remove(&number);
            }
        }
    }

    /// Segments that have become full since the last call.
    pub(super) fn take_full(&mut self) -> Vec<Full> {
        std::mem::take(&mut self.full)
    }

    /// Fails if any segment could not be read: for whom no record may be missing.
    pub(super) fn all_readable(&self) -> Result<(), SpoolError> {
        self.unreadable.clone().map_or(Ok(()), Err)
    }

    /// Segments in use, with the generation of each: all but the free ones.
    pub(super) fn in_use(&self) -> Vec<(u64, u32)> {
        self.table.iter().filter(|(_, s)| !s.free).map(|(n, s)| (*n, s.generation)).collect()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string())
    }

    fn path_of_current(&self) -> PathBuf {
        self.path(self.current.as_ref().map_or(0, |c| c.header.segment))
    }
}

/// How many of the records, from the first, fit into `room`.
fn fitting(records: &[Record], room: u64) -> usize {
    let mut left = room;
    records
        .iter()
        .take_while(|record| {
            let fits = record.length() <= left;
            left = left.saturating_sub(record.length());
            fits
        })
        .count()
}

/// The header in force: the newer of the two that are whole.
pub(super) fn read_header(file: &dyn DiskFile) -> io::Result<Option<SegmentHeader>> {
    let mut newest: Option<SegmentHeader> = None;
    for place in SegmentHeader::PLACES {
        let mut bytes = [0; SEGMENT_HEADER];
        match read_exact_at(file, &mut bytes, place) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(e) => return Err(e),
        }
        if let Some(header) = SegmentHeader::decode(&bytes)
            && newest.is_none_or(|n| n.generation < header.generation)
        {
            newest = Some(header);
        }
    }
    Ok(newest)
}

/// Whether there is no record of the present generation. A segment that cannot be read is not
/// empty.
fn is_empty(file: &dyn DiskFile, segment: &SegmentHeader) -> bool {
    let mut bytes = [0; RECORD_HEADER];
    read_exact_at(file, &mut bytes, RECORDS_START).is_ok()
        && RecordHeader::decode(&bytes).is_none_or(|header| !header.belongs(segment, RECORDS_START))
}
