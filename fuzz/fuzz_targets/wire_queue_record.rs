//! Records of maildrop files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::queue_record;

fuzz_target!(|data: &[u8]| {
    for record in queue_record::Records::new(data, 1 << 16) {
        if record.is_err() {
            break;
        }
    }
});
