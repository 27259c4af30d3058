//! TLSRPT records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::tlsrpt::{Place, Record, choose};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = choose(text.lines());
    let Ok(record) = Record::parse(text) else { return };
    assert!(!record.places.is_empty());
    for place in record.places {
        if let Place::Mail(address) = place {
            assert!(address.contains('@') && address.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
});
