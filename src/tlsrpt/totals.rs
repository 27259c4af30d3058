//! Handshakes, added up by period and domain. Bounded: whatever happens, and however many servers
//! a domain has, a period takes no more than so much memory and so large a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ipc::tlsrpt::{Failure, Handshake, Policy};

/// How many domains are counted in one period. Handshakes with further ones are not.
pub const DOMAINS_MAX: usize = 10_000;

/// How many policies of one domain: TLSA records that are being exchanged make new ones.
const POLICIES_MAX: usize = 16;

/// How many kinds of failures for each policy; further ones count in the sum alone.
const FAILURES_MAX: usize = 100;

/// How many periods wait for their reports to be sent.
const PERIODS_MAX: usize = 8;

/// Longest text of a handshake that is kept.
const TEXT_MAX: usize = 2048;

/// Longest list of a policy that is kept.
const LIST_MAX: usize = 64;

/// All sums, by the beginning of their period in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Period by period.
    pub periods: BTreeMap<u64, PeriodTotals>,
}

/// The sums of one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodTotals {
    /// Its length in seconds: a reload may change that of later ones.
    pub seconds: u64,
    /// Domain by domain.
    pub domains: BTreeMap<String, DomainTotals>,
}

/// The sums of one domain in one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainTotals {
    /// Its TLSRPT record, the last that was seen.
    pub record: String,
    /// Policy by policy.
    pub policies: Vec<PolicyTotals>,
    /// Places that have the report already, or will never have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<String>,
    /// How often a place could not be reached.
    #[serde(default)]
    pub tries: u32,
    /// When that is tried again, in seconds since 1970.
    #[serde(default)]
    pub next: u64,
}

/// The sums of one policy of one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyTotals {
    /// The policy.
    pub policy: Policy,
    /// Handshakes that succeeded.
    pub successes: u64,
    /// Handshakes that failed.
    pub failures: u64,
    /// How often each kind of failure.
    pub details: Vec<(Failure, u64)>,
}

impl Totals {
    /// Adds a handshake at `now` (seconds since 1970) in periods of so many seconds, which begin
    /// at whole multiples: days are those of UTC. False: there is no place for its domain.
    pub fn add(&mut self, now: u64, seconds: u64, mut handshake: Handshake) -> bool {
        let seconds = seconds.max(1);
        let start = now - now % seconds;
        clip(&mut handshake);
        let period = self.periods.entry(start).or_default();
        period.seconds = seconds;
        if period.domains.len() >= DOMAINS_MAX && !period.domains.contains_key(&handshake.domain) {
            return false;
        }
        let Handshake { domain, record, policy, failure } = handshake;
        let domain = period.domains.entry(domain).or_default();
        domain.record = record;
        domain.add(policy, failure);
        // Reports that could not be sent for so long are of no use to anybody.
        while self.periods.len() > PERIODS_MAX {
            self.periods.pop_first();
        }
        true
    }

    /// The periods that are over at `now`, each with its beginning.
    pub fn over(&self, now: u64) -> impl Iterator<Item = (u64, &PeriodTotals)> {
        let ended =
            move |(start, period): &(&u64, &PeriodTotals)| **start + period.seconds.max(1) <= now;
        self.periods.iter().filter(ended).map(|(start, period)| (*start, period))
    }

    /// The sums of one domain in the period that begins at `start`.
    pub fn domain(&mut self, start: u64, domain: &str) -> Option<&mut DomainTotals> {
        self.periods.get_mut(&start)?.domains.get_mut(domain)
    }

    /// A report has been sent, or nobody wants it: takes the sums out.
    pub fn done(&mut self, start: u64, domain: &str) {
        if let Some(period) = self.periods.get_mut(&start) {
            period.domains.remove(domain);
            if period.domains.is_empty() {
                self.periods.remove(&start);
            }
        }
    }
}

impl DomainTotals {
    fn add(&mut self, policy: Policy, failure: Option<Failure>) {
        let known = self.policies.iter().position(|totals| totals.policy == policy);
        let at = match known {
            Some(at) => at,
            None if self.policies.len() < POLICIES_MAX => {
                let (successes, failures, details) = (0, 0, Vec::new());
                self.policies.push(PolicyTotals { policy, successes, failures, details });
                self.policies.len() - 1
            }
            // With the latest of them; better there than not at all.
            None => self.policies.len() - 1,
        };
        let Some(totals) = self.policies.get_mut(at) else { return };
        let Some(failure) = failure else {
            totals.successes += 1;
            return;
        };
        totals.failures += 1;
        let full = totals.details.len() >= FAILURES_MAX;
        match totals.details.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, count)) => *count += 1,
            None if full => {}
            None => totals.details.push((failure, 1)),
        }
    }
}

