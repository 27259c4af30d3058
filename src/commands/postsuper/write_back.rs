//! `postsuper -W`: writes the queue out as queue files, for C Postfix to go on with.
//!
//! A message leaves the spool only after its file is on disk. After a crash in between it is there
//! twice, and whoever goes on next, `-W` or `-T`, makes it one again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::queue_files::Hashing;
use crate::config::{Config, why};
use crate::ipc::control::Change;
use crate::log::Log;
use crate::qmgr::offline::Offline;
use crate::spool::Reader;
use crate::wire::queue_file;

/// Writes all out; returns how many. Must be called while the mail system is down.
pub(super) fn run(config: &Config, log: &Log) -> Result<usize, String> {
    let queue_directory = config.queue_directory();
    let mut offline = Offline::open(&queue_directory)
        .map_err(|e| format!("the mail system must be stopped first: {e}"))?;
    let reader = Reader::new(&queue_directory);
    let hashing = Hashing::new(config);
    let mut written = Vec::new();
    for id in offline.ids() {
        let Some((queue, location, pending)) = offline.locate(id) else { continue };
        if pending.is_empty() {
            continue; // everybody has it; qmgr would only forget it
        }
        let stored = reader.open(location).map_err(|e| format!("{id}: {e}"))?;
        let content = stored.content.read_all().map_err(|e| format!("{id}: {}", why(&e)))?;
        let bytes = queue_file::write(&stored.envelope, &content, &pending);
        // qmgr(8) looks through incoming first, and that is where the time to try again is now.
        let queue = if queue.name() == "hold" { "hold" } else { "incoming" };
        let path = hashing.path(&queue_directory, queue, id);
        write(&path, &bytes).map_err(|e| format!("write {}: {}", path.display(), why(&e)))?;
        log.info(format_args!("{id}: written to {queue}"));
        written.push(id);
    }
    for id in &written {
        offline.change(Change::Delete, Some(*id), &[]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| format!("start of the runtime: {e}"))?;
    runtime.block_on(offline.sync()).map_err(|e| e.to_string())?;
    Ok(written.len())
}

/// The file is complete, and says so by its mode, before it has its name.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = path.with_extension("tmp");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o700))?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}
