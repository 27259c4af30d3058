//! Whole deliveries to a scripted server on this machine.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;

use super::delivery::{Service, deliver};
use super::idle::Idle;
use super::settings::Settings;
use crate::config::{Config, Sources};
use crate::dns::Resolver;
use crate::ipc::delivery::{Failure, FromAgent, Request};
use crate::log::Log;
use crate::lookup::Tables;
use crate::mail::envelope::{Body, Envelope};
use crate::mail::outcome::{Action, Outcome, Success};
use crate::mail::status::Status;
use crate::service::agent::Reporter;
use crate::service::delivery_line::tests::{a_recipient, a_request};
use crate::service::pass::Passer;
use crate::spool::{Content, Reader, Writer};

/// What a server answers to lines that begin like this; the first that fits counts.
type Script = &'static [(&'static str, &'static str)];

/// Answers without surprises.
const WILLING: Script = &[
    ("CONNECT", "220 mx.example ESMTP"),
    ("EHLO", "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 DSN"),
    ("LHLO", "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME"),
    ("DATA", "354 go"),
    ("QUIT", "221 bye"),
    ("", "250 2.0.0 Ok"),
];

struct Server {
    port: u16,
    /// One list of lines for each session.
    sessions: Arc<Mutex<Vec<Vec<String>>>>,
}

/// Starts a server; `script` goes before [`WILLING`]. The answer `HANGUP` closes the connection.
async fn server(script: Script) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sessions = Arc::new(Mutex::new(Vec::new()));
    let recorded = sessions.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = {
                let mut sessions = recorded.lock().unwrap();
                sessions.push(Vec::new());
                sessions.len() - 1
            };
            tokio::spawn(session(stream, script, recorded.clone(), number));
        }
    });
    Server { port, sessions }
}

async fn session(
    stream: tokio::net::TcpStream,
    script: Script,
    recorded: Arc<Mutex<Vec<Vec<String>>>>,
    number: usize,
) {
    let answer = |line: &str| {
        let mut all = script.iter().chain(WILLING);
        all.find(|(start, _)| line.starts_with(start)).unwrap().1
    };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).split(b'\n');
    let mut in_content = false;
    let mut recipients = 0;
    let mut say = answer("CONNECT").to_owned();
    loop {
        if say == "HANGUP" || write.write_all(format!("{say}\r\n").as_bytes()).await.is_err() {
            return;
        }
        loop {
            let Ok(Some(line)) = lines.next_segment().await else { return };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            recorded.lock().unwrap()[number].push(line.clone());
            if in_content && line != "." {
                continue;
            }
            say = answer(&line).to_owned();
            recipients += usize::from(line.starts_with("RCPT") && say.starts_with('2'));
            if in_content && answer("LMTP") == "yes" {
                let one = format!("{say}\r\n").repeat(recipients);
                say = one.trim_end().to_owned();
            }
            in_content = line == "DATA" && say.starts_with("354");
            break;
        }
        if say.starts_with("221") {
            let _ = write.write_all(format!("{say}\r\n").as_bytes()).await;
            return;
        }
    }
}

/// One smtp line of master.cf with its own spool.
struct Client {
    service: Service,
    writer: Arc<Writer>,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Result {
    outcomes: Vec<(u32, Outcome)>,
    unreachable: Option<Failure>,
}

fn client(main_cf: &str, lmtp: bool) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let queue = folder.path().to_owned();
    let main_cf = format!(
        "compatibility_level = 3.6\nmyhostname = client.example\ninet_interfaces = loopback-only\n\
         queue_directory = {}\n{main_cf}",
        queue.display()
    );
    let sources = Sources { directory: queue.clone(), main_cf, master_cf: String::new() };
    let config = Config::parse(&sources).unwrap();
    let tables = Tables::new(config.clone());
    let settings = Settings::read(&config, &tables, lmtp, &[]).unwrap();
    assert_eq!(config.problems(), []);
    let writer = Writer::open(&queue).unwrap();
    let service = Service {
        number: 0,
        name: "smtp".into(),
        settings,
        log: Log::new("postfix", "smtp"),
        resolver: Resolver::from_system(),
        reader: Arc::new(Reader::new(&queue)),
        idle: Arc::new(Idle::default()),
        passer: Passer::new(&config, &[]),
    };
    Client { service, writer, _folder: folder }
}

