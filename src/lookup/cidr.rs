//! Network patterns (`net/mask`, `[net/mask]`, addresses), and tables of them: cidr_table(5).

use std::net::IpAddr;

use super::file_value::MakeValue;
use super::lines::{Lines, Report, is_space, show, trim_end, trim_start};

/// A network: the addresses that a pattern covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    net: IpAddr,
    prefix: u32,
}

impl Network {
    /// Parses a pattern; the error is Postfix's text.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let (address, mask) = split_mask(pattern)?;
        let width = if address.contains(':') { 128 } else { 32 };
        let Some(mask) = mask else {
            return match parse_address(address, width) {
                Some(net) => Ok(Self { net, prefix: width }),
                None => Err(format!("bad address pattern: \"{address}\"")),
            };
        };
        let bad = |what: &str| Err(format!("{what} in \"{address}/{mask}\""));
        if mask.is_empty() || !mask.bytes().all(|b| b.is_ascii_digit()) {
            return bad("bad mask value");
        }
        let prefix = mask.parse().unwrap_or(u32::MAX);
        if prefix > width {
            return bad("bad mask length");
        }
        let Some(net) = parse_address(address, width) else {
            return bad("bad network value");
        };
        let masked = cut(net, prefix);
        if masked != net {
            return Err(format!(
                "non-null host address bits in \"{address}/{mask}\", \
                 perhaps you should use \"{masked}/{prefix}\" instead"
            ));
        }
        Ok(Self { net, prefix })
    }

    /// Whether it covers `address`. Families never mix.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.is_v6() == address.is_ipv6() && cut(address, self.prefix) == self.net
    }

    fn is_v6(&self) -> bool {
        self.net.is_ipv6()
    }
}

/// Address and mask of `addr`, `addr/len`, `[addr]`, `[addr]/len` or `[addr/len]`.
fn split_mask(pattern: &str) -> Result<(&str, Option<&str>), String> {
    let split = |text| match str::split_once(text, '/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let Some(inner) = pattern.strip_prefix('[') else {
        return Ok(split(pattern));
    };
    let Some((inner, after)) = inner.split_once(']') else {
        return Err(format!("missing ']' character after \"[{inner}\""));
    };
    match after.strip_prefix('/') {
        Some(mask) => Ok((inner, Some(mask))),
        None if after.is_empty() => Ok(split(inner)),
        None => Err(format!("garbage after \"[{inner}]\"")),
    }
}

fn parse_address(text: &str, width: u32) -> Option<IpAddr> {
    if width == 128 { text.parse().ok().map(IpAddr::V6) } else { text.parse().ok().map(IpAddr::V4) }
}

/// `address` with all but the first `prefix` bits zero.
fn cut(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// A table of networks.
#[derive(Debug, Default)]
pub struct CidrTable {
    rules: Vec<Rule>,
}

#[derive(Debug)]
enum Rule {
    Match {
        network: Network,
        matches: bool,
        value: Box<[u8]>,
    },
    /// `end` is the place of the matching `endif`; without one, the rest of the table.
    If {
        network: Network,
        matches: bool,
        end: usize,
    },
    EndIf,
}

impl CidrTable {
    /// Parses the text of the table `name`; bad rules are reported and left out. `value` makes a
    /// lookup result of what the rule says (file names, say, become contents).
    pub fn parse(
        name: &str,
        path: &str,
        text: &[u8],
        value: &mut MakeValue<'_>,
        report: &mut Report<'_>,
    ) -> Self {
        let mut rules = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut lines = Lines::new(path, text);
        while let Some(line) = lines.next(report) {
            let rule = parse_rule(&line.text, !open.is_empty()).and_then(|rule| match rule {
                Rule::Match { network, matches, value: text } => {
                    Ok(Rule::Match { network, matches, value: value(&text)?.into() })
                }
                rule => Ok(rule),
            });
            match rule {
                Ok(rule) => {
                    match rule {
                        Rule::If { .. } => open.push((rules.len(), line.number)),
                        Rule::EndIf => close(&mut rules, open.pop()),
                        Rule::Match { .. } => {}
                    }
                    rules.push(rule);
                }
                Err(why) => report(format!(
                    "cidr map {name}, line {}: {why}: skipping this rule",
                    line.number
                )),
            }
        }
        while let Some((_, number)) = open.pop() {
            report(format!("cidr map {name}, line {number}: IF has no matching ENDIF"));
        }
        Self { rules }
    }

    /// The value of the first rule that covers `address`.
    pub fn find(&self, address: IpAddr) -> Option<&[u8]> {
        let mut at = 0;
        while let Some(rule) = self.rules.get(at) {
            at += 1;
            match rule {
                Rule::Match { network, matches, value } => {
                    if covers(network, *matches, address) {
                        return Some(value);
                    }
                }
                Rule::If { network, matches, end } => {
                    if !covers(network, *matches, address) {
                        at = *end;
                    }
                }
                Rule::EndIf => {}
            }
        }
        None
    }
}

fn covers(network: &Network, matches: bool, address: IpAddr) -> bool {
    network.is_v6() == address.is_ipv6() && network.contains(address) == matches
}

/// Tells the `if` at `open` that its `endif` comes next.
fn close(rules: &mut [Rule], open: Option<(usize, usize)>) {
    let here = rules.len();
    if let Some(Rule::If { end, .. }) = open.and_then(|(at, _)| rules.get_mut(at)) {
        *end = here;
    }
}

/// Whether `line` begins with the word `word` and no letter or digit after it; gives the rest.
pub(super) fn after_word<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && !rest.first().is_some_and(u8::is_ascii_alphanumeric))
        .then_some(rest)
}

