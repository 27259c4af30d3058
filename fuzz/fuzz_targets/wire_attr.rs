//! The attribute protocol of showq.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::attr;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((_, used))) = attr::take(rest) {
        rest = &rest[used..];
    }
});
