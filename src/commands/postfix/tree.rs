//! The folders below queue_directory and data_directory: who owns them, and their modes.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use nix::unistd::{Gid, Uid};

use crate::config::{Config, parameters as p};
use crate::sys::users;

/// Who owns a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// root
    Root,
    /// `mail_owner`
    Mail,
}

/// A folder below queue_directory.
#[derive(Clone, Copy, Debug)]
pub struct Folder {
    /// Its name.
    pub name: &'static str,
    /// Its owner.
    pub owner: Owner,
    /// Whether its group is `setgid_group`.
    pub setgid_group: bool,
    /// Its mode.
    pub mode: u32,
}

const fn mail(name: &'static str) -> Folder {
    Folder { name, owner: Owner::Mail, setgid_group: false, mode: 0o700 }
}

/// The folders that C Postfix has, which tools and scripts look for, and the two of our own.
pub const FOLDERS: &[Folder] = &[
    mail("active"),
    mail("bounce"),
    mail("corrupt"),
    mail("defer"),
    mail("deferred"),
    mail("flush"),
    mail("hold"),
    mail("incoming"),
    mail("private"),
    mail("saved"),
    mail("tlstrace"),
    mail("trace"),
    mail("segments"),
    mail("state"),
    Folder { name: "maildrop", owner: Owner::Mail, setgid_group: true, mode: 0o730 },
    Folder { name: "public", owner: Owner::Mail, setgid_group: true, mode: 0o710 },
    Folder { name: "pid", owner: Owner::Root, setgid_group: false, mode: 0o755 },
];

/// Creates what is missing, and sets owner and mode of what it creates. What exists is left to
/// `postfix check` to complain about.
pub fn create(config: &Config, privileged: bool) -> Result<(), String> {
    let ids = Ids::of(config, privileged)?;
    let queue = config.queue_directory();
    let data = std::path::PathBuf::from(config.text(&p::data_directory));
    make(&queue, 0o755, ids.owner(Owner::Root), None)?;
    make(&data, 0o700, ids.owner(Owner::Mail), None)?;
    for folder in FOLDERS {
        let group = if folder.setgid_group { ids.setgid } else { None };
        make(&queue.join(folder.name), folder.mode, ids.owner(folder.owner), group)?;
    }
    Ok(())
}

/// The numbers behind mail_owner and setgid_group; none of them without root.
pub(super) struct Ids {
    pub(super) mail: Option<Uid>,
    pub(super) setgid: Option<Gid>,
}

impl Ids {
    pub(super) fn of(config: &Config, privileged: bool) -> Result<Self, String> {
        if !privileged {
            return Ok(Self { mail: None, setgid: None });
        }
        let user = users::user(&config.text(&p::mail_owner)).map_err(|e| e.to_string())?;
        let group = users::group(&config.text(&p::setgid_group)).map_err(|e| e.to_string())?;
        Ok(Self { mail: Some(user.uid), setgid: Some(group.gid) })
    }

    fn owner(&self, owner: Owner) -> Option<Uid> {
        match owner {
            Owner::Root => None,
            Owner::Mail => self.mail,
        }
    }
}

fn make(path: &Path, mode: u32, uid: Option<Uid>, gid: Option<Gid>) -> Result<(), String> {
    let say = |e: io::Error| {
        format!("unable to create missing queue directories: {}: {e}", path.display())
    };
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(say)?;
    // The mask of the caller may have taken bits away.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(say)?;
    if uid.is_some() || gid.is_some() {
        nix::unistd::chown(path, uid, gid).map_err(|e| say(e.into()))?;
    }
    Ok(())
}
