//! Options of one server in a list of servers: `{ inet:host:port, timeout = 5s, { key = a value } }`.

use std::time::Duration;

use crate::config::lines::split_assignment;
use crate::config::{split_list, strip_braces};

/// An element that cannot be read, in Postfix's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOption(pub String);

/// The name of a server, and its options; an element without braces has none.
pub fn options(element: &str) -> Result<(String, Vec<(String, String)>), BadOption> {
    if !element.starts_with('{') {
        return Ok((element.to_owned(), Vec::new()));
    }
    let inside = strip_braces(element).map_err(BadOption)?;
    let mut words = split_list(inside).into_iter();
    let name = words.next().ok_or_else(|| BadOption(format!("empty definition: \"{element}\"")))?;
    let mut assignments: Vec<String> = Vec::new();
    for word in words {
        match assignments.last_mut() {
            // `key = value`: Postfix wants braces around it, people leave them out.
            Some(last) if last.ends_with('=') || word.starts_with('=') => last.push_str(word),
            _ => assignments.push(word.to_owned()),
        }
    }
    let mut options = Vec::new();
    for assignment in &assignments {
        let text = if assignment.starts_with('{') {
            strip_braces(assignment).map_err(BadOption)?
        } else {
            assignment
        };
        let (key, value) = split_assignment(text)
            .map_err(|error| BadOption(format!("malformed option: {error}: \"...{text}...\"")))?;
        options.push((key.to_owned(), value.to_owned()));
    }
    Ok((name.to_owned(), options))
}

/// A time such as `30s`, `5m`; seconds without a unit.
pub fn time(key: &str, text: &str) -> Result<Duration, BadOption> {
    let bad = || BadOption(format!("{key}: bad time value or unit: {text}"));
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or_else(bad)?;
    let seconds: u64 = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    #[test]
    fn all_spellings() {
        let (name, found) =
            options("{ inet:h:1, timeout=10 max_idle = 20s, { default_action = 450 x y } }")
                .unwrap();
        assert_eq!(name, "inet:h:1");
        assert_eq!(
            pairs(&found),
            [("timeout", "10"), ("max_idle", "20s"), ("default_action", "450 x y")]
        );
        assert_eq!(options("unix:a").unwrap(), ("unix:a".to_owned(), Vec::new()));
        assert!(options("{ }").is_err());
        assert!(options("{ inet:x timeout }").is_err());
        assert!(options("{ inet:x").is_err());
    }

    #[test]
    fn times() {
        assert_eq!(time("t", "10"), Ok(Duration::from_secs(10)));
        assert_eq!(time("t", "2m"), Ok(Duration::from_secs(120)));
        for bad in ["x", "", "5y", "99999999999999999999"] {
            assert!(time("t", bad).is_err(), "{bad}");
        }
    }
}
