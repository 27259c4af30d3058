//! Hash files: buckets, each a chain of pages; the pages of buckets that came at the same doubling
//! of the file stand beside each other.

use std::borrow::Cow;

use super::super::source::ReadError;
use super::page::{Meta, Page, Pages, kind};
use super::{BerkeleyError, Visit};

/// What the file has been hashed with, to see that the hash is the one that we know.
const PROBE: &[u8] = b"%$sniglet^&\0";

/// An item within a page.
const ITEM_HERE: u8 = 1;
/// An item in overflow pages.
const ITEM_ELSEWHERE: u8 = 3;

/// Where the buckets are.
#[derive(Debug)]
pub(super) struct Hash {
    max_bucket: u32,
    high_mask: u32,
    low_mask: u32,
    /// What is added to the number of a bucket, for each doubling.
    spares: Vec<u32>,
}

fn hash(key: &[u8]) -> u32 {
    // FNV-1, from zero on.
    key.iter().fold(0, |hash: u32, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(*byte))
}

impl Hash {
    pub(super) fn new(meta: &Meta, pages: &Pages) -> Result<Self, BerkeleyError> {
        let number = |at: usize| meta.rest.get(at).copied().unwrap_or_default();
        let spares = meta.rest.get(6..38).unwrap_or_default().to_vec();
        let file =
            Self { max_bucket: number(0), high_mask: number(1), low_mask: number(2), spares };
        if number(5) != hash(PROBE) {
            return Err(BerkeleyError::Unsupported("with another hash function"));
        }
        if file.max_bucket > pages.last {
            return Err(ReadError::Damaged.into());
        }
        Ok(file)
    }

    pub(super) fn find(&self, pages: &Pages, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let hash = hash(key);
        let mut bucket = hash & self.high_mask;
        if bucket > self.max_bucket {
            bucket &= self.low_mask;
        }
        let mut found = None;
        let mut budget = pages.last;
        self.bucket(pages, bucket, &mut budget, &mut |page, pair| {
            if *item(page, pair)? != *key {
                return Ok(true);
            }
            found = Some(item(page, pair + 1)?.into_owned());
            Ok(false)
        })?;
        Ok(found)
    }

    pub(super) fn for_each(&self, pages: &Pages, visit: &mut Visit<'_>) -> Result<(), ReadError> {
        // All chains together have no more pages than the file.
        let mut budget = pages.last;
        for bucket in 0..=self.max_bucket {
            self.bucket(pages, bucket, &mut budget, &mut |page, pair| {
                visit(&item(page, pair)?, &item(page, pair + 1)?)?;
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// Gives the pairs of a bucket to `visit` until that says that it wants no more.
    fn bucket(
        &self,
        pages: &Pages,
        bucket: u32,
        budget: &mut u32,
        visit: &mut dyn FnMut(&Page<'_>, usize) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let mut at = self.first_page(bucket)?;
        while at != 0 {
            *budget = budget.checked_sub(1).ok_or(ReadError::Damaged)?;
            let page = pages.page(at)?;
            match page.kind() {
                kind::HASH | kind::HASH_UNSORTED => {}
                // Room for a bucket that has never been used.
                0 => return Ok(()),
                _ => return Err(ReadError::Damaged),
            }
            for pair in (0..page.count()).step_by(2) {
                if !visit(&page, pair)? {
                    return Ok(());
                }
            }
            at = page.next();
        }
        Ok(())
    }

    fn first_page(&self, bucket: u32) -> Result<u32, ReadError> {
        // Which doubling brought it: the smallest power of two that is larger.
        let doubling = u32::BITS - bucket.leading_zeros();
        let spare = usize::try_from(doubling).ok().and_then(|at| self.spares.get(at));
        let page = spare.and_then(|spare| spare.checked_add(bucket));
        page.filter(|page| *page != 0).ok_or(ReadError::Damaged)
    }
}

/// The bytes of an item: from its place to that of the item before it.
fn item<'a>(page: &'a Page<'_>, item: usize) -> Result<Cow<'a, [u8]>, ReadError> {
    let start = page.place(item)?;
    let end = match item.checked_sub(1) {
        Some(before) => page.place(before)?,
        None => page.size(),
    };
    let length = end.checked_sub(start + 1).ok_or(ReadError::Damaged)?;
    match page.byte(start)? {
        ITEM_HERE => page.bytes(start + 1, length).map(Cow::Borrowed),
        ITEM_ELSEWHERE if length == 11 => {
            let (first, length) = (page.number(start + 4)?, page.number(start + 8)?);
            page.pages().overflow(first, length).map(Cow::Owned)
        }
        _ => Err(ReadError::Damaged),
    }
}
