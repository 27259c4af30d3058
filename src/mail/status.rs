//! Enhanced status codes (RFC 3463).

use std::fmt;
use std::str::FromStr;

/// Such as `5.1.1`: class 2, 4 or 5, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Status {
    /// 2 success, 4 temporary, 5 permanent.
    pub class: u8,
    /// 0 to 999
    pub subject: u16,
    /// 0 to 999
    pub detail: u16,
}

impl Status {
    /// `class.subject.detail`
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// The same subject and detail in another class: `soft_bounce` turns 5 into 4.
    pub const fn with_class(self, class: u8) -> Self {
        Self { class, ..self }
    }

    /// Splits `text` into the status that it starts with, if any, and the rest.
    pub fn split(text: &str) -> (Option<Self>, &str) {
        let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        match word.parse() {
            Ok(status) => (Some(status), rest.trim_start()),
            Err(NotAStatus) => (None, text),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Text that is no enhanced status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an enhanced status code")]
pub struct NotAStatus;

impl FromStr for Status {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        let mut parts = text.split('.').map(|part| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse::<u16>().ok() } else { None }
        });
        let mut next = || parts.next().flatten().ok_or(NotAStatus);
        let (class, subject, detail) = (next()?, next()?, next()?);
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return Err(NotAStatus);
        }
        Ok(Self { class: u8::try_from(class).map_err(|_| NotAStatus)?, subject, detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(
            Status::split("5.1.1 no such user"),
            (Some(Status::new(5, 1, 1)), "no such user")
        );
        assert_eq!(Status::split("3.1.1 x"), (None, "3.1.1 x"));
        assert_eq!(Status::split("5.1.1"), (Some(Status::new(5, 1, 1)), ""));
        assert_eq!(Status::split("5.1.1.1 x"), (None, "5.1.1.1 x"));
    }

    #[test]
    fn audit_2026_03_10_status_without_text() {
        for (text, rest) in [("5.7.1", ""), ("5.7.1 ", ""), ("5.7.1\t", ""), ("4.0.0", "")] {
            let (status, found) = Status::split(text);
            assert!(status.is_some(), "{text:?}");
            assert_eq!(found, rest, "{text:?}");
        }
        assert_eq!(Status::split("").0, None);
        assert_eq!(Status::split("5.7.").0, None);
        assert_eq!(Status::split("5").0, None);
    }
}
