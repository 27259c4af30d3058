//! Lines of an auth server: any bytes are read without a panic, and what is asked stays one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::dovecot_auth;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        let _ = (dovecot_auth::greeting(line), dovecot_auth::answer(line));
        if dovecot_auth::is_base64(line) {
            assert_eq!(dovecot_auth::continuation(1, line).matches('\n').count(), 1);
        }
    }
});
