//! What was found in Postfix in 2026, tried on whole sessions. The name of a test has the date
//! under which Postfix's HISTORY tells of it; docs/audit-2026.md has the list.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::rehearsal::{Client, House};
use crate::wire::smuggling::{ENDS, content};

/// A before-queue filter that takes everything and tells the test what came after each DATA.
async fn filter() -> (String, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, tell.clone()));
        }
    });
    (address, told)
}

async fn serve(mut stream: TcpStream, tell: mpsc::UnboundedSender<Vec<u8>>) -> Option<()> {
    let mut bytes = Vec::new();
    let mut room = vec![0; 65536];
    let mut in_content = false;
    stream.write_all(b"220 filter\r\n").await.ok()?;
    loop {
        let end: &[u8] = if in_content { b"\r\n.\r\n" } else { b"\r\n" };
        let Some(at) = bytes.windows(end.len()).position(|part| part == end) else {
            match stream.read(&mut room).await.ok()? {
                0 => return None,
                count => bytes.extend_from_slice(&room[..count]),
            }
            continue;
        };
        let part: Vec<u8> = bytes.drain(..at + end.len()).collect();
        if in_content {
            // Whatever stands behind the end would be commands to this server.
            let whole = [part.as_slice(), bytes.as_slice()].concat();
            bytes.clear();
            in_content = false;
            tell.send(whole).ok()?;
            stream.write_all(b"250 2.0.0 taken\r\n").await.ok()?;
        } else if part == b"DATA\r\n" {
            in_content = true;
            stream.write_all(b"354 go\r\n").await.ok()?;
        } else {
            stream.write_all(b"250 2.0.0 Ok\r\n").await.ok()?;
        }
    }
}

async fn filtered(more: &str) -> (House, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (address, told) = filter().await;
    let house = House::new(&format!(
        "smtpd_proxy_filter = inet:{address}\nsmtpd_forbid_unauth_pipelining = no\n{more}"
    ));
    (house, told)
}

async fn begin(client: &mut Client) {
    let codes = client.codes(&["MAIL FROM:<a@z.example>", "RCPT TO:<u@home.example>"]).await;
    assert_eq!(codes, ["250", "250"]);
}

