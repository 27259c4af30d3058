//! The numbers that the scheduler obeys, as values.

use std::time::Duration;

/// Of the queue as a whole.
#[derive(Clone, Debug)]
pub struct Limits {
    /// qmgr_message_active_limit
    pub active_messages: usize,
    /// qmgr_message_recipient_limit
    pub active_recipients: usize,
    /// qmgr_message_recipient_minimum
    pub recipient_minimum: usize,
    /// queue_run_delay
    pub queue_run_delay: Duration,
    /// minimal_backoff_time
    pub minimal_backoff: Duration,
    /// maximal_backoff_time
    pub maximal_backoff: Duration,
    /// transport_retry_time
    pub transport_retry: Duration,
}

/// Of one transport.
#[derive(Clone, Debug)]
pub struct TransportLimits {
    /// Simultaneous deliveries (master.cf maxproc); zero is no limit.
    pub processes: usize,
    /// `<transport>_destination_concurrency_limit`; zero is no limit.
    pub concurrency: u32,
    /// `<transport>_initial_destination_concurrency`
    pub initial_concurrency: u32,
    /// `<transport>_destination_recipient_limit`; zero is no limit.
    pub recipients: usize,
    /// `<transport>_destination_rate_delay`
    pub destination_rate_delay: Duration,
    /// `<transport>_transport_rate_delay`
    pub transport_rate_delay: Duration,
    /// `<transport>_destination_concurrency_positive_feedback`
    pub positive_feedback: Feedback,
    /// `<transport>_destination_concurrency_negative_feedback`
    pub negative_feedback: Feedback,
    /// `<transport>_destination_concurrency_failed_cohort_limit`; zero: never dead.
    pub failed_cohorts: f64,
    /// How short messages go before long ones.
    pub slots: Slots,
    /// `<transport>_recipient_limit`: recipients in memory.
    pub in_core: usize,
    /// `<transport>_extra_recipient_limit`: and those of messages that go before others.
    pub extra_in_core: usize,
    /// `<transport>_recipient_refill_limit`: recipients that are worth reading more of a message.
    pub refill: usize,
    /// `<transport>_recipient_refill_delay`: after which fewer are.
    pub refill_delay: Duration,
}

/// How many turns a long message has to give to short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// `<transport>_delivery_slot_cost`: deliveries for one turn; below 2 nobody goes first.
    pub cost: i64,
    /// `<transport>_delivery_slot_loan`: turns that are given before they are earned.
    pub loan: i64,
    /// `<transport>_delivery_slot_discount`: per cent of them that are.
    pub discount: i64,
    /// `<transport>_minimum_delivery_slots`: what earns fewer turns gives none.
    pub minimum: i64,
}

impl TransportLimits {
    /// Makes the limits agree with each other, as Postfix does when it meets a transport.
    pub fn agreed(mut self) -> Self {
        if !self.destination_rate_delay.is_zero() {
            self.concurrency = 1;
        }
        if self.concurrency != 0 {
            self.initial_concurrency = self.initial_concurrency.min(self.concurrency);
        }
        self.initial_concurrency = self.initial_concurrency.max(1);
        self
    }
}

/// By how much one delivery changes the concurrency of its destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feedback {
    /// A fixed fraction, such as `1` or `1/8`.
    Fixed(f64),
    /// `n/concurrency`
    PerConcurrency(f64),
    /// `n/sqrt_concurrency`
    PerSquareRoot(f64),
}

impl Feedback {
    /// Reads the parameter's text; `None` if it is malformed or not between 0 and 1.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, divisor) = match text.split_once('/') {
            Some((number, divisor)) => (number.trim(), Some(divisor.trim())),
            None => (text.trim(), None),
        };
        let number: f64 = number.parse().ok()?;
        let feedback = match divisor {
            None => Self::Fixed(number),
            Some("concurrency") => Self::PerConcurrency(number),
            Some("sqrt_concurrency") => Self::PerSquareRoot(number),
            Some(divisor) => Self::Fixed(number / divisor.parse::<f64>().ok()?),
        };
        let (Self::Fixed(base) | Self::PerConcurrency(base) | Self::PerSquareRoot(base)) = feedback;
        (0.0..=1.0).contains(&base).then_some(feedback)
    }

    /// Its value at that concurrency.
    pub fn at(self, window: u32) -> f64 {
        match self {
            Self::Fixed(base) => base,
            Self::PerConcurrency(base) => base / f64::from(window.max(1)),
            Self::PerSquareRoot(base) => base / f64::from(window.max(1)).sqrt(),
        }
    }
}
