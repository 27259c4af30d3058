//! Our own indexed files, behind `hash:` and `btree:`: a constant database that is written once
//! and renamed into place.
//!
//! ```text
//! 0   magic "PFRSDB\n1"     16  number of entries      32  CRC-32 of everything from 48 on
//! 8   flavour, syntax, 0 0  20  slots of the index     36  CRC-32 of the bytes 0 to 36
//! 12  zero                  24  place of the index     40  zero
//! 48  records: key length, value length, key, value
//!     index: (hash, place of the record in 8 bytes) per slot, place 0 is an empty slot
//! ```
//!
//! Numbers are little-endian. Records stand in the order of the source (hash) or sorted by key
//! (btree). The index is a hash table with linear probing, at most half full.

use std::borrow::Cow;

use super::source::{ReadError, Source};

const MAGIC: &[u8; 8] = b"PFRSDB\n1";
const HEADER: u64 = 48;
const SLOT: u64 = 12;

/// What the records came from: decides how the source text is read when it is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `key value`
    Records,
    /// `name: value`
    Aliases,
}

/// The order of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// As they came.
    Hash,
    /// By key.
    Btree,
}

/// An open file.
#[derive(Debug)]
pub struct Native {
    source: Source,
    syntax: Syntax,
    slots: u32,
    index: u64,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no file of ours: made by another program.
    #[error("not made by this program")]
    Foreign,
    /// It is one, but not whole.
    #[error(transparent)]
    Read(#[from] ReadError),
}

fn hash(key: &[u8]) -> u32 {
    // FNV-1a.
    key.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl Native {
    /// Takes a file for one of ours.
    pub fn new(source: Source) -> Result<Self, OpenError> {
        let header = source.piece(0, 48).map_err(|_| OpenError::Foreign)?;
        if !header.starts_with(MAGIC) {
            return Err(OpenError::Foreign);
        }
        let sum = crc32fast::hash(header.get(..36).unwrap_or_default());
        let flags = (header.get(8).copied(), header.get(9).copied());
        drop(header);
        let damaged = Err(OpenError::Read(ReadError::Damaged));
        if source.number(36)? != sum {
            return damaged;
        }
        // The sum of a large file would take longer than it helps: its bounds are checked anyway.
        if let Source::Memory(bytes) = &source
            && crc32fast::hash(bytes.get(48..).unwrap_or_default()) != source.number(32)?
        {
            return damaged;
        }
        let (low, high) = source.pair(24)?;
        let slots = source.number(20)?;
        let index = u64::from(low) | u64::from(high) << 32;
        let end = index.checked_add(u64::from(slots) * SLOT);
        if index < HEADER || end != Some(source.len()) || !slots.is_power_of_two() {
            return damaged;
        }
        let syntax = match flags {
            (Some(b'h' | b'b'), Some(b'r')) => Syntax::Records,
            (Some(b'h' | b'b'), Some(b'a')) => Syntax::Aliases,
            _ => return damaged,
        };
        Ok(Self { source, syntax, slots, index })
    }

    /// What its records came from.
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// The value for `key`.
    pub fn find(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, ReadError> {
        let wanted = hash(key);
        let mask = self.slots - 1;
        let mut slot = wanted & mask;
        for _ in 0..self.slots {
            let at = self.index + u64::from(slot) * SLOT;
            let (low, high) = self.source.pair(at + 4)?;
            let place = u64::from(low) | u64::from(high) << 32;
            if place == 0 {
                return Ok(None);
            }
            if self.source.number(at)? == wanted {
                let (key_length, value_length) = self.source.pair(place)?;
                if usize::try_from(key_length) == Ok(key.len())
                    && *self.source.piece(place + 8, key.len())? == *key
                {
                    return self.piece(place + 8 + u64::from(key_length), value_length).map(Some);
                }
            }
            slot = (slot + 1) & mask;
        }
        Ok(None)
    }

    fn piece(&self, start: u64, length: u32) -> Result<Cow<'_, [u8]>, ReadError> {
        self.source.piece(start, usize::try_from(length).map_err(|_| ReadError::Damaged)?)
    }

    /// All records as they stand.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        let mut place = HEADER;
        while place < self.index {
            let (key_length, value_length) = self.source.pair(place)?;
            let key = self.piece(place + 8, key_length)?;
            let start = place + 8 + u64::from(key_length);
            let value = self.piece(start, value_length)?;
            visit(&key, &value);
            place = start + u64::from(value_length);
        }
        Ok(())
    }
}

/// Makes a file of `records`; for [`Flavour::Btree`] they are sorted already. None if there are
/// more than the format can count.
pub fn make<'a>(
    flavour: Flavour,
    syntax: Syntax,
    records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Option<Vec<u8>> {
    let mut file = vec![0; usize::try_from(HEADER).ok()?];
    let mut places = Vec::new();
    for (key, value) in records {
        places.push((hash(key), u64::try_from(file.len()).ok()?));
        file.extend_from_slice(&u32::try_from(key.len()).ok()?.to_le_bytes());
        file.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        file.extend_from_slice(key);
        file.extend_from_slice(value);
    }
    let count = u32::try_from(places.len()).ok()?;
    let slots = count.checked_mul(2)?.max(1).checked_next_power_of_two()?;
    let index = u64::try_from(file.len()).ok()?;
    let mut filled = vec![(0_u32, 0_u64); usize::try_from(slots).ok()?];
    for (hash, place) in places {
        let mut slot = usize::try_from(hash & (slots - 1)).ok()?;
        while filled.get(slot).is_some_and(|(_, place)| *place != 0) {
            slot = (slot + 1) % filled.len();
        }
        *filled.get_mut(slot)? = (hash, place);
    }
    for (hash, place) in filled {
        file.extend_from_slice(&hash.to_le_bytes());
        file.extend_from_slice(&place.to_le_bytes());
    }
    let mut header = MAGIC.to_vec();
    header.push(if flavour == Flavour::Hash { b'h' } else { b'b' });
    header.push(if syntax == Syntax::Records { b'r' } else { b'a' });
    header.extend_from_slice(&[0; 6]);
    header.extend_from_slice(&count.to_le_bytes());
    header.extend_from_slice(&slots.to_le_bytes());
    header.extend_from_slice(&index.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(file.get(48..)?).to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    file.get_mut(..header.len())?.copy_from_slice(&header);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn open(file: Vec<u8>) -> Result<Native, OpenError> {
        Native::new(Source::Memory(file.into()))
    }

    fn built(records: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
        let records = records.iter().map(|(k, v)| (&**k, &**v));
        make(Flavour::Btree, Syntax::Aliases, records).unwrap()
    }

    proptest! {
        #[test]
        fn every_key_comes_out(
            records: BTreeMap<Vec<u8>, Vec<u8>>,
            absent: Vec<Vec<u8>>,
        ) {
            let native = open(built(&records)).unwrap();
            prop_assert_eq!(native.syntax(), Syntax::Aliases);
            for (key, value) in &records {
                let found = native.find(key).unwrap();
                prop_assert_eq!(found.as_deref(), Some(&**value));
            }
            for key in absent.iter().filter(|key| !records.contains_key(*key)) {
                prop_assert!(native.find(key).unwrap().is_none());
            }
            let mut all = Vec::new();
            native.for_each(|key, value| all.push((key.to_vec(), value.to_vec()))).unwrap();
            prop_assert_eq!(all, records.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn damage_is_seen(at in 0_usize..200, bit in 0_u32..8) {
            let records = (0..10).map(|n| (vec![n; 5], vec![n; 6])).collect();
            let mut file = built(&records);
            let at = at % file.len();
            // Nothing depends on the last, empty part of the header.
            prop_assume!(!(40..48).contains(&at));
            file[at] ^= 1 << bit;
            prop_assert!(open(file).is_err());
        }

        #[test]
        fn any_bytes(file: Vec<u8>) {
            prop_assert!(open(file).is_err());
        }
    }

    #[test]
    fn files_that_are_not_in_memory() {
        let records: BTreeMap<Vec<u8>, Vec<u8>> =
            (0..100_u8).map(|n| (vec![n; 3], vec![n; 4])).collect();
        let mut file = tempfile::tempfile().unwrap();
        let bytes = built(&records);
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let native = Native::new(Source::File(file, bytes.len() as u64)).unwrap();
        assert_eq!(native.find(&[7; 3]).unwrap().as_deref(), Some(&[7; 4][..]));
        assert_eq!(native.find(&[7; 2]).unwrap(), None);
    }
}
