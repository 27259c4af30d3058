//! cdb files, as djb defined them (cr.yp.to/cdb/cdb.txt) and as tinycdb and Postfix make them:
//! 256 pairs of table place and size, records, 256 hash tables. All numbers little-endian.

use std::borrow::Cow;

use super::source::{ReadError, Source};

/// Where records begin.
const HEADER: u64 = 2048;

/// An open file.
#[derive(Debug)]
pub struct Cdb {
    source: Source,
}

fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |hash: u32, byte| hash.wrapping_mul(33) ^ u32::from(*byte))
}

impl Cdb {
    /// Takes a file for a cdb file.
    pub fn new(source: Source) -> Result<Self, ReadError> {
        match source.len() >= HEADER {
            true => Ok(Self { source }),
            false => Err(ReadError::Damaged),
        }
    }

    /// The value of the first record with `key`.
    pub fn find(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, ReadError> {
        let wanted = hash(key);
        let (table, slots) = self.source.pair(u64::from(wanted & 255) * 8)?;
        if slots == 0 {
            return Ok(None);
        }
        let mut slot = (wanted >> 8) % slots;
        for _ in 0..slots {
            let (found, place) = self.source.pair(u64::from(table) + u64::from(slot) * 8)?;
            if place == 0 {
                return Ok(None);
            }
            if found == wanted {
                let (key_length, value_length) = self.source.pair(u64::from(place))?;
                let start = u64::from(place) + 8;
                if usize::try_from(key_length) == Ok(key.len())
                    && *self.source.piece(start, key.len())? == *key
                {
                    return self.value(start + u64::from(key_length), value_length).map(Some);
                }
            }
            slot = (slot + 1) % slots;
        }
        Ok(None)
    }

    fn value(&self, start: u64, length: u32) -> Result<Cow<'_, [u8]>, ReadError> {
        self.source.piece(start, usize::try_from(length).map_err(|_| ReadError::Damaged)?)
    }

    /// All records, in the order in which they were written.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        // The first hash table stands where the records end.
        let end = u64::from(self.source.number(0)?);
        let mut place = HEADER;
        while place < end {
            let (key_length, value_length) = self.source.pair(place)?;
            let key = self.value(place + 8, key_length)?;
            let start = place + 8 + u64::from(key_length);
            let value = self.value(start, value_length)?;
            visit(&key, &value);
            place = start + u64::from(value_length);
        }
        Ok(())
    }
}

/// Makes a file of `records`. None if it would be larger than the format can say (4 GB).
pub fn make<'a>(records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<Vec<u8>> {
    let mut file = vec![0; usize::try_from(HEADER).ok()?];
    let mut places: Vec<Vec<(u32, u32)>> = vec![Vec::new(); 256];
    for (key, value) in records {
        let place = u32::try_from(file.len()).ok()?;
        let hash = hash(key);
        places.get_mut(usize::try_from(hash & 255).ok()?)?.push((hash, place));
        file.extend_from_slice(&u32::try_from(key.len()).ok()?.to_le_bytes());
        file.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        file.extend_from_slice(key);
        file.extend_from_slice(value);
    }
    for (number, places) in places.iter().enumerate() {
        let table = u32::try_from(file.len()).ok()?;
        let slots = u32::try_from(places.len() * 2).ok()?;
        let entry = file.get_mut(number * 8..number * 8 + 8)?;
        let (first, second) = entry.split_at_mut(4);
        first.copy_from_slice(&table.to_le_bytes());
        second.copy_from_slice(&slots.to_le_bytes());
        let mut filled = vec![(0, 0); places.len() * 2];
        for (hash, place) in places {
            let mut slot = usize::try_from((hash >> 8) % slots).ok()?;
            while filled.get(slot).is_some_and(|(_, place)| *place != 0) {
                slot = (slot + 1) % filled.len();
            }
            *filled.get_mut(slot)? = (*hash, *place);
        }
        for (hash, place) in filled {
            file.extend_from_slice(&hash.to_le_bytes());
            file.extend_from_slice(&place.to_le_bytes());
        }
    }
    u32::try_from(file.len()).ok().map(|_| file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn open(file: Vec<u8>) -> Cdb {
        Cdb::new(Source::Memory(file.into())).unwrap()
    }

    proptest! {
        #[test]
        fn every_key_comes_out(
            records: BTreeMap<Vec<u8>, Vec<u8>>,
            absent: Vec<Vec<u8>>,
        ) {
            let cdb = open(make(records.iter().map(|(k, v)| (&**k, &**v))).unwrap());
            for (key, value) in &records {
                let found = cdb.find(key).unwrap();
                prop_assert_eq!(found.as_deref(), Some(&**value));
            }
            for key in absent.iter().filter(|key| !records.contains_key(*key)) {
                prop_assert!(cdb.find(key).unwrap().is_none());
            }
            let mut all = BTreeMap::new();
            cdb.for_each(|key, value| {
                all.insert(key.to_vec(), value.to_vec());
            }).unwrap();
            prop_assert_eq!(all, records);
        }

        #[test]
        fn damage_is_an_error_or_a_miss(mut file in proptest::collection::vec(any::<u8>(), 2048..4096)) {
            file[2040] = 1;
            let cdb = open(file);
            let _ = cdb.find(b"key");
            let _ = cdb.for_each(|_, _| ());
        }
    }
}
