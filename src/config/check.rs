//! Looks at a whole configuration at once, for `postfix check`: values that do not fit, with file
//! and line, names that nothing reads, with a suggestion, and what Postfix refuses to start with.
//!
//! At run time only the values that are read matter: what Postfix starts with, starts here.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::master_cf::ServiceLine;
use super::parameter::KindOf;
use super::parameters::{self as p, deprecated, lookup, without_effect};
use super::{Config, expand, split_list, table_names};

/// What is wrong with a configuration, each with file and line where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Values that their parameters refuse.
    pub errors: Vec<String>,
    /// What is odd: duplicates, unused names, deprecated names.
    pub warnings: Vec<String>,
}

/// What follows the name of a transport in a parameter of its own.
const PER_TRANSPORT: &[&str] = &[
    "delivery_slot_cost",
    "delivery_slot_discount",
    "delivery_slot_loan",
    "destination_concurrency_failed_cohort_limit",
    "destination_concurrency_limit",
    "destination_concurrency_negative_feedback",
    "destination_concurrency_positive_feedback",
    "destination_rate_delay",
    "destination_recipient_limit",
    "extra_recipient_limit",
    "initial_destination_concurrency",
    "minimum_delivery_slots",
    "recipient_limit",
    "recipient_refill_delay",
    "recipient_refill_limit",
    "time_limit",
    "transport_rate_delay",
];

impl Config {
    /// Checks all values of main.cf, and those that `services` put over it.
    pub fn check(&self, services: &[ServiceLine]) -> Report {
        let mut report = Report { warnings: self.warnings.clone(), ..Report::default() };
        report.warnings.extend(self.proxy_problems());
        let fresh = self.with_overrides(&[]);
        for (name, setting) in self.settings() {
            let place = match setting.line {
                Some(_) => self.place(name).unwrap_or_default(),
                None => "-o".to_owned(),
            };
            fresh.check_value(name, services, &place, &mut report);
        }
        let used = self.used_names(services);
        let unused = |name: &str| !used.contains(name) && !is_known(name, services);
        for name in self.settings().keys().filter(|name| unused(name)) {
            report.warnings.push(unused_name(name, &self.place(name).unwrap_or_default()));
        }
        for service in services {
            let view = self.with_overrides(&service.overrides);
            let place =
                format!("{}, line {}", self.directory.join("master.cf").display(), service.line);
            for (name, _) in &service.overrides {
                view.check_value(name, services, &place, &mut report);
                if unused(name) {
                    report.warnings.push(unused_name(name, &place));
                }
            }
        }
        report
    }

    /// Reads the value of a name as what it is, and reports what is wrong with it.
    fn check_value(&self, name: &str, services: &[ServiceLine], place: &str, report: &mut Report) {
        let before = self.problems().len();
        match (lookup(name).map(|entry| entry.kind()), transport_suffix(name, services)) {
            (Some(KindOf::Text | KindOf::Raw), _) => drop(self.text_named(name)),
            (Some(KindOf::Bool | KindOf::NBool), _) => {
                self.bool_named(name);
            }
            (Some(KindOf::Int | KindOf::NInt | KindOf::Long), _) => {
                self.int_named(name);
            }
            (Some(KindOf::Time), _) => {
                self.time_named(name);
            }
            (None, Some((transport, suffix @ ("time_limit" | "recipient_refill_delay")))) => {
                self.transport_time(transport, suffix);
            }
            (None, Some((transport, suffix))) if suffix.ends_with("rate_delay") => {
                self.transport_time(transport, suffix);
            }
            (None, Some((transport, suffix))) if suffix.ends_with("feedback") => {
                self.transport_text(transport, suffix);
            }
            (None, Some((transport, suffix))) => {
                self.transport_int(transport, suffix);
            }
            (None, None) => drop(self.value(name)),
        }
        let problems = self.problems();
        let new = problems.iter().skip(before);
        let texts = new.map(|problem| format!("{place}: {}", problem.text));
        if lookup(name).is_none() && transport_suffix(name, services).is_none() {
            // Whatever refers to it has the error; if nothing does, Postfix never sees it.
            report.warnings.extend(texts);
        } else {
            report.errors.extend(texts);
        }
        if let Some(reason) = without_effect::reason(name)
            && !self.is_preset(name)
        {
            report.warnings.push(format!("{place}: {name} has no effect: {reason}"));
        }
        if let Some(instead) = deprecated::alternative(name) {
            report.warnings.push(format!(
                "{place}: support for parameter \"{name}\" will be removed; instead, {instead}"
            ));
        }
    }

    /// Whether a name that is set has the value that it would have otherwise.
    fn is_preset(&self, name: &str) -> bool {
        let preset = self.preset(name).map(|text| self.expand_quietly(&text));
        preset.is_some_and(|preset| preset == self.value(name))
    }

