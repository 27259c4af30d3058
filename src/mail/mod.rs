//! The words of mail: addresses, queue IDs, status codes, envelopes, headers. Pure values and
//! grammar: no file, socket, clock or tokio.

pub mod address;
pub mod envelope;
pub mod hostname;
pub mod outcome;
pub mod queue_id;
pub mod status;
pub mod header;
pub mod mime;
