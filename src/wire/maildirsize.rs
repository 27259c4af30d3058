//! The file `maildirsize` of a Maildir++ folder, in which all programs that use the folder keep its
//! quota and what is in it, and the size that a message carries in its file name.
//!
//! The first line holds the quota, `10000000S,1000C` (bytes and messages). Each further line adds
//! its two numbers, bytes and messages, to the sums; they may be negative. Whoever changes the
//! folder appends a line; whoever doubts the sums counts anew and replaces the file.

/// A longer file is counted anew instead of read.
pub const LENGTH_MAX: usize = 5120;

/// What such a file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaildirSize {
    /// The quota.
    pub quota: Quota,
    /// Bytes in the folder.
    pub bytes: u64,
    /// Messages in the folder.
    pub messages: u64,
    /// How many lines the sums come from.
    pub lines: usize,
}

/// What a folder may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes.
    pub bytes: Option<u64>,
    /// Messages.
    pub messages: Option<u64>,
}

impl Quota {
    /// Whether so much is within the quota.
    pub fn has_room_for(&self, bytes: u64, messages: u64) -> bool {
        self.bytes.is_none_or(|most| bytes <= most)
            && self.messages.is_none_or(|most| messages <= most)
    }

    /// The first line, with its line end.
    pub fn line(&self) -> String {
        let parts: Vec<String> = [(self.bytes, 'S'), (self.messages, 'C')]
            .into_iter()
            .filter_map(|(number, letter)| Some(format!("{}{letter}", number?)))
            .collect();
        parts.join(",") + "\n"
    }

    fn parse(line: &str) -> Option<Self> {
        let mut quota = Self::default();
        for part in line.trim().split(',').filter(|part| !part.is_empty()) {
            let letter = part.chars().last()?;
            let digits = part.strip_suffix(letter)?;
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let number = digits.parse().ok()?;
            match letter {
                'S' => quota.bytes = Some(number),
                'C' => quota.messages = Some(number),
                // Somebody else's kind of limit.
                letter if letter.is_ascii_alphabetic() => {}
                _ => return None,
            }
        }
        Some(quota)
    }
}

/// One line of changes, with its line end.
pub fn change(bytes: u64, messages: u64) -> String {
    format!("{bytes} {messages}\n")
}

/// Reads a file; `None` if it is malformed, torn, or its sums make no sense: then the folder must
/// be counted.
pub fn parse(text: &[u8]) -> Option<MaildirSize> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let mut lines = std::str::from_utf8(text).ok()?.strip_suffix('\n')?.split('\n');
    let quota = Quota::parse(lines.next()?)?;
    let (mut bytes, mut messages, mut count) = (0_i64, 0_i64, 0);
    for line in lines {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<i64>);
        let (Some(Ok(more)), Some(Ok(further)), None) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return None;
        };
        bytes = bytes.checked_add(more)?;
        messages = messages.checked_add(further)?;
        count += 1;
    }
    let bytes = u64::try_from(bytes).ok()?;
    let messages = u64::try_from(messages).ok()?;
    let makes_sense = count > 0 && (bytes == 0) == (messages == 0);
    makes_sense.then_some(MaildirSize { quota, bytes, messages, lines: count })
}

/// The size in the name of a message's file: what follows `,S=` before any `:`.
pub fn size_in_name(name: &[u8]) -> Option<u64> {
    const MARK: &[u8] = b",S=";
    let base = name.split(|b| *b == b':').next()?;
    let at = memchr::memmem::rfind(base, MARK)?;
    let rest = base.get(at + MARK.len()..)?;
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_and_sums() {
        let found =
            parse(b"10000000S,1000C\n2000 2\n -500 -1\n1234         1           \n").unwrap();
        assert_eq!(found.quota, Quota { bytes: Some(10_000_000), messages: Some(1000) });
        assert_eq!((found.bytes, found.messages, found.lines), (2734, 2, 3));
        assert_eq!(parse(b"5C,7X\n0 0\n").unwrap().quota.messages, Some(5));
        assert_eq!(parse(b"\n1 1\n").unwrap().quota, Quota::default());
    }

    #[test]
    fn what_cannot_be_trusted() {
        for text in [
            "",
            "100S",
            "100S\n",
            "100S\n1 1",
            "S\n1 1\n",
            "1O0S\n1 1\n",
            "100S\n1\n",
            "100S\n1 1 1\n",
            "100S\n-1 1\n",
            "100S\n5 0\n",
            "100S\n0 3\n",
            "100S\n\n1 1\n",
            "100S\n1 x\n",
            "100S\n9223372036854775807 1\n9223372036854775807 1\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        let long = format!("1S\n{}", "1 1\n".repeat(2000));
        assert_eq!(parse(long.as_bytes()), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let quota = Quota { bytes: Some(7), messages: None };
        assert_eq!(quota.line(), "7S\n");
        let text = quota.line() + &change(3, 1) + &change(4, 1);
        let found = parse(text.as_bytes()).unwrap();
        assert_eq!((found.quota, found.bytes, found.messages), (quota, 7, 2));
        assert!(quota.has_room_for(7, 99) && !quota.has_room_for(8, 1));
    }

    #[test]
    fn names() {
        assert_eq!(size_in_name(b"1.M2.host,S=123"), Some(123));
        assert_eq!(size_in_name(b"1.M2.host,S=123,W=125:2,ST"), Some(123));
        assert_eq!(size_in_name(b"1.M2.host:2,S=9"), None);
        assert_eq!(size_in_name(b"1.M2.host,S="), None);
        assert_eq!(size_in_name(b"1.M2.host"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = (parse(&text), size_in_name(&text));
        }

        #[test]
        fn sums(lines in proptest::collection::vec((0..1_000_000_u64, 1..100_u64), 1..50)) {
            let mut text = String::from("5S\n");
            lines.iter().for_each(|(bytes, messages)| text += &change(bytes + 1, *messages));
            let found = parse(text.as_bytes()).unwrap();
            proptest::prop_assert_eq!(found.bytes, lines.iter().map(|(b, _)| b + 1).sum::<u64>());
            proptest::prop_assert_eq!(found.messages, lines.iter().map(|(_, m)| m).sum::<u64>());
        }
    }
}
