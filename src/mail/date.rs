//! Dates as message headers write them (RFC 5322 section 3.3).

/// Calendar date and clock time in UTC of `seconds` since 1970: year, month 1–12, day, hour,
/// minute, second, day of the week from Sunday.
fn civil(seconds: i64) -> (i64, usize, i64, i64, i64, i64, usize) {
    let days = seconds.div_euclid(86_400);
    let clock = seconds.rem_euclid(86_400);
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let weekday = usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default();
    let month = usize::try_from(month).unwrap_or(1);
    (year, month, day, clock / 3600, clock / 60 % 60, clock % 60, weekday)
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Such as `Sun,  2 Mar 2025 08:05:00 +0100 (CET)`: `seconds` since 1970 where clocks are
/// `utc_offset` seconds ahead of UTC and the zone is called `zone`.
pub fn header_date(seconds: u64, utc_offset: i32, zone: &str) -> String {
    let local = i64::try_from(seconds).unwrap_or(i64::MAX / 2) + i64::from(utc_offset);
    let (year, month, day, hour, minute, second, weekday) = civil(local);
    let day_name = DAYS.get(weekday).copied().unwrap_or_default();
    let month_name = MONTHS.get(month - 1).copied().unwrap_or_default();
    let sign = if utc_offset < 0 { '-' } else { '+' };
    let offset = utc_offset.unsigned_abs() / 60;
    format!(
        "{day_name}, {day:>2} {month_name} {year} {hour:02}:{minute:02}:{second:02} \
         {sign}{:02}{:02} ({zone})",
        offset / 60,
        offset % 60
    )
}

/// `20250302070500`: UTC, for message IDs.
pub fn compact_utc(seconds: u64) -> String {
    let (year, month, day, hour, minute, second, _) =
        civil(i64::try_from(seconds).unwrap_or(i64::MAX / 2));
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(header_date(0, 0, "UTC"), "Thu,  1 Jan 1970 00:00:00 +0000 (UTC)");
        assert_eq!(
            header_date(1_740_899_100, 3600, "CET"),
            "Sun,  2 Mar 2025 08:05:00 +0100 (CET)"
        );
        assert_eq!(
            header_date(1_709_164_800, -12_600, "NST"),
            "Wed, 28 Feb 2024 20:30:00 -0330 (NST)"
        );
        assert_eq!(compact_utc(951_782_399), "20000228235959");
        assert_eq!(compact_utc(1_709_251_199), "20240229235959");
    }
}
