//! The warnings that come last: names that are set and that nothing reads, and deprecated names.

use std::collections::BTreeMap;

use super::Speaker;
use super::entry::Entry;
use super::namespace::Namespace;
use super::options::{Mode, Options};
use crate::config::parameters::deprecated;

/// Warns about the settings of master.cf and, unless only that is asked for, of main.cf.
pub(super) fn warn(space: &Namespace, options: &Options, speaker: &Speaker) {
    let mut deprecated = false;
    if !options.has(Mode::MASTER) {
        deprecated |= settings(space, &space.settings, "main.cf", None, speaker);
    }
    for entry in &space.services {
        deprecated |= settings(space, &entry.settings, "master.cf", Some(entry), speaker);
    }
    if deprecated {
        speaker.warning("See https://www.postfix.org/DEPRECATION_README.html for details");
    }
}

fn settings(
    space: &Namespace,
    settings: &BTreeMap<String, String>,
    file: &str,
    service: Option<&Entry>,
    speaker: &Speaker,
) -> bool {
    let path = space.config.directory.join(file);
    let path = path.display();
    let mut deprecated = false;
    for (name, value) in settings {
        let used = space.names.contains_key(name)
            || service.is_some_and(|entry| entry.valid.contains(name));
        match (used, deprecated::alternative(name)) {
            (true, None) => {}
            (false, None) => {
                speaker.warning(format_args!("{path}: unused parameter: {name}={value}"));
            }
            (false, Some(instead)) => {
                deprecated = true;
                speaker.warning(format_args!(
                    "{path}: support for parameter {name} has been removed; instead, {instead}"
                ));
            }
            (true, Some(instead)) => {
                deprecated = true;
                speaker.warning(format_args!(
                    "{path}: support for parameter \"{name}\" will be removed; instead, {instead}"
                ));
            }
        }
    }
    deprecated
}
