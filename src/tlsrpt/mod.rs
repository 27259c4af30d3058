//! TLS reports (RFC 8460): counts how handshakes with servers of other domains went, and tells
//! each domain that asks for it, once a day.
//!
//! smtp looks for a domain's TLSRPT record, and reports each handshake to qmgr on the connection
//! that it has anyway. This part lives in qmgr: [`totals`] adds handshakes up and is kept in a
//! file, [`report`] turns the sums of one domain into JSON, [`letter`] turns that into mail, [`post`] sends
//! it by HTTPS, and [`collector`] knows when. Nothing here costs anything until a handshake comes in.

mod collector;
mod letter;
mod post;
mod report;
mod totals;

pub use collector::{Collector, Letter, Settings};
pub use report::{Period, Report};
pub use totals::Totals;
