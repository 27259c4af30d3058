//! The time stamp of a log line, `Nov 22 10:02:39` in local time, made once a second.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Remembers the text of the current second.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: i64,
    text: String,
    zone: Option<TimeZone>,
}

impl Stamp {
    /// The text for now. The zone is loaded at the first call, which happens before confinement.
    pub(super) fn text(&mut self) -> &str {
        let second = i64::try_from(crate::sys::now() / 1_000_000).unwrap_or_default();
        if second != self.second || self.text.is_empty() {
            let zone = self.zone.get_or_insert_with(TimeZone::system).clone();
            let now = Timestamp::from_second(second).unwrap_or_default().to_zoned(zone);
            self.text = now.strftime("%b %e %H:%M:%S").to_string();
            self.second = second;
        }
        &self.text
    }
}
