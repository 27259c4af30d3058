//! The changes that an installation makes to files, each whole or not at all.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::progress;

/// Makes changes below a root, or only says which.
#[derive(Debug)]
pub struct Files {
    /// Everything happens below here.
    pub root: PathBuf,
    /// Only print the plan.
    pub dry_run: bool,
    /// Print nothing.
    pub quiet: bool,
}

impl Files {
    /// A path of the installed system as a path of this one.
    pub fn staged(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn say(&self, text: &str) {
        if self.dry_run {
            progress::print(text);
        } else if !self.quiet {
            progress::done(text);
        }
    }

    /// Makes a folder and those above it.
    pub fn folder(&self, path: &Path, mode: u32) -> Result<(), String> {
        let at = self.staged(path);
        if at.is_dir() {
            return Ok(());
        }
        self.say(&format!("folder {}", path.display()));
        if self.dry_run {
            return Ok(());
        }
        std::fs::create_dir_all(&at)
            .and_then(|()| std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)))
            .map_err(|e| failed("create the folder", &at, &e))
    }

    /// Copies a program; the old one stays in use by whoever runs it.
    pub fn program(&self, from: &Path, to: &Path, mode: u32) -> Result<(), String> {
        self.say(&format!("program {}", to.display()));
        if self.dry_run {
            return Ok(());
        }
        let bytes = std::fs::read(from).map_err(|e| failed("read", from, &e))?;
        self.replace(to, &bytes, mode)
    }

    /// Writes a file that the administrator will edit, unless there is one.
    pub fn configuration(&self, path: &Path, text: &str) -> Result<(), String> {
        if self.staged(path).exists() {
            return Ok(());
        }
        self.say(&format!("file {}", path.display()));
        if self.dry_run { Ok(()) } else { self.replace(path, text.as_bytes(), 0o644) }
    }

    /// Makes a symbolic link.
    pub fn link(&self, path: &Path, target: &str) -> Result<(), String> {
        let at = self.staged(path);
        if std::fs::read_link(&at).is_ok_and(|now| now == Path::new(target)) {
            return Ok(());
        }
        self.say(&format!("link {} -> {target}", path.display()));
        if self.dry_run {
            return Ok(());
        }
        let temporary = at.with_extension(format!("new-{}", std::process::id()));
        let _ = std::fs::remove_file(&temporary);
        std::os::unix::fs::symlink(target, &temporary)
            .and_then(|()| std::fs::rename(&temporary, &at))
            .map_err(|e| failed("make the link", &at, &e))
    }

    fn replace(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
        let at = self.staged(path);
        let folder = at.parent().unwrap_or(Path::new("/"));
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.as_file().sync_all()?;
            file.persist(&at)?;
            Ok(())
        };
        write().map_err(|e| failed("write", &at, &e))
    }
}

fn failed(what: &str, path: &Path, e: &std::io::Error) -> String {
    format!("cannot {what} {}: {e}", path.display())
}
