//! What processes say to each other: one type for each edge of the process graph, and the
//! channel that carries it.
//!
//! Both ends are programs of the same installation, started by the same master; a frame that
//! does not decode ends the channel, never the process.

pub mod birth;
pub mod channel;
pub mod control;
pub mod delivery;
#[cfg(feature = "pam")]
pub mod login;
pub mod queue;
pub mod tls;
pub mod tlsrpt;
pub mod verify;
pub mod worker;
