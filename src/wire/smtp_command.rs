//! SMTP command lines, cut into words the way Postfix cuts them: quotes and angle brackets keep
//! a word together, `FROM:` and `TO:` end one.

/// One word of a command line, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its text, with quotes and brackets.
    pub text: &'a str,
    /// A closing quote or bracket is missing.
    pub broken: bool,
}

/// Cuts a command line into words.
pub fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(4);
    let mut position = 0;
    while let Some((word, next)) = next_word(line, position) {
        words.push(word);
        position = next;
    }
    words
}

/// C's isspace in the C locale.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn next_word(line: &str, from: usize) -> Option<(Word<'_>, usize)> {
    let bytes = line.as_bytes();
    let at = |i: usize| bytes.get(i).copied();
    let mut start = from;
    while at(start).is_some_and(is_space) {
        start += 1;
    }
    let mut end = start;
    let mut broken = false;
    while let Some(byte) = at(end) {
        match byte {
            b if is_space(b) => break,
            b'<' => end = quoted(bytes, end + 1, b'>', &mut broken),
            b'"' => end = quoted(bytes, end + 1, b'"', &mut broken),
            b':' => {
                end += 1;
                // Any beginning of "to:" or "from:" counts; a colon alone does not end a word.
                let so_far = bytes.get(start..end).unwrap_or_default();
                if so_far.eq_ignore_ascii_case(b"to:") || so_far.eq_ignore_ascii_case(b"from:") {
                    break;
                }
            }
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let end = end.min(bytes.len());
    let text = line.get(start..end)?;
    (!text.is_empty()).then_some((Word { text, broken }, end))
}

/// The position after the closing quote; nested quotes and brackets count.
fn quoted(bytes: &[u8], from: usize, last: u8, broken: &mut bool) -> usize {
    let mut stack = vec![last];
    let mut position = from;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        let wanted = stack.last().copied();
        match byte {
            b'\\' => position += 1,
            b if Some(b) == wanted => {
                stack.pop();
                if stack.is_empty() {
                    return position;
                }
            }
            b'"' => stack.push(b'"'),
            b'<' if wanted == Some(b'>') => stack.push(b'>'),
            _ => {}
        }
    }
    *broken = true;
    bytes.len()
}

/// Words joined by single spaces, for commands whose argument is the rest of the line.
pub fn join(words: &[Word<'_>]) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<&str> {
        words(line).iter().map(|w| w.text).collect()
    }

    #[test]
    fn cuts() {
        assert_eq!(texts("MAIL FROM:<a@b> SIZE=10"), ["MAIL", "FROM:", "<a@b>", "SIZE=10"]);
        assert_eq!(texts("mail from: a@b  x"), ["mail", "from:", "a@b", "x"]);
        assert_eq!(texts("RCPT TO:<\"a b\"@c> X"), ["RCPT", "TO:", "<\"a b\"@c>", "X"]);
        assert_eq!(texts("rcpt to:<a>b c:d"), ["rcpt", "to:", "<a>b", "c:d"]);
        assert_eq!(texts("   "), Vec::<&str>::new());
        assert_eq!(texts("a\\ b c"), ["a\\ b", "c"]);
        assert!(words("RCPT TO:<a").iter().any(|w| w.broken));
        assert!(words("RCPT TO:<\"a>").iter().any(|w| w.broken));
        assert_eq!(texts("X \\"), ["X", "\\"]);
    }

    proptest! {
        #[test]
        fn words_are_the_line(line in "\\PC*") {
            let spaces = |s: &str| s.chars().filter(|c| !(c.is_ascii() && is_space(*c as u8))).collect::<String>();
            let joined: String = words(&line).iter().map(|w| w.text).collect();
            prop_assert_eq!(spaces(&joined), spaces(&line));
        }
    }
}
