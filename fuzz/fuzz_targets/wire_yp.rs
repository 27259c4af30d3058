//! Answers of the portmapper, of ypbind and of ypserv.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::yp;

fuzz_target!(|data: &[u8]| {
    // The number of the question is whatever the answer begins with.
    let id = data.first_chunk().map_or(0, |id| u32::from_be_bytes(*id));
    let _ = yp::port(data, id);
    let _ = yp::server(data, id);
    let _ = yp::value(data, id);
});
