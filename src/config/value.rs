//! What the text of a value means: numbers, times, booleans, and Postfix's words when it means
//! nothing. Pure.

use super::lines::is_space;
use super::parameter::Limits;

/// Reads `yes` or `no`, in any case.
pub(super) fn boolean(name: &str, text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("yes") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("no") {
        Ok(false)
    } else {
        Err(format!("bad boolean configuration: {name} = {text}"))
    }
}

/// Reads a whole number; `wide` numbers have 64 bits, others 32.
pub(super) fn number(name: &str, text: &str, wide: bool) -> Result<i64, String> {
    let digits = text.trim_start_matches(is_space);
    let number = digits.parse::<i64>().ok();
    number
        .filter(|n| wide || i32::try_from(*n).is_ok())
        .ok_or_else(|| format!("bad numerical configuration: {name} = {text}"))
}

/// Whether a number is within the limits; a limit of zero is none.
pub(super) fn check_number(name: &str, number: i64, limits: Limits) -> Result<(), String> {
    if limits.min != 0 && number < limits.min {
        return Err(format!("invalid {name} parameter value {number} < {}", limits.min));
    }
    match limits.max {
        Some(max) if max != 0 && number > max => {
            Err(format!("invalid {name} parameter value {number} > {max}"))
        }
        _ => Ok(()),
    }
}

/// Reads a time span in seconds; `unit` holds for numbers without one.
pub(super) fn time(name: &str, text: &str, unit: char) -> Result<i64, String> {
    let bad = || format!("parameter {name}: bad time value or unit: {text}");
    let start = text.trim_start_matches(is_space);
    let end = start
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *at == 0 && matches!(c, '+' | '-')))
        .map_or(start.len(), |(at, _)| at);
    let (digits, rest) = start.split_at(end);
    let number: i32 = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| bad())? };
    if text.is_empty() || number < 0 {
        return Err(bad());
    }
    let seconds = match rest.chars().next().unwrap_or(unit) {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        'w' => 604_800,
        _ => return Err(bad()),
    };
    if seconds > 1 && number >= i32::MAX / seconds {
        return Err(bad());
    }
    Ok(i64::from(number) * i64::from(seconds))
}

/// Whether a time span is within the limits, in seconds.
pub(super) fn check_time(name: &str, seconds: i64, limits: Limits) -> Result<(), String> {
    if limits.min != 0 && seconds < limits.min {
        return Err(format!("invalid {name}: {seconds} (min {})", limits.min));
    }
    match limits.max {
        Some(max) if max != 0 && seconds > max => {
            Err(format!("invalid {name}: {seconds} (max {max})"))
        }
        _ => Ok(()),
    }
}

/// The unit of the default of a time parameter.
pub(super) fn unit_of(default: &str) -> char {
    default.chars().find(char::is_ascii_alphabetic).unwrap_or('s')
}

/// Whether a text is as long as it must be. `raw` texts are complained about in other words.
pub(super) fn check_length(
    name: &str,
    text: &str,
    limits: Limits,
    raw: bool,
) -> Result<(), String> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (open, close) = if raw { ("(", ")") } else { ("", "") };
    if limits.min != 0 && length < limits.min {
        return Err(format!(
            "bad string length {open}{length} < {}{close}: {name} = {text}",
            limits.min
        ));
    }
    match limits.max {
        Some(max) if max != 0 && length > max => {
            Err(format!("bad string length {open}{length} > {max}{close}: {name} = {text}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(time("t", "10", 'h'), Ok(36000));
        assert_eq!(time("t", "2w", 's'), Ok(1_209_600));
        assert_eq!(time("t", "0", 's'), Ok(0));
        for bad in ["", "-1", "1x", "later", "99999999999s", "9999999d"] {
            assert_eq!(
                time("t", bad, 's'),
                Err(format!("parameter t: bad time value or unit: {bad}"))
            );
        }
        assert_eq!(unit_of("300s"), 's');
    }

    #[test]
    fn numbers() {
        assert_eq!(number("n", "42", false), Ok(42));
        assert_eq!(number("n", "4x", false), Err("bad numerical configuration: n = 4x".into()));
        assert!(number("n", "3000000000", false).is_err());
        assert_eq!(number("n", "3000000000", true), Ok(3_000_000_000));
        assert_eq!(
            check_number("n", 0, Limits::at_least(1)),
            Err("invalid n parameter value 0 < 1".into())
        );
        assert_eq!(check_number("n", -5, Limits::ANY), Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,20}") {
            let _ = time("t", &text, 's');
            let _ = number("n", &text, true);
        }
    }
}
