//! The `milter_…` parameters, and lists of milters.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::options::{BadOption, options, time};
use crate::config::lines::split_assignment;
use crate::config::{Config, parameters as p, split_list, strip_braces};

/// Names of macros to be sent with each event (`milter_connect_macros` and so on).
#[derive(Clone, Debug, Default)]
pub(super) struct MacroLists {
    pub connect: Vec<String>,
    pub helo: Vec<String>,
    pub mail: Vec<String>,
    pub rcpt: Vec<String>,
    pub data: Vec<String>,
    pub end_of_header: Vec<String>,
    pub end_of_data: Vec<String>,
    pub unknown: Vec<String>,
}

/// What all milters of a service have in common.
#[derive(Clone, Debug)]
pub struct Common {
    pub(super) lists: MacroLists,
    /// `milter_macro_defaults`, names in braces.
    pub(super) defaults: HashMap<String, String>,
    pub(super) soft_bounce: bool,
    pub(super) queue_directory: PathBuf,
    template: Spec,
}

/// One milter of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// `transport:endpoint`, as written.
    pub name: String,
    pub connect_timeout: Duration,
    pub command_timeout: Duration,
    pub content_timeout: Duration,
    pub protocol: String,
    pub default_action: String,
}

/// A list of milters, as `smtpd_milters` has it.
#[derive(Clone, Debug)]
pub struct Filters {
    pub(super) common: Arc<Common>,
    pub(super) list: Vec<Arc<Spec>>,
}

fn names(text: &str) -> Vec<String> {
    text.split([' ', '\t', ',', '\r', '\n'])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A macro's name as tables have it: in braces.
pub(super) fn canonical(name: &str) -> String {
    if name.starts_with('{') { name.to_owned() } else { format!("{{{name}}}") }
}

impl Common {
    /// Reads the parameters. An error is a value that Postfix would not start with either.
    pub fn read(config: &Config) -> Result<Arc<Self>, BadOption> {
        let list = |parameter| names(&config.text(parameter));
        let lists = MacroLists {
            connect: list(&p::milter_connect_macros),
            helo: list(&p::milter_helo_macros),
            mail: list(&p::milter_mail_macros),
            rcpt: list(&p::milter_rcpt_macros),
            data: list(&p::milter_data_macros),
            end_of_header: list(&p::milter_end_of_header_macros),
            end_of_data: list(&p::milter_end_of_data_macros),
            unknown: list(&p::milter_unknown_command_macros),
        };
        let template = Spec {
            name: String::new(),
            connect_timeout: config.time(&p::milter_connect_timeout),
            command_timeout: config.time(&p::milter_command_timeout),
            content_timeout: config.time(&p::milter_content_timeout),
            protocol: config.text(&p::milter_protocol),
            default_action: config.text(&p::milter_default_action),
        };
        Ok(Arc::new(Self {
            lists,
            defaults: defaults(&config.text(&p::milter_macro_defaults))?,
            soft_bounce: config.bool(&p::soft_bounce),
            queue_directory: config.queue_directory(),
            template,
        }))
    }
}

/// `milter_macro_defaults`: `name=value`, or `{ name = value }` where there are blanks.
fn defaults(text: &str) -> Result<HashMap<String, String>, BadOption> {
    let bad =
        |why: String| BadOption(format!("malformed default macro entry: {why} in \"{text}\""));
    let mut found = HashMap::new();
    for element in split_list(text) {
        // `{name}=value` begins with a brace too.
        let named = behind_braces(element).is_some_and(|rest| rest.starts_with('='));
        let entry = if element.starts_with('{') && !named {
            strip_braces(element).map_err(bad)?
        } else {
            element
        };
        let (name, value) = split_assignment(entry).map_err(|e| bad(e.to_owned()))?;
        found.entry(canonical(name)).or_insert_with(|| value.to_owned());
    }
    Ok(found)
}

/// What follows the braces that the text begins with.
fn behind_braces(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + c.len_utf8()..);
        }
    }
    None
}

impl Filters {
    /// Parses a list of milters.
    pub fn parse(common: &Arc<Common>, text: &str) -> Result<Self, BadOption> {
        let mut list = Vec::new();
        for element in split_list(text) {
            let (name, options) = options(element)
                .map_err(|e| BadOption(format!("milter service syntax error: {e}")))?;
            let mut spec = Spec { name, ..common.template.clone() };
            for (key, value) in options {
                match key.as_str() {
                    "connect_timeout" => spec.connect_timeout = time(&key, &value)?,
                    "command_timeout" => spec.command_timeout = time(&key, &value)?,
                    "content_timeout" => spec.content_timeout = time(&key, &value)?,
                    "protocol" => spec.protocol = value,
                    "default_action" => spec.default_action = value,
                    _ => return Err(BadOption(format!("unknown option: \"{key} = {value}\""))),
                }
            }
            list.push(Arc::new(spec));
        }
        Ok(Self { common: common.clone(), list })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Sources;

    pub(in crate::filter) fn common(main_cf: &str) -> Arc<Common> {
        let config = Config::parse(&Sources {
            directory: "/nonexistent".into(),
            main_cf: main_cf.to_owned(),
            master_cf: String::new(),
        })
        .unwrap();
        Common::read(&config).unwrap()
    }

    #[test]
    fn lists_with_options() {
        let common = common("milter_default_action = accept\nmilter_command_timeout = 7s\n");
        let text = "inet:a:1, { unix:b, default_action=reject, { command_timeout = 2m } }";
        let filters = Filters::parse(&common, text).unwrap();
        let actions: Vec<_> = filters.list.iter().map(|s| s.default_action.as_str()).collect();
        assert_eq!(actions, ["accept", "reject"]);
        assert_eq!(filters.list[0].command_timeout, Duration::from_secs(7));
        assert_eq!(filters.list[1].command_timeout, Duration::from_secs(120));
        assert!(Filters::parse(&common, "{ inet:a:1, colour=red }").is_err());
        assert!(Filters::parse(&common, "").unwrap().is_empty());
    }

    #[test]
    fn macro_defaults() {
        let found = defaults("a=1, {b}=2 { c = 3 4 } { {d} = 5 }").unwrap();
        let value = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(value("{a}"), Some("1"));
        assert_eq!(value("{b}"), Some("2"));
        assert_eq!(value("{c}"), Some("3 4"));
        assert!(defaults("x").is_err());
    }
}
