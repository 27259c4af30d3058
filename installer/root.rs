//! The root below which everything happens, and the few ways in which its files are read.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf};

/// How many symbolic links are followed.
const HOPS: usize = 16;

/// A root: `/`, or the folder given by `--root`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// A root; relative folders count from the working directory.
    pub fn new(path: &Path) -> io::Result<Self> {
        Ok(Self(std::path::absolute(path)?))
    }

    /// Its path on this machine.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this is the running system itself.
    pub fn is_live(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// A path of the installed system as a path of this machine.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether something is there, be it a dangling link.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        std::fs::symlink_metadata(self.at(path)).is_ok()
    }

    /// The text of a file; none if it cannot be read. Bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = std::fs::read(self.at(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a folder, sorted; none if it cannot be read.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.at(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Where a path leads when links are followed inside the root: every stop, the last one being
    /// no link or not there.
    pub fn chain(&self, path: impl AsRef<Path>) -> Vec<PathBuf> {
        let mut stops = vec![path.as_ref().to_owned()];
        while stops.len() <= HOPS {
            let Some(last) = stops.last() else { break };
            let Ok(target) = std::fs::read_link(self.at(last)) else { break };
            let next = normal(&last.parent().unwrap_or(Path::new("/")).join(target));
            stops.push(next);
        }
        stops
    }
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<OsString> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Path::new("/").join(parts.iter().collect::<PathBuf>())
}

/// What kind of thing stands at a path of this machine, for messages.
pub fn kind(path: &Path) -> &'static str {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => "folder",
        Ok(found) if found.is_symlink() => "link",
        Ok(found) if found.is_file() => "file",
        Ok(found) if found.file_type().is_socket() => "socket",
        Ok(_) => "special file",
        Err(_) => "nothing",
    }
}

/// Mode, user and group of what stands at a path of this machine.
pub fn rights(path: &Path) -> Option<(u32, u32, u32)> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.mode() & 0o7777, found.uid(), found.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path()).unwrap();
        std::fs::create_dir_all(root.at("/usr/sbin")).unwrap();
        std::fs::create_dir_all(root.at("/etc/alternatives")).unwrap();
        std::os::unix::fs::symlink("/etc/alternatives/mta", root.at("/usr/sbin/sendmail")).unwrap();
        std::os::unix::fs::symlink("../../usr/sbin/ssmtp", root.at("/etc/alternatives/mta"))
            .unwrap();
        let stops: Vec<PathBuf> = root.chain("/usr/sbin/sendmail");
        assert_eq!(
            stops,
            ["/usr/sbin/sendmail", "/etc/alternatives/mta", "/usr/sbin/ssmtp"].map(PathBuf::from)
        );
        std::os::unix::fs::symlink("loop", root.at("/usr/sbin/loop")).unwrap();
        assert_eq!(root.chain("/usr/sbin/loop").len(), HOPS + 1);
    }
}
