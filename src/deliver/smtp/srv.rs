//! The order of SRV records (RFC 2782): by priority, and among equals at random, but so that
//! those with more weight come first more often.

use std::hash::{BuildHasher as _, RandomState};

use crate::dns::{Data, DnsError, Record};
use crate::mail::status::Status;

/// A server of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Srv<'a> {
    /// Lower is tried first.
    pub priority: u16,
    /// More is tried first more often.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// Its name.
    pub host: &'a str,
}

impl<'a> Srv<'a> {
    /// What a record says, if it is one.
    pub fn of(record: &'a Record) -> Option<Self> {
        match &record.data {
            Data::Srv { priority, weight, port, host } => {
                Some(Self { priority: *priority, weight: *weight, port: *port, host })
            }
            _ => None,
        }
    }
}

/// Puts servers in the order in which they are tried.
pub fn arrange(list: &mut [Srv<'_>]) {
    shuffle(list);
    list.sort_by_key(|srv| srv.priority);
    for equals in list.chunk_by_mut(|a, b| a.priority == b.priority) {
        by_weight(equals, |below| random() % below);
    }
}

/// Draws one server after the other, each with a chance that its weight gives it. As in Postfix a
/// weight of zero is nothing but a small one.
fn by_weight(list: &mut [Srv<'_>], mut draw: impl FnMut(u64) -> u64) {
    let mut left: u64 = list.iter().map(|srv| u64::from(srv.weight)).sum();
    let mut rest = list;
    while left > 0 && rest.len() > 1 {
        let threshold = draw(left + 1);
        let mut sum = 0;
        let drawn = rest.iter().position(|srv| {
            sum += u64::from(srv.weight);
            sum >= threshold
        });
        rest.swap(0, drawn.unwrap_or_default());
        let Some((first, others)) = std::mem::take(&mut rest).split_first_mut() else { return };
        left = left.saturating_sub(u64::from(first.weight));
        rest = others;
    }
}

/// Every order is equally likely.
pub fn shuffle<T>(list: &mut [T]) {
    for last in (1..list.len()).rev() {
        let places = u64::try_from(last + 1).unwrap_or(u64::MAX);
        let other = usize::try_from(random() % places).unwrap_or_default();
        list.swap(last, other);
    }
}

/// A number that nobody can foresee: what hash tables are keyed with.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// How a failed look-up of SRV records is reported.
pub fn status(error: &DnsError) -> Status {
    match error {
        DnsError::NotFound | DnsError::NoData | DnsError::Invalid(_) => Status::new(5, 4, 4),
        DnsError::NonRecoverable => Status::new(5, 4, 3),
        DnsError::NullMx | DnsError::NullSrv => Status::new(5, 1, 0),
        DnsError::Policy => Status::new(4, 7, 0),
        DnsError::TryAgain | DnsError::Malformed => Status::new(4, 4, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn srv(priority: u16, weight: u16, port: u16) -> Srv<'static> {
        Srv { priority, weight, port, host: "mx.example" }
    }

    #[test]
    fn priority_comes_first() {
        let mut list = [srv(20, 9, 1), srv(10, 0, 2), srv(30, 1, 3), srv(10, 5, 4)];
        arrange(&mut list);
        assert_eq!(list.map(|srv| srv.priority), [10, 10, 20, 30]);
    }

    #[test]
    fn weights_are_chances() {
        let ports = |draws: &[u64]| {
            let mut draws = draws.iter();
            let mut list = [srv(10, 1, 1), srv(10, 0, 2), srv(10, 7, 3)];
            by_weight(&mut list, |below| *draws.next().unwrap_or(&0) % below);
            list.map(|srv| srv.port)
        };
        assert_eq!(ports(&[0, 0]), [1, 2, 3]);
        assert_eq!(ports(&[2, 0]), [3, 2, 1]);
        assert_eq!(ports(&[8, 1]), [3, 1, 2]);
    }

    #[test]
    fn more_weight_comes_first_more_often() {
        let first = |_| {
            let mut list = [srv(10, 1, 1), srv(10, 60000, 2)];
            arrange(&mut list);
            list[0].port
        };
        // One in sixty thousand is the chance of the other.
        assert!((0..20).map(first).filter(|port| *port == 2).count() > 15);
    }

    proptest! {
        #[test]
        fn nobody_is_lost(weights in proptest::collection::vec((any::<u16>(), any::<u16>()), 0..20)) {
            let list: Vec<_> = (0..).zip(&weights).map(|(port, (p, w))| srv(p % 3, *w, port)).collect();
            let mut arranged = list.clone();
            arrange(&mut arranged);
            prop_assert!(arranged.is_sorted_by_key(|srv| srv.priority));
            arranged.sort_by_key(|srv| srv.port);
            prop_assert_eq!(arranged, list);
        }
    }
}
