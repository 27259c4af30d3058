//! What logins are made of: messages of clients, answers of saslauthd, smtpd.conf, user files, sasldb.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::sasl::own::{sasldb, user_file::Users};
use postfix_rs::wire::{sasl_response, saslauthd, smtpd_conf::SmtpdConf};

fuzz_target!(|data: &[u8]| {
    let _ = (sasl_response::plain(data), sasl_response::cram_md5(data));
    let _ = (sasl_response::scram_first(data), sasl_response::scram_final(data));
    if let Some((prefix, text)) = data.split_first_chunk::<2>() {
        assert!(saslauthd::length(*prefix).is_ok_and(|n| n <= saslauthd::ANSWER_MAX) || prefix[0] == 0);
        let _ = saslauthd::answer(text);
    }
    let _ = sasldb::find(data, b"joe\0realm\0userPassword");
    let text = String::from_utf8_lossy(data);
    let _ = SmtpdConf::parse(&text);
    let users = Users::parse(&text);
    assert!(users.names().all(|name| !users.of(name).is_empty()));
});
