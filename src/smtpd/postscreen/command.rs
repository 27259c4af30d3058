//! The commands of the built-in engine, and the little of their arguments that it reads.

/// A command that has a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Helo,
    Ehlo,
    Starttls,
    /// XCLIENT, XFORWARD, AUTH: known, and refused.
    Refused(&'static str),
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Etrn,
    Quit,
}

/// What stands for a command that is none.
pub const UNIMPLEMENTED: &str = "UNIMPLEMENTED";

const COMMANDS: &[(&str, Command)] = &[
    ("HELO", Command::Helo),
    ("EHLO", Command::Ehlo),
    ("STARTTLS", Command::Starttls),
    ("XCLIENT", Command::Refused("XCLIENT")),
    ("XFORWARD", Command::Refused("XFORWARD")),
    ("AUTH", Command::Refused("AUTH")),
    ("MAIL", Command::Mail),
    ("RCPT", Command::Rcpt),
    ("DATA", Command::Data),
    ("BDAT", Command::Bdat),
    ("RSET", Command::Rset),
    ("NOOP", Command::Noop),
    ("VRFY", Command::Vrfy),
    ("ETRN", Command::Etrn),
    ("QUIT", Command::Quit),
];

impl Command {
    /// The command of this name, in any case of letters.
    pub fn parse(verb: &[u8]) -> Option<Self> {
        let found = COMMANDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(verb));
        found.map(|(_, command)| *command)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        COMMANDS.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| name)
    }

    /// Whether it may be given before STARTTLS where TLS is required.
    pub const fn may_be_plain(self) -> bool {
        matches!(self, Self::Helo | Self::Ehlo | Self::Starttls | Self::Noop | Self::Quit)
    }
}

/// The first word, and the rest from the space behind it on. Only spaces separate words.
pub fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let spaces = line.iter().take_while(|byte| **byte == b' ').count();
    let line = line.get(spaces..).unwrap_or_default();
    line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()))
}

/// The address in the arguments of MAIL or RCPT, without quotes and route; none without a colon.
/// What the engine takes for an address is more than what smtpd takes: it is only logged.
pub fn address(arguments: &[u8]) -> Option<String> {
    let colon = memchr::memchr(b':', arguments)?;
    let text = arguments.get(colon + 1..)?;
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    let text = text.get(spaces..)?;
    let (text, end) = match text.strip_prefix(b"<") {
        Some(inside) => (inside, b'>'),
        None => (text, b' '),
    };
    let mut address = Vec::with_capacity(text.len());
    let mut in_quotes = false;
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            _ if byte == end && !in_quotes => break,
            b'"' => in_quotes = !in_quotes,
            b'\\' => match bytes.next() {
                Some(&escaped) => address.push(escaped),
                None => break,
            },
            _ => address.push(byte),
        }
    }
    let address = printable(&address);
    match address.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => Some(address.to_owned()),
        None => Some(address),
    }
}

/// Text for the log: `?` for each control character and each byte that is no UTF-8.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.extend(chunk.valid().chars().map(|c| if c.is_control() { '?' } else { c }));
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

/// At most the first hundred characters.
pub fn cut(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words() {
        assert_eq!(first_word(b"  RCPT  TO:<a>"), (&b"RCPT"[..], &b"  TO:<a>"[..]));
        assert_eq!(first_word(b"QUIT"), (&b"QUIT"[..], &b""[..]));
        assert_eq!(first_word(b"   "), (&b""[..], &b""[..]));
        assert_eq!(Command::parse(b"sTaRtTlS"), Some(Command::Starttls));
        assert_eq!(Command::parse(b"GET"), None);
        assert_eq!(Command::parse(b"auth").unwrap().name(), "AUTH");
    }

    #[test]
    fn addresses() {
        let of = |text: &str| address(text.as_bytes());
        assert_eq!(of(" FROM:<a@b.example> SIZE=3").unwrap(), "a@b.example");
        assert_eq!(of(" FROM: a@b.example BODY=8BITMIME").unwrap(), "a@b.example");
        assert_eq!(of(" FROM:<>").unwrap(), "");
        assert_eq!(of(" TO:<\"a b>\"@c.example>").unwrap(), "a b>@c.example");
        assert_eq!(of(" TO:<a\\>b@c.example>").unwrap(), "a>b@c.example");
        assert_eq!(of(" TO:<@x.example,@y.example:a@c.example>").unwrap(), "a@c.example");
        assert_eq!(of(" TO <a>"), None);
        assert_eq!(of(":\\").unwrap(), "");
        assert_eq!(address(b":<a\x00\xff>").unwrap(), "a??");
    }

    proptest! {
        #[test]
        fn never_panics(line: Vec<u8>) {
            let (verb, rest) = first_word(&line);
            let _ = (Command::parse(verb), address(rest), cut(&printable(&line)));
        }
    }
}
