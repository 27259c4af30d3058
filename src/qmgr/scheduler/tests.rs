//! The scheduler under scripted time, and against random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::mail::status::Status;
use crate::spool::Location;

pub(super) const START: Timestamp = Timestamp(1_000_000_000);

pub(super) fn limits() -> Limits {
    Limits {
        active_messages: 100,
        active_recipients: 1000,
        recipient_minimum: 10,
        queue_run_delay: Duration::from_secs(300),
        minimal_backoff: Duration::from_secs(300),
        maximal_backoff: Duration::from_secs(4000),
        transport_retry: Duration::from_secs(60),
    }
}

pub(super) fn transport_limits() -> TransportLimits {
    TransportLimits {
        processes: 100,
        concurrency: 20,
        initial_concurrency: 5,
        recipients: 50,
        destination_rate_delay: Duration::ZERO,
        transport_rate_delay: Duration::ZERO,
        positive_feedback: Feedback::Fixed(1.0),
        negative_feedback: Feedback::Fixed(1.0),
        failed_cohorts: 1.0,
        slots: Slots { cost: 5, loan: 3, discount: 50, minimum: 3 },
        in_core: 20_000,
        extra_in_core: 1000,
        refill: 100,
        refill_delay: Duration::from_secs(5),
    }
}

pub(super) fn scheduler() -> Scheduler {
    let mut scheduler = Scheduler::new(limits(), START);
    scheduler.transport("smtp", transport_limits());
    scheduler
        .transport(RETRY, TransportLimits { processes: 0, concurrency: 0, ..transport_limits() });
    scheduler
}

pub(super) fn entry(number: u32, recipients: usize) -> Entry {
    Entry {
        id: QueueId::short(number, u64::from(number)),
        location: Location::default(),
        arrival: START,
        created: START,
        next: START,
        queue: Queue::Incoming,
        marks: Marks::default(),
        done: Done::none(recipients),
        reasons: None,
    }
}

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp(START.0 + seconds * 1_000_000)
}

pub(super) fn to(recipient: u32, site: &str) -> Assignment {
    Assignment {
        recipient,
        transport: "smtp".into(),
        nexthop: site.into(),
        destination: site.into(),
    }
}

pub(super) fn drain(scheduler: &mut Scheduler) -> Vec<Action> {
    std::iter::from_fn(|| scheduler.action()).collect()
}

pub(super) fn deliveries(scheduler: &mut Scheduler) -> Vec<Delivery> {
    drain(scheduler)
        .into_iter()
        .filter_map(|action| match action {
            Action::Deliver(delivery) => Some(delivery),
            _ => None,
        })
        .collect()
}

fn failure() -> Failure {
    Failure { status: Status::new(4, 4, 1), text: "connect to x: Connection refused".into() }
}

#[test]
fn a_message_is_opened_delivered_and_tried() {
    let mut s = scheduler();
    let key = s.add(entry(1, 2), START);
    assert_eq!(drain(&mut s), vec![Action::Open(key)]);
    s.assign(key, vec![to(0, "a"), to(1, "a")], START);
    let delivery = deliveries(&mut s).remove(0);
    assert_eq!(delivery.recipients, vec![0, 1]);
    assert_eq!(s.reported(delivery.number, 0), Some(key));
    assert_eq!(s.reported(delivery.number, 0), None, "one recipient counts once");
    assert_eq!(s.reported(delivery.number, 1), Some(key));
    s.finished(delivery.number, None, START);
    assert_eq!(drain(&mut s), vec![Action::Tried(key)]);
    assert!(s.remove(key).is_some());
    assert!(s.is_empty());
}

#[test]
fn a_crashed_agent_loses_no_recipient() {
    let mut s = scheduler();
    let key = s.add(entry(1, 3), START);
    s.assign(key, vec![to(0, "a"), to(1, "a"), to(2, "a")], START);
    let delivery = deliveries(&mut s).remove(0);
    s.reported(delivery.number, 1);
    s.finished(delivery.number, Some(&failure()), START);
    assert_eq!(drain(&mut s), vec![Action::Unanswered(key, vec![0, 2]), Action::Tried(key)]);
}