#[tokio::test]
async fn audit_2026_07_24_bdat_error_then_data() {
    let house = House::new("message_size_limit = 2000\n");
    for chunk in ["BDAT 5\r\nabc", "BDAT 5 LAST\r\nabc", "BDAT 5000\r\n", "BDAT 0"] {
        let mut client = house.esmtp().await;
        let refused = client.ask(chunk).await;
        assert!(refused.starts_with('5'), "{chunk}: {refused}");
        // As many bytes as were announced are skipped, whatever they say.
        if chunk.contains("5000") {
            client.send(&[b'x'; 5000]).await;
        }
        let data = client.ask("DATA").await;
        assert!(data.starts_with("503") || data == "(closed)", "{chunk}: {data}");
        let last = client.ask("BDAT 0 LAST").await;
        assert!(last.starts_with("55") || last.starts_with("503") || last == "(closed)", "{last}");
        client.leave().await;
    }
    // Within a transaction, too: DATA does not take the place of the chunks.
    let mut client = house.esmtp().await;
    begin(&mut client).await;
    assert_eq!(
        client.codes(&["BDAT 0", "DATA", "BDAT 0 LAST", "DATA"]).await,
        ["551", "503", "551", "503"]
    );
    assert_eq!(client.codes(&["RSET", "NOOP"]).await, ["250", "250"]);
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_08_03_refused_end_of_data_resets_mail() {
    let house = House::new(
        "smtpd_end_of_data_restrictions = check_sender_access inline:{a@z.example=REJECT}\n",
    );
    let mut client = house.esmtp().await;
    for (data, end) in [("DATA", "x\r\n."), ("BDAT 5 LAST\r\nabc", "")] {
        begin(&mut client).await;
        let mut reply = client.ask(data).await;
        if !end.is_empty() {
            reply = client.ask(end).await;
        }
        assert!(reply.starts_with("554"), "{reply}");
        // Nothing of the refused message is left: neither sender nor recipients.
        assert_eq!(
            client.codes(&["DATA", "RCPT TO:<u@home.example>", "BDAT 3 LAST\r\nx"]).await,
            ["503", "503", "503"]
        );
    }
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_08_05_bdat_history_is_bounded() {
    let house =
        House::new("notify_classes = protocol, policy\nsmtpd_history_flush_threshold = 50\n");
    let (stream, mut session) = house.session().await;
    let nobody = tokio::spawn(async {});
    let mut client = Client::new(stream.into(), nobody);
    let dialogue = async {
        assert!(client.reply().await.starts_with("220"));
        assert!(client.ask("EHLO client.example").await.starts_with("250"));
        begin(&mut client).await;
        for _ in 0..300 {
            assert_eq!(client.ask("BDAT 3\r\nx").await, "250 2.0.0 Ok: 3 bytes");
        }
    };
    tokio::select! {
        () = session.run() => panic!("the session has ended"),
        () = dialogue => {}
    }
    assert!(session.history.len() <= 60, "{} lines", session.history.len());
}

#[tokio::test]
async fn audit_2026_05_29_endless_command_line() {
    let house = House::new("");
    let mut client = house.esmtp().await;
    let line = vec![b'x'; 64 << 10];
    client.send(&line).await;
    let told = client.reply().await;
    assert!(told.starts_with("500 5.5.2"), "{told}");
    // Nobody listens any more: the rest stays where it is.
    assert_eq!(client.reply().await, "(closed)");
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_05_29_endless_bdat_discard() {
    let house = House::new("message_size_limit = 2000\n");
    for command in ["BDAT 9223372036854775807", "BDAT 1000000 LAST", "BDAT 18446744073709551616"] {
        let mut client = house.esmtp().await;
        let told = client.ask(command).await;
        assert!(told.starts_with('5'), "{command}: {told}");
        client.send(b"NOOP\r\n").await;
        let next = client.reply().await;
        // A number that is none ends in a reply to a command that is none.
        assert!(next == "(closed)" || command.contains("616"), "{command}: {next}");
        client.leave().await;
    }
    // Chunk after chunk to no purpose comes to an end, too.
    let mut client = house.esmtp().await;
    let mut told = String::new();
    for _ in 0..10 {
        told = client.ask(&format!("BDAT 1000\r\n{}", "x".repeat(998))).await;
        if told == "(closed)" {
            break;
        }
    }
    assert_eq!(told, "(closed)");
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_06_02_nul_in_envid_and_orcpt() {
    let house = House::new("");
    let mut client = house.esmtp().await;
    let mail = client.ask("MAIL FROM:<a@z.example> ENVID=a+00b").await;
    assert!(mail.starts_with("501 5.5.4"), "{mail}");
    assert_eq!(client.codes(&["MAIL FROM:<a@z.example> ENVID=a+2Bb"]).await, ["250"]);
    let rcpt = client.ask("RCPT TO:<u@home.example> ORCPT=rfc822;a+00b").await;
    assert!(rcpt.starts_with("501 5.5.4"), "{rcpt}");
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_08_12_vrfy_utf8_then_data() {
    let house = House::new("smtputf8_enable = yes\n");
    let mut client = house.esmtp().await;
    let codes = client.codes(&["VRFY ü@home.example SMTPUTF8", "DATA", "BDAT 3 LAST\r\nx"]).await;
    assert_eq!(codes, ["252", "503", "503"]);
    // What VRFY was told does not become part of the next message.
    assert_eq!(client.codes(&["MAIL FROM:<a@z.example>"]).await, ["250"]);
    assert_eq!(
        client.codes(&["VRFY ü@home.example SMTPUTF8", "RCPT TO:<u@home.example>", "DATA"]).await,
        ["252", "250", "354"]
    );
    assert!(client.ask("x\r\n.").await.starts_with("250"));
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_06_25_proxy_filter_size_with_from_lines() {
    let (house, mut told) = filtered("message_size_limit = 3000\n").await;
    let mut client = house.esmtp().await;
    begin(&mut client).await;
    assert!(client.ask("DATA").await.starts_with("354"));
    client.send("From nobody\r\n".repeat(500).as_bytes()).await;
    let reply = client.ask(".").await;
    assert!(reply.starts_with("552"), "{reply}");
    assert!(told.try_recv().is_err());
    client.leave().await;
}

#[tokio::test]
async fn audit_2026_06_25_proxy_filter_long_from_lines() {
    let (house, mut told) = filtered("line_length_limit = 100\n").await;
    let mut client = house.esmtp().await;
    begin(&mut client).await;
    assert!(client.ask("DATA").await.starts_with("354"));
    let line = format!("From {}\r\n", "x".repeat(5000));
    client.send(line.repeat(3).as_bytes()).await;
    assert!(client.ask(".").await.starts_with("250"));
    let content = told.recv().await.unwrap();
    let text = String::from_utf8(content).unwrap();
    assert!(text.contains("\r\nX-Mailbox-Line: From xxx"), "{text:.300}");
    client.leave().await;
}

/// One end of data in what the filter gets, and that is its end; no CR or LF that stands alone.
fn is_whole(content: &[u8]) -> bool {
    let ends = content.windows(5).filter(|part| *part == b"\r\n.\r\n").count();
    let stream = [b"\r\n".as_slice(), content].concat();
    let alone = |at: usize| match stream[at] {
        b'\r' => stream.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || stream[at - 1] != b'\r',
        _ => false,
    };
    ends == 1 && content.ends_with(b"\r\n.\r\n") && !(0..stream.len()).any(alone)
}

async fn through_the_filter(more: &str) {
    for rule in ["no", "normalize", "note"] {
        let (house, mut told) =
            filtered(&format!("smtpd_forbid_bare_newline = {rule}\n{more}")).await;
        let mut client = house.esmtp().await;
        for end in ENDS {
            let bytes = content(end);
            for data in [true, false] {
                begin(&mut client).await;
                if data {
                    assert!(client.ask("DATA").await.starts_with("354"));
                    client.send(&bytes).await;
                } else {
                    client.send(format!("BDAT {} LAST\r\n", bytes.len()).as_bytes()).await;
                    client.send(&bytes).await;
                }
                // One reply, or more where the rule lets a second message in; then all is quiet.
                client.send(b"HELP\r\n").await;
                let mut replies = Vec::new();
                while !replies.last().is_some_and(|reply: &String| reply.starts_with("214")) {
                    replies.push(client.reply().await);
                }
                let taken = replies.iter().filter(|reply| reply.contains("taken")).count();
                assert!(taken > 0, "{replies:?}");
                for _ in 0..taken {
                    let content = told.recv().await.unwrap();
                    assert!(is_whole(&content), "{rule} {}", content.escape_ascii());
                }
                assert!(told.try_recv().is_err());
                assert!(client.ask("RSET").await.starts_with("250"));
            }
        }
        client.leave().await;
    }
}

#[tokio::test]
async fn audit_2026_08_16_proxy_filter_smuggling() {
    through_the_filter("").await;
}

#[tokio::test]
async fn audit_2026_08_16_proxy_filter_smuggling_with_speed_adjust() {
    through_the_filter("smtpd_proxy_options = speed_adjust\n").await;
}

#[tokio::test]
async fn audit_2026_08_17_proxy_filter_stray_cr() {
    let (house, mut told) = filtered("").await;
    let mut client = house.esmtp().await;
    begin(&mut client).await;
    assert!(client.ask("DATA").await.starts_with("354"));
    assert!(client.ask("a\rb\r\r\n\r.\r\n.\rx\r\n.").await.starts_with("250"));
    let content = told.recv().await.unwrap();
    assert!(is_whole(&content), "{}", content.escape_ascii());
    client.leave().await;
}

#[cfg(feature = "ssl")]
#[tokio::test(flavor = "multi_thread")]
async fn commands_behind_starttls_are_not_obeyed() {
    let world = crate::tls::tests::World::new();
    let chain = world.chain("mx.example", &rcgen::PKCS_ED25519).chains;
    let tls = format!("smtpd_tls_chain_files = {chain}\nsmtpd_tls_security_level = may\n");
    for forbid in ["no", "yes"] {
        let house = House::new(&format!("{tls}smtpd_forbid_unauth_pipelining = {forbid}\n"));
        house.service().open_keys(&world.holder(7));
        let mut client = house.esmtp().await;
        client.send(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@z.example>\r\n").await;
        let reply = client.reply().await;
        assert!(reply.starts_with("220"), "{reply}");
        let (socket, session) = client.into_parts();
        let mut client = Client::new(world.connect(socket).await, session);
        assert_eq!(client.codes(&["RCPT TO:<u@home.example>", "DATA"]).await, ["503", "503"]);
        assert!(client.ask("HELP").await.starts_with("214"));
        client.leave().await;
    }
}

#[tokio::test]
async fn commands_behind_xclient_are_not_obeyed() {
    let house = House::new("smtpd_authorized_xclient_hosts = 198.51.100.7\n");
    let mut client = house.esmtp().await;
    client.send(b"XCLIENT ADDR=127.0.0.1\r\nEHLO x\r\nMAIL FROM:<evil@z.example>\r\n").await;
    let reply = client.reply().await;
    assert!(reply.starts_with("554 5.5.0"), "{reply}");
    assert_eq!(client.reply().await, "(closed)");
    client.leave().await;
    let house = House::new("");
    let mut client = house.esmtp().await;
    assert!(client.ask("XCLIENT ADDR=127.0.0.1").await.starts_with("550"));
    assert!(client.ask("XFORWARD ADDR=127.0.0.1").await.starts_with("550"));
    client.leave().await;
}

/// A milter that begins to replace the body, and is gone in the middle of it.
async fn half_a_body(mut stream: TcpStream) -> Option<()> {
    loop {
        let length = usize::try_from(stream.read_u32().await.ok()?).ok()?;
        let mut packet = vec![0; length];
        stream.read_exact(&mut packet).await.ok()?;
        let answer = match packet.first()? {
            // Only the end of the message is of interest.
            b'O' => [&b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff"[..], b"\0\0\x03\x7f"].concat(),
            b'D' | b'A' => continue,
            b'E' => [&b"\0\x20\0\0b"[..], &vec![b'x'; 1 << 20]].concat(),
            b'Q' => return None,
            _ => b"\0\0\0\x01c".to_vec(),
        };
        stream.write_all(&answer).await.ok()?;
        if packet.first() == Some(&b'E') {
            return None;
        }
    }
}

#[tokio::test]
async fn audit_2026_08_21_partial_body_is_not_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(half_a_body(stream));
        }
    });
    let house = House::new(&format!(
        "smtpd_milters = inet:127.0.0.1:{port}\nmilter_default_action = accept\n"
    ));
    for command in ["DATA", "BDAT 3 LAST\r\nx"] {
        let mut client = house.esmtp().await;
        begin(&mut client).await;
        let mut reply = client.ask(command).await;
        if command == "DATA" {
            assert!(reply.starts_with("354"), "{reply}");
            reply = client.ask("Subject: whole\r\n\r\nbody\r\n.").await;
        }
        assert!(reply.starts_with('4'), "{command}: {reply}");
        client.leave().await;
    }
}
