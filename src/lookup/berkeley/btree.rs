//! Btree files: from the root down to the leaf that may have the key; leaves are chained in the
//! order of their keys.

use std::borrow::Cow;

use super::super::source::ReadError;
use super::page::{Meta, Page, Pages, kind};
use super::{BerkeleyError, Visit};

/// An item within a page.
const ITEM_HERE: u8 = 1;
/// An item in overflow pages.
const ITEM_ELSEWHERE: u8 = 3;
/// An item that is gone, but not swept up yet.
const DELETED: u8 = 0x80;

/// Where the tree begins.
#[derive(Debug)]
pub(super) struct Btree {
    root: u32,
}

impl Btree {
    pub(super) fn new(meta: &Meta, pages: &Pages) -> Result<Self, BerkeleyError> {
        let root = meta.rest.get(4).copied().unwrap_or_default();
        match root == 0 || root > pages.last {
            true => Err(ReadError::Damaged.into()),
            false => Ok(Self { root }),
        }
    }

    pub(super) fn find(&self, pages: &Pages, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let leaf = self.leaf(pages, Some(key))?;
        for pair in (0..leaf.count()).step_by(2) {
            if let Some(found) = leaf_item(&leaf, pair)?
                && *found == *key
            {
                return Ok(leaf_item(&leaf, pair + 1)?.map(Cow::into_owned));
            }
        }
        Ok(None)
    }

    pub(super) fn for_each(&self, pages: &Pages, visit: &mut Visit<'_>) -> Result<(), ReadError> {
        let mut leaf = self.leaf(pages, None)?;
        for _ in 0..=pages.last {
            for pair in (0..leaf.count()).step_by(2) {
                if let (Some(key), Some(value)) =
                    (leaf_item(&leaf, pair)?, leaf_item(&leaf, pair + 1)?)
                {
                    visit(&key, &value)?;
                }
            }
            match leaf.next() {
                0 => return Ok(()),
                next => leaf = pages.page(next)?,
            }
            if leaf.kind() != kind::BTREE_LEAF {
                break;
            }
        }
        Err(ReadError::Damaged)
    }

    /// The leaf that has `key` if any has; the first one for none.
    fn leaf<'p>(&self, pages: &'p Pages, key: Option<&[u8]>) -> Result<Page<'p>, ReadError> {
        let mut page = pages.page(self.root)?;
        loop {
            match page.kind() {
                kind::BTREE_LEAF => return Ok(page),
                kind::BTREE_INTERNAL => {}
                _ => return Err(ReadError::Damaged),
            }
            let level = page.level();
            page = pages.page(child(&page, key)?)?;
            // Always nearer to the leaves: the way has an end.
            if page.level() >= level {
                return Err(ReadError::Damaged);
            }
        }
    }
}

/// The page below an internal one where `key` belongs: the last one whose first key is not larger.
fn child(page: &Page<'_>, key: Option<&[u8]>) -> Result<u32, ReadError> {
    let Some(key) = key else {
        return page.number(page.place(0)? + 4);
    };
    // The key of the first item counts as less than any other.
    let (mut low, mut high) = (0, page.count());
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match internal_key(page, middle)?.as_ref() <= key {
            true => low = middle,
            false => high = middle,
        }
    }
    page.number(page.place(low)? + 4)
}

/// The key of an item in an internal page.
fn internal_key<'a>(page: &'a Page<'_>, item: usize) -> Result<Cow<'a, [u8]>, ReadError> {
    let start = page.place(item)?;
    match page.byte(start + 2)? & !DELETED {
        ITEM_HERE => page.bytes(start + 12, usize::from(page.short(start)?)).map(Cow::Borrowed),
        // The description of the chain stands where the key would.
        ITEM_ELSEWHERE => elsewhere(page, start + 12),
        _ => Err(ReadError::Damaged),
    }
}

/// The bytes of an item in a leaf; none if it has been deleted.
fn leaf_item<'a>(page: &'a Page<'_>, item: usize) -> Result<Option<Cow<'a, [u8]>>, ReadError> {
    let start = page.place(item)?;
    let kind = page.byte(start + 2)?;
    if kind & DELETED != 0 {
        return Ok(None);
    }
    match kind {
        ITEM_HERE => page
            .bytes(start + 3, usize::from(page.short(start)?))
            .map(|bytes| Some(Cow::Borrowed(bytes))),
        ITEM_ELSEWHERE => elsewhere(page, start).map(Some),
        _ => Err(ReadError::Damaged),
    }
}

/// The bytes of a chain of overflow pages, which is described at `start`.
fn elsewhere<'a>(page: &'a Page<'_>, start: usize) -> Result<Cow<'a, [u8]>, ReadError> {
    let (first, length) = (page.number(start + 4)?, page.number(start + 8)?);
    page.pages().overflow(first, length).map(Cow::Owned)
}
