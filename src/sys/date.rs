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
/// `Sun,  1 Nov 2026 10:02:39 +0000 (UTC)`; `seconds` since 1970.
pub fn mail_date(seconds: u64) -> String {
    mail_date_of(&local(seconds))
}

fn mail_date_of(time: &Zoned) -> String {
    time.strftime("%a, %e %b %Y %H:%M:%S %z (%Z)").to_string()
}

/// `20250302070500`: UTC, for message IDs.
pub fn compact_utc(seconds: u64) -> String {
    local(seconds).with_time_zone(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string()
}

/// As the C library's asctime writes it, without its line end: `Sun Nov 22 10:02:39 2026`.
pub fn asctime(seconds: u64) -> String {
    local(seconds).strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// Local time by a template of strftime(3); what it does not know stays as it is.
pub fn by_template(template: &str, seconds: u64) -> String {
    use jiff::fmt::strtime::{BrokenDownTime, Config};
    let parts = BrokenDownTime::from(&local(seconds));
    let lenient = Config::new().lenient(true);
    parts.to_string_with_config(&lenient, template).unwrap_or_else(|_| template.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_mail() {
        let at = |seconds, offset| {
            let zone = TimeZone::fixed(jiff::tz::offset(offset));
            mail_date_of(&local(seconds).with_time_zone(zone))
        };
        assert_eq!(at(1_740_899_100, 1), "Sun,  2 Mar 2025 08:05:00 +0100 (+01)");
        assert_eq!(at(1_709_164_800, -3), "Wed, 28 Feb 2024 21:00:00 -0300 (-03)");
        assert_eq!(compact_utc(951_782_399), "20000228235959");
        assert_eq!(by_template("/x/%%%Y.", 1_000_000_000), "/x/%2001.");
        assert_eq!(compact_utc(1_709_251_199), "20240229235959");
    }
}