#[test]
fn a_dead_destination_sends_its_mail_to_retry_and_comes_back() {
    let mut s = scheduler();
    let keys: Vec<Key> = (0..8).map(|n| s.add(entry(n, 1), START)).collect();
    for key in &keys {
        s.assign(*key, vec![to(0, "a")], START);
    }
    let first = deliveries(&mut s);
    assert_eq!(first.len(), 5, "initial concurrency");
    for delivery in &first {
        s.reported(delivery.number, 0);
        s.finished(delivery.number, Some(&failure()), START);
    }
    let retried = deliveries(&mut s);
    assert_eq!(retried.len(), 3);
    for delivery in retried {
        assert_eq!(&*delivery.transport, RETRY);
        assert_eq!(
            &*delivery.nexthop,
            "4.4.1 delivery temporarily suspended: connect to x: Connection refused"
        );
    }
    let late = s.add(entry(9, 1), at(10));
    s.assign(late, vec![to(0, "a")], at(10));
    assert_eq!(&*deliveries(&mut s).remove(0).transport, RETRY);
    s.tick(at(301));
    let later = s.add(entry(10, 1), at(301));
    s.assign(later, vec![to(0, "a")], at(301));
    assert_eq!(&*deliveries(&mut s).remove(0).transport, "smtp");
}

#[test]
fn concurrency_grows_with_success() {
    let mut s = scheduler();
    let keys: Vec<Key> = (0..60).map(|n| s.add(entry(n, 1), START)).collect();
    for key in &keys {
        s.assign(*key, vec![to(0, "a")], START);
    }
    let mut flying = deliveries(&mut s);
    let mut most = 0;
    while let Some(delivery) = flying.pop() {
        most = most.max(flying.len() + 1);
        s.reported(delivery.number, 0);
        s.finished(delivery.number, None, START);
        flying.extend(deliveries(&mut s));
    }
    assert!((10..=20).contains(&most), "grew to {most}");
}

#[test]
fn concurrency_grows_from_one() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { initial_concurrency: 1, ..transport_limits() });
    for n in 0..10 {
        let key = s.add(entry(n, 1), START);
        s.assign(key, vec![to(0, "a")], START);
    }
    let first = deliveries(&mut s);
    assert_eq!(first.len(), 1);
    s.finished(first.first().map_or(0, |d| d.number), None, START);
    assert_eq!(deliveries(&mut s).len(), 2, "it still counted when it was over");
}

#[test]
fn with_verp_each_recipient_is_delivered_to_alone() {
    let mut s = scheduler();
    let marks = Marks { alone: true, ..Marks::default() };
    let key = s.add(Entry { marks, ..entry(1, 3) }, START);
    s.assign(key, (0..3).map(|n| to(n, "a")).collect(), START);
    let taken: Vec<_> = deliveries(&mut s).into_iter().map(|d| d.recipients).collect();
    assert_eq!(taken, [[0], [1], [2]]);
}

#[test]
fn deferred_mail_waits_for_its_time_and_a_queue_run() {
    let mut s = scheduler();
    let key = s.add(entry(1, 1), START);
    s.assign(key, Vec::new(), START);
    assert_eq!(drain(&mut s), vec![Action::Open(key), Action::Tried(key)]);
    s.defer(key, s.backoff(START, at(10)));
    s.tick(at(300));
    assert_eq!(drain(&mut s), vec![], "due at 310");
    s.tick(at(600));
    assert_eq!(drain(&mut s), vec![Action::Open(key)]);
}

#[test]
fn backoff_is_the_age_within_its_limits() {
    let s = scheduler();
    assert_eq!(s.backoff(START, at(10)), at(310));
    assert_eq!(s.backoff(START, at(1000)), at(2000));
    assert_eq!(s.backoff(START, at(9000)), at(13_000));
}

