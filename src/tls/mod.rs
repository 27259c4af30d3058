//! TLS: what smtpd, smtp and lmtp share of it.
//!
//! ```text
//! main.cf ─ words, provider ─┐
//! tlsmgr ─ remote (keys) ────┼─ server ── Stream, Facts ── smtpd
//! CA files ─ trust ──────────┴─ client ── Stream, Facts ── smtp, lmtp
//! ```
//!
//! Everything that knows rustls is behind this door and behind the feature `ssl`. Without it the
//! names are still here, a [`Stream`] is always plain, and whoever asks for TLS is told which
//! feature brings it.

mod facts;
mod stream;
pub mod words;

#[cfg(feature = "ssl")]
mod authority_leaf;
#[cfg(feature = "ssl")]
pub mod certificate;
#[cfg(feature = "ssl")]
pub mod client;
#[cfg(feature = "ssl")]
mod client_certificate;
#[cfg(feature = "ssl")]
pub mod dane;
#[cfg(feature = "ssl")]
pub mod keys;
#[cfg(feature = "ssl")]
pub mod names;
#[cfg(feature = "ssl")]
mod proof;
#[cfg(feature = "ssl")]
pub mod provider;
#[cfg(feature = "ssl")]
pub mod remote;
#[cfg(feature = "ssl")]
pub mod server;
#[cfg(feature = "ssl")]
mod tickets;
#[cfg(feature = "ssl")]
pub mod trust;

#[cfg(test)]
pub(crate) mod tests;

pub use self::facts::{Facts, PeerCertificate, Role, Signature, Trouble};
pub use self::stream::{Socket, Stream};
