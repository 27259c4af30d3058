//! Headers of proxies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::proxy_protocol::{Families, is_incomplete, take};

fuzz_target!(|data: &[u8]| {
    let _ = is_incomplete(data);
    if let Ok((_, used)) = take(data, Families { ipv4: true, ipv6: true }) {
        assert!(used <= data.len());
    }
});
