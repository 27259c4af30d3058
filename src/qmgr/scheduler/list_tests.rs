//! Long lists: what goes before them, what that costs them, and how much of them is in memory.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::tests::*;
use super::*;

/// Assigns all recipients of a new message to one site.
fn letter(s: &mut Scheduler, number: u32, recipients: u32, site: &str, now: Timestamp) -> Key {
    let key = s.add(entry(number, recipients as usize), now);
    s.assign(key, (0..recipients).map(|n| to(n, site)).collect(), now);
    key
}

fn answer(s: &mut Scheduler, delivery: &Delivery, now: Timestamp) {
    for recipient in &delivery.recipients {
        s.reported(delivery.number, *recipient);
    }
    s.finished(delivery.number, None, now);
}

/// Lets one delivery run at a time, and says of which messages they are.
fn order(s: &mut Scheduler, mut most: usize) -> Vec<Key> {
    let mut flying: VecDeque<Delivery> = deliveries(s).into();
    let mut order: Vec<Key> = flying.iter().map(|d| d.message).collect();
    while let Some(delivery) = flying.pop_front()
        && most > 0
    {
        most -= 1;
        answer(s, &delivery, START);
        let next = deliveries(s);
        order.extend(next.iter().map(|d| d.message));
        flying.extend(next);
    }
    order
}

fn one_at_a_time() -> TransportLimits {
    TransportLimits { recipients: 1, concurrency: 1, ..transport_limits() }
}

#[test]
fn messages_are_delivered_in_the_order_in_which_they_became_active() {
    let mut s = scheduler();
    s.transport("smtp", one_at_a_time());
    let keys: Vec<Key> = (0..5).map(|n| letter(&mut s, n, 2, "a", START)).collect();
    let expected: Vec<Key> = keys.iter().flat_map(|key| [*key, *key]).collect();
    assert_eq!(order(&mut s, 100), expected);
}

#[test]
fn a_letter_goes_before_a_list_once_that_has_given_something() {
    let mut s = scheduler();
    s.transport("smtp", one_at_a_time());
    let list = letter(&mut s, 0, 100, "a", START);
    let letters: Vec<Key> = (1..4).map(|n| letter(&mut s, n, 1, "a", START)).collect();
    let order = order(&mut s, 16);
    let at = |key: &Key| order.iter().position(|k| k == key);
    // The first one on loan, the others for five deliveries each.
    let found: Vec<Option<usize>> = letters.iter().map(at).collect();
    assert_eq!(found, [Some(1), Some(7), Some(13)], "{order:?}");
    assert!(order.iter().filter(|key| **key == list).count() > 10);
}

#[test]
fn nothing_goes_before_a_short_list_or_where_it_is_switched_off() {
    for (cost, recipients) in [(5, 14), (1, 100), (0, 100)] {
        let mut s = scheduler();
        let slots = Slots { cost, loan: 3, discount: 50, minimum: 3 };
        s.transport("smtp", TransportLimits { slots, ..one_at_a_time() });
        let list = letter(&mut s, 0, recipients, "a", START);
        letter(&mut s, 1, 1, "a", START);
        let order = order(&mut s, recipients as usize - 1);
        assert!(order.iter().all(|key| *key == list), "{order:?}");
    }
}

#[test]
fn what_does_not_fit_into_the_turns_of_a_list_waits_for_its_end() {
    let mut s = scheduler();
    s.transport("smtp", one_at_a_time());
    let list = letter(&mut s, 0, 40, "a", START);
    let big = letter(&mut s, 1, 9, "a", START);
    let small = letter(&mut s, 2, 2, "a", START);
    let order = order(&mut s, 60);
    let first = |key: Key| order.iter().position(|k| *k == key).expect("delivered");
    assert!(first(small) < 10, "{order:?}");
    assert!(first(big) > order.iter().rposition(|k| *k == list).expect("list"), "{order:?}");
}

#[test]
fn the_one_that_has_waited_longest_for_each_delivery_goes_first() {
    let mut s = scheduler();
    s.transport("smtp", one_at_a_time());
    letter(&mut s, 0, 1000, "a", START);
    let old = letter(&mut s, 1, 6, "a", at(1));
    let young = letter(&mut s, 2, 1, "a", at(50));
    let delivery = deliveries(&mut s).remove(0);
    answer(&mut s, &delivery, at(52));
    // 52 seconds for six deliveries against three for one.
    assert_eq!(deliveries(&mut s).first().map(|d| d.message), Some(old));
    let mut s = scheduler();
    s.transport("smtp", one_at_a_time());
    letter(&mut s, 0, 1000, "a", START);
    letter(&mut s, 1, 6, "a", at(49));
    let delivery = deliveries(&mut s).remove(0);
    letter(&mut s, 2, 1, "a", at(50));
    answer(&mut s, &delivery, at(52));
    assert_eq!(deliveries(&mut s).first().map(|d| d.message), Some(young));
}

