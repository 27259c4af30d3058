//! Asking for a password: at the terminal without showing it, or one line of standard input.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::config::why;

/// Longest password: what a client can send in an AUTH command.
const PASSWORD_MAX: u64 = 4096;

/// A password that is asked for once.
pub(super) fn password(name: &str, stdin: bool) -> Result<Vec<u8>, String> {
    if stdin || !io::stdin().is_terminal() {
        return sound(line(io::stdin().lock()));
    }
    sound(hidden(&format!("Password of {name}: ")))
}

/// A password that is asked for twice at a terminal.
pub(super) fn new_password(name: &str, stdin: bool) -> Result<Vec<u8>, String> {
    let first = password(name, stdin)?;
    if stdin || !io::stdin().is_terminal() {
        return Ok(first);
    }
    let second = hidden("Once more: ").map_err(|e| why(&e))?;
    if first == second { Ok(first) } else { Err("the two passwords are not the same".into()) }
}

fn sound(read: io::Result<Vec<u8>>) -> Result<Vec<u8>, String> {
    let password = read.map_err(|e| format!("password: {}", why(&e)))?;
    if password.is_empty() {
        Err("an empty password is none".into())
    } else if password.contains(&0) {
        Err("a password with a NUL byte cannot be sent by PLAIN".into())
    } else {
        Ok(password)
    }
}

/// One line, without its end.
fn line(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    BufReader::new(input.take(PASSWORD_MAX + 1)).read_until(b'\n', &mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes.len() as u64 > PASSWORD_MAX {
        return Err(io::Error::other(format!("longer than {PASSWORD_MAX} bytes")));
    }
    Ok(bytes)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSAFLUSH, &self.before);
        let _ = self.terminal.write_all(b"\n");
    }
}

fn hidden(prompt: &str) -> io::Result<Vec<u8>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    let input = terminal.try_clone()?;
    let _hidden = Hidden { terminal, before };
    tcsetattr(&input, SetArg::TCSAFLUSH, &silent)?;
    line(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(line(&b"secret\nmore\n"[..]).unwrap(), b"secret");
        assert_eq!(line(&b"secret\r\n"[..]).unwrap(), b"secret");
        assert_eq!(line(&b" se cret "[..]).unwrap(), b" se cret ");
        assert!(line(&[b'x'; 5000][..]).is_err());
        assert!(sound(line(&b"\n"[..])).is_err() && sound(line(&b"a\0b"[..])).is_err());
    }
}
