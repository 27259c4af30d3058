//! Netstrings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::netstring::{append, length, take};

fuzz_target!(|data: &[u8]| {
    let _ = length(data);
    if let Ok(Some((text, used))) = take(data, 4096) {
        assert!(text.len() <= 4096 && used <= data.len());
        let mut again = Vec::new();
        append(&mut again, text);
        assert_eq!(take(&again, 4096), Ok(Some((text, again.len()))));
    }
});
