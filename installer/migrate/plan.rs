//! main.cf and tables for what was carried over: a machine that gives all its mail to another one.

use std::path::{Path, PathBuf};

use super::{Account, Carried, Encryption};
use crate::failure::{Failure, Outcome};
use crate::machine::Machine;
use crate::main_cf::{MainCf, Present};
use crate::plan::{Action, Draft, Owner, Role, Source};

const MAIN_CF: &str = "/etc/postfix/main.cf";
const FOLDER: &str = "/etc/postfix";

/// Tables, by the name of their source in /etc/postfix, and the parameter that uses them.
const PASSWORDS: (&str, &str) = ("sasl_passwd", "smtp_sasl_password_maps");
const RELAYS: (&str, &str) = ("sender_relay", "sender_dependent_relayhost_maps");
const SENDERS: (&str, &str) = ("sender_canonical", "sender_canonical_maps");
const RECIPIENTS: (&str, &str) = ("virtual", "virtual_alias_maps");

/// The steps.
pub(super) fn plan(draft: &mut Draft<'_>, machine: &Machine, carried: &Carried) -> Outcome {
    let Some(account) = carried.accounts.first() else {
        return Err(Failure::new("the configuration names no server to send mail to"));
    };
    let Ok(before) = std::fs::read(machine.root.at(MAIN_CF)) else {
        return Err(Failure::new(format!("there is no {MAIN_CF}"))
            .advise("postfix-installer install writes one"));
    };
    let mut text = MainCf::parse(&before);
    for (name, value, after) in settings(carried, account) {
        text.set(name, &value, Present::Replace, &[after]);
    }
    let tables = tables(carried);
    for table in &tables {
        let value = format!("hash:{FOLDER}/{}", table.0.0);
        text.set(table.0.1, &value, Present::Replace, &["relayhost"]);
        put_table(draft, machine, table);
    }
    // The tables come first: main.cf never names one that is not there.
    draft.edit(Path::new(MAIN_CF), &before, text.text(), false, Role::Migrated);
    carried.left.iter().for_each(|left| draft.note(left.clone()));
    for (sender, own) in &carried.by_sender {
        if own.encryption != account.encryption {
            draft.note(format!(
                "{sender} is sent through {}, which is encrypted in another way than {}: give it a transport of its own in master.cf, and name that in sender_dependent_default_transport_maps",
                own.host, account.host
            ));
        }
    }
    Ok(())
}

/// Parameters: name, value, and the one to stand behind if there is no documented line.
fn settings(carried: &Carried, account: &Account) -> Vec<(&'static str, String, &'static str)> {
    let mut all = vec![("relayhost", account.host.to_string(), "mynetworks_style")];
    let mut add = |name, value: String| all.push((name, value, "relayhost"));
    let fallbacks: Vec<String> =
        carried.accounts.iter().skip(1).map(|account| account.host.to_string()).collect();
    if !fallbacks.is_empty() {
        add("smtp_fallback_relay", fallbacks.join(", "));
    }
    let accounts = || carried.accounts.iter().chain(carried.by_sender.iter().map(|(_, a)| a));
    if accounts().any(|account| account.user.is_some()) {
        add("smtp_sasl_auth_enable", "yes".into());
        add("smtp_sasl_security_options", "noanonymous".into());
    }
    let level = match (account.encryption, carried.verify || carried.ca_file.is_some()) {
        (Encryption::None, _) => "may",
        (_, true) => "secure",
        (_, false) => "encrypt",
    };
    add("smtp_tls_security_level", level.into());
    if account.encryption == Encryption::Wrapper {
        add("smtp_tls_wrappermode", "yes".into());
    }
    if let Some(file) = &carried.ca_file {
        add("smtp_tls_CAfile", file.clone());
    } else if level == "secure" {
        add("tls_append_default_CA", "yes".into());
        add("smtp_tls_CApath", "/etc/ssl/certs".into());
    }
    if let Some((certificate, key)) = &carried.certificate {
        add("smtp_tls_cert_file", certificate.clone());
        add("smtp_tls_key_file", key.clone());
    }
    if carried.by_sender.iter().any(|(_, account)| account.credentials().is_some()) {
        add("smtp_sender_dependent_authentication", "yes".into());
    }
    if let Some(address) = &carried.all_from {
        add("sender_canonical_maps", format!("static:{address}"));
        add("sender_canonical_classes", "envelope_sender".into());
    }
    if let Some(name) = carried.hostname.as_ref().filter(|name| name.contains('.')) {
        all.push(("myhostname", name.clone(), "mydomain"));
    }
    if let Some(origin) = &carried.origin {
        all.push(("myorigin", origin.clone(), "mydomain"));
    }
    // It takes mail from this machine alone, and keeps none.
    all.push(("inet_interfaces", "loopback-only".into(), "mydestination"));
    all.push(("mydestination", String::new(), "myorigin"));
    all
}