    /// The names that any value refers to.
    fn used_names(&self, services: &[ServiceLine]) -> BTreeSet<String> {
        let used = RefCell::new(BTreeSet::new());
        let note = |name: &str| {
            used.borrow_mut().insert(name.to_owned());
        };
        let set = self.settings().iter().map(|(name, setting)| (name.as_str(), &setting.value));
        let overrides = services.iter().flat_map(|service| &service.overrides);
        for (name, value) in set.chain(overrides.map(|(name, value)| (name.as_str(), value))) {
            if lookup(name).is_none_or(|entry| entry.kind() != KindOf::Raw) {
                expand::references(value, &note);
            }
            let value = self.expand_quietly(value);
            if name == "smtpd_restriction_classes" {
                split_list(&value).into_iter().for_each(note);
            }
            if value.contains(':') {
                used.borrow_mut().extend(table_names::parameters(&value));
            }
        }
        for name in p::all().map(|entry| entry.name()) {
            if let Some(value) = self.preset(name).filter(|value| value.contains('$')) {
                expand::references(&value, &note);
            }
        }
        used.into_inner()
    }

    fn expand_quietly(&self, text: &str) -> String {
        expand::expand(text, &|name| self.unexpanded(name)).text
    }
}

/// Whether the name needs no other to refer to it.
fn is_known(name: &str, services: &[ServiceLine]) -> bool {
    lookup(name).is_some()
        || matches!(name, "process_name" | "process_id" | "service_name")
        || transport_suffix(name, services).is_some()
}

/// Splits `<transport>_<suffix>` for a transport of master.cf.
fn transport_suffix<'n>(name: &'n str, services: &[ServiceLine]) -> Option<(&'n str, &'n str)> {
    services.iter().find_map(|service| {
        let suffix = name.strip_prefix(service.name.as_str())?.strip_prefix('_')?;
        let transport = name.get(..service.name.len())?;
        PER_TRANSPORT.contains(&suffix).then_some((transport, suffix))
    })
}

fn unused_name(name: &str, place: &str) -> String {
    match suggestion(name) {
        Some(known) => format!("{place}: unused parameter: {name}; did you mean {known}?"),
        None => format!("{place}: unused parameter: {name}"),
    }
}

/// The known name that `name` was probably meant to be.
pub fn suggestion(name: &str) -> Option<&'static str> {
    let limit = (name.len() / 6).clamp(1, 3);
    p::all()
        .map(|entry| (distance(name, entry.name()), entry.name()))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// How many letters must be put in, taken out, changed, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, x) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, y) in b.iter().enumerate() {
            let at =
                |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&last, column) + usize::from(x != *y))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let left = column.checked_sub(1);
            if let Some(left) = left
                && previous == Some(*y)
                && b.get(left) == Some(&x)
            {
                cost = cost.min(at(&before_last, left) + 1);
            }
            current.push(cost);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(x);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, master_cf};

    fn report(main_cf: &str, master_cf: &str) -> Report {
        let sources = Sources {
            directory: "/e".into(),
            main_cf: main_cf.into(),
            master_cf: master_cf.into(),
        };
        let config = Config::parse(&sources).unwrap();
        config.check(&master_cf::parse(master_cf, 100).unwrap())
    }

    #[test]
    fn values_have_file_and_line() {
        let report = report(
            "mydomain = a.b\nsmtpd_timeout = x1\nx_destination_rate_delay = 1q\n",
            "x unix - - n - - smtp\n\ny inet n - n - - smtpd -o soft_bounce=maybe\n",
        );
        assert_eq!(
            report.errors,
            [
                "/e/main.cf, line 2: parameter smtpd_timeout: bad time value or unit: x1",
                "/e/main.cf, line 3: parameter x_destination_rate_delay: bad time value or unit: 1q",
                "/e/master.cf, line 3: bad boolean configuration: soft_bounce = maybe",
            ]
        );
    }

    #[test]
    fn what_has_no_effect_is_said_once() {
        let report = report("max_use = 7\nipc_idle = 5s\nfast_flush_purge_time = 1d\n", "");
        assert_eq!(
            report.warnings,
            [
                "/e/main.cf, line 3: fast_flush_purge_time has no effect: the queue knows for which sites mail waits",
                "/e/main.cf, line 1: max_use has no effect: processes live on here, and their \
                 parts talk without sockets",
            ]
        );
    }

    #[test]
    fn unused_names_have_suggestions() {
        let report = report(
            "mydestinaton = x\nmine = y\nother = $mine\nsmtpd_restriction_classes = class\n\
             class = reject\nvirtual_alias_maps = mysql:m\nm_hosts = $other\n",
            "",
        );
        assert_eq!(
            report.warnings,
            ["/e/main.cf, line 1: unused parameter: mydestinaton; did you mean mydestination?"]
        );
        assert_eq!(report.errors, Vec::<String>::new());
    }

    #[test]
    fn distances() {
        assert_eq!(distance("relayhost", "relay_host"), 1);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
