//! What is wrong with restriction lists, in words: for the log when a service starts, and for
//! `postfix check`, which knows file and line of each.

use super::restriction::{Parser, Restriction, Rule};
use super::{check, postscreen};
use crate::config::master_cf::ServiceLine;
use crate::config::{Config, split_list};

/// The parameters that are restriction lists, besides those in smtpd_restriction_classes.
const LISTS: &[&str] = &[
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
    "smtpd_etrn_restrictions",
];

/// All that is wrong in main.cf and in what `services` put over it, with file and line.
pub fn problems(config: &Config, services: &[ServiceLine]) -> Vec<String> {
    let mut found = Vec::new();
    let classes = classes(config);
    for name in LISTS.iter().copied().chain(classes.iter().map(String::as_str)) {
        let place = config.place(name).map(|place| format!("{place}: ")).unwrap_or_default();
        found.extend(in_value(config, &classes, name).map(|text| format!("{place}{text}")));
    }
    let master_cf = config.directory.join("master.cf");
    for service in services.iter().filter(|service| service.program == "smtpd") {
        let view = config.with_overrides(&service.overrides);
        let classes = self::classes(&view);
        for (name, _) in &service.overrides {
            let is_class = classes.iter().any(|class| class == name);
            if LISTS.contains(&name.as_str()) || is_class {
                let place = format!("{}, line {}", master_cf.display(), service.line);
                let texts = in_value(&view, &classes, name);
                found.extend(texts.map(|text| format!("{place}: {text}")));
            }
        }
    }
    found.extend(postscreen::problems(config, services));
    found
}

fn classes(config: &Config) -> Vec<String> {
    let text = config.text(&crate::config::parameters::smtpd_restriction_classes);
    split_list(&text).into_iter().map(str::to_owned).collect()
}

fn in_value(config: &Config, classes: &[String], name: &str) -> std::vec::IntoIter<String> {
    match Parser::for_words(config, classes).parse(&config.value(name)) {
        Ok(list) => in_list(name, &list),
        Err(problem) => vec![format!("{name}: {}", problem.text)],
    }
    .into_iter()
}

/// What is wrong in the list that is the value of `parameter`.
pub fn in_list(parameter: &str, list: &[Restriction]) -> Vec<String> {
    let problems = list.iter().filter_map(problem);
    problems.map(|problem| format!("{parameter} has {problem}")).collect()
}

fn problem(Restriction { word, rule }: &Restriction) -> Option<String> {
    Some(match rule {
        Rule::Unknown => format!("\"{word}\", which is no restriction{}", suggestion(word)),
        Rule::BadTable(argument) if argument == word => {
            format!("\"{word}\" without a table (type:name) behind it")
        }
        Rule::BadTable(argument) => {
            format!("\"{word}\" with \"{argument}\", which is no table (type:name)")
        }
        Rule::BadPolicy => format!("\"{word}\" without transport:server behind it"),
        Rule::BadSleep => format!("\"{word}\" without a number of seconds behind it"),
        Rule::MissingDomain => format!("\"{word}\" without a domain name behind it"),
        Rule::Removed(instead) => {
            format!("\"{word}\", which Postfix 3.9 removed; specify \"{instead}\" instead")
        }
        Rule::DnsList { domain, .. } => {
            let pattern = domain.split_once('=')?.1;
            if check::is_reply_pattern(pattern) {
                return None;
            }
            format!("\"{word} {domain}\", and {pattern} is no pattern for addresses")
        }
        _ => return None,
    })
}

/// `; did you mean …?` for a word that is nearly a restriction; else nothing.
fn suggestion(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    let nearest = NAMES.iter().map(|name| (distance(&lower, name), *name)).min();
    match nearest {
        Some((changes, name)) if changes <= 1 + word.len() / 6 => format!("; did you mean {name}?"),
        _ => String::new(),
    }
}

/// How many letters must be changed, added or removed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, above) in to.bytes().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(a != b)).min(*above + 1).min(left + 1);
            diagonal = *above;
            *above = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(from.len())
}

