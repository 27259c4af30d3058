//! `postsuper -T`: takes the mail over that C Postfix has left in its queue files.
//!
//! A file is removed only after its message is on disk in the spool. A crash in between is no harm:
//! a message whose queue ID is in the spool already is not stored a second time.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::queue_files::{Hashing, Named, find};
use crate::config::{Config, why};
use crate::log::Log;
use crate::mail::envelope::Envelope;
use crate::qmgr::offline::Offline;
use crate::spool::{Content, INLINE_MAX, Writer};
use crate::wire::queue_file::{self, QueueFile};

/// Messages that share their way to the disk.
const AT_ONCE: usize = 64;

/// Takes all over; returns how many. Must be called while the mail system is down.
pub(super) fn run(config: &Config, log: &Log) -> Result<usize, String> {
    let queue_directory = config.queue_directory();
    let files = find(&queue_directory);
    if files.is_empty() {
        return Ok(0);
    }
    let offline = Offline::open(&queue_directory)
        .map_err(|e| format!("the mail system must be stopped first: {e}"))?;
    let known: HashSet<_> = offline.ids().into_iter().collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("start of the runtime: {e}"))?;
    let hashing = Hashing::new(config);
    let writer = Writer::open(&queue_directory).map_err(|e| e.to_string())?;
    let mut count = 0;
    for batch in files.chunks(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for file in batch {
            if known.contains(&file.id) {
                remove(&queue_directory, &hashing, file, log);
                continue;
            }
            let Some(message) = read(&queue_directory, &hashing, file, log) else { continue };
            let (writer, file) = (writer.clone(), file.clone());
            tasks.spawn_on(async move { (store(&writer, message).await, file) }, runtime.handle());
        }
        while let Some(done) = runtime.block_on(tasks.join_next()) {
            let (stored, file) = done.map_err(|e| format!("take over: {e}"))?;
            stored.map_err(|text| format!("{}: {text}", file.path.display()))?;
            remove(&queue_directory, &hashing, &file, log);
            log.info(format_args!("{}: taken over from {}", file.id, file.queue));
            count += 1;
        }
    }
    Ok(count)
}

/// A whole message; none if the file holds none: then it goes to the corrupt queue, or stays.
fn read(queue_directory: &Path, hashing: &Hashing, file: &Named, log: &Log) -> Option<QueueFile> {
    let shown = file.path.display();
    let bytes = std::fs::read(&file.path)
        .inspect_err(|e| log.warning(format_args!("open {shown}: {}", why(e))))
        .ok()?;
    let mode = std::fs::metadata(&file.path).map_or(0, |found| found.permissions().mode());
    if mode & 0o100 == 0 {
        // cleanup(8) was not done with it, and so nobody was told that it was accepted.
        log.warning(format_args!("{shown}: was never finished; removed"));
        let _ = std::fs::remove_file(&file.path);
        return None;
    }
    let mut message = match queue_file::read(&bytes) {
        Ok(message) => message,
        Err(error) => {
            log.warning(format_args!("{shown}: {error}; saved in the corrupt queue"));
            let corrupt = queue_directory.join("corrupt").join(file.id.as_str());
            let _ = std::fs::rename(&file.path, corrupt);
            return None;
        }
    };
    message.envelope.queue_id = Some(file.id);
    message.envelope.hold = file.queue == "hold";
    untold(queue_directory, hashing, file, &mut message.envelope);
    if message.envelope.recipients.is_empty() {
        remove(queue_directory, hashing, file, log);
        return None;
    }
    Some(message)
}

/// Recipients that failed, but whose sender has not been told: they are tried once more, so that
/// there is something to tell.
fn untold(queue_directory: &Path, hashing: &Hashing, file: &Named, envelope: &mut Envelope) {
    let logs = hashing.logs(queue_directory, file.id);
    for (_, path) in logs.iter().filter(|(log, _)| *log == "bounce") {
        let text = std::fs::read(path).unwrap_or_default();
        for recipient in queue_file::bounced(&String::from_utf8_lossy(&text)) {
            let known = envelope.recipients.iter().any(|r| r.address == recipient.address);
            if !known {
                envelope.recipients.push(recipient);
            }
        }
    }
}

