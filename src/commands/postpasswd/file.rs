//! The user file, written as a whole: whoever reads it meanwhile sees the old one or the new one.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Gid;

use crate::config::why;

/// Largest file that smtpd reads.
const FILE_MAX: u64 = 16 << 20;

/// A user file.
pub(super) struct UserFile {
    path: PathBuf,
    group: Option<Gid>,
}

impl UserFile {
    /// With the group that may read it.
    pub(super) fn new(path: &Path, group: Option<Gid>) -> Self {
        Self { path: path.to_owned(), group }
    }

    /// Its text.
    pub(super) fn read(&self) -> Result<String, String> {
        let mut text = String::new();
        let read =
            File::open(&self.path).and_then(|file| file.take(FILE_MAX).read_to_string(&mut text));
        read.map_err(|e| self.problem("open", &e))?;
        Ok(text)
    }

    /// Puts `lines` in the place of all lines of a user; none removes the user. Tells whether there
    /// was one.
    pub(super) fn replace(&self, name: &str, lines: &[String]) -> Result<bool, String> {
        let folder = match self.path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Err(format!("{}: no file", self.path.display())),
        };
        // Two commands at a time would each lose what the other does.
        let _lock = File::open(folder)
            .and_then(|folder| {
                Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, e)| e.into())
            })
            .map_err(|e| format!("lock {}: {}", folder.display(), why(&e)))?;
        let text = match std::fs::metadata(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && !lines.is_empty() => String::new(),
            _ => self.read()?,
        };
        let (text, known) = replaced(&text, name, lines);
        if known || !lines.is_empty() {
            self.write(folder, &text).map_err(|e| self.problem("write", &e))?;
        }
        Ok(known)
    }

    fn write(&self, folder: &Path, text: &str) -> io::Result<()> {
        if text.len() as u64 > FILE_MAX {
            return Err(io::Error::other(format!("larger than {FILE_MAX} bytes")));
        }
        let mut file = tempfile::Builder::new()
            .prefix(".postpasswd-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        if let Some(group) = self.group {
            fchown(file.as_file(), Some(0), Some(group.as_raw()))?;
        }
        file.as_file().set_permissions(Permissions::from_mode(0o640))?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|failed| failed.error)?;
        File::open(folder)?.sync_all()
    }

    fn problem(&self, what: &str, error: &io::Error) -> String {
        format!("{what} {}: {}", self.path.display(), why(error))
    }
}

/// The text with the lines of `name` replaced, where the first of them was, or added; and whether
/// there were any. All else stays as it is.
fn replaced(text: &str, name: &str, lines: &[String]) -> (String, bool) {
    let mut out = String::with_capacity(text.len() + 256);
    let mut known = false;
    let put = |out: &mut String| {
        for line in lines {
            out.push_str(line);
            out.push('\n');
        }
    };
    for line in text.lines() {
        let own = !line.starts_with('#') && line.split_once(':').is_some_and(|(n, _)| n == name);
        if own && !std::mem::replace(&mut known, true) {
            put(&mut out);
        }
        if !own {
            out.push_str(line);
            out.push('\n');
        }
    }
    if !known {
        put(&mut out);
    }
    (out, known)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn lines_are_replaced_in_place() {
        let text = "# users\njoe:1\njane:2\njoe:3\nbob:4";
        let new = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            replaced(text, "joe", &lines)
        };
        assert_eq!(new(&["joe:x", "joe:y"]).0, "# users\njoe:x\njoe:y\njane:2\nbob:4\n");
        assert_eq!(new(&[]), ("# users\njane:2\nbob:4\n".to_owned(), true));
        assert_eq!(replaced(text, "new", &["new:5".into()]).0, format!("{text}\nnew:5\n"));
        assert!(!replaced(text, "jo", &[]).1);
    }

    #[test]
    fn a_file_appears_whole_and_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let file = UserFile::new(&path, None);
        assert!(file.replace("joe", &[]).is_err());
        assert_eq!(file.replace("joe", &["joe:{PLAIN}x".into()]), Ok(false));
        assert_eq!(file.read().unwrap(), "joe:{PLAIN}x\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(file.replace("joe", &["joe:{PLAIN}y".into()]), Ok(true));
        assert_eq!(file.replace("joe", &[]), Ok(true));
        assert_eq!(file.read().unwrap(), "");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
