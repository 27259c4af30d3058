//! Queue files of C Postfix below the queue directory: where they lie, and the logs beside them.

use std::path::{Path, PathBuf};

use crate::config::{Config, parameters as p, split_list};
use crate::mail::queue_id::QueueId;
use crate::wire::queue_file::hashed;

/// The queues that hold whole messages, in the order in which they are taken over.
pub(super) const QUEUES: [&str; 4] = ["hold", "active", "incoming", "deferred"];

/// Logs about recipients of a message.
const LOGS: [&str; 3] = ["bounce", "defer", "trace"];

/// How deep `hash_queue_depth` may make the folders.
const DEPTH: usize = 16;

/// A message's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) queue: &'static str,
    pub(super) id: QueueId,
    pub(super) path: PathBuf,
}

/// All files with the names of messages.
pub(super) fn find(queue_directory: &Path) -> Vec<Named> {
    let mut found = Vec::new();
    for queue in QUEUES {
        collect(queue, &queue_directory.join(queue), 0, &mut found);
    }
    found
}

fn collect(queue: &'static str, folder: &Path, depth: usize, found: &mut Vec<Named>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        if kind.is_dir() && depth < DEPTH {
            collect(queue, &entry.path(), depth + 1, found);
        } else if kind.is_file()
            && let Some(id) = name.to_str().and_then(|name| name.parse().ok())
        {
            found.push(Named { queue, id, path: entry.path() });
        }
    }
}

/// The names of the folders of files in a queue.
#[derive(Clone, Debug)]
pub(super) struct Hashing {
    queues: Vec<String>,
    depth: usize,
}

impl Hashing {
    /// `hash_queue_names`, `hash_queue_depth`
    pub(super) fn new(config: &Config) -> Self {
        let names = config.text(&p::hash_queue_names);
        let queues = split_list(&names).into_iter().map(str::to_owned).collect();
        Self { queues, depth: config.count(&p::hash_queue_depth).min(DEPTH) }
    }

    /// Where the file of a message goes.
    pub(super) fn path(&self, queue_directory: &Path, queue: &str, id: QueueId) -> PathBuf {
        let hashed_too = self.queues.iter().any(|name| name == queue);
        let folders = if hashed_too { hashed(id, self.depth) } else { String::new() };
        queue_directory.join(queue).join(folders).join(id.as_str())
    }

    /// The logs of a message that there are; the name of the queue and the path.
    pub(super) fn logs(&self, queue_directory: &Path, id: QueueId) -> Vec<(&'static str, PathBuf)> {
        let mut found = Vec::new();
        for log in LOGS {
            let flat = queue_directory.join(log).join(id.as_str());
            let hashed = queue_directory.join(log).join(hashed(id, self.depth)).join(id.as_str());
            if let Some(path) = [flat, hashed].into_iter().find(|path| path.is_file()) {
                found.push((log, path));
            }
        }
        found
    }
}
