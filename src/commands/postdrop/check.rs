//! Which records a submission may have, and in which order. Pure.

use crate::config::lines::split_assignment;
use crate::wire::queue_record::kind;

/// What may stand in the envelope, the content and behind it; the first ends the part.
const PARTS: [&[u8]; 3] = [b"MCFSRVAin", b"XLN", b"EAR"];

/// How far the submission has come.
#[derive(Debug, Default)]
pub(super) struct Check {
    part: usize,
    senders: usize,
    recipients: usize,
}

/// What happens to a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Keep,
    /// It is written if the sender is allowed.
    Sender,
    /// It is left out.
    Skip,
    /// It is left out, and that is worth a word.
    Warn(String),
}

impl Check {
    /// Looks at the next record; why the submission ends here, if it does.
    pub(super) fn record(&mut self, kind: u8, data: &[u8]) -> Result<Verdict, String> {
        let part = PARTS.get(self.part).copied().unwrap_or_default();
        if kind == 0 || !part.contains(&kind) {
            return Err(format!("unexpected record type: {kind}"));
        }
        let text = String::from_utf8_lossy(data);
        let is_content = matches!(kind, kind::LINE | kind::PART);
        if !is_content && data.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            let shown = text.split('\0').next().unwrap_or_default();
            return Err(format!(
                "null or line break in '{}' record type: {}",
                name(kind),
                clip(shown)
            ));
        }
        if part.first() == Some(&kind) {
            self.part += 1;
        }
        match kind {
            // The caller's idea of the time does not count.
            kind::TIME => return Ok(Verdict::Skip),
            kind::FROM => {
                self.senders += 1;
                return Ok(Verdict::Sender);
            }
            kind::RCPT => self.recipients += 1,
            kind::ATTRIBUTE => return Ok(attribute(&text)),
            _ => {}
        }
        Ok(Verdict::Keep)
    }

    /// Whether there were a sender and a recipient.
    pub(super) fn is_complete(&self) -> bool {
        self.senders > 0 && self.recipients > 0
    }
}

/// Users may set few attributes.
fn attribute(text: &str) -> Verdict {
    let (name, value) = match split_assignment(text) {
        Ok(attribute) => attribute,
        Err(why) => {
            return Verdict::Warn(format!("ignoring malformed record: {why}: {}", clip(text)));
        }
    };
    let allowed = match name {
        // sendmail -bv and -v
        "trace_flags" if matches!(value, "512" | "1024") => true,
        "trace_flags" => {
            return Verdict::Warn(format!("ignoring unexpected trace flags: {}", clip(value)));
        }
        "encoding" => matches!(value, "7bit" | "8bit" | ""),
        "rewrite_context" => matches!(value, "local" | "remote"),
        "envelope_id" | "notify_flags" | "dsn_orig_rcpt" | "ret_flags" | "create_time" => true,
        _ => false,
    };
    if allowed {
        Verdict::Keep
    } else {
        Verdict::Warn(format!("ignoring attribute record: {}={}", clip(name), clip(value)))
    }
}

fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(200)).unwrap_or(text)
}

/// Postfix's name for a type of record.
fn name(kind: u8) -> &'static str {
    match kind {
        kind::SIZE => "message_size",
        kind::FULL_NAME => "sender_fullname",
        kind::FROM => "sender",
        kind::RCPT => "recipient",
        kind::VERP => "verp_delimiters",
        kind::ATTRIBUTE => "named_attribute",
        kind::DSN_ENVID => "dsn_envelope_id",
        kind::DSN_NOTIFY => "dsn_notify_flags",
        kind::MESSAGE => "message_content",
        kind::EXTRACTED => "extracted_info",
        kind::END => "message_end",
        _ => "unknown_record_type",
    }
}

/// What `local_login_sender_maps` depends on.
#[derive(Debug)]
pub(super) struct SenderRules {
    /// What stands for the null sender in a list.
    pub(super) null_sender: String,
    /// `recipient_delimiter`
    pub(super) delimiters: String,
}

