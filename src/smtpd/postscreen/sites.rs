//! `postscreen_dnsbl_sites`: `domain[=pattern][*weight]`, and what the answers of the lists come to.
//! Pure: nothing is asked here.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::config::split_list;
use crate::mail::hostname;

/// The lists, each domain once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites(Vec<Site>);

/// A list in DNS, and how its answers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The domain below which addresses are looked up.
    pub domain: String,
    /// Each adds its weight if it matches.
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// None matches every answer.
    pattern: Option<Pattern>,
    /// Below zero: an allow list.
    weight: i32,
}

/// A pattern for addresses: `127.0.0.[2;4..8]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern([Vec<RangeInclusive<u8>>; 4]);

/// What one list has said about a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The addresses; none if the client is not on the list, or the list could not be asked.
    pub addresses: Vec<Ipv4Addr>,
    /// For how many seconds that holds, if the answer says.
    pub ttl: Option<u32>,
}

/// What the lists that have answered so far have said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Sum of the weights.
    pub total: i64,
    /// The list with the largest contribution.
    pub domain: Option<String>,
    largest: i32,
    /// For how long a score above zero holds.
    listed_ttl: Option<u32>,
    /// For how long any other holds.
    clear_ttl: Option<u32>,
}

impl Sites {
    /// Parses the parameter. The error is what Postfix ends with.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut sites = Self::default();
        for word in split_list(text) {
            sites.add(word)?;
        }
        Ok(sites)
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        let (rest, weight) = match word.split_once('*') {
            None => (word, 1),
            Some((rest, weight)) => match weight.parse::<i32>() {
                Ok(number) => (rest, number),
                Err(_) => {
                    return Err(format!("bad DNSBL weight factor \"{weight}\" in \"{word}\""));
                }
            },
        };
        let (domain, pattern) = match rest.split_once('=') {
            None => (rest, None),
            Some((domain, pattern)) => {
                let parsed = Pattern::parse(pattern);
                (domain, Some(parsed.map_err(|e| format!("bad DNSBL filter syntax: {e}"))?))
            }
        };
        if !hostname::is_valid(domain) {
            return Err(format!("bad DNSBL domain name \"{domain}\" in \"{word}\""));
        }
        let rule = Rule { pattern, weight };
        match self.0.iter_mut().find(|site| site.domain == domain) {
            Some(site) => site.rules.push(rule),
            None => self.0.push(Site { domain: domain.to_owned(), rules: vec![rule] }),
        }
        Ok(())
    }

    /// The lists in the order in which they are named.
    pub fn iter(&self) -> std::slice::Iter<'_, Site> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Score {
    /// Takes the answer of one list.
    pub fn take(&mut self, site: &Site, answer: &Answer) {
        let is_listed = !answer.addresses.is_empty();
        for Rule { pattern, weight } in &site.rules {
            let matches = |pattern: &Pattern| answer.addresses.iter().any(|a| pattern.matches(*a));
            if is_listed && pattern.as_ref().is_none_or(matches) {
                if self.domain.is_none() || self.largest < *weight {
                    self.domain = Some(site.domain.clone());
                    self.largest = *weight;
                }
                self.total = self.total.saturating_add(i64::from(*weight));
            }
            let ttl =
                if is_listed == (*weight > 0) { &mut self.listed_ttl } else { &mut self.clear_ttl };
            *ttl = match (*ttl, answer.ttl) {
                (None, new) => new,
                (Some(old), Some(new)) => Some(old.min(new)),
                // As in Postfix, an answer that does not say counts as the shortest.
                (Some(_), None) => None,
            };
        }
    }

    /// For how many seconds the score holds: what the lists say, within the two bounds.
    pub fn ttl(&self, least: u64, most: u64) -> u64 {
        let said = if self.total > 0 { self.listed_ttl } else { self.clear_ttl };
        said.map_or(0, u64::from).max(least).min(most)
    }
}

