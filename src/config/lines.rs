//! Logical lines: the one way in which main.cf, master.cf and text tables are cut up.
//!
//! A line that starts with white space continues the one before it; comment lines and empty
//! lines may stand anywhere, also between a line and its continuation.

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLine {
    /// Number of its first line, from one.
    pub first: usize,
    /// Number of the last line that was looked at for it.
    pub last: usize,
    /// The text, without line ends.
    pub text: String,
}

/// White space as Postfix sees it, in ASCII.
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Cuts `text` into logical lines. What is wrong with the shape of a line goes to `warn`, in the
/// words that the log shows after `warning: `; `path` is what they call the file.
pub fn logical_lines(path: &str, text: &str, mut warn: impl FnMut(String)) -> Vec<LogicalLine> {
    let mut lines = text.split_inclusive('\n').peekable();
    let mut found = Vec::new();
    let mut number = 0;
    while lines.peek().is_some() {
        let mut logical = LogicalLine { first: number, last: number, text: String::new() };
        while let Some(line) = lines.next() {
            number += 1;
            let line = line.strip_suffix('\n').unwrap_or(line);
            if logical.text.is_empty() {
                logical.first = number;
            }
            logical.last = number;
            if !is_comment(line) {
                logical.text.push_str(line);
            }
            let ends = lines
                .peek()
                .is_none_or(|next| !next.starts_with('#') && !next.starts_with(is_space));
            if !logical.text.is_empty() && ends {
                break;
            }
        }
        if logical.text.contains('\0') {
            warn(null_byte(path, &logical));
        }
        if logical.text.starts_with(is_space) {
            let (start, dots) = clip(&logical.text, 30);
            warn(format!("{path}: logical line must not start with whitespace: \"{start}{dots}\""));
        } else if !logical.text.is_empty() {
            found.push(logical);
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    let inside = line.trim_start_matches(is_space);
    inside.is_empty() || inside.starts_with('#')
}

fn null_byte(path: &str, line: &LogicalLine) -> String {
    let why = "text after null byte may be ignored";
    if line.first == line.last {
        format!("{path}, line {}: {why}", line.last)
    } else {
        format!("{path}, line {}-{}: {why}", line.first, line.last)
    }
}

/// The first `limit` bytes of `text`, at a character boundary, and dots if that is not all.
pub(crate) fn clip(text: &str, limit: usize) -> (&str, &'static str) {
    let end = text.floor_char_boundary(limit);
    match text.get(..end) {
        Some(start) if start.len() < text.len() => (start, "..."),
        _ => (text, ""),
    }
}

/// Splits `name = value`, with the words in which Postfix complains.
pub fn split_assignment(text: &str) -> Result<(&str, &str), &'static str> {
    let text = text.trim_start_matches(is_space);
    if text.is_empty() || text.starts_with('=') {
        return Err("missing attribute name");
    }
    let end = text.find(|c| is_space(c) || c == '=').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match rest.trim_start_matches(is_space).strip_prefix('=') {
        Some(value) => Ok((name, value.trim_matches(is_space))),
        None => Err("missing '=' after attribute name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(String, usize, usize)> {
        logical_lines("f", text, |_| {}).into_iter().map(|l| (l.text, l.first, l.last)).collect()
    }

    #[test]
    fn shapes() {
        for (input, text, first, last) in [
            ("abc\n def\n", "abc def", 1, 2),
            ("abc\n #def\n ghi", "abc ghi", 1, 3),
            ("abc\n#def\n ghi", "abc ghi", 1, 3),
            ("abc\n\n ghi", "abc ghi", 1, 3),
            ("\nabc\n", "abc", 2, 2),
            (" abcde\nfghij\n", "fghij", 2, 2),
            (" #abcde\nfghij\n", "fghij", 2, 2),
            ("abc\n ", "abc", 1, 2),
        ] {
            assert_eq!(lines(input), [(text.to_owned(), first, last)], "{input:?}");
        }
        assert_eq!(lines("#abc def"), []);
        assert_eq!(lines("a\nb"), [("a".into(), 1, 1), ("b".into(), 2, 2)]);
    }

    #[test]
    fn warns_about_orphans() {
        let mut said = Vec::new();
        logical_lines("f", " abc\n", |w| said.push(w));
        assert_eq!(said, ["f: logical line must not start with whitespace: \" abc\""]);
    }

    #[test]
    fn assignments() {
        assert_eq!(split_assignment("a=b"), Ok(("a", "b")));
        assert_eq!(split_assignment("a = b = c "), Ok(("a", "b = c")));
        assert_eq!(split_assignment("a ="), Ok(("a", "")));
        assert_eq!(split_assignment("a b"), Err("missing '=' after attribute name"));
        assert_eq!(split_assignment("= b"), Err("missing attribute name"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,200}") {
            for line in logical_lines("f", &text, |_| {}) {
                let _ = split_assignment(&line.text);
            }
        }
    }
}
