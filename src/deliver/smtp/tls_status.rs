//! `tls=` of the delivery line: which encryption was wanted, what came of it, and whether that was
//! good enough (`smtp_log_tls_feature_status`).
//!
//! `tls=may:none` for example: encryption was welcome, there was none, and none was needed;
//! `tls=dane/!requiretls:none`: the server's lack of REQUIRETLS kept the message from being sent.

use crate::tls::words::Level;

/// What a level is called where it could not be found out.
const UNKNOWN: &str = "unknown";

/// The state of both features for the server that is being tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsStatus {
    level: Option<Feature>,
    require_tls: Option<Feature>,
}

/// What became of one feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Feature {
    wanted: &'static str,
    got: &'static str,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Undecided,
    Kept,
    Violated,
}

/// How REQUIRETLS was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireTls {
    /// Announced on a connection with a matching certificate.
    Met,
    /// No certificate matched, or none had to.
    NoMatch,
    /// The server does not know STARTTLS, or refused it.
    NoStarttls,
    /// Our own policy encrypts nothing.
    NoEncryption,
    /// The server does not know REQUIRETLS.
    Unknown,
}

impl RequireTls {
    const fn name(self) -> &'static str {
        match self {
            Self::Met => "requiretls",
            Self::NoMatch => "nocertmatch",
            Self::NoStarttls => "nostarttls",
            Self::NoEncryption => "noencryption",
            Self::Unknown => "none",
        }
    }
}

impl Feature {
    const fn begin(wanted: &'static str) -> Self {
        Self { wanted, got: wanted, verdict: Verdict::Undecided }
    }

    fn decide(feature: &mut Option<Self>, got: &'static str, good: bool) {
        if let Some(feature) = feature {
            feature.got = got;
            feature.verdict = if good { Verdict::Kept } else { Verdict::Violated };
        }
    }

    fn append(self, out: &mut String) {
        if !out.is_empty() {
            out.push('/');
        }
        if self.verdict == Verdict::Violated {
            out.push('!');
        }
        out.push_str(self.wanted);
        if self.got != self.wanted {
            out.push(':');
            out.push_str(self.got);
        }
        if self.verdict == Verdict::Undecided {
            out.push('?');
        }
    }
}

impl TlsStatus {
    /// A server is going to be tried; no level: its policy could not be found out.
    pub fn begin(level: Option<Level>, require_tls: bool) -> Self {
        Self {
            level: Some(Feature::begin(level.map_or(UNKNOWN, Level::name))),
            require_tls: require_tls.then_some(Feature::begin(RequireTls::Met.name())),
        }
    }

    /// The level that was reached, and whether that is good enough.
    pub fn level(&mut self, level: Level, good: bool) {
        self.level_named(level.name(), good);
    }

    /// The same for a level that only a handshake can come to.
    pub fn level_named(&mut self, name: &'static str, good: bool) {
        Feature::decide(&mut self.level, name, good);
    }

    /// What came of REQUIRETLS, if it was asked for, and whether that is good enough.
    pub fn require_tls(&mut self, got: RequireTls, good: bool) {
        Feature::decide(&mut self.require_tls, got.name(), good);
    }

    /// As the log shows it; empty if no server was ever tried.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for feature in [self.level, self.require_tls].into_iter().flatten() {
            feature.append(&mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_as_postfix_shows_them() {
        assert_eq!(TlsStatus::default().text(), "");
        let mut status = TlsStatus::begin(Some(Level::May), false);
        assert_eq!(status.text(), "may?");
        status.level(Level::None, true);
        status.require_tls(RequireTls::Met, true);
        assert_eq!(status.text(), "may:none");
        let mut status = TlsStatus::begin(Some(Level::Secure), true);
        status.level(Level::Secure, true);
        status.require_tls(RequireTls::Met, true);
        assert_eq!(status.text(), "secure/requiretls");
        status.require_tls(RequireTls::Unknown, false);
        assert_eq!(status.text(), "secure/!requiretls:none");
        assert_eq!(TlsStatus::begin(None, true).text(), "unknown?/requiretls?");
    }
}
