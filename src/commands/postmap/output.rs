//! What the commands print: plain text, or one JSON object per line.

use std::io::{BufWriter, StdoutLock, Write};

use super::options::Which;

/// Standard output, written in one go at the end.
pub(super) struct Output {
    which: Which,
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub(super) fn new(which: Which, json: bool) -> Self {
        Self { which, json, out: BufWriter::new(std::io::stdout().lock()) }
    }

    /// A key and its value, where there may be several.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) {
        let separator: &[u8] = match self.which {
            Which::Postmap => b"\t",
            Which::Postalias => b":\t",
        };
        match self.json {
            true => self.object(key, value),
            false => self.write(&[key, separator, value, b"\n"]),
        }
    }

    /// The value of the one key that was asked for.
    pub(super) fn value(&mut self, key: &[u8], value: &[u8]) {
        match self.json {
            true => self.object(key, value),
            false => self.write(&[value, b"\n"]),
        }
    }

    fn object(&mut self, key: &[u8], value: &[u8]) {
        self.write(&[b"{\"", &quoted(key), b"\": \"", &quoted(value), b"\"}\n"]);
    }

    // Whoever reads the output may go away; then nobody misses the rest.
    fn write(&mut self, parts: &[&[u8]]) {
        for part in parts {
            if self.out.write_all(part).is_err() {
                return;
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.out.flush();
    }
}

/// Text between the quotes of a JSON string. Bytes beyond ASCII stay as they are.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
            byte if byte.is_ascii_control() => {
                out.extend_from_slice(format!("\\u{byte:04X}").as_bytes());
            }
            byte => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings() {
        assert_eq!(quoted(b"a\"\\\n\x01\x7f\xc3\xa4"), b"a\\\"\\\\\\n\\u0001\\u007F\xc3\xa4");
    }
}
