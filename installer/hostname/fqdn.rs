//! A full name: valid by RFC 1123, with a domain, and not everybody's.

use std::fmt;

/// Longest name and label.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A fully qualified domain name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fqdn(String);

impl Fqdn {
    /// Takes a name, or says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let refuse = |why: &str| Err(format!("\"{text}\" {why}"));
        if !name.is_ascii() {
            return refuse("has letters that are not ASCII: give the form that begins with xn--");
        }
        if name.len() > NAME_MAX {
            return refuse("is too long");
        }
        let labels: Vec<&str> = name.split('.').collect();
        if !labels.iter().all(|label| is_label(label)) {
            return refuse("is not a valid host name");
        }
        let Some((last, rest)) = labels.split_last() else { return refuse("is empty") };
        if matches!(*last, "localhost" | "localdomain") || rest.first() == Some(&"localhost") {
            return refuse("means every machine, and none");
        }
        if rest.is_empty() {
            return refuse("is not fully qualified: it has no domain");
        }
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return refuse("is an address, not a name");
        }
        Ok(Self(name))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first label.
    pub fn short(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(short, _)| short)
    }

    /// Everything after the first label.
    pub fn domain(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_names() {
        let name = Fqdn::parse("Mail.Example.COM.").unwrap();
        assert_eq!(
            (name.as_str(), name.short(), name.domain()),
            ("mail.example.com", "mail", "example.com")
        );
        for bad in [
            "",
            ".",
            "mail",
            "localhost",
            "LOCALHOST.localdomain",
            "localhost.example.com",
            "mail.localhost",
            "mail..com",
            "-a.com",
            "a-.com",
            "a_b.com",
            "mail example.com",
            "192.0.2.1",
            "[192.0.2.1]",
            "mäil.example",
            "a.com\n",
            &format!("{}.com", "a".repeat(64)),
            &format!("{}com", "abcdefg.".repeat(32)),
        ] {
            assert!(Fqdn::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            if let Ok(name) = Fqdn::parse(&text) {
                proptest::prop_assert!(!name.short().is_empty() && !name.domain().is_empty());
            }
        }
    }
}
