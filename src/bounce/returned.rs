//! The message that goes back with a notice, or its headers.

use crate::spool::StoredContent;

/// How much of the returned message is read at a time.
const CHUNK: usize = 64 << 10;

/// Copies the message, or its headers, into the notice.
pub(super) async fn copy(
    content: &StoredContent,
    headers_only: bool,
    message: &mut crate::cleanup::Message,
) -> std::io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut position = 0;
    let mut ended_line = true;
    loop {
        let n = content.read_at(position, &mut buffer)?;
        let mut read = buffer.get(..n).unwrap_or_default();
        let mut more = n > 0;
        if headers_only {
            (read, more) = headers(read);
            // A line that is cut off by the end of the buffer is read again, unless it fills it.
            if let Some(end) = memchr::memrchr(b'\n', read)
                && more
            {
                read = read.get(..=end).unwrap_or_default();
            }
        }
        if let Some(last) = read.last() {
            ended_line = *last == b'\n';
        }
        position += read.len() as u64;
        message.content(read).await;
        if !more || read.is_empty() {
            break;
        }
    }
    if !ended_line {
        message.content(b"\n").await;
    }
    Ok(())
}

/// The part of `read`, which begins with a line, that belongs to the headers, and whether there
/// may be more of them after it.
fn headers(read: &[u8]) -> (&[u8], bool) {
    let mut end = 0;
    for line in read.split_inclusive(|b| *b == b'\n') {
        if !is_header(line) {
            let cut_off = line.last() != Some(&b'\n') && end > 0;
            return (read.get(..end).unwrap_or_default(), cut_off);
        }
        end += line.len();
    }
    (read, true)
}

/// Whether the line is a header or continues one.
fn is_header(line: &[u8]) -> bool {
    match line.first() {
        Some(b' ' | b'\t') => true,
        Some(_) => line.iter().position(|b| *b == b':').is_some_and(|colon| {
            colon > 0
                && line.get(..colon).is_some_and(|name| {
                    let name = name.trim_ascii_end();
                    !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic())
                })
        }),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_the_first_line_that_is_none() {
        assert_eq!(headers(b"A: b\n c\nD:\n\nbody: no\n"), (&b"A: b\n c\nD:\n"[..], false));
        assert_eq!(headers(b"A: b\nTo"), (&b"A: b\n"[..], true));
        assert!(is_header(b"Subject : x"));
        assert!(!is_header(b"From x@y Mon 10:00"));
        assert!(!is_header(b"\n"));
    }
}
