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
        ("@", ""),
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

proptest! {
    #[test]
    fn rewriting_settles(address in "[a-c@%!.:\" \\[\\]\\\\<>,]{0,12}") {
        let rewrite = with("");
        let once = rewrite.rewrite(RewriteContext::Local, &address);
        let _ = rewrite.rewrite(RewriteContext::Local, &once);
    }
}
