//! Without the feature `tlsrpt` nobody hears about handshakes.

use super::attempt::Attempt;
use super::connection::Connection;
use super::encryption::Policy;
use super::settings::Named;
use crate::dns::Resolver;
use crate::ipc::tlsrpt::ResultType;

/// The parameters of one line.
#[derive(Clone, Debug, Default)]
pub struct Reporting {
    /// What is odd about them, for the log.
    pub complaint: Option<String>,
}

/// There is never one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {}

impl Reporting {
    /// Says so if reports are asked for.
    pub(super) fn read(named: &Named<'_>, _: bool, _: bool) -> Self {
        let text = format!(
            "{}_tlsrpt_enable has no effect: this program was built without the USE flag tlsrpt",
            named.prefix
        );
        Self { complaint: named.bool("tlsrpt_enable").then_some(text) }
    }

    /// Nobody wants a report.
    pub async fn begin(&self, _: &Resolver, _: &Attempt<'_>, _: &str) -> Option<Box<Subject>> {
        None
    }
}

/// Nobody hears it.
pub fn server(_: &mut Attempt<'_>, _: &Policy) {}

/// Nobody hears it.
pub fn success(_: &mut Attempt<'_>, _: &Connection, _: bool) {}

/// Nobody hears it.
pub fn failure(_: &mut Attempt<'_>, _: &Connection, _: ResultType, _: &str) {}

/// Nobody hears it.
#[cfg(feature = "ssl")]
pub fn unverified(_: &mut Attempt<'_>, _: &Connection) {}
