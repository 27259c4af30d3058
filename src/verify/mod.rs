//! verify(8) as a library: does mail for an address get through? Finds out by a probe, a message
//! that is routed like any other but never delivered, and remembers the answer.
//!
//! ```text
//! smtpd ── Client ── private/verify ── Verifier (in qmgr) ── cache (address_verify_map)
//!                                         │ probe                ▲ outcome
//!                                         ▼                      │
//!                                      cleanup ── queue ── delivery agent
//! ```

mod client;
mod entry;
mod sender;
mod service;
mod settings;

pub use client::{Client, Unavailable};
pub use sender::ProbeSender;
pub use service::{Verifier, serve};
pub use settings::Settings;
