//! Addresses in headers, and their quoting.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::mail::address;

fuzz_target!(|data: &[u8]| {
    let mut out = Vec::new();
    address::List::parse(data, 1000).push_header(&mut out);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (address::quote(text), address::unquote(text), address::split_extension(text, "+-"));
});
