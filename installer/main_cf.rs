//! Changes main.cf as a careful person would: where a documented line waits for its value, that
//! line is taken; comments, order and what the administrator has set stay.

/// What to do when the parameter is set already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Present {
    /// It stays as it is.
    Keep,
    /// It gets the new value, where it stands.
    Replace,
}

/// The text of a main.cf, in lines without their ends.
#[derive(Clone, Debug)]
pub struct MainCf {
    lines: Vec<Vec<u8>>,
}

impl MainCf {
    /// Takes a text apart. Bytes that are no UTF-8 come back as they were.
    pub fn parse(text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = match text {
            b"" => Vec::new(),
            text => text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        };
        Self { lines }
    }

    /// The text.
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.lines.join(&b'\n');
        if !text.is_empty() {
            text.push(b'\n');
        }
        text
    }

    /// The value that holds, on one line.
    pub fn value(&self, name: &str) -> Option<String> {
        let (first, end) = self.assignment(name)?;
        let mut value = String::new();
        for line in self.lines.get(first..end).unwrap_or_default() {
            if !is_comment(line) {
                value.push_str(&String::from_utf8_lossy(line));
            }
        }
        value.split_once('=').map(|(_, value)| value.trim().to_owned())
    }

    /// Sets a parameter. In this order: the line that sets it; a line that would set it, were it
    /// not a comment; a new line after the last one of `after` that there is; the end.
    pub fn set(&mut self, name: &str, value: &str, present: Present, after: &[&str]) {
        let line = match value {
            "" => format!("{name} =").into_bytes(),
            value => format!("{name} = {value}").into_bytes(),
        };
        if let Some((first, end)) = self.assignment(name) {
            if present == Present::Replace && self.value(name).as_deref() != Some(value) {
                let comments = self.lines.get(first..end).unwrap_or_default().iter().skip(1);
                let kept: Vec<Vec<u8>> = comments.filter(|l| is_comment(l)).cloned().collect();
                self.lines.splice(first..end, std::iter::once(line).chain(kept));
            }
        } else if let Some(place) = self.documented(name, value) {
            self.lines.splice(place..=place, [line]);
        } else {
            let place = after.iter().filter_map(|other| self.end_of(other)).max();
            self.lines.insert(place.unwrap_or(self.lines.len()), line);
        }
    }

    /// The lines of the assignment that holds: the last one, with its continuation.
    fn assignment(&self, name: &str) -> Option<(usize, usize)> {
        let first = self.lines.iter().rposition(|line| assigned(line) == Some(name.as_bytes()))?;
        let rest = self.lines.get(first + 1..)?;
        let mut end = first + 1;
        for (place, line) in (first + 1..).zip(rest) {
            if is_continuation(line) {
                end = place + 1;
            } else if !is_comment(line) {
                break;
            }
        }
        Some((first, end))
    }

    /// The comment to take: the one with this very value, or the first one that can be taken.
    fn documented(&self, name: &str, value: &str) -> Option<usize> {
        let candidates: Vec<usize> = (0..self.lines.len())
            .filter(|place| self.is_documented(*place, name) && self.is_free(*place))
            .collect();
        let same = candidates.iter().copied().find(|place| {
            let line = self.lines.get(*place).map(|line| String::from_utf8_lossy(line));
            line.is_some_and(|l| l.split_once('=').is_some_and(|(_, now)| now.trim() == value))
        });
        same.or_else(|| candidates.first().copied())
    }

    fn is_documented(&self, place: usize, name: &str) -> bool {
        let line = self.lines.get(place).and_then(|line| line.strip_prefix(b"#"));
        line.is_some_and(|line| assigned(line) == Some(name.as_bytes()))
    }

    /// Whether no continuation of an earlier line would become one of this line.
    fn is_free(&self, place: usize) -> bool {
        let rest = self.lines.get(place + 1..).unwrap_or_default();
        rest.iter().find(|line| !is_comment(line)).is_none_or(|line| !is_continuation(line))
    }

    /// The place behind a parameter, set or documented.
    fn end_of(&self, name: &str) -> Option<usize> {
        let set = self.assignment(name).map(|(_, end)| end);
        set.or_else(|| {
            let last = (0..self.lines.len()).rfind(|place| self.is_documented(*place, name))?;
            self.is_free(last).then_some(last + 1)
        })
    }
}

