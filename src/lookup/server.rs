//! Tables that are asked through a socket: databases, directories, other programs.

use std::fmt::Debug;
use std::pin::Pin;

use super::table::{Failure, SequenceError};
use crate::log::Log;

/// A table that answers in its own time, while other sessions go on.
pub trait Server: Debug + Send + Sync {
    /// The value for `key` (folded as the table's purpose says). What goes wrong is logged here,
    /// but for the caller's own line; every wait has a limit.
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a>;

    /// Whether it holds fixed strings, so that parts of addresses and parent domains are looked
    /// up too; tables that compute (tcp, socketmap …) see whole keys only.
    fn is_fixed(&self) -> bool;

    /// Gives all records to `visit`, where they can be listed.
    fn for_each(
        &self,
        _log: &Log,
        _visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), SequenceError> {
        Err(SequenceError::Unsupported)
    }
}

/// What a [`Server`] will answer.
pub type Reply<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, Failure>> + Send + 'a>>;
