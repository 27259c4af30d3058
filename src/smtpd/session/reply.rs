//! Replies: delayed for clients that make errors, softened by `soft_bounce`, with footers, in the
//! transcript.

use super::{End, Session};
use crate::smtpd::expand;

impl Session {
    /// Gives a reply, of one line or of several with CRLF between them.
    pub(super) async fn reply(&mut self, text: &str) -> Result<(), End> {
        let limits = &self.service.settings.limits;
        let delayed = self.errors >= limits.soft_errors && !limits.error_sleep.is_zero();
        if delayed {
            tokio::time::sleep(limits.error_sleep).await;
        }
        if text.starts_with(['4', '5']) {
            let text = self.reworded(text).await;
            self.say(&text);
        } else {
            self.say(text);
        }
        if delayed {
            self.io.flush().await?;
        }
        if self.hang_up {
            self.io.flush().await?;
        }
        Ok(())
    }

    /// `smtpd_reject_filter_maps`, `smtpd_reject_footer_maps` and `smtpd_reject_footer`.
    async fn reworded(&self, text: &str) -> String {
        let service = &self.service;
        let mut reply = text.to_owned();
        if !service.maps.reject_filter.is_empty()
            && let Ok(Some(other)) = service.maps.reject_filter.find(text).await
        {
            let queue_id = self.talk.queue_id;
            if is_refusal(&other) {
                self.log.info(format_args!("{queue_id}: reply filter in: {text}"));
                self.log.info(format_args!("{queue_id}: reply filter out: {other}"));
                reply = other;
            } else {
                self.log.warning(format_args!(
                    "{queue_id}: ignoring invalid reject filter result: {other}"
                ));
            }
        }
        if !reply.starts_with(['4', '5']) {
            return reply;
        }
        let from_map = match service.maps.reject_footer.is_empty() {
            true => None,
            false => service.maps.reject_footer.find(&reply).await.ok().flatten(),
        };
        let footer = from_map.as_deref().unwrap_or(&service.settings.reject_footer);
        if !footer.is_empty() {
            let filter = &service.settings.expansion_filter;
            add_footer(&mut reply, footer, |line| {
                expand::reply_text(&self.talk, &[], line, filter)
            });
        }
        reply
    }

    fn say(&mut self, text: &str) {
        let text = text.strip_suffix("\r\n").unwrap_or(text);
        let soft = self.service.settings.soft_bounce;
        let mut lines = text.split("\r\n").peekable();
        while let Some(line) = lines.next() {
            let mut line = line.to_owned();
            if soft && line.starts_with('5') {
                line.replace_range(0..1, "4");
                if line.as_bytes().get(4) == Some(&b'5') {
                    line.replace_range(4..5, "4");
                }
            }
            if lines.peek().is_some() && line.is_char_boundary(3) && line.len() > 3 {
                line.replace_range(3..4, "-");
            }
            self.history.add("Out: ", &line);
            if self.log.verbose() > 0 {
                self.log.info(format_args!("> {}: {line}", self.talk.peer.text));
            }
            if line.starts_with("421") || line.starts_with("521") {
                self.hang_up = true;
            }
            self.io.say(&line);
        }
    }

    /// A command line has come in.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        if !self.history.is_wanted() && self.log.verbose() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        self.history.add("In:  ", &text);
        if self.log.verbose() > 0 {
            self.log.info(format_args!("< {}: {text}", self.talk.peer.text));
        }
    }
}

/// Adds a footer to a reply: `\c` at its beginning means on the same line, `\n` begins another
/// line. `expanded` says what becomes of a line.
pub fn add_footer(reply: &mut String, footer: &str, expanded: impl Fn(&str) -> String) {
    let (same_line, template) = match footer.strip_prefix("\\c") {
        Some(rest) => (true, rest),
        None => (false, footer),
    };
    let prefix = reply_prefix(reply).to_owned();
    for (index, line) in template.split("\\n").enumerate() {
        let line = expanded(line);
        if index > 0 || !same_line {
            reply.push_str("\r\n");
            reply.push_str(&prefix);
        }
        reply.push_str(&line);
    }
}

/// Reply code and, if there is one, enhanced status code, with the space after each.
fn reply_prefix(reply: &str) -> &str {
    let code = reply.get(..4).unwrap_or(reply);
    let rest = reply.get(4..).unwrap_or_default();
    let word = rest.split(' ').next().unwrap_or_default();
    if word.parse::<crate::mail::status::Status>().is_ok() {
        return reply.get(..4 + word.len() + 1).unwrap_or(reply);
    }
    code
}

fn is_refusal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let class = bytes.first().copied();
    matches!(class, Some(b'4' | b'5'))
        && digit(1)
        && digit(2)
        && matches!(bytes.get(3), Some(b' ' | b'-'))
        && !(digit(4) && bytes.get(4).copied() != class)
}

/// Bytes as the log shows them: backslash escapes for all that is not printable.
pub fn escape(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() + 16);
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            0x0c => text.push_str("\\f"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x0b => text.push_str("\\v"),
            other => {
                let _ = write!(text, "\\{other:03o}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(escape(b"a\r\n\x01\xff"), "a\\r\\n\\001\\377");
    }

    #[test]
    fn prefixes() {
        assert_eq!(reply_prefix("550 5.1.1 <x>: no"), "550 5.1.1 ");
        assert_eq!(reply_prefix("550 no"), "550 ");
        assert!(is_refusal("450 x") && !is_refusal("250 x") && !is_refusal("450 5.1.1 x"));
    }
}
