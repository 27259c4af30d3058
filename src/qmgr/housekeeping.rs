//! Free segments, sparse segments, the size of the state log, and new configurations.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::Parts;
use super::event::Event;
use super::queue::{Queue, now};
use super::scheduler::Queue as Place;
use crate::config::{Config, Sources, master_cf, parameters as p};
use crate::ipc::queue::FromQueue;
use crate::service::logging;
use crate::spool::{Key as SpoolKey, Location, Segment, SpoolError};

/// A full segment with so few live messages is sparse.
const SPARSE: usize = 16;

/// Messages that are copied out of sparse segments at a time.
const MOVED: usize = 256;

/// Housekeeping rounds between looks at sparse segments: a minute.
const ROUNDS: u32 = 240;

/// Between two attempts to have the state log on disk.
const SYNC_AGAIN: Duration = Duration::from_secs(5);

impl Queue {
    pub(super) fn housekeeping(&mut self) {
        self.rounds += 1;
        if self.rounds >= ROUNDS {
            self.rounds = 0;
            self.thin_out();
        }
        self.books.compact(self.scheduler.entries().map(|(_, entry)| entry));
        for writer in self.books.puzzling() {
            if !self.intakes.contains_key(&writer) {
                self.rescan(writer);
            }
        }
        let free = self.books.freeable();
        if !free.is_empty() {
            self.sync(free, Duration::ZERO);
        }
    }

    /// Waits until the log has it on disk that these segments are free.
    fn sync(&mut self, free: Vec<Segment>, pause: Duration) {
        let (log, events) = (self.books.log(), self.events.clone());
        self.tasks += 1;
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let result = log.sync().await;
            let _ = events.send(Event::Synced { free, result }).await;
        });
    }

    /// They are; or the disk refused, and they wait: the log keeps what it could not write.
    pub(super) fn synced(&mut self, free: Vec<Segment>, result: &Result<(), SpoolError>) {
        if let Err(error) = result {
            self.log.warning(format_args!("state log: {error}"));
            return self.sync(free, SYNC_AGAIN);
        }
        self.books.freed(&free);
        for Segment { writer, segment, generation } in &free {
            if *writer == self.writer.id() {
                self.writer.recycle(*segment, *generation);
            } else if let Some(intake) = self.intakes.get(writer) {
                let (segment, generation) = (*segment, *generation);
                let _ = intake.send(FromQueue::Recycle { segment, generation });
            }
        }
    }

    /// Copies the last waiting messages out of segments that hold little else, so that these
    /// segments can be used again.
    fn thin_out(&mut self) {
        let sparse: HashMap<SpoolKey, Segment> = self
            .books
            .sparse(SPARSE)
            .into_iter()
            .flat_map(|(segment, keys)| keys.into_iter().map(move |key| (key, segment)))
            .collect();
        if sparse.is_empty() {
            return;
        }
        let mut by_segment: HashMap<Segment, Vec<Location>> = HashMap::new();
        let mut busy = HashSet::new();
        for (_, entry) in self.scheduler.entries() {
            let Some(segment) = sparse.get(&entry.location.key()) else { continue };
            match entry.queue {
                Place::Deferred | Place::Hold => {
                    by_segment.entry(*segment).or_default().push(entry.location);
                }
                Place::Incoming | Place::Active => {
                    busy.insert(*segment);
                }
            }
        }
        let locations: Vec<Location> = by_segment
            .into_iter()
            .filter(|(segment, _)| !busy.contains(segment))
            .flat_map(|(_, locations)| locations)
            .take(MOVED)
            .collect();
        if locations.is_empty() {
            return;
        }
        let (writer, reader) = (self.writer.clone(), self.reader.clone());
        let events = self.events();
        self.tasks += 1;
        tokio::spawn(async move {
            let mut moves = Vec::new();
            for from in locations {
                if let Ok(to) = writer.move_record(&reader, from).await {
                    moves.push((from, to));
                }
            }
            let _ = events.send(Event::Moved { moves }).await;
        });
    }

    /// Copies are on disk: they take the place of their originals, unless the message has gone
    /// or moved on in the meantime.
    pub(super) fn moved(&mut self, moves: &[(Location, Location)]) {
        let mut to: HashMap<SpoolKey, Location> =
            moves.iter().map(|(from, to)| (from.key(), *to)).collect();
        let mut taken = Vec::new();
        for (key, entry) in self.scheduler.entries() {
            let waits = matches!(entry.queue, Place::Deferred | Place::Hold);
            if waits && let Some(copy) = to.remove(&entry.location.key()) {
                taken.push((key, copy));
            }
        }
        for (key, copy) in taken {
            if let Some(entry) = self.scheduler.entry_mut(key) {
                let from = std::mem::replace(&mut entry.location, copy);
                self.books.moved(from, copy);
            }
        }
        // Copies that nobody needs: without a word in the log they count for nothing, but their
        // places are to be free.
        for copy in to.into_values() {
            self.books.removed(copy);
        }
    }

    /// A new configuration. What does not parse leaves the old one in force.
    pub(super) fn reload(&mut self, sources: &Sources) {
        let parts = Config::parse(sources).map_err(|problem| problem.text).and_then(|config| {
            let processes = u32::try_from(config.int(&p::default_process_limit)).unwrap_or(100);
            let lines =
                master_cf::parse(&sources.master_cf, processes).map_err(|problem| problem.text)?;
            let parts = Parts::read(&config, &lines, &self.log)?;
            // The log may have been given another name: it goes on in the file of today.
            logging::set_up(&config, &config.text(&p::myhostname));
            Ok(parts)
        });
        let Parts { config: _, cleanup, rewrite, bounce, settings, verify, reports } = match parts {
            Ok(parts) => parts,
            Err(text) => {
                self.log.warning(format_args!("{text}: the old configuration stays in force"));
                return;
            }
        };
        self.cleanup = cleanup.with(self.writer.clone(), None);
        self.verifier.reload(verify, self.cleanup.clone());
        self.reports.reload(reports, self.cleanup.clone());
        self.rewrite = rewrite;
        self.bounce = bounce;
        self.settings = settings;
        self.scheduler.limit(self.settings.limits.clone());
        for name in self.scheduler.transport_names() {
            self.scheduler.transport(&name, self.settings.transport_limits(&name));
        }
        // What was out of order may be in order now.
        self.scheduler.forgive(now());
    }
}
