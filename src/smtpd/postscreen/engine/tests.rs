//! Dialogues with the engine.

use super::*;
use proptest::prelude::*;

const CLIENT: &str = "[192.0.2.1]:4711";
const NOW: u64 = 2_000_000_000;

fn rules() -> Rules {
    let test = |penalty| DeepTest { penalty, ttl: 2_592_000 };
    Rules {
        hostname: "mx.example".into(),
        banner: "mx.example ESMTP".into(),
        size_limit: 1000,
        utf8: true,
        hides_vrfy: false,
        refuses_vrfy: false,
        helo_required: false,
        discard: Keywords::NONE,
        offers_tls: false,
        has_tls: false,
        requires_tls: false,
        commands: 20,
        pipelining: test(Penalty::Enforce),
        non_smtp: test(Penalty::Drop),
        bare_newline: test(Penalty::Ignore),
        least_ttl: 60,
        quotes_addresses: true,
        soft: false,
        passes_on: false,
    }
}

/// A dialogue with its tests.
struct Talk<'a> {
    engine: Engine<'a>,
    results: Results,
    times: Times,
}

impl<'a> Talk<'a> {
    fn new(rules: &'a Rules) -> Self {
        let reply = "450 4.3.2 Service currently unavailable".to_owned();
        let last = "421 4.3.2 Service currently unavailable".to_owned();
        let engine = Engine::new(rules, CLIENT, reply, last);
        let results = Results { todo: Tests::DEEP, is_new: true, ..Results::default() };
        Self { engine, results, times: Times::NEW }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Engine<'a>, &mut Case<'_>) -> T) -> T {
        let Self { engine, results, times } = self;
        act(engine, &mut Case { results, times, now: NOW })
    }

    fn full(&mut self, text: &[u8], waiting: &[u8], is_forbidden: bool) -> Vec<Action> {
        self.with(|engine, case| engine.obey(Line { text, is_forbidden, waiting }, case))
    }

    fn hear(&mut self, text: &str) -> Vec<Action> {
        self.full(text.as_bytes(), b"", false)
    }

    /// The reply, which is the last action.
    fn reply(&mut self, text: &str) -> String {
        match self.hear(text).pop() {
            Some(Action::Say(reply) | Action::Drop(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }
}

fn log(actions: &[Action]) -> Vec<&str> {
    let texts = actions.iter().filter_map(|action| match action {
        Action::Log(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn nobody_gets_a_recipient_in() {
    let rules = rules();
    let mut talk = Talk::new(&rules);
    assert_eq!(
        talk.reply("EHLO client.example"),
        "250-mx.example\r\n250-SIZE 1000\r\n250-VRFY\r\n250-ETRN\r\n250-ENHANCEDSTATUSCODES\r\n\
         250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING"
    );
    assert_eq!(talk.reply("RCPT TO:<b@c.example>"), "503 5.5.1 Error: need MAIL command");
    assert_eq!(talk.reply("MAIL FROM:<\"a b\"@c.example>"), "250 2.1.0 Ok");
    assert_eq!(talk.reply("MAIL FROM:<>"), "503 5.5.1 Error: nested MAIL command");
    let actions = talk.hear("RCPT TO:<b@c.example>");
    assert_eq!(
        log(&actions),
        ["NOQUEUE: reject: RCPT from [192.0.2.1]:4711: 450 4.3.2 Service currently unavailable; \
          from=<\"a b\"@c.example>, to=<b@c.example>, proto=ESMTP, helo=<client.example>"]
    );
    assert_eq!(actions.len(), 2);
    assert_eq!(talk.reply("VRFY b"), "450 4.3.2 Service currently unavailable");
    assert_eq!(talk.reply("RSET"), "250 2.0.0 Ok");
    let actions = talk.hear("DATA");
    assert_eq!(log(&actions), ["DATA without valid RCPT from [192.0.2.1]:4711"]);
    assert_eq!(actions[1], Action::Drop("503 5.5.1 Error: need RCPT command".into()));
}

#[test]
fn small_commands() {
    let rules = Rules { helo_required: true, refuses_vrfy: true, ..rules() };
    let mut talk = Talk::new(&rules);
    for (command, reply) in [
        ("MAIL FROM:<>", "503 5.5.1 Error: send HELO/EHLO first"),
        ("ETRN x.example", "503 5.5.1 Error: send HELO/EHLO first"),
        ("HELO", "501 Syntax: HELO hostname"),
        ("EHLO ", "501 Syntax: EHLO hostname"),
        ("HELO client.example", "250 mx.example"),
        ("MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>"),
        ("VRFY", "501 5.5.4 Syntax: VRFY address"),
        ("VRFY x", "502 5.5.1 VRFY command is disabled"),
        ("ETRN", "500 Syntax: ETRN domain"),
        ("ETRN x.example", "458 Unable to queue messages"),
        ("STARTTLS now", "501 5.5.4 Syntax: STARTTLS"),
        ("STARTTLS", "502 5.5.1 Error: command not implemented"),
        ("AUTH PLAIN", "502 5.5.2 Error: command not recognized"),
        ("BLURB", "502 5.5.2 Error: command not recognized"),
        ("", "502 5.5.2 Error: command not recognized"),
        ("QUIT", "221 2.0.0 Bye"),
    ] {
        assert_eq!(talk.reply(command), reply, "{command}");
    }
    for (command, reply) in [
        ("BDAT", "501 5.5.4 Syntax: BDAT count [LAST]"),
        ("BDAT 5", "554 5.5.1 Error: need MAIL command"),
        ("DATA x", "501 5.5.4 Syntax: DATA"),
    ] {
        assert_eq!(Talk::new(&rules).reply(command), reply, "{command}");
    }
}

#[test]
fn tests_pass_at_rcpt_and_can_fail_later() {
    let rules = Rules { non_smtp: DeepTest { penalty: Penalty::Enforce, ttl: 5 }, ..rules() };
    let mut talk = Talk::new(&rules);
    talk.hear("EHLO a");
    assert!(talk.results.passed.is_empty());
    talk.hear("MAIL FROM:<>");
    talk.hear("RCPT TO:<a>");
    assert_eq!(talk.results.passed, Tests::DEEP);
    assert_eq!(
        talk.times.record(Tests::DEEP),
        format!("1;1;{};{};{}", NOW + 2_592_000, NOW + 5, NOW + 2_592_000)
    );
    let actions = talk.full(b"GET / HTTP/1.1", b"", true);
    assert_eq!(
        log(&actions),
        ["NON-SMTP COMMAND from [192.0.2.1]:4711 after RCPT: GET / HTTP/1.1"]
    );
    assert!(talk.results.stays && !talk.results.passed.has(Test::NonSmtp));
    assert_eq!(talk.times.record(Tests::DEEP).split(';').nth(3), Some("1"));
    assert_eq!(talk.reply("VRFY x"), "550 5.5.1 Protocol error");
    assert!(log(&talk.full(b"GET /", b"", true)).is_empty(), "once for a session");
    assert!(!talk.results.conclude());
}

#[test]
fn foreign_commands() {
    let rules = rules();
    let fails = |text: &[u8], forbidden| {
        let actions = Talk::new(&rules).full(text, b"", forbidden);
        matches!(actions.last(), Some(Action::Drop(reply)) if reply.starts_with("521 5.7.0 "))
    };
    assert!(fails(b"Subject: hello", false));
    assert!(fails(b"\xff\xfe", false));
    assert!(fails(b"CONNECT x", true));
    assert!(!fails(b"HELLO", false));
    assert!(!fails(b"", false));
    // What is known is SMTP, whatever the list says.
    assert!(!fails(b"NOOP", true));
}

#[test]
fn pipelining_is_seen_before_the_command_acts() {
    let rules = rules();
    let mut talk = Talk::new(&rules);
    let actions = talk.full(b"EHLO a", b"MAIL FROM:<>\r\n", false);
    assert_eq!(
        log(&actions),
        ["COMMAND PIPELINING from [192.0.2.1]:4711 after EHLO: MAIL FROM:<>\\r\\n"]
    );
    assert!(talk.results.failed.has(Test::Pipelining));
    talk.hear("MAIL FROM:<>");
    assert_eq!(talk.reply("RCPT TO:<a>"), "550 5.5.1 Protocol error");
    // BDAT may come with its content.
    assert!(log(&Talk::new(&rules).full(b"BDAT 5", b"hello", false))[0].starts_with("BDAT "));
}

#[test]
fn ignored_failures_count_until_any_test_is_due() {
    let rules = rules();
    let mut talk = Talk::new(&rules);
    let actions = talk.with(|engine, case| engine.bare_newline(b"EHLO\ta", case));
    assert_eq!(actions, [Action::Log(format!("BARE NEWLINE from {CLIENT} after EHLO\\ta"))]);
    assert!(talk.results.passed.has(Test::BareNewline));
    assert_eq!(talk.times.record(Tests::DEEP).split(';').nth(4), Some("2000000060"));
    assert!(talk.with(|engine, case| engine.bare_newline(b"x", case)).is_empty());
}

#[test]
fn limits() {
    let rules = Rules { commands: 2, ..rules() };
    let mut talk = Talk::new(&rules);
    talk.hear("NOOP");
    talk.hear("NOOP");
    let actions = talk.hear("RSET");
    assert_eq!(log(&actions), ["COMMAND COUNT LIMIT from [192.0.2.1]:4711 after NOOP"]);
    assert_eq!(
        actions[1],
        Action::Drop("421 mx.example Service unavailable - try again later".into())
    );
    assert_eq!(talk.reply("QUIT"), "221 2.0.0 Bye");
    let texts = [talk.engine.too_long(), talk.engine.too_slow()].concat();
    assert_eq!(
        log(&texts),
        [
            "COMMAND LENGTH LIMIT from [192.0.2.1]:4711 after QUIT",
            "COMMAND TIME LIMIT from [192.0.2.1]:4711 after QUIT"
        ]
    );
}

#[test]
fn keywords_that_are_withheld() {
    let discard = Keywords::parse("size dsn").0;
    let rules = Rules { discard, offers_tls: true, has_tls: true, ..rules() };
    let mut talk = Talk::new(&rules);
    assert_eq!(talk.engine.withhold(None), None);
    let reply = talk.reply("EHLO a");
    assert!(!reply.contains("SIZE") && !reply.contains("DSN") && reply.contains("STARTTLS"));
    let own = Keywords::parse("chunking").0;
    assert_eq!(
        talk.engine.withhold(Some(own)).unwrap(),
        "[192.0.2.1]4711: discarding EHLO keywords: CHUNKING"
    );
    let reply = talk.reply("EHLO a");
    assert!(reply.contains("SIZE 1000") && reply.ends_with("250 SMTPUTF8"), "{reply}");
    assert_eq!(talk.reply("BDAT 5"), "502 5.5.1 Error: command not implemented");
    let silent = Keywords::parse("etrn silent-discard").0;
    assert_eq!(talk.engine.withhold(Some(silent)), None);
}

#[test]
fn audit_2026_05_10_postscreen_starttls() {
    // There, STARTTLS of anybody crashed the process: settings of TLS had not been set up.
    let rules = Rules { offers_tls: true, has_tls: true, requires_tls: true, ..rules() };
    let mut talk = Talk::new(&rules);
    assert_eq!(talk.reply("MAIL FROM:<>"), "530 5.7.0 Must issue a STARTTLS command first");
    assert!(talk.reply("EHLO a").contains("250-STARTTLS\r\n"));
    assert_eq!(talk.hear("STARTTLS"), [Action::StartTls]);
    talk.engine.encrypted();
    assert!(!talk.reply("EHLO a").contains("STARTTLS"));
    assert_eq!(talk.reply("STARTTLS"), "554 5.5.1 Error: TLS already active");
    assert_eq!(talk.reply("MAIL FROM:<>"), "250 2.1.0 Ok");
    // Without a certificate there is nothing to be started.
    let bare = Rules { offers_tls: true, ..rules.clone() };
    let bare = Rules { has_tls: false, requires_tls: false, ..bare };
    let mut talk = Talk::new(&bare);
    assert!(!talk.reply("EHLO a").contains("STARTTLS"));
    assert_eq!(talk.reply("STARTTLS"), "502 5.5.1 Error: command not implemented");
}

#[test]
fn soft_bounce_is_in_the_log_too() {
    let rules = Rules { soft: true, ..rules() };
    let mut talk = Talk::new(&rules);
    talk.engine.rcpt_reply = "550 5.5.1 Protocol error".into();
    talk.hear("MAIL FROM:<a@b.example>");
    let actions = talk.hear("RCPT TO:<c>");
    assert!(log(&actions)[0].contains(": 450 4.5.1 Protocol error; "), "{actions:?}");
    let mut short = "5".to_owned();
    soften(&mut short);
    assert_eq!(short, "4");
}

#[test]
fn a_client_that_has_failed_takes_all_tests_and_one_that_is_sent_away_takes_none() {
    let rules = rules();
    let talk = Talk::new(&rules);
    let mut failed = Results { denied: true, ..Results::default() };
    assert_eq!(talk.engine.greet(&mut failed).as_deref(), Some("220 mx.example ESMTP"));
    assert_eq!(failed.todo, Tests::DEEP);
    let mut early = Results::default();
    early.fail(Test::Pregreet);
    assert_eq!(talk.engine.greet(&mut early), None, "it does not listen anyway");
    let mut away = Results { todo: Tests::DEEP, ends_at_command: true, ..Results::default() };
    talk.engine.greet(&mut away);
    assert!(away.todo.is_empty());
    let mut talk = Talk { results: away, ..Talk::new(&rules) };
    assert_eq!(talk.reply("EHLO a"), "421 4.3.2 Service currently unavailable");
    assert_eq!(talk.reply("QUIT"), "221 2.0.0 Bye");
}

#[test]
fn who_passes_may_go_on_with_smtpd() {
    let rules = Rules { passes_on: true, ..rules() };
    let mut talk = Talk::new(&rules);
    talk.hear("EHLO client.example");
    talk.hear("MAIL FROM:<a@b.example> SIZE=5");
    let commands =
        ["EHLO client.example", "MAIL FROM:<a@b.example> SIZE=5", "rcpt to:<c@d.example>"];
    let expected = commands.iter().map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!(talk.hear("rcpt to:<c@d.example>"), [Action::HandOver(expected)]);
    // Not without MAIL, and not after a failure.
    let mut talk = Talk::new(&rules);
    assert!(talk.reply("RCPT TO:<a>").starts_with("503 "));
    let mut talk = Talk::new(&rules);
    talk.full(b"EHLO a", b"x", false);
    talk.hear("MAIL FROM:<>");
    assert_eq!(talk.reply("RCPT TO:<a>"), "550 5.5.1 Protocol error");
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let known = proptest::sample::select(vec![
        "EHLO x",
        "HELO x",
        "MAIL FROM:<a@b>",
        "RCPT TO:<c@d>",
        "RSET",
        "NOOP",
        "STARTTLS",
        "VRFY x",
        "ETRN x",
        "GET / HTTP/1.0",
        "From: x",
        "AUTH PLAIN",
        "",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let line = prop_oneof![3 => known, 1 => proptest::collection::vec(any::<u8>(), 0..60)];
    proptest::collection::vec(line, 0..40)
}

proptest! {
    #[test]
    fn any_dialogue_is_bounded_and_takes_no_mail(
        lines in lines(), waiting: Vec<u8>, bare: bool, passes_on: bool,
    ) {
        let rules = Rules { passes_on, ..rules() };
        let mut talk = Talk::new(&rules);
        let mut count = 0;
        'dialogue: for line in &lines {
            let mut actions = Vec::new();
            if bare {
                actions = talk.with(|engine, case| engine.bare_newline(line, case));
            }
            actions.extend(talk.full(line, &waiting, false));
            count += 1;
            prop_assert!(actions.len() <= 6, "{actions:?}");
            for action in actions {
                match action {
                    Action::Say(text) => {
                        prop_assert!(!text.starts_with("354"));
                        prop_assert!(text.is_char_boundary(3) && text.len() > 4);
                    }
                    Action::Drop(_) | Action::HandOver(_) => break 'dialogue,
                    Action::Log(_) | Action::StartTls => {}
                }
            }
            prop_assert!(count <= 20);
        }
    }
}
