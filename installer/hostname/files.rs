//! The files in which a system keeps its name: conf.d/hostname and conf.d/net with OpenRC,
//! /etc/hostname elsewhere, and the hosts file where nobody else knows the name.

use std::path::Path;

use super::{Fqdn, Names};
use crate::machine::{Init, Machine};
use crate::plan::{Draft, Owner, Role, Source};

/// Address under which a machine without a fixed one knows its own name.
const OWN: &str = "127.0.1.1";

/// Steps after which the system has that name. What says so already is not touched.
pub fn plan(draft: &mut Draft<'_>, machine: &Machine, names: &Names, name: &Fqdn) {
    match machine.init {
        Init::OpenRc => {
            change(draft, machine, "/etc/conf.d/hostname", |text| {
                let now = shell_value(text, "hostname");
                match now {
                    Some(now) if now == name.short() || now == name.as_str() => text.to_owned(),
                    _ => set_shell_value(text, "hostname", name.short()),
                }
            });
            change(draft, machine, "/etc/conf.d/net", |text| match domain_value(text) {
                Some((_, domain)) if domain == name.domain() => text.to_owned(),
                Some((variable, _)) => set_shell_value(text, &variable, name.domain()),
                None => set_shell_value(text, "dns_domain_lo", name.domain()),
            });
        }
        Init::Systemd | Init::None => change(draft, machine, "/etc/hostname", |text| {
            let mut lines = text.lines().map(str::trim);
            match lines.find(|line| !line.is_empty() && !line.starts_with('#')) {
                Some(now) if now == name.short() || now == name.as_str() => text.to_owned(),
                Some(now) => text.replacen(now, name.short(), 1),
                None => format!("{text}{}\n", name.short()),
            }
        }),
    }
    if names.canonical(name.short()).as_deref() != Some(name.as_str()) {
        change(draft, machine, "/etc/hosts", |text| hosts(text, name));
    }
    now(draft, machine, name);
}

/// The running system gets its name at once.
fn now(draft: &mut Draft<'_>, machine: &Machine, name: &Fqdn) {
    if !machine.is_live() {
        return;
    }
    let old = super::names::own_name(machine).unwrap_or_default();
    if old == name.short() || old == name.as_str() {
        return;
    }
    if machine.tool("hostname").is_some() {
        let undo: &[&str] = &["hostname", &old];
        draft.run(&["hostname", name.short()], "from now on", Some(undo), Role::State);
    } else {
        draft.note("the program hostname is not here: the name holds from the next boot on");
    }
}

fn change(draft: &mut Draft<'_>, machine: &Machine, path: &str, to: impl FnOnce(&str) -> String) {
    let role = Role::Configuration;
    match std::fs::read(machine.root.at(path)) {
        Ok(before) => match std::str::from_utf8(&before) {
            Ok(text) => {
                let after = to(text).into_bytes();
                draft.edit(Path::new(path), &before, after, false, role);
            }
            Err(_) => draft.note(format!("{path} is not UTF-8: it is left alone")),
        },
        Err(_) => {
            let source = Source::Bytes(to("").into_bytes());
            draft.file(Path::new(path), source, 0o644, Owner::root(), role);
        }
    }
}

/// The value of a shell variable that a line assigns; the last one counts.
pub(super) fn shell_value(text: &str, variable: &str) -> Option<String> {
    text.lines().rev().find_map(|line| assigned(line, variable).map(str::to_owned))
}

fn assigned<'l>(line: &'l str, variable: &str) -> Option<&'l str> {
    let value = line.trim_start().strip_prefix(variable)?.strip_prefix('=')?.trim_end();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next()?,
        _ => value.split([' ', '\t', '#', ';']).next()?,
    };
    Some(value)
}

/// The variable of conf.d/net that names a domain, and the domain: for an interface, or for all.
pub(super) fn domain_value(text: &str) -> Option<(String, String)> {
    text.lines().rev().find_map(|line| {
        let variable = line.trim_start().split('=').next()?;
        let known = variable == "dns_domain" || variable.starts_with("dns_domain_");
        let value = assigned(line, variable).filter(|value| known && !value.is_empty())?;
        Some((variable.to_owned(), value.to_owned()))
    })
}

