//! Values that are contents of files (`postmap -F`): tables hold them in BASE64.

use super::lines::show;
use crate::config::why;

/// Largest file content that a value may have.
const LIMIT: usize = 16 << 20;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Makes a lookup result of the value in a source file, or says why it cannot.
pub type MakeValue<'a> = dyn FnMut(&[u8]) -> Result<Vec<u8>, String> + 'a;

/// The contents of the files that `names` lists, a newline between two, in BASE64.
pub fn encode(names: &[u8]) -> Result<Vec<u8>, String> {
    let all = show(names);
    let mut content = Vec::new();
    let mut names = all.split([',', ' ', '\t', '\r', '\n']).filter(|name| !name.is_empty());
    let Some(first) = names.next() else {
        return Err(format!("empty pathname list: >>{all}<<'"));
    };
    for (at, name) in std::iter::once(first).chain(names).enumerate() {
        if at > 0 {
            content.push(b'\n');
        }
        let file = super::lent::read(name).map_err(|e| format!("open {name}: {}", why(&e)))?;
        content.extend_from_slice(&file);
        if content.len() > LIMIT {
            return Err(format!("file too large: {all}"));
        }
    }
    Ok(to_base64(&content))
}

/// What [`encode`] made, back to bytes.
pub fn decode(value: &[u8]) -> Result<Vec<u8>, String> {
    from_base64(value).ok_or_else(|| {
        let head = value.get(..30).unwrap_or(value);
        format!("malformed BASE64 value: {}", show(head))
    })
}

fn to_base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let index = usize::try_from(group >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = ALPHABET.get(index).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { b'=' } else { letter });
        }
    }
    text
}

fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut chunks = text.chunks_exact(4).peekable();
    while let Some(chunk) = chunks.next() {
        let filled = chunk.iter().position(|b| *b == b'=').unwrap_or(4);
        let padded = chunk.iter().skip(filled).all(|b| *b == b'=');
        if filled < 2 || !padded || (filled < 4 && chunks.peek().is_some()) {
            return None;
        }
        let mut group = 0_u32;
        for place in 0..4 {
            let letter = chunk.get(place).filter(|_| place < filled);
            let index = match letter {
                Some(letter) => ALPHABET.iter().position(|known| known == letter)?,
                None => 0,
            };
            group = group << 6 | u32::try_from(index).ok()?;
        }
        let [_, a, b, c] = group.to_be_bytes();
        bytes.extend([a, b, c].into_iter().take(filled - 1));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(to_base64(b"any carnal pleas"), b"YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(decode(b"YW55").unwrap(), b"any");
        assert_eq!(decode(b"YW5").unwrap_err(), "malformed BASE64 value: YW5");
        assert_eq!(encode(b" , ").unwrap_err(), "empty pathname list: >> , <<'");
        assert_eq!(encode(b"/no/x").unwrap_err(), "open /no/x: No such file or directory");
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&to_base64(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn any_text(text: Vec<u8>) {
            let _ = decode(&text);
        }
    }
}
