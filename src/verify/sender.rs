//! The sender of probes: `address_verify_sender`, which `address_verify_sender_ttl` makes change
//! with time, so that nobody else can use it for long.

use crate::config::{Config, parameters as p};
use crate::mail::address::same;
use crate::mail::envelope::RewriteContext;
use crate::rewrite::Rewrite;

/// Digits of the part that changes: no vowels.
const DIGITS: &[u8; 31] = b"0123456789BCDFGHJKLMNPQRSTVWXYZ";

/// The sender of probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSender {
    /// As configured; empty is the null sender.
    text: String,
    /// Seconds between changes; zero is never.
    ttl: u64,
    /// The address that is always the same, complete.
    base: String,
}

impl ProbeSender {
    /// Reads the parameters. The error is what Postfix ends with when it needs the address.
    pub fn read(config: &Config, rewrite: &Rewrite) -> Result<Self, String> {
        let text = config.text(&p::address_verify_sender);
        let ttl = config.time(&p::address_verify_sender_ttl).as_secs();
        let bad = |where_: &str| {
            format!("parameter address_verify_sender: value \"{text}\" must not {where_} with '@'")
        };
        if text.starts_with('@') {
            return Err(bad("start"));
        }
        if text.ends_with('@') {
            return Err(bad("end"));
        }
        let text = if text == "<>" { String::new() } else { text };
        let base = match text.as_str() {
            "" => String::new(),
            text => rewrite.rewrite(RewriteContext::Local, text),
        };
        Ok(Self { text, ttl, base })
    }

    /// The address at that time (seconds since 1970).
    pub fn at(&self, now: u64, rewrite: &Rewrite) -> String {
        let Some(epoch) = now.checked_div(self.ttl).filter(|_| !self.text.is_empty()) else {
            return self.base.clone();
        };
        let (local, domain) = match self.text.find('@') {
            Some(at) => self.text.split_at(at),
            None => (self.text.as_str(), ""),
        };
        let address = format!("{local}{}{domain}", encode(epoch));
        rewrite.rewrite(RewriteContext::Local, &address)
    }

    /// The address without its changing part, if `address` is the sender of probes now, or was or
    /// will be one period away: clocks differ. Mail to and from it is not checked.
    pub fn recognise(&self, address: &str, now: u64) -> Option<&str> {
        if self.base.is_empty() || address.is_empty() {
            return (self.base.is_empty() && address.is_empty()).then_some("");
        }
        let (local, domain) = cut(&self.base);
        let (theirs, their_domain) = cut(address);
        let start = theirs.get(..local.len())?;
        if !same(start, local) || !same(their_domain, domain) {
            return None;
        }
        let rest = theirs.get(local.len()..)?;
        let valid = match now.checked_div(self.ttl) {
            None => rest.is_empty(),
            Some(epoch) => decode(rest).is_some_and(|theirs| theirs.abs_diff(epoch) <= 1),
        };
        valid.then_some(&self.base)
    }
}

/// The local part, and the domain with its `@`.
fn cut(address: &str) -> (&str, &str) {
    address.split_at(address.find('@').unwrap_or(address.len()))
}

fn encode(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = usize::try_from(number % 31).unwrap_or_default();
        digits.push(DIGITS.get(digit).copied().unwrap_or(b'0'));
        number /= 31;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

fn decode(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        number.checked_mul(31)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::lookup::Tables;
    use std::sync::Arc;

    fn sender(settings: &[(&str, &str)]) -> (Result<ProbeSender, String>, Arc<Rewrite>) {
        let over: Vec<_> = [("myorigin", "o.example")]
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = Config::parse(&Sources::default()).unwrap().with_overrides(&over);
        let rewrite = Rewrite::new(&config, &Tables::new(config.clone())).unwrap();
        (ProbeSender::read(&config, &rewrite), rewrite)
    }

    #[test]
    fn steady() {
        let (sender, rewrite) = sender(&[]);
        let sender = sender.unwrap();
        assert_eq!(sender.at(0, &rewrite), "double-bounce@o.example");
        let base = Some("double-bounce@o.example");
        assert_eq!(sender.recognise("Double-Bounce@O.example", 0), base);
        assert_eq!(sender.recognise("double-bounce1@o.example", 0), None);
        assert_eq!(sender.recognise("double-bounce@p.example", 0), None);
        assert_eq!(sender.recognise("double-bounce", 0), None);
        assert_eq!(sender.recognise("", 0), None);
        assert_eq!(sender.recognise("é", 0), None);
    }

    #[test]
    fn changing() {
        let ttl = ("address_verify_sender_ttl", "100");
        let (sender, rewrite) = sender(&[("address_verify_sender", "probe@x.example"), ttl]);
        let sender = sender.unwrap();
        let now = 1_000_000;
        let address = sender.at(now, &rewrite);
        assert_eq!(address, "probeBDL@x.example");
        for (later, valid) in [(0, true), (100, true), (200, false)] {
            assert_eq!(sender.recognise(&address, now + later).is_some(), valid, "{later}");
            assert_eq!(sender.recognise(&address, now - later).is_some(), valid, "-{later}");
        }
        assert_eq!(sender.recognise("probe@x.example", now), None);
        assert_eq!(sender.recognise("probeBDLaaaaaaaaaaaaaaaaaa@x.example", now), None);
    }

    #[test]
    fn null_sender() {
        let (sender, rewrite) = sender(&[("address_verify_sender", "<>")]);
        let sender = sender.unwrap();
        assert_eq!(sender.at(5, &rewrite), "");
        assert_eq!(sender.recognise("", 5), Some(""));
        assert_eq!(sender.recognise("a@b", 5), None);
    }

    #[test]
    fn bad() {
        let text = |value| sender(&[("address_verify_sender", value)]).0.unwrap_err();
        assert!(text("@x").ends_with("must not start with '@'"));
        assert!(text("x@").ends_with("must not end with '@'"));
    }

    #[test]
    fn numbers() {
        for number in [0, 1, 30, 31, 961, u64::MAX] {
            assert_eq!(decode(&encode(number)), Some(number));
        }
        assert_eq!(decode("A"), None);
    }
}