/// Whether a list of allowed senders (addresses, `@domain`, `*`) has this one in it, with or
/// without its address extension.
pub(super) fn sender_matches(allowed: &str, sender: &str, rules: &SenderRules) -> bool {
    let wanted = if sender.is_empty() { rules.null_sender.as_str() } else { sender };
    let domain = sender.rfind('@').and_then(|at| sender.get(at..));
    let (local, _) = sender.split_once('@').unwrap_or((sender, ""));
    let bare = match crate::mail::address::split_extension(local, &rules.delimiters) {
        (base, Some(_)) => Some(format!("{base}{}", domain.unwrap_or_default())),
        _ => None,
    };
    allowed.split([',', ' ', '\t', '\r', '\n']).filter(|one| !one.is_empty()).any(|one| {
        one == "*"
            || one.eq_ignore_ascii_case(wanted)
            || bare.as_deref().is_some_and(|bare| one.eq_ignore_ascii_case(bare))
            || domain.is_some_and(|domain| one.starts_with('@') && one.eq_ignore_ascii_case(domain))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[(u8, &str)]) -> Result<Check, String> {
        let mut check = Check::default();
        for (kind, data) in records {
            check.record(*kind, data.as_bytes())?;
        }
        Ok(check)
    }

    #[test]
    fn a_message() {
        let good = [
            (b'A', "encoding=8bit"),
            (b'S', "a@b"),
            (b'R', "c"),
            (b'M', ""),
            (b'N', "\0\r"),
            (b'X', ""),
            (b'E', ""),
        ];
        assert!(check(&good).unwrap().is_complete());
        assert!(!check(&good[2..]).unwrap().is_complete());
    }

    #[test]
    fn what_is_refused() {
        for (records, why) in [
            (vec![(b'S', "a\nR")], "null or line break in 'sender' record type: a\nR"),
            (vec![(b'S', "a"), (0, "")], "unexpected record type: 0"),
            (vec![(b'p', "0")], "unexpected record type: 112"),
            (vec![(b'M', ""), (b'S', "a")], "unexpected record type: 83"),
            (vec![(b'M', ""), (b'X', ""), (b'E', ""), (b'E', "")], "unexpected record type: 69"),
        ] {
            assert_eq!(check(&records).unwrap_err(), why);
        }
    }

    #[test]
    fn attributes() {
        assert_eq!(attribute("trace_flags=512"), Verdict::Keep);
        assert_eq!(
            attribute("trace_flags=256"),
            Verdict::Warn("ignoring unexpected trace flags: 256".into())
        );
        assert_eq!(
            attribute("log_client_name=x"),
            Verdict::Warn("ignoring attribute record: log_client_name=x".into())
        );
    }

    #[test]
    fn senders() {
        let rules = SenderRules { null_sender: "<>".into(), delimiters: "+".into() };
        for (allowed, sender, matches) in [
            ("*", "x@y", true),
            ("a@b, @c", "X@C", true),
            ("a@b", "a+ext@b", true),
            ("a@b", "b@b", false),
            ("<>", "", true),
            ("a@b", "", false),
        ] {
            assert_eq!(sender_matches(allowed, sender, &rules), matches, "{allowed} {sender}");
        }
    }

    #[test]
    fn audit_2026_07_08_records_of_type_nul() {
        for before in [vec![], vec![(b'S', "a")], vec![(b'S', "a"), (b'R', "b"), (b'M', "")]] {
            let records = [before, vec![(0, "x")]].concat();
            assert_eq!(check(&records).unwrap_err(), "unexpected record type: 0");
        }
    }

    #[test]
    fn audit_2026_08_07_line_ends_in_envelope_records() {
        for kind in [b'S', b'R', b'A', b'F', b'V', b'i'] {
            for data in ["a\nb", "a\rb", "a\0b", "\n"] {
                let why = check(&[(kind, data)]).unwrap_err();
                assert!(why.starts_with("null or line break in "), "{kind} {data:?}: {why}");
            }
        }
    }

    #[test]
    fn audit_2026_08_06_nobody_submits_a_probe() {
        // Only the flags of sendmail -bv and -v; what only the mail system says of itself is left out.
        for text in [
            "trace_flags=256",
            "trace_flags=2",
            "trace_flags=1536",
            "trace_flags=-1",
            "trace_flags=0x200",
        ] {
            assert!(matches!(attribute(text), Verdict::Warn(_)), "{text}");
        }
        assert_eq!(attribute("trace_flags=512"), Verdict::Keep);
    }
}
