//! smtpd to the address verification in qmgr, over `private/verify`, and back.

use serde::{Deserialize, Serialize};

/// From smtpd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToVerify {
    /// What is known about an address (internal form)? If nothing is, it is probed.
    Query(String),
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromVerify {
    /// What is known.
    pub status: Status,
    /// What the delivery agent said, or how things stand.
    pub text: String,
}

/// What is known about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Mail for it would be delivered.
    Deliverable,
    /// It could not be found out.
    Deferred,
    /// Mail for it would be returned.
    Bounced,
    /// Nothing yet: a probe is under way.
    Unknown,
}
