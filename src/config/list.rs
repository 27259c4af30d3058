//! Lists in values: elements between commas and white space, `{ … }` kept together.

use super::lines::is_space;

/// Splits a list at commas and white space; `{ … }` keeps its inside together, braces included.
pub fn split_list(text: &str) -> Vec<&str> {
    split_at(text, |c| matches!(c, ',' | ' ' | '\t' | '\r' | '\n'))
}

/// Splits at white space alone, as the fields of master.cf; `{ … }` keeps its inside together.
pub fn split_words(text: &str) -> Vec<&str> {
    split_at(text, |c| matches!(c, ' ' | '\t' | '\r' | '\n'))
}

fn split_at(text: &str, separates: impl Fn(char) -> bool) -> Vec<&str> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut start = None;
    for (at, c) in text.char_indices() {
        if depth == 0 && separates(c) {
            if let Some(start) = start.take() {
                found.extend(text.get(start..at));
            }
            continue;
        }
        start.get_or_insert(at);
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found.extend(start.and_then(|start| text.get(start..)));
    found
}

/// The inside of an element `{ … }`, white space around it removed; Postfix's words if the
/// braces do not fit together. An element without braces is an error too.
pub fn strip_braces(element: &str) -> Result<&str, String> {
    if !element.starts_with('{') {
        return Err(format!("no '{{' at start of text in \"{element}\""));
    }
    let mut depth = 0_usize;
    for (at, c) in element.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            let (inside, after) = element.split_at(at);
            if after.len() > 1 {
                return Err(format!("syntax error after '}}' in \"{element}\""));
            }
            return Ok(inside.get(1..).unwrap_or_default().trim_matches(is_space));
        }
    }
    Err(format!("missing '}}' in \"{element}\""))
}

/// As [`strip_braces`], but an element without braces stands for itself.
pub fn strip_optional_braces(element: &str) -> Result<&str, String> {
    if element.starts_with('{') { strip_braces(element) } else { Ok(element) }
}

/// The absolute paths that a value names, alone or behind the type of a table.
pub fn paths_in(value: &str) -> impl Iterator<Item = &str> {
    value
        .split([' ', ',', '\t', '\r', '\n', '{', '}', '='])
        .filter_map(|word| word.get(word.find('/')?..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(split_list(" a, b,,c\td "), ["a", "b", "c", "d"]);
        assert_eq!(split_list("{ a, b } x:{ {c d} e }f g"), ["{ a, b }", "x:{ {c d} e }f", "g"]);
        assert_eq!(split_list("a } b"), ["a", "}", "b"]);
        assert_eq!(split_list("{ a"), ["{ a"]);
        assert_eq!(split_words("a,b { c }"), ["a,b", "{ c }"]);
    }

    #[test]
    fn braces() {
        assert_eq!(strip_braces("{ a b }"), Ok("a b"));
        assert_eq!(strip_braces("{a{b}c}"), Ok("a{b}c"));
        assert!(strip_braces("{a}b").is_err());
        assert!(strip_braces("{a").is_err());
        assert!(strip_braces("a").is_err());
        assert_eq!(strip_optional_braces("a"), Ok("a"));
    }
}
