//! The `Received:` header that we put before a message.

use std::cell::RefCell;

use crate::mail::address;
use crate::mail::queue_id::QueueId;
use crate::smtpd::dialogue::Dialogue;
use crate::smtpd::settings::Settings;
use crate::sys::date::mail_date;
use crate::tls::Facts;

/// The header without its last line end; lines are joined by LF and a tab.
pub(super) fn header(talk: &Dialogue, settings: &Settings) -> String {
    let peer = &talk.peer;
    let mut header = String::with_capacity(256);
    header.push_str("Received: ");
    if !settings.hide_client_session {
        let helo = talk.helo.as_deref().unwrap_or(&peer.name);
        header.push_str("from ");
        header.push_str(helo);
        header.push_str(" (");
        header.push_str(&peer.name);
        header.push_str(" [");
        header.push_str(&peer.rfc_address);
        header.push_str("])\n\t");
        if let Some(tls) = talk.tls.as_deref().filter(|_| settings.tls_received_header) {
            push_tls(tls, settings.tls_asks_certificate, &mut header);
        }
        if settings.authenticated_header && talk.login.is_some() {
            header.push_str("(Authenticated sender: ");
            header.push_str(&comment(talk.username()));
            header.push_str(")\n\t");
        }
    }
    header.push_str("by ");
    header.push_str(&settings.myhostname);
    header.push_str(" (");
    header.push_str(&settings.mail_name);
    header.push(')');
    if !settings.hide_client_session {
        header.push_str(" with ");
        header.push_str(if talk.smtputf8 { "UTF8SMTP" } else { talk.protocol });
        if talk.protocol == "ESMTP" && talk.tls.is_some() {
            header.push('S');
        }
        // RFC 3848 has a name for this with ESMTP only.
        if talk.protocol == "ESMTP" && talk.login.is_some() {
            header.push('A');
        }
    }
    // On its way to a filter a message has no queue ID yet.
    if !talk.queue_id.is_none() {
        header.push_str(" id ");
        header.push_str(talk.queue_id.as_str());
    }
    match &talk.recipient {
        Some(recipient) if talk.recipients == 1 => {
            header.push_str("\n\tfor <");
            header.push_str(&address::quote_822(recipient));
            header.push_str(">; ");
        }
        _ => header.push_str(";\n\t"),
    }
    push_date(talk.arrival.seconds(), &mut header);
    header
}

/// How the connection was encrypted, and for whom (`smtpd_tls_received_header`).
fn push_tls(tls: &Facts, asked: bool, header: &mut String) {
    header.push_str("(using ");
    header.push_str(&tls.cipher_text());
    for part in [tls.key_exchange_text(), tls.client_signature_text()].into_iter().flatten() {
        header.push_str("\n\t ");
        header.push_str(&part);
    }
    header.push_str(")\n\t(");
    match &tls.peer {
        Some(peer) => {
            let verdict = if peer.trusted { "verified OK" } else { "not verified" };
            header.push_str(&format!(
                "Client CN \"{}\", Issuer \"{}\" ({verdict})",
                comment(&peer.subject),
                comment(&peer.issuer)
            ));
        }
        None if asked => header.push_str("Client did not present a certificate"),
        None => header.push_str("No client certificate requested"),
    }
    header.push_str(")\n\t");
}

/// The header of a notice that we make ourselves.
pub(super) fn of_notice(myhostname: &str, mail_name: &str, queue_id: QueueId) -> String {
    let mut header = format!("Received: by {myhostname} ({mail_name})\n\tid {queue_id}; ");
    push_date(crate::sys::now() / 1_000_000, &mut header);
    header
}

/// Text within a comment of a header: ASCII, parentheses in pairs.
fn comment(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut open = 0_usize;
    for c in text.chars() {
        match c {
            '(' => open += 1,
            ')' if open > 0 => open -= 1,
            ')' | '\\' => {
                clean.push('?');
                continue;
            }
            _ if !(' '..='~').contains(&c) => {
                clean.extend(std::iter::repeat_n('?', c.len_utf8()));
                continue;
            }
            _ => {}
        }
        clean.push(c);
    }
    clean.extend(std::iter::repeat_n(')', open));
    clean
}

thread_local! {
    /// Many messages arrive within one second: their date is written once.
    static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// `Sun, 22 Nov 2026 10:09:49 +0000 (UTC)`
fn push_date(seconds: u64, out: &mut String) {
    LAST.with_borrow_mut(|(when, text)| {
        if *when != seconds || text.is_empty() {
            *when = seconds;
            *text = mail_date(seconds);
        }
        out.push_str(text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments() {
        assert_eq!(comment("joe@example.com"), "joe@example.com");
        assert_eq!(comment("a(b\\)c)(ü"), "a(b?)c?(??)");
    }

    #[test]
    fn dates() {
        let mut text = String::new();
        push_date(1_700_000_000, &mut text);
        assert!(text.contains("Nov 2023") && text.ends_with(')'), "{text}");
        assert_eq!(text.get(3..5), Some(", "));
    }
}
