//! Typed reads of parameters: every one comes from the table in [`super::parameters`].
//!
//! A value that does not fit is remembered as a problem, and the default is used: whoever starts
//! a service looks at the problems after the reads.

use std::time::Duration;

use super::parameter::{Default, Entry, KindOf, Limits, Parameter, kinds};
use super::parameters::lookup;
use super::{Config, split_list, value};

impl Config {
    /// A text parameter, expanded.
    pub fn text(&self, p: &Parameter<kinds::Text>) -> String {
        let text = self.value(p.name);
        self.note(p.name, value::check_length(p.name, &text, p.limits, false));
        text
    }

    /// A text parameter that is a set of words: which of those that it `knows` are in it, in any
    /// case of letters. Any other word is a problem.
    pub fn set<const N: usize>(&self, p: &Parameter<kinds::Text>, known: [&str; N]) -> [bool; N] {
        let text = self.text(p);
        let mut set = [false; N];
        for word in split_list(&text) {
            let place = known.iter().position(|name| name.eq_ignore_ascii_case(word));
            match place.and_then(|place| set.get_mut(place)) {
                Some(found) => *found = true,
                None => {
                    let problem = format!("unknown {} value \"{word}\" in \"{text}\"", p.name);
                    self.problem_of(p.name, problem);
                }
            }
        }
        set
    }

    /// A text parameter that is not expanded.
    pub fn raw(&self, p: &Parameter<kinds::Raw>) -> String {
        let text = self.unexpanded(p.name).unwrap_or_default().into_owned();
        self.note(p.name, value::check_length(p.name, &text, p.limits, true));
        text
    }

    /// A boolean parameter (`Bool` or `NBool`).
    pub fn bool(&self, p: &impl Entry) -> bool {
        self.read_bool(p.name(), p.default())
    }

    /// A number (`Int`, `NInt` or `Long`), within its limits.
    pub fn int(&self, p: &impl Entry) -> i64 {
        self.read_int(p.name(), p.default(), p.limits(), p.kind() == KindOf::Long)
    }

    /// A number as a size or count.
    pub fn count(&self, p: &impl Entry) -> usize {
        usize::try_from(self.int(p)).unwrap_or_default()
    }

    /// A time span.
    pub fn time(&self, p: &Parameter<kinds::Time>) -> Duration {
        self.read_time(p.name, p.default, p.limits)
    }

    /// A text parameter chosen by name at run time: `lmtp_…` or `smtp_…` by protocol, say.
    pub fn text_named(&self, name: &str) -> String {
        let entry = lookup(name);
        if entry.is_some_and(|entry| entry.kind() == KindOf::Raw) {
            return self.unexpanded(name).unwrap_or_default().into_owned();
        }
        let text = self.value(name);
        if let Some(entry) = entry {
            self.note(name, value::check_length(name, &text, entry.limits(), false));
        }
        text
    }

    /// A boolean chosen by name at run time; an unknown name that is not set is `no`.
    pub fn bool_named(&self, name: &str) -> bool {
        self.read_bool(name, lookup(name).map_or(Default::Text("no"), |entry| entry.default()))
    }

    /// A number chosen by name at run time; an unknown name that is not set is zero.
    pub fn int_named(&self, name: &str) -> i64 {
        match lookup(name) {
            Some(p) => self.read_int(name, p.default(), p.limits(), p.kind() == KindOf::Long),
            None => self.read_int(name, Default::Text("0"), Limits::ANY, true),
        }
    }

    /// A time span chosen by name at run time; an unknown name that is not set is zero.
    pub fn time_named(&self, name: &str) -> Duration {
        match lookup(name) {
            Some(p) => self.read_time(name, p.default(), p.limits()),
            None => self.read_time(name, Default::Text("0s"), Limits::ANY),
        }
    }

    /// `<transport>_<suffix>` as a number, such as `smtp_destination_concurrency_limit`; what
    /// main.cf does not set comes from the table, or from `default_<suffix>`.
    pub fn transport_int(&self, transport: &str, suffix: &str) -> i64 {
        let name = format!("{transport}_{suffix}");
        if self.literal(&name).is_none() && lookup(&name).is_none() {
            return self.int_named(&fallback(suffix));
        }
        let limits = lookup(&name).or_else(|| lookup(&fallback(suffix)));
        let limits = limits.map_or(Limits::ANY, |entry| entry.limits());
        let default = lookup(&name).map_or(Default::Text("0"), |entry| entry.default());
        self.read_int(&name, default, limits, false)
    }

    /// `<transport>_<suffix>` as a time span; see [`Config::transport_int`].
    pub fn transport_time(&self, transport: &str, suffix: &str) -> Duration {
        let name = format!("{transport}_{suffix}");
        if self.literal(&name).is_none() && lookup(&name).is_none() {
            return self.time_named(&fallback(suffix));
        }
        let limits = lookup(&name).or_else(|| lookup(&fallback(suffix)));
        let limits = limits.map_or(Limits::ANY, |entry| entry.limits());
        let default = lookup(&name).map_or(Default::Text("0s"), |entry| entry.default());
        self.read_time(&name, default, limits)
    }

    /// `<transport>_<suffix>` as text; see [`Config::transport_int`].
    pub fn transport_text(&self, transport: &str, suffix: &str) -> String {
        let name = format!("{transport}_{suffix}");
        if self.literal(&name).is_none() && lookup(&name).is_none() {
            return self.text_named(&fallback(suffix));
        }
        self.text_named(&name)
    }

    fn read_bool(&self, name: &str, default: Default) -> bool {
        self.or_default(name, default, |text| value::boolean(name, text))
    }

    fn read_int(&self, name: &str, default: Default, limits: Limits, wide: bool) -> i64 {
        self.or_default(name, default, |text| {
            let number = value::number(name, text, wide)?;
            value::check_number(name, number, limits)?;
            Ok(number)
        })
    }

    fn read_time(&self, name: &str, default: Default, limits: Limits) -> Duration {
        let unit = match default {
            Default::Text(text) => value::unit_of(&self.expand(text)),
            Default::Computed => 's',
        };
        let seconds = self.or_default(name, default, |text| {
            let seconds = value::time(name, text, unit)?;
            value::check_time(name, seconds, limits)?;
            Ok(seconds)
        });
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// Converts the value of `name`; if that fails, says so and converts its default.
    fn or_default<T: std::default::Default>(
        &self,
        name: &str,
        default: Default,
        convert: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        if let Some(text) = self.literal(name) {
            match convert(&self.expand(text)) {
                Ok(value) => return value,
                Err(why) => self.problem_of(name, why),
            }
        }
        match default {
            Default::Text(text) => convert(&self.expand(text)).unwrap_or_else(|why| {
                self.problem_of(name, why);
                T::default()
            }),
            Default::Computed => T::default(),
        }
    }
}

/// The parameter that holds what a transport does not set for itself.
fn fallback(suffix: &str) -> String {
    match suffix {
        "initial_destination_concurrency" => suffix.to_owned(),
        "time_limit" => "command_time_limit".to_owned(),
        _ => {
            let name = format!("default_{suffix}");
            if lookup(&name).is_some() { name } else { suffix.to_owned() }
        }
    }
}
