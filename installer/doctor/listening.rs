//! Does it run, and does it serve port 25?

use std::net::TcpStream;
use std::time::Duration;

use super::{Finding, Patient, Severity, finding};
use crate::conflict;
use crate::{service, status};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let machine = &patient.context.machine;
    if !service::is_enabled(machine) && machine.is_system() {
        let fix = "postfix-installer first-start --enable";
        findings.push(finding("listening", Severity::Note, "it is not started at boot", fix));
    }
    if !machine.is_live() {
        return findings;
    }
    if !status::is_running() {
        let fix = "postfix-installer first-start, or postfix start";
        let text = "the mail system does not run";
        findings.push(finding("listening", Severity::Problem, text, fix));
        return findings;
    }
    findings.extend(replaced(patient));
    let wants_25 = patient.smtpd().any(|service| {
        let port = service.name.rsplit(':').next().unwrap_or_default();
        matches!(port, "smtp" | "25")
    });
    let listeners = conflict::port_25();
    if wants_25 && !listeners.iter().any(|listener| listener.ours) {
        let text = match listeners.first().and_then(|listener| listener.process.clone()) {
            Some((pid, name)) => {
                format!("port 25 is served by {name}, process {pid}, not by postfix-rs")
            }
            None if machine.privileged => "nobody serves port 25".to_owned(),
            None => return findings, // others' processes cannot be seen
        };
        let fix = "stop the other program, then: postfix reload; the mail log says why it failed";
        findings.push(finding("listening", Severity::Problem, text, fix));
    }
    for listener in listeners.iter().filter(|listener| listener.ours) {
        let address = if listener.address.is_unspecified() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            listener.address
        };
        if let Err(e) = TcpStream::connect_timeout(&(address, 25).into(), Duration::from_secs(5)) {
            let text = format!("{address} port 25 cannot be reached: {e}");
            let fix = "look at the packet filter of this machine";
            findings.push(finding("listening", Severity::Problem, text, fix));
        }
    }
    findings
}

/// Programs that were replaced while they run go on as they were.
fn replaced(patient: &Patient<'_>) -> Option<Finding> {
    let pid = postfix_rs::master::pid_of_master(&patient.config.queue_directory())?;
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    program.to_string_lossy().ends_with(" (deleted)").then(|| {
        let text = "the programs have been replaced since the mail system was started";
        let fix = "restart it: postfix stop; postfix start, or with the service manager";
        finding("listening", Severity::Warning, text, fix)
    })
}
