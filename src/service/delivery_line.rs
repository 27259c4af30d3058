//! The log line about one recipient of one delivery attempt: the line that every Postfix log
//! analyser reads.
//!
//! `QID: to=<a>, orig_to=<b>, relay=host[addr]:port, conn_use=2, delay=1.2, delays=1/0/0.1/0.1,
//! dsn=2.0.0, status=sent (250 ok)`

use std::fmt::Write as _;

use super::agent::Delays;
use crate::ipc::delivery::{Request, To};
use crate::mail::address::quote;
use crate::mail::envelope::Timestamp;
use crate::mail::status::Status;

/// Microseconds in a second.
const MILLION: u64 = 1_000_000;

/// What the line says.
#[derive(Debug)]
pub struct Line<'a> {
    /// The request.
    pub request: &'a Request,
    /// The recipient.
    pub to: &'a To,
    /// `host[address]:port`, `none`, or the name of the agent.
    pub relay: &'a str,
    /// Time stamps.
    pub delays: Delays,
    /// `tls=`; empty where the line does not say.
    pub tls: &'a str,
    /// `dsn=`
    pub status: Status,
    /// `status=`
    pub word: &'a str,
    /// What stands in parentheses.
    pub text: &'a str,
}

impl Line<'_> {
    /// The line, with times to at most `decimals` places, and addresses quoted as in message
    /// headers if `quoted`.
    pub fn text(&self, decimals: u32, quoted: bool) -> String {
        let Self { request, to, relay, delays, tls, status, word, text } = self;
        let shown = |address| match address {
            address if quoted => quote(address),
            address => std::borrow::Cow::Borrowed(address),
        };
        let mut line = String::with_capacity(200 + text.len());
        let _ = write!(line, "{}: to=<{}>", request.queue_id, shown(&to.address));
        if !to.original.is_empty() && !same_address(&to.address, &to.original) {
            let _ = write!(line, ", orig_to=<{}>", shown(&to.original));
        }
        let _ = write!(line, ", relay={relay}");
        if delays.reused > 0 {
            let _ = write!(line, ", conn_use={}", delays.reused + 1);
        }
        line.push_str(", delay=");
        append_time(&mut line, between(request.arrival, delays.finished), decimals);
        line.push_str(", delays=");
        append_time(&mut line, between(request.arrival, request.activated), decimals);
        line.push('/');
        append_time(&mut line, between(request.activated, delays.started), decimals);
        line.push('/');
        let begun = delays.connected.unwrap_or(delays.started);
        append_time(&mut line, between(delays.started, begun), decimals);
        line.push('/');
        append_time(&mut line, between(begun, delays.finished), decimals);
        if !tls.is_empty() {
            let _ = write!(line, ", tls={tls}");
        }
        let _ = write!(line, ", dsn={status}, status={word} ({text})");
        line
    }
}

/// Whether both are the same but for the case of letters.
fn same_address(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

/// Microseconds from one to the other; zero if the clock went back.
fn between(from: Timestamp, to: Timestamp) -> u64 {
    to.0.saturating_sub(from.0)
}

/// A time span of that many microseconds in seconds, as log lines show it.
pub fn seconds(micros: u64, decimals: u32) -> String {
    let mut text = String::new();
    append_time(&mut text, micros, decimals);
    text
}

/// Appends a time span of that many microseconds in seconds, as Postfix shows it: two significant
/// digits, never more than `decimals` (0 to 6) places, no trailing zeros.
fn append_time(out: &mut String, micros: u64, decimals: u32) {
    let (mut seconds, mut micros) = (micros / MILLION, micros % MILLION);
    let mut unit = MILLION / 10_u64.pow(decimals.min(6));
    if unit < MILLION {
        if seconds > 0 {
            unit = if seconds < 10 { MILLION / 10 } else { MILLION };
        } else {
            while micros >= 100 * unit {
                unit *= 10;
            }
        }
    }
    if unit > 1 {
        micros += unit / 2;
        if micros >= MILLION {
            seconds += 1;
            micros -= MILLION;
        }
    }
    let _ = write!(out, "{seconds}");
    if micros >= unit {
        out.push('.');
        let mut place = MILLION / 10;
        while micros >= unit && place > 0 {
            let digit = u8::try_from(micros / place).unwrap_or(9);
            out.push(char::from(b'0' + digit));
            micros %= place;
            place /= 10;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A request without recipients.
    pub(crate) fn a_request() -> Request {
        Request {
            number: 1,
            queue_id: "ABCDE1".parse().unwrap_or(crate::mail::queue_id::QueueId::NONE),
            location: Default::default(),
            nexthop: "example.com".into(),
            sender: "sender@example.org".into(),
            envid: None,
            ret: None,
            body: None,
            smtputf8: false,
            utf8_header: false,
            tls_wish: Default::default(),
            arrival: Timestamp(1_000_000_000),
            activated: Timestamp(1_000_020_000),
            size: 300,
            client: Default::default(),
            sasl: Default::default(),
            rewrite_context: Default::default(),
            trace: Default::default(),
            last_attempt: false,
            connection_reuse: false,
            recipients: Vec::new(),
        }
    }

    /// A recipient with index 0.
    pub(crate) fn a_recipient(address: &str) -> To {
        To {
            index: 0,
            address: address.into(),
            original: String::new(),
            dsn_orcpt: String::new(),
            notify: Default::default(),
        }
    }

    fn time(seconds: f64, decimals: u32) -> String {
        let mut out = String::new();
        append_time(&mut out, (seconds * 1e6).round() as u64, decimals);
        out
    }

    #[test]
    fn times_have_two_significant_digits() {
        for (seconds, shown) in [
            (0.0, "0"),
            (0.004, "0"),
            (0.005, "0.01"),
            (0.05, "0.05"),
            (0.123, "0.12"),
            (0.996, "1"),
            (1.04, "1"),
            (1.05, "1.1"),
            (9.94, "9.9"),
            (9.96, "10"),
            (12.4, "12"),
            (12.6, "13"),
            (1234.5, "1235"),
        ] {
            assert_eq!(time(seconds, 2), shown, "{seconds}");
        }
        assert_eq!(time(0.0012, 6), "0.0012");
        assert_eq!(time(0.00124567, 6), "0.0012");
        assert_eq!(time(0.6, 0), "1");
    }

    #[test]
    fn line_of_a_delivery() {
        let request = a_request();
        let mut to = a_recipient("user@example.com");
        to.original = "alias@example.com".into();
        let delays = Delays {
            started: Timestamp(1_000_020_000),
            connected: Some(Timestamp(1_000_120_000)),
            finished: Timestamp(1_000_220_000),
            reused: 1,
        };
        let line = Line {
            request: &request,
            to: &to,
            relay: "mx.example.com[192.0.2.1]:25",
            delays,
            tls: "may:none",
            status: Status::new(2, 0, 0),
            word: "sent",
            text: "250 ok",
        };
        assert_eq!(
            line.text(2, true),
            "ABCDE1: to=<user@example.com>, orig_to=<alias@example.com>, \
             relay=mx.example.com[192.0.2.1]:25, conn_use=2, delay=0.22, delays=0.02/0/0.1/0.1, \
             tls=may:none, dsn=2.0.0, status=sent (250 ok)"
        );
    }
}
