//! Reading what a user wrote about where mail should go: `.forward` files and `:include:` lists.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

use crate::ipc::worker::{ForwardFile, Lines, Refusal};
use crate::mail::address::List;
use crate::mail::status::Status;
use crate::sys::spawn::{error_text, own_uid};

/// `line_length_limit`: longer lines count as several.
const LINE: usize = 2048;

/// More tokens than this in one text are ignored.
const TOKENS: usize = 1 << 20;

/// Longest list of destinations, in bytes.
const LIST_MAX: u64 = 16 << 20;

/// Longest forward file, in bytes: what a user may keep the agent busy with.
const FORWARD_MAX: u64 = 1 << 20;

/// The first of the forward files that exists.
pub(super) fn first(paths: &[String], warnings: &mut Vec<String>) -> Option<ForwardFile> {
    let (index, path, found) = paths
        .iter()
        .enumerate()
        .find_map(|(index, path)| Some((index, path, std::fs::symlink_metadata(path).ok()?)))?;
    let lines = match open_forward(path, &found) {
        Ok(file) => Some(read_lines(file, FORWARD_MAX)),
        Err(warning) => {
            warnings.push(warning);
            None
        }
    };
    Some(ForwardFile { index, lines })
}

/// A forward file is obeyed only if it is a plain file of its user or of root that not everybody
/// may write.
fn open_forward(path: &str, named: &Metadata) -> Result<File, String> {
    if !named.is_file() {
        return Err(format!("file {path} is not a regular file"));
    }
    if named.uid() != 0 && named.uid() != own_uid() {
        return Err(format!("file {path} has bad owner uid {}", named.uid()));
    }
    if named.mode() & 0o002 != 0 {
        return Err(format!("file {path} is world writable"));
    }
    let file = open(path).map_err(|e| format!("cannot open file {path}: {}", error_text(&e)))?;
    // The name may mean another file by now.
    match file.metadata() {
        Ok(now) if now.dev() == named.dev() && now.ino() == named.ino() => Ok(file),
        _ => Err(format!("file {path} is not a regular file")),
    }
}

/// Opens for reading, without waiting for a writer of a FIFO.
fn open(path: &str) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// The destinations in an `:include:` file.
pub(super) fn include(path: &str, warnings: &mut Vec<String>) -> Result<Lines, Refusal> {
    let mut refuse = |warning: String| {
        warnings.push(warning);
        Refusal::new(Status::new(5, 3, 5), "mail system configuration error")
    };
    let found = std::fs::metadata(path).map_err(|e| {
        refuse(format!("unable to lookup :include: file {path}: {}", error_text(&e)))
    })?;
    if !found.is_file() {
        return Err(refuse(format!(":include: file {path} is not a regular file")));
    }
    if found.mode() & 0o002 != 0 {
        return Err(refuse(format!(":include: file {path} is world writable")));
    }
    let file = open(path)
        .map_err(|e| refuse(format!("cannot open include file {path}: {}", error_text(&e))))?;
    Ok(read_lines(file, LIST_MAX))
}

/// The destinations in a file; of one that is longer than `most` bytes, nothing is done.
fn read_lines(file: File, most: u64) -> Lines {
    let mut text = Vec::new();
    let read = BufReader::new(file).take(most + 1).read_to_end(&mut text);
    let too_long = text.len() as u64 > most;
    match read {
        Ok(_) if too_long => Lines {
            lines: Vec::new(),
            error: Some(error_text(&io::Error::from_raw_os_error(libc::EFBIG))),
        },
        Err(e) => Lines { error: Some(error_text(&e)), ..lines(&text) },
        Ok(_) => lines(&text),
    }
}

/// The destinations in text, line by line; lines that start with `#` are comments.
pub(super) fn lines(text: &[u8]) -> Lines {
    let lines = text
        .split_inclusive(|c| *c == b'\n')
        .flat_map(|line| line.chunks(LINE))
        .filter(|line| line.first() != Some(&b'#'))
        .map(destinations)
        .filter(|found| !found.is_empty())
        .collect();
    Lines { lines, error: None }
}

/// The destinations that one text lists, in internal form: the right-hand side of an alias, or a
/// line of a forward file. Quotes keep `"|command with arguments"` together.
pub fn destinations(text: &[u8]) -> Vec<String> {
    // What C strings cannot hold ends the text.
    let text = text.split(|c| *c == 0).next().unwrap_or_default();
    List::parse(text, TOKENS)
        .addresses()
        .map(|address| {
            let internal = address.internal();
            String::from_utf8(internal)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
        })
        .collect()
}

/// Whether the home directory can be looked at.
pub(super) fn check_home(path: &str) -> Result<(), Refusal> {
    std::fs::metadata(path).map(drop).map_err(|e| {
        let text = format!("cannot access home directory {path}: {}", error_text(&e));
        Refusal::new(Status::new(4, 3, 0), text)
    })
}

