//! The words of SMTP commands, and the addresses in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::{smtp_address, smtp_command};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let words = smtp_command::words(text);
    let _ = smtp_command::join(&words);
    let _ = smtp_address::extract(text);
});
