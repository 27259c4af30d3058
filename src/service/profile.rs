//! What a service process may touch: one value on the title page of each process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, parameters as p, paths_in};
use crate::log::Log;
use crate::lookup;
use crate::sasl::server;
use crate::sys::confine::{self, Confined, Files};
use crate::sys::users;

/// The rights of a process after its birth.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name in the process table and in the log.
    pub name: &'static str,
    /// Whom it runs as.
    pub user: RunAs,
    /// Paths below the queue directory it may write; everything else there is read-only. With a
    /// `$`: the folder that a parameter names.
    pub writes: &'static [&'static str],
    /// Whether it may start other programs.
    pub executes: bool,
    /// How many threads carry its sessions.
    pub threads: Threads,
    /// One sentence for the documentation.
    pub purpose: &'static str,
}

/// Whom a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// `mail_owner`, for good.
    MailOwner,
    /// root, so that workers can become users; parses nothing that a user wrote.
    Root,
}

/// How many threads run a process's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One: a loop that owns its state.
    One,
    /// One for each processor: many independent sessions.
    PerProcessor,
}

/// What every process may read: name service, resolver, certificates, time zones, and devices.
const COMMON_READ: &[&str] =
    &["/etc", "/usr", "/lib", "/lib64", "/run", "/var/run", "/dev", "/proc", "/sys"];

impl Profile {
    /// Gives up what the profile does not name, for good. Without root only what any process may
    /// give up is given up.
    ///
    /// `views` are the configurations that it runs with: its own last, before that those of the
    /// master.cf lines that it serves. `folders` are those that these lines let it write to as well.
    pub fn confine(
        &self,
        views: &[Arc<Config>],
        folders: Vec<PathBuf>,
        privileged: bool,
        log: &Log,
    ) -> Result<(), String> {
        let Some(config) = views.last() else { return Err("no configuration".into()) };
        // The settings of tables may be for root's eyes only.
        let mut files = self.files(config, views);
        files.write.extend(folders);
        let say = |what: &'static str| move |e: &dyn std::fmt::Display| format!("{what}: {e}");
        if cfg!(feature = "hardened") {
            confine::no_core_dumps().map_err(|e| say("core dumps")(&e))?;
        }
        if self.user == RunAs::MailOwner {
            if privileged {
                let name = config.text(&p::mail_owner);
                let owner = users::user(&name).map_err(|e| say("mail_owner")(&e))?;
                // Groups that the administrator has put the owner into: those of saslauthd, sasldb
                // and milters.
                let groups = users::groups_of(&owner).map_err(|e| say("groups")(&e))?;
                users::become_user(owner.uid, owner.gid, &groups)
                    .map_err(|e| say("set user")(&e))?;
            }
            if !self.executes {
                confine::no_new_privileges().map_err(|e| say("no_new_privs")(&e))?;
            }
            let confined = confine::files(&files).map_err(|e| say("landlock")(&e))?;
            if confined == Confined::Not && cfg!(feature = "hardened") {
                return Err("this kernel has no Landlock, and what was built with USE=hardened \
                            serves nobody without it"
                    .into());
            }
            if confined == Confined::Not && log.verbose() > 0 {
                log.info(format_args!(
                    "this kernel has no Landlock: files are protected by owner and mode alone"
                ));
            }
        }
        if self.executes && self.user == RunAs::Root {
            // The commands of users inherit whatever is given up here: they start set-uid programs,
            // and a filter would forbid that.
            return Ok(());
        }
        confine::system_calls(self.executes).map_err(|e| say("seccomp")(&e))
    }

    /// The file rights: common system files, the configuration and the tables that it names to
    /// read; the profile's own part of the queue to write.
    fn files(&self, config: &Config, views: &[Arc<Config>]) -> Files {
        let queue = config.queue_directory();
        let mut read: Vec<PathBuf> = COMMON_READ.iter().map(PathBuf::from).collect();
        read.push(config.directory.clone());
        read.push(queue.clone());
        read.extend(views.iter().flat_map(|view| named_folders(view)));
        read.extend(views.iter().flat_map(|view| login_folders(view)));
        read.sort();
        read.dedup();
        let mut write: Vec<PathBuf> = Vec::new();
        for path in self.writes {
            write.push(match path.strip_prefix('$') {
                Some(parameter) => config.value(parameter).into(),
                None => queue.join(path),
            });
        }
        write.push("/dev/null".into());
        let execute = if self.executes { vec![PathBuf::from("/")] } else { Vec::new() };
        Files { read, write, execute }
    }
}

/// The folders of the files in which logins are looked up: they are replaced when they change.
fn login_folders(config: &Config) -> Vec<PathBuf> {
    if !config.bool(&p::smtpd_sasl_auth_enable) {
        return Vec::new();
    }
    let files = server::files(&server::Source::of(config)).into_iter();
    files.filter_map(|file| file.parent().map(PathBuf::from)).collect()
}

/// The folders of all files that main.cf names: tables and lists are read again when they
/// change, and an editor replaces a file rather than writing into it.
fn named_folders(config: &Config) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for name in config.names_set() {
        let value = config.value(name);
        for path in paths_in(&value).map(Path::new) {
            folders.extend(path.parent().filter(|folder| folder.is_dir()).map(PathBuf::from));
            for file in lookup::files_of_settings(&value, path) {
                let folder = if file.is_dir() { Some(&*file) } else { file.parent() };
                folders.extend(folder.map(PathBuf::from));
            }
        }
    }
    folders.retain(|folder| folder.parent().is_some());
    folders.sort();
    folders.dedup();
    folders
}
