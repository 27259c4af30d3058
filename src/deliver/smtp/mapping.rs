//! Envelope addresses as the server sees them.

use crate::ipc::delivery::{Request, To};

/// Addresses of one request after `smtp_generic_maps`.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    sender: String,
}

impl Mapping {
    /// Without changes.
    pub fn plain(request: &Request) -> Self {
        Self { sender: request.sender.clone() }
    }

    /// The envelope sender.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// A recipient.
    pub fn recipient<'a>(&'a self, to: &'a To) -> &'a str {
        &to.address
    }
}
