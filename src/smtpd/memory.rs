//! The bound on what the sessions of one service may take together: `smtpd_memory_limit`.
//!
//! A session that only waits takes little, one with a mail transaction much. Half of the memory is for being there, the
//! other half for transactions, so that thousands of idle clients do not keep mail out. The content of all
//! messages has a bound of its own (`cleanup`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a session takes while no transaction goes on: buffers for commands and replies, and TLS.
const SESSION: usize = 48 << 10;

/// What a transaction may take besides: buffers for content, and an ordinary envelope.
const TRANSACTION: usize = 208 << 10;

/// How long a transaction waits for others to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The memory of one service.
#[derive(Clone, Debug)]
pub struct Memory {
    sessions: usize,
    transactions: Arc<Semaphore>,
}

impl Memory {
    /// `limit`: bytes.
    pub fn new(limit: usize) -> Self {
        let half = limit / 2;
        let transactions = (half / TRANSACTION).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            sessions: (half / SESSION).max(1),
            transactions: Arc::new(Semaphore::new(transactions)),
        }
    }

    /// How many sessions there is room for.
    pub const fn sessions(&self) -> usize {
        self.sessions
    }

    /// Room for a transaction, kept until it is dropped; none if others do not leave in time.
    pub async fn transaction(&self) -> Option<OwnedSemaphorePermit> {
        self.transaction_within(PATIENCE).await
    }

    async fn transaction_within(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(room) = self.transactions.clone().try_acquire_owned() {
            return Some(room);
        }
        let room = self.transactions.clone().acquire_owned();
        tokio::time::timeout(patience, room).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_waits_for_another_but_not_for_ever() {
        let memory = Memory::new(1);
        assert_eq!(memory.sessions(), 1);
        let first = memory.transaction().await;
        assert!(first.is_some());
        let at_once = Duration::from_millis(1);
        assert!(memory.transaction_within(at_once).await.is_none());
        let other = memory.clone();
        let second = tokio::spawn(async move { other.transaction().await.is_some() });
        tokio::task::yield_now().await;
        drop(first);
        assert!(second.await.is_ok_and(|got| got));
    }

    #[test]
    fn ten_thousand_clients_have_room_by_default() {
        assert!(Memory::new(1 << 30).sessions() > 10_000);
    }
}
