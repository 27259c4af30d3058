//! Cyrus SASL's sasldb: passwords in clear text in a hash file of Berkeley DB, which is only read.
//!
//! ```text
//! key: user NUL realm NUL "userPassword"        value: the password
//! ```
//!
//! The file is small: rather than to hash the key as the library does, all pages are looked at. That
//! also finds what a writer is moving just now, and takes as long for every name.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use crate::config::why;

/// Largest file.
const FILE_MAX: u64 = 64 << 20;

/// Largest value, which is a password.
const VALUE_MAX: usize = 4096;

/// Bytes in front of the index of a page.
const HEADER: usize = 26;

/// A sasldb.
#[derive(Debug)]
pub(in crate::sasl) struct Sasldb {
    path: PathBuf,
}

/// Why a file is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// Something else that Cyrus SASL can be built with.
    #[error("a {0} file; only Berkeley DB is read here")]
    Other(&'static str),
    /// Nothing known.
    #[error("no hash file of Berkeley DB")]
    Unknown,
    /// A page that does not fit.
    #[error("damaged, or just being written")]
    Damaged,
}

impl Sasldb {
    /// Opened when somebody needs it.
    pub(in crate::sasl) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The password of `user`, or of `user@realm`; `realm` is for names without one. The error is
    /// for the log.
    pub(super) fn password(&self, name: &str, realm: &str) -> Result<Option<Vec<u8>>, String> {
        let (user, realm) = name.split_once('@').unwrap_or((name, realm));
        let key = format!("{user}\0{realm}\0userPassword");
        let bytes = self.read().map_err(|e| self.problem(&why(&e)))?;
        find(&bytes, key.as_bytes()).map_err(|bad| self.problem(&bad.to_string()))
    }

    fn problem(&self, text: &str) -> String {
        format!("unable to open Berkeley db {}: {text}", self.path.display())
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The value of a key in a hash file of Berkeley DB, given as its bytes.
pub fn find(file: &[u8], key: &[u8]) -> Result<Option<Vec<u8>>, BadFile> {
    let file = Pages::of(file)?;
    for number in 1..file.count() {
        let Some(page) = file.page(number) else { break };
        // Sorted and unsorted hash pages.
        if !matches!(page.kind(), Some(2 | 13)) {
            continue;
        }
        let entries = page.entries().ok_or(BadFile::Damaged)?;
        for entry in (0..entries).step_by(2) {
            let item = page.item(entry).ok_or(BadFile::Damaged)?;
            if file.value(item).as_deref() == Some(key) {
                let value = page.item(entry + 1).and_then(|item| file.value(item));
                return value.map(Some).ok_or(BadFile::Damaged);
            }
        }
    }
    Ok(None)
}

/// A file in pages.
#[derive(Clone, Copy)]
struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Written by a machine of the other byte order.
    swapped: bool,
}

impl<'a> Pages<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, BadFile> {
        let word = |at: usize| bytes.get(at..)?.first_chunk::<4>().copied();
        let magic = word(12).ok_or(BadFile::Unknown)?;
        let swapped = match u32::from_ne_bytes(magic) {
            0x0006_1561 => false,
            0x6115_0600 => true,
            _ if word(16) == Some(0xbeef_c0de_u32.to_ne_bytes()) => {
                return Err(BadFile::Other("LMDB"));
            }
            _ if word(0).is_some_and(|word| {
                matches!(u32::from_ne_bytes(word), 0x1357_9acd..=0x1357_9ad1)
            }) =>
            {
                return Err(BadFile::Other("GDBM"));
            }
            _ => return Err(BadFile::Unknown),
        };
        let mut file = Self { bytes, size: 0, swapped };
        let size = file.word(bytes, 20).ok_or(BadFile::Damaged)?;
        if !size.is_power_of_two() || !(512..=65536).contains(&size) {
            return Err(BadFile::Damaged);
        }
        file.size = size as usize;
        Ok(file)
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let word = u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?);
        Some(if self.swapped { word.swap_bytes() } else { word })
    }

    fn count(&self) -> usize {
        self.bytes.len() / self.size
    }

    fn page(self, number: usize) -> Option<Page<'a>> {
        let start = number.checked_mul(self.size)?;
        let bytes = self.bytes.get(start..start.checked_add(self.size)?)?;
        Some(Page { bytes, swapped: self.swapped })
    }

    /// What an item of a hash page says.
    fn value(&self, item: &[u8]) -> Option<Vec<u8>> {
        match item.first()? {
            1 => item.get(1..).map(<[u8]>::to_vec),
            3 => self.overflow(self.word(item, 4)? as usize, self.word(item, 8)? as usize),
            _ => None,
        }
    }

    /// What stands on pages of its own.
    fn overflow(&self, first: usize, length: usize) -> Option<Vec<u8>> {
        if length > VALUE_MAX {
            return None;
        }
        let mut value = Vec::with_capacity(length);
        let mut next = first;
        // Each page has something, so the chain ends.
        while value.len() < length {
            let page = self.page(next).filter(|page| page.kind() == Some(7))?;
            let used = usize::from(page.half(22)?).min(length - value.len());
            let piece = page.bytes.get(HEADER..HEADER.checked_add(used)?)?;
            if piece.is_empty() {
                return None;
            }
            value.extend_from_slice(piece);
            next = self.word(page.bytes, 16)? as usize;
        }
        Some(value)
    }
}

