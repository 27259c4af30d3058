//! Lines of a client, in any limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::line;

fuzz_target!(|data: &[u8]| {
    for strict in [false, true] {
        let mut rest = data;
        loop {
            match line::take(rest, 64, strict) {
                line::Line::Incomplete => break,
                line::Line::Whole { used, .. } => rest = &rest[used..],
                line::Line::TooLong { text } => rest = &rest[text.len()..],
            }
        }
    }
});
