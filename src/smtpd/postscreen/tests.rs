//! Hostile clients over real sockets: whatever they do, their sessions end and leave nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::Sources;

/// A screen in front of nobody.
fn screen(main_cf: &str) -> Arc<Screen> {
    let main_cf = format!(
        "compatibility_level = 3.12\nmyhostname = mx.example\nmynetworks = 192.0.2.0/24\n\
         default_process_limit = 20\npostscreen_cache_map =\n{main_cf}"
    );
    let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
    let log = Log::new("postfix", "postscreen");
    let tables = Tables::new(config.clone());
    let settings = Settings::read(&config).unwrap();
    let list = |name: &str| HostList::parse(&tables, name, &config.value(name)).unwrap();
    let encryption = encryption(&config, &tables, &mut Vec::new()).unwrap();
    Arc::new(Screen {
        name: "smtp".into(),
        access: AccessList::parse(&config, &tables).unwrap(),
        interfaces: list("postscreen_allowlist_interfaces"),
        forbidden: StringList::parse(&tables, "x", "GET").unwrap(),
        command_filter: Maps::default(),
        discard_ehlo: Maps::default(),
        footers: Maps::default(),
        clients: Clients::new(settings.pre_queue_limit, log.clone()),
        lists: Arc::new(Lists {
            sites: settings.sites.clone(),
            resolver: Resolver::from_system(),
            names: Maps::default(),
            timeout: settings.dnsbl_timeout,
            delay: Duration::ZERO,
            log: log.clone(),
            places: None,
            open: Mutex::default(),
        }),
        passes: None,
        encryption,
        tls_log: log.clone(),
        log,
        smtpd: None,
        told_of_words: AtomicBool::new(false),
        warnings: Mutex::default(),
        tables,
        settings,
    })
}

/// A connection, and the session at its other end.
async fn connect(screen: &Arc<Screen>) -> (TcpStream, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, remote) = listener.accept().await.unwrap();
    let local = stream.local_addr().unwrap();
    let session = tokio::spawn(screen.clone().receive(stream.into(), (remote, local)));
    (client, session)
}

/// All that the server says until it closes.
async fn rest(client: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = client.read(&mut part).await {
        heard.extend_from_slice(&part[..count]);
    }
    String::from_utf8(heard).unwrap()
}

/// All that the server says until `mark` has come, and its line with it.
async fn until(client: &mut TcpStream, mark: &str) -> String {
    let mut said = String::new();
    let mut part = [0; 512];
    while !said.split_once(mark).is_some_and(|(_, line)| line.ends_with("\r\n")) {
        let count = client.read(&mut part).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    said
}

fn is_empty(screen: &Screen) -> bool {
    let crowd = screen.clients.crowd();
    (crowd.under_test, crowd.waiting) == (0, 0)
}

/// No greeting test: the engine speaks at once.
const DEEP: &str = "postscreen_greet_banner =\npostscreen_pipelining_enable = yes\n";

#[tokio::test]
async fn audit_2026_06_25_postscreen_dummy_engine_memory() {
    // There, a command without end took memory without end.
    let screen = screen(DEEP);
    let (mut client, session) = connect(&screen).await;
    let endless = vec![b'x'; 1 << 20];
    // The server may close before it has taken all of it.
    let _ = client.write_all(&endless).await;
    let said = rest(&mut client).await;
    session.await.unwrap();
    assert!(said.is_empty() || said.starts_with("220 mx.example"), "{said}");
    assert!(is_empty(&screen));
    let (mut client, session) = connect(&screen).await;
    client.write_all(&[b'y'; 2048]).await.unwrap();
    let said = rest(&mut client).await;
    session.await.unwrap();
    assert!(said.ends_with("421 mx.example Service unavailable - try again later\r\n"), "{said}");
}

#[tokio::test]
async fn audit_2026_06_25_postscreen_haproxy_without_addresses() {
    // There, a proxy's header that could not be read left addresses undefined.
    let screen = screen("postscreen_upstream_proxy_protocol = haproxy\n");
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"QUIT\r\n", b"PROXY TCP4 x y 1 2\r\n", b""] {
        let (mut client, session) = connect(&screen).await;
        client.write_all(header).await.unwrap();
        client.shutdown().await.unwrap();
        let said = rest(&mut client).await;
        session.await.unwrap();
        assert!(said.is_empty() || said == "421 4.3.2 No system resources\r\n", "{said}");
        assert!(is_empty(&screen));
    }
}

