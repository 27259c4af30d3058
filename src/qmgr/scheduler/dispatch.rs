//! From recipients with a route to deliveries in flight, and what comes back.

use std::cmp::Reverse;
use std::sync::Arc;

use super::destination::{Destination, State};
use super::job::Rank;
use super::transport::Transport;
use super::{
    Action, Assignment, Delivery, Flight, Key, Phase, RETRY, Scheduler, Timer, later, retry_nexthop,
};
use crate::ipc::delivery::Failure;
use crate::mail::envelope::Timestamp;
use crate::mail::status::Status;

/// Where a recipient waits.
#[derive(Clone, Copy)]
struct Place {
    transport: u32,
    destination: u32,
    job: u32,
}

impl Scheduler {
    /// The routes of (some of) the recipients of an active message, in the order in which they
    /// are to be delivered. With none at all, and none to come, the message counts as tried.
    pub fn assign(&mut self, key: Key, assignments: Vec<Assignment>, now: Timestamp) {
        self.clock = self.clock.max(now);
        let marks = self.index.get(key).map(|entry| entry.marks).unwrap_or_default();
        let flush = marks.flush;
        let Some(active) = self.active.get_mut(&key) else { return };
        active.phase = Phase::Delivering;
        let read = std::mem::take(&mut active.reading);
        self.active_recipients = self.active_recipients.saturating_sub(read);
        if marks.hold || marks.deleted {
            if let Some(entry) = self.index.get_mut(key).filter(|_| !assignments.is_empty()) {
                entry.marks.interrupted = true;
            }
            self.accounted(key, 0);
            return;
        }
        active.outstanding += assignments.len();
        self.active_recipients += assignments.len();
        let mut last: Option<(Arc<str>, Arc<str>, Place)> = None;
        let mut transports = Vec::new();
        for assignment in assignments {
            let place = match &last {
                Some((transport, name, place))
                    if *transport == assignment.transport && *name == assignment.destination =>
                {
                    *place
                }
                _ => {
                    if let Some((.., place)) = last {
                        self.line_up(place.destination);
                    }
                    let place = self.place(key, &assignment, flush);
                    if !transports.contains(&place.transport) {
                        transports.push(place.transport);
                    }
                    last = Some((assignment.transport, assignment.destination, place));
                    place
                }
            };
            self.wait(place.job, place.destination, assignment.recipient);
        }
        if let Some((.., place)) = last {
            self.line_up(place.destination);
        }
        for transport in transports {
            self.dispatch(transport, now);
        }
        // There may have been nothing to assign, or room for more.
        self.accounted(key, 0);
        self.refill(key, now);
    }

    /// Where an assignment waits: at its own destination, or at that of the retry transport with
    /// the reason, when its own is out of order.
    fn place(&mut self, key: Key, assignment: &Assignment, flush: bool) -> Place {
        let Some(&transport) = self.by_name.get(&assignment.transport) else {
            let reason = unavailable();
            return self.retry_place(key, &reason);
        };
        if flush && let Some(transport) = self.transports.get_mut(transport) {
            transport.dead = None;
        }
        if let Some((_, reason)) = self.transports.get(transport).and_then(|t| t.dead.clone()) {
            return self.retry_place(key, &reason);
        }
        let destination =
            self.destination(transport, assignment.destination.clone(), &assignment.nexthop);
        if flush {
            self.revive(destination);
        }
        match self.destinations.get(destination).map(|d| d.state.clone()) {
            Some(State::Dead(_, reason)) => self.retry_place(key, &reason),
            _ => {
                let job = self.job(key, transport).unwrap_or(u32::MAX);
                Place { transport, destination, job }
            }
        }
    }

    fn retry_place(&mut self, key: Key, reason: &Failure) -> Place {
        let nexthop = retry_nexthop(reason);
        let transport = self.by_name.get(RETRY).copied().unwrap_or_default();
        let destination = self.destination(transport, nexthop.clone(), &nexthop);
        let job = self.job(key, transport).unwrap_or(u32::MAX);
        Place { transport, destination, job }
    }

    fn destination(&mut self, transport: u32, name: Arc<str>, nexthop: &Arc<str>) -> u32 {
        let Some(of) = self.transports.get_mut(transport) else { return u32::MAX };
        if let Some(place) = of.destinations.get(&name) {
            return *place;
        }
        let destination = Destination::new(transport, name.clone(), nexthop.clone(), &of.limits);
        let place = self.destinations.insert(destination);
        of.destinations.insert(name, place);
        place
    }

    /// Puts a destination where it belongs among its transport's ready ones, if it does.
    pub(super) fn line_up(&mut self, place: u32) {
        let Some(destination) = self.destinations.get_mut(place) else { return };
        let stands = destination.stands();
        if destination.lined_up == stands {
            return;
        }
        let Some(of) = self.transports.get_mut(destination.transport) else { return };
        if let Some((rank, turn)) = std::mem::replace(&mut destination.lined_up, stands) {
            of.ready.remove(&(rank, turn, place));
        } else if destination.todo.len() > 1 {
            // A job that could not be delivered before may go first now.
            of.searched = None;
        }
        if let Some((rank, turn)) = stands {
            of.ready.insert((rank, turn, place));
        }
    }

