//! maildirsize files: whatever they say, the sums make sense, and what we write we can read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::maildirsize::{change, parse, size_in_name};

fuzz_target!(|data: &[u8]| {
    let _ = size_in_name(data);
    if let Some(found) = parse(data) {
        assert_eq!(found.bytes == 0, found.messages == 0);
        let text = found.quota.line() + &change(found.bytes, found.messages);
        let again = parse(text.as_bytes()).expect("our own file");
        assert_eq!((again.bytes, again.messages), (found.bytes, found.messages));
    }
});
