//! Replies of servers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::smtp_reply;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut collector = smtp_reply::Collector::default();
    for line in text.lines() {
        if let smtp_reply::Step::Done(reply) = collector.line(line, 4096) {
            let _ = (reply.one_line(), reply.announced().count());
        }
    }
    let _ = smtp_reply::printable(data);
});
