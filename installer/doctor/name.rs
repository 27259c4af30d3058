//! The name of this machine, and what DNS says about it.

use std::net::IpAddr;

use postfix_rs::config::parameters as p;
use postfix_rs::sys::netdb::{self, NetdbErrorKind};

use super::{Finding, Patient, Severity, finding};
use crate::hostname::{self, Fqdn, Names};

const FIX: &str = "postfix-installer configure --hostname FQDN, or --myhostname FQDN";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let machine = &patient.context.machine;
    let names = Names::of(machine);
    let mut findings = Vec::new();
    let set = patient.config.literal("myhostname").is_some();
    if !set && let Err(why) = hostname::find(machine, &names) {
        let text = format!("no fully qualified name: {why}");
        findings.push(finding("name", Severity::Problem, text, FIX));
        return findings;
    }
    if !set && !machine.is_live() {
        return findings; // the name is that of another machine
    }
    let text = patient.config.text(&p::myhostname);
    let name = match Fqdn::parse(&text) {
        Ok(name) => name,
        Err(why) => {
            let text = format!("myhostname {why}");
            findings.push(finding("name", Severity::Problem, text, FIX));
            return findings;
        }
    };
    if machine.is_live() && !patient.offline {
        resolves(&name, &names, &mut findings);
        reverse(&name, &mut findings);
    }
    findings
}

fn resolves(name: &Fqdn, names: &Names, findings: &mut Vec<Finding>) {
    match netdb::addresses(name.as_str(), true, true) {
        Err(error) if error.kind == NetdbErrorKind::TryAgain => {
            let text = format!("DNS does not answer: {}", error.text);
            let fix = "look at /etc/resolv.conf: without DNS no mail leaves this machine";
            findings.push(finding("name", Severity::Problem, text, fix));
        }
        _ => {
            if let Err(why) = names.lead_here(name) {
                let fix = "add the name to DNS, or, for a machine behind an address of its router's, leave it";
                findings.push(finding("name", Severity::Warning, why, fix));
            }
        }
    }
}

/// Servers ask for the name behind an address, and refuse mail when there is none.
fn reverse(name: &Fqdn, findings: &mut Vec<Finding>) {
    for address in hostname::own_addresses().into_iter().filter(is_public) {
        let Ok(found) = netdb::name(address) else {
            let text = format!("{address} has no name in DNS (PTR)");
            let fix = format!("have whoever gave you the address point it to {name}");
            findings.push(finding("name", Severity::Warning, text, fix));
            continue;
        };
        if !found.eq_ignore_ascii_case(name.as_str()) {
            let text = format!("{address} is {found} in DNS, but mail says {name}");
            let fix = format!("make them agree: a PTR record {name}, or myhostname = {found}");
            findings.push(finding("name", Severity::Note, text, fix));
        }
    }
}

/// Whether other machines see that address.
pub(super) fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            !(four.is_loopback()
                || four.is_private()
                || four.is_link_local()
                || four.is_unspecified())
        }
        IpAddr::V6(six) => {
            let first = six.segments().first().copied().unwrap_or_default();
            !(six.is_loopback() || first & 0xffc0 == 0xfe80 || first & 0xfe00 == 0xfc00)
        }
    }
}