#[test]
fn a_flush_makes_deferred_mail_due_but_not_held_mail() {
    let mut s = scheduler();
    let deferred = s.add(Entry { queue: Queue::Deferred, next: at(5000), ..entry(1, 1) }, START);
    s.add(Entry { queue: Queue::Hold, ..entry(2, 1) }, START);
    s.flush(at(1));
    assert_eq!(drain(&mut s), vec![Action::Open(deferred)]);
}

#[test]
fn held_and_deleted_mail_leaves_the_active_queue_when_its_deliveries_are_over() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { recipients: 1, processes: 1, ..transport_limits() });
    let key = s.add(entry(1, 2), START);
    s.assign(key, vec![to(0, "a"), to(1, "b")], START);
    let flying = deliveries(&mut s);
    assert_eq!(flying.len(), 1);
    assert!(s.hold(key));
    assert_eq!(drain(&mut s), vec![]);
    let number = flying.first().map(|d| d.number).unwrap_or(0);
    s.reported(number, 0);
    s.finished(number, None, START);
    assert_eq!(drain(&mut s), vec![Action::Tried(key)]);
    s.hold_back(key);
    assert_eq!(s.entry(key).map(|e| e.queue), Some(Queue::Hold));
    assert!(s.release(key));
    assert_eq!(drain(&mut s), vec![], "released mail waits for the next queue run");
    s.tick(at(300));
    assert_eq!(drain(&mut s), vec![Action::Open(key)]);
}

#[test]
fn an_unavailable_transport_is_left_alone_for_a_while() {
    let mut s = scheduler();
    s.unavailable("smtp", START);
    let key = s.add(entry(1, 1), START);
    s.assign(key, vec![to(0, "a")], START);
    let retried = deliveries(&mut s).remove(0);
    assert_eq!(&*retried.nexthop, "4.3.0 mail transport unavailable");
    s.tick(at(61));
    let key = s.add(entry(2, 1), at(61));
    s.assign(key, vec![to(0, "a")], at(61));
    assert_eq!(&*deliveries(&mut s).remove(0).transport, "smtp");
}

#[test]
fn a_reload_gives_transports_another_chance() {
    let mut s = scheduler();
    s.unavailable("smtp", START);
    s.forgive(at(1));
    let key = s.add(entry(1, 1), at(1));
    s.assign(key, vec![to(0, "a")], at(1));
    assert_eq!(&*deliveries(&mut s).remove(0).transport, "smtp");
}

#[test]
fn a_rate_delay_spaces_deliveries() {
    let mut s = scheduler();
    let slow = Duration::from_secs(10);
    s.transport("smtp", TransportLimits { destination_rate_delay: slow, ..transport_limits() });
    for n in 0..2 {
        let key = s.add(entry(n, 1), START);
        s.assign(key, vec![to(0, "a")], START);
    }
    let flying = deliveries(&mut s);
    assert_eq!(flying.len(), 1);
    let number = flying.first().map(|d| d.number).unwrap_or(0);
    s.finished(number, None, START);
    assert_eq!(deliveries(&mut s), vec![]);
    s.tick(at(9));
    assert_eq!(deliveries(&mut s), vec![]);
    s.tick(at(10));
    assert_eq!(deliveries(&mut s).len(), 1);
}

