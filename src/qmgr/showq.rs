//! showq(8): the listing of the queue, in Postfix's attribute protocol, on `public/showq`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::event::{Event, Listed};
use super::scheduler::Queue;
use super::work::reasons;
use crate::bounce::{printable, shown};
use crate::mail::address::same;
use crate::mail::queue_id::QueueId;
use crate::spool::Reader;
use crate::wire::{attr, queue_record};

/// The queues in the order of the listing.
pub(super) const ORDER: [Queue; 4] = [Queue::Active, Queue::Incoming, Queue::Deferred, Queue::Hold];

/// How much of a maildrop file is read for its envelope, in bytes.
const MAILDROP_ENVELOPE: u64 = 1 << 20;

/// Accepts those who want to see the queue.
pub(super) async fn serve(
    listener: UnixListener,
    reader: Arc<Reader>,
    queue_directory: PathBuf,
    empty_address: String,
    events: mpsc::Sender<Event>,
) {
    let (queue_directory, empty_address) = (Arc::new(queue_directory), Arc::new(empty_address));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let list = List {
                    reader: reader.clone(),
                    queue_directory: queue_directory.clone(),
                    empty_address: empty_address.clone(),
                    events: events.clone(),
                };
                tokio::spawn(list.write(stream));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

struct List {
    reader: Arc<Reader>,
    queue_directory: Arc<PathBuf>,
    empty_address: Arc<String>,
    events: mpsc::Sender<Event>,
}

impl List {
    async fn write(self, mut stream: UnixStream) {
        let mut out = Vec::new();
        attr::put(&mut out, "protocol", "mail_queue_list_protocol");
        attr::end(&mut out);
        maildrop(&self.queue_directory, &self.empty_address, &mut out);
        for queue in ORDER {
            let mut after = 0;
            loop {
                let (answer, answered) = oneshot::channel();
                if self.events.send(Event::List { queue, after, answer }).await.is_err() {
                    return;
                }
                let Ok(listing) = answered.await else { return };
                for listed in &listing.entries {
                    message(&self.reader, listed, &self.empty_address, &mut out);
                }
                if stream.write_all(&out).await.is_err() {
                    return;
                }
                out.clear();
                match listing.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
        }
        attr::end(&mut out);
        let _ = stream.write_all(&out).await;
    }
}

/// One message; nothing if it has gone since.
pub(super) fn message(reader: &Reader, listed: &Listed, empty: &str, out: &mut Vec<u8>) {
    let Ok(stored) = reader.open(listed.location) else { return };
    let envelope = stored.envelope;
    let address = |address: &str| if address.is_empty() { empty.into() } else { shown(address) };
    head(
        out,
        listed.queue.name(),
        listed.id.as_str(),
        listed.arrival.seconds(),
        envelope.size,
        listed.forced_expire,
        &address(&envelope.sender),
    );
    let mut seen = Vec::new();
    for (index, outcome) in listed.reasons.as_deref().map(reasons).unwrap_or_default() {
        if listed.done.has(index) {
            continue;
        }
        let Some(to) = envelope.recipients.get(index as usize) else { continue };
        let differs = !to.original.is_empty() && !same(&to.original, &to.address);
        let original = if differs { shown(&to.original) } else { String::new() };
        let shown = address(&to.address);
        recipient(out, &original, &shown, "defer", &printable(&outcome.text));
        seen.push(index);
    }
    for (index, to) in (0..).zip(&envelope.recipients) {
        if listed.done.has(index) || seen.contains(&index) {
            continue;
        }
        let shown_address = address(&to.address);
        let original =
            if to.original.is_empty() { shown_address.clone() } else { shown(&to.original) };
        recipient(out, &original, &shown_address, "", "");
    }
    attr::end(out);
}

fn head(
    out: &mut Vec<u8>,
    queue: &str,
    id: &str,
    time: u64,
    size: u64,
    forced_expire: bool,
    sender: &str,
) {
    attr::put(out, "queue_name", queue);
    attr::put(out, "queue_id", id);
    attr::put(out, "time", &time.to_string());
    attr::put(out, "size", &size.to_string());
    attr::put(out, "forced_expire", if forced_expire { "1" } else { "0" });
    attr::put(out, "sender", sender);
}

fn recipient(out: &mut Vec<u8>, original: &str, address: &str, class: &str, reason: &str) {
    attr::put(out, "original_recipient", original);
    attr::put(out, "recipient", address);
    attr::put(out, "log_class", class);
    // A command's last line end has become a blank by then; Postfix's defer log drops it too.
    attr::put(out, "reason", reason.trim_end());
}

/// Mail in the maildrop that pickup has not taken yet.
pub(super) fn maildrop(queue_directory: &Path, empty: &str, out: &mut Vec<u8>) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(names) = std::fs::read_dir(queue_directory.join("maildrop")) else { return };
    for file in names.flatten() {
        let Ok(metadata) = file.metadata() else { continue };
        let id = file.file_name().to_string_lossy().into_owned();
        // A file is executable once it is complete.
        let complete = metadata.is_file() && metadata.permissions().mode() & 0o100 != 0;
        if complete && id.parse::<QueueId>().is_ok() {
            maildrop_message(&file.path(), &id, &metadata, empty, out);
        }
    }
}

fn maildrop_message(
    path: &Path,
    id: &str,
    metadata: &std::fs::Metadata,
    empty: &str,
    out: &mut Vec<u8>,
) {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAILDROP_ENVELOPE).read_to_end(&mut bytes));
    if read.is_err() {
        return;
    }
    let address = |data: &[u8]| match String::from_utf8_lossy(data) {
        address if address.is_empty() => empty.to_owned(),
        address => shown(&address),
    };
    let mut time = u64::try_from(metadata.mtime()).unwrap_or_default();
    let mut begun = false;
    let mut rest = bytes.as_slice();
    while let Ok(Some(record)) = queue_record::take(rest, usize::MAX) {
        rest = rest.get(record.length..).unwrap_or_default();
        match record.kind {
            b'T' if !begun => {
                let text = String::from_utf8_lossy(record.data);
                let seconds = text.split_whitespace().next().and_then(|t| t.parse().ok());
                time = seconds.unwrap_or(time);
            }
            b'S' if !begun => {
                begun = true;
                head(out, "maildrop", id, time, metadata.len(), false, &address(record.data));
            }
            b'R' if begun => {
                let to = address(record.data);
                recipient(out, &to, &to, "", "");
            }
            b'M' => break,
            _ => {}
        }
    }
    if begun {
        attr::end(out);
    }
}