impl Pattern {
    /// Parses a pattern; the error says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inside = outer_brackets(text)?;
        if inside.is_empty() {
            return Err("empty address pattern".into());
        }
        let mut tokens = Tokens { text: inside, start: 0, next: 0 };
        let mut fields: [Vec<RangeInclusive<u8>>; 4] = Default::default();
        for (index, field) in fields.iter_mut().enumerate() {
            if index > 0 && tokens.take() != Token::Byte(b'.') {
                return Err(tokens.error("need \".\""));
            }
            match tokens.take() {
                Token::Number(number) => field.push(number..=number),
                Token::Byte(b'[') => *field = tokens.choices()?,
                _ => return Err(tokens.error("need decimal number 0..255 or \"[\"")),
            }
        }
        match tokens.take() {
            Token::End => Ok(Self(fields)),
            _ => Err(tokens.error("garbage after pattern")),
        }
    }

    /// Whether an address fits.
    pub fn matches(&self, address: Ipv4Addr) -> bool {
        let fits = |(choices, octet): (&Vec<RangeInclusive<u8>>, &u8)| {
            choices.iter().any(|range| range.contains(octet))
        };
        self.0.iter().zip(&address.octets()).all(fits)
    }
}

/// Takes the brackets off that stand around a whole pattern.
fn outer_brackets(text: &str) -> Result<&str, String> {
    if !text.starts_with('[') {
        return Ok(text);
    }
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => {
                let is_last = at + 1 == text.len();
                return Ok(if is_last { text.get(1..at).unwrap_or_default() } else { text });
            }
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err("missing \"]\" character".into())
}

/// A pattern, taken apart.
struct Tokens<'a> {
    text: &'a str,
    /// Where the last token began.
    start: usize,
    /// Where the next one begins.
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Number(u8),
    /// Digits beyond 255.
    TooLarge,
    Byte(u8),
    End,
}

