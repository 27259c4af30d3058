//! Queue IDs in Postfix's short form (hexadecimal microseconds and a number) and long form
//! (`enable_long_queue_ids`).

use std::fmt;
use std::str::FromStr;

/// Longest text of a queue ID.
pub const MAX: usize = 24;

/// A queue ID: printable, unique in this queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId {
    len: u8,
    text: [u8; MAX],
}

impl QueueId {
    /// Short form for a message that arrived `micros` after a full second: five hexadecimal digits
    /// of microseconds, then `number` in hexadecimal. `number` is what makes it unique.
    pub fn short(micros: u32, number: u64) -> Self {
        Self::from_text(&format!("{:05X}{number:X}", micros % 1_000_000)).unwrap_or(Self::NONE)
    }

    /// Long form: seconds and microseconds in base 52, `z`, then `number` in base 51, as Postfix
    /// writes them with `enable_long_queue_ids = yes`.
    pub fn long(seconds: u64, micros: u32, number: u64) -> Self {
        let mut text = in_base(52, seconds, 6);
        text += &in_base(52, u64::from(micros % 1_000_000), 4);
        text.push('z');
        text += &in_base(51, number, 1);
        Self::from_text(&text).unwrap_or(Self::NONE)
    }

    /// No queue ID; shows as `NOQUEUE`.
    pub const NONE: Self = Self { len: 0, text: [0; MAX] };

    /// Whether this is [`QueueId::NONE`].
    pub fn is_none(&self) -> bool {
        self.len == 0
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        if self.len == 0 {
            return "NOQUEUE";
        }
        self.text
            .get(..usize::from(self.len))
            .and_then(|t| std::str::from_utf8(t).ok())
            .unwrap_or("NOQUEUE")
    }

    fn from_text(text: &str) -> Option<Self> {
        let ok = !text.is_empty()
            && text.len() <= MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !ok {
            return None;
        }
        let mut id = Self { len: u8::try_from(text.len()).ok()?, text: [0; MAX] };
        id.text.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(id)
    }
}

/// Digits without vowels, so that no ID spells a word. The last one, `z`, is none in base 51.
const DIGITS: [char; 52] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L',
    'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z', 'b', 'c', 'd', 'f', 'g', 'h', 'j',
    'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
];

/// `value` in that base with at least `width` digits.
fn in_base(base: u64, mut value: u64, width: usize) -> String {
    let mut digits = Vec::with_capacity(12);
    while value > 0 || digits.len() < width {
        let digit = usize::try_from(value % base).unwrap_or(0);
        digits.push(DIGITS.get(digit).copied().unwrap_or('0'));
        value /= base;
    }
    digits.iter().rev().collect()
}

impl Default for QueueId {
    /// [`QueueId::NONE`]
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no queue ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a queue ID")]
pub struct NotAQueueId;

impl FromStr for QueueId {
    type Err = NotAQueueId;

    fn from_str(text: &str) -> Result<Self, NotAQueueId> {
        Self::from_text(text).ok_or(NotAQueueId)
    }
}

impl serde::Serialize for QueueId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(if self.is_none() { "" } else { self.as_str() })
    }
}

impl<'de> serde::Deserialize<'de> for QueueId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        if text.is_empty() {
            return Ok(Self::NONE);
        }
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ids() {
        assert_eq!(QueueId::short(0x1F, 0xABCDEF).to_string(), "0001FABCDEF");
        // 52^5 seconds, 52 microseconds, number 51.
        assert_eq!(QueueId::long(380_204_032, 52, 51).to_string(), "1000000010z10");
        assert_eq!(QueueId::long(0, 0, 50).to_string(), "0000000000zy");
    }

    #[test]
    fn audit_2026_07_16_short_queue_names() {
        for text in ["", "z", "0", "zz", "1z", "F", "../x", "/", "\u{fc}", "0000000000z"] {
            let parsed = text.parse::<QueueId>();
            assert!(parsed.is_err() || parsed.is_ok_and(|id| id.to_string() == text), "{text:?}");
        }
    }
}
