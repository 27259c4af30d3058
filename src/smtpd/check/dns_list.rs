//! Block and allow lists in DNS: `reject_rbl_client`, `permit_dnswl_client`, `reject_rhsbl_…`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use super::outcome::{Jump, Refusal, Verdict};
use super::{CLIENT, Checks};
use crate::dns::{Data, DnsError, Kind, LookupError, Record, Search};
use crate::mail::{address, hostname};
use crate::smtpd::expand;
use crate::smtpd::fault::Faults;
use crate::smtpd::restriction::Subject;

/// Longest text that is taken over from a list.
const TEXT_MAX: usize = 500;

/// What a list says.
enum Listing {
    /// Not on it.
    Absent,
    /// The list could not be asked.
    Unknown,
    /// On it, with the text of its TXT records.
    Present(String),
}

impl Checks<'_> {
    pub(super) async fn dns_list(
        &mut self,
        word: &str,
        subject: Subject,
        by_address: bool,
        permits: bool,
        domain: &str,
    ) -> Result<Verdict, Jump> {
        let Some((key, _, class)) = self.subject(subject) else { return Ok(Verdict::Dunno) };
        let what = if by_address { self.talk.peer.address.clone() } else { key };
        let is_client = matches!(subject, Subject::Client | Subject::ReverseClient);
        if what.is_empty() || (!by_address && is_client && what.eq_ignore_ascii_case("unknown")) {
            return Ok(Verdict::Dunno);
        }
        if permits
            && self.talk.stage == "RCPT"
            && let Some(recipient) = self.talk.recipient.clone()
            && !self.is_auth_destination(&recipient).await?
        {
            return Ok(Verdict::Dunno);
        }
        let (zone, pattern) = match domain.split_once('=') {
            Some((zone, pattern)) => (zone, Some(pattern)),
            None => (domain, None),
        };
        // Postfix's smtpd ends here; a list that cannot be understood must not pass for one without
        // entries.
        if let Some(pattern) = pattern.filter(|pattern| !is_reply_pattern(pattern)) {
            self.log.warning(format_args!(
                "restriction {word} {domain}: {pattern} is no pattern for addresses"
            ));
            return Err(self.configuration_error());
        }
        let query = if by_address {
            address_query(self.talk.peer.ip, zone)
        } else {
            name_query(&what, zone)
        };
        let Some(query) = query else { return Ok(Verdict::Dunno) };
        match (self.listing(&query, pattern).await, permits) {
            (Listing::Absent, _) | (Listing::Unknown, false) => Ok(Verdict::Dunno),
            (Listing::Unknown, true) => {
                let text = format!("<{what}>: {class} rejected: Service unavailable");
                self.defer_if_reject(Faults::POLICY, &Refusal::new(450, "4.7.1", &text));
                Ok(Verdict::Dunno)
            }
            (Listing::Present(_), true) => {
                let peer = self.talk.peer.clone();
                Ok(self.permit(word, CLIENT, &peer.text, None).await)
            }
            (Listing::Present(reason), false) => {
                self.listed_reply(domain, zone, &what, class, &reason).await
            }
        }
    }

    async fn listing(&self, query: &str, pattern: Option<&str>) -> Listing {
        let resolver = &self.service.resolver;
        let records = match resolver.look_up(query, Kind::A, Search::default()).await {
            Ok(records) => records,
            Err(failed) => match failed.error {
                DnsError::NotFound | DnsError::NoData => return Listing::Absent,
                _ => {
                    self.log.warning(format_args!("{query}: RBL lookup error: {failed}"));
                    return Listing::Unknown;
                }
            },
        };
        let matches = |record: &Record| match record.address() {
            Some(IpAddr::V4(address)) => pattern.is_none_or(|p| pattern_matches(p, address)),
            _ => false,
        };
        if !records.iter().any(matches) {
            return Listing::Absent;
        }
        let mut text = String::new();
        match resolver.look_up(query, Kind::Txt, Search::default()).await {
            Ok(records) => {
                for record in records.iter() {
                    if let Data::Text(more) = &record.data {
                        text.push_str(if text.is_empty() { "" } else { " / " });
                        text.push_str(more);
                    }
                }
            }
            Err(LookupError { error: error @ DnsError::Policy, .. }) => {
                self.log.warning(format_args!("{query}: TXT lookup error: {error}"));
            }
            Err(_) => {}
        }
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        Listing::Present(text)
    }

    /// The reply, by `rbl_reply_maps` or `default_rbl_reply`.
    async fn listed_reply(
        &mut self,
        list: &str,
        zone: &str,
        what: &str,
        class: &str,
        reason: &str,
    ) -> Result<Verdict, Jump> {
        let service = self.service;
        let maps = &service.maps.rbl_reply;
        let mut template = maps.find(list).await;
        if matches!(template, Ok(None)) && list != zone {
            template = maps.find(zone).await;
        }
        let Ok(template) = template else { return Err(self.configuration_error()) };
        let template = template.as_deref().unwrap_or(&service.settings.default_rbl_reply);
        let code = service.settings.codes.maps_rbl.to_string();
        let own = [
            ("rbl_code", code.as_str()),
            ("rbl_domain", zone),
            ("rbl_reason", reason),
            ("rbl_txt", reason),
            ("rbl_what", what),
            ("rbl_class", class),
        ];
        let reply =
            expand::reply_text(self.talk, &own, template, &service.settings.expansion_filter);
        let digits = reply.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
        let text = reply.get(3..).and_then(|rest| rest.strip_prefix(' '));
        match (digits.filter(|code| code.starts_with(['4', '5'])), text) {
            (Some(code), Some(text)) => {
                let code = code.parse().unwrap_or(450);
                let (dsn, text) = self.status_and_text("4.7.1", text, class);
                let text = if text.is_empty() { "Service unavailable" } else { text };
                Ok(self.reject(Faults::POLICY, Refusal::new(code, &dsn, text)))
            }
            _ => {
                self.log.warning(format_args!("rbl response code configuration error: {reply}"));
                let refusal = Refusal::new(450, "4.7.1", "Service unavailable");
                Ok(self.reject(Faults::POLICY, refusal))
            }
        }
    }
}

