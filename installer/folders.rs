//! The queue and data folders: whose they are and what their modes are.

use std::path::Path;

use postfix_rs::commands::postfix::tree;

use crate::machine::Machine;
use crate::plan::{Draft, Owner, Role};

/// Where mail waits.
pub const QUEUE: &str = "/var/spool/postfix";
/// Where caches are.
pub const DATA: &str = "/var/lib/postfix";

/// Folders that are missing or have the wrong rights. A staging folder gets the two uppermost
/// alone: the rest is made by `postfix start` on the machine itself, where the accounts are.
pub fn plan(draft: &mut Draft<'_>, machine: &Machine) {
    let role = Role::State;
    if !machine.is_system() {
        draft.folder(Path::new(QUEUE), 0o755, Owner::root(), role);
        draft.folder(Path::new(DATA), 0o700, Owner::root(), role);
        return;
    }
    let mail = || Owner::new("postfix", "postfix");
    draft.folder_exactly(Path::new(QUEUE), 0o755, Owner::root(), role);
    draft.folder_exactly(Path::new(DATA), 0o700, mail(), role);
    for folder in tree::FOLDERS {
        let owner = match folder.owner {
            tree::Owner::Root => Owner::root(),
            tree::Owner::Mail if folder.setgid_group => Owner::new("postfix", "postdrop"),
            tree::Owner::Mail => Owner::new("postfix", "root"),
        };
        draft.folder_exactly(&Path::new(QUEUE).join(folder.name), folder.mode, owner, role);
    }
}
