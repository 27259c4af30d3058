//! Mail in the maildrop, which pickup has not taken in yet: one file a message.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::mail::queue_id::QueueId;

/// Removes all complete messages (their files are executable); returns how many.
pub(super) fn delete_all(queue_directory: &Path) -> usize {
    let Ok(names) = std::fs::read_dir(queue_directory.join("maildrop")) else { return 0 };
    names
        .flatten()
        .filter(|entry| {
            let complete =
                entry.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o100 != 0);
            complete && std::fs::remove_file(entry.path()).is_ok()
        })
        .count()
}

/// Removes one message. Whether there was one.
pub(super) fn delete(queue_directory: &Path, id: QueueId) -> bool {
    std::fs::remove_file(queue_directory.join("maildrop").join(id.as_str())).is_ok()
}