/// The name that a line sets.
fn assigned(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().position(|b| *b == b'=' || b.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(end);
    let named =
        !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    (named && rest.trim_ascii_start().first() == Some(&b'=')).then_some(name)
}

/// Comments and empty lines may stand anywhere, also within a value.
fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), None | Some(b'#'))
}

fn is_continuation(line: &[u8]) -> bool {
    !is_comment(line) && line.first().is_some_and(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, name: &str, value: &str, present: Present) -> String {
        let mut file = MainCf::parse(text.as_bytes());
        file.set(name, value, present, &["before", "other"]);
        String::from_utf8(file.text()).unwrap()
    }

    #[test]
    fn documented_lines_are_taken() {
        let text = "# The name.\n#myhostname = host.domain.tld\n#myhostname = virtual.domain.tld\nother = 1\n";
        assert_eq!(
            set(text, "myhostname", "a.b", Present::Keep),
            "# The name.\nmyhostname = a.b\n#myhostname = virtual.domain.tld\nother = 1\n"
        );
        // The one that says just that comes first.
        assert_eq!(
            set(text, "myhostname", "virtual.domain.tld", Present::Keep),
            "# The name.\n#myhostname = host.domain.tld\nmyhostname = virtual.domain.tld\nother = 1\n"
        );
        // Prose is no documented line.
        let prose = "# myhostname = x\n#myhostname is the name = yes\n";
        assert_eq!(
            set(prose, "myhostname", "a.b", Present::Keep),
            format!("{prose}myhostname = a.b\n")
        );
    }

    #[test]
    fn what_is_set_is_kept_or_replaced_in_place() {
        let text = "x = 1\nx = 2\n  3\n# why\n  4\ny = 5\n#x = 6\n";
        assert_eq!(set(text, "x", "7", Present::Keep), text);
        assert_eq!(set(text, "x", "7", Present::Replace), "x = 1\nx = 7\n# why\ny = 5\n#x = 6\n");
        assert_eq!(MainCf::parse(text.as_bytes()).value("x").as_deref(), Some("2  3  4"));
        assert_eq!(set("x=\n", "x", "", Present::Replace), "x=\n");
    }

    #[test]
    fn a_comment_within_a_value_is_left_alone() {
        let text = "other = a\n#x = 1\n  b\nz = 2\n";
        assert_eq!(set(text, "x", "7", Present::Keep), "other = a\n#x = 1\n  b\nx = 7\nz = 2\n");
    }

    #[test]
    fn without_any_place_it_goes_to_the_end() {
        assert_eq!(set("a = 1", "x", "7", Present::Keep), "a = 1\nx = 7\n");
        assert_eq!(set("", "x", "7", Present::Keep), "x = 7\n");
    }

    #[test]
    fn other_bytes_stay() {
        let text = b"# caf\xe9\n#x = 1\n";
        let mut file = MainCf::parse(text);
        assert_eq!(file.text(), text);
        file.set("x", "2", Present::Keep, &[]);
        assert_eq!(file.text(), b"# caf\xe9\nx = 2\n");
    }

    proptest::proptest! {
        #[test]
        fn a_second_time_changes_nothing(text in "([#ab =1\t]{0,8}\n){0,8}", name in "[ab]{1,2}") {
            let once = set(&text, &name, "1", Present::Replace);
            let twice = set(&once, &name, "1", Present::Replace);
            proptest::prop_assert_eq!(&once, &twice);
            let value = MainCf::parse(once.as_bytes()).value(&name);
            proptest::prop_assert_eq!(value.as_deref(), Some("1"));
        }
    }
}