#[test]
fn incoming_and_deferred_mail_take_turns() {
    let mut s = Scheduler::new(Limits { active_messages: 1, ..limits() }, START);
    let new: Vec<Key> = (0..3).map(|n| s.add(entry(n, 1), START)).collect();
    let old: Vec<Key> =
        (10..12).map(|n| s.add(Entry { queue: Queue::Deferred, ..entry(n, 1) }, START)).collect();
    let mut order = Vec::new();
    while let Some(action) = s.action() {
        match action {
            Action::Open(key) => {
                order.push(key);
                s.assign(key, Vec::new(), START);
            }
            Action::Tried(key) => {
                s.remove(key);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(order, vec![new[0], old[0], new[1], old[1], new[2]]);
}

#[test]
fn feedback_is_read_as_in_postfix() {
    assert_eq!(Feedback::parse("1"), Some(Feedback::Fixed(1.0)));
    assert_eq!(Feedback::parse("1/8"), Some(Feedback::Fixed(0.125)));
    assert_eq!(Feedback::parse("1/concurrency"), Some(Feedback::PerConcurrency(1.0)));
    assert_eq!(Feedback::parse("2"), None);
    assert_eq!(Feedback::parse("x"), None);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Arrive(u8),
    Finish { which: usize, answered: u8, failed: bool },
    Pass(u16),
    Flush,
    Hold(usize),
    Release(usize),
    Delete(usize),
    Unavailable,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12u8).prop_map(Step::Arrive),
        8 => (any::<usize>(), any::<u8>(), any::<bool>())
            .prop_map(|(which, answered, failed)| Step::Finish { which, answered, failed }),
        2 => (1..1000u16).prop_map(Step::Pass),
        1 => Just(Step::Flush),
        1 => any::<usize>().prop_map(Step::Hold),
        1 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Unavailable),
    ]
}

/// A world around the scheduler that remembers what is true of each recipient.
struct World {
    scheduler: Scheduler,
    now: Timestamp,
    recipients: BTreeMap<Key, u32>,
    delivered: BTreeSet<(QueueId, u32)>,
    deleted: BTreeSet<QueueId>,
    flying: Vec<Delivery>,
    opened: BTreeSet<Key>,
    unread: BTreeMap<Key, Vec<u32>>,
}

impl World {
    fn new() -> Self {
        let bounds =
            Limits { active_messages: 3, active_recipients: 8, recipient_minimum: 2, ..limits() };
        let mut scheduler = Scheduler::new(bounds, START);
        scheduler.transport(
            "smtp",
            TransportLimits {
                processes: 3,
                recipients: 2,
                concurrency: 2,
                slots: Slots { cost: 2, loan: 1, discount: 50, minimum: 1 },
                in_core: 6,
                extra_in_core: 2,
                refill: 2,
                ..transport_limits()
            },
        );
        scheduler.transport(RETRY, TransportLimits { processes: 0, ..transport_limits() });
        Self {
            scheduler,
            now: START,
            recipients: BTreeMap::new(),
            delivered: BTreeSet::new(),
            deleted: BTreeSet::new(),
            flying: Vec::new(),
            opened: BTreeSet::new(),
            unread: BTreeMap::new(),
        }
    }

    fn settle(&mut self) {
        while let Some(action) = self.scheduler.action() {
            match action {
                Action::Open(key) => {
                    assert!(self.opened.insert(key), "opened twice");
                    let entry = self.scheduler.entry(key).expect("entry").clone();
                    let left = entry.open(self.recipients[&key] as usize);
                    let now = self.scheduler.opened(key, left.len());
                    self.unread.insert(key, left);
                    self.read(key, now);
                }
                Action::More(key, count) => self.read(key, count),
                Action::Deliver(delivery) => {
                    let entry = self.scheduler.entry(delivery.message).expect("entry");
                    for recipient in &delivery.recipients {
                        assert!(!entry.done.has(*recipient), "done already");
                        let twice = self.flying.iter().any(|other| {
                            other.message == delivery.message
                                && other.recipients.contains(recipient)
                        });
                        assert!(!twice, "in flight twice");
                    }
                    self.flying.push(delivery);
                }
                Action::Unanswered(..) => {}
                Action::Tried(key) => self.decide(key),
            }
        }
    }

    /// Resolves the next recipients.
    fn read(&mut self, key: Key, count: usize) {
        let unread = self.unread.get_mut(&key).expect("open");
        assert!(count <= unread.len(), "more than there are");
        let piece = unread.drain(..count).map(|n| to(n, ["a", "b", "c"][n as usize % 3])).collect();
        self.scheduler.assign(key, piece, self.now);
    }