impl Client {
    async fn request(&self, nexthop: &str, recipients: &[&str], content: &[u8]) -> Request {
        let envelope = Envelope { queue_id: "ABCDE1".parse().ok(), ..Envelope::default() };
        let content = Content::Memory(content.to_vec());
        let location = self.writer.append(&envelope, content).await.unwrap();
        let mut request = a_request();
        request.location = location;
        request.nexthop = nexthop.into();
        request.body = Some(Body::EightBitMime);
        for (index, address) in (0..).zip(recipients) {
            request.recipients.push(crate::ipc::delivery::To { index, ..a_recipient(address) });
        }
        request
    }

    async fn deliver(&self, request: Request) -> Result {
        let (sender, mut receiver) = unbounded_channel();
        let request = Arc::new(request);
        let agent = self.service.settings.agent.clone();
        let reporter = Reporter::new(agent, request.clone(), sender);
        deliver(&self.service, &request, reporter).await;
        let mut result = Result { outcomes: Vec::new(), unreachable: None };
        while let Some(report) = receiver.recv().await {
            match report {
                FromAgent::Recipient { index, outcome, .. } => {
                    result.outcomes.push((index, *outcome));
                }
                FromAgent::Done { destination_failed, .. } => {
                    result.unreachable = destination_failed;
                }
                other => panic!("{other:?}"),
            }
        }
        result
    }

    async fn send(&self, nexthop: &str, recipients: &[&str], content: &[u8]) -> Result {
        let request = self.request(nexthop, recipients, content).await;
        self.deliver(request).await
    }
}