/// Cuts off what nobody needs in full. Nothing that means something is that long.
fn clip(handshake: &mut Handshake) {
    let Handshake { domain, record, policy, failure } = handshake;
    policy.policy_string.truncate(LIST_MAX);
    policy.mx_host.truncate(LIST_MAX);
    let lists = policy.policy_string.iter_mut().chain(&mut policy.mx_host);
    let mut texts: Vec<&mut String> = lists.chain([domain, record]).collect();
    texts.push(&mut policy.policy_domain);
    if let Some(failure) = failure {
        texts.push(&mut failure.receiving_mx_hostname);
        texts.push(&mut failure.receiving_mx_helo);
        texts.push(&mut failure.failure_reason_code);
    }
    for text in texts {
        if let Some((end, _)) = text.char_indices().find(|(at, _)| *at >= TEXT_MAX) {
            text.truncate(end);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ipc::tlsrpt::{PolicyType, ResultType};

    pub(crate) fn policy(domain: &str) -> Policy {
        Policy {
            policy_type: PolicyType::NoPolicyFound,
            policy_string: Vec::new(),
            policy_domain: domain.into(),
            mx_host: Vec::new(),
        }
    }

    pub(crate) fn handshake(domain: &str, failure: Option<ResultType>) -> Handshake {
        Handshake {
            domain: domain.into(),
            record: "v=TLSRPTv1;rua=mailto:tls@example.net".into(),
            policy: policy(domain),
            failure: failure.map(|result_type| Failure {
                result_type,
                sending_mta_ip: "192.0.2.1".into(),
                receiving_mx_hostname: "mx.example.net".into(),
                receiving_mx_helo: "mx".into(),
                receiving_ip: "198.51.100.1".into(),
                failure_reason_code: String::new(),
            }),
        }
    }

    const DAY: u64 = 86_400;

    #[test]
    fn the_same_counts_together() {
        let mut totals = Totals::default();
        for failure in [None, Some(ResultType::CertificateExpired), None] {
            assert!(totals.add(DAY + 5, DAY, handshake("a.test", failure)));
        }
        assert!(totals.add(
            DAY * 2 - 1,
            DAY,
            handshake("a.test", Some(ResultType::CertificateExpired))
        ));
        let sums = &totals.periods[&DAY].domains["a.test"].policies[0];
        assert_eq!((sums.successes, sums.failures), (2, 2));
        assert_eq!(sums.details.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2]);
        assert_eq!(totals.over(DAY * 2 - 1).count(), 0);
        assert_eq!(totals.over(DAY * 2).count(), 1);
        totals.done(DAY, "a.test");
        assert_eq!(totals, Totals::default());
    }

    #[test]
    fn memory_is_bounded() {
        let mut totals = Totals::default();
        for n in 0..FAILURES_MAX + 10 {
            let mut one = handshake("a.test", Some(ResultType::ValidationFailure));
            one.failure.as_mut().unwrap().receiving_ip = n.to_string();
            one.record = "v".repeat(TEXT_MAX * 2);
            totals.add(0, DAY, one);
        }
        for n in 0..POLICIES_MAX + 10 {
            let mut one = handshake("a.test", None);
            one.policy.policy_string = vec![n.to_string(); LIST_MAX * 2];
            totals.add(0, DAY, one);
        }
        let domain = &totals.periods[&0].domains["a.test"];
        assert_eq!(domain.record, "v=TLSRPTv1;rua=mailto:tls@example.net");
        assert_eq!(domain.policies.len(), POLICIES_MAX);
        assert_eq!(domain.policies[0].details.len(), FAILURES_MAX);
        assert_eq!(domain.policies[0].failures, FAILURES_MAX as u64 + 10);
        assert_eq!(domain.policies[1].policy.policy_string.len(), LIST_MAX);
        for day in 1..20 {
            totals.add(DAY * day, DAY, handshake("a.test", None));
        }
        assert_eq!(totals.periods.len(), PERIODS_MAX);
    }
}
