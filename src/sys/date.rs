//! Local time in the forms that mail and listings use.

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

fn local(seconds: u64) -> Zoned {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone = ZONE.get_or_init(TimeZone::system).clone();
    Timestamp::from_second(i64::try_from(seconds).unwrap_or_default())
        .unwrap_or_default()
        .to_zoned(zone)
}

/// The date of a mail header (RFC 5322 section 3.3) with the zone as a comment:
/// `Sun, 22 Nov 2026 10:02:39 +0000 (UTC)`; `seconds` since 1970.
pub fn mail_date(seconds: u64) -> String {
    local(seconds).strftime("%a, %d %b %Y %H:%M:%S %z (%Z)").to_string()
}

/// As the C library's asctime writes it, without its line end: `Sun Nov 22 10:02:39 2026`.
pub fn asctime(seconds: u64) -> String {
    local(seconds).strftime("%a %b %e %H:%M:%S %Y").to_string()
}