    /// Forgets a destination about which nothing needs to be remembered.
    pub(super) fn forget_idle(&mut self, place: u32) {
        let Some(destination) = self.destinations.get(place) else { return };
        if destination.idle() && destination.lined_up.is_none() {
            let name = destination.name.clone();
            let transport = destination.transport;
            self.destinations.remove(place);
            if let Some(transport) = self.transports.get_mut(transport) {
                transport.destinations.remove(&name);
            }
        }
    }

    /// Starts all deliveries of a transport that its limits allow.
    pub(super) fn dispatch(&mut self, key: u32, now: Timestamp) {
        while !self.stopped && self.transports.get(key).is_some_and(Transport::free) {
            self.preempt(key, now);
            let Some((rank, place)) = self.first_ready(key) else { return };
            self.start(key, rank, place, now);
        }
    }

    fn first_ready(&self, transport: u32) -> Option<(Rank, u32)> {
        let (rank, _, place) = self.transports.get(transport)?.ready.first()?;
        Some((*rank, *place))
    }

    /// Starts the delivery of the first job of a destination.
    fn start(&mut self, key: u32, rank: Rank, place: u32, now: Timestamp) {
        self.next_turn += 1;
        let turn = self.next_turn;
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Some(destination) = self.destinations.get_mut(place) else { return };
        let Some(of) = destination.todo.get(&rank).map(|waiting| waiting.job) else { return };
        let Some(job) = self.jobs.get_mut(of) else { return };
        let Some((recipients, reuse)) = destination.take(job.limit, turn, now) else { return };
        job.select();
        let (message, over) = (job.message, job.waiting == 0);
        if transport.searched.is_some_and(|search| !search.is_for(of)) {
            transport.searched = None;
        }
        transport.busy += 1;
        if !transport.limits.transport_rate_delay.is_zero() {
            let until = later(now, transport.limits.transport_rate_delay);
            transport.locked_until = Some(until);
            self.timers.push(Reverse((until, Timer::Unlock(key))));
        }
        let number = self.next_number;
        self.next_number += 1;
        let delivery = Delivery {
            number,
            message,
            transport: transport.name.clone(),
            nexthop: destination.nexthop.clone(),
            recipients,
            reuse,
        };
        let flight = Flight {
            message,
            job: of,
            destination: place,
            recipients: delivery.recipients.len(),
            waiting: delivery.recipients.clone(),
        };
        self.flights.insert(number, flight);
        self.actions.push_back(Action::Deliver(delivery));
        self.line_up(place);
        if over {
            self.retire(of);
        }
    }

    /// The outcome of one recipient is known. Returns the message, if the recipient was waited
    /// for; an answer that nobody waits for counts for nothing.
    pub fn reported(&mut self, number: u64, recipient: u32) -> Option<Key> {
        let flight = self.flights.get_mut(&number)?;
        let position = flight.waiting.iter().position(|waiting| *waiting == recipient)?;
        flight.waiting.swap_remove(position);
        Some(flight.message)
    }

    /// A delivery is over; `failure` says that its destination as a whole failed.
    pub fn finished(&mut self, number: u64, failure: Option<&Failure>, now: Timestamp) {
        self.clock = self.clock.max(now);
        let Some(mut flight) = self.flights.remove(&number) else { return };
        if !flight.waiting.is_empty() {
            flight.waiting.sort_unstable();
            self.actions.push_back(Action::Unanswered(flight.message, flight.waiting));
        }
        self.leave_core(flight.job, flight.message, flight.recipients);
        self.accounted(flight.message, flight.recipients);
        let Some(destination) = self.destinations.get(flight.destination) else { return };
        let transport = destination.transport;
        // The delivery still counts as one of those that run at a time.
        self.feedback(flight.destination, failure, now);
        if let Some(destination) = self.destinations.get_mut(flight.destination) {
            destination.released(now);
        }
        self.settle(flight.destination, transport, now);
        self.refill(flight.message, now);
        self.refill_first(transport, now);
        self.fill();
    }

    /// So many recipients of a message need no more waiting for; the last one makes it tried.
    pub(super) fn accounted(&mut self, key: Key, recipients: usize) {
        self.active_recipients = self.active_recipients.saturating_sub(recipients);
        let Some(active) = self.active.get_mut(&key) else { return };
        active.outstanding = active.outstanding.saturating_sub(recipients);
        let left = active.outstanding + active.reading + active.unread;
        if left == 0 && active.phase == Phase::Delivering {
            active.phase = Phase::Deciding;
            self.actions.push_back(Action::Tried(key));
        }
    }

    fn feedback(&mut self, place: u32, failure: Option<&Failure>, now: Timestamp) {
        let Some(destination) = self.destinations.get_mut(place) else { return };
        let Some(transport) = self.transports.get(destination.transport) else { return };
        match failure {
            None => destination.succeeded(&transport.limits),
            Some(failure) => {
                let reason = Failure {
                    status: failure.status,
                    text: format!("delivery temporarily suspended: {}", failure.text),
                };
                let until = later(now, self.limits.minimal_backoff);
                if destination.failed(&transport.limits, &reason, until) {
                    self.timers.push(Reverse((until, Timer::Destination(place))));
                    self.divert(place, &reason, now);
                }
            }
        }
    }

