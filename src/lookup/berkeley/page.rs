//! Pages of a Berkeley DB file: the first one, the header of the others, their items, and chains
//! of overflow pages.

use std::borrow::Cow;

use super::super::source::{PIECE, ReadError, Source};
use super::BerkeleyError;

/// Before the places of a page's items.
const HEADER: usize = 26;

/// The types of pages that matter here.
pub(super) mod kind {
    pub const HASH_UNSORTED: u8 = 2;
    pub const BTREE_INTERNAL: u8 = 3;
    pub const BTREE_LEAF: u8 = 5;
    pub const OVERFLOW: u8 = 7;
    pub const HASH_META: u8 = 8;
    pub const BTREE_META: u8 = 9;
    pub const HASH: u8 = 13;
}

const HASH_MAGIC: u32 = 0x0006_1561;
const BTREE_MAGIC: u32 = 0x0005_3162;

/// Records under one key, in hash files.
const HASH_FLAGS: u32 = 0x01 | 0x02 | 0x04;
/// Record numbers, lengths that are fixed, several databases, compression, in btree files.
/// Duplicates that stand beside each other are no trouble.
const BTREE_FLAGS: u32 = 0x02 | 0x04 | 0x08 | 0x10 | 0x20 | 0x80;
/// Checksums and partitions.
const META_FLAGS: u8 = 0x01 | 0x02 | 0x04;

/// The pages of a file.
#[derive(Debug)]
pub(super) struct Pages {
    source: Source,
    /// Whether numbers begin with their high byte.
    big_endian: bool,
    size: usize,
    /// The highest page number.
    pub last: u32,
}

/// What the first page says.
#[derive(Debug)]
pub(super) struct Meta {
    /// Whether it is a btree file, else it is a hash file.
    pub is_btree: bool,
    /// The part that depends on the kind.
    pub rest: Vec<u32>,
}

impl Meta {
    /// Reads the first page.
    pub(super) fn read(source: Source) -> Result<(Self, Pages), BerkeleyError> {
        let header = source.piece(0, 512).map_err(|_| BerkeleyError::Foreign)?.into_owned();
        let Some(big_endian) = [false, true].into_iter().find(|big_endian| {
            matches!(number(&header, 12, *big_endian), Some(HASH_MAGIC | BTREE_MAGIC))
        }) else {
            return Err(BerkeleyError::Foreign);
        };
        let number = |at| number(&header, at, big_endian).ok_or(ReadError::Damaged);
        let is_btree = number(12)? == BTREE_MAGIC;
        let byte = |at: usize| header.get(at).copied().unwrap_or_default();
        let (version, flags) = (number(16)?, number(48)?);
        let (versions, kind, refused) = match is_btree {
            true => (8..=10, kind::BTREE_META, BTREE_FLAGS),
            false => (7..=10, kind::HASH_META, HASH_FLAGS),
        };
        let unsupported = |what| Err(BerkeleyError::Unsupported(what));
        if !versions.contains(&version) {
            return unsupported("of another version");
        }
        if byte(24) != 0 {
            return unsupported("that is encrypted");
        }
        if byte(26) & META_FLAGS != 0 {
            return unsupported("with checksums or partitions");
        }
        if flags & refused != 0 {
            return unsupported("with several databases or with duplicates");
        }
        let size = usize::try_from(number(20)?).unwrap_or_default();
        if byte(25) != kind || !size.is_power_of_two() || !(512..=65536).contains(&size) {
            return Err(ReadError::Damaged.into());
        }
        let pages = source.len() / u64::try_from(size).unwrap_or(u64::MAX);
        let last = u32::try_from(pages).unwrap_or(u32::MAX).saturating_sub(1);
        let rest = (72..460).step_by(4).map(number).collect::<Result<_, _>>()?;
        Ok((Self { is_btree, rest }, Pages { source, big_endian, size, last }))
    }
}

