//! How much memory qmgr needs for a long queue: `cargo bench --bench queue`.
//!
//! `QUEUE_MESSAGES` says how many deferred messages there are (a million), each with a reason of
//! its own; with `QUEUE_DUE=yes` all are due at once, and qmgr tries them for a while. `QUEUE_DIR`
//! puts the spool on another file system. The program prints what `/proc` says about qmgr: resident
//! now, and at most since it started.
#![expect(clippy::unwrap_used, reason = "a benchmark may end with a panic")]

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postfix_rs::config::Sources;
use postfix_rs::ipc::birth::{Start, ToProcess};
use postfix_rs::ipc::channel::append_frame;
use postfix_rs::mail::envelope::{Client, Envelope, Recipient};
use postfix_rs::mail::outcome::Outcome;
use postfix_rs::mail::status::Status;
use postfix_rs::spool::{Content, Event, StateLog, Writer};

/// Sessions that write at the same time.
const SESSIONS: u64 = 500;

/// The kind of note that holds reasons.
const REASONS: u8 = 1;

fn envelope(writer: &Writer, number: u64) -> Envelope {
    let (id, arrival) = writer.queue_id(false);
    let address = format!("recipient{number}@site{}.example.org", number % 1000);
    Envelope {
        queue_id: Some(id),
        arrival,
        sender: format!("sender{number}@example.com"),
        recipients: vec![Recipient {
            address: address.clone(),
            original: address,
            ..Recipient::default()
        }],
        client: Client {
            name: "client.example.com".into(),
            reverse_name: "client.example.com".into(),
            address: "192.0.2.1".into(),
            port: "40000".into(),
            helo: "client.example.com".into(),
            protocol: "ESMTP".into(),
            ident: String::new(),
        },
        ..Envelope::default()
    }
}

/// Puts so many messages into the spool, each deferred until `next` for a reason of its own.
async fn fill(directory: &Path, messages: u64, next: u64) {
    let writer = Writer::open(directory).unwrap();
    let (log, _) = StateLog::open(directory).unwrap();
    let log = Arc::new(log);
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..SESSIONS {
        let (writer, log) = (writer.clone(), log.clone());
        tasks.spawn(async move {
            for number in (first..messages).step_by(usize::try_from(SESSIONS).unwrap()) {
                let envelope = envelope(&writer, number);
                let content = Content::Memory(vec![b'x'; 200]);
                let key = writer.append(&envelope, content).await.unwrap().key();
                let text = format!(
                    "host mail.site{}.example.org[192.0.2.7] said: 451 4.7.1 try again later, session {number:020}",
                    number % 1000
                );
                let reasons = vec![(0_u32, Outcome::own(Status::new(4, 7, 1), text))];
                let note = postcard::to_stdvec(&reasons).unwrap().into();
                log.append(&Event::Scheduled { key, next_attempt: next, attempts: 0 });
                log.append(&Event::Noted { key, kind: REASONS, note });
            }
        });
    }
    tasks.join_all().await;
    log.sync().await.unwrap();
}

/// Starts qmgr as master would, without any service.
fn start(directory: &Path) -> (Child, UnixStream) {
    let main_cf = format!(
        "compatibility_level = 3.11\nmyhostname = host.example\nqueue_directory = {0}\ndata_directory = {0}/data\n\
         maillog_file = {0}/log\nmaillog_file_prefixes = {0}\n",
        directory.display()
    );
    let sources = Sources { directory: directory.into(), main_cf, master_cf: String::new() };
    let start = Start {
        sources,
        services: Vec::new(),
        all_services: Vec::new(),
        privileged: false,
        lender: false,
        generation: 0,
    };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_postfix"))
        .arg0("qmgr")
        .current_dir(directory)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let mut frame = Vec::new();
    append_frame(&mut frame, &ToProcess::Start(start)).unwrap();
    ours.write_all(&frame).unwrap();
    (child, ours)
}

/// Megabytes by that name in the status of a process.
fn megabytes(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

fn main() {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let messages: u64 = number("QUEUE_MESSAGES", 1_000_000);
    let due = std::env::var_os("QUEUE_DUE").is_some_and(|value| value == "yes");
    let parent = std::env::var_os("QUEUE_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    for name in ["data", "private", "public"] {
        std::fs::create_dir(directory.path().join(name)).unwrap();
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let next = u64::try_from(now).unwrap() + if due { 0 } else { 86_400_000_000 };
    let begin = Instant::now();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(fill(directory.path(), messages, next));
    println!("{messages} messages written in {:.0} s", begin.elapsed().as_secs_f64());
    drop(runtime);

    let begin = Instant::now();
    let (mut child, _master) = start(directory.path());
    let mut same = 0;
    let mut last = 0;
    // Until it has stood still for a while.
    while same < 20 && begin.elapsed() < Duration::from_secs(600) {
        std::thread::sleep(Duration::from_millis(500));
        let resident = megabytes(child.id(), "VmRSS:");
        same = if resident.abs_diff(last) <= 1 { same + 1 } else { 0 };
        last = resident;
    }
    println!(
        "qmgr after {:.0} s: {} MB resident, {} MB at most",
        begin.elapsed().as_secs_f64() - 10.0,
        megabytes(child.id(), "VmRSS:"),
        megabytes(child.id(), "VmHWM:"),
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
