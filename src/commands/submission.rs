//! What sendmail and postdrop have in common: who may submit mail, and where the configuration
//! may lie when the program has more rights than its caller.

use std::path::Path;
use std::sync::Arc;

use nix::unistd::{Uid, User};

use crate::config::lines::{logical_lines, split_assignment};
use crate::config::{Config, parameters as p, split_list};
use crate::lookup::Tables;
use crate::lookup::match_list::StringList;

pub use crate::service::postdrop::status;

/// The real user of this process.
pub fn uid() -> Uid {
    Uid::current()
}

/// The login name of a user, if there is one.
pub fn login_name(uid: Uid) -> Option<String> {
    User::from_uid(uid).ok().flatten().map(|user| user.name)
}

/// Whether `authorized_submit_users` lets the user in; the name of one that is kept out.
pub fn check_user(config: &Arc<Config>, uid: Uid) -> Result<(), String> {
    let list = config.text(&p::authorized_submit_users);
    if list.starts_with("static:") {
        return Ok(());
    }
    let name = login_name(uid).unwrap_or_else(|| "unknown".into());
    let tables = Tables::new(config.clone());
    let matched = StringList::parse(&tables, p::authorized_submit_users.name, &list)
        .ok()
        .and_then(|list| wait_for(list.matches(&name)))
        .and_then(Result::ok);
    if matched == Some(true) { Ok(()) } else { Err(name) }
}

/// Runs a table look-up to its end.
pub fn wait_for<T>(future: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(runtime.block_on(future))
}

/// Whether this process has rights that its caller lacks.
pub fn has_extra_rights() -> bool {
    let (uid, euid) = (Uid::current(), Uid::effective());
    let (gid, egid) = (nix::unistd::Gid::current(), nix::unistd::Gid::effective());
    !(uid.is_root() && euid.is_root()) && (uid != euid || gid != egid)
}

/// Refuses a folder that the main.cf of the system does not name, in Postfix's words: an error
/// and what is fatal about it.
pub fn check_directory(directory: &Path) -> Result<(), (String, String)> {
    const MAIN_CF: &str = "/etc/postfix/main.cf";
    let text = std::fs::read(MAIN_CF)
        .map_err(|e| (String::new(), format!("open file {MAIN_CF}: {}", crate::config::why(&e))))?;
    let text = String::from_utf8_lossy(&text);
    let allowed = logical_lines(MAIN_CF, &text, |_| {}).iter().any(|line| {
        matches!(
            split_assignment(&line.text),
            Ok(("alternate_config_directories" | "multi_instance_directories", value))
                if split_list(value).iter().any(|known| Path::new(known) == directory)
        )
    });
    if allowed {
        return Ok(());
    }
    let directory = directory.display();
    Err((
        format!("unauthorized configuration directory name: {directory}"),
        format!(
            "specify \"alternate_config_directories = {directory}\" or \
             \"multi_instance_directories = {directory}\" in {MAIN_CF}"
        ),
    ))
}
