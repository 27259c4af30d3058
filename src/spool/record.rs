//! A record on its way into a segment, and what is found in one.

use std::io::IoSlice;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::format::{Kind, RECORD_HEADER, RecordHeader};
use super::{Key, SpoolError};
use crate::mail::envelope::Envelope;

/// A record whose place is not known yet. The expensive part, encoding and checksum, is done
/// here, by the session; the committer only fills in place and generation.
#[derive(Debug)]
pub(super) struct Record {
    /// Room for the header, then the envelope.
    head: Vec<u8>,
    content: Vec<u8>,
    kind: Kind,
    crc: u32,
}

/// What stands before the content.
#[derive(Serialize)]
struct HeadRef<'a> {
    origin: Option<Key>,
    envelope: &'a Envelope,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    /// The record that this one is a copy of, if compaction moved it.
    pub origin: Option<Key>,
    /// The envelope.
    pub envelope: Envelope,
}

/// Content that has a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    /// In which writer's directory.
    pub writer: u32,
    /// Name of the file.
    pub name: String,
    /// Length of the content.
    pub length: u64,
}

impl Reference {
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// Below the directory of all writers. The name comes from our own disk, yet nothing outside
    /// the writer's directory may be meant.
    pub(super) fn path(&self) -> PathBuf {
        let name = self.name.rsplit('/').next().unwrap_or_default();
        Path::new(&self.writer.to_string()).join(name)
    }
}

impl Record {
    /// A message with its content in the record.
    pub(super) fn message(
        envelope: &Envelope,
        content: Vec<u8>,
        origin: Option<Key>,
    ) -> Result<Self, SpoolError> {
        Self::new(Kind::Message, encode_head(envelope, origin)?, content)
    }

    /// A message whose content is a file.
    pub(super) fn elsewhere(
        envelope: &Envelope,
        reference: &Reference,
        origin: Option<Key>,
    ) -> Result<Self, SpoolError> {
        let reference = postcard::to_stdvec(reference).map_err(|e| unencodable(&e))?;
        Self::new(Kind::Elsewhere, encode_head(envelope, origin)?, reference)
    }

    /// Encoded events of the state log.
    pub(super) fn events(kind: Kind, events: Vec<u8>) -> Result<Self, SpoolError> {
        Self::new(kind, vec![0; RECORD_HEADER], events)
    }

    fn new(kind: Kind, head: Vec<u8>, content: Vec<u8>) -> Result<Self, SpoolError> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(head.get(RECORD_HEADER..).unwrap_or_default());
        crc.update(&content);
        if u32::try_from(head.len() + content.len()).is_err() {
            return Err(SpoolError::Failed("record of more than 4 GiB".into()));
        }
        Ok(Self { head, content, kind, crc: crc.finalize() })
    }

    /// Length of the whole record.
    pub(super) fn length(&self) -> u64 {
        (self.head.len() + self.content.len()) as u64
    }

    /// Fills in the header for that place.
    pub(super) fn place(&mut self, generation: u32, nonce: u64, offset: u64) {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let header = RecordHeader {
            generation,
            nonce,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            kind: self.kind,
            envelope: narrow(self.head.len().saturating_sub(RECORD_HEADER)),
            stored: narrow(self.content.len()),
            crc: self.crc,
        };
        if let Some(place) = self.head.first_chunk_mut::<RECORD_HEADER>() {
            *place = header.encode();
        }
    }

    /// What to write.
    pub(super) fn parts(&self) -> [IoSlice<'_>; 2] {
        [IoSlice::new(&self.head), IoSlice::new(&self.content)]
    }

    /// The envelope, decoded again.
    pub(super) fn envelope(&self) -> Option<Envelope> {
        Some(decode_head(self.head.get(RECORD_HEADER..)?)?.envelope)
    }
}

fn encode_head(envelope: &Envelope, origin: Option<Key>) -> Result<Vec<u8>, SpoolError> {
    let mut room = Vec::with_capacity(RECORD_HEADER + 256 + 64 * envelope.recipients.len());
    room.resize(RECORD_HEADER, 0);
    postcard::to_extend(&HeadRef { origin, envelope }, room).map_err(|e| unencodable(&e))
}

/// What stands before the content in a record.
pub(super) fn decode_head(bytes: &[u8]) -> Option<Head> {
    postcard::from_bytes(bytes).ok()
}

fn unencodable(error: &postcard::Error) -> SpoolError {
    SpoolError::Failed(format!("cannot encode: {error}"))
}

/// Whether these bytes of a record, without its header, are what was written.
pub(super) fn intact(header: &RecordHeader, body: &[u8]) -> bool {
    crc32fast::hash(body) == header.crc
}
