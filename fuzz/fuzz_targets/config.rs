//! main.cf and master.cf.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::config::{Config, Sources, master_cf};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = Sources { main_cf: text.to_owned(), master_cf: text.to_owned(), ..Sources::default() };
    if let Ok(config) = Config::parse(&sources) {
        let _ = config.value("mydestination");
        let _ = config.expand(text);
    }
    let _ = master_cf::parse(text, 100);
});
