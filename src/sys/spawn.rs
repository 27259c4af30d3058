//! Starting other programs: a worker with one user's rights, and the commands that users named.
//!
//! What happens between fork and exec is here because it needs `unsafe`; everything in it is a
//! plain system call, so that it is sound in a program with threads.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::unistd::{Gid, Uid};

/// Whose rights a program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Real, effective and saved user ID.
    pub uid: u32,
    /// Real group ID, and the only supplementary group.
    pub gid: u32,
    /// Effective and saved group ID, if another: a worker may change between the two, and the
    /// commands that it starts have only `gid`.
    pub second_gid: Option<u32>,
}

/// Starts `program` (`/proc/self/exe` is this very one) under the name `name` in `directory`, with `socket` as standard input, no
/// environment and no other descriptor. With `rights` it gives up root before its first
/// instruction; without, it keeps the rights of the caller.
pub fn spawn_program(
    program: &Path,
    name: &str,
    directory: &Path,
    arguments: &[String],
    socket: OwnedFd,
    rights: Option<Rights>,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .arg0(name)
        .args(arguments)
        .env_clear()
        .current_dir(directory)
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // SAFETY: between fork and exec the closure makes only async-signal-safe system calls on
    // values that it owns; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            // Whatever this process has inherited stays here. A kernel before 5.11 does not know
            // the call; what we opened ourselves is closed on exec anyway.
            libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            match rights {
                Some(rights) => become_user_raw(rights),
                None => Ok(()),
            }
        });
    }
    command.spawn()
}

/// Makes `command` a server on its standard streams: in a session of its own, with no other
/// descriptor, files for nobody else, and as many descriptors as are usual. With `rights` it gives
/// up root before its first instruction; without, it keeps the rights of the caller.
pub fn prepare_server(command: &mut Command, rights: Option<Rights>) {
    // SAFETY: as in `spawn_program`.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            libc::umask(0o077);
            super::descriptors::lower_limit()?;
            // As in `spawn_program`.
            libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            match rights {
                Some(rights) => become_user_raw(rights),
                None => Ok(()),
            }
        });
    }
}

/// Starts `command` in a session of its own, for good with the real group ID of this process.
pub fn spawn_command(command: &mut Command) -> io::Result<Child> {
    let gid = nix::unistd::getgid().as_raw();
    // SAFETY: as in `spawn_program`.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            check(libc::setresgid(gid, gid, gid))
        });
    }
    command.spawn()
}

/// Sets groups and user by bare system calls: the C library's wrappers want to tell all threads,
/// of which a forked child has none.
fn become_user_raw(rights: Rights) -> io::Result<()> {
    let Rights { uid, gid, second_gid } = rights;
    let second = second_gid.unwrap_or(gid);
    // SAFETY: the pointer is valid for the one group that the count announces; the other calls
    // take plain numbers.
    unsafe {
        check(libc::syscall(libc::SYS_setgroups, 1, &raw const gid))?;
        check(libc::syscall(libc::SYS_setresgid, gid, second, second))?;
        check(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
        if uid != 0 && libc::syscall(libc::SYS_setresuid, -1, 0, -1) == 0 {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
    }
    Ok(())
}

fn check<T: Into<i64>>(result: T) -> io::Result<()> {
    if result.into() == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ignores SIGXFSZ: a write beyond the file size limit fails instead of ending the process.
pub fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN installs no handler that could run.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// The real and the effective group of this process.
pub fn groups() -> (u32, u32) {
    (nix::unistd::getgid().as_raw(), nix::unistd::getegid().as_raw())
}

/// Changes the effective group to one that this process started with.
pub fn use_group(gid: u32) -> io::Result<()> {
    Ok(nix::unistd::setegid(Gid::from_raw(gid))?)
}

/// The effective user of this process.
pub fn own_uid() -> u32 {
    Uid::effective().as_raw()
}

/// The text of an error as the C library has it, without Rust's number after it.
pub fn error_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if error.raw_os_error().is_some()
        && let Some(end) = text.rfind(" (os error ")
    {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_text_is_the_system_text() {
        assert_eq!(error_text(&io::Error::from_raw_os_error(libc::EACCES)), "Permission denied");
        assert_eq!(error_text(&io::Error::other("x (os error y")), "x (os error y");
    }

    #[test]
    fn a_command_has_its_own_session() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ps -o sid= -p $$ >/dev/null 2>&1; exit 7"]);
        let status = spawn_command(&mut command).unwrap().wait().unwrap();
        assert_eq!(status.code(), Some(7));
    }
}