/// A table: its name and parameter, its lines, whether it holds passwords.
type Table = ((&'static str, &'static str), Vec<(String, String)>, bool);

fn tables(carried: &Carried) -> Vec<Table> {
    let mut passwords: Vec<(String, String)> = Vec::new();
    let mut relays = Vec::new();
    for (sender, own) in &carried.by_sender {
        relays.push((sender.clone(), own.host.to_string()));
        if let Some(credentials) = own.credentials() {
            passwords.push((sender.clone(), credentials));
        }
    }
    for account in &carried.accounts {
        if let Some(credentials) = account.credentials() {
            passwords.push((account.host.to_string(), credentials));
        }
    }
    // One address for everybody needs no table.
    let senders = if carried.all_from.is_some() { Vec::new() } else { carried.senders.clone() };
    let origin = carried.origin.clone();
    let mut recipients = carried.recipients.clone();
    if let Some(everybody) = &carried.everybody {
        let domain = origin.or_else(|| carried.hostname.clone());
        recipients.push((
            format!("@{}", domain.unwrap_or_else(|| "localhost".into())),
            everybody.clone(),
        ));
        recipients.push(("@localhost".into(), everybody.clone()));
        recipients.dedup_by(|a, b| a.0 == b.0);
    }
    [
        (PASSWORDS, passwords, true),
        (RELAYS, relays, false),
        (SENDERS, senders, false),
        (RECIPIENTS, recipients, false),
    ]
    .into_iter()
    .filter(|(_, lines, _)| !lines.is_empty())
    .collect()
}

/// The source of a table, and its indexed file where it can be made at once. What the
/// administrator has in such a table stays.
fn put_table(draft: &mut Draft<'_>, machine: &Machine, ((name, _), lines, secret): &Table) {
    let path = PathBuf::from(FOLDER).join(name);
    let before = std::fs::read(machine.root.at(&path)).ok();
    let mut text = before.clone().unwrap_or_default();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for (key, value) in lines {
        let has = text.split(|b| *b == b'\n').any(|line| {
            line.strip_prefix(key.as_bytes())
                .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
        });
        if !has {
            text.extend_from_slice(format!("{key}\t{value}\n").as_bytes());
        }
    }
    let mode = if *secret { 0o600 } else { 0o644 };
    match before {
        Some(before) => {
            draft.edit(&path, &before, text, *secret, Role::Migrated);
            if *secret {
                draft.rights(&path, mode, Owner::root(), Role::Migrated);
            }
        }
        None => draft.file(&path, Source::Bytes(text), mode, Owner::root(), Role::Migrated),
    }
    if !draft.is_planned(&path) {
        return;
    }
    let postmap = Path::new("/usr/sbin/postmap");
    if machine.is_live() && machine.root.has(postmap) {
        let words = vec![postmap.display().to_string(), format!("hash:{}", path.display())];
        let makes = vec![path.with_extension("db")];
        let (why, environment) = ("indexed file".to_owned(), Vec::new());
        draft.step(Role::Migrated, Action::Run { words, why, undo: None, makes, environment });
    } else {
        draft.note(format!("on the machine itself: postmap {}", path.display()));
    }
}
