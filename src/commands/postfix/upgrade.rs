//! `postfix upgrade-configuration`: what a main.cf and master.cf of an earlier version lack.

use std::path::Path;

use super::permissions::with_words;
use super::{Context, Logged, tree};
use crate::config::why;

/// Services that Postfix's programs and ours count on: name, type, program, and the line for those
/// who have none.
const SERVICES: &[(&str, &str, &str, &str)] = &[
    ("relay", "unix", "smtp", "relay     unix  -       -       n       -       -       smtp"),
    ("flush", "unix", "flush", "flush     unix  n       -       n       1000?   0       flush"),
    ("trace", "unix", "bounce", "trace     unix  -       -       n       -       0       bounce"),
    ("verify", "unix", "verify", "verify    unix  -       -       n       -       1       verify"),
    (
        "proxymap",
        "unix",
        "proxymap",
        "proxymap  unix  -       -       n       -       -       proxymap",
    ),
    ("anvil", "unix", "anvil", "anvil     unix  -       -       n       -       1       anvil"),
    ("scache", "unix", "scache", "scache    unix  -       -       n       -       1       scache"),
    (
        "discard",
        "unix",
        "discard",
        "discard   unix  -       -       n       -       -       discard",
    ),
    ("tlsmgr", "unix", "tlsmgr", "tlsmgr    unix  -       -       n       1000?   1       tlsmgr"),
    ("retry", "unix", "error", "retry     unix  -       -       n       -       -       error"),
    (
        "proxywrite",
        "unix",
        "proxymap",
        "proxywrite unix -       -       n       -       1       proxymap",
    ),
    (
        "postlog",
        "unix-dgram",
        "postlogd",
        "postlog   unix-dgram n  -       n       -       1       postlogd",
    ),
];

/// Lines that are there as comments, for those who want them.
const OFFERED: &[(&str, &str, &str)] = &[
    ("smtp", "postscreen", "#smtp      inet  n       -       n       -       1       postscreen"),
    ("smtpd", "smtpd", "#smtpd     pass  -       -       n       -       -       smtpd"),
    ("dnsblog", "dnsblog", "#dnsblog   unix  -       -       n       -       0       dnsblog"),
    ("tlsproxy", "tlsproxy", "#tlsproxy  unix  -       -       n       -       0       tlsproxy"),
];

/// Adds what is missing to master.cf, and says so. A second run changes nothing.
pub(super) fn run(context: &Context, words: &[String]) -> Result<(), Logged> {
    let config = with_words(context, words)?;
    tree::create(&config, context.privileged).map_err(|text| context.fatal(&text))?;
    let path = context.config_directory.join("master.cf");
    let text = std::fs::read(&path)
        .map_err(|e| context.fatal(&format!("open {}: {}", path.display(), why(&e))))?;
    let text = String::from_utf8_lossy(&text);
    let (added, said) = upgraded(&text, &path);
    if added.is_empty() {
        return Ok(());
    }
    said.iter().for_each(|line| println!("{line}"));
    let mut fresh = text.into_owned();
    if !fresh.is_empty() && !fresh.ends_with('\n') {
        fresh.push('\n');
    }
    fresh.push_str(&added);
    crate::commands::postconf::replace_file(&path, &fresh).map_err(|text| context.fatal(&text))
}

/// The lines to add, and what is said about them.
fn upgraded(text: &str, path: &Path) -> (String, Vec<String>) {
    let mut lines = String::new();
    let mut said = Vec::new();
    let mut add = |line: &str, what: &str| {
        lines.push_str(line);
        lines.push('\n');
        said.push(format!("Editing {}, adding missing entry for {what}", path.display()));
    };
    // A service counts as there when its name leads a line; the program may be another one.
    let fields =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let active: Vec<_> =
        text.lines().filter(|line| !line.starts_with(['#', ' ', '\t'])).map(fields).collect();
    for (name, kind, _, line) in SERVICES {
        let there = active
            .iter()
            .any(|f| f.first().is_some_and(|n| n == name) && f.get(1).is_some_and(|k| k == kind));
        if !there {
            add(line, &format!("{name} service"));
        }
    }
    for (name, program, line) in OFFERED {
        let there = text.lines().any(|line| {
            let line = fields(line.trim_start_matches('#'));
            line.first().is_some_and(|n| n == name) && line.get(7).is_some_and(|p| p == program)
        });
        if !there {
            add(line, &format!("{program}, as a comment"));
        }
    }
    (lines, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing() {
        let path = Path::new("/etc/postfix/master.cf");
        let old = "smtp inet n - n - - smtpd\nqmgr unix n - n 300 1 qmgr\n";
        let (added, said) = upgraded(old, path);
        assert_eq!(added.lines().count(), SERVICES.len() + OFFERED.len());
        assert!(said.iter().any(|line| line.ends_with("adding missing entry for postlog service")));
        let (again, said) = upgraded(&format!("{old}{added}"), path);
        assert_eq!((again.as_str(), said.len()), ("", 0));
        let lines = format!("{old}{added}");
        assert!(crate::config::master_cf::parse(&lines, 100).is_ok());
        for (name, kind, program, line) in SERVICES {
            let fields: Vec<_> = line.split_whitespace().collect();
            assert_eq!((fields[0], fields[1], fields[7]), (*name, *kind, *program));
        }
    }
}
