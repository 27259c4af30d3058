//! What a reply to EHLO or LHLO announces, less what `smtp_discard_ehlo_keywords` hides.

use super::connection::{Features, Xforward};
use crate::wire::smtp_reply::Reply;

/// The keywords that can be hidden, in the order of Postfix's log line.
const KEYWORDS: &[&str] = &[
    "8BITMIME",
    "AUTH",
    "ETRN",
    "PIPELINING",
    "SIZE",
    "VERP",
    "VRFY",
    "XCLIENT",
    "XFORWARD",
    "STARTTLS",
    "ENHANCEDSTATUSCODES",
    "DSN",
    "SMTPUTF8",
    "CHUNKING",
    "REQUIRETLS",
];

/// Keywords that are not to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discard {
    hidden: Vec<&'static str>,
    silent: bool,
}

impl Discard {
    /// Parses the list; unknown words are ignored, `silent-discard` keeps the log quiet.
    pub fn parse(text: &str) -> Self {
        let mut discard = Self::default();
        for word in super::destination::sites(text) {
            if word.eq_ignore_ascii_case("silent-discard") {
                discard.silent = true;
            }
            discard.hidden.extend(
                KEYWORDS.iter().filter(|keyword| keyword.eq_ignore_ascii_case(word)).copied(),
            );
        }
        discard
    }

    /// The names for the log, if it is to be told.
    pub fn to_log(&self) -> Option<String> {
        if self.hidden.is_empty() || self.silent {
            return None;
        }
        let hidden = |keyword: &&&str| self.hidden.contains(keyword);
        Some(KEYWORDS.iter().filter(hidden).copied().collect::<Vec<_>>().join(" "))
    }

    fn hides(&self, word: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(word))
    }
}

/// What a server announces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The extensions.
    pub features: Features,
    /// The name that the server gives itself.
    pub helo: String,
    /// A SIZE that is no number.
    pub bad_size: Option<String>,
    /// Lists of mechanisms, one for each AUTH.
    pub mechanisms: Vec<String>,
}

/// Reads what is announced.
pub fn read(reply: &Reply, discard: &Discard) -> Announced {
    let mut announced = Announced::default();
    let Announced { features, helo, bad_size, mechanisms } = &mut announced;
    for (index, words) in reply.announced().enumerate() {
        let Some((keyword, parameters)) = words.split_first() else { continue };
        if index == 0 {
            *helo = (*keyword).to_owned();
            continue;
        }
        if discard.hides(keyword) {
            continue;
        }
        match keyword.to_ascii_uppercase().as_str() {
            "8BITMIME" => features.eight_bit_mime = true,
            "PIPELINING" => features.pipelining = true,
            "DSN" => features.dsn = true,
            "SMTPUTF8" => features.smtputf8 = true,
            "REQUIRETLS" => features.require_tls = true,
            "STARTTLS" => features.starttls = true,
            "AUTH" => mechanisms.push(parameters.join(" ")),
            "XFORWARD" => features.xforward = xforward(parameters),
            "SIZE" => {
                features.size = true;
                match parameters.first() {
                    None => {}
                    Some(word) if word.bytes().all(|b| b.is_ascii_digit()) => {
                        // One that does not fit is as good as none.
                        features.size_limit = word.parse().unwrap_or_default();
                    }
                    Some(word) => *bad_size = Some((*word).to_owned()),
                }
            }
            _ => {}
        }
    }
    announced
}

fn xforward(words: &[&str]) -> Xforward {
    let has = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    Xforward {
        name: has("NAME"),
        addr: has("ADDR"),
        port: has("PORT"),
        proto: has("PROTO"),
        helo: has("HELO"),
        ident: has("IDENT"),
        source: has("SOURCE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp_reply::{Collector, Step};

    fn hello(lines: &[&str]) -> Reply {
        let mut collector = Collector::default();
        for line in lines {
            if let Step::Done(reply) = collector.line(line, 2048) {
                return reply;
            }
        }
        panic!("incomplete");
    }

    #[test]
    fn features_are_read() {
        let reply = hello(&[
            "250-mx.example.com at your service",
            "250-PIPELINING",
            "250-size 1000000",
            "250-8bitmime",
            "250-XFORWARD NAME ADDR",
            "250 DSN",
        ]);
        let Announced { features, helo, bad_size: bad, .. } =
            read(&reply, &Discard::parse("dsn, nonsense"));
        assert_eq!(helo, "mx.example.com");
        assert!(features.pipelining && features.eight_bit_mime && !features.dsn);
        assert_eq!(features.size_limit, 1_000_000);
        assert!(features.xforward.name && !features.xforward.helo);
        assert_eq!(bad, None);
    }

    #[test]
    fn odd_sizes() {
        let size = |line| read(&hello(&["250-mx", line]), &Discard::default());
        assert_eq!(size("250 SIZE").features.size_limit, 0);
        assert_eq!(size("250 SIZE big").bad_size.as_deref(), Some("big"));
        assert_eq!(size("250 SIZE 99999999999999999999999").features.size_limit, 0);
    }

    #[test]
    fn mechanisms() {
        let reply = hello(&["250-mx", "250-AUTH PLAIN LOGIN", "250-AUTH=LOGIN", "250 AUTH"]);
        let found = read(&reply, &Discard::default()).mechanisms;
        assert_eq!(found, ["PLAIN LOGIN", "LOGIN", ""]);
        assert!(read(&reply, &Discard::parse("auth")).mechanisms.is_empty());
    }

    #[test]
    fn discarding_is_logged_in_order() {
        let discard = Discard::parse("pipelining 8bitmime");
        assert_eq!(discard.to_log().as_deref(), Some("8BITMIME PIPELINING"));
        assert_eq!(Discard::parse("dsn silent-discard").to_log(), None);
    }
}
