//! Built without SASL: nobody logs in anywhere.

use std::sync::Arc;

use super::attempt::Attempt;
use super::connection::Connection;
use super::handshake::Refused;
use super::settings::Named;
use crate::config::{Config, Problem};
use crate::lookup::{TableError, Tables};

/// What a line would have with SASL: there is never one.
#[derive(Debug)]
pub struct LoginSettings {
    /// `smtp_send_dummy_mail_auth`
    pub dummy_mail_auth: bool,
}

/// How well a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "makes no difference here")]
pub enum Protection {
    None,
    Encrypted,
    Verified,
}

impl LoginSettings {
    /// Refuses a line that is to log in.
    pub(super) fn read(
        named: &Named<'_>,
        _: &Arc<Config>,
        _: &Tables,
        _: bool,
    ) -> Result<Option<Self>, Problem> {
        if named.bool("sasl_auth_enable") {
            let text = format!(
                "{}_sasl_auth_enable is true, but SASL support is not built in (USE=sasl)",
                named.prefix
            );
            return Err(Problem { text });
        }
        Ok(None)
    }

    /// Whether a connection is for one sender only.
    pub const fn is_by_sender(&self) -> bool {
        false
    }

    /// There are none.
    pub async fn credentials(&self, _: &str, _: &str, _: &str) -> Result<Option<()>, TableError> {
        Ok(None)
    }
}

/// Takes no note of what servers offer.
pub async fn offered(
    _: &LoginSettings,
    _: &Attempt<'_>,
    _: &mut Connection,
    _: &[String],
) -> Result<(), Refused> {
    Ok(())
}

/// Does nothing.
pub async fn log_in(
    _: &mut Attempt<'_>,
    _: &mut Connection,
    _: &str,
    _: Protection,
) -> Result<(), Refused> {
    Ok(())
}
