//! Users and groups, and giving up root for good.

use nix::unistd::{Gid, Group, Uid, User};

/// A failure to find or become somebody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// There is no such user.
    #[error("unknown user: {0}")]
    UnknownUser(String),
    /// There is no such group.
    #[error("unknown group: {0}")]
    UnknownGroup(String),
    /// The system refused.
    #[error("{0}: {1}")]
    System(&'static str, nix::Error),
}

/// The user of that name.
pub fn user(name: &str) -> Result<User, UserError> {
    User::from_name(name)
        .map_err(|e| UserError::System("getpwnam", e))?
        .ok_or_else(|| UserError::UnknownUser(name.to_owned()))
}

/// The group of that name.
pub fn group(name: &str) -> Result<Group, UserError> {
    Group::from_name(name)
        .map_err(|e| UserError::System("getgrnam", e))?
        .ok_or_else(|| UserError::UnknownGroup(name.to_owned()))
}

/// All groups of a user, as initgroups(3) would set them.
pub fn groups_of(user: &User) -> Result<Vec<Gid>, UserError> {
    let name = std::ffi::CString::new(user.name.as_str())
        .map_err(|_| UserError::UnknownUser(user.name.clone()))?;
    nix::unistd::getgrouplist(&name, user.gid).map_err(|e| UserError::System("getgrouplist", e))
}

/// The name of the user whose rights this process has.
pub fn effective_name() -> Option<String> {
    User::from_uid(Uid::effective()).ok().flatten().map(|user| user.name)
}

/// Whether this process has root's rights.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Becomes the user for good: supplementary groups, group, user, in this order, and checks that
/// there is no way back. All threads of the process change.
pub fn become_user(uid: Uid, gid: Gid, supplementary: &[Gid]) -> Result<(), UserError> {
    nix::unistd::setgroups(supplementary).map_err(|e| UserError::System("setgroups", e))?;
    nix::unistd::setresgid(gid, gid, gid).map_err(|e| UserError::System("setresgid", e))?;
    nix::unistd::setresuid(uid, uid, uid).map_err(|e| UserError::System("setresuid", e))?;
    if !uid.is_root() && nix::unistd::setuid(Uid::from_raw(0)).is_ok() {
        return Err(UserError::System("setuid back to root worked", nix::Error::EINVAL));
    }
    Ok(())
}
