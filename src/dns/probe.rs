//! `dnssec_probe`: when no answer has been validated so far, one question shows whether the name
//! servers of this system validate at all.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{DnsError, Kind, Search, Shared};
use crate::mail::hostname;

/// What is asked, and whether there is still a reason to.
#[derive(Debug, Default)]
pub struct Probe {
    /// The text of the parameter, and what it means; nothing is asked without.
    question: Option<(String, Kind, String)>,
    /// An answer has been validated, or the question has been asked.
    done: AtomicBool,
    available: AtomicBool,
}

impl Probe {
    /// Parses `type:name`; empty asks nothing. The error text is for the log.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parsed = text.split_once(':').and_then(|(kind, name)| {
            let is_name = name == "." || hostname::check_in_dns(name).is_ok();
            Some((text.to_owned(), Kind::parse(kind)?, name.to_owned())).filter(|_| is_name)
        });
        match parsed {
            Some(question) => Ok(Self { question: Some(question), ..Self::default() }),
            None => Err(format!("malformed dnssec_probe value: {text} format is qtype:qname")),
        }
    }

    /// An answer has been validated.
    pub(super) fn succeeded(&self) {
        self.available.store(true, Ordering::Relaxed);
        self.done.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// Asks once, if that has not become needless.
    pub(super) async fn probe(&self) {
        let Some((text, kind, name)) = &self.probe.question else { return };
        if self.probe.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let search = Search { dnssec: true, ..Search::default() };
        let asked = Box::pin(self.follow(name, *kind, search, &mut None)).await;
        let Some(log) = &self.log else { return };
        if self.probe.available.load(Ordering::Relaxed) {
            if log.verbose() > 0 {
                log.info(format_args!(
                    "dnssec_probe '{text}' received a response that is DNSSEC validated"
                ));
            }
            return;
        }
        log.warning(format_args!("DNSSEC validation may be unavailable"));
        match asked {
            Err(failed)
                if matches!(failed.error, DnsError::TryAgain | DnsError::NonRecoverable) =>
            {
                log.warning(format_args!(
                    "reason: dnssec_probe '{text}' received no response: {failed}"
                ));
            }
            _ => log.warning(format_args!(
                "reason: dnssec_probe '{text}' received a response that is not DNSSEC validated"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        assert!(Probe::parse("").unwrap().question.is_none());
        let (_, kind, name) = Probe::parse("ns:.").unwrap().question.unwrap();
        assert_eq!((kind, name.as_str()), (Kind::Ns, "."));
        let (_, kind, name) = Probe::parse("TLSA:_25._tcp.example.com").unwrap().question.unwrap();
        assert_eq!((kind, name.as_str()), (Kind::Tlsa, "_25._tcp.example.com"));
        for bad in ["ns", "ns:", "nonsense:.", ":example.com", "a:-x"] {
            let complaint = Probe::parse(bad).unwrap_err();
            assert!(complaint.starts_with(&format!("malformed dnssec_probe value: {bad} ")));
        }
    }
}
