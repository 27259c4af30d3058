//! A report as mail: RFC 8460 section 5.3.

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::report::Period;

/// Characters in a line of base64 (RFC 2045 section 6.8).
const LINE: usize = 76;

/// What is known of one letter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    /// Who sends it: an address.
    pub from: &'a str,
    /// Whom to.
    pub to: &'a str,
    /// Who reports: our host name.
    pub submitter: &'a str,
    /// The domain that it is about.
    pub domain: &'a str,
    /// The time that it is about.
    pub period: Period,
    /// The report's own name.
    pub id: &'a str,
}

/// Headers and body, with LF line ends. An error means that memory could not be written to.
pub(super) fn compose(envelope: Envelope<'_>, packed: &[u8]) -> String {
    let Envelope { from, to, submitter, domain, period, id } = envelope;
    let Period { start, end } = period;
    let boundary = format!("tlsrpt-{id}");
    let mut out = String::with_capacity(2048 + 2 * packed.len());
    // What the report is about must not keep it from arriving (RFC 8460 section 3): with this
    // header it goes out even where TLS does not work (RFC 8689 section 3).
    let _ = write!(
        out,
        "From: {from}\nTo: {to}\n\
         Subject: Report Domain: {domain} Submitter: {submitter} Report-ID: <{id}@{submitter}>\n\
         TLS-Report-Domain: {domain}\nTLS-Report-Submitter: {submitter}\n\
         TLS-Required: no\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\";\n\tboundary=\"{boundary}\"\n\n\
         This is a MIME-encapsulated message.\n\n--{boundary}\n\
         Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n\
         This is a report about connections of {submitter} with mail servers\n\
         of {domain}, and how well they were encrypted (RFC 8460).\n\n--{boundary}\n\
         Content-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment;\n\
         \tfilename=\"{submitter}!{domain}!{start}!{end}!{id}.json.gz\"\n\n"
    );
    let encoded = STANDARD.encode(packed);
    let mut rest = encoded.as_str();
    while let Some((line, after)) = rest.split_at_checked(LINE.min(rest.len()))
        && !line.is_empty()
    {
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    let _ = write!(out, "\n--{boundary}--\n");
    out
}

/// A report as it travels (RFC 8460 section 5.2).
pub(super) fn compressed(json: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn parts() {
        let json = br#"{"organization-name":"Company-X"}"#.repeat(40);
        let envelope = Envelope {
            from: "postmaster@x.test",
            to: "tls@y.test",
            submitter: "mail.x.test",
            domain: "y.test",
            period: Period { start: 1_013_662_812, end: 1_013_749_130 },
            id: "17.abc",
        };
        let letter = compose(envelope, &compressed(&json).unwrap());
        let (head, body) = letter.split_once("\n\n").unwrap();
        for line in [
            "TLS-Report-Domain: y.test",
            "TLS-Report-Submitter: mail.x.test",
            "TLS-Required: no",
            "Subject: Report Domain: y.test Submitter: mail.x.test Report-ID: <17.abc@mail.x.test>",
        ] {
            assert!(head.lines().any(|have| have == line), "{line}\n{head}");
        }
        assert!(
            body.contains("filename=\"mail.x.test!y.test!1013662812!1013749130!17.abc.json.gz\"")
        );
        let attached = body.split("\n--tlsrpt-17.abc\n").nth(2).unwrap();
        let (_, text) = attached.split_once("\n\n").unwrap();
        let (text, _) = text.split_once("\n\n--").unwrap();
        assert!(text.lines().all(|line| line.len() <= LINE));
        let packed = STANDARD.decode(text.replace('\n', "")).unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, json);
    }
}