/// Assigns a shell variable: where it is assigned, or at the end. What follows on the line stays.
fn set_shell_value(text: &str, variable: &str, value: &str) -> String {
    let new = format!("{variable}=\"{value}\"");
    let place =
        text.lines().collect::<Vec<_>>().iter().rposition(|l| assigned(l, variable).is_some());
    let mut result = String::with_capacity(text.len() + new.len() + 1);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if Some(number) != place {
            result.push_str(line);
            continue;
        }
        let comment = line.find(" #").and_then(|at| line.get(at..)).unwrap_or("\n");
        result.push_str(&new);
        result.push_str(comment);
    }
    if place.is_none() {
        if !result.is_empty() && !result.ends_with('\n') {
            result.push('\n');
        }
        result.push_str(&new);
        result.push('\n');
    }
    result
}

/// Makes the full name the first one wherever the short one stands; where it stands nowhere, there
/// is a new line.
fn hosts(text: &str, name: &Fqdn) -> String {
    let mut found = false;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let (entry, comment) = match line.find('#') {
            Some(at) => line.split_at(at),
            None => (line, ""),
        };
        let mut words = entry.split_whitespace();
        let (address, others): (Option<&str>, Vec<&str>) = (words.next(), words.collect());
        let ours = |word: &&str| *word == name.short() || *word == name.as_str();
        let own_line = address == Some(OWN);
        let Some(address) = address.filter(|_| own_line || others.iter().any(ours)) else {
            lines.push(line.to_owned());
            continue;
        };
        found = true;
        // 127.0.1.1 is for this machine's name alone: an old one goes.
        let rest = others.into_iter().filter(|word| !own_line && !ours(word));
        let names: Vec<&str> = [name.as_str(), name.short()].into_iter().chain(rest).collect();
        let space = if comment.is_empty() { "" } else { " " };
        lines.push(format!("{address}\t{}{space}{comment}", names.join(" ")));
    }
    if !found {
        let after = lines.iter().position(|line| line.starts_with("127.0.0.1"));
        let place = after.map_or(0, |place| place + 1);
        if lines.is_empty() {
            lines.push("127.0.0.1\tlocalhost".to_owned());
            lines.push("::1\tlocalhost".to_owned());
        }
        lines.insert(
            place.max(usize::from(after.is_none() && !text.is_empty())).min(lines.len()),
            format!("{OWN}\t{name} {}", name.short()),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Fqdn {
        Fqdn::parse("mail.example.com").unwrap()
    }

    #[test]
    fn shell_variables() {
        let text = "# Set to the hostname of this machine\nhostname=\"localhost\" # yes\nx=1\n";
        assert_eq!(shell_value(text, "hostname").as_deref(), Some("localhost"));
        assert_eq!(
            set_shell_value(text, "hostname", "mail"),
            "# Set to the hostname of this machine\nhostname=\"mail\" # yes\nx=1\n"
        );
        assert_eq!(set_shell_value("a=b", "hostname", "mail"), "a=b\nhostname=\"mail\"\n");
        assert_eq!(
            shell_value("hostname=a b\nhostname='c'\n#hostname=d", "hostname").unwrap(),
            "c"
        );
        let net = "config_eth0=\"dhcp\"\ndns_domain_eth0=\"old.example\"\n";
        assert_eq!(domain_value(net).unwrap().0, "dns_domain_eth0");
        assert_eq!(domain_value("#dns_domain=x\n"), None);
    }

    #[test]
    fn hosts_files() {
        for (before, after) in [
            ("127.0.0.1\tlocalhost\n", "127.0.0.1\tlocalhost\n127.0.1.1\tmail.example.com mail\n"),
            (
                "127.0.0.1 localhost\n127.0.1.1 old.domain old # me\n::1 localhost\n",
                "127.0.0.1 localhost\n127.0.1.1\tmail.example.com mail # me\n::1 localhost\n",
            ),
            (
                "127.0.0.1\tmail localhost # x\n192.0.2.1 other\n",
                "127.0.0.1\tmail.example.com mail localhost # x\n192.0.2.1 other\n",
            ),
            ("", "127.0.0.1\tlocalhost\n127.0.1.1\tmail.example.com mail\n::1\tlocalhost\n"),
        ] {
            let once = hosts(before, &name());
            assert_eq!(hosts(&once, &name()), once);
            if !before.is_empty() {
                assert_eq!(once, after);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_second_time_changes_nothing(text in "([a-z0-9.# \t]{0,12}\n){0,5}") {
            let once = hosts(&text, &name());
            proptest::prop_assert_eq!(&hosts(&once, &name()), &once);
            proptest::prop_assert!(once.contains("mail.example.com"));
        }
    }
}
