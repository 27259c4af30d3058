//! What smtp tells qmgr about handshakes with servers of domains that want TLS reports
//! (RFC 8460).

use serde::{Deserialize, Serialize};

/// One handshake, or one that could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The recipient domain, in ASCII.
    pub domain: String,
    /// Its TLSRPT record, as it stands in DNS.
    pub record: String,
    /// By which policy the server was judged.
    pub policy: Policy,
    /// Why it failed; none if it did not.
    pub failure: Option<Failure>,
}

/// The policy of a domain (RFC 8460 section 4.4, `policy`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    /// Of which kind.
    pub policy_type: PolicyType,
    /// Its text: TLSA records, lines of an MTA-STS policy.
    #[serde(default)]
    pub policy_string: Vec<String>,
    /// The domain that has it.
    pub policy_domain: String,
    /// Patterns of exchangers (MTA-STS).
    #[serde(default)]
    pub mx_host: Vec<String>,
}

/// Kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyType {
    /// DANE
    Tlsa,
    /// MTA-STS
    Sts,
    /// The domain has none.
    NoPolicyFound,
}

/// A failure: what is the same counts together (RFC 8460 section 4.4, `failure-details`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// What failed.
    pub result_type: ResultType,
    /// Our address.
    pub sending_mta_ip: String,
    /// The server's name in DNS.
    pub receiving_mx_hostname: String,
    /// What the server calls itself.
    pub receiving_mx_helo: String,
    /// Its address.
    pub receiving_ip: String,
    /// More, in words of ours; may be empty.
    pub failure_reason_code: String,
}

/// What failed (RFC 8460 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names of RFC 8460 section 4.3")]
pub enum ResultType {
    StarttlsNotSupported,
    CertificateHostMismatch,
    CertificateExpired,
    CertificateNotTrusted,
    ValidationFailure,
    TlsaInvalid,
    DnssecInvalid,
    DaneRequired,
    StsPolicyFetchError,
    StsPolicyInvalid,
    StsWebpkiInvalid,
}

impl ResultType {
    /// As Postfix logs it.
    pub const fn log_name(self) -> &'static str {
        match self {
            Self::StarttlsNotSupported => "starttls_not_supported",
            Self::CertificateHostMismatch => "certificate_host_mismatch",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateNotTrusted => "certificate_not_trusted",
            Self::ValidationFailure => "validation_failure",
            Self::TlsaInvalid => "tlsa_invalid",
            Self::DnssecInvalid => "dnssec_invalid",
            Self::DaneRequired => "dane_required",
            Self::StsPolicyFetchError => "sts_policy_fetch_error",
            Self::StsPolicyInvalid => "sts_policy_invalid",
            Self::StsWebpkiInvalid => "sts_webpki_invalid",
        }
    }

    /// By its name in an MTA-STS plug-in's `policy_failure=`.
    pub fn of_policy(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "sts-policy-fetch-error" => Some(Self::StsPolicyFetchError),
            "sts-policy-invalid" => Some(Self::StsPolicyInvalid),
            "sts-webpki-invalid" => Some(Self::StsWebpkiInvalid),
            "validation-failure" => Some(Self::ValidationFailure),
            _ => None,
        }
    }
}
