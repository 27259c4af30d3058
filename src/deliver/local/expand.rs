//! `$user`, `$home`, `${extension}` and so on in forward_path, luser_relay and
//! command_execution_directory.

use std::borrow::Cow;

use super::attributes::{Attributes, Subject};
use crate::config::expand::expand_once;

/// A path or address with its `$names` expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// What is wrong with the pattern, for the log.
    pub(super) warnings: Vec<String>,
    /// The pattern has an error.
    pub(super) failed: bool,
    /// It uses a name that has no value here.
    pub(super) undefined: bool,
    /// It uses `$extension`.
    pub(super) extension_used: bool,
}

/// Expands `pattern`. Characters of values that are not in `filter` become `_`; without a filter
/// all may stay. `delimiters` is recipient_delimiter.
pub(super) fn expand(
    pattern: &str,
    attributes: &Attributes,
    subject: &Subject,
    delimiters: &str,
    filter: Option<&str>,
) -> Expanded {
    let of = |extension: Option<&str>| {
        let lookup = |name: &str| -> Option<Cow<'_, str>> {
            let value: Cow<'_, str> = match name {
                "user" => attributes.user.as_str().into(),
                "home" => subject.home.as_deref()?.into(),
                "shell" => subject.shell.as_deref()?.into(),
                "domain" => attributes.domain.as_deref()?.into(),
                "local" | "mailbox" => attributes.local.as_str().into(),
                "recipient" => attributes.address.as_str().into(),
                "extension" => extension?.into(),
                "recipient_delimiter" => {
                    let used = attributes.delimiter().or_else(|| delimiters.chars().next());
                    used?.to_string().into()
                }
                _ => return None,
            };
            Some(match filter {
                Some(filter) => filtered(&value, filter).into_owned().into(),
                None => value.into_owned().into(),
            })
        };
        expand_once(pattern, &lookup)
    };
    let found = of(attributes.extension.as_deref());
    // The name was used, not only asked for, if another value gives another text.
    let extension_used = attributes.extension.as_deref().is_some_and(|extension| {
        let other = if extension == "x" { "y" } else { "x" };
        of(Some(other)).text != found.text
    });
    Expanded {
        text: found.text,
        warnings: found.warnings,
        failed: found.failed,
        undefined: found.undefined,
        extension_used,
    }
}

/// `value` with `_` for each byte of a character that `filter` does not have.
pub(super) fn filtered<'a>(value: &'a str, filter: &str) -> Cow<'a, str> {
    if value.chars().all(|c| filter.contains(c)) {
        return value.into();
    }
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if filter.contains(c) {
            out.push(c);
        } else {
            (0..c.len_utf8()).for_each(|_| out.push('_'));
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::Notify;

    fn attributes(extension: Option<&str>) -> Attributes {
        Attributes {
            depth: 0,
            address: "Bob+list@example.com".into(),
            original: String::new(),
            dsn_orcpt: String::new(),
            notify: Notify::default(),
            sender: String::new(),
            local: extension.map_or("bob".into(), |e| format!("bob+{e}")),
            domain: Some("example.com".into()),
            user: "bob".into(),
            extension: extension.map(str::to_owned),
            unmatched: None,
            owner: None,
            delivered: None,
            source: None,
            expanded_from: None,
        }
    }

    fn bob() -> Subject {
        Subject { home: Some("/home/bob".into()), ..Subject::default() }
    }

    const PATH: &str = "$home/.forward${recipient_delimiter}${extension}";

    #[test]
    fn forward_path() {
        let found = expand(PATH, &attributes(Some("list")), &bob(), "+", None);
        assert_eq!(found.text, "/home/bob/.forward+list");
        assert!(found.extension_used && !found.undefined);
        let found = expand(PATH, &attributes(None), &bob(), "+", None);
        assert!(found.undefined);
        let found = expand("$home/.forward", &attributes(Some("list")), &bob(), "+", None);
        assert_eq!(found.text, "/home/bob/.forward");
        assert!(!found.extension_used);
    }

    #[test]
    fn strange_characters_are_replaced() {
        assert_eq!(filtered("a;b$c", "abc"), "a_b_c");
        assert_eq!(filtered("é", "abc"), "__");
        let found = expand(
            PATH,
            &attributes(Some("a;b")),
            &bob(),
            "+",
            Some("/.+abcdefghijklmnopqrstuvwxyz"),
        );
        assert_eq!(found.text, "/home/bob/.forward+a_b");
    }
}
