//! What is wrong with the parameters of postscreen, in words: for `postfix check`, which knows file
//! and line of each.

use super::access;
use super::settings::penalty;
use super::sites::Sites;
use crate::config::master_cf::{ServiceLine, SocketKind};
use crate::config::parameter::Parameter;
use crate::config::parameter::kinds::Text;
use crate::config::{Config, parameters as p, split_list};
use crate::smtpd::keyword::Keywords;

/// The parameters that name an action.
const ACTIONS: &[&Parameter<Text>] = &[
    &p::postscreen_denylist_action,
    &p::postscreen_greet_action,
    &p::postscreen_dnsbl_action,
    &p::postscreen_pipelining_action,
    &p::postscreen_non_smtp_command_action,
    &p::postscreen_bare_newline_action,
];

/// All that is wrong where a line of master.cf asks for postscreen.
pub fn problems(config: &Config, services: &[ServiceLine]) -> Vec<String> {
    let mut found = Vec::new();
    let master_cf = config.directory.join("master.cf");
    for line in services.iter().filter(|line| line.program == "postscreen") {
        let view = config.with_overrides(&line.overrides);
        let here = format!("{}, line {}", master_cf.display(), line.line);
        for (name, text) in values(&view) {
            let own = line.overrides.iter().any(|(overridden, _)| overridden == name);
            let place = if own { Some(here.clone()) } else { config.place(name) };
            let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
            let text = format!("{place}{text}");
            if !found.contains(&text) {
                found.push(text);
            }
        }
        let name = view.text(&p::smtpd_service_name);
        let is_target = |other: &&ServiceLine| other.name == name && other.program == "smtpd";
        match services.iter().find(is_target) {
            Some(target) if target.kind == SocketKind::Pass => {}
            _ => found.push(format!(
                "{here}: clients that pass postscreen find nobody: there is no line \
                 \"{name} pass - - n - - smtpd\" (smtpd_service_name = {name})"
            )),
        }
    }
    found
}

/// The parameters that have a wrong value, with what is wrong.
fn values(config: &Config) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for parameter in ACTIONS {
        if let Err(text) = penalty(config, parameter) {
            let hint = "expected ignore, enforce or drop";
            found.push((parameter.name, format!("{text}; {hint}")));
        }
    }
    let mut add = |parameter: &Parameter<Text>, text: String| found.push((parameter.name, text));
    let list = &p::postscreen_dnsbl_sites;
    if let Err(text) = Sites::parse(&config.text(list)) {
        add(list, format!("{}: {text}", list.name));
    }
    let list = &p::postscreen_access_list;
    for word in split_list(&config.text(list)) {
        if !access::is_known(word) {
            add(
                list,
                format!(
                    "{} has \"{word}\", which is neither a table nor permit_mynetworks, permit, \
                     reject or dunno",
                    list.name
                ),
            );
        }
    }
    let words = &p::postscreen_discard_ehlo_keywords;
    for word in Keywords::parse(&config.text(words)).1 {
        add(words, format!("{} has \"{word}\", which is no EHLO keyword", words.name));
    }
    let proxy = &p::postscreen_upstream_proxy_protocol;
    let value = config.text(proxy);
    if !["", "haproxy"].contains(&value.as_str()) {
        add(proxy, format!("unsupported {} value: {value}", proxy.name));
    }
    let threshold = config.int(&p::postscreen_dnsbl_allowlist_threshold);
    if threshold > 0 {
        let name = p::postscreen_dnsbl_allowlist_threshold.name;
        found.push((
            name,
            format!("{name} = {threshold} is above zero: no client is allowed by DNS lists"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn check(main_cf: &str, master_cf: &str) -> Vec<String> {
        let sources = Sources {
            directory: "/etc/postfix".into(),
            main_cf: main_cf.into(),
            master_cf: master_cf.into(),
        };
        let config = crate::config::Config::parse(&sources).unwrap();
        let services = config.services(&sources, |_| {}).unwrap();
        problems(&config, &services)
    }

    const PASS: &str = "smtpd pass - - n - - smtpd\n";

    #[test]
    fn nothing_is_said_where_nobody_asks() {
        assert_eq!(check("postscreen_greet_action = explode\n", PASS), [""; 0]);
        let line = format!("smtp inet n - n - 1 postscreen\n{PASS}");
        assert_eq!(check("", &line), [""; 0]);
    }

    #[test]
    fn wrong_values_have_a_place() {
        let main_cf = "postscreen_greet_action = explode\n\
                       postscreen_dnsbl_sites = bl.example*two\n\
                       postscreen_access_list = permit_mynetwork, cidr:/x\n";
        let line = format!(
            "smtp inet n - n - 1 postscreen -o postscreen_dnsbl_allowlist_threshold=3\n{PASS}"
        );
        assert_eq!(
            check(main_cf, &line),
            [
                "/etc/postfix/main.cf, line 1: bad postscreen_greet_action value: explode; \
                 expected ignore, enforce or drop",
                "/etc/postfix/main.cf, line 2: postscreen_dnsbl_sites: bad DNSBL weight factor \
                 \"two\" in \"bl.example*two\"",
                "/etc/postfix/main.cf, line 3: postscreen_access_list has \"permit_mynetwork\", \
                 which is neither a table nor permit_mynetworks, permit, reject or dunno",
                "/etc/postfix/master.cf, line 1: postscreen_dnsbl_allowlist_threshold = 3 is \
                 above zero: no client is allowed by DNS lists",
            ]
        );
    }

    #[test]
    fn a_service_behind_it_is_needed() {
        let found = check("", "smtp inet n - n - 1 postscreen\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("smtpd pass - - n - - smtpd"), "{found:?}");
    }
}