/// Takes `!` and white space off; false after an odd number of `!`.
pub(super) fn negations(text: &[u8]) -> (bool, &[u8]) {
    let end = text.iter().position(|b| *b != b'!' && !is_space(*b)).unwrap_or(text.len());
    let (head, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (head.iter().filter(|b| **b == b'!').count() % 2 == 0, rest)
}

fn parse_rule(line: &[u8], nested: bool) -> Result<Rule, String> {
    if let Some(rest) = after_word(line, b"if") {
        let (matches, pattern) = negations(rest);
        if pattern.is_empty() {
            return Err("no address pattern".into());
        }
        let network = Network::parse(&show(trim_end(pattern)))?;
        return Ok(Rule::If { network, matches, end: usize::MAX });
    }
    if let Some(rest) = after_word(line, b"endif") {
        return match (trim_start(rest).is_empty(), nested) {
            (false, _) => Err("garbage after ENDIF".into()),
            (true, false) => Err("ENDIF without IF".into()),
            (true, true) => Ok(Rule::EndIf),
        };
    }
    let (matches, rest) = negations(line);
    let end = rest.iter().position(|b| is_space(*b)).unwrap_or(rest.len());
    let (pattern, value) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    let value = trim_end(trim_start(value));
    if pattern.is_empty() {
        return Err("no address pattern".into());
    }
    let network = Network::parse(&show(pattern))?;
    if value.is_empty() {
        return Err("no lookup result".into());
    }
    Ok(Rule::Match { network, matches, value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> (CidrTable, Vec<String>) {
        let mut warnings = Vec::new();
        let table =
            CidrTable::parse("/t", "/t", text.as_bytes(), &mut |v| Ok(v.to_vec()), &mut |w| {
                warnings.push(w);
            });
        (table, warnings)
    }

    fn find(table: &CidrTable, address: &str) -> Option<String> {
        table.find(address.parse().unwrap()).map(|v| show(v).into_owned())
    }

    #[test]
    fn patterns() {
        for (pattern, error) in [
            ("10.0.0.0/8", None),
            ("[2001:db8::]/32", None),
            ("[2001:db8::/32]", None),
            ("1.2.3.4", None),
            (
                "10.0.0.1/8",
                Some(concat!(
                    "non-null host address bits in \"10.0.0.1/8\", ",
                    "perhaps you should use \"10.0.0.0/8\" instead"
                )),
            ),
            ("10.0.0.0/33", Some("bad mask length in \"10.0.0.0/33\"")),
            ("10.0.0.0/x", Some("bad mask value in \"10.0.0.0/x\"")),
            ("10.0.0/8", Some("bad network value in \"10.0.0/8\"")),
            ("[::1", Some("missing ']' character after \"[::1\"")),
            ("[::1]x", Some("garbage after \"[::1]\"")),
            ("foo", Some("bad address pattern: \"foo\"")),
        ] {
            assert_eq!(Network::parse(pattern).err().as_deref(), error, "{pattern}");
        }
    }

    #[test]
    fn rules() {
        let (t, warnings) = table(
            "10.0.0.0/8 ten\n!192.168.0.0/16 other\nif 192.168.1.0/24\n192.168.1.1 one\n\
             192.168.0.0/16 c\nendif\nendif\n192.168.2.2\n0.0.0.0/0 rest\n::/0 six\nif ::1\n",
        );
        assert_eq!(find(&t, "10.1.1.1").unwrap(), "ten");
        assert_eq!(find(&t, "11.1.1.1").unwrap(), "other");
        assert_eq!(find(&t, "192.168.1.1").unwrap(), "one");
        assert_eq!(find(&t, "192.168.1.9").unwrap(), "c");
        assert_eq!(find(&t, "192.168.3.9").unwrap(), "rest");
        assert_eq!(find(&t, "::5").unwrap(), "six");
        assert_eq!(
            warnings,
            [
                "cidr map /t, line 7: ENDIF without IF: skipping this rule",
                "cidr map /t, line 8: no lookup result: skipping this rule",
                "cidr map /t, line 11: IF has no matching ENDIF",
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text(text: Vec<u8>) {
            let t = CidrTable::parse("t", "t", &text, &mut |v| Ok(v.to_vec()), &mut |_| ());
            let _ = t.find("1.2.3.4".parse().unwrap());
        }

        #[test]
        fn masks(bits: u32, prefix in 0_u32..=32) {
            let net = cut(IpAddr::V4(bits.into()), prefix);
            let network = Network::parse(&format!("{net}/{prefix}")).unwrap();
            prop_assert!(network.contains(IpAddr::V4(bits.into())));
            if prefix > 0 {
                let flipped = bits ^ (1 << (32 - prefix));
                prop_assert!(!network.contains(IpAddr::V4(flipped.into())));
            }
        }
    }
}
