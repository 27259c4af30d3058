//! TLS reports (RFC 8460): for a next hop whose domain asks for it, qmgr hears how handshakes with
//! its servers went, and the log shows what it hears.

use super::attempt::Attempt;
use super::connection::Connection;
use super::encryption::Policy;
use super::settings::Named;
use crate::dns::{Data, Kind, Resolver, Search};
use crate::ipc::tlsrpt::{Failure, Handshake, Policy as Reported, PolicyType, ResultType};
use crate::log::Log;
use crate::mail::{address, hostname};
use crate::tls::Trouble;
use crate::wire::tlsrpt;

/// The parameters of one line.
#[derive(Clone, Debug, Default)]
pub struct Reporting {
    /// `smtp_tlsrpt_enable`
    enabled: bool,
    /// `smtp_tlsrpt_skip_reused_handshakes`
    skips_resumed: bool,
    /// What is odd about them, for the log.
    pub complaint: Option<String>,
}

/// What is reported about one next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    domain: String,
    record: String,
    /// For the server that is being tried.
    policy: Option<Reported>,
    /// One report is enough for one server.
    told: bool,
}

impl Reporting {
    /// Reads them. Without DNS, or without TLS, there is nothing to report.
    pub(super) fn read(named: &Named<'_>, may_encrypt: bool, no_dns: bool) -> Self {
        let enabled = named.bool("tlsrpt_enable");
        let prefix = named.prefix;
        let socket = named.text("tlsrpt_socket_name");
        let complaint = match enabled {
            true if no_dns => Some("Cannot enable TLSRPT support: DNS is disabled".to_owned()),
            true if !socket.is_empty() => Some(format!(
                "{prefix}_tlsrpt_socket_name = {socket}: reports are made and sent here, the \
                 collector at that socket hears nothing"
            )),
            _ => None,
        };
        Self {
            enabled: enabled && may_encrypt && !no_dns && prefix == "smtp",
            skips_resumed: named.bool("tlsrpt_skip_reused_handshakes"),
            complaint,
        }
    }

    /// Whom reports about a next hop are for; none if nobody wants any.
    pub async fn begin(
        &self,
        resolver: &Resolver,
        attempt: &Attempt<'_>,
        nexthop: &str,
    ) -> Option<Box<Subject>> {
        // Mail that needs no TLS says nothing about it; reports themselves are such mail.
        if !self.enabled || attempt.needs_no_tls() || hostname::address(nexthop).is_some() {
            return None;
        }
        let domain = address::domain_to_ascii(nexthop)?.to_ascii_lowercase();
        let record = find(resolver, attempt.log, &domain).await?;
        Some(Box::new(Subject { domain, record, policy: None, told: false }))
    }
}