async fn store(writer: &Arc<Writer>, message: QueueFile) -> Result<(), String> {
    let QueueFile { envelope, content } = message;
    let length = content.len() as u64;
    let content = if length > INLINE_MAX {
        let mut scratch = writer.scratch_file().map_err(|e| e.to_string())?;
        scratch.write_at(&content, 0).map_err(|e| e.to_string())?;
        Content::File(scratch, length)
    } else {
        Content::Memory(content)
    };
    writer.append(&envelope, content).await.map(drop).map_err(|e| e.to_string())
}

/// The file and the logs beside it.
fn remove(queue_directory: &Path, hashing: &Hashing, file: &Named, log: &Log) {
    for (_, path) in hashing.logs(queue_directory, file.id) {
        let _ = std::fs::remove_file(path);
    }
    if let Err(error) = std::fs::remove_file(&file.path) {
        log.warning(format_args!("remove {}: {}", file.path.display(), why(&error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::postsuper::write_back;
    use crate::config::Sources;
    use crate::mail::envelope::{Recipient, Timestamp};

    fn config(queue_directory: &Path) -> Arc<Config> {
        let main_cf = format!("queue_directory = {}\n", queue_directory.display());
        Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap()
    }

    fn put(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn message(recipient: &str, length: usize) -> Vec<u8> {
        let recipients = vec![Recipient { address: recipient.into(), ..Recipient::default() }];
        let envelope = Envelope {
            arrival: Timestamp(1_700_000_000_000_000),
            sender: "me@x".into(),
            recipients,
            ..Envelope::default()
        };
        queue_file::write(&envelope, &b"Subject: x\n\ntext\n".repeat(length), &[0])
    }

    #[test]
    fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let queue = folder.path();
        for name in ["corrupt", "incoming", "hold"] {
            std::fs::create_dir(queue.join(name)).unwrap();
        }
        put(&queue.join("deferred/A/A0001"), &message("a@x", 1));
        put(&queue.join("hold/A0002"), &message("b@x", 100_000));
        put(&queue.join("incoming/A0003"), b"garbage");
        put(&queue.join("defer/A/A0001"), b"<a@x>: later\n");
        put(&queue.join("bounce/A0001"), b"recipient=gone@x\nreason=no\n\n");
        let config = config(queue);
        let log = Log::for_command("postfix", "postsuper");
        assert_eq!(run(&config, &log), Ok(2));
        assert_eq!(find(queue), []);
        assert!(queue.join("corrupt/A0003").exists());
        assert!(!queue.join("defer/A/A0001").exists() && !queue.join("bounce/A0001").exists());
        let offline = Offline::open(queue).unwrap();
        let names: Vec<String> = offline.ids().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 2);
        let (held, ..) = offline.locate("A0002".parse().unwrap()).unwrap();
        assert_eq!(held.name(), "hold");
        drop(offline);

        // A crash before the file was removed: it is not stored again.
        put(&queue.join("deferred/A/A0001"), &message("a@x", 1));
        assert_eq!(run(&config, &log), Ok(0));
        assert_eq!(find(queue), []);

        assert_eq!(write_back::run(&config, &log), Ok(2));
        assert_eq!(Offline::open(queue).unwrap().ids(), []);
        let file = queue_file::read(&std::fs::read(queue.join("incoming/A0001")).unwrap()).unwrap();
        let recipients: Vec<&str> =
            file.envelope.recipients.iter().map(|r| r.address.as_str()).collect();
        assert_eq!(recipients, ["a@x", "gone@x"]);
        let large = queue_file::read(&std::fs::read(queue.join("hold/A0002")).unwrap()).unwrap();
        assert_eq!(large.content, b"Subject: x\n\ntext\n".repeat(100_000));
        assert_eq!(run(&config, &log), Ok(2));
    }
}
