//! Netstrings: texts with their lengths in front of them, such as `5:hello,`. QMQP and socketmap
//! servers speak in them (<https://cr.yp.to/proto/netstrings.txt>).

/// Digits of a length: more than any length needs.
const DIGITS_MAX: usize = 20;

/// What is wrong with a netstring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetstring {
    /// No length, or no comma behind the text.
    #[error("netstring format error")]
    Format,
    /// Longer than the reader is ready to keep.
    #[error("netstring length exceeds storage limit")]
    Size,
}

/// The length that `bytes` begin with, and how many bytes it takes with its colon; none if it is
/// not there as a whole yet. As in Postfix no digit at all is zero.
pub fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadNetstring> {
    let mut length = 0_usize;
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b':' => return Ok(Some((length, place + 1))),
            b'0'..=b'9' if place < DIGITS_MAX => {
                let digit = usize::from(byte - b'0');
                let longer = length.checked_mul(10).and_then(|tens| tens.checked_add(digit));
                length = longer.ok_or(BadNetstring::Size)?;
            }
            b'0'..=b'9' => return Err(BadNetstring::Size),
            _ => return Err(BadNetstring::Format),
        }
    }
    Ok(None)
}

/// The text that `bytes` begin with, of at most `limit` bytes, and how many bytes it takes with
/// all around it; none if it is not there as a whole yet.
pub fn take(bytes: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, BadNetstring> {
    let Some((length, start)) = length(bytes)? else { return Ok(None) };
    if length > limit {
        return Err(BadNetstring::Size);
    }
    let end = start.checked_add(length).ok_or(BadNetstring::Size)?;
    match (bytes.get(start..end), bytes.get(end)) {
        (Some(text), Some(b',')) => Ok(Some((text, end + 1))),
        (_, Some(_)) => Err(BadNetstring::Format),
        (_, None) => Ok(None),
    }
}

/// Adds `text` as a netstring.
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text);
    out.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts() {
        assert_eq!(take(b"5:hello,rest", 5), Ok(Some((&b"hello"[..], 8))));
        assert_eq!(take(b"0:,", 0), Ok(Some((&b""[..], 3))));
        assert_eq!(take(b":,", 0), Ok(Some((&b""[..], 2))));
        for part in ["", "5", "5:", "5:hell", "5:hello"] {
            assert_eq!(take(part.as_bytes(), 5), Ok(None), "{part}");
        }
        for bad in ["x", "5x", "5:hello;", "-1:,", " 1:a,"] {
            assert_eq!(take(bad.as_bytes(), 5), Err(BadNetstring::Format), "{bad}");
        }
        for large in ["6:hello!,", "99999999999999999999999:", "000000000000000000000"] {
            assert_eq!(take(large.as_bytes(), 5), Err(BadNetstring::Size), "{large}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text: Vec<u8>, rest: Vec<u8>) {
            let mut coded = Vec::new();
            append(&mut coded, &text);
            let used = coded.len();
            coded.extend_from_slice(&rest);
            prop_assert_eq!(take(&coded, text.len()), Ok(Some((&text[..], used))));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>, limit in 0_usize..300) {
            if let Ok(Some((text, used))) = take(&bytes, limit) {
                prop_assert!(text.len() <= limit && used <= bytes.len());
            }
        }
    }
}
