//! Making a new segment, apart from the hand that writes the present one.

use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SpoolError;
use super::disk::{Access, Disk, write_all_at};
use super::format::SegmentHeader;

/// Name of a segment that is not whole yet.
pub(super) const FILLING: &str = "fill-";

/// A segment to be made; can be sent to another thread so that commits go on meanwhile.
#[derive(Debug)]
pub(super) struct Blank {
    pub disk: Arc<dyn Disk>,
    pub directory: PathBuf,
    pub header: SegmentHeader,
}

/// A segment that was made, safe on disk with name and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub segment: u64,
    pub generation: u32,
}

impl Blank {
    /// Fills a file with zeros and gives it its name once it is whole. Files that have been
    /// written before sync two to three times faster than files that grow.
    pub(super) fn make(self) -> Result<Made, SpoolError> {
        let number = self.header.segment;
        let filling = self.directory.join(format!("{FILLING}{number}"));
        self.fill(&filling).map_err(|error| {
            let _ = self.disk.remove(&filling);
            SpoolError::io("make", &filling, &error)
        })?;
        Ok(Made { segment: number, generation: self.header.generation })
    }

    fn fill(&self, filling: &Path) -> io::Result<()> {
        let file = self.disk.open(filling, Access::Create)?;
        let zeros = vec![0; usize::try_from(self.header.size).unwrap_or(usize::MAX).min(1 << 18)];
        let mut offset = 0;
        while offset < self.header.size {
            let left = usize::try_from(self.header.size - offset).unwrap_or(usize::MAX);
            let some = zeros.get(..left).unwrap_or(&zeros);
            write_all_at(&*file, &mut [IoSlice::new(some)], offset)?;
            offset += some.len() as u64;
        }
        let header = self.header.encode();
        let place = SegmentHeader::place(self.header.generation);
        write_all_at(&*file, &mut [IoSlice::new(&header)], place)?;
        file.sync_data()?;
        self.disk.rename(filling, &self.directory.join(self.header.segment.to_string()))?;
        self.disk.sync_directory(&self.directory)
    }
}

/// Newer than `old`, not older than the clock, and of the other parity, so that its header does
/// not overwrite the one in force.
pub(super) fn next_generation(old: u32, seconds: u64) -> u32 {
    let new = old.saturating_add(1).max(u32::try_from(seconds).unwrap_or(u32::MAX));
    if new % 2 == old % 2 { new.saturating_add(1) } else { new }
}

/// A number that nobody outside can guess.
pub(super) fn nonce() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u64(0);
    hasher.finish()
}
