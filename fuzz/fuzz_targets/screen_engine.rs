//! Dialogues with postscreen's built-in engine: lines as they come off the network.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::smtpd::keyword::Keywords;
use postfix_rs::smtpd::postscreen::engine::{Action, Case, DeepTest, Engine, Line, Penalty, Rules};
use postfix_rs::smtpd::postscreen::results::{Results, Tests, Times};
use postfix_rs::wire::line::{Line as Taken, take};

fuzz_target!(|data: &[u8]| {
    let Some((flags, mut data)) = data.split_first() else { return };
    let flag = |bit: u8| flags & (1 << bit) != 0;
    let penalty = match flags & 3 {
        0 => Penalty::Ignore,
        1 => Penalty::Enforce,
        _ => Penalty::Drop,
    };
    let test = DeepTest { penalty, ttl: 100 };
    let rules = Rules {
        hostname: "mx.example".into(),
        banner: "mx.example ESMTP".into(),
        size_limit: 1000,
        utf8: flag(2),
        hides_vrfy: false,
        refuses_vrfy: flag(3),
        helo_required: flag(4),
        discard: Keywords::NONE,
        offers_tls: flag(5),
        has_tls: flag(5),
        requires_tls: flag(6),
        commands: 20,
        pipelining: test,
        non_smtp: test,
        bare_newline: test,
        least_ttl: 60,
        quotes_addresses: flag(2),
        soft: flag(3),
        passes_on: flag(7),
    };
    let mut engine = Engine::new(&rules, "[192.0.2.1]:1", "450 4.3.2 no".into(), "421 no".into());
    let mut results = Results { todo: Tests::DEEP, ..Results::default() };
    let mut times = Times::NEW;
    engine.greet(&mut results);
    let mut lines = 0;
    while let Taken::Whole { text, bare_lf, used } = take(data, 2048, true) {
        let waiting = data.get(used..).unwrap_or_default();
        let mut case = Case { results: &mut results, times: &mut times, now: 1 };
        let mut actions = Vec::new();
        if bare_lf {
            actions = engine.bare_newline(text, &mut case);
        }
        actions.extend(engine.obey(Line { text, is_forbidden: false, waiting }, &mut case));
        lines += 1;
        assert!(lines <= 21);
        for action in &actions {
            match action {
                Action::Say(reply) => assert!(!reply.starts_with("354")),
                Action::Drop(_) | Action::HandOver(_) => return,
                Action::Log(_) => {}
                Action::StartTls => engine.encrypted(),
            }
        }
        data = waiting;
    }
});
