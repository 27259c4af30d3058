//! Looks through the maildrop queue, and takes in several files at a time: they share their way
//! to the disk.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::submission::{Fate, Settings, Submission};
use crate::cleanup::Cleanup;
use crate::config::why;
use crate::log::Log;
use crate::mail::queue_id::QueueId;
use crate::service::birth::Life;

/// Files that are taken in at the same time.
const AT_ONCE: usize = 64;

/// The maildrop queue.
#[derive(Debug)]
pub(super) struct Maildrop {
    pub(super) directory: PathBuf,
    pub(super) cleanup: Arc<Cleanup>,
    pub(super) settings: Arc<Settings>,
    pub(super) log: Log,
}

impl Maildrop {
    /// Takes mail in whenever there may be some, until the process is to end.
    pub(super) async fn watch(self, wake: &Notify, interval: Duration, mut life: Life) {
        loop {
            // Files may come while the folder is being read: look until nothing is found.
            while !life.is_draining() && self.round(&life).await > 0 {}
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(interval) => {}
                () = life.drained() => return,
            }
        }
    }

    /// Takes in what is there now; returns how many files are gone.
    async fn round(&self, life: &Life) -> usize {
        let names = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries.flatten().map(|entry| entry.file_name()),
            Err(error) => {
                let directory = self.directory.display();
                self.log.fatal(format_args!("open directory {directory}: {}", why(&error)));
                return 0;
            }
        };
        let mut tasks = JoinSet::new();
        let mut gone = 0;
        for name in names {
            if life.is_draining() {
                break;
            }
            let Some(submission) = name.to_str().and_then(|name| self.submission(name)) else {
                continue;
            };
            while tasks.len() >= AT_ONCE {
                gone +=
                    usize::from(tasks.join_next().await.is_some_and(|done| done.unwrap_or(false)));
            }
            let (cleanup, settings, log) =
                (self.cleanup.clone(), self.settings.clone(), self.log.clone());
            tasks.spawn(async move {
                let path = submission.path.clone();
                match submission.take_in(&cleanup, &settings, &log).await {
                    Fate::Remove => remove(&path, &log),
                    Fate::Keep => false,
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            gone += usize::from(done.unwrap_or(false));
        }
        gone
    }

    /// The file of that name, if it is a complete submission. What is still being written, and
    /// garbage, is left alone.
    fn submission(&self, name: &str) -> Option<Submission> {
        name.parse::<QueueId>().ok()?;
        let path = self.directory.join(name);
        let shown = format!("maildrop/{name}");
        let status = match std::fs::symlink_metadata(&path) {
            Ok(status) => status,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
            Err(e) => {
                self.log.warning(format_args!("{shown}: {}", why(&e)));
                return None;
            }
        };
        let uid = status.uid();
        if !status.is_file() {
            self.log.warning(format_args!("{shown}: uid {uid}: not a regular file"));
            return None;
        }
        if status.mode() & 0o700 != 0o700 {
            return None;
        }
        if status.nlink() > 1 {
            self.log.warning(format_args!("{shown}: uid {uid}: file has {} links", status.nlink()));
        }
        Some(Submission { path, shown, uid, mode: status.mode(), modified: status.mtime() })
    }
}

fn remove(path: &Path, log: &Log) -> bool {
    match std::fs::remove_file(path) {
        Ok(()) => true,
        Err(error) => {
            log.warning(format_args!("remove {}: {}", path.display(), why(&error)));
            false
        }
    }
}