/// The values of the `Delivered-To:` headers, at most 1000.
pub(super) fn delivered_to(header: &[u8]) -> Vec<String> {
    const NAME: &[u8] = b"delivered-to";
    let mut found = Vec::new();
    for line in header.split(|c| *c == b'\n') {
        if line.first().is_some_and(|c| c.is_ascii_whitespace()) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else { break };
        let (name, value) = line.split_at(colon);
        if name.trim_ascii_end().eq_ignore_ascii_case(NAME) && found.len() < 1000 {
            let value = value.get(1..).unwrap_or_default().trim_ascii_start();
            found.push(String::from_utf8_lossy(value).into_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn one(path: &Path) -> (Option<ForwardFile>, Vec<String>) {
        let mut warnings = Vec::new();
        let paths = ["/no/such/file".to_owned(), path.to_str().unwrap().to_owned()];
        (first(&paths, &mut warnings), warnings)
    }

    #[test]
    fn reads_the_first_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".forward");
        assert_eq!(one(&path).0, None);
        std::fs::write(&path, "# comment\nalice, bob\n\n\\carol\n").unwrap();
        let (found, warnings) = one(&path);
        let found = found.unwrap();
        assert_eq!((found.index, warnings.len()), (1, 0));
        assert_eq!(found.lines.unwrap().lines, [vec!["alice", "bob"], vec!["carol"]]);
    }

    #[test]
    fn refuses_what_others_could_have_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".forward");
        std::fs::write(&path, "evil@example.com\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let (found, warnings) = one(&path);
        assert_eq!(found.unwrap().lines, None);
        assert!(warnings[0].ends_with("is world writable"), "{warnings:?}");

        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let (found, warnings) = one(&link);
        assert_eq!(found.unwrap().lines, None);
        assert!(warnings[0].ends_with("is not a regular file"), "{warnings:?}");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        if own_uid() == 0 {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            let (found, warnings) = one(&path);
            assert_eq!(found.unwrap().lines, None);
            assert!(warnings[0].ends_with("has bad owner uid 12345"), "{warnings:?}");
        }
    }

    fn of(text: &str) -> Vec<String> {
        destinations(text.as_bytes())
    }

    #[test]
    fn lists() {
        assert_eq!(of("alice, bob,\n carol"), ["alice", "bob", "carol"]);
        assert_eq!(of("alice bob"), ["alice", "bob"]);
        assert_eq!(of("dave@example.test (a comment)"), ["dave@example.test"]);
        assert_eq!(of("Dave Smith <dave@example.test>, x"), ["dave@example.test", "x"]);
        assert!(of("").is_empty());
        assert!(of(" , (nothing) ,").is_empty());
    }

    #[test]
    fn commands_files_and_lists_in_lists() {
        assert_eq!(of(r#""|/bin/x -a 'b c' >/tmp/y""#), ["|/bin/x -a 'b c' >/tmp/y"]);
        assert_eq!(of("|/bin/cat>/tmp/d/prog2"), ["|/bin/cat", "/tmp/d/prog2"]);
        assert_eq!(of("|\"/bin/cat -x\""), ["|/bin/cat -x"]);
        assert_eq!(of("/tmp/file"), ["/tmp/file"]);
        assert_eq!(of(":include:/etc/postfix/members"), [":include:/etc/postfix/members"]);
        assert_eq!(of("\":include:/a b\""), [":include:/a b"]);
        assert_eq!(of(r"\carol, bob"), ["carol", "bob"]);
        assert_eq!(of(r#""a\"b"@example.test"#), ["a\"b@example.test"]);
        assert_eq!(of("user@[127.0.0.1]"), ["user@[127.0.0.1]"]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = lines(&text);
            let _ = delivered_to(&text);
        }

        #[test]
        fn plain_words_survive(words in proptest::collection::vec("[a-z0-9+_-]{1,8}", 0..20)) {
            proptest::prop_assert_eq!(&of(&words.join(", ")), &words);
            proptest::prop_assert_eq!(of(&words.join(" ")), words);
        }

        #[test]
        fn quoted_text_survives(text in "[ -~]{1,40}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            proptest::prop_assert_eq!(of(&format!("\"{quoted}\"")), vec![text]);
        }
    }

    #[test]
    fn includes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let name = path.to_str().unwrap();
        let mut warnings = Vec::new();
        assert_eq!(include(name, &mut warnings).unwrap_err().status, Status::new(5, 3, 5));
        assert!(warnings[0].starts_with("unable to lookup :include: file"), "{warnings:?}");
        std::fs::write(&path, "a\nb c # not a comment\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(include(name, &mut warnings).unwrap().lines[0], ["a"]);
        assert!(include(dir.path().to_str().unwrap(), &mut warnings).is_err());
    }

    #[test]
    fn headers() {
        let header = b"Received: x\n\tDelivered-To: no\nDELIVERED-TO:  a@b\nSubject: y\n\
            Delivered-To : c@d\n\nDelivered-To: body@x\n";
        assert_eq!(delivered_to(header), ["a@b", "c@d"]);
        assert!(delivered_to(b"").is_empty());
    }
}
