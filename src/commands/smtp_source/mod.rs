//! smtp-source(1): gives a server messages by SMTP or LMTP, to see how it bears them.

mod options;
mod session;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use self::options::{Options, USAGE};
use self::session::Source;
use super::endpoint::Endpoint;
use super::load::{self, Load};
use super::speaker::Speaker;
use crate::config::why;
use crate::sys::date::mail_date;

const NAME: &str = "smtp-source";

/// Runs the command: exit code 0 after all messages went through, otherwise 1.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new(NAME);
    match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => speaker.fatal(text),
    }
}

fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<(), String> {
    let usage = || format!("usage: {} {USAGE}", speaker.program());
    let options = Options::parse(arguments, speaker)?.ok_or_else(usage)?;
    let content = content(&options)?;
    let endpoint = Endpoint::to_connect(&options.server, "smtp", options.families)?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => load::machine()?,
    };
    let address = |given: &Option<String>| given.clone().unwrap_or_else(|| format!("foo@{name}"));
    let (sender, recipient) = (address(&options.sender), address(&options.recipient));
    let at = recipient.rfind('@').unwrap_or(recipient.len());
    let (local, domain) = recipient.split_at(at);
    let sessions = options.common.sessions;
    let source = Arc::new(Source {
        load: Load::new(endpoint, &options.common, speaker.clone()),
        recipient: (local.to_owned(), domain.to_owned()),
        date: mail_date(crate::sys::now() / 1_000_000),
        number: Default::default(),
        speaker: speaker.clone(),
        name,
        sender,
        content,
        options,
    });
    let load = &source.load;
    load.run(sessions, |number| session::run(source.clone(), number))
}

/// What stands between the header and the last dot, as it is sent.
fn content(options: &Options) -> Result<Vec<u8>, String> {
    let mut content = match (&options.file, options.length) {
        (Some(path), _) => {
            let text = std::fs::read(path).map_err(|e| format!("open {path}: {}", why(&e)))?;
            encode(&text)
        }
        (None, length) => filling(length),
    };
    if content.is_empty() {
        for line in 1..=4 {
            content.extend_from_slice(format!("La de da de da {line}.\r\n").as_bytes());
        }
    } else {
        content.extend_from_slice(b"\r\n");
    }
    Ok(content)
}

/// Lines with CRLF behind them, and another dot before one that begins with a dot.
fn encode(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(text.len() + text.len() / 32);
    if text.is_empty() {
        return coded;
    }
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            coded.push(b'.');
        }
        coded.extend_from_slice(line);
        coded.extend_from_slice(b"\r\n");
    }
    coded
}

/// `length` bytes in lines of 80, line ends included, each with a digit in front.
fn filling(length: usize) -> Vec<u8> {
    let mut bytes = vec![b'X'; length];
    let lines = bytes.len().saturating_sub(1) / LINE;
    for (line, digit) in bytes.chunks_exact_mut(LINE).take(lines).zip((b'0'..=b'9').cycle().skip(1))
    {
        if let [first, .., cr, lf] = line {
            (*first, *cr, *lf) = (digit, b'\r', b'\n');
        }
    }
    bytes
}

/// Bytes in a line of filling.
const LINE: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents() {
        assert_eq!(encode(b"a\n.b\n\nc"), b"a\r\n..b\r\n\r\nc\r\n");
        assert_eq!((encode(b""), encode(b"\n")), (Vec::new(), b"\r\n".to_vec()));
        assert_eq!(filling(3), b"XXX");
        let filled = filling(170);
        assert_eq!(filled.len(), 170);
        assert!(filled[..80].starts_with(b"1X") && filled[..80].ends_with(b"X\r\n"));
        assert!(filled[80..160].starts_with(b"2X") && filled[160..] == *b"XXXXXXXXXX");
        assert!(!filling(80).contains(&b'\n'));
    }
}
