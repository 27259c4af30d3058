//! Bytes on the wire and in files, to types and back: SMTP commands and replies, lines, message
//! headers, milters, Postfix's attribute protocol and queue records. No I/O; one fuzz target a file.

pub mod attr;
pub mod dovecot_auth;
pub mod line;
pub mod maildirsize;
pub mod milter;
pub mod netstring;
pub mod queue_file;
pub mod proxy_protocol;
pub mod queue_record;
pub mod sasl_response;
pub mod saslauthd;
pub mod smtp_address;
pub mod smtp_command;
pub mod smtp_data;
pub mod smtp_reply;
pub mod smtpd_conf;
pub mod tlsa;
pub mod tlsrpt;
pub mod xtext;
#[cfg(feature = "nis")]
pub mod yp;

#[cfg(test)]
pub mod smuggling;
