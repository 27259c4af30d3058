//! NIS (yp, version 2) in messages of ONC RPC (RFC 5531, RFC 4506): the three questions that a
//! look-up needs, and what comes back.
//!
//! Everything is made of four-byte words, high byte first; strings have their length before them
//! and are filled up to whole words.

use std::net::Ipv4Addr;

/// Longest domain name (`YPMAXDOMAIN`).
pub const DOMAIN_MAX: usize = 64;
/// Longest map name (`YPMAXMAP`).
pub const MAP_MAX: usize = 64;
/// Longest key or value (`YPMAXRECORD`).
pub const RECORD_MAX: usize = 1024;

const PORTMAPPER: u32 = 100_000;
const YPSERV: u32 = 100_004;
const YPBIND: u32 = 100_007;
const VERSION: u32 = 2;
const UDP: u32 = 17;

/// A program that listens somewhere, as the portmapper knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// ypbind(8), which knows the server.
    Ypbind,
    /// ypserv(8).
    Ypserv,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YpError {
    /// It is no answer to that question; others may come.
    #[error("not an answer to this question")]
    Other,
    /// The program does not do what it was asked for, or the answer makes no sense.
    #[error("RPC failure - domain has been unbound")]
    Rpc,
    /// No server for the domain.
    #[error("can't bind to server on this domain")]
    Domain,
    /// The server does not have that map.
    #[error("no such map in server's domain")]
    Map,
    /// The server failed.
    #[error("internal yp server or client error")]
    Server,
    /// Its database is broken.
    #[error("yp database is bad")]
    Database,
    /// It does not understand us.
    #[error("args to function are bad")]
    Arguments,
    /// It speaks another version.
    #[error("yp version mismatch")]
    Version,
}

/// Asks the portmapper for the UDP port of a program.
pub fn ask_port(id: u32, program: Program) -> Vec<u8> {
    let program = match program {
        Program::Ypbind => YPBIND,
        Program::Ypserv => YPSERV,
    };
    let mut message = call(id, PORTMAPPER, 3);
    for word in [program, VERSION, UDP, 0] {
        put(&mut message, word);
    }
    message
}

/// The port in an answer; none if there is no such program.
pub fn port(message: &[u8], id: u32) -> Result<Option<u16>, YpError> {
    let mut answer = Answer::of(message, id)?;
    let port = u16::try_from(answer.word()?).map_err(|_| YpError::Rpc)?;
    Ok(Some(port).filter(|port| *port != 0))
}

/// Asks ypbind for the server of a domain.
pub fn ask_server(id: u32, domain: &[u8]) -> Vec<u8> {
    let mut message = call(id, YPBIND, 1);
    put_text(&mut message, domain);
    message
}

/// The server in an answer.
pub fn server(message: &[u8], id: u32) -> Result<(Ipv4Addr, u16), YpError> {
    let mut answer = Answer::of(message, id)?;
    if answer.word()? != 1 {
        return Err(YpError::Domain);
    }
    let address = Ipv4Addr::from_bits(answer.word()?);
    // Two bytes, filled up behind.
    let port = u16::try_from(answer.word()? >> 16).map_err(|_| YpError::Rpc)?;
    match port {
        0 => Err(YpError::Domain),
        port => Ok((address, port)),
    }
}

/// Asks ypserv for the value of a key.
pub fn ask_value(id: u32, domain: &[u8], map: &[u8], key: &[u8]) -> Vec<u8> {
    let mut message = call(id, YPSERV, 3);
    for text in [domain, map, key] {
        put_text(&mut message, text);
    }
    message
}

/// The value in an answer; none if the map has no such key.
pub fn value(message: &[u8], id: u32) -> Result<Option<Vec<u8>>, YpError> {
    let mut answer = Answer::of(message, id)?;
    match answer.word()?.cast_signed() {
        1 => answer.text(RECORD_MAX).map(|value| Some(value.to_vec())),
        -3 => Ok(None),
        -1 => Err(YpError::Map),
        -2 => Err(YpError::Domain),
        -5 => Err(YpError::Database),
        -4 | -7 => Err(YpError::Arguments),
        -8 => Err(YpError::Version),
        _ => Err(YpError::Server),
    }
}

