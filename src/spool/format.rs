//! The bytes of a segment.
//!
//! ```text
//! 0      header, even generations        64 bytes
//! 4096   header, odd generations         64 bytes
//! 8192   record, record, record …        48 bytes, envelope, content (or where the content is)
//! ```
//!
//! A segment is used again and again; each use is a *generation* with a secret of its own. The
//! header of a new generation never overwrites the one before it, so a torn header leaves the
//! old generation in force. A record repeats generation and secret: what an earlier use left
//! behind, and what a message pretends to be a record, is never taken for one.

use super::Key;

/// Where the records begin.
pub(super) const RECORDS_START: u64 = 8192;
/// Distance of the two header places.
const HEADER_STRIDE: u64 = 4096;
/// Length of a segment header.
pub(super) const SEGMENT_HEADER: usize = 64;
/// Length of a record header.
pub(super) const RECORD_HEADER: usize = 48;

const SEGMENT_MAGIC: u64 = u64::from_le_bytes(*b"PfRsSeg1");
const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"PfR1");

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Which use of the segment this is.
    pub generation: u32,
    /// Its secret.
    pub nonce: u64,
    /// Orders the segments of a directory by the time they were taken into use.
    pub sequence: u64,
    /// The writer.
    pub writer: u32,
    /// The number of the segment.
    pub segment: u64,
    /// Length of the file in bytes.
    pub size: u64,
}

impl SegmentHeader {
    /// Where the header of a generation stands.
    pub(super) fn place(generation: u32) -> u64 {
        u64::from(generation % 2) * HEADER_STRIDE
    }

    /// Both places.
    pub(super) const PLACES: [u64; 2] = [0, HEADER_STRIDE];

    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        let mut fields = Fields(&mut bytes);
        fields.u64(SEGMENT_MAGIC);
        fields.u32(self.generation);
        fields.u32(self.writer);
        fields.u64(self.nonce);
        fields.u64(self.sequence);
        fields.u64(self.segment);
        fields.u64(self.size);
        seal(bytes)
    }

    pub(super) fn decode(bytes: &[u8; SEGMENT_HEADER]) -> Option<Self> {
        let mut read = Sealed::open(bytes)?;
        if read.u64()? != SEGMENT_MAGIC {
            return None;
        }
        let generation = read.u32()?;
        let writer = read.u32()?;
        let nonce = read.u64()?;
        let sequence = read.u64()?;
        let segment = read.u64()?;
        let size = read.u64()?;
        Some(Self { generation, nonce, sequence, writer, segment, size })
    }
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Envelope and content.
    Message = 1,
    /// Envelope, and a postcard-encoded [`super::record::Reference`] in place of the content.
    Elsewhere = 2,
    /// Events of the state log.
    Events = 3,
    /// Begins a snapshot of the state; all snapshot records before it are void.
    SnapshotBegin = 4,
    /// Events that make up a snapshot.
    Snapshot = 5,
    /// The snapshot is whole: nothing before its beginning counts any more.
    SnapshotEnd = 6,
}

impl Kind {
    fn from_byte(byte: u32) -> Option<Self> {
        Some(match byte {
            1 => Self::Message,
            2 => Self::Elsewhere,
            3 => Self::Events,
            4 => Self::SnapshotBegin,
            5 => Self::Snapshot,
            6 => Self::SnapshotEnd,
            _ => return None,
        })
    }
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub generation: u32,
    pub nonce: u64,
    /// Its own place in the segment.
    pub offset: u32,
    pub kind: Kind,
    /// Length of the envelope.
    pub envelope: u32,
    /// Length of what follows the envelope.
    pub stored: u32,
    /// crc32 over envelope and what follows it.
    pub crc: u32,
}

impl RecordHeader {
    pub(super) fn encode(&self) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        let mut fields = Fields(&mut bytes);
        fields.u32(RECORD_MAGIC);
        fields.u32(self.generation);
        fields.u64(self.nonce);
        fields.u32(self.offset);
        fields.u32(self.kind as u32);
        fields.u32(self.envelope);
        fields.u32(self.stored);
        fields.u32(self.crc);
        seal(bytes)
    }

    pub(super) fn decode(bytes: &[u8; RECORD_HEADER]) -> Option<Self> {
        let mut read = Sealed::open(bytes)?;
        if read.u32()? != RECORD_MAGIC {
            return None;
        }
        let generation = read.u32()?;
        let nonce = read.u64()?;
        let offset = read.u32()?;
        let kind = Kind::from_byte(read.u32()?)?;
        let envelope = read.u32()?;
        let stored = read.u32()?;
        let crc = read.u32()?;
        Some(Self { generation, nonce, offset, kind, envelope, stored, crc })
    }

    /// Length of the whole record.
    pub(super) fn length(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.envelope) + u64::from(self.stored)
    }

    /// Whether it is a record of that segment's present use, at that place.
    pub(super) fn belongs(&self, segment: &SegmentHeader, offset: u64) -> bool {
        self.generation == segment.generation
            && self.nonce == segment.nonce
            && u64::from(self.offset) == offset
            && offset + self.length() <= segment.size
    }

    /// Whether it is the record that `key` names.
    pub(super) fn is(&self, key: Key) -> bool {
        self.generation == key.generation && u64::from(self.offset) == key.offset
    }
}

/// Puts the crc32 of everything before them into the last four bytes.
fn seal<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if let Some((rest, last)) = bytes.split_last_chunk_mut::<4>() {
        *last = crc32fast::hash(rest).to_le_bytes();
    }
    bytes
}

/// Fields written one behind the other.
struct Fields<'a>(&'a mut [u8]);

impl Fields<'_> {
    fn put<const N: usize>(&mut self, value: [u8; N]) {
        if let Some((place, rest)) = std::mem::take(&mut self.0).split_first_chunk_mut::<N>() {
            *place = value;
            self.0 = rest;
        }
    }

    fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }
}

/// Fields of a header whose crc was right.
struct Sealed<'a>(&'a [u8]);

impl<'a> Sealed<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let (rest, last) = bytes.split_last_chunk::<4>()?;
        (u32::from_le_bytes(*last) == crc32fast::hash(rest)).then_some(Self(rest))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_header_comes_back_and_no_bit_may_change(
            generation: u32, nonce: u64, offset: u32, envelope: u32, stored: u32, crc: u32,
            kind in 1_u32..=6, flip in 0_usize..RECORD_HEADER * 8,
        ) {
            let kind = Kind::from_byte(kind).unwrap_or(Kind::Message);
            let header = RecordHeader { generation, nonce, offset, kind, envelope, stored, crc };
            let mut bytes = header.encode();
            prop_assert_eq!(RecordHeader::decode(&bytes), Some(header));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert_eq!(RecordHeader::decode(&bytes), None);
        }

        #[test]
        fn a_segment_header_comes_back_and_no_bit_may_change(
            generation: u32, nonce: u64, sequence: u64, writer: u32, segment: u64, size: u64,
            flip in 0_usize..SEGMENT_HEADER * 8,
        ) {
            let header = SegmentHeader { generation, nonce, sequence, writer, segment, size };
            let mut bytes = header.encode();
            prop_assert_eq!(SegmentHeader::decode(&bytes), Some(header));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert_eq!(SegmentHeader::decode(&bytes), None);
        }
    }
}
