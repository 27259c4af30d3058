//! Rewriting and resolving as a whole.

use proptest::prelude::*;

use super::*;
use crate::config::Sources;

fn with(main_cf: &str) -> Arc<Rewrite> {
    let base = "compatibility_level = 3.6\nmyhostname = host.home.example\n\
        mydomain = home.example\nmydestination = host.home.example, localhost\n\
        myorigin = home.example\nappend_dot_mydomain = yes\n";
    let config = Config::parse(&Sources {
        directory: "/nonexistent".into(),
        main_cf: format!("{base}{main_cf}"),
        master_cf: String::new(),
    })
    .unwrap();
    let tables = Tables::new(config.clone());
    Rewrite::new(&config, &tables).unwrap()
}

#[test]
fn standard_form() {
    let rewrite = with("remote_header_rewrite_domain = invalid.example\n");
    for (written, standard) in [
        ("bob", "bob@home.example"),
        ("bob@site", "bob@site.home.example"),
        ("bob@site.example", "bob@site.example"),
        ("bob@site.example.", "bob@site.example"),
        ("bob@", "bob@"),
        ("bob@.", "bob@."),
        ("site!bob", "bob@site.home.example"),
        ("a!b!bob", "b!bob@a.home.example"),
        ("bob%site", "bob@site.home.example"),
        ("bob%a@b.example", "bob%a@b.example"),
        ("@relay.example:bob@site.example", "bob@site.example"),
        ("@relay.example:", "@home.example"),
        ("bob@[192.0.2.1]", "bob@[192.0.2.1]"),
        ("a b", "a b@home.example"),
        ("", ""),
        ("@", "@"),
    ] {
        assert_eq!(rewrite.rewrite(RewriteContext::Local, written), standard, "{written}");
    }
    assert_eq!(rewrite.rewrite(RewriteContext::Remote, "bob"), "bob@invalid.example");
    assert_eq!(rewrite.rewrite(RewriteContext::Remote, "bob@a"), "bob@a.invalid.example");
}

#[test]
fn parameters_switch_steps_off() {
    let rewrite = with(
        "swap_bangpath = no\nallow_percent_hack = no\nappend_at_myorigin = no\n\
         append_dot_mydomain = no\n",
    );
    for same in ["a!b", "a%b", "a", "a@b"] {
        assert_eq!(rewrite.rewrite(RewriteContext::Local, same), same);
    }
}

fn resolved(rewrite: &Rewrite, sender: &str, recipient: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(rewrite.resolve(sender, recipient)) {
        Ok(route) => {
            let routed = if route.routed { " routed" } else { "" };
            let Route { transport, nexthop, recipient, class, .. } = route;
            format!("{transport}:{nexthop} {recipient} {class:?}{routed}")
        }
        Err(error) => format!("{error}"),
    }
}

#[test]
fn classes_and_routing_operators() {
    let rewrite = with(
        "virtual_alias_domains = alias.example\nvirtual_alias_maps =\n\
         virtual_mailbox_domains = box.example\nrelay_domains = relayed.example\n\
         relayhost = [hub.example]\nlocal_transport = local:here\n\
         virtual_transport = lmtp:unix:box\n",
    );
    let is = |recipient: &str, expected: &str| {
        assert_eq!(resolved(&rewrite, "", recipient), expected, "{recipient}");
    };
    is("bob@localhost", "local:here bob@localhost Local");
    is("bob@LOCALHOST", "local:here bob@LOCALHOST Local");
    is("bob", "local:here bob@host.home.example Local");
    is("", "local:here MAILER-DAEMON@host.home.example Local");
    is("bob@[127.0.0.1]", "local:here bob@[127.0.0.1] Local");
    is(
        "bob@alias.example",
        "error:5.1.1 User unknown in virtual alias table bob@alias.example VirtualAlias",
    );
    is("bob@box.example", "lmtp:unix:box bob@box.example VirtualMailbox");
    is("bob@a.relayed.example", "relay:[hub.example] bob@a.relayed.example Relay");
    is("bob@relayed.example", "relay:[hub.example] bob@relayed.example Relay");
    is("bob@x.example", "smtp:[hub.example] bob@x.example Default");
    is("bob%x.example@localhost", "smtp:[hub.example] bob@x.example Default");
    is("x.example!bob@localhost", "smtp:[hub.example] bob@x.example Default");
    is("bob@x.example@localhost", "smtp:[hub.example] bob@x.example Default");
    is("bob%y.example@x.example", "smtp:[hub.example] bob%y.example@x.example Default routed");
    is("bob@y.example@x.example", "smtp:[hub.example] bob@y.example@x.example Default routed");
    is("bob@localhost.", "local:here bob@localhost Local");
    for bad in ["bob@", "bob@a..b", "bob@1.2.3.4", "bob@[1.2.3]", "-bob@x.example", "bob@-x"] {
        is(bad, "bad address syntax");
    }
}

#[test]
fn transports_by_table() {
    let rewrite = with(
        "recipient_delimiter = +\ntransport_maps = inline:{ {bob@x.example=one:}, \
         {x.example=two:[h]:26}, {.x.example=:only}, {e.example=error:5.2.1 closed}, {*=rest:} }\n\
         sender_dependent_relayhost_maps = inline:{ {joe@home.example=[joes]}, {<>=[null]} }\n\
         sender_dependent_default_transport_maps = inline:{ {@sender.example=slow:lane} }\n\
         relocated_maps = inline:{ {gone@home.example=new@x.example}, {old@localhost=@away} }\n",
    );
    let is = |sender: &str, recipient: &str, expected: &str| {
        assert_eq!(resolved(&rewrite, sender, recipient), expected, "{sender} {recipient}");
    };
    is("a@b", "bob+ext@x.example", "one:x.example bob+ext@x.example Default");
    is("a@b", "joe@x.example", "two:[h]:26 joe@x.example Default");
    is("a@b", "joe@y.x.example", "smtp:only joe@y.x.example Default");
    is("a@b", "joe@e.example", "error:5.2.1 closed joe@e.example Default");
    is("a@b", "joe@other.example", "rest:other.example joe@other.example Default");
    is(
        "a@b",
        "gone@home.example",
        "error:5.1.6 User has moved to new@x.example gone@home.example Default",
    );
    let rewrite = with(
        "sender_dependent_relayhost_maps = inline:{ {joe@home.example=[joes]}, {<>=[null]}, \
         {no@x.example=DUNNO} }\nrelayhost = [hub]\n\
         sender_dependent_default_transport_maps = inline:{ {@sender.example=slow:lane} }\n",
    );
    let is = |sender: &str, expected: &str| {
        assert_eq!(resolved(&rewrite, sender, "u@z.example"), expected, "{sender}");
    };
    is("joe@home.example", "smtp:[joes] u@z.example Default");
    is("", "smtp:[null] u@z.example Default");
    is("no@x.example", "smtp:[hub] u@z.example Default");
    is("any@sender.example", "slow:lane u@z.example Default");
}

proptest! {
    #[test]
    fn resolving_never_panics(address in "[a-c@%!.:\" \\[\\]\\\\<>,-]{0,12}") {
        resolved(&with("resolve_numeric_domain = yes\nresolve_null_domain = yes\n"), "", &address);
    }

    #[test]
    fn rewriting_settles(address in "[a-c@%!.:\" \\[\\]\\\\<>,]{0,12}") {
        let rewrite = with("");
        let once = rewrite.rewrite(RewriteContext::Local, &address);
        let _ = rewrite.rewrite(RewriteContext::Local, &once);
    }
}
