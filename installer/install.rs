//! `postfix-installer install`: programs, links, folders, first configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use postfix_rs::commands::postfix::tree;

use crate::arguments::InstallOptions;
use crate::files::Files;
use crate::layout;
use crate::progress;

/// Installs, or stages below `--root`.
pub fn run(options: &InstallOptions) -> Result<(), String> {
    let files =
        Files { root: options.root.clone(), dry_run: options.dry_run, quiet: options.quiet };
    if !options.quiet {
        progress::heading(&format!(
            "postfix-rs {} into {}",
            env!("CARGO_PKG_VERSION"),
            options.root.display()
        ));
    }
    programs(&files, &options.prefix)?;
    configuration(&files, &options.prefix)?;
    folders(&files)
}

/// The two programs, and their other names.
fn programs(files: &Files, prefix: &Path) -> Result<(), String> {
    let (sbin, bin, libexec) =
        (prefix.join("sbin"), prefix.join("bin"), prefix.join("libexec/postfix"));
    for folder in [&sbin, &bin, &libexec, &prefix.join("lib/postfix")] {
        files.folder(folder, 0o755)?;
    }
    files.program(&beside_me("postfix")?, &sbin.join("postfix"), 0o755)?;
    files.program(&beside_me("postdrop")?, &sbin.join("postdrop"), 0o755)?;
    set_gid(files, &sbin.join("postdrop"))?;
    for name in layout::COMMANDS {
        files.link(&sbin.join(name), "postfix")?;
    }
    for name in layout::SET_GID_COMMANDS {
        files.link(&sbin.join(name), "postdrop")?;
    }
    for name in layout::SENDMAIL_NAMES {
        files.link(&bin.join(name), "../sbin/sendmail")?;
    }
    files.link(&prefix.join("lib/sendmail"), "../sbin/sendmail")?;
    for name in layout::DAEMONS {
        files.link(&libexec.join(name), "../../sbin/postfix")?;
    }
    Ok(())
}

/// The program of that name that was built together with this one; without it, this very file,
/// which is all of them.
fn beside_me(name: &str) -> Result<PathBuf, String> {
    let me =
        std::env::current_exe().map_err(|e| format!("cannot find my own program file: {e}"))?;
    let beside = me.with_file_name(name);
    Ok(if beside.is_file() { beside } else { me })
}

/// postdrop belongs to the group of the maildrop. Where that group does not exist yet, the
/// program stays as it is, and `postfix check` says so on the machine itself.
fn set_gid(files: &Files, program: &Path) -> Result<(), String> {
    let at = files.staged(program);
    let group = postfix_rs::sys::users::group("postdrop");
    if files.dry_run || !postfix_rs::sys::users::is_root() {
        return Ok(());
    }
    let Ok(group) = group else { return Ok(()) };
    std::os::unix::fs::chown(&at, None, Some(group.gid.as_raw()))
        .and_then(|()| std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o2755)))
        .map_err(|e| format!("cannot make {} set-gid: {e}", at.display()))
}

fn configuration(files: &Files, prefix: &Path) -> Result<(), String> {
    let etc = Path::new("/etc/postfix");
    files.folder(etc, 0o755)?;
    let main_cf = layout::MAIN_CF.replace("/usr/", &format!("{}/", prefix.display()));
    files.configuration(&etc.join("main.cf"), &main_cf)?;
    files.configuration(&etc.join("master.cf"), layout::MASTER_CF)?;
    files.configuration(Path::new("/etc/aliases"), layout::ALIASES)
}

/// Queue and data folders. Owners are set by `postfix start`, which knows the accounts.
fn folders(files: &Files) -> Result<(), String> {
    files.folder(Path::new("/var/spool/postfix"), 0o755)?;
    files.folder(Path::new("/var/lib/postfix"), 0o700)?;
    if files.root == Path::new("/") {
        for folder in tree::FOLDERS {
            files.folder(&Path::new("/var/spool/postfix").join(folder.name), folder.mode)?;
        }
    }
    Ok(())
}
