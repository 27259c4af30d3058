//! HELO names and domains of addresses: syntax, and whether DNS knows them.

use super::outcome::{Jump, Refusal, Verdict};
use super::{Checks, HELO, SENDER};
use crate::dns::DnsError;
use crate::mail::{address, hostname};
use crate::smtpd::fault::Faults;

impl Checks<'_> {
    pub(super) fn reject_invalid_helo(&mut self) -> Verdict {
        let Some(helo) = self.talk.helo.clone() else { return Verdict::Dunno };
        if helo.starts_with('[') {
            return self.reject_invalid_address(&helo);
        }
        let name = without_final_dot(&helo);
        if hostname::is_valid(name) || name.parse::<std::net::IpAddr>().is_ok() {
            return Verdict::Dunno;
        }
        let code = self.service.settings.codes.invalid_hostname;
        let text = format!("<{helo}>: {HELO} rejected: Invalid name");
        self.reject(Faults::POLICY, Refusal::new(code, "5.5.2", &text))
    }

    fn reject_invalid_address(&mut self, helo: &str) -> Verdict {
        let inside = helo.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(helo);
        if address::literal_address(inside).is_some() {
            return Verdict::Dunno;
        }
        let code = self.service.settings.codes.invalid_hostname;
        let text = format!("<{helo}>: {HELO} rejected: invalid ip address");
        self.reject(Faults::POLICY, Refusal::new(code, "5.5.2", &text))
    }

    pub(super) fn reject_non_fqdn_helo(&mut self) -> Verdict {
        let Some(helo) = self.talk.helo.clone() else { return Verdict::Dunno };
        if helo.starts_with('[') {
            return self.reject_invalid_address(&helo);
        }
        if self.is_fqdn(&helo) {
            return Verdict::Dunno;
        }
        let code = self.service.settings.codes.non_fqdn;
        let text = format!("<{helo}>: {HELO} rejected: need fully-qualified hostname");
        self.reject(Faults::POLICY, Refusal::new(code, "5.5.2", &text))
    }

    pub(super) fn reject_non_fqdn_address(&mut self, mailbox: &str, class: &str) -> Verdict {
        let domain = mailbox.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_literal = domain.starts_with('[') && domain.ends_with(']');
        if is_literal || self.is_fqdn(domain) {
            return Verdict::Dunno;
        }
        let code = self.service.settings.codes.non_fqdn;
        let text = format!("<{mailbox}>: {class} rejected: need fully-qualified address");
        self.reject(Faults::POLICY, Refusal::new(code, "4.5.2", &text))
    }

    fn is_fqdn(&self, name: &str) -> bool {
        let name = without_final_dot(name);
        name.contains('.') && address::valid_utf8_hostname(name, self.talk.smtputf8)
    }

    pub(super) async fn reject_unknown_helo(&mut self) -> Verdict {
        let Some(helo) = self.talk.helo.clone() else { return Verdict::Dunno };
        if helo.starts_with('[') {
            return self.reject_invalid_address(&helo);
        }
        let resolver = &self.service.resolver;
        let mut result = resolver.addresses(&helo, true, true).await.map(|_| ());
        if result.is_err() {
            let mx = resolver.mx(&helo).await.map(|_| ());
            result = better(result, mx);
        }
        let Err(error) = result else { return Verdict::Dunno };
        if error == DnsError::Policy {
            self.log.warning(format_args!("{helo}: address or MX lookup error: {error}"));
            return Verdict::Dunno;
        }
        let settings = &self.service.settings;
        let text = format!("<{helo}>: {HELO} rejected: {}", unknown(&error, "Host not found"));
        if is_temporary(&error) {
            let refusal = Refusal::new(450, "4.7.1", &text);
            return self.defer_if_permit(settings.unknown_helo_tempfail, Faults::POLICY, refusal);
        }
        let code = settings.codes.unknown_hostname;
        self.reject(Faults::POLICY, Refusal::new(code, "4.7.1", &text))
    }

    /// `reject_unknown_sender_domain`, `reject_unknown_recipient_domain`: neither MX nor address.
    pub(super) async fn reject_unknown_address(
        &mut self,
        mailbox: &str,
        class: &'static str,
    ) -> Result<Verdict, Jump> {
        let route = self.resolve(mailbox, class).await?;
        let Some((_, domain)) = route.recipient.rsplit_once('@') else {
            return Ok(Verdict::Dunno);
        };
        if route.is_final() || (domain.starts_with('[') && domain.ends_with(']')) {
            return Ok(Verdict::Dunno);
        }
        let ascii = address::domain_to_ascii(domain);
        let domain = ascii.as_deref().unwrap_or(domain);
        let resolver = &self.service.resolver;
        let is_sender = class == SENDER;
        let mut result = match resolver.mx(domain).await {
            Ok(found) if found.iter().any(|mx| mx.host.is_empty()) => Err(DnsError::NullMx),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = &result
            && !matches!(error, DnsError::NullMx | DnsError::Invalid(_) | DnsError::Policy)
        {
            let addresses = resolver.addresses(domain, true, true).await.map(|_| ());
            result = better(result, addresses);
        }
        let Err(error) = result else { return Ok(Verdict::Dunno) };
        if error == DnsError::Policy {
            self.log.warning(format_args!("{domain}: MX or address lookup error: {error}"));
            return Ok(Verdict::Dunno);
        }
        if error == DnsError::NullMx {
            let text = format!(
                "<{mailbox}>: {class} rejected: Domain {domain} does not accept mail (nullMX)"
            );
            let (code, dsn) = if is_sender { (550, "4.7.27") } else { (556, "4.1.10") };
            return Ok(self.reject(Faults::POLICY, Refusal::new(code, dsn, &text)));
        }
        let dsn = if is_sender { "4.1.8" } else { "4.1.2" };
        let settings = &self.service.settings;
        let text =
            format!("<{mailbox}>: {class} rejected: {}", unknown(&error, "Domain not found"));
        if is_temporary(&error) {
            let refusal = Refusal::new(450, dsn, &text);
            let action = settings.unknown_address_tempfail;
            return Ok(self.defer_if_permit(action, Faults::POLICY, refusal));
        }
        let code = settings.codes.unknown_address;
        Ok(self.reject(Faults::POLICY, Refusal::new(code, dsn, &text)))
    }
}

/// The outcome of two look-ups: success counts most, then the heavier failure.
fn better(first: Result<(), DnsError>, second: Result<(), DnsError>) -> Result<(), DnsError> {
    match (first, second) {
        (Ok(()), _) | (_, Ok(())) => Ok(()),
        (Err(first), Err(second)) if first.weight() > second.weight() => Err(first),
        (_, second) => second,
    }
}

/// Whether asking later may help.
pub(super) fn is_temporary(error: &DnsError) -> bool {
    matches!(error, DnsError::TryAgain | DnsError::Malformed)
}

fn unknown<'a>(error: &DnsError, words: &'a str) -> &'a str {
    if matches!(error, DnsError::Invalid(_)) { "Malformed DNS server reply" } else { words }
}

/// Without the dot at its end, if there is one and only one.
fn without_final_dot(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some(shorter) if !shorter.is_empty() && !shorter.ends_with('.') => shorter,
        _ => name,
    }
}
