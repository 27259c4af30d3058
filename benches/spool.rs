//! Appends per second for 1, 20 and 100 sessions at once: `cargo bench --bench spool`.
//!
//! The spool lies in a temporary directory; `SPOOL_DIR` puts it on another file system. What
//! counts on a real machine is its disk, so compare only runs on the same one.
#![expect(clippy::unwrap_used, reason = "a benchmark may end with a panic")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postfix_rs::mail::envelope::{Client, Envelope, Recipient};
use postfix_rs::spool::{Content, Notice, Writer};

/// How long each measurement lasts.
const TIME: Duration = Duration::from_secs(2);

fn envelope(writer: &Writer) -> Envelope {
    let (id, arrival) = writer.queue_id(false);
    Envelope {
        queue_id: Some(id),
        arrival,
        sender: "sender@example.com".into(),
        recipients: vec![Recipient {
            address: "recipient@example.org".into(),
            original: "recipient@example.org".into(),
            ..Recipient::default()
        }],
        client: Client {
            name: "localhost".into(),
            reverse_name: "localhost".into(),
            address: "127.0.0.1".into(),
            port: "40000".into(),
            helo: "localhost".into(),
            protocol: "ESMTP".into(),
            ident: String::new(),
        },
        ..Envelope::default()
    }
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1_000_000 + t.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

async fn measure(writer: &Arc<Writer>, sessions: usize, size: usize) {
    let begin = Instant::now();
    let cpu_before = cpu();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..sessions {
        let writer = Arc::clone(writer);
        tasks.spawn(async move {
            let mut waits = Vec::new();
            while begin.elapsed() < TIME {
                let envelope = envelope(&writer);
                let content = Content::Memory(vec![b'x'; size]);
                let asked = Instant::now();
                writer.append(&envelope, content).await.unwrap();
                waits.push(asked.elapsed());
            }
            waits
        });
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.concat();
    waits.sort_unstable();
    let count = waits.len();
    let seconds = begin.elapsed().as_secs_f64();
    let cpu_each = (cpu() - cpu_before).as_secs_f64() * 1e6 / count as f64;
    println!(
        "{sessions:>4} sessions {size:>6} bytes {:>8.0} appends/s   median {:>6.0} us   p99 {:>6.0} us   CPU {cpu_each:>5.1} us each",
        count as f64 / seconds,
        waits[count / 2].as_secs_f64() * 1e6,
        waits[count * 99 / 100].as_secs_f64() * 1e6,
    );
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let parent = std::env::var_os("SPOOL_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    runtime.block_on(async {
        let writer = Writer::open(directory.path()).unwrap();
        let mut notices = writer.notices().unwrap();
        // Whoever stores that fast has its segments back at once, as with a quick qmgr.
        let recycling = Arc::clone(&writer);
        tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                if let Notice::Full(full) = notice {
                    recycling.recycle(full.segment, full.generation);
                }
            }
        });
        for size in [4096, 65536] {
            for sessions in [1, 20, 100] {
                measure(&writer, sessions, size).await;
            }
        }
    });
}
