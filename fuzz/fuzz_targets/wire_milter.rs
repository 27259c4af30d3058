//! Answers of milters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::milter::{Event, Head, Negotiated, Response, reply};

fuzz_target!(|data: &[u8]| {
    let _ = Negotiated::parse(data);
    let _ = reply(data, true);
    let mut rest = data;
    while let Ok(Some(head)) = Head::take(rest) {
        let Some(packet) = rest.get(Head::LENGTH..Head::LENGTH + head.length) else { break };
        let _ = Response::parse(head.code, packet, Event::EndOfBody);
        let _ = Response::parse(head.code, packet, Event::Body);
        rest = &rest[Head::LENGTH + head.length..];
    }
});
