//! Bytes of an indexed file: in memory if it is small, read piece by piece if not.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::lent;

/// Files up to this size are held in memory: no system call per look-up.
pub const IN_MEMORY: u64 = 64 << 20;
/// Keys and values are never longer than this.
pub const PIECE: usize = 64 << 20;

/// The bytes of a file that does not change.
#[derive(Debug)]
pub enum Source {
    /// All of them.
    Memory(Box<[u8]>),
    /// A file and its length.
    File(File, u64),
}

/// A file that ends too early, or that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says so.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A place outside the file.
    #[error("the file is damaged")]
    Damaged,
}

impl Source {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = lent::open(path)?;
        let length = file.metadata()?.len();
        if length > IN_MEMORY {
            return Ok(Self::File(file, length));
        }
        Ok(Self::Memory(lent::whole(&file)?.into()))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(_, length) => *length,
        }
    }

    /// `length` bytes at `offset`.
    pub fn piece(&self, offset: u64, length: usize) -> Result<Cow<'_, [u8]>, ReadError> {
        let end = u64::try_from(length).ok().and_then(|length| offset.checked_add(length));
        if length > PIECE || end.is_none_or(|end| end > self.len()) {
            return Err(ReadError::Damaged);
        }
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(|_| ReadError::Damaged)?;
                let piece = bytes.get(start..start + length).ok_or(ReadError::Damaged)?;
                Ok(Cow::Borrowed(piece))
            }
            Self::File(file, _) => {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, offset)?;
                Ok(Cow::Owned(piece))
            }
        }
    }

    /// A little-endian number of four bytes.
    pub fn number(&self, offset: u64) -> Result<u32, ReadError> {
        let piece = self.piece(offset, 4)?;
        let bytes = piece.as_ref().try_into().map_err(|_| ReadError::Damaged)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Two of them, one after the other.
    pub fn pair(&self, offset: u64) -> Result<(u32, u32), ReadError> {
        let piece = self.piece(offset, 8)?;
        let (first, second) = piece.split_at_checked(4).ok_or(ReadError::Damaged)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes);
        number(first).and_then(|a| Ok((a, number(second)?))).map_err(|_| ReadError::Damaged)
    }
}