#[test]
fn the_destinations_of_a_message_take_turns() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { recipients: 1, processes: 1, ..transport_limits() });
    let key = s.add(entry(1, 6), START);
    s.assign(key, (0..6).map(|n| to(n, if n < 3 { "a" } else { "b" })).collect(), START);
    let mut sites = Vec::new();
    while let Some(delivery) = deliveries(&mut s).pop() {
        sites.push(delivery.nexthop.to_string());
        answer(&mut s, &delivery, START);
    }
    assert_eq!(sites, ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn a_full_site_holds_up_nobody_behind_it() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { processes: 7, ..transport_limits() });
    for n in 0..50 {
        letter(&mut s, n, 1, "busy", START);
    }
    letter(&mut s, 60, 1, "quiet", START);
    let flying = deliveries(&mut s);
    assert_eq!(flying.iter().filter(|d| &*d.nexthop == "busy").count(), 5);
    assert!(flying.iter().any(|d| &*d.nexthop == "quiet"));
}

/// A message of which recipients are read as the scheduler wants it.
struct Reader {
    left: BTreeMap<Key, VecDeque<u32>>,
    site: fn(u32) -> &'static str,
    in_core: usize,
    most: usize,
    reads: usize,
}

impl Reader {
    fn new(site: fn(u32) -> &'static str) -> Self {
        Self { left: BTreeMap::new(), site, in_core: 0, most: 0, reads: 0 }
    }

    /// Does what the scheduler wants; returns the deliveries and what has been tried.
    fn settle(&mut self, s: &mut Scheduler, now: Timestamp) -> (Vec<Delivery>, Vec<Key>) {
        let (mut flying, mut tried) = (Vec::new(), Vec::new());
        while let Some(action) = s.action() {
            let (key, count) = match action {
                Action::Open(key) => {
                    let left = self.left.get(&key).map_or(0, VecDeque::len);
                    (key, s.opened(key, left))
                }
                Action::More(key, count) => (key, count),
                Action::Deliver(delivery) => {
                    flying.push(delivery);
                    continue;
                }
                Action::Tried(key) => {
                    tried.push(key);
                    continue;
                }
                Action::Unanswered(..) => panic!("all are answered"),
            };
            self.reads += 1;
            self.in_core += count;
            self.most = self.most.max(self.in_core);
            let left = self.left.get_mut(&key).expect("known");
            let piece = left.drain(..count).map(|n| to(n, (self.site)(n))).collect();
            s.assign(key, piece, now);
        }
        (flying, tried)
    }

    fn add(&mut self, s: &mut Scheduler, number: u32, recipients: u32, now: Timestamp) -> Key {
        let key = s.add(entry(number, recipients as usize), now);
        self.left.insert(key, (0..recipients).collect());
        key
    }
}

#[test]
fn a_huge_list_is_read_in_pieces() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { in_core: 300, refill: 100, ..transport_limits() });
    let mut reader = Reader::new(|_| "a");
    let list = reader.add(&mut s, 1, 5000, START);
    let (mut flying, _) = reader.settle(&mut s, START);
    let (mut delivered, mut over) = (0, false);
    while let Some(delivery) = flying.pop() {
        delivered += delivery.recipients.len();
        reader.in_core -= delivery.recipients.len();
        answer(&mut s, &delivery, START);
        let (next, tried) = reader.settle(&mut s, START);
        flying.extend(next);
        over |= tried == [list];
    }
    assert_eq!((delivered, over), (5000, true));
    // The first piece is what the whole queue has room for, the next ones what the transport has.
    assert_eq!(reader.most, 1000);
    assert!(reader.reads < 60, "{} pieces", reader.reads);
}

#[test]
fn many_lists_leave_room_for_a_letter() {
    let mut s = Scheduler::new(Limits { active_messages: 1000, ..limits() }, START);
    s.transport("smtp", TransportLimits { concurrency: 1, ..transport_limits() });
    let mut reader = Reader::new(|_| "slow");
    for n in 0..500 {
        reader.add(&mut s, n, 1000, START);
    }
    let (flying, _) = reader.settle(&mut s, START);
    assert_eq!(flying.len(), 1);
    // The first list fills the room; the others have what each may have.
    assert_eq!(reader.most, 1000 + 499 * 10);
    reader.site = |_| "quick";
    let key = reader.add(&mut s, 600, 1, START);
    let (flying, _) = reader.settle(&mut s, START);
    assert_eq!(flying.first().map(|d| d.message), Some(key));
}

