//! A user's own rules for mail that comes into a maildir (`virtual_maildir_filter`): patterns as in
//! regexp_table(5) that see the whole header, in lower case; the first that matches says what
//! becomes of the message.

use std::fs::File;
use std::io::{self, Read as _};

use crate::ipc::worker::Filter;
use crate::lookup::match_header;

/// How much of a header the patterns see.
const HEADER: u64 = 7168;

/// How long a set of rules may be.
const RULES: u64 = 64 << 10;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is delivered.
    Deliver,
    /// Into this folder, a name that starts with a dot.
    Into(String),
    /// It is forgotten.
    Discard,
    /// It is returned, for this reason.
    Reject(String),
}

/// Applies the rules to the message in a file.
pub(super) fn apply(filter: &Filter, message: &str, warnings: &mut Vec<String>) -> Verdict {
    let rules = match &filter.rules {
        Some(rules) => Ok(rules.clone().into_bytes()),
        None => beginning(&filter.file, RULES),
    };
    let rules = match rules {
        Ok(rules) => rules,
        // Most users have none.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Verdict::Deliver,
        Err(e) => {
            warnings.push(format!("open {}: {}", filter.file, crate::sys::spawn::error_text(&e)));
            return Verdict::Deliver;
        }
    };
    let header = match beginning(message, HEADER) {
        Ok(bytes) => header(&bytes),
        Err(e) => {
            warnings.push(format!("open {message}: {}", crate::sys::spawn::error_text(&e)));
            return Verdict::Deliver;
        }
    };
    let found = match_header(&filter.file, &rules, header.as_bytes(), &mut |w| warnings.push(w));
    found.map_or(Verdict::Deliver, |found| verdict(&found, filter.folders, warnings))
}

fn beginning(path: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The header with one line for each field, in lower case.
fn header(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let mut joined = String::with_capacity(text.len());
    for line in text.split('\n').take_while(|line| !line.is_empty()) {
        match line.strip_prefix([' ', '\t']) {
            Some(rest) => joined.extend([" ", rest]),
            None if joined.is_empty() => joined.push_str(line),
            None => joined.extend(["\n", line]),
        }
    }
    joined
}

fn verdict(found: &str, folders: bool, warnings: &mut Vec<String>) -> Verdict {
    let (word, text) = found.split_once([' ', '\t']).unwrap_or((found, ""));
    let text = text.trim();
    match word.to_ascii_uppercase().as_str() {
        "REJECT" if text.is_empty() => Verdict::Reject("User filter - REJECT".into()),
        "REJECT" => Verdict::Reject(text.to_owned()),
        "DISCARD" => Verdict::Discard,
        "MOVE" if folders => match folder(text) {
            Some(name) => Verdict::Into(name),
            None => Verdict::Deliver,
        },
        "LOG" | "WARN" | "INFO" => {
            warnings.push(format!("header check warning: {text}"));
            Verdict::Deliver
        }
        _ => Verdict::Deliver,
    }
}

/// The name of a Maildir++ folder; nothing in it leads out of the maildir.
fn folder(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '/' | '\0')).collect();
    let plain = plain.replace("..", "");
    let name = plain.trim_start_matches('.');
    (!name.is_empty() && name.len() < 200).then(|| format!(".{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rules: &str, message: &str) -> (Verdict, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("message");
        std::fs::write(&path, message).unwrap();
        let filter =
            Filter { file: "/no/such/file".into(), rules: Some(rules.into()), folders: true };
        let mut warnings = Vec::new();
        (apply(&filter, path.to_str().unwrap(), &mut warnings), warnings)
    }

    #[test]
    fn rules_see_the_header_alone() {
        let rules = "# M1\n/subject:.*cheap pills/ DISCARD\n/^x-list: /m MOVE Lists/a\n/from: boss/ REJECT not now\n";
        let of = |message: &str| judged(rules, message).0;
        assert_eq!(of("Subject: Cheap\n\tPILLS\n\nx\n"), Verdict::Discard);
        assert_eq!(of("From: Boss\n\n"), Verdict::Reject("not now".into()));
        assert_eq!(of("From: me\n\nfrom: boss\n"), Verdict::Deliver);
    }

    #[test]
    fn folders_stay_inside() {
        assert_eq!(folder("Junk").as_deref(), Some(".Junk"));
        assert_eq!(folder(".Junk.Old").as_deref(), Some(".Junk.Old"));
        assert_eq!(folder("../../etc").as_deref(), Some(".etc"));
        assert_eq!(folder("....//").as_deref(), None);
        assert_eq!(folder(""), None);
    }

    #[test]
    fn without_rules() {
        let filter = Filter { file: "/no/such/file".into(), rules: None, folders: true };
        let mut warnings = Vec::new();
        assert_eq!(apply(&filter, "/etc/passwd", &mut warnings), Verdict::Deliver);
        assert!(warnings.is_empty());
    }

    #[test]
    fn warnings() {
        let (verdict, warnings) = judged("/x/ WARN look at this\n", "X: y\n\n");
        assert_eq!(verdict, Verdict::Deliver);
        assert_eq!(warnings, ["header check warning: look at this"]);
    }
}