#[tokio::test]
async fn audit_2026_06_25_postscreen_dnsbl_without_answers() {
    // There, a list that had not answered left a value undefined. Here nobody answers at all.
    let lists = "postscreen_dnsbl_sites = a.invalid*3 b.invalid\npostscreen_dnsbl_timeout = 1s\n\
                 postscreen_greet_wait = 1s\npostscreen_dnsbl_action = drop\n";
    let screen = screen(lists);
    let (mut client, session) = connect(&screen).await;
    let said = until(&mut client, "\r\n220 ").await;
    assert!(!said.contains("blocked"), "{said}");
    client.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(rest(&mut client).await, "221 2.0.0 Bye\r\n");
    session.await.unwrap();
    assert!(is_empty(&screen));
}

#[tokio::test]
async fn slow_drips_have_one_time_limit() {
    let screen = screen(&format!("{DEEP}postscreen_command_time_limit = 1s\n"));
    let (mut client, session) = connect(&screen).await;
    // A byte now and then does not buy time: the whole command has to come.
    for _ in 0..600 {
        let _ = client.write_all(b"N").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if session.is_finished() {
            break;
        }
    }
    session.await.unwrap();
    assert!(rest(&mut client).await.contains("421 4.4.2 mx.example Error: timeout exceeded"));
    assert!(is_empty(&screen));
}

#[tokio::test]
async fn whoever_hangs_up_is_forgotten() {
    let screen = screen("postscreen_dnsbl_sites = a.invalid\n");
    for _ in 0..30 {
        let (client, session) = connect(&screen).await;
        drop(client);
        session.await.unwrap();
    }
    assert!(is_empty(&screen));
}

#[tokio::test]
async fn a_crowd_is_told_to_come_again() {
    let screen = screen("postscreen_client_connection_count_limit = 1000\n");
    let mut here = Vec::new();
    for _ in 0..60 {
        here.push(connect(&screen).await);
    }
    let mut turned_away = 0;
    for (client, _) in &mut here {
        let mut first = [0; 64];
        let count = client.read(&mut first).await.unwrap();
        let said = String::from_utf8_lossy(&first[..count]).into_owned();
        turned_away += usize::from(said == "421 4.3.2 All screening ports are busy\r\n");
        assert!(said.starts_with("421 ") || said.starts_with("220-"), "{said}");
    }
    assert!(turned_away >= 40, "{turned_away}");
    assert!(screen.clients.crowd().under_test <= 20);
    for (client, session) in here {
        drop(client);
        session.await.unwrap();
    }
    assert!(is_empty(&screen));
}

#[tokio::test]
async fn one_address_gets_so_many_connections() {
    let screen = screen("postscreen_client_connection_count_limit = 2\n");
    let mut here = [connect(&screen).await, connect(&screen).await];
    for (client, _) in &mut here {
        client.readable().await.unwrap();
    }
    let (mut third, session) = connect(&screen).await;
    assert_eq!(rest(&mut third).await, "421 4.7.0 Error: too many connections\r\n");
    session.await.unwrap();
}

#[tokio::test]
async fn a_client_that_nobody_takes_hears_the_rest_of_its_greeting() {
    let screen = screen("postscreen_greet_wait = 1s\n");
    let (mut client, session) = connect(&screen).await;
    until(&mut client, "\r\n220 ").await;
    client.write_all(b"EHLO a\r\n").await.unwrap();
    assert_eq!(rest(&mut client).await, "421 4.3.2 No system resources\r\n");
    session.await.unwrap();
}
