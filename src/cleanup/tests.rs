//! Whole messages through the stage.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::config::Sources;
use crate::mail::envelope::{Client, Notify, RewriteContext};
use crate::spool::Reader;

struct Site {
    directory: tempfile::TempDir,
    stage: Arc<Cleanup>,
    runtime: tokio::runtime::Runtime,
}

struct Outcome {
    result: Result<Option<Box<Envelope>>, Refusal>,
    content: String,
}

impl Outcome {
    fn envelope(&self) -> &Envelope {
        self.result.as_ref().unwrap().as_ref().unwrap()
    }

    fn recipients(&self) -> Vec<&str> {
        self.envelope().recipients.iter().map(|r| r.address.as_str()).collect()
    }

    fn refusal(&self) -> &Refusal {
        self.result.as_ref().unwrap_err()
    }
}

const RECEIVED: &str = "Received: by host.home.example (Postfix)\n\tid X; now";

impl Site {
    /// A site with this main.cf, where `@NAME@` stands for a texthash table of that name.
    fn new(main_cf: &str, tables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut main_cf = format!(
            "compatibility_level = 3.6\nmyhostname = host.home.example\nmydomain = home.example\n\
             mydestination = host.home.example, home.example\nmyorigin = home.example\n\
             alias_maps =\n{main_cf}\n"
        );
        for (name, text) in tables {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            let kind = if name.starts_with("re") { "regexp" } else { "texthash" };
            main_cf = main_cf.replace(&format!("@{name}@"), &format!("{kind}:{}", path.display()));
        }
        let config = Config::parse(&Sources {
            directory: directory.path().into(),
            main_cf,
            master_cf: String::new(),
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stage = {
            let _inside = runtime.enter();
            let tables = Tables::new(config.clone());
            let rewrite = Rewrite::new(&config, &tables).unwrap();
            let writer = Writer::open(directory.path()).unwrap();
            Cleanup::new(&config, &tables, rewrite, writer, None).unwrap()
        };
        Self { directory, stage, runtime }
    }

    fn plain() -> Self {
        Self::new("", &[])
    }

    fn begin(&self, origin: Origin) -> Message {
        let mut message = self.stage.begin(origin, Skip::default(), &Log::new("test", "smtpd"));
        message.envelope.client = Client {
            name: "client.example".into(),
            address: "192.0.2.9".into(),
            protocol: "ESMTP".into(),
            ..Client::default()
        };
        message
    }

    fn finish(&self, message: Message) -> Outcome {
        let result = self.runtime.block_on(message.finish_here());
        let mut content = String::new();
        if let Ok(Some((location, _))) = &result {
            let stored = Reader::new(self.directory.path()).open(*location).unwrap();
            let bytes = stored.content.read_all().unwrap();
            content = String::from_utf8_lossy(&bytes).into_owned();
        }
        Outcome { result: result.map(|o| o.map(|(_, envelope)| envelope)), content }
    }

    fn send(&self, sender: &str, recipients: &[&str], chunks: &[&[u8]]) -> Outcome {
        self.send_as(RewriteContext::Local, sender, recipients, chunks)
    }

    fn send_as(
        &self,
        context: RewriteContext,
        sender: &str,
        recipients: &[&str],
        chunks: &[&[u8]],
    ) -> Outcome {
        let mut message = self.begin(Origin::Network);
        message.envelope.rewrite_context = context;
        self.runtime.block_on(async {
            message.sender(sender);
            for address in recipients {
                let recipient = Recipient { address: (*address).into(), ..Recipient::default() };
                message.recipient(recipient).await;
            }
            message.prepend(RECEIVED);
            for chunk in chunks {
                message.content(chunk).await;
            }
        });
        self.finish(message)
    }

    fn content(&self, text: &str) -> String {
        self.send("a@b.example", &["c@d.example"], &[text.as_bytes()]).content
    }
}

const FULL: &str = "From: a@b.example\nTo: c@d.example\nDate: x\nMessage-Id: <1@b.example>\n";

#[test]
fn a_complete_message_is_stored_as_it_is() {
    let text = format!("{FULL}\nHello\n");
    let outcome = Site::plain().send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
    assert_eq!(outcome.content, format!("{RECEIVED}\n{text}"));
    assert_eq!(outcome.envelope().sender, "a@b.example");
    assert_eq!(outcome.recipients(), ["c@d.example"]);
    let recipient = &outcome.envelope().recipients[0];
    assert_eq!(recipient.original, "c@d.example");
    assert_eq!(recipient.dsn_orcpt, "rfc822;c@d.example");
    let lines = outcome.content.lines();
    let size: usize = lines.map(|l| l.len() + 2 + usize::from(l.len() > 127)).sum();
    assert_eq!(outcome.envelope().size, size as u64);
    assert_eq!(outcome.envelope().content_length, outcome.content.len() as u64);
}

#[test]
fn missing_fields_are_added_for_our_clients() {
    let site = Site::plain();
    let content = site.content("Subject: x\n\nbody\n");
    assert!(content.contains("\nMessage-Id: <2"), "{content}");
    assert!(content.contains("\nDate: "), "{content}");
    assert!(content.contains("\nFrom: a@b.example\n\nbody\n"), "{content}");
    assert!(!content.contains("\nTo:"), "{content}");
    let strangers = site
        .send_as(RewriteContext::Remote, "a@b.example", &["c"], &[b"Subject: x\n\nbody\n"])
        .content;
    assert_eq!(strangers, format!("{RECEIVED}\nSubject: x\n\nbody\n"));
}

#[test]
fn resent_messages_get_resent_fields() {
    let content = Site::plain().content(&format!("{FULL}Resent-To: e@f.example\n\nx\n"));
    for field in ["Resent-Message-Id: <", "Resent-Date: ", "Resent-From: a@b.example\n"] {
        assert!(content.contains(field), "{field} in {content}");
    }
}

#[test]
fn undisclosed_recipients() {
    let site = Site::new("undisclosed_recipients_header = To: undisclosed-recipients:;", &[]);
    assert!(site.content("Subject: x\n\n").contains("\nTo: undisclosed-recipients:;\n"));
    assert!(!site.content("Cc: x@y.example\n\n").contains("undisclosed"));
}

#[test]
fn fields_are_dropped_and_normalised() {
    let content = Site::plain().content(&format!(
        "{FULL}Bcc: secret@x.example\nReturn-Path: <x@y.example>\ncontent-length : 7\n\
         Subject  : odd\nX-Long: a\n\tb\n\n"
    ));
    assert_eq!(content, format!("{RECEIVED}\n{FULL}Subject: odd\nX-Long: a\n\tb\n\n"));
}

#[test]
fn header_addresses_are_completed() {
    let content = Site::plain().content(
        "From: Bob Smith <bob> (x)\nTo: a@b.example, list: c, d@e.example;\nDate: x\n\
         Message-Id: <1>\n\n",
    );
    assert!(content.contains("\nFrom: Bob Smith <bob@home.example>(x)\n"), "{content}");
    assert!(
        content.contains("\nTo: a@b.example, list: c@home.example, d@e.example;\n"),
        "{content}"
    );
}

#[test]
fn a_body_without_header_gets_an_empty_line() {
    let content = Site::plain().content(&format!("{FULL}not a header\nmore\n"));
    assert_eq!(content, format!("{RECEIVED}\n{FULL}\nnot a header\nmore\n"));
}

#[test]
fn odd_ends() {
    let site = Site::plain();
    assert_eq!(site.content(&format!("{FULL}\nno end")), format!("{RECEIVED}\n{FULL}\nno end\n"));
    assert_eq!(site.content(FULL), format!("{RECEIVED}\n{FULL}"));
    assert_eq!(site.content(&format!("{FULL}X: y")), format!("{RECEIVED}\n{FULL}X: y\n"));
    assert_eq!(site.content(&format!("{FULL}\na\rb\r\n")), format!("{RECEIVED}\n{FULL}\na b \n"));
}

#[test]
fn long_lines_count_as_several_records() {
    let site = Site::plain();
    let sizes = |length: usize| {
        let text = format!("{FULL}\n{}\n", "x".repeat(length));
        let outcome = site.send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
        assert!(outcome.content.ends_with(&text));
        outcome.envelope().size
    };
    let empty = sizes(0);
    assert_eq!(sizes(127), empty + 127);
    assert_eq!(sizes(128), empty + 129);
    assert_eq!(sizes(2047), empty + 2048);
    assert_eq!(sizes(2048), empty + 2051);
    assert_eq!(sizes(5000), empty + 2 * 2051 + 904 + 1);
}

#[test]
fn a_long_line_that_ends_the_header_has_one_end() {
    let site = Site::plain();
    let long = "x".repeat(3000);
    for tail in ["", "more\n", "more\n\n"] {
        let text = format!("{FULL}{long}\n{tail}");
        let outcome = site.send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
        assert!(outcome.content.ends_with(&format!("\n\n{long}\n{tail}")), "{tail:?}");
    }
}

#[test]
fn many_hops_are_refused() {
    let site = Site::new("hopcount_limit = 3", &[]);
    let hop = "Received: from x by y; z\n";
    assert!(site.send("a@b.example", &["c@d.example"], &[hop.as_bytes(), b"\n"]).result.is_ok());
    let looped = format!("{hop}{hop}\n");
    let outcome = site.send("a@b.example", &["c@d.example"], &[looped.as_bytes()]);
    assert_eq!(outcome.refusal().reason, Reason::TooManyHops);
    assert_eq!(outcome.refusal().status, Status::new(5, 4, 0));
}

#[test]
fn big_messages_are_refused_and_bigger_than_memory_stored() {
    let line = [b"y".repeat(99), b"\n".to_vec()].concat();
    let big = line.repeat(30_000);
    let outcome =
        Site::plain().send("a@b.example", &["c@d.example"], &[FULL.as_bytes(), b"\n", &big]);
    assert!(outcome.content.ends_with(&String::from_utf8(big.clone()).unwrap()));
    let site = Site::new("message_size_limit = 100000", &[]);
    let outcome = site.send("a@b.example", &["c@d.example"], &[FULL.as_bytes(), b"\n", &big]);
    assert_eq!(outcome.refusal().reason, Reason::TooBig);
}

#[test]
fn recipients_are_completed_expanded_and_unique() {
    let site = Site::new(
        "virtual_alias_maps = @virtual@\nrecipient_delimiter = +\nalways_bcc = archive\n",
        &[(
            "virtual",
            "list@x.example one@y.example, two, list@x.example\n@old.example @new.example\nloop@x.example loop@x.example.x\n",
        )],
    );
    let outcome = site.send(
        "a",
        &["list@x.example", "bob+ext@old.example", "two", "two"],
        &[FULL.as_bytes()],
    );
    assert_eq!(outcome.envelope().sender, "a@home.example");
    let found = outcome.recipients();
    assert!(found.contains(&"one@y.example") && found.contains(&"list@x.example"), "{found:?}");
    assert!(found.contains(&"bob+ext@new.example"), "{found:?}");
    assert_eq!(found.iter().filter(|a| **a == "two@home.example").count(), 2, "{found:?}");
    assert_eq!(found.last(), Some(&"archive@home.example"));
}

#[test]
fn an_alias_that_grows_without_end_is_deferred() {
    let site = Site::new(
        "virtual_alias_maps = @virtual@",
        &[("virtual", "a a@a.example\n@a.example @b.a.example\n@b.a.example x@a.example\n")],
    );
    let outcome = site.send("s", &["a"], &[FULL.as_bytes()]);
    assert!(outcome.result.is_err() || !outcome.recipients().is_empty());
    let site = Site::new(
        "virtual_alias_maps = @virtual@\nvirtual_alias_expansion_limit = 3",
        &[("virtual", "many@x.example a@y.example b@y.example c@y.example d@y.example\n")],
    );
    let outcome = site.send("s", &["many@x.example"], &[FULL.as_bytes()]);
    assert_eq!(outcome.refusal().reason, Reason::Mapping);
    assert_eq!(outcome.refusal().status, Status::new(4, 6, 0));
    assert_eq!(outcome.refusal().text, "Alias expansion error");
}

#[test]
fn canonical_maps_and_masquerading() {
    let site = Site::new(
        "sender_canonical_maps = @sender@\nrecipient_canonical_maps = @rcpt@\n\
         masquerade_domains = big.example\nmasquerade_exceptions = root\n",
        &[("sender", "bob Robert.Smith@home.example\n"), ("rcpt", "bob other@x.example\n")],
    );
    let outcome = site.send(
        "bob",
        &["bob"],
        &[b"From: bob\nTo: bob, root@a.big.example, joe@b.big.example\nDate: x\nMessage-Id: <1>\n\n"],
    );
    assert_eq!(outcome.envelope().sender, "Robert.Smith@home.example");
    assert_eq!(outcome.recipients(), ["other@x.example"]);
    assert!(outcome.content.contains("\nFrom: Robert.Smith@home.example\n"), "{}", outcome.content);
    assert!(
        outcome.content.contains("\nTo: other@x.example, root@a.big.example, joe@big.example\n"),
        "{}",
        outcome.content
    );
}

#[test]
fn header_checks_act() {
    let site = Site::new(
        "header_checks = @re_header@\nbody_checks = @re_body@",
        &[
            (
                "re_header",
                "/^Subject: reject (.*)/ REJECT 5.9.9 because of $1\n\
                 /^Subject: later/ REJECT 4.1.1 later\n\
                 /^Subject: no$/ REJECT\n/^Subject: discard/ DISCARD\n\
                 /^Subject: hold/ HOLD\n/^Subject: filter/ FILTER x:y\n\
                 /^Subject: redirect/ REDIRECT z@z.example\n/^Subject: bcc/ BCC z@z.example\n\
                 /^X-Old: (.*)/ REPLACE X-New: $1\n/^X-Gone/ IGNORE\n\
                 /^X-Mark/ PREPEND X-Before: this\n\
                 /^Content-Type:.*name=bad/ REJECT bad attachment\n",
            ),
            (
                "re_body",
                "/^drop/ IGNORE\n/^swap/ REPLACE swapped\n/^evil/ REJECT\n/^add/ PREPEND added\n",
            ),
        ],
    );
    let send = |text: &str| site.send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
    let refused = |text: &str| send(text).refusal().clone();
    let bad = refused("Subject: reject it\n\n");
    assert_eq!((bad.status, bad.text.as_str()), (Status::new(5, 9, 9), "because of it"));
    assert_eq!(refused("Subject: later\n\n").status, Status::new(4, 1, 1));
    assert_eq!(refused("Subject: no\n\n").text, "message content rejected");
    assert_eq!(refused("\nevil\n").status, Status::new(5, 7, 1));
    let part = "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: x; name=bad\n\n";
    assert_eq!(refused(part).text, "bad attachment");
    assert!(send("Subject: discard\n\n").result.unwrap().is_none());
    assert!(send("Subject: hold\n\n").envelope().hold);
    assert_eq!(send("Subject: filter\n\n").envelope().filter.as_deref(), Some("x:y"));
    assert_eq!(send("Subject: redirect\n\n").envelope().redirect.as_deref(), Some("z@z.example"));
    assert_eq!(send("Subject: bcc\n\n").recipients(), ["c@d.example", "z@z.example"]);
    let content =
        send(&format!("{FULL}X-Old: v\nX-Gone: 1\nX-Mark: 1\n\ndrop\nswap\nadd\nend\n")).content;
    assert_eq!(
        content,
        format!(
            "{RECEIVED}\n{FULL}X-New: v\nX-Before: this\nX-Mark: 1\n\nswapped\nadded\nadd\nend\n"
        )
    );
}

#[test]
fn bounced_mail_is_read_to_the_end() {
    let site =
        Site::new("header_checks = @re_header@", &[("re_header", "/^Subject: no/ REJECT\n")]);
    let mut message = site.begin(Origin::Local);
    site.runtime.block_on(async {
        message.sender("a");
        message.recipient(Recipient { address: "b".into(), ..Recipient::default() }).await;
        message.prepend(RECEIVED);
        message.content(b"Subject: no\n").await;
        assert!(message.refused().is_none());
        message.content(b"\nbody\n").await;
    });
    let outcome = site.finish(message);
    assert_eq!(outcome.envelope().refused.as_deref(), Some("5.7.1 message content rejected"));
    assert_eq!(outcome.envelope().ret, Some(crate::mail::envelope::Ret::Headers));
    assert!(outcome.content.ends_with("\n\nbody\n"), "{}", outcome.content);
}

#[test]
fn without_recipients_nothing_is_stored() {
    let outcome = Site::plain().send("a", &[], &[b"\n"]);
    assert_eq!(outcome.refusal().reason, Reason::NoRecipients);
}

#[test]
fn an_expanded_alias_does_not_promise_success_twice() {
    let site = Site::new("virtual_alias_maps = @virtual@", &[("virtual", "a b\n")]);
    let mut message = site.begin(Origin::Network);
    site.runtime.block_on(async {
        message.sender("s");
        for notify in [Notify::SUCCESS, Notify::SUCCESS.with(Notify::FAILURE)] {
            let recipient = Recipient { address: "a".into(), notify, ..Recipient::default() };
            message.recipient(recipient).await;
        }
        message.content(b"\n").await;
    });
    let outcome = site.finish(message);
    let notify: Vec<_> = outcome.envelope().recipients.iter().map(|r| r.notify).collect();
    assert_eq!(notify, [Notify::NEVER, Notify::FAILURE]);
    let aliases: Vec<_> = outcome.envelope().aliases.iter().map(|r| r.address.as_str()).collect();
    assert_eq!(aliases, ["a@home.example"; 2], "the sender hears of them");
}

#[test]
fn eight_bit_parts_make_eight_bit_mail() {
    let site = Site::plain();
    let text = "Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Transfer-Encoding: 8bit\n\n\u{fc}\n--q--\n";
    let outcome = site.send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
    assert_eq!(outcome.envelope().body, Some(crate::mail::envelope::Body::EightBitMime));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn chunking_changes_nothing(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("\n".to_owned()),
                Just("To: a, b <c>\n".to_owned()),
                Just("Content-Type: multipart/mixed; boundary=q\n\n--q\nX: y\n".to_owned()),
                Just("--q--\n".to_owned()),
                Just(" folded\n".to_owned()),
                Just("\r\u{0}\u{ff}".to_owned()),
                Just("z".repeat(700)),
                "[ -~]{0,20}\n",
            ],
            0..12,
        ),
        cuts in proptest::collection::vec(1usize..40, 0..200),
        with_checks in any::<bool>(),
    ) {
        let main_cf = if with_checks { "line_length_limit = 512\nbody_checks = regexp:{{/nothing/ REJECT}}" } else { "line_length_limit = 512" };
        let site = Site::new(main_cf, &[]);
        let mut text = String::from("Message-Id: <1>\nDate: x\n");
        for piece in &pieces {
            let _ = write!(text, "{piece}");
        }
        let whole = site.send("a@b.example", &["c@d.example"], &[text.as_bytes()]);
        let mut chunks = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts {
            let (chunk, left) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = left;
        }
        chunks.push(rest);
        let cut = site.send("a@b.example", &["c@d.example"], &chunks);
        prop_assert_eq!(&whole.content, &cut.content);
        prop_assert_eq!(whole.envelope().size, cut.envelope().size);
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let site = Site::plain();
        let outcome = site.send("a@b.example", &["c@d.example"], &[&bytes]);
        prop_assert!(outcome.result.is_ok());
    }
}
