//! Postfix in Rust.
//!
//! # The way of a message
//!
//! ```text
//! client ──────────────── smtpd ──┐
//! sendmail ─ postdrop ─── pickup ─┼─ cleanup ─ spool (commit) ─ qmgr ─┬─ smtp, lmtp ──────────── next hop
//! forwards, bounces ──────────────┘              ▲                    ├─ local, virtual, pipe ── mailbox, command
//!                                                └────── cleanup ─────┴─ bounce
//! ```
//!
//! # The layers
//!
//! Modules stand in this order, and a module imports only what stands before it. Processes never
//! import each other: what two of them say to each other is a type in [`ipc`]. `tests/tidy.rs`
//! checks both.

// Ground: the machine. Knows no mail and no main.cf.
pub mod sys;
pub mod log;

// Words: grammar and values. No file, socket, clock or tokio.
pub mod mail;
pub mod wire;

// Settings.
pub mod config;

// Toolkit: what stages and processes are built from.
pub mod filter;
pub mod spool;
pub mod ipc;
pub mod sasl;
pub mod lookup;
pub mod dns;
pub mod tls;
pub mod service;

// Stages: libraries inside the processes that need them.
pub mod rewrite;
pub mod cleanup;
pub mod bounce;
pub mod verify;
#[cfg(feature = "tlsrpt")]
pub mod tlsrpt;

// Processes, in the order in which mail meets them.
pub mod master;
#[cfg(feature = "ssl")]
pub mod tlsmgr;
#[cfg(feature = "pam")]
pub mod pamauth;
pub mod smtpd;
pub mod pickup;
pub mod qmgr;
pub mod deliver;

// Commands and the front door.
pub mod commands;
pub mod multicall;
