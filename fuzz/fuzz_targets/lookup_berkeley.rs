//! Berkeley DB files, which are read without the library.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = postfix_rs::lookup::count_berkeley_db_records(data);
});
