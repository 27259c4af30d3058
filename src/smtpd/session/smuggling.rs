//! The smuggling matrix through whole sessions: plain, behind STARTTLS and in wrapper mode; DATA,
//! BDAT and BDAT LAST; each `smtpd_forbid_bare_newline`, with the client excepted and not; cut at
//! each byte of the sequence. One 354 is one message, and what is not content is a command.

use super::rehearsal::{Client, House};
use crate::wire::smtp_data::BareLf;
use crate::wire::smuggling::{ENDS, SMUGGLED, content, end_of_data};

const RULES: [(&str, BareLf); 5] = [
    ("no", BareLf::Allow),
    ("normalize", BareLf::Normalize),
    ("yes", BareLf::Normalize),
    ("note", BareLf::Note),
    ("reject", BareLf::Reject),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Data,
    Chunks,
    LastChunk,
}

/// Commands out of step are what the matrix is about: they are not to end the session. Nothing is
/// written to disk, which is not what is being looked at.
fn main_cf(rule: &str, excepted: bool, more: &str) -> String {
    let except = if excepted { "198.51.100.0/24" } else { "192.0.2.0/24" };
    format!(
        "smtpd_forbid_bare_newline = {rule}\nsmtpd_forbid_bare_newline_exclusions = {except}\n\
         smtpd_forbid_unauth_pipelining = no\n\
         smtpd_end_of_data_restrictions = check_sender_access static:DISCARD\n{more}"
    )
}

/// The codes that a message with this sequence gets, by the rule of RFC 5321 and postconf(5).
fn wanted(way: Way, bytes: &[u8], rule: BareLf) -> &'static [&'static str] {
    let bare = |bytes: &[u8]| {
        let before = std::iter::once(&b'\n').chain(bytes);
        bytes.iter().zip(before).any(|(byte, before)| *byte == b'\n' && *before != b'\r')
    };
    match way {
        Way::Data => {
            let end = end_of_data(bytes, rule);
            let refused = rule == BareLf::Reject && bare(&bytes[..end]);
            match (bytes[end..].starts_with(SMUGGLED), refused) {
                (true, false) => &["250", "250", "250", "354", "250", "252"],
                (true, true) => &["550", "250", "250", "354", "250", "252"],
                (false, false) => &["250", "252"],
                (false, true) => &["550", "252"],
            }
        }
        Way::Chunks if rule == BareLf::Reject && bare(bytes) => &["550", "551"],
        Way::Chunks => &["250", "250"],
        Way::LastChunk if rule == BareLf::Reject && bare(bytes) => &["550"],
        Way::LastChunk => &["250"],
    }
}

/// One case; the session is where it was before.
async fn one(client: &mut Client, way: Way, end: &[u8], rule: BareLf, cut: usize) {
    let bytes = content(end);
    let at = bytes.windows(6).position(|part| part == b"before").unwrap() + 6 + cut;
    client.send(b"MAIL FROM:<a@z.example>\r\nRCPT TO:<u@home.example>\r\n").await;
    let mut told = vec![client.reply().await, client.reply().await];
    match way {
        Way::Data => told.push(client.ask("DATA").await),
        Way::Chunks => client.send(format!("BDAT {}\r\n", bytes.len()).as_bytes()).await,
        Way::LastChunk => client.send(format!("BDAT {} LAST\r\n", bytes.len()).as_bytes()).await,
    }
    client.send(&bytes[..at]).await;
    tokio::task::yield_now().await;
    client.send(&bytes[at..]).await;
    if way == Way::Chunks {
        client.send(b"BDAT 0 LAST\r\n").await;
    }
    let start = told.len();
    let wanted = wanted(way, &bytes, rule);
    for _ in wanted {
        told.push(client.reply().await);
    }
    told.push(client.ask("NOOP").await);
    let codes: Vec<&str> = told.iter().filter_map(|reply| reply.get(..3)).collect();
    let case = format!("{way:?} {rule:?} {} cut at {cut}: {told:?}", end.escape_ascii());
    assert_eq!(codes.get(start..codes.len() - 1), Some(wanted), "{case}");
    assert_eq!(codes.last(), Some(&"250"), "{case}");
    assert_eq!(codes.iter().take(2).copied().collect::<Vec<_>>(), ["250", "250"], "{case}");
}

/// All sequences in one session; how many cases.
async fn matrix(client: &mut Client, rule: BareLf) -> usize {
    let mut cases = 0;
    for way in [Way::Data, Way::Chunks, Way::LastChunk] {
        for end in ENDS {
            for cut in 0..=end.len() {
                one(client, way, end, rule, cut).await;
                cases += 1;
            }
        }
    }
    cases
}

#[tokio::test]
async fn smuggling_fails_in_plain_sessions() {
    let mut cases = 0;
    for (word, rule) in RULES {
        for excepted in [false, true] {
            let house = House::new(&main_cf(word, excepted, ""));
            let mut client = house.esmtp().await;
            cases += matrix(&mut client, if excepted { BareLf::Allow } else { rule }).await;
            assert!(client.ask("QUIT").await.starts_with("221"));
            client.leave().await;
        }
    }
    assert!(cases > 2000, "{cases} cases");
}

#[cfg(feature = "ssl")]
#[tokio::test(flavor = "multi_thread")]
async fn smuggling_fails_in_encrypted_sessions() {
    let world = crate::tls::tests::World::new();
    let chain = world.chain("mx.example", &rcgen::PKCS_ECDSA_P256_SHA256).chains;
    let mut cases = 0;
    for wrapper in [false, true] {
        for (word, rule) in RULES {
            for excepted in [false, true] {
                let more = format!(
                    "smtpd_tls_chain_files = {chain}\nsmtpd_tls_security_level = may\n\
                     smtpd_tls_wrappermode = {}\n",
                    if wrapper { "yes" } else { "no" }
                );
                let house = House::new(&main_cf(word, excepted, &more));
                house.service().open_keys(&world.holder(7));
                let mut client = if wrapper {
                    let (socket, session) = house.connect().await;
                    let mut client = Client::new(world.connect(socket).await, session);
                    assert!(client.reply().await.starts_with("220"));
                    client
                } else {
                    let mut client = house.esmtp().await;
                    assert!(client.ask("STARTTLS").await.starts_with("220"));
                    let (socket, session) = client.into_parts();
                    Client::new(world.connect(socket).await, session)
                };
                assert!(client.ask("EHLO client.example").await.starts_with("250"));
                cases += matrix(&mut client, if excepted { BareLf::Allow } else { rule }).await;
                client.leave().await;
            }
        }
    }
    assert!(cases > 4000, "{cases} cases");
}
