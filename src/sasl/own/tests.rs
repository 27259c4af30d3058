//! Whole dialogues, each by our own client where there is one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests report by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::password::{Scheme, Stored};
use super::*;
use crate::log::Log;
use crate::sasl::client::{Credentials, Dialogue};

fn session(log: &Log) -> Session<'_> {
    Session { server_address: "", client_address: "192.0.2.1", encrypted: true, log }
}

fn log() -> Log {
    Log::new("postfix", "smtpd")
}

/// Users of a file with these lines.
fn own(text: &str, realm: &str) -> (tempfile::TempDir, Own) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, text).unwrap();
    let source = Source { realm: realm.into(), hostname: "mx.test".into(), ..Source::default() };
    let store = Store::File(Arc::new(user_file::UserFile::new(path)));
    (folder, Own::new(&source, store, &ALL))
}

/// What comes of a login by our own client.
async fn log_in(own: &Own, kind: Kind, username: &str, password: &str) -> Step {
    let log = log();
    let (username, password) = (username.to_owned(), password.to_owned());
    let credentials = Credentials { username, password, with_authzid: false };
    let mut client = Dialogue::begin(kind, credentials, ("mx.test", 25)).unwrap();
    let initial = client.initial().map(|initial| BASE64.encode(initial));
    let (mut step, mut exchange) = own.begin(session(&log), kind.name(), initial.as_deref()).await;
    while let Step::Challenge(challenge) = &step {
        let response = match client.respond(&BASE64.decode(challenge).unwrap()) {
            Ok(response) => BASE64.encode(response),
            Err(failure) => panic!("{}: {failure}", kind.name()),
        };
        step = exchange.as_mut().unwrap().respond(session(&log), &response).await;
    }
    if matches!(step, Step::Accepted(_)) {
        assert_eq!(client.accepted(), Ok(()), "{}", kind.name());
    }
    step
}

fn refused(username: &str) -> Step {
    Step::Refused { reason: REFUSED.into(), username: Some(username.into()) }
}

#[tokio::test]
async fn every_mechanism_with_a_password_in_clear_text() {
    let (_folder, own) = own("joe:{PLAIN}sec:ret\n", "");
    let names = own.mechanisms(session(&log())).await.unwrap();
    let names: Vec<String> = names.into_iter().map(|mechanism| mechanism.name).collect();
    assert_eq!(names, ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]);
    for kind in ALL {
        assert_eq!(log_in(&own, kind, "joe", "sec:ret").await, Step::Accepted("joe".into()));
        assert_eq!(log_in(&own, kind, "joe", "wrong").await, refused("joe"), "{}", kind.name());
        assert_eq!(log_in(&own, kind, "nobody", "sec:ret").await, refused("nobody"));
    }
}

#[tokio::test]
async fn keys_and_hashes() {
    let keys = Stored::make(Scheme::ScramSha1, b"secret").unwrap().text();
    let hash = Stored::make(Scheme::Argon2id, b"other").unwrap().text();
    let (_folder, own) = own(&format!("joe@a.test:{keys}\njane@b.test:{hash}\n"), "a.test");
    let names = own.mechanisms(session(&log())).await.unwrap();
    assert_eq!(names.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["PLAIN", "LOGIN"]);
    for kind in [Kind::Plain, Kind::Login, Kind::ScramSha1] {
        assert_eq!(log_in(&own, kind, "joe", "secret").await, Step::Accepted("joe@a.test".into()));
        assert_eq!(log_in(&own, kind, "joe@b.test", "secret").await, refused("joe@b.test"));
    }
    assert_eq!(
        log_in(&own, Kind::Plain, "jane@b.test", "other").await,
        Step::Accepted("jane@b.test".into())
    );
    assert_eq!(log_in(&own, Kind::ScramSha1, "jane@b.test", "other").await, refused("jane@b.test"));
}

#[tokio::test]
async fn a_file_that_is_not_there() {
    let (folder, own) = own("joe:{PLAIN}x\n", "");
    drop(folder);
    assert_eq!(own.mechanisms(session(&log())).await.unwrap().len(), 2);
    let unknown = Step::Unknown { reason: Some(FAILED.into()), username: Some("joe".into()) };
    for kind in ALL {
        assert_eq!(log_in(&own, kind, "joe", "x").await, unknown);
    }
}

#[tokio::test]
async fn out_of_place() {
    let (_folder, own) = own("joe:{PLAIN}x\n", "");
    let log = log();
    let bad = |reason: &str| Step::Malformed(reason.into());
    for (mechanism, initial, expected) in [
        ("PLAIN", "!!", bad("another step is needed in authentication")),
        ("PLAIN", "!!!!", bad(BAD_PROTOCOL)),
        ("PLAIN", "", bad(BAD_PROTOCOL)),
        ("CRAM-MD5", "YQ==", bad(BAD_PROTOCOL)),
        ("SCRAM-SHA-1", "YQ==", bad(BAD_PROTOCOL)),
        ("NTLM", "YQ==", bad("no mechanism available")),
    ] {
        let (step, exchange) = own.begin(session(&log), mechanism, Some(initial)).await;
        assert!(step == expected && exchange.is_none(), "{mechanism} {initial}: {step:?}");
    }
    // Somebody else's name on the right password.
    let other = BASE64.encode("root\0joe\0x");
    let (step, _) = own.begin(session(&log), "PLAIN", Some(&other)).await;
    assert_eq!(step, refused("root"));
}

#[test]
fn secrets_are_compared_whole() {
    assert!(same(b"", b"") && same(b"abc", b"abc"));
    assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
}
