//! Finds the names of the administrator's own that something refers to: `$name` in a value,
//! smtpd_restriction_classes, and parameters of tables that are configured in main.cf. Whatever
//! is set and not found here is unused.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::namespace::{Class, Namespace};
use super::{Outcome, Speaker};
use crate::config::expand::references;
use crate::config::{split_list, table_names};

/// Makes all such names known, and warns about references to names that nobody sets.
pub(super) fn register(space: &mut Namespace, speaker: &Speaker) -> Outcome<()> {
    let mut classes = BTreeSet::new();
    for service in 0..space.services.len() {
        scan_settings(space, Some(service), &mut classes, speaker)?;
    }
    scan_defaults(space, speaker);
    scan_settings(space, None, &mut classes, speaker)
}

/// Defaults refer to obsolete names, which are to be warned about in other words.
fn scan_defaults(space: &mut Namespace, speaker: &Speaker) {
    let names: Vec<String> = space
        .names
        .iter()
        .filter(|(name, node)| !node.raw && !space.settings.contains_key(*name))
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        let value = space.default(&name).unwrap_or_default().into_owned();
        scan_value(space, None, &value, speaker);
    }
}

/// Scans the settings of main.cf, or the `-o` of a service.
fn scan_settings(
    space: &mut Namespace,
    service: Option<usize>,
    classes: &mut BTreeSet<String>,
    speaker: &Speaker,
) -> Outcome<()> {
    let Some(settings) = settings(space, service).cloned() else { return Ok(()) };
    if let Some(text) = settings.get("smtpd_restriction_classes") {
        let text = space.expand(text, service.and_then(|at| space.services.get(at)), speaker)?;
        for class in split_list(&text) {
            if service.is_none() {
                classes.insert(class.to_owned());
            }
            flag(space, service, class, false, speaker);
        }
    }
    let file = if service.is_some() { "master.cf" } else { "main.cf" };
    for (name, value) in &settings {
        if let Some(at) = service
            && classes.contains(name)
            && let Some(entry) = space.services.get_mut(at)
        {
            entry.valid.insert(name.clone());
        }
        let mut builtin = false;
        if let Some(node) = space.names.get_mut(name) {
            if node.read_only {
                let directory = space.config.directory.display();
                speaker.warning(format_args!(
                    "{directory}/{file}: read-only parameter assignment: {name}={value}"
                ));
                remove(space, service, name);
                continue;
            }
            if node.class == Class::Legacy {
                node.class = Class::User;
            }
            if node.raw {
                continue;
            }
            builtin = matches!(node.class, Class::Builtin | Class::Service);
        }
        scan_value(space, service, value, speaker);
        if builtin && value.contains(':') {
            let value =
                space.expand(value, service.and_then(|at| space.services.get(at)), speaker)?;
            for candidate in table_names::parameters(&value) {
                flag(space, service, &candidate, true, speaker);
            }
        }
    }
    Ok(())
}

fn settings(
    space: &Namespace,
    service: Option<usize>,
) -> Option<&std::collections::BTreeMap<String, String>> {
    match service {
        Some(at) => space.services.get(at).map(|entry| &entry.settings),
        None => Some(&space.settings),
    }
}

fn remove(space: &mut Namespace, service: Option<usize>, name: &str) {
    match service {
        Some(at) => {
            if let Some(entry) = space.services.get_mut(at) {
                entry.settings.remove(name);
            }
        }
        None => {
            space.settings.remove(name);
        }
    }
}

fn scan_value(space: &mut Namespace, service: Option<usize>, value: &str, speaker: &Speaker) {
    if !value.contains('$') {
        return;
    }
    let found = RefCell::new(Vec::new());
    let warnings = references(value, &|name| found.borrow_mut().push(name.to_owned()));
    for name in found.into_inner() {
        flag(space, service, &name, false, speaker);
    }
    warnings.iter().for_each(|warning| speaker.warning(warning));
}

/// Notes that something refers to `name`. Parameters of tables need not be set by anyone.
fn flag(
    space: &mut Namespace,
    service: Option<usize>,
    name: &str,
    of_table: bool,
    speaker: &Speaker,
) {
    let mut known = false;
    let local = service.and_then(|at| space.services.get_mut(at));
    match local {
        Some(entry) if entry.settings.contains_key(name) => {
            entry.valid.insert(name.to_owned());
            known = true;
        }
        _ if space.settings.contains_key(name) => {
            space.add_user_name(name);
            known = true;
        }
        _ => {}
    }
    if service.is_none() {
        for entry in &mut space.services {
            if entry.settings.contains_key(name) {
                entry.valid.insert(name.to_owned());
                known = true;
            }
        }
    }
    if !known && !of_table && !space.names.contains_key(name) {
        let file = if service.is_some() { "master.cf" } else { "main.cf" };
        let directory = space.config.directory.display();
        speaker.warning(format_args!("{directory}/{file}: undefined parameter: {name}"));
    }
}
