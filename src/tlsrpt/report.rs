//! The report itself: JSON as RFC 8460 section 4.4 has it.

use serde::Serialize;

use super::totals::{DomainTotals, PolicyTotals};
use crate::ipc::tlsrpt::{Failure, Policy};

/// The time that a report is about, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first second.
    pub start: u64,
    /// Its last second.
    pub end: u64,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    organization_name: String,
    date_range: DateRange,
    contact_info: String,
    report_id: String,
    policies: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    policy: ShownPolicy,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failure_details: Vec<Detail>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownPolicy {
    policy_type: crate::ipc::tlsrpt::PolicyType,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policy_string: Vec<String>,
    policy_domain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mx_host: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    result_type: crate::ipc::tlsrpt::ResultType,
    #[serde(skip_serializing_if = "String::is_empty")]
    sending_mta_ip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    receiving_mx_hostname: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    receiving_mx_helo: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    receiving_ip: String,
    failed_session_count: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    failure_reason_code: String,
}

impl Report {
    /// About one domain, from `organization`, whom `contact` can be asked about.
    pub fn new(
        organization: &str,
        contact: &str,
        id: &str,
        period: Period,
        totals: &DomainTotals,
    ) -> Self {
        Self {
            organization_name: organization.into(),
            date_range: DateRange {
                start_datetime: date_time(period.start),
                end_datetime: date_time(period.end),
            },
            contact_info: contact.into(),
            report_id: id.into(),
            policies: totals.policies.iter().map(Entry::of).collect(),
        }
    }

    /// As it travels, not compressed yet.
    pub fn json(&self) -> Vec<u8> {
        // Strings and numbers alone: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Entry {
    fn of(totals: &PolicyTotals) -> Self {
        let Policy { policy_type, policy_string, policy_domain, mx_host } = totals.policy.clone();
        Self {
            policy: ShownPolicy { policy_type, policy_string, policy_domain, mx_host },
            summary: Summary {
                total_successful_session_count: totals.successes,
                total_failure_session_count: totals.failures,
            },
            failure_details: totals.details.iter().map(Detail::of).collect(),
        }
    }
}

impl Detail {
    fn of((failure, count): &(Failure, u64)) -> Self {
        let failure = failure.clone();
        Self {
            result_type: failure.result_type,
            sending_mta_ip: failure.sending_mta_ip,
            receiving_mx_hostname: failure.receiving_mx_hostname,
            receiving_mx_helo: failure.receiving_mx_helo,
            receiving_ip: failure.receiving_ip,
            failed_session_count: *count,
            failure_reason_code: failure.failure_reason_code,
        }
    }
}

/// RFC 3339, in UTC.
fn date_time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::totals::Totals;
    use super::super::totals::tests::handshake;
    use super::*;
    use crate::ipc::tlsrpt::{PolicyType, ResultType};
    use serde_json::json;

    /// Appendix B of the RFC is the model.
    #[test]
    fn structure() {
        let mut totals = Totals::default();
        let start = 1_459_468_800;
        let mut one = handshake("company-y.example", Some(ResultType::CertificateExpired));
        one.policy.policy_type = PolicyType::Sts;
        one.policy.policy_string = vec!["version: STSv1".into(), "mode: testing".into()];
        one.policy.mx_host = vec!["*.mail.company-y.example".into()];
        totals.add(start, 86_400, one.clone());
        totals.add(start, 86_400, handshake("company-y.example", None));
        one.failure = None;
        totals.add(start, 86_400, one);
        let period = Period { start, end: start + 86_399 };
        let domain = &totals.periods[&start].domains["company-y.example"];
        let contact = "sts-reporting@company-x.example";
        let report = Report::new("Company-X", contact, "5065427c-23d3", period, domain);
        let parsed: serde_json::Value = serde_json::from_slice(&report.json()).unwrap();
        let wanted = json!({
            "organization-name": "Company-X",
            "date-range": {
                "start-datetime": "2016-04-01T00:00:00Z",
                "end-datetime": "2016-04-01T23:59:59Z"
            },
            "contact-info": "sts-reporting@company-x.example",
            "report-id": "5065427c-23d3",
            "policies": [{
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: testing"],
                    "policy-domain": "company-y.example",
                    "mx-host": ["*.mail.company-y.example"]
                },
                "summary": {
                    "total-successful-session-count": 1,
                    "total-failure-session-count": 1
                },
                "failure-details": [{
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "192.0.2.1",
                    "receiving-mx-hostname": "mx.example.net",
                    "receiving-mx-helo": "mx",
                    "receiving-ip": "198.51.100.1",
                    "failed-session-count": 1
                }]
            }, {
                "policy": {
                    "policy-type": "no-policy-found",
                    "policy-domain": "company-y.example"
                },
                "summary": {
                    "total-successful-session-count": 1,
                    "total-failure-session-count": 0
                }
            }]
        });
        assert_eq!(parsed, wanted);
    }
}