/// The address backwards, then the zone.
fn address_query(ip: IpAddr, zone: &str) -> Option<String> {
    let mut query = String::new();
    match ip {
        IpAddr::V4(v4) => {
            for octet in v4.octets().iter().rev() {
                let _ = write!(query, "{octet}.");
            }
        }
        IpAddr::V6(v6) => {
            for octet in v6.octets().iter().rev() {
                let _ = write!(query, "{:x}.{:x}.", octet & 0xf, octet >> 4);
            }
        }
    }
    query.push_str(zone);
    Some(query)
}

/// The domain of a name or address, then the zone. Numeric names are not asked about.
fn name_query(what: &str, zone: &str) -> Option<String> {
    let domain = what.rsplit_once('@').map_or(what, |(_, domain)| domain);
    let suffix = domain.rsplit_once('.').map_or(domain, |(_, suffix)| suffix);
    if domain.starts_with('[') || suffix.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ascii = address::domain_to_ascii(domain)?;
    hostname::is_valid(&ascii).then(|| format!("{ascii}.{zone}"))
}

/// Whether a pattern for the addresses that a list returns is well formed.
pub fn is_reply_pattern(pattern: &str) -> bool {
    let mut rest = Some(pattern);
    for index in 0..4 {
        let Some(text) = rest else { return false };
        let (choices, after) = match text.strip_prefix('[') {
            Some(inside) => match inside.split_once(']') {
                Some(split) => split,
                None => return false,
            },
            None => {
                text.split_at_checked(text.find('.').unwrap_or(text.len())).unwrap_or((text, ""))
            }
        };
        let number = |text: &str| text.trim().parse::<u8>().ok();
        let is_choice = |choice: &str| match choice.split_once("..") {
            Some((low, high)) => {
                matches!((number(low), number(high)), (Some(l), Some(h)) if l <= h)
            }
            None => number(choice).is_some(),
        };
        if !choices.split(';').all(is_choice) {
            return false;
        }
        if index == 3 {
            return after.is_empty();
        }
        rest = after.strip_prefix('.');
    }
    false
}

/// Whether an address fits `127.0.0.[2;4..8]`: octets as numbers, or lists of numbers and ranges.
fn pattern_matches(pattern: &str, address: Ipv4Addr) -> bool {
    let mut rest = pattern;
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            let Some(after) = rest.strip_prefix('.') else { return false };
            rest = after;
        }
        let (choices, after) = match rest.strip_prefix('[') {
            Some(inside) => match inside.split_once(']') {
                Some(split) => split,
                None => return false,
            },
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                rest.split_at_checked(end).unwrap_or((rest, ""))
            }
        };
        rest = after;
        let fits = |choice: &str| match choice.split_once("..") {
            Some((low, high)) => match (low.trim().parse::<u8>(), high.trim().parse::<u8>()) {
                (Ok(low), Ok(high)) => (low..=high).contains(&octet),
                _ => false,
            },
            None => choice.trim().parse() == Ok(octet),
        };
        if !choices.split(';').any(fits) {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let query = |ip: &str| address_query(ip.parse().unwrap(), "x.example").unwrap();
        assert_eq!(query("192.0.2.7"), "7.2.0.192.x.example");
        assert!(query("2001:db8::1").starts_with("1.0.0.0."));
        assert_eq!(name_query("a@b.example", "x.y").as_deref(), Some("b.example.x.y"));
        assert_eq!(name_query("1.2.3.4", "x.y"), None);
        assert_eq!(name_query("a@[1.2.3.4]", "x.y"), None);
    }

    #[test]
    fn patterns() {
        let fits = |pattern: &str, ip: &str| pattern_matches(pattern, ip.parse().unwrap());
        assert!(fits("127.0.0.2", "127.0.0.2"));
        assert!(fits("127.0.[0..5].[2;4..8]", "127.0.3.5"));
        assert!(!fits("127.0.[0..5].[2;4..8]", "127.0.3.3"));
        assert!(!fits("127.0.0", "127.0.0.2"));
        assert!(!fits("127.0.0.[2", "127.0.0.2"));
    }
}
