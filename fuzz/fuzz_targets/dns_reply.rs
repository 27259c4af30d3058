//! Replies of name servers: MX, SRV, TLSA and the others.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| postfix_rs::dns::try_bytes(data));