/// A page.
#[derive(Clone, Copy)]
struct Page<'a> {
    bytes: &'a [u8],
    swapped: bool,
}

impl<'a> Page<'a> {
    fn half(self, at: usize) -> Option<u16> {
        let half = u16::from_ne_bytes(*self.bytes.get(at..)?.first_chunk()?);
        Some(if self.swapped { half.swap_bytes() } else { half })
    }

    fn kind(self) -> Option<u8> {
        self.bytes.get(25).copied()
    }

    fn entries(self) -> Option<usize> {
        let entries = usize::from(self.half(20)?);
        (HEADER + 2 * entries <= self.bytes.len()).then_some(entries)
    }

    /// Items grow from the end of the page towards its index.
    fn item(self, entry: usize) -> Option<&'a [u8]> {
        let at = |entry: usize| self.half(HEADER + 2 * entry).map(usize::from);
        let end = match entry.checked_sub(1) {
            Some(before) => at(before)?,
            None => self.bytes.len(),
        };
        self.bytes.get(at(entry)?..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of one page with these pairs, and one long value on pages of its own.
    fn file(pairs: &[(&[u8], &[u8])], long: Option<(&[u8], &[u8])>) -> Vec<u8> {
        let mut bytes = vec![0; 512 * 2];
        bytes[12..16].copy_from_slice(&0x0006_1561_u32.to_ne_bytes());
        bytes[20..24].copy_from_slice(&512_u32.to_ne_bytes());
        let mut items: Vec<Vec<u8>> = Vec::new();
        for (key, value) in pairs {
            items.extend([key, value].map(|text| [&[1], *text].concat()));
        }
        if let Some((key, value)) = long {
            items.push([&[1], key].concat());
            let length = u32::try_from(value.len()).unwrap();
            let item = [&[3, 0, 0, 0][..], &2_u32.to_ne_bytes(), &length.to_ne_bytes()].concat();
            items.push(item);
            for (number, piece) in (3_u32..).zip(value.chunks(512 - HEADER)) {
                let mut page = vec![0; 512];
                page[16..20].copy_from_slice(&number.to_ne_bytes());
                page[22..24].copy_from_slice(&u16::try_from(piece.len()).unwrap().to_ne_bytes());
                page[25] = 7;
                page[HEADER..HEADER + piece.len()].copy_from_slice(piece);
                bytes.extend(page);
            }
        }
        let page = &mut bytes[512..1024];
        page[20..22].copy_from_slice(&u16::try_from(items.len()).unwrap().to_ne_bytes());
        page[25] = 13;
        let mut end = 512;
        for (entry, item) in items.iter().enumerate() {
            let start = end - item.len();
            page[start..end].copy_from_slice(item);
            let at = HEADER + 2 * entry;
            page[at..at + 2].copy_from_slice(&u16::try_from(start).unwrap().to_ne_bytes());
            end = start;
        }
        bytes
    }

    #[test]
    fn values() {
        let long = [b'x'; 1000];
        let bytes = file(&[(b"a", b"1"), (b"b", b"")], Some((b"c", &long)));
        assert_eq!(find(&bytes, b"a"), Ok(Some(b"1".to_vec())));
        assert_eq!(find(&bytes, b"b"), Ok(Some(Vec::new())));
        assert_eq!(find(&bytes, b"c"), Ok(Some(long.to_vec())));
        assert_eq!(find(&bytes, b"d"), Ok(None));
        assert_eq!(find(&bytes[..1024], b"c"), Err(BadFile::Damaged));
    }

    #[test]
    fn other_files() {
        assert_eq!(find(b"", b"a"), Err(BadFile::Unknown));
        assert_eq!(find(&[0; 4096], b"a"), Err(BadFile::Unknown));
        let mut lmdb = vec![0; 4096];
        lmdb[16..20].copy_from_slice(&0xbeef_c0de_u32.to_ne_bytes());
        assert_eq!(find(&lmdb, b"a"), Err(BadFile::Other("LMDB")));
        let mut gdbm = vec![0; 4096];
        gdbm[..4].copy_from_slice(&0x1357_9ace_u32.to_ne_bytes());
        assert_eq!(find(&gdbm, b"a"), Err(BadFile::Other("GDBM")));
    }

    proptest! {
        #[test]
        fn never_panics(at in 0_usize..2000, bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            let mut whole = file(&[(b"a", b"1")], Some((b"c", &[b'x'; 900])));
            for (to, from) in whole.iter_mut().skip(at).zip(&bytes) {
                *to = *from;
            }
            let _ = (find(&whole, b"a"), find(&whole, b"c"), find(&bytes, b"a"));
        }
    }
}
