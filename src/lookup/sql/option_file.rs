//! Option files of MySQL (my.cnf): the groups that the C library would read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How deep `!include` may go.
const DEPTH: usize = 10;
/// What the library reads when no file is named.
const USUAL: &[&str] = &["/etc/my.cnf", "/etc/mysql/my.cnf"];

/// Options by name, with `-` for `_`; the last one counts.
pub type Options = BTreeMap<String, String>;

/// Reads the groups `[client]` and `group` from `file`, or from the usual files.
pub fn read(file: Option<&str>, group: &str) -> Options {
    let mut options = Options::new();
    if file.is_none() && group.is_empty() {
        return options;
    }
    let files: Vec<&str> = file.map_or_else(|| USUAL.to_vec(), |file| vec![file]);
    for file in files {
        read_file(Path::new(file), group, &mut options, 0);
    }
    options
}

fn read_file(path: &Path, group: &str, options: &mut Options, depth: usize) {
    let Ok(bytes) = std::fs::read(path) else { return };
    let text = String::from_utf8_lossy(&bytes);
    for included in parse(&text, group, options) {
        if depth >= DEPTH {
            return;
        }
        match included {
            Include::File(path) => read_file(&path, group, options, depth + 1),
            Include::Folder(path) => {
                let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
                let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
                paths.retain(|path| path.extension().is_some_and(|end| end == "cnf"));
                paths.sort();
                for path in paths {
                    read_file(&path, group, options, depth + 1);
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Include {
    File(PathBuf),
    Folder(PathBuf),
}

/// Takes the options of one text; what it includes.
fn parse(text: &str, group: &str, options: &mut Options) -> Vec<Include> {
    let mut included = Vec::new();
    let mut wanted = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(path) = line.strip_prefix("!includedir ") {
            included.push(Include::Folder(path.trim().into()));
        } else if let Some(path) = line.strip_prefix("!include ") {
            included.push(Include::File(path.trim().into()));
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            wanted = name == group || name == "client";
        } else if wanted {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            let name = name.trim().replace('_', "-");
            options.insert(name, unquote(value.trim()));
        }
    }
    included
}

/// A value without quotes, comment and escapes.
fn unquote(value: &str) -> String {
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.split_once('"'))
        .or_else(|| value.strip_prefix('\'').and_then(|rest| rest.split_once('\'')));
    let value = match quoted {
        Some((inside, _)) => inside,
        None => value.split_once(" #").map_or(value, |(value, _)| value.trim_end()),
    };
    let mut plain = String::new();
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('s') => plain.push(' '),
            Some(other @ ('\\' | '"' | '\'')) => plain.push(other),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_values() {
        let text = "user=no\n[client]\nuser = a # comment\nssl_ca=/x\n; note\n\
            [other]\nuser = no\n[mine]\npassword=\"p#q\"\nquick\n!include /y\n!includedir /z\n";
        let mut options = Options::new();
        let included = parse(text, "mine", &mut options);
        assert_eq!(options["user"], "a");
        assert_eq!(options["ssl-ca"], "/x");
        assert_eq!(options["password"], "p#q");
        assert_eq!(options["quick"], "");
        assert_eq!(included, [Include::File("/y".into()), Include::Folder("/z".into())]);
        assert_eq!(unquote("a\\sb\\\\c\\q"), "a b\\c\\q");
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: String) {
            parse(&text, "client", &mut Options::new());
        }
    }
}