/// The TLSRPT record of a domain.
async fn find(resolver: &Resolver, log: &Log, domain: &str) -> Option<String> {
    let name = format!("_smtp._tls.{domain}");
    let records = match resolver.look_up(&name, Kind::Txt, Search::default()).await {
        Ok(records) => records,
        Err(failed) => {
            if failed.error.weight() > 1 {
                log.warning(format_args!(
                    "TLSRPT support: policy lookup failed for {domain}: {failed}"
                ));
            }
            return None;
        }
    };
    let texts = records.iter().filter_map(|record| match &record.data {
        Data::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let record = match tlsrpt::choose(texts) {
        Ok(record) => record,
        Err(tlsrpt::BadRecord::None) => return None,
        Err(why) => {
            log.warning(format_args!("TLSRPT support: ignoring policy of {domain}: {why}"));
            return None;
        }
    };
    if let Err(why) = tlsrpt::Record::parse(record) {
        log.warning(format_args!("TLSRPT support: ignoring policy of {domain}: {why}"));
        return None;
    }
    Some(record.to_owned())
}

/// A server is going to be tried, by this policy.
pub fn server(attempt: &mut Attempt<'_>, policy: &Policy) {
    let Some(subject) = &mut attempt.tlsrpt else { return };
    subject.told = false;
    let domain = &subject.domain;
    subject.policy = Some(match (&policy.dane, &policy.sts) {
        (Some(records), _) => Reported {
            policy_type: PolicyType::Tlsa,
            policy_string: records.records.iter().map(ToString::to_string).collect(),
            policy_domain: records.base.clone(),
            mx_host: Vec::new(),
        },
        (None, Some(sts)) => Reported {
            policy_type: PolicyType::Sts,
            policy_string: sts.lines.clone(),
            policy_domain: match sts.domain.as_str() {
                "" => domain.clone(),
                named => named.to_owned(),
            },
            mx_host: sts.exchangers.clone(),
        },
        (None, None) => Reported {
            policy_type: PolicyType::NoPolicyFound,
            policy_string: Vec::new(),
            policy_domain: domain.clone(),
            mx_host: Vec::new(),
        },
    });
}

/// The handshake succeeded. `resumed`: it was no new one.
pub fn success(attempt: &mut Attempt<'_>, connection: &Connection, resumed: bool) {
    tell(attempt, connection, None, resumed);
}

/// There was no handshake, or it failed. `reason` is what more there is to say.
pub fn failure(
    attempt: &mut Attempt<'_>,
    connection: &Connection,
    result: ResultType,
    reason: &str,
) {
    tell(attempt, connection, Some((result, reason)), false);
}

/// The server's certificate is not what it should be.
pub fn unverified(attempt: &mut Attempt<'_>, connection: &Connection) {
    let peer = connection.tls.as_ref().and_then(|tls| tls.peer.as_ref());
    let (result, reason) = match peer.map(|peer| (peer.trusted, peer.trouble)) {
        Some((true, _)) => (ResultType::CertificateHostMismatch, ""),
        Some((false, Trouble::Expired)) => {
            (ResultType::CertificateExpired, "certificate_has_expired")
        }
        Some((false, Trouble::SelfSigned)) => {
            (ResultType::ValidationFailure, "self-signed_certificate")
        }
        Some((false, Trouble::Issuer)) => {
            (ResultType::ValidationFailure, "unable_to_get_local_issuer_certificate")
        }
        Some((false, Trouble::Other)) => (ResultType::ValidationFailure, ""),
        Some((false, Trouble::None | Trouble::Policy)) | None => {
            (ResultType::CertificateNotTrusted, "")
        }
    };
    failure(attempt, connection, result, reason);
}

fn tell(
    attempt: &mut Attempt<'_>,
    connection: &Connection,
    failed: Option<(ResultType, &str)>,
    resumed: bool,
) {
    let skips = attempt.settings.reporting.skips_resumed;
    let Some(subject) = &mut attempt.tlsrpt else { return };
    let Some(policy) = subject.policy.clone() else { return };
    if std::mem::replace(&mut subject.told, true) || (resumed && skips) {
        return;
    }
    let peer = &connection.peer;
    let (domain, record) = (subject.domain.clone(), subject.record.clone());
    let server = &peer.name;
    match failed {
        None => attempt
            .log
            .info(format_args!("TLSRPT: status=success, domain={domain}, receiving_mx={server}")),
        Some((result, reason)) => {
            let colon = if reason.is_empty() { "" } else { ", failure_reason=" };
            attempt.log.info(format_args!(
                "TLSRPT: status=failure, domain={domain}, receiving_mx={server}, \
                 failure_type={}{colon}{reason}",
                result.log_name()
            ));
        }
    }
    let failure = failed.map(|(result_type, reason)| Failure {
        result_type,
        sending_mta_ip: connection.own.map(|own| own.to_string()).unwrap_or_default(),
        receiving_mx_hostname: peer.host.clone(),
        receiving_mx_helo: connection.helo.clone(),
        receiving_ip: peer.address.clone(),
        failure_reason_code: reason.to_owned(),
    });
    attempt.reporter().handshake(Handshake { domain, record, policy, failure });
}