/// Restrictions that take no argument are known to the parser by name; these are the names that a
/// misspelt one is compared with.
const NAMES: &[&str] = &[
    "check_ccert_access",
    "check_client_a_access",
    "check_client_access",
    "check_client_mx_access",
    "check_client_ns_access",
    "check_etrn_access",
    "check_helo_a_access",
    "check_helo_access",
    "check_helo_mx_access",
    "check_helo_ns_access",
    "check_policy_service",
    "check_recipient_a_access",
    "check_recipient_access",
    "check_recipient_mx_access",
    "check_recipient_ns_access",
    "check_reverse_client_hostname_a_access",
    "check_reverse_client_hostname_access",
    "check_reverse_client_hostname_mx_access",
    "check_reverse_client_hostname_ns_access",
    "check_sasl_access",
    "check_sender_a_access",
    "check_sender_access",
    "check_sender_mx_access",
    "check_sender_ns_access",
    "defer",
    "defer_if_permit",
    "defer_if_reject",
    "defer_unauth_destination",
    "permit",
    "permit_auth_destination",
    "permit_dnswl_client",
    "permit_inet_interfaces",
    "permit_mx_backup",
    "permit_mynetworks",
    "permit_rhswl_client",
    "permit_sasl_authenticated",
    "permit_tls_all_clientcerts",
    "permit_tls_clientcerts",
    "reject",
    "reject_authenticated_sender_login_mismatch",
    "reject_invalid_helo_hostname",
    "reject_known_sender_login_mismatch",
    "reject_multi_recipient_bounce",
    "reject_non_fqdn_helo_hostname",
    "reject_non_fqdn_recipient",
    "reject_non_fqdn_sender",
    "reject_plaintext_session",
    "reject_rbl_client",
    "reject_rhsbl_client",
    "reject_rhsbl_helo",
    "reject_rhsbl_recipient",
    "reject_rhsbl_reverse_client",
    "reject_rhsbl_sender",
    "reject_sender_login_mismatch",
    "reject_unauth_destination",
    "reject_unauth_pipelining",
    "reject_unauthenticated_sender_login_mismatch",
    "reject_unknown_client_hostname",
    "reject_unknown_helo_hostname",
    "reject_unknown_recipient_domain",
    "reject_unknown_reverse_client_hostname",
    "reject_unknown_sender_domain",
    "reject_unlisted_recipient",
    "reject_unlisted_sender",
    "reject_unverified_recipient",
    "reject_unverified_sender",
    "sleep",
    "warn_if_reject",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions() {
        assert_eq!(suggestion("permit_mynetwork"), "; did you mean permit_mynetworks?");
        assert_eq!(suggestion("quite_something_else"), "");
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn problems_in_words() {
        let list = Parser::of_table_value(&[]).parse(
            "permit_mynetwork, sleep x, reject_rbl_client a.example=127.0.0.[1..],\
             reject_rbl_client b.example=127.0.0.[1;3..5] check_maps_rbl reject_maps_rbl",
        );
        let found = in_list("list", &list.unwrap());
        assert_eq!(
            found,
            [
                "list has \"permit_mynetwork\", which is no restriction; did you mean \
                 permit_mynetworks?",
                "list has \"sleep\" without a number of seconds behind it",
                "list has \"x\", which is no restriction",
                "list has \"reject_rbl_client a.example=127.0.0.[1..]\", and 127.0.0.[1..] is no \
                 pattern for addresses",
                "list has \"check_maps_rbl\", which is no restriction",
                "list has \"reject_maps_rbl\", which Postfix 3.9 removed; specify \
                 \"reject_rbl_client domain-name\" instead",
            ]
        );
    }

    #[test]
    fn every_name_is_a_restriction() {
        for name in NAMES {
            let list = Parser::of_table_value(&[]).parse(name).unwrap();
            assert!(!matches!(list.first().unwrap().rule, Rule::Unknown), "{name}");
        }
    }
}
