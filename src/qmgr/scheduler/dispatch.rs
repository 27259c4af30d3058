//! From recipients with a route to deliveries in flight, and what comes back.

use std::cmp::Reverse;
use std::sync::Arc;

use super::destination::{Destination, State};
use super::{
    Action, Assignment, Delivery, Flight, Key, Phase, RETRY, Scheduler, Timer, later, retry_nexthop,
};
use crate::ipc::delivery::Failure;
use crate::mail::envelope::Timestamp;
use crate::mail::status::Status;

impl Scheduler {
    /// The routes of (some of) the recipients of an active message, in the order in which they
    /// are to be delivered. With none at all the message counts as tried.
    pub fn assign(&mut self, key: Key, assignments: Vec<Assignment>, now: Timestamp) {
        let marks = self.index.get(key).map(|entry| entry.marks).unwrap_or_default();
        let flush = marks.flush;
        let Some(active) = self.active.get_mut(&key) else { return };
        active.phase = Phase::Delivering;
        if assignments.is_empty() || marks.hold || marks.deleted {
            self.accounted(key, 0);
            return;
        }
        active.outstanding += assignments.len();
        self.active_recipients += assignments.len();
        let mut last: Option<(Arc<str>, Arc<str>, u32)> = None;
        let mut transports = Vec::new();
        for assignment in assignments {
            let place = match &last {
                Some((transport, name, place))
                    if *transport == assignment.transport && *name == assignment.destination =>
                {
                    *place
                }
                _ => {
                    let place = self.place(key, &assignment, flush);
                    if let Some(destination) = self.destinations.get(place)
                        && !transports.contains(&destination.transport)
                    {
                        transports.push(destination.transport);
                    }
                    last = Some((assignment.transport, assignment.destination, place));
                    place
                }
            };
            if let Some(destination) = self.destinations.get_mut(place) {
                destination.add(key, assignment.recipient);
            }
            self.line_up(place);
        }
        for transport in transports {
            self.dispatch(transport, now);
        }
    }

    /// The destination where an assignment waits: its own, or that of the retry transport with
    /// the reason, when its own is out of order.
    fn place(&mut self, key: Key, assignment: &Assignment, flush: bool) -> u32 {
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
        let place =
            self.destination(transport, assignment.destination.clone(), &assignment.nexthop);
        if flush {
            self.revive(place);
        }
        match self.destinations.get(place).map(|d| d.state.clone()) {
            Some(State::Dead(_, reason)) => self.retry_place(key, &reason),
            _ => {
                self.remember_place(key, place);
                place
            }
        }
    }

    fn remember_place(&mut self, key: Key, place: u32) {
        if let Some(active) = self.active.get_mut(&key)
            && !active.places.contains(&place)
        {
            active.places.push(place);
        }
    }

    fn retry_place(&mut self, key: Key, reason: &Failure) -> u32 {
        let nexthop = retry_nexthop(reason);
        let transport = self.by_name.get(RETRY).copied().unwrap_or_default();
        let place = self.destination(transport, nexthop.clone(), &nexthop);
        self.remember_place(key, place);
        place
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

    /// Puts a destination into its transport's line if a delivery could start.
    pub(super) fn line_up(&mut self, place: u32) {
        let Some(destination) = self.destinations.get_mut(place) else { return };
        if !destination.lined_up && destination.eligible() {
            destination.lined_up = true;
            if let Some(transport) = self.transports.get_mut(destination.transport) {
                transport.line.push_back(place);
            }
        }
    }

    /// Forgets a destination about which nothing needs to be remembered.
    fn forget_idle(&mut self, place: u32) {
        let Some(destination) = self.destinations.get(place) else { return };
        if destination.idle() && !destination.lined_up {
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
        while !self.stopped
            && let Some(transport) = self.transports.get_mut(key)
            && transport.free()
            && let Some(place) = transport.line.pop_front()
        {
            let Some(destination) = self.destinations.get_mut(place) else { continue };
            destination.lined_up = false;
            if !destination.eligible() {
                continue;
            }
            let first = destination.todo.front().and_then(|job| self.index.get(job.message));
            let limit = match first {
                Some(entry) if entry.marks.alone => 1,
                _ => transport.limits.recipients,
            };
            let Some((message, recipients, reuse)) = destination.take(limit, now) else { continue };
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
                destination: place,
                recipients: delivery.recipients.len(),
                waiting: delivery.recipients.clone(),
            };
            self.flights.insert(number, flight);
            self.actions.push_back(Action::Deliver(delivery));
            self.line_up(place);
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
        let Some(mut flight) = self.flights.remove(&number) else { return };
        if !flight.waiting.is_empty() {
            flight.waiting.sort_unstable();
            self.actions.push_back(Action::Unanswered(flight.message, flight.waiting));
        }
        self.accounted(flight.message, flight.recipients);
        let Some(destination) = self.destinations.get_mut(flight.destination) else { return };
        let transport = destination.transport;
        destination.released(now);
        self.feedback(flight.destination, failure, now);
        self.settle(flight.destination, transport, now);
        self.fill();
    }

    /// So many recipients of a message need no more waiting for; the last one makes it tried.
    pub(super) fn accounted(&mut self, key: Key, recipients: usize) {
        self.active_recipients = self.active_recipients.saturating_sub(recipients);
        let Some(active) = self.active.get_mut(&key) else { return };
        active.outstanding = active.outstanding.saturating_sub(recipients);
        if active.outstanding == 0 && active.phase == Phase::Delivering {
            active.phase = Phase::Deciding;
            active.places.clear();
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
        let jobs = std::mem::take(&mut destination.todo);
        if jobs.is_empty() {
            return;
        }
        for job in jobs {
            let retry = self.retry_place(job.message, reason);
            if let Some(destination) = self.destinations.get_mut(retry) {
                for recipient in job.recipients {
                    destination.add(job.message, recipient);
                }
            }
            self.line_up(retry);
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
