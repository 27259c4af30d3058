//! xtext of DSN parameters: what is encoded decodes to the same, but for NUL, which no decoder lets in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::xtext;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (xtext::decode(text), xtext::decode_utf8(text));
    if text.is_ascii() && !text.contains('\0') {
        assert_eq!(xtext::decode(&xtext::encode(text, "+=")).as_deref(), Some(text));
    }
});
