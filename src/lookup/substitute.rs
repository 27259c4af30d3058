//! `$1`, `${1}` and `$(1)` in lookup results of pattern tables.

use crate::sys::regex::Group;

/// A result text, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<[u8]>),
    Group(usize),
}

impl Replacement {
    /// Takes `text` apart. `blame` begins each warning (`regexp map NAME, line N`), `range` is
    /// how this kind of table spells "out of range". None after an error, which is reported.
    pub fn parse(
        text: &[u8],
        blame: &str,
        range: &str,
        report: &mut super::lines::Report<'_>,
    ) -> Option<Self> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        let mut good = true;
        while let Some((first, after)) = rest.split_first() {
            if *first != b'$' {
                literal.push(*first);
                rest = after;
                continue;
            }
            if let Some(after) = after.strip_prefix(b"$") {
                literal.push(b'$');
                rest = after;
                continue;
            }
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            let whole = super::lines::show(text);
            let Some((name, after)) = reference(after) else {
                report(format!("truncated macro reference: \"{whole}\""));
                return None;
            };
            if name.is_empty() {
                report(format!("empty macro name: \"{whole}\""));
                return None;
            }
            rest = after;
            match group(name, blame, range, report) {
                Some(number) => parts.push(Part::Group(number)),
                None => good = false,
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        good.then_some(Self { parts })
    }

    /// The largest group number that it mentions; zero if none.
    pub fn largest(&self) -> usize {
        let groups = self.parts.iter().map(|part| match part {
            Part::Group(number) => *number,
            Part::Text(_) => 0,
        });
        groups.max().unwrap_or(0)
    }

    /// The text with the groups of a match on `key` put in; a group without match is empty.
    pub fn expand(&self, key: &[u8], groups: &[Group]) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.extend_from_slice(literal),
                Part::Group(number) => {
                    let range = groups.get(*number).copied().flatten();
                    let found = range.and_then(|(start, end)| key.get(start..end));
                    text.extend_from_slice(found.unwrap_or_default());
                }
            }
        }
        text
    }
}

/// The name after a `$`, and what follows it; none if a bracket is not closed.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let close = match text.first() {
        Some(b'{') => b'}',
        Some(b'(') => b')',
        _ => {
            let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let end = text.iter().position(|b| !word(b)).unwrap_or(text.len());
            return text.split_at_checked(end);
        }
    };
    let open = text.first().copied();
    let mut level = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        if Some(*byte) == open {
            level += 1;
        } else if *byte == close {
            level -= 1;
        }
        if level == 0 {
            return Some((text.get(1..at)?, text.get(at + 1..)?));
        }
    }
    None
}

fn group(
    name: &[u8],
    blame: &str,
    range: &str,
    report: &mut super::lines::Report<'_>,
) -> Option<usize> {
    let text = super::lines::show(name);
    if !name.iter().all(u8::is_ascii_digit) {
        report(format!("{blame}: non-numeric replacement index \"{text}\""));
        return None;
    }
    match text.parse::<u32>().unwrap_or(u32::MAX) {
        0 => {
            report(format!("{blame}: {range} replacement index \"{text}\""));
            None
        }
        number => usize::try_from(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Replacement, Vec<String>> {
        let mut warnings = Vec::new();
        Replacement::parse(text.as_bytes(), "map", "out of range", &mut |w| warnings.push(w))
            .ok_or(warnings)
    }

    #[test]
    fn forms() {
        let r = parse("$1-${2}-$(1)x$$1 ${3}").unwrap();
        assert_eq!(r.largest(), 3);
        let groups = [Some((0, 4)), Some((0, 1)), Some((2, 4)), None];
        assert_eq!(r.expand(b"abcd", &groups), b"a-cd-ax$1 ");
        assert_eq!(parse("plain $$").unwrap().largest(), 0);
    }

    #[test]
    fn errors() {
        for (text, warning) in [
            ("$x", "map: non-numeric replacement index \"x\""),
            ("$0", "map: out of range replacement index \"0\""),
            ("${1", "truncated macro reference: \"${1\""),
            ("a $", "empty macro name: \"a $\""),
        ] {
            assert_eq!(parse(text), Err(vec![warning.to_owned()]));
        }
    }

    proptest! {
        #[test]
        fn any_text(text: Vec<u8>) {
            if let Some(r) = Replacement::parse(&text, "m", "r", &mut |_| ()) {
                let _ = r.expand(b"key", &[None, Some((1, 2))]);
            }
        }

        #[test]
        fn literal(text in "[a-z ]*") {
            prop_assert_eq!(parse(&text).unwrap().expand(b"k", &[]), text.as_bytes());
        }
    }
}
