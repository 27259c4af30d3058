//! C's backslash sequences, in pipe's `eol=` and in `smtpd_expansion_filter`.

/// `text` with `\n`, `\r`, `\015` and the like made what they mean.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(c) = rest.next() else { break };
        out.push(match c {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let mut value = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = rest.peek().and_then(|c| c.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    rest.next();
                }
                char::from(u8::try_from(value & 0x7f).unwrap_or(0))
            }
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn sequences() {
        assert_eq!(unescape(r"\r\n"), "\r\n");
        assert_eq!(unescape(r"\015\12x\\"), "\r\nx\\");
        assert_eq!(unescape("plain\\"), "plain");
    }
}
