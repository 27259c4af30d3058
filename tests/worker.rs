//! Workers as processes: started, used again, with one user's rights.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postfix_rs::ipc::worker::{Copy, Done, Job, Maildir, Run, Work};
use postfix_rs::mail::status::Status;
use postfix_rs::service::worker::pool::Limits;
use postfix_rs::service::worker::{Content, Identity, Pool};
use postfix_rs::sys::spawn::Rights;

fn pool(file_size: u64) -> Arc<Pool> {
    let idle = Duration::from_secs(60);
    let limits = Limits { per_identity: 3, total: 4, file_size, directory: "/".into(), idle };
    Pool::of_program(limits, Path::new(env!("CARGO_BIN_EXE_postfix")))
}

fn job(work: Work) -> Job {
    Job { unless_forward: Vec::new(), work, content: 0 }
}

fn command(line: &str) -> Job {
    job(Work::Command(Box::new(postfix_rs::ipc::worker::Command {
        run: Run::Line(line.into()),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: None,
        copy: Copy::default(),
        time_limit: 20,
        agent: "local".into(),
    })))
}

fn maildir(path: &Path) -> Job {
    job(Work::Maildir(Box::new(Maildir {
        path: format!("{}/", path.to_str().unwrap()),
        copy: Copy::default(),
        hostname: "host".into(),
        default_status: Status::new(5, 2, 0),
        limit: None,
        filter: None,
    })))
}

fn same_rights() -> Identity {
    Identity { rights: None, chroot: None }
}

async fn run(pool: &Pool, who: &Identity, job: Job, content: &Content) -> Result<Done, String> {
    let answer = pool.run(who, job, Some(content), None, Duration::from_secs(60)).await;
    answer.unwrap().result.map_err(|refusal| refusal.text)
}

async fn said(pool: &Pool, who: &Identity, line: &str) -> String {
    match run(pool, who, command(line), &Content::from_bytes(b"")).await {
        Ok(Done::Delivered { output }) => output.trim().to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_worker_is_used_again_and_replaced_when_it_has_gone() {
    let pool = pool(0);
    let first = said(&pool, &same_rights(), "echo $PPID").await;
    assert_eq!(said(&pool, &same_rights(), "echo $PPID").await, first);
    // Killed between two jobs: the next job gets a new one.
    said(&pool, &same_rights(), "(sleep 0.1; kill -9 $PPID) >/dev/null 2>&1 &").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = said(&pool, &same_rights(), "echo $PPID").await;
    assert_ne!(second, first);
}

#[tokio::test]
async fn many_at_once_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(0);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40_usize {
        let (pool, path) = (pool.clone(), dir.path().join("Maildir"));
        tasks.spawn(async move {
            let body = format!("number {number}\n").repeat(1 + number * 2000);
            let content = Content::from_bytes(body.as_bytes());
            run(&pool, &same_rights(), maildir(&path), &content).await.unwrap();
            body
        });
    }
    let mut sent = Vec::new();
    while let Some(body) = tasks.join_next().await {
        sent.push(body.unwrap());
    }
    let mut found: Vec<_> = std::fs::read_dir(dir.path().join("Maildir/new"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    sent.sort();
    found.sort();
    assert!(sent == found);
}

#[tokio::test]
async fn the_file_size_limit_holds_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(100_000);
    let path = dir.path().join("Maildir");
    let content = Content::from_bytes(&[b'x'; 200_000]);
    let error = run(&pool, &same_rights(), maildir(&path), &content).await.unwrap_err();
    assert_eq!(error, "error writing message: File too large");
    assert_eq!(std::fs::read_dir(path.join("tmp")).unwrap().count(), 0);
    let content = Content::from_bytes(b"small\n");
    assert!(run(&pool, &same_rights(), maildir(&path), &content).await.is_ok());
}

#[tokio::test]
async fn a_worker_of_root_has_given_up_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let pool = pool(0);
    let rights = Rights { uid: 65534, gid: 65533, second_gid: Some(12) };
    let nobody = Identity { rights: Some(rights), chroot: None };
    let ids = "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\t\\n' ' '";
    let ids = said(&pool, &nobody, ids).await;
    assert_eq!(ids, "Uid: 65534 65534 65534 65534 Gid: 65533 65533 65533 65533 Groups: 65533");
    assert_eq!(said(&pool, &nobody, "ls /proc/self/fd | tr '\\n' ' '").await, "0 1 2 3");
    assert_eq!(said(&pool, &nobody, "umask").await, "0077");
    // It may not write where only root may.
    let path = dir.path().join("Maildir");
    let error = run(&pool, &nobody, maildir(&path), &Content::from_bytes(b"x\n")).await;
    assert!(error.unwrap_err().ends_with("Permission denied"));
}

#[tokio::test]
async fn a_worker_can_be_kept_in_a_directory() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), mode).unwrap();
    let rights = Rights { uid: 65534, gid: 65533, second_gid: None };
    let chroot = Some(dir.path().to_str().unwrap().to_owned());
    let jailed = Identity { rights: Some(rights), chroot };
    let pool = pool(0);
    run(&pool, &jailed, maildir(Path::new("/md")), &Content::from_bytes(b"x\n")).await.unwrap();
    let made = std::fs::metadata(dir.path().join("md/new")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), 65534);
}