    fn decide(&mut self, key: Key) {
        assert!(self.opened.remove(&key), "tried twice");
        let unread = self.unread.remove(&key).expect("open");
        let entry = self.scheduler.entry(key).expect("entry").clone();
        let given_up = entry.marks.interrupted || entry.marks.hold || entry.marks.deleted;
        assert!(unread.is_empty() || given_up, "recipients were forgotten");
        let all = (0..self.recipients[&key]).all(|n| entry.done.has(n));
        if entry.marks.deleted || all {
            self.scheduler.remove(key);
            self.recipients.remove(&key);
        } else if entry.marks.hold {
            self.scheduler.hold_back(key);
        } else {
            let next = self.scheduler.backoff(entry.created, self.now);
            self.scheduler.defer(key, next);
        }
    }

    fn finish(&mut self, which: usize, answered: u8, failed: bool) {
        if self.flying.is_empty() {
            return;
        }
        let delivery = self.flying.swap_remove(which % self.flying.len());
        for (n, recipient) in delivery.recipients.iter().enumerate() {
            if answered & (1 << (n % 8)) != 0 {
                let key = self.scheduler.reported(delivery.number, *recipient);
                assert_eq!(key, Some(delivery.message));
                if &*delivery.transport != RETRY {
                    let entry = self.scheduler.entry_mut(delivery.message).expect("entry");
                    entry.done.set(*recipient);
                    assert!(self.delivered.insert((entry.id, *recipient)), "delivered twice");
                }
            }
        }
        let failure = failed.then(failure);
        self.scheduler.finished(delivery.number, failure.as_ref(), self.now);
    }

    fn pick(&self, which: usize) -> Option<Key> {
        self.recipients.keys().nth(which % self.recipients.len().max(1)).copied()
    }

    fn step(&mut self, number: u32, step: Step) {
        match step {
            Step::Arrive(count) => {
                let key = self.scheduler.add(entry(number, count.into()), self.now);
                self.recipients.insert(key, count.into());
            }
            Step::Finish { which, answered, failed } => self.finish(which, answered, failed),
            Step::Pass(seconds) => {
                self.now = Timestamp(self.now.0 + u64::from(seconds) * 1_000_000);
                self.scheduler.tick(self.now);
            }
            Step::Flush => self.scheduler.flush(self.now),
            Step::Hold(which) => {
                if let Some(key) = self.pick(which) {
                    self.scheduler.hold(key);
                }
            }
            Step::Release(which) => {
                if let Some(key) = self.pick(which) {
                    self.scheduler.release(key);
                }
            }
            Step::Delete(which) => {
                if let Some(key) = self.pick(which) {
                    let id = self.scheduler.entry(key).expect("entry").id;
                    self.deleted.insert(id);
                    if let super::admin::Deleted::Now(_) = self.scheduler.delete(key) {
                        self.recipients.remove(&key);
                    }
                }
            }
            Step::Unavailable => self.scheduler.unavailable("smtp", self.now),
        }
        self.settle();
    }

    /// Lets everything succeed from here on: whatever is left must end.
    fn end(&mut self) {
        for key in self.scheduler.keys() {
            self.scheduler.release(key);
        }
        for _ in 0..2000 {
            self.settle();
            if self.scheduler.is_empty() {
                return;
            }
            if self.flying.is_empty() {
                self.now = self.scheduler.wakeup().max(Timestamp(self.now.0 + 1));
                self.scheduler.tick(self.now);
            } else {
                self.finish(0, 0xff, false);
            }
        }
        panic!("{} messages never end", self.scheduler.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_recipient_is_lost_or_delivered_twice_and_nothing_starves(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        let mut arrived = BTreeSet::new();
        for (number, step) in (0u32..).zip(steps) {
            if let Step::Arrive(count) = &step {
                let id = QueueId::short(number, u64::from(number));
                arrived.extend((0..u32::from(*count)).map(|n| (id, n)));
            }
            world.step(number, step);
        }
        world.end();
        for (id, recipient) in arrived {
            prop_assert!(
                world.deleted.contains(&id) || world.delivered.contains(&(id, recipient))
            );
        }
    }
}
