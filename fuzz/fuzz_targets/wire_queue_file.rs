//! Whole queue files: anything may lie in a queue folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::queue_file;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = queue_file::read(bytes) {
        let all: Vec<u32> = (0..).take(file.envelope.recipients.len()).collect();
        let written = queue_file::write(&file.envelope, &file.content, &all);
        assert_eq!(queue_file::read(&written).map(|back| back.content), Ok(file.content));
    }
});