fn number(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<'p> {
    pages: &'p Pages,
    bytes: Cow<'p, [u8]>,
}

impl Pages {
    /// Whether they are read from the file when they are needed.
    pub(super) fn is_on_disk(&self) -> bool {
        matches!(self.source, Source::File(..))
    }

    /// The length of the file in bytes.
    pub(super) fn length(&self) -> u64 {
        self.source.len()
    }

    /// The page of that number.
    pub(super) fn page(&self, at: u32) -> Result<Page<'_>, ReadError> {
        let size = u64::try_from(self.size).map_err(|_| ReadError::Damaged)?;
        let bytes = self.source.piece(u64::from(at) * size, self.size)?;
        Ok(Page { pages: self, bytes })
    }

    /// The bytes of an item that lies in a chain of pages from `first` on.
    pub(super) fn overflow(&self, first: u32, length: u32) -> Result<Vec<u8>, ReadError> {
        let length = usize::try_from(length).map_err(|_| ReadError::Damaged)?;
        // Not more than the file could hold, before room is made for it.
        if length > PIECE || u64::try_from(length).is_ok_and(|length| length > self.source.len()) {
            return Err(ReadError::Damaged);
        }
        let mut bytes = Vec::with_capacity(length);
        let mut at = first;
        while bytes.len() < length {
            let page = self.page(at)?;
            let piece = page.overflow_piece()?;
            // An empty piece would be the start of an endless chain.
            if at == 0 || piece.is_empty() || piece.len() > length - bytes.len() {
                return Err(ReadError::Damaged);
            }
            bytes.extend_from_slice(piece);
            at = page.next();
        }
        Ok(bytes)
    }
}

impl<'p> Page<'p> {
    pub(super) fn number(&self, at: usize) -> Result<u32, ReadError> {
        number(&self.bytes, at, self.pages.big_endian).ok_or(ReadError::Damaged)
    }

    /// A number of two bytes.
    pub(super) fn short(&self, at: usize) -> Result<u16, ReadError> {
        let bytes = at.checked_add(2).and_then(|end| self.bytes.get(at..end));
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(ReadError::Damaged)?;
        Ok(match self.pages.big_endian {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    }

    pub(super) fn byte(&self, at: usize) -> Result<u8, ReadError> {
        self.bytes.get(at).copied().ok_or(ReadError::Damaged)
    }

    /// Bytes of this page.
    pub(super) fn bytes(&self, at: usize, length: usize) -> Result<&[u8], ReadError> {
        let end = at.checked_add(length).ok_or(ReadError::Damaged)?;
        self.bytes.get(at..end).ok_or(ReadError::Damaged)
    }

    /// Its length in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// What kind of page it is.
    pub(super) fn kind(&self) -> u8 {
        self.byte(25).unwrap_or_default()
    }

    /// How far above the leaves it stands in a tree.
    pub(super) fn level(&self) -> u8 {
        self.byte(24).unwrap_or_default()
    }

    /// The page behind it in a chain; 0 for none.
    pub(super) fn next(&self) -> u32 {
        self.number(16).unwrap_or_default()
    }

    /// How many items there are.
    pub(super) fn count(&self) -> usize {
        self.short(20).map_or(0, usize::from)
    }

    /// Where an item begins.
    pub(super) fn place(&self, item: usize) -> Result<usize, ReadError> {
        let place = usize::from(self.short(HEADER + 2 * item)?);
        match item < self.count() && place >= HEADER {
            true => Ok(place),
            false => Err(ReadError::Damaged),
        }
    }

    /// What an overflow page holds.
    fn overflow_piece(&self) -> Result<&[u8], ReadError> {
        if self.kind() != kind::OVERFLOW {
            return Err(ReadError::Damaged);
        }
        self.bytes(HEADER, usize::from(self.short(22)?))
    }

    /// The pages that this one is of.
    pub(super) fn pages(&self) -> &'p Pages {
        self.pages
    }
}