impl Server {
    fn nexthop(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    fn lines(&self, session: usize) -> Vec<String> {
        self.sessions.lock().unwrap().get(session).cloned().unwrap_or_default()
    }

    /// The last line may still be on its way.
    async fn all_lines(&self, session: usize, count: usize) -> Vec<String> {
        for _ in 0..100 {
            if self.lines(session).len() >= count {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.lines(session)
    }
}

impl Result {
    fn one(&self) -> &Outcome {
        assert_eq!(self.outcomes.len(), 1, "{self:?}");
        &self.outcomes[0].1
    }
}

const PLAIN: &[u8] = b"Subject: x\n\n.dot\nend\n";

#[tokio::test]
async fn a_message_is_relayed() {
    let server = server(&[]).await;
    let result = client("", false).send(&server.nexthop(), &["a@x", "b@x"], PLAIN).await;
    assert_eq!(result.outcomes.len(), 2);
    for (_, outcome) in &result.outcomes {
        assert_eq!(outcome.action, Action::Sent { success: Success::Transferred });
        assert_eq!(outcome.text, "250 2.0.0 Ok");
        assert_eq!(outcome.remote_mta, "127.0.0.1");
    }
    assert_eq!(result.unreachable, None);
    assert_eq!(
        server.all_lines(0, 11).await,
        [
            "EHLO client.example",
            "MAIL FROM:<sender@example.org> SIZE=300 BODY=8BITMIME",
            "RCPT TO:<a@x>",
            "RCPT TO:<b@x>",
            "DATA",
            "Subject: x",
            "",
            "..dot",
            "end",
            ".",
            "QUIT",
        ]
    );
}

#[tokio::test]
async fn refusals_at_each_stage() {
    let cases: &[(Script, Status, &str)] = &[
        (
            &[("CONNECT", "450 busy")],
            Status::new(4, 0, 0),
            "host 127.0.0.1[127.0.0.1] refused to talk to me: 450 busy",
        ),
        (
            &[("CONNECT", "554 5.7.1 go away")],
            Status::new(4, 7, 1),
            "host 127.0.0.1[127.0.0.1] refused to talk to me: 554 5.7.1 go away",
        ),
        (
            &[("EHLO", "500 what"), ("HELO", "550 5.5.1 no")],
            Status::new(5, 5, 1),
            "host 127.0.0.1[127.0.0.1] refused to talk to me: 550 5.5.1 no",
        ),
        (
            &[("MAIL", "452 4.3.1 full")],
            Status::new(4, 3, 1),
            "host 127.0.0.1[127.0.0.1] said: 452 4.3.1 full (in reply to MAIL FROM command)",
        ),
        (
            &[("RCPT", "550-5.1.1 one\r\n550 5.1.1 two")],
            Status::new(5, 1, 1),
            "host 127.0.0.1[127.0.0.1] said: 550-5.1.1 one 550 5.1.1 two (in reply to RCPT TO \
             command)",
        ),
        (
            &[("DATA", "451 later")],
            Status::new(4, 0, 0),
            "host 127.0.0.1[127.0.0.1] said: 451 later (in reply to DATA command)",
        ),
        (
            &[(".", "554 5.7.1 spam")],
            Status::new(5, 7, 1),
            "host 127.0.0.1[127.0.0.1] said: 554 5.7.1 spam (in reply to end of DATA command)",
        ),
        (
            &[("RCPT", "HANGUP")],
            Status::new(4, 4, 2),
            "lost connection with 127.0.0.1[127.0.0.1] while sending RCPT TO",
        ),
        (
            &[(".", "HANGUP")],
            Status::new(4, 4, 2),
            "lost connection with 127.0.0.1[127.0.0.1] while sending end of data -- message may \
             be sent more than once",
        ),
    ];
    let client = client("", false);
    for (script, status, text) in cases {
        let server = server(script).await;
        let result = client.send(&server.nexthop(), &["u@x"], PLAIN).await;
        let outcome = result.one();
        assert_eq!((outcome.status, outcome.text.as_str()), (*status, *text));
        let action = if status.class == 4 { Action::Deferred } else { Action::Bounced };
        assert_eq!(outcome.action, action);
    }
}

#[tokio::test]
async fn recipients_have_their_own_outcomes() {
    let server =
        server(&[("RCPT TO:<a@", "550 5.1.1 no"), ("RCPT TO:<b@", "450 4.2.0 later")]).await;
    let result = client("", false).send(&server.nexthop(), &["a@x", "b@x", "c@x"], PLAIN).await;
    let actions: Vec<_> = result.outcomes.iter().map(|(index, o)| (*index, o.action)).collect();
    assert_eq!(
        actions,
        [
            (0, Action::Bounced),
            (1, Action::Deferred),
            (2, Action::Sent { success: Success::Transferred }),
        ]
    );
    assert_eq!(result.unreachable, None);
}

#[tokio::test]
async fn nobody_accepted_means_no_content() {
    let server = server(&[("EHLO", "250 mx.example"), ("RCPT", "550 5.1.1 no")]).await;
    client("", false).send(&server.nexthop(), &["a@x"], PLAIN).await;
    assert_eq!(
        server.all_lines(0, 5).await[1..],
        ["MAIL FROM:<sender@example.org>", "RCPT TO:<a@x>", "RSET", "QUIT"]
    );
}

#[tokio::test]
async fn a_dead_port_is_named() {
    let server = server(&[]).await;
    let port = server.port;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = listener.local_addr().unwrap().port();
    drop((listener, server));
    let result = client("", false).send(&format!("[127.0.0.1]:{dead}"), &["a@x"], PLAIN).await;
    let text = format!("connect to 127.0.0.1[127.0.0.1]:{dead}: Connection refused");
    assert_eq!(result.one().text, text);
    assert_eq!(result.unreachable.unwrap().text, text);
    assert_ne!(port, dead);
}

#[tokio::test]
async fn the_fallback_relay_takes_over() {
    let (busy, spare) = (server(&[("CONNECT", "421 busy")]).await, server(&[]).await);
    let main_cf = format!("smtp_fallback_relay = {}", spare.nexthop());
    let result = client(&main_cf, false).send(&busy.nexthop(), &["a@x"], PLAIN).await;
    assert_eq!(result.one().text, "250 2.0.0 Ok");
    assert_eq!(spare.lines(0)[0], "EHLO client.example");
}

#[tokio::test]
async fn only_what_failed_goes_to_the_next_hop() {
    let first = server(&[("RCPT TO:<b@", "450 4.2.0 not here")]).await;
    let second = server(&[]).await;
    let nexthop = format!("{}, {}", first.nexthop(), second.nexthop());
    let result = client("", false).send(&nexthop, &["a@x", "b@x"], PLAIN).await;
    assert_eq!(result.outcomes.len(), 2);
    assert!(second.lines(0).contains(&"RCPT TO:<b@x>".to_owned()));
    assert!(!second.lines(0).contains(&"RCPT TO:<a@x>".to_owned()));
}

#[tokio::test]
async fn connections_are_used_again_on_demand() {
    let server = server(&[]).await;
    let client = client("", false);
    for round in 0..3 {
        let mut request = client.request(&server.nexthop(), &["a@x"], PLAIN).await;
        request.connection_reuse = round < 2;
        let result = client.deliver(request).await;
        assert_eq!(result.one().text, "250 2.0.0 Ok");
    }
    assert_eq!(server.sessions.lock().unwrap().len(), 1);
    let lines = server.all_lines(0, 28).await;
    let of = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((of("EHLO"), of("RSET"), of("MAIL"), of("QUIT")), (1, 2, 3, 1));
}

#[tokio::test]
async fn a_stale_connection_is_replaced() {
    let server = server(&[("RSET", "HANGUP")]).await;
    let client = client("", false);
    for _ in 0..2 {
        let mut request = client.request(&server.nexthop(), &["a@x"], PLAIN).await;
        request.connection_reuse = true;
        assert_eq!(client.deliver(request).await.one().text, "250 2.0.0 Ok");
    }
    assert_eq!(server.sessions.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn content_is_converted_for_old_servers() {
    let server = server(&[("EHLO", "250 mx.example")]).await;
    let content = "Content-Transfer-Encoding: 8bit\n\nü\n".as_bytes();
    client("", false).send(&server.nexthop(), &["a@x"], content).await;
    let lines = server.all_lines(0, 8).await;
    assert!(lines.contains(&"Content-Transfer-Encoding: quoted-printable".to_owned()));
    assert!(lines.contains(&"=C3=BC".to_owned()));
}

#[tokio::test]
async fn large_content_arrives_whole() {
    let server = server(&[]).await;
    let content: Vec<u8> = (0..300_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let result = client("", false).send(&server.nexthop(), &["a@x"], &content).await;
    assert_eq!(result.one().text, "250 2.0.0 Ok");
    let lines = server.all_lines(0, 300_006).await;
    let numbers = lines[4..300_004].iter().enumerate();
    assert!(numbers.into_iter().all(|(n, line)| *line == n.to_string()));
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let server = server(&[("LMTP", "yes"), ("RCPT TO:<b@", "550 5.1.1 no")]).await;
    let result = client("", true)
        .send(&format!("inet:{}", server.nexthop()), &["a@x", "b@x", "c@x"], PLAIN)
        .await;
    let actions: Vec<_> = result.outcomes.iter().map(|(index, o)| (*index, o.action)).collect();
    assert_eq!(
        actions,
        [
            (1, Action::Bounced),
            (0, Action::Sent { success: Success::Relayed }),
            (2, Action::Sent { success: Success::Relayed }),
        ]
    );
    assert_eq!(server.lines(0)[0], "LHLO client.example");
}

#[tokio::test]
async fn a_server_with_our_name_is_no_loop_on_other_ports() {
    let server = server(&[("EHLO", "250-client.example\r\n250 DSN")]).await;
    let result = client("", false).send(&server.nexthop(), &["a@x"], PLAIN).await;
    assert_eq!(result.one().text, "250 2.0.0 Ok");
}

#[tokio::test]
async fn too_big_for_the_server() {
    let server = server(&[("EHLO", "250-mx.example\r\n250 SIZE 100")]).await;
    let result = client("", false).send(&server.nexthop(), &["a@x"], PLAIN).await;
    assert_eq!(
        result.one().text,
        "message size 300 exceeds size limit 100 of server 127.0.0.1[127.0.0.1]"
    );
}

#[tokio::test]
async fn probes_send_nothing() {
    let server = server(&[]).await;
    let client = client("", false);
    let mut request = client.request(&server.nexthop(), &["a@x"], PLAIN).await;
    request.trace.verify = true;
    let result = client.deliver(request).await;
    assert_eq!(result.one().action, Action::Probed { deliverable: true });
    assert_eq!(server.all_lines(0, 5).await[3..], ["RSET", "QUIT"]);
}