    /// After a delivery: rate delay, next delivery, or oblivion.
    fn settle(&mut self, place: u32, transport: u32, now: Timestamp) {
        if let Some(of) = self.transports.get_mut(transport) {
            of.busy = of.busy.saturating_sub(1);
            let delay = of.limits.destination_rate_delay;
            if !delay.is_zero()
                && let Some(destination) = self.destinations.get_mut(place)
            {
                destination.revive(&of.limits);
                let until = later(now, delay);
                destination.state = State::Suspended(until);
                self.timers.push(Reverse((until, Timer::Destination(place))));
            }
        }
        self.line_up(place);
        self.dispatch(transport, now);
        self.forget_idle(place);
    }

    /// Moves all that waits for a dead destination to the retry transport.
    fn divert(&mut self, place: u32, reason: &Failure, now: Timestamp) {
        let Some(destination) = self.destinations.get_mut(place) else { return };
        let todo = std::mem::take(&mut destination.todo);
        if todo.is_empty() {
            return;
        }
        self.line_up(place);
        for waiting in todo.into_values() {
            let Some(job) = self.jobs.get_mut(waiting.job) else { continue };
            let message = job.message;
            job.waiting = job.waiting.saturating_sub(job.deliveries(waiting.recipients.len()));
            if job.waiting == 0 {
                self.retire(waiting.job);
            }
            self.leave_core(waiting.job, message, waiting.recipients.len());
            let retry = self.retry_place(message, reason);
            for recipient in waiting.recipients {
                self.wait(retry.job, retry.destination, recipient);
            }
            self.line_up(retry.destination);
        }
        if let Some(retry) = self.by_name.get(RETRY).copied() {
            self.dispatch(retry, now);
        }
    }

    /// The service of a transport cannot be reached: everything that waits for it is deferred,
    /// and it is left alone for transport_retry_time.
    pub fn unavailable(&mut self, transport: &str, now: Timestamp) {
        let Some(&key) = self.by_name.get(transport) else { return };
        let Some(of) = self.transports.get_mut(key) else { return };
        let reason = unavailable();
        let until = later(now, self.limits.transport_retry);
        if transport != RETRY && of.dead.is_none() {
            of.dead = Some((until, reason.clone()));
            self.timers.push(Reverse((until, Timer::Transport(key))));
            let mut places: Vec<u32> = of.destinations.values().copied().collect();
            places.sort_unstable();
            for place in places {
                self.divert(place, &reason, now);
            }
        }
    }

    /// The service of a transport works (again).
    pub fn available(&mut self, transport: &str, now: Timestamp) {
        let Some(&key) = self.by_name.get(transport) else { return };
        if let Some(of) = self.transports.get_mut(key)
            && of.dead.take().is_some()
        {
            self.dispatch(key, now);
        }
    }

    fn revive(&mut self, place: u32) {
        if let Some(destination) = self.destinations.get_mut(place)
            && let Some(transport) = self.transports.get(destination.transport)
        {
            destination.revive(&transport.limits);
        }
        self.line_up(place);
    }

    /// Gives all dead transports and destinations another chance (`postqueue -f`).
    pub(super) fn revive_all(&mut self, now: Timestamp) {
        for place in self.destinations.keys() {
            self.revive(place);
        }
        for key in self.transports.keys() {
            if let Some(transport) = self.transports.get_mut(key) {
                transport.dead = None;
            }
            self.dispatch(key, now);
        }
        for place in self.destinations.keys() {
            self.forget_idle(place);
        }
    }

    pub(super) fn ring(&mut self, timer: Timer, now: Timestamp) {
        match timer {
            Timer::Destination(place) => {
                let Some(destination) = self.destinations.get_mut(place) else { return };
                let transport = destination.transport;
                match destination.state {
                    State::Suspended(until) if until <= now => {
                        destination.state = State::Ready;
                        destination.window = 1;
                        self.line_up(place);
                    }
                    State::Dead(until, _) if until <= now => self.revive(place),
                    _ => return,
                }
                self.dispatch(transport, now);
                self.forget_idle(place);
            }
            Timer::Transport(key) => {
                if let Some(transport) = self.transports.get_mut(key)
                    && transport.dead.as_ref().is_some_and(|(until, _)| *until <= now)
                {
                    transport.dead = None;
                    self.dispatch(key, now);
                }
            }
            Timer::Unlock(key) => {
                if let Some(transport) = self.transports.get_mut(key)
                    && transport.locked_until.is_some_and(|until| until <= now)
                {
                    transport.locked_until = None;
                    self.dispatch(key, now);
                }
            }
        }
    }
}

fn unavailable() -> Failure {
    Failure { status: Status::new(4, 3, 0), text: "mail transport unavailable".into() }
}