impl Tokens<'_> {
    fn take(&mut self) -> Token {
        self.start = self.next;
        let rest = self.text.as_bytes().get(self.start..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(first) = rest.first() else { return Token::End };
        self.next += digits.max(1);
        if digits == 0 {
            return Token::Byte(*first);
        }
        let number = rest.iter().take(digits).fold(0_u32, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
        });
        u8::try_from(number).map_or(Token::TooLarge, Token::Number)
    }

    /// The inside of brackets, after the first one: numbers and ranges, with `;` between them.
    fn choices(&mut self) -> Result<Vec<RangeInclusive<u8>>, String> {
        let mut choices = Vec::new();
        loop {
            let Token::Number(first) = self.take() else {
                return Err(self.error("need decimal number 0..255"));
            };
            let mut after = self.take();
            let mut last = first;
            if after == Token::Byte(b'.') {
                let dots = self.take() == Token::Byte(b'.');
                match self.take_if(dots) {
                    Token::Number(number) if first <= number => last = number,
                    _ => return Err(self.error("numeric range error")),
                }
                after = self.take();
            }
            choices.push(first..=last);
            match after {
                Token::Byte(b';') => {}
                Token::Byte(b']') => return Ok(choices),
                _ => return Err(self.error("need \";\" or \"]\"")),
            }
        }
    }

    fn take_if(&mut self, wanted: bool) -> Token {
        if wanted { self.take() } else { Token::End }
    }

    /// The complaint, with the token in question between `>` and `<`.
    fn error(&self, what: &str) -> String {
        let bytes = self.text.as_bytes();
        let part =
            |range: Option<&[u8]>| String::from_utf8_lossy(range.unwrap_or_default()).into_owned();
        let (before, here, after) = (
            part(bytes.get(..self.start)),
            part(bytes.get(self.start..self.next)),
            part(bytes.get(self.next..)),
        );
        format!("{what} at \"{before}>{here}<{after}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sites(text: &str) -> Sites {
        Sites::parse(text).unwrap()
    }

    fn answer(addresses: &[[u8; 4]], ttl: Option<u32>) -> Answer {
        Answer { addresses: addresses.iter().map(|octets| (*octets).into()).collect(), ttl }
    }

    fn score(sites: &Sites, addresses: &[[u8; 4]]) -> i64 {
        let mut score = Score::default();
        for site in sites.iter() {
            score.take(site, &answer(addresses, None));
        }
        score.total
    }

    #[test]
    fn domains_patterns_and_weights() {
        let sites = sites("a.example*2, b.example=127.0.0.[2;4..8] b.example=127.0.0.5*-3");
        assert_eq!(sites.len(), 2, "one question for each domain");
        let b = Sites(vec![sites.0[1].clone()]);
        assert_eq!(score(&b, &[[127, 0, 0, 2]]), 1);
        assert_eq!(score(&b, &[[127, 0, 0, 3]]), 0);
        assert_eq!(score(&b, &[[127, 0, 0, 5]]), -2);
        assert_eq!(score(&b, &[[127, 0, 0, 9], [127, 0, 0, 8]]), 1);
        assert_eq!(score(&b, &[]), 0);
        assert_eq!(score(&Sites(vec![sites.0[0].clone()]), &[[1, 2, 3, 4]]), 2);
    }

    #[test]
    fn complaints_are_those_of_postfix() {
        let complaint = |text: &str| Sites::parse(text).unwrap_err();
        assert_eq!(complaint("a.example*x"), "bad DNSBL weight factor \"x\" in \"a.example*x\"");
        assert_eq!(complaint("a.example*"), "bad DNSBL weight factor \"\" in \"a.example*\"");
        assert_eq!(complaint("*3"), "bad DNSBL domain name \"\" in \"*3\"");
        let filter = |pattern: &str| {
            let text = complaint(&format!("a.example={pattern}"));
            text.strip_prefix("bad DNSBL filter syntax: ").unwrap().to_owned()
        };
        assert_eq!(filter(""), "empty address pattern");
        assert_eq!(filter("[1.2.3.4"), "missing \"]\" character");
        assert_eq!(filter("1.2.3"), "need \".\" at \"1.2.3><\"");
        assert_eq!(filter("1.2.3.4.5"), "garbage after pattern at \"1.2.3.4>.<5\"");
        assert_eq!(filter("1.2.3.256"), "need decimal number 0..255 or \"[\" at \"1.2.3.>256<\"");
        assert_eq!(filter("1.2.3.[5..4]"), "numeric range error at \"1.2.3.[5..>4<]\"");
        assert_eq!(filter("1.2.3.[5.4]"), "numeric range error at \"1.2.3.[5.>4<]\"");
        assert_eq!(filter("1.2.3.[5:4]"), "need \";\" or \"]\" at \"1.2.3.[5>:<4]\"");
        assert_eq!(filter("1.2.3.[]"), "need decimal number 0..255 at \"1.2.3.[>]<\"");
        assert!(Pattern::parse("[127.0.0.2]").is_ok());
        assert!(Pattern::parse("[1;2].0.0.[2]").is_ok());
    }

    #[test]
    fn the_name_is_that_of_the_largest_contribution() {
        let sites = sites("low.example*1 allow.example*-4 high.example*3");
        let mut score = Score::default();
        for site in sites.iter() {
            score.take(site, &answer(&[[127, 0, 0, 2]], Some(60)));
        }
        assert_eq!((score.total, score.domain.as_deref()), (0, Some("high.example")));
    }

    #[test]
    fn a_score_holds_as_long_as_its_shortest_answer() {
        let sites = sites("deny.example allow.example*-1");
        let (deny, allow) = (&sites.0[0], &sites.0[1]);
        let mut score = Score::default();
        score.take(deny, &answer(&[], Some(300)));
        score.take(allow, &answer(&[[127, 0, 0, 1]], Some(900)));
        assert_eq!(score.ttl(60, 3600), 300);
        assert_eq!(score.ttl(400, 3600), 400);
        assert_eq!(score.ttl(60, 100), 100);
        let mut listed = Score::default();
        listed.take(deny, &answer(&[[127, 0, 0, 2]], Some(1000)));
        listed.take(allow, &answer(&[], Some(120)));
        assert_eq!(listed.ttl(60, 3600), 120);
        // An answer that does not say for how long it holds.
        let mut silent = Score::default();
        silent.take(deny, &answer(&[], None));
        assert_eq!(silent.ttl(60, 3600), 60);
    }

    proptest! {
        #[test]
        fn never_panics(text: String) {
            let _ = Sites::parse(&text);
            let _ = Pattern::parse(&text);
        }

        #[test]
        fn patterns_match_what_they_name(octets: [u8; 4], low: u8, high: u8) {
            let [a, b, c, d] = octets;
            let exact = Pattern::parse(&format!("{a}.{b}.{c}.{d}")).unwrap();
            prop_assert!(exact.matches(octets.into()));
            let text = format!("{a}.[{b}].{c}.[{low}..{high};{d}]");
            match Pattern::parse(&text) {
                Ok(pattern) => prop_assert!(low <= high && pattern.matches(octets.into())),
                Err(_) => prop_assert!(low > high),
            }
        }

        #[test]
        fn sites_of_the_grammar_are_read(domain in "[a-z]{1,8}\\.example", weight: i32) {
            let word = format!("{domain}=127.0.0.2*{weight}");
            prop_assert!(Sites::parse(&word).is_ok());
        }
    }
}
