//! `postscreen_dnsbl_sites`, and the records of clients that have passed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::smtpd::postscreen::results::{Tests, Times};
use postfix_rs::smtpd::postscreen::sites::{Answer, Pattern, Score, Sites};

fuzz_target!(|data: (&str, [u8; 4], u32, i64)| {
    let (text, octets, ttl, now) = data;
    if let Ok(pattern) = Pattern::parse(text) {
        pattern.matches(octets.into());
    }
    if let Ok(sites) = Sites::parse(text) {
        let mut score = Score::default();
        for site in sites.iter() {
            score.take(site, &Answer { addresses: vec![octets.into()], ttl: Some(ttl) });
        }
        assert!((60..=3600).contains(&score.ttl(60, 3600)));
    }
    let times = Times::parse(text);
    times.todo(Tests::EARLY.or(Tests::DEEP), now.unsigned_abs());
    let record = times.record(Tests::EARLY);
    assert_eq!(Times::parse(&record).record(Tests::EARLY), record);
});