#[test]
fn fewer_recipients_are_read_when_a_list_has_waited_for_them() {
    let mut s = Scheduler::new(Limits { active_recipients: 150, ..limits() }, START);
    s.transport("smtp", TransportLimits { in_core: 150, ..transport_limits() });
    let mut reader = Reader::new(|_| "a");
    reader.add(&mut s, 1, 1000, START);
    let (mut flying, _) = reader.settle(&mut s, START);
    answer(&mut s, &flying.remove(0), at(1));
    let (more, _) = reader.settle(&mut s, at(1));
    assert_eq!((reader.reads, more.len()), (1, 0), "50 are not worth it");
    answer(&mut s, &flying.remove(0), at(6));
    reader.settle(&mut s, at(6));
    assert_eq!(reader.reads, 2);
}

#[test]
fn what_is_put_on_hold_and_released_in_between_is_marked_as_interrupted() {
    let mut s = scheduler();
    s.transport("smtp", TransportLimits { recipients: 1, processes: 1, ..transport_limits() });
    let key = letter(&mut s, 1, 2, "a", START);
    let delivery = deliveries(&mut s).remove(0);
    assert!(s.hold(key) && s.release(key));
    answer(&mut s, &delivery, START);
    assert_eq!(drain(&mut s), vec![Action::Tried(key)]);
    assert!(s.entry(key).is_some_and(|entry| entry.marks.interrupted));
    s.defer(key, at(1));
    assert!(s.entry(key).is_some_and(|entry| !entry.marks.interrupted));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// However long a list is, a letter that comes later has its turn after as many deliveries as
    /// the turns cost that it and the letters before it need.
    #[test]
    fn a_huge_list_starves_no_letter(
        list in 200..3000u32,
        recipients in 1..8usize,
        window in 1..20u32,
        cost in 2..10i64,
        letters in proptest::collection::vec(0..40usize, 1..20),
    ) {
        let limits = Limits { active_recipients: 1_000_000, ..limits() };
        let mut s = Scheduler::new(limits, START);
        let of_transport = TransportLimits {
            recipients,
            concurrency: window,
            initial_concurrency: window,
            slots: Slots { cost, ..transport_limits().slots },
            ..transport_limits()
        };
        s.transport("smtp", of_transport);
        let long = letter(&mut s, 0, list, "site", START);
        let mut flying: VecDeque<Delivery> = deliveries(&mut s).into();
        let price = usize::try_from(cost).unwrap() + 1;
        let mut of_list = flying.len();
        let (mut started, mut waiting) = (flying.len(), BTreeMap::new());
        let mut at = 0;
        let times: Vec<usize> = letters.iter().map(|gap| { at += gap; at }).collect();
        let mut times = times.into_iter().peekable();
        for number in 1.. {
            if times.next_if(|time| *time <= started || flying.is_empty()).is_some() {
                let key = letter(&mut s, number, 1, "site", START);
                waiting.insert(key, started + (waiting.len() + 1) * price + window as usize);
            } else if let Some(done) = flying.pop_front() {
                answer(&mut s, &done, START);
            } else {
                break;
            }
            for delivery in deliveries(&mut s) {
                started += 1;
                of_list += usize::from(delivery.message == long);
                if let Some(latest) = waiting.remove(&delivery.message) {
                    // Too near to its end the list gives no turns any more: it is over soon.
                    let ends = of_list + price + 1 >= (list as usize).div_ceil(recipients);
                    prop_assert!(started <= latest || ends, "{started} after {latest}");
                }
                flying.push_back(delivery);
            }
        }
        prop_assert!(waiting.is_empty());
        prop_assert_eq!(of_list, (list as usize).div_ceil(recipients));
    }

    /// Letters that go before a list take no more than their share: of every `cost` deliveries of
    /// the list one turn, and what was lent.
    #[test]
    fn letters_slow_a_list_down_by_their_share_only(
        list in 100..1000u32,
        cost in 2..10i64,
        letters in 200..1500u32,
    ) {
        let mut s = Scheduler::new(Limits { active_messages: 10_000, ..limits() }, START);
        let slots = Slots { cost, ..transport_limits().slots };
        s.transport("smtp", TransportLimits { slots, ..one_at_a_time() });
        let long = letter(&mut s, 0, list, "site", START);
        for number in 1..=letters {
            letter(&mut s, number, 1, "site", START);
        }
        let order = order(&mut s, usize::MAX);
        prop_assert_eq!(order.len(), (list + letters) as usize, "nothing is lost");
        let end = order.iter().rposition(|key| *key == long).expect("list") + 1;
        let before = end - list as usize;
        let share = list as usize / usize::try_from(cost).unwrap() + 4;
        prop_assert!(before <= share, "{before} letters, {share} turns");
    }
}
