//! What all tables behind a socket share: their settings, their templates, their servers.

#[cfg(feature = "ssl")]
pub mod encryption;
pub mod endpoint;
#[cfg(table_settings)]
pub mod frame;
pub mod pool;
#[cfg(table_settings)]
pub mod settings;
pub mod stream;
#[cfg(table_settings)]
pub mod template;

use super::outage::Limited;
use super::server::Reply;
use super::table::Failure;
use crate::log::Log;

/// Logs trouble, but not for ever.
pub fn warn_within(outage: &Limited, log: &Log, text: &str) {
    if outage.may_complain() {
        log.warning(format_args!("{text}"));
    }
}

/// A [`Reply`] from a future.
pub fn reply<'a>(
    answer: impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send + 'a,
) -> Reply<'a> {
    Box::pin(answer)
}
