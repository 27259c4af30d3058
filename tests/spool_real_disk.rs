//! The spool on a real file system: what goes in comes out, also after a restart.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use postfix_rs::mail::envelope::{Envelope, Recipient};
use postfix_rs::spool::{
    Content, Event, Ledger, Notice, Reader, RealDisk, Settings, StateLog, Writer, scan, scan_writer,
};

fn envelope(writer: &Writer) -> Envelope {
    let (id, arrival) = writer.queue_id(false);
    Envelope {
        queue_id: Some(id),
        arrival,
        sender: "a@example.com".into(),
        recipients: vec![Recipient { address: "b@example.org".into(), ..Recipient::default() }],
        ..Envelope::default()
    }
}

fn small() -> Settings {
    Settings { segment_size: 64 << 10, inline_max: 20 << 10, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sessions_append_and_everything_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open_on(Arc::new(RealDisk), dir.path(), small()).unwrap();
    let reader = Reader::new(dir.path());
    let mut sessions = tokio::task::JoinSet::new();
    for session in 0..20_u8 {
        let writer = Arc::clone(&writer);
        sessions.spawn(async move {
            let mut stored = Vec::new();
            for i in 0..20_usize {
                let envelope = envelope(&writer);
                let body = vec![b'a' + session; i * 1000];
                let location =
                    writer.append(&envelope, Content::Memory(body.clone())).await.unwrap();
                stored.push((location, envelope, body));
            }
            stored
        });
    }
    let mut all = BTreeSet::new();
    while let Some(stored) = sessions.join_next().await {
        for (location, envelope, body) in stored.unwrap() {
            let read = reader.open(location).unwrap();
            assert_eq!(read.envelope, envelope);
            assert_eq!(read.content.read_all().unwrap(), body);
            assert_eq!(reader.content(location).unwrap().len(), body.len() as u64);
            assert!(all.insert(location));
        }
    }
    drop(writer);
    let found: BTreeSet<_> = scan(dir.path())
        .unwrap()
        .flat_map(|segment| segment.unwrap().records)
        .map(|found| found.location)
        .collect();
    assert_eq!(found, all);
}

#[tokio::test]
async fn large_content_has_a_file_of_its_own_until_it_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open_on(Arc::new(RealDisk), dir.path(), small()).unwrap();
    let reader = Reader::new(dir.path());
    let names = || {
        std::fs::read_dir(dir.path().join("segments/0"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.starts_with("big") || n.starts_with("scratch"))
            .count()
    };
    let mut scratch = writer.scratch_file().unwrap();
    let unused = writer.scratch_file().unwrap();
    scratch.write_all(&[b'x'; 50_000]).unwrap();
    let first = writer.append(&envelope(&writer), Content::File(scratch, 50_000)).await.unwrap();
    drop(unused);
    let body = vec![b'y'; 40_000];
    let second = writer.append(&envelope(&writer), Content::Memory(body.clone())).await.unwrap();
    assert_eq!(names(), 2);
    assert_eq!(reader.content(first).unwrap().read_all().unwrap(), [b'x'; 50_000]);
    assert_eq!(reader.content(second).unwrap().read_all().unwrap(), body);
    let copy = writer.move_record(&reader, second).await.unwrap();
    assert_eq!(reader.content(copy).unwrap().read_all().unwrap(), body);
    reader.remove_content(first).unwrap();
    reader.remove_content(first).unwrap();
    assert_eq!(names(), 1);
    assert!(reader.content(first).is_err());
}

#[tokio::test]
async fn two_writers_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let one = Writer::open(dir.path()).unwrap();
    let two = Writer::open(dir.path()).unwrap();
    assert_eq!((one.id(), two.id()), (0, 1));
    drop(one);
    let three = Writer::open(dir.path()).unwrap();
    assert_eq!(three.id(), 0);
}

#[tokio::test]
async fn the_books_survive_a_restart_and_segments_are_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open_on(Arc::new(RealDisk), dir.path(), small()).unwrap();
    let mut notices = writer.notices().unwrap();
    let (log, events) = StateLog::open(dir.path()).unwrap();
    assert!(events.is_empty());
    let mut ledger = Ledger::default();
    let mut last = None;
    for _ in 0..400 {
        let body = Content::Memory(vec![b'z'; 3000]);
        let location = writer.append(&envelope(&writer), body).await.unwrap();
        assert!(ledger.stored(location));
        let removed = Event::Removed { key: location.key() };
        log.append(&removed);
        ledger.event(&removed);
        last = Some(location);
        while let Ok(notice) = notices.try_recv() {
            if let Notice::Full(full) = notice {
                ledger.full(writer.id(), full);
            }
        }
        for free in ledger.freeable() {
            log.append(&free.freed());
            log.sync().await.unwrap();
            ledger.event(&free.freed());
            writer.recycle(free.segment, free.generation);
        }
    }
    // 400 records of 3 KB are more than a megabyte; they went through a few segments.
    assert!(last.unwrap().segment < 5, "{last:?}");
    log.compact(ledger.events());
    log.sync().await.unwrap();
    let kept = writer.append(&envelope(&writer), Content::Memory(b"kept".to_vec())).await.unwrap();
    drop((log, writer));

    let (_log, events) = StateLog::open(dir.path()).unwrap();
    let mut ledger = Ledger::default();
    for event in &events {
        ledger.event(event);
    }
    let mut alive = Vec::new();
    for segment in scan_writer(dir.path(), 0).unwrap() {
        alive.extend(segment.unwrap().records.into_iter().filter(|found| ledger.found(found)));
    }
    assert_eq!(alive.iter().map(|found| found.location).collect::<Vec<_>>(), [kept]);
}