/// The head of a question: a call of a procedure, by nobody in particular.
fn call(id: u32, program: u32, procedure: u32) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    for word in [id, 0, 2, program, VERSION, procedure, 0, 0, 0, 0] {
        put(&mut message, word);
    }
    message
}

fn put(message: &mut Vec<u8>, word: u32) {
    message.extend_from_slice(&word.to_be_bytes());
}

fn put_text(message: &mut Vec<u8>, text: &[u8]) {
    put(message, u32::try_from(text.len()).unwrap_or(u32::MAX));
    message.extend_from_slice(text);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// What is left of an answer.
struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    /// The results in the answer to the question of that number.
    fn of(message: &'a [u8], id: u32) -> Result<Self, YpError> {
        let mut answer = Self(message);
        if answer.word() != Ok(id) || answer.word() != Ok(1) {
            return Err(YpError::Other);
        }
        let is_accepted = answer.word()? == 0;
        // Who the server says that it is.
        answer.word()?;
        answer.text(400)?;
        match is_accepted && answer.word()? == 0 {
            true => Ok(answer),
            false => Err(YpError::Rpc),
        }
    }

    fn word(&mut self) -> Result<u32, YpError> {
        let (word, rest) = self.0.split_first_chunk().ok_or(YpError::Rpc)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }

    fn text(&mut self, longest: usize) -> Result<&'a [u8], YpError> {
        let length = usize::try_from(self.word()?).map_err(|_| YpError::Rpc)?;
        if length > longest {
            return Err(YpError::Rpc);
        }
        let text = self.0.get(..length).ok_or(YpError::Rpc)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(words: &[u32]) -> Vec<u8> {
        let mut message = Vec::new();
        for word in [7, 1, 0, 0, 0, 0].iter().chain(words) {
            put(&mut message, *word);
        }
        message
    }

    #[test]
    fn questions() {
        let message = ask_value(7, b"dom", b"mail.aliases", b"root\0");
        assert_eq!(message.len(), 40 + 8 + 16 + 12);
        assert_eq!(&message[40..48], b"\0\0\0\x03dom\0");
        assert_eq!(&message[64..], b"\0\0\0\x05root\0\0\0\0");
        assert_eq!(ask_port(7, Program::Ypbind).len(), 56);
    }

    #[test]
    fn answers() {
        assert_eq!(port(&answer(&[834]), 7), Ok(Some(834)));
        assert_eq!(port(&answer(&[0]), 7), Ok(None));
        assert_eq!(port(&answer(&[834]), 8), Err(YpError::Other));
        assert_eq!(port(&answer(&[70_000]), 7), Err(YpError::Rpc));
        let bound = answer(&[1, 0x7f00_0001, 834 << 16]);
        assert_eq!(server(&bound, 7), Ok((Ipv4Addr::LOCALHOST, 834)));
        assert_eq!(server(&answer(&[2, 2]), 7), Err(YpError::Domain));
        assert_eq!(
            value(&answer(&[1, 3, u32::from_be_bytes(*b"abc\0")]), 7),
            Ok(Some(b"abc".into()))
        );
        for (status, wanted) in [(-1, YpError::Map), (-2, YpError::Domain), (-6, YpError::Server)] {
            assert_eq!(value(&answer(&[i32::cast_unsigned(status)]), 7), Err(wanted));
        }
        assert_eq!(value(&answer(&[i32::cast_unsigned(-3)]), 7), Ok(None));
        assert_eq!(value(&answer(&[1, 2000]), 7), Err(YpError::Rpc));
        assert_eq!(value(&answer(&[1, 8, 0]), 7), Err(YpError::Rpc));
    }

    proptest! {
        #[test]
        fn any_bytes(mut message: Vec<u8>, is_answer: bool) {
            if is_answer {
                message.splice(..0, answer(&[]));
            }
            let _ = port(&message, 7);
            let _ = server(&message, 7);
            let found = value(&message, 7);
            prop_assert!(found.is_err() || found.is_ok_and(|value| value.unwrap_or_default().len() <= RECORD_MAX));
        }
    }
}
