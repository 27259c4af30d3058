//! Which records are alive, and which segments can be used again: qmgr's books about the spool.
//! Pure: no file, no clock.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Found, Full, Key, Location};

/// A generation of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Segment {
    /// The writer.
    pub writer: u32,
    /// The number.
    pub segment: u64,
    /// The generation.
    pub generation: u32,
}

impl Segment {
    /// The event that says so when everything in it is dead.
    pub fn freed(self) -> Event {
        let Self { writer, segment, generation } = self;
        Event::Freed { writer, segment, generation }
    }
}

/// The books.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pages: BTreeMap<(u32, u64), Page>,
    /// Live copies and what they are copies of.
    copies: BTreeMap<Key, Key>,
}

/// One segment.
#[derive(Clone, Debug, Default)]
struct Page {
    generation: u32,
    /// Generations up to this one are dead.
    freed: Option<u32>,
    /// Offsets of live records, and whether qmgr has the message already: after a replay of the
    /// log, copies are alive before a scan finds them.
    alive: BTreeMap<u64, bool>,
    dead: BTreeSet<u64>,
    /// No more records will come, and so many there are at least.
    full: Option<u64>,
}

impl Key {
    fn page(self) -> (u32, u64) {
        (self.writer, self.segment)
    }
}

impl Ledger {
    /// Takes an event of the state log into account: at start for each of them, and later for
    /// each that is appended.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Removed { key } => {
                self.bury(*key);
            }
            Event::Moved { from, to } => {
                let known = self.bury(*from);
                if let Some(page) = self.page(*to)
                    && !page.dead.contains(&to.offset)
                {
                    page.alive.insert(to.offset, known);
                    self.copies.insert(*to, *from);
                }
            }
            Event::Freed { writer, segment, generation } => {
                let page = self.pages.entry((*writer, *segment)).or_default();
                if page.freed.is_none_or(|freed| freed < *generation) {
                    page.freed = Some(*generation);
                }
                if page.generation <= *generation {
                    page.alive.clear();
                    page.dead.clear();
                    page.full = None;
                }
                let freed =
                    |key: &Key| key.page() == (*writer, *segment) && key.generation <= *generation;
                self.copies.retain(|copy, _| !freed(copy));
            }
            _ => {}
        }
    }

    /// A record is on disk: an intake process said so, or a scan found it. Returns whether it is
    /// a message that is alive and was not known yet.
    pub fn stored(&mut self, location: Location) -> bool {
        let key = location.key();
        self.page(key).is_some_and(|page| {
            !page.dead.contains(&key.offset) && page.alive.insert(key.offset, true) != Some(true)
        })
    }

    /// The same for a record that a scan found: a copy counts only if the log says so.
    pub fn found(&mut self, found: &Found) -> bool {
        let key = found.location.key();
        match found.origin {
            // Not known as a copy: a crash came before the log had it. The original is alive.
            Some(_) if !self.copies.contains_key(&key) => {
                self.bury(key);
                false
            }
            _ => self.stored(found.location),
        }
    }

    /// A segment will get no more records.
    pub fn full(&mut self, writer: u32, full: Full) {
        let key = Key { writer, segment: full.segment, generation: full.generation, offset: 0 };
        if let Some(page) = self.page(key) {
            page.full = Some(full.records);
        }
    }

    /// Segments of a writer that will get no more records.
    pub fn full_of(&self, writer: u32) -> Vec<Segment> {
        let mut full = self.segments(|page| page.full.is_some());
        full.retain(|segment| segment.writer == writer);
        full
    }

    /// Full segments in which everything is dead. For each: append [`Segment::freed`], wait for
    /// the log's sync, then tell the writer to recycle it.
    pub fn freeable(&self) -> Vec<Segment> {
        let empty = |page: &Page| {
            page.alive.is_empty() && page.full.is_some_and(|n| n <= page.dead.len() as u64)
        };
        self.segments(empty)
    }

    /// Full segments in which all records that are known are dead, but fewer are known than
    /// there are: someone was cut off before qmgr heard of a message. Scan the writer again if
    /// that lasts for more than a moment.
    pub fn puzzling(&self) -> Vec<Segment> {
        let odd = |page: &Page| {
            page.alive.is_empty() && page.full.is_some_and(|n| n > page.dead.len() as u64)
        };
        self.segments(odd)
    }

    /// A scan went over that segment: whatever it did not find is not there.
    pub fn scanned(&mut self, segment: Segment) {
        let key = Key {
            writer: segment.writer,
            segment: segment.segment,
            generation: segment.generation,
            offset: 0,
        };
        if let Some(page) = self.page(key)
            && let Some(records) = &mut page.full
        {
            *records = 0;
        }
    }

    /// Segments of a writer whose present generation was freed: after its Hello it has to be
    /// told again, since it may have been away when it was told.
    pub fn freed(&self, writer: u32) -> Vec<Segment> {
        self.pages
            .range((writer, 0)..=(writer, u64::MAX))
            .filter_map(|((writer, segment), page)| {
                let generation = page.freed?;
                Some(Segment { writer: *writer, segment: *segment, generation })
            })
            .collect()
    }

    /// Full segments in which at most `most` records are alive: worth compacting. With the keys
    /// of those records.
    pub fn sparse(&self, most: usize) -> Vec<(Segment, Vec<Key>)> {
        self.pages
            .iter()
            .filter(|(_, p)| p.full.is_some() && !p.alive.is_empty() && p.alive.len() <= most)
            .map(|(&(writer, segment), page)| {
                let generation = page.generation;
                let keys = page
                    .alive
                    .keys()
                    .map(|&offset| Key { writer, segment, generation, offset })
                    .collect();
                (Segment { writer, segment, generation }, keys)
            })
            .collect()
    }

    /// The events that rebuild these books: part of every snapshot. qmgr adds those about its
    /// live messages.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (&(writer, segment), page) in &self.pages {
            if let Some(generation) = page.freed {
                events.push(Event::Freed { writer, segment, generation });
            }
            let generation = page.generation;
            events.extend(page.dead.iter().map(|&offset| Event::Removed {
                key: Key { writer, segment, generation, offset },
            }));
        }
        events.extend(self.copies.iter().map(|(&to, &from)| Event::Moved { from, to }));
        events
    }

    /// How many records are alive.
    pub fn alive(&self) -> usize {
        self.pages.values().map(|page| page.alive.len()).sum()
    }

    fn segments(&self, which: impl Fn(&Page) -> bool) -> Vec<Segment> {
        self.pages
            .iter()
            .filter(|(_, page)| which(page))
            .map(|(&(writer, segment), page)| Segment {
                writer,
                segment,
                generation: page.generation,
            })
            .collect()
    }

    /// Whether it was alive and known before.
    fn bury(&mut self, key: Key) -> bool {
        self.copies.remove(&key);
        self.page(key).is_some_and(|page| {
            page.dead.insert(key.offset);
            page.alive.remove(&key.offset) == Some(true)
        })
    }

    /// The page of a record's segment, turned over if this is its first record of a new
    /// generation; `None` if its generation is over.
    fn page(&mut self, key: Key) -> Option<&mut Page> {
        let page = self.pages.entry(key.page()).or_default();
        if page.freed.is_some_and(|freed| key.generation <= freed)
            || key.generation < page.generation
        {
            return None;
        }
        if key.generation > page.generation {
            *page = Page { generation: key.generation, freed: page.freed, ..Page::default() };
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(generation: u32, offset: u64) -> Location {
        Location { writer: 1, segment: 2, generation, offset, length: 10 }
    }

    fn removed(location: Location) -> Event {
        Event::Removed { key: location.key() }
    }

    #[test]
    fn a_segment_is_free_only_when_full_and_all_its_records_are_known_and_dead() {
        let mut ledger = Ledger::default();
        assert!(ledger.stored(location(5, 100)));
        assert!(!ledger.stored(location(5, 100)), "known already");
        ledger.event(&removed(location(5, 100)));
        assert!(!ledger.stored(location(5, 100)), "dead");
        assert!(ledger.freeable().is_empty(), "more may come");
        ledger.full(1, Full { segment: 2, generation: 5, records: 2 });
        assert!(ledger.freeable().is_empty(), "one has not been heard of");
        let segment = Segment { writer: 1, segment: 2, generation: 5 };
        assert_eq!(ledger.puzzling(), [segment]);
        assert!(ledger.stored(location(5, 110)));
        assert!(ledger.puzzling().is_empty());
        ledger.event(&removed(location(5, 110)));
        assert_eq!(ledger.freeable(), [segment]);
        ledger.event(&segment.freed());
        assert!(ledger.freeable().is_empty());
        assert_eq!(ledger.events(), [segment.freed()]);
        assert!(!ledger.stored(location(5, 120)), "that generation is over");
        assert!(ledger.stored(location(6, 100)), "the next is not");
    }

    #[test]
    fn a_copy_counts_only_when_the_log_says_so_and_then_once() {
        let (from, to) = (location(5, 100), Location { segment: 9, ..location(1, 100) });
        let found = Found {
            location: to,
            envelope: crate::mail::envelope::Envelope::default(),
            origin: Some(from.key()),
            apart: None,
        };
        let mut ledger = Ledger::default();
        assert!(ledger.stored(from));
        assert!(!ledger.clone().found(&found), "a crash came before the log had it");
        let moved = Event::Moved { from: from.key(), to: to.key() };
        ledger.event(&moved);
        assert!(!ledger.found(&found), "qmgr knows the message");
        assert_eq!(ledger.alive(), 1);
        // After a restart the log is replayed first, then the scan finds the copy.
        let mut replayed = Ledger::default();
        ledger.events().iter().for_each(|event| replayed.event(event));
        assert!(replayed.found(&found));
        assert!(!replayed.found(&found));
        assert!(!replayed.stored(from), "the old record is dead");
        assert_eq!(replayed.alive(), 1);
    }
}
