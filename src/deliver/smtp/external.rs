//! What an MTA-STS plug-in says about a destination in a policy table, besides what is to be done.

/// An MTA-STS policy, as TLS reports show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// The domain that has it; empty: the next hop.
    pub domain: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// Patterns of its exchangers.
    pub exchangers: Vec<String>,
}

/// Attributes of an MTA-STS plug-in.
#[derive(Debug, Default)]
pub(super) struct External {
    pub(super) kind: Option<String>,
    pub(super) exchangers: Vec<String>,
    pub(super) failure: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) lines: Vec<String>,
    pub(super) any_other: bool,
}

impl External {
    /// Whether there are attributes of a plug-in that has not said that it is one.
    pub(super) fn lacks_type(&self) -> bool {
        let any = self.any_other || !self.exchangers.is_empty() || self.failure.is_some();
        self.kind.is_none() && any
    }

    /// The policy, for reports.
    pub(super) fn sts(self) -> Option<Sts> {
        let is_sts = self.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("sts"));
        let domain = self.domain.unwrap_or_default();
        is_sts.then_some(Sts { domain, lines: self.lines, exchangers: self.exchangers })
    }
}
