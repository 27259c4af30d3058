//! postlogd's part: lines that other programs send to the postlog socket go to the log of this
//! process, under the name and number of their speaker.

use std::os::fd::OwnedFd;

use tokio::net::UnixDatagram;

use crate::log::{Level, Log};

/// Longest line that is taken.
const LINE_MAX: usize = 8192;

/// Starts the task that reads the socket.
pub(super) fn serve(socket: OwnedFd, log: Log) -> std::io::Result<()> {
    let socket = std::os::unix::net::UnixDatagram::from(socket);
    socket.set_nonblocking(true)?;
    let socket = UnixDatagram::from_std(socket)?;
    tokio::spawn(async move {
        let mut buffer = vec![0; LINE_MAX];
        loop {
            match socket.recv(&mut buffer).await {
                Ok(length) => {
                    let text = buffer.get(..length).unwrap_or_default();
                    write(&String::from_utf8_lossy(text), &log);
                }
                Err(error) => {
                    let why = crate::config::why(&error);
                    log.warning(format_args!("failed to receive message with recv: {why}"));
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    });
    Ok(())
}

fn write(line: &str, log: &Log) {
    let line = line.trim_end();
    match speaker(line).or_else(|| speaker(without_stamp(line)?)) {
        Some((tag, number, text)) => {
            log.speaking_as(tag, number).line(Level::Info, format_args!("{text}"));
        }
        None => log.info(format_args!("{line}")),
    }
}

/// `tag[number]: text`
fn speaker(line: &str) -> Option<(&str, u32, &str)> {
    let (head, text) = line.split_once(": ")?;
    let (tag, number) = head.strip_suffix(']')?.rsplit_once('[')?;
    let plain = !tag.is_empty() && !tag.contains(' ');
    plain.then_some((tag, number.parse().ok()?, text))
}

/// Postfix's own programs put month, day, time and host before it.
fn without_stamp(line: &str) -> Option<&str> {
    let mut rest = line;
    for _ in 0..4 {
        rest = rest.trim_start().split_once(' ')?.1;
    }
    Some(rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speakers() {
        assert_eq!(
            speaker("postfix/postdrop[12]: warning: x: y"),
            Some(("postfix/postdrop", 12, "warning: x: y"))
        );
        assert_eq!(speaker("just text: here"), None);
        let stamped = "Nov  2 10:00:00 host postfix/sendmail[3]: hello";
        assert_eq!(without_stamp(stamped), Some("postfix/sendmail[3]: hello"));
    }
}
