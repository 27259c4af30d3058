//! An intake process and qmgr: what qmgr hears, also when it has been away.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postfix_rs::ipc::channel::{Receiver, Sender, split};
use postfix_rs::ipc::queue::{FromQueue, ToQueue};
use postfix_rs::mail::envelope::Envelope;
use postfix_rs::service::intake::QueueClient;
use postfix_rs::spool::{Content, Location, Notice, RealDisk, Settings, Writer};
use tokio::net::UnixListener;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn writer(queue: &Path) -> Arc<Writer> {
    let settings = Settings { segment_size: 32 << 10, inline_max: 20 << 10, ..Settings::default() };
    Writer::open_on(Arc::new(RealDisk), queue, settings).unwrap()
}

async fn append(writer: &Writer) -> (Location, Box<Envelope>) {
    let (id, arrival) = writer.queue_id(true);
    let envelope = Envelope { queue_id: Some(id), arrival, ..Envelope::default() };
    let content = Content::Memory(vec![b'x'; 5000]);
    (writer.append(&envelope, content).await.unwrap(), Box::new(envelope))
}

type Connection = (Sender<FromQueue>, Receiver<ToQueue>);

async fn accept(listener: &UnixListener, writer: u32) -> Connection {
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (sender, mut receiver) = split(stream);
    match next(&mut receiver).await {
        ToQueue::Hello { writer: said } => assert_eq!(said, writer),
        other => panic!("{other:?}"),
    }
    (sender, receiver)
}

async fn next(from: &mut Receiver<ToQueue>) -> ToQueue {
    timeout(PATIENCE, from.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qmgr_hears_of_everything_and_full_segments_again_after_it_was_away() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("private")).unwrap();
    let socket = dir.path().join("private/queue");
    let writer = writer(dir.path());
    let client = QueueClient::start(dir.path(), writer.clone());
    // qmgr is not there yet.
    let mut told = BTreeSet::new();
    for _ in 0..10 {
        let (location, envelope) = append(&writer).await;
        told.insert(location);
        client.stored(location, envelope);
    }
    let listener = UnixListener::bind(&socket).unwrap();
    let (mut to, mut from) = accept(&listener, writer.id()).await;
    let mut heard = BTreeSet::new();
    let mut full = Vec::new();
    while heard != told || full.len() < 2 {
        match next(&mut from).await {
            ToQueue::Stored { location, .. } => assert!(heard.insert(location)),
            ToQueue::SegmentFull(segment) => full.push(segment),
            other @ ToQueue::Hello { .. } => panic!("{other:?}"),
        }
    }
    // One of the full segments comes back, then qmgr goes away and comes again.
    let (freed, kept) = (full[0], full[1]);
    to.send(&FromQueue::Recycle { segment: freed.segment, generation: freed.generation })
        .await
        .unwrap();
    let (location, envelope) = append(&writer).await;
    client.stored(location, envelope);
    assert!(matches!(next(&mut from).await, ToQueue::Stored { .. }));
    // Time for the Recycle to arrive, which nobody acknowledges.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop((to, from));
    let (_to, mut from) = accept(&listener, writer.id()).await;
    match next(&mut from).await {
        ToQueue::SegmentFull(segment) => assert_eq!(segment, kept),
        other => panic!("{other:?}"),
    }
    // The next segment that is needed is the one that came back.
    let mut used = BTreeSet::new();
    for _ in 0..8 {
        let (location, _) = append(&writer).await;
        used.insert((location.segment, location.generation));
    }
    assert!(used.iter().any(|&(segment, generation)| {
        segment == freed.segment && generation > freed.generation
    }));
}

#[tokio::test]
async fn a_message_whose_session_went_away_is_not_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer(dir.path());
    let mut notices = writer.notices().unwrap();
    let (id, arrival) = writer.queue_id(false);
    let envelope = Envelope { queue_id: Some(id), arrival, ..Envelope::default() };
    let mut session = std::pin::pin!(writer.append(&envelope, Content::Memory(b"hello".to_vec())));
    // Polled once, so that the record is on its way, and then dropped.
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(session.as_mut().poll(context).is_ready())
    });
    if !polled.await {
        session.set(writer.append(&envelope, Content::Memory(b"again".to_vec())));
        match timeout(PATIENCE, notices.recv()).await.unwrap().unwrap() {
            Notice::Orphan(_, orphan) => assert_eq!(*orphan, envelope),
            Notice::Full(full) => panic!("{full:?}"),
        }
    }
}
