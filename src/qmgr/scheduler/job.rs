//! A job: what one transport has to deliver of one message, and the turns that it has earned for
//! messages behind it.
//!
//! The jobs of a transport stand in the order in which their messages became active, and the
//! first one that can be delivered is. A list would hold up everything behind it; so each
//! `delivery_slot_cost` of its deliveries earn one turn (a slot), and a job that needs no more
//! turns than the list has to give goes before it. That costs the list a known part of its time,
//! and lets short messages through.

use super::index::Key;
use super::limits::Slots;

/// A place in the order of the jobs of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u128);

impl Rank {
    /// The place of a message that became active as number `turn`.
    pub(super) const fn of(turn: u64) -> Self {
        Self((turn as u128) << 64)
    }

    /// Right before `next`, if there is room behind `previous`. Most of the room is left behind the
    /// new place, where others go before the same job later.
    pub(super) fn between(previous: Option<Self>, next: Self) -> Option<Self> {
        let low = previous.map_or(0, |rank| rank.0);
        let room = next.0.saturating_sub(low);
        (room > 1).then(|| Self(low + (room >> 8).max(1)))
    }
}

/// One job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) message: Key,
    pub(super) transport: u32,
    /// When its message became active, in seconds.
    pub(super) queued: u64,
    /// Its place when it stands before nobody's job but its own.
    pub(super) home: Rank,
    pub(super) rank: Rank,
    /// Whether it has a place in the order: it has recipients that wait.
    pub(super) listed: bool,
    /// Recipients of one delivery; zero is no limit.
    pub(super) limit: usize,
    /// Destinations where recipients of it wait or have waited.
    pub(super) places: Vec<u32>,
    /// Deliveries that its waiting recipients need.
    pub(super) waiting: usize,
    /// Deliveries that have started.
    selected: usize,
    /// Recipients that wait or are in flight.
    pub(super) in_core: usize,
    /// Deliveries that count towards turns of others.
    pub(super) available: i64,
    /// How many deliveries more than expected it has taken since it went before another job.
    pub(super) used: i64,
    /// Before how many jobs it has been put, one before the other.
    pub(super) level: u32,
    /// The job that it goes before.
    pub(super) parent: Option<u32>,
    /// Those that go before it.
    pub(super) children: Vec<u32>,
}

impl Job {
    pub(super) fn new(message: Key, transport: u32, turn: u64, queued: u64, limit: usize) -> Self {
        let home = Rank::of(turn);
        Self {
            message,
            transport,
            queued,
            home,
            rank: home,
            listed: false,
            limit,
            places: Vec::new(),
            waiting: 0,
            selected: 0,
            in_core: 0,
            available: 0,
            used: 0,
            level: 0,
            parent: None,
            children: Vec::new(),
        }
    }

    /// Deliveries that so many recipients of one destination need.
    pub(super) fn deliveries(&self, recipients: usize) -> usize {
        if self.limit == 0 { recipients.min(1) } else { recipients.div_ceil(self.limit) }
    }

    /// One of its deliveries has started.
    pub(super) fn select(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        self.selected += 1;
        self.available += 1;
        self.used += 1;
    }

    /// How many deliveries it needs at most, with `unread` recipients that may all go elsewhere.
    pub(super) fn needs(&self, unread: usize) -> i64 {
        i64::try_from(self.waiting + unread).unwrap_or(i64::MAX)
    }

    /// Whether others may go before it: it is long enough, and has something to give.
    pub(super) fn gives_way(&self, unread: usize, slots: &Slots) -> bool {
        let all = i64::try_from(self.selected + self.waiting + unread).unwrap_or(i64::MAX);
        slots.cost >= 2 && self.available > 0 && all >= slots.minimum.saturating_mul(slots.cost)
    }

    /// How many turns it will have to give before it ends, at least.
    pub(super) fn turns(&self, unread: usize, slots: &Slots) -> i64 {
        let left = self.waiting + self.deliveries(unread);
        (i64::try_from(left).unwrap_or(i64::MAX)).saturating_add(self.available) / slots.cost.max(1)
    }

    /// Whether a job that needs so many turns may have them now: the discount and the loan let it
    /// go before all of them have been earned.
    pub(super) fn pays(&self, needed: i64, slots: &Slots) -> bool {
        let earned = self.available / slots.cost.max(1) + slots.loan;
        let asked = needed as f64 * (100 - slots.discount) as f64 / 100.0;
        earned as f64 >= asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots { cost: 5, loan: 3, discount: 50, minimum: 3 };

    fn list(waiting: usize) -> Job {
        let mut job = Job::new(Key(0), 0, 1, 0, 50);
        job.waiting = waiting;
        job
    }

    #[test]
    fn there_is_room_before_a_job_for_many_and_before_those() {
        let mut previous = None;
        for _ in 0..10_000 {
            let rank = Rank::between(previous, Rank::of(1)).unwrap();
            assert!(previous < Some(rank) && rank < Rank::of(1));
            previous = Some(rank);
        }
        let (mut next, before) = (Rank::of(2), Some(Rank::of(1)));
        for _ in 0..7 {
            next = Rank::between(before, next).unwrap();
        }
        assert!(Rank::of(1) < next);
        assert_eq!(Rank::between(Some(Rank(7)), Rank(8)), None);
    }

    #[test]
    fn short_jobs_and_those_that_have_given_nothing_yet_give_no_way() {
        let mut short = list(14);
        short.select();
        assert!(!short.gives_way(0, &SLOTS), "fewer than three turns of five");
        let mut long = list(15);
        assert!(!long.gives_way(0, &SLOTS));
        long.select();
        assert!(long.gives_way(0, &SLOTS));
        assert!(!long.gives_way(0, &Slots { cost: 1, ..SLOTS }), "switched off");
        assert!(short.gives_way(1, &SLOTS), "what has not been read yet counts");
    }

    #[test]
    fn turns_are_lent_and_sold_below_price() {
        let mut job = list(100);
        job.select();
        assert!(job.pays(6, &SLOTS), "half of six is the loan");
        assert!(!job.pays(7, &SLOTS));
        (0..4).for_each(|_| job.select());
        assert!(job.pays(8, &SLOTS), "one turn has been earned");
        assert!(!job.pays(4, &Slots { loan: 0, discount: 0, ..SLOTS }));
        assert!(job.pays(1, &Slots { loan: 0, discount: 0, ..SLOTS }));
        assert_eq!(job.turns(0, &SLOTS), 20);
        assert_eq!(job.turns(100, &SLOTS), 20, "two more deliveries");
    }
}
