//! Which deferred messages wait for which site: for `postqueue -s` and ETRN (fast_flush_domains).

use std::collections::{HashMap, HashSet};
use std::task::{Context, Waker};

use super::scheduler::Key;
use crate::lookup::match_list::DomainList;
use crate::mail::envelope::Envelope;

/// The sites that are kept track of, with their messages.
#[derive(Debug, Default)]
pub(super) struct Sites {
    by_site: HashMap<String, HashSet<Key>>,
}

impl Sites {
    /// A message waits for these domains. Matching the list of a parameter waits only where a table
    /// is slow; then a flush of the site does not find the message.
    pub(super) fn note(
        &mut self,
        domains: &DomainList,
        key: Key,
        waiting: impl Iterator<Item = String>,
    ) {
        let adding = self.add(domains, key, waiting);
        let mut adding = std::pin::pin!(adding);
        let _ = adding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    async fn add(&mut self, domains: &DomainList, key: Key, waiting: impl Iterator<Item = String>) {
        for address in waiting {
            let Some((_, domain)) = address.rsplit_once('@') else { continue };
            let site = domain.to_ascii_lowercase();
            if let Some(messages) = self.by_site.get_mut(&site) {
                messages.insert(key);
            } else if domains.matches(&site).await.unwrap_or(false) {
                self.by_site.entry(site).or_default().insert(key);
            }
        }
    }

    /// The messages that wait for a site. They are asked for once: those that stay come back
    /// with their next deferral.
    pub(super) fn take(&mut self, site: &str) -> Vec<Key> {
        let site = site.to_ascii_lowercase();
        let mut keys: Vec<Key> =
            self.by_site.remove(&site).map(|keys| keys.into_iter().collect()).unwrap_or_default();
        keys.sort_unstable();
        keys
    }

    /// A message has gone whose recipients are not all at hand.
    pub(super) fn forget_everywhere(&mut self, key: Key) {
        for messages in self.by_site.values_mut() {
            messages.remove(&key);
        }
    }

    /// A message has gone.
    pub(super) fn forget(&mut self, key: Key, envelope: &Envelope) {
        for recipient in &envelope.recipients {
            if let Some((_, domain)) = recipient.address.rsplit_once('@')
                && let Some(messages) = self.by_site.get_mut(&domain.to_ascii_lowercase())
            {
                messages.remove(&key);
            }
        }
    }
}
