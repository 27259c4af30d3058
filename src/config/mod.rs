//! main.cf and master.cf: grammar, parameters, and typed reads of them.
//!
//! [`Config`] is one whole configuration, immutable once loaded; a reload makes another one.
//! A service reads its parameters once, into a `Settings` of its own, through the typed reads
//! here. A value that does not fit its parameter is remembered as a [`Problem`]; whoever starts
//! the service looks at [`Config::problems`] after the reads and refuses to start.

pub mod check;
pub mod computed;
mod essentials;
pub mod expand;
pub mod features;
pub mod lines;
pub mod list;
pub mod main_cf;
pub mod master_cf;
pub mod parameter;
pub mod parameters;
mod reads;
pub mod table_names;
mod unescape;
mod value;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub use self::list::{paths_in, split_list, strip_braces, strip_optional_braces};
use self::main_cf::{Setting, Settings};
use self::parameter::Default as Preset;
pub use self::unescape::unescape;

/// The texts that a configuration is made of. master reads the files once and hands the texts
/// to its children, so that all of them run on the same, last good configuration.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Sources {
    /// The folder that the files came from (`config_directory`).
    pub directory: PathBuf,
    /// main.cf
    pub main_cf: String,
    /// master.cf
    pub master_cf: String,
}

/// One configuration.
#[derive(Debug)]
pub struct Config {
    /// Where it came from.
    pub directory: PathBuf,
    /// What main.cf says, unexpanded, and what `-o` put over it.
    main: Settings,
    /// What is odd about main.cf as a text.
    warnings: Vec<String>,
    problems: Mutex<Problems>,
}

/// What the reads have found so far.
#[derive(Debug, Default)]
struct Problems {
    /// Values that do not fit, with the parameter's name.
    found: Vec<(String, Problem)>,
    /// Warnings of expansions.
    warnings: Vec<String>,
}

/// A value that a parameter refuses, in the words that the log shows after `fatal: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Problem {
    /// Such as `bad numerical configuration: smtpd_timeout = soon`: Postfix's words. Where the
    /// value stands, [`Config::place`] tells.
    pub text: String,
}

impl Sources {
    /// Reads main.cf and master.cf in `directory`.
    pub fn read(directory: &Path) -> Result<Self, Problem> {
        let main = Self::read_main(directory)?;
        Ok(Self { master_cf: Self::text(directory, "master.cf")?, ..main })
    }

    /// Reads main.cf alone: all that commands need that have nothing to do with services.
    pub fn read_main(directory: &Path) -> Result<Self, Problem> {
        Ok(Self {
            directory: directory.into(),
            main_cf: Self::text(directory, "main.cf")?,
            master_cf: String::new(),
        })
    }

    fn text(directory: &Path, name: &str) -> Result<String, Problem> {
        let path = directory.join(name);
        let bytes = std::fs::read(&path)
            .map_err(|e| Problem { text: format!("open {}: {}", path.display(), why(&e)) })?;
        // Comments in Latin-1 are no reason to stop the mail.
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
        })
    }
}

impl Config {
    /// Reads the configuration in `directory`.
    pub fn load(directory: &Path) -> Result<Arc<Self>, Problem> {
        Self::parse(&Sources::read(directory)?)
    }

    /// Reads main.cf in `directory`: enough for commands that look at no service.
    pub fn load_main(directory: &Path) -> Result<Arc<Self>, Problem> {
        Self::parse(&Sources::read_main(directory)?)
    }

    /// Parses texts that were read before.
    pub fn parse(sources: &Sources) -> Result<Arc<Self>, Problem> {
        let path = sources.directory.join("main.cf");
        let (main, warnings) = main_cf::parse(&path.to_string_lossy(), &sources.main_cf)?;
        Ok(Arc::new(Self {
            directory: sources.directory.clone(),
            main,
            warnings,
            problems: Mutex::default(),
        }))
    }

    /// The same configuration with `-o name=value` of a master.cf line or command on top.
    pub fn with_overrides(&self, overrides: &[(String, String)]) -> Arc<Self> {
        let mut main = self.main.clone();
        for (name, value) in overrides {
            main.insert(name.clone(), Setting { value: value.clone(), line: None });
        }
        Arc::new(Self {
            directory: self.directory.clone(),
            main,
            warnings: Vec::new(),
            problems: Mutex::default(),
        })
    }

    /// What main.cf (or `-o`) says literally.
    pub fn literal(&self, name: &str) -> Option<&str> {
        self.main.get(name).map(|setting| setting.value.as_str())
    }

    /// All that main.cf (or `-o`) says.
    pub fn settings(&self) -> &Settings {
        &self.main
    }

    /// Where `name` is set: `/etc/postfix/main.cf, line 12`; none if it is not, or by `-o`.
    pub fn place(&self, name: &str) -> Option<String> {
        let line = self.main.get(name)?.line?;
        Some(format!("{}, line {line}", self.directory.join("main.cf").display()))
    }

    /// The expanded value of any name: a parameter, or a name of the administrator's own.
    pub fn value(&self, name: &str) -> String {
        match self.unexpanded(name) {
            Some(text) if text.contains('$') => self.expand_for(name, &text),
            Some(text) => text.into_owned(),
            None => String::new(),
        }
    }

    /// What main.cf, the table or the machine says about a name, before expansion.
    pub fn unexpanded(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(text) = self.literal(name) {
            return Some(Cow::Borrowed(text));
        }
        self.preset(name)
    }

    /// What holds for a name when main.cf says nothing, before expansion.
    pub fn preset(&self, name: &str) -> Option<Cow<'_, str>> {
        match parameters::lookup(name).map(|entry| entry.default()) {
            Some(Preset::Text(text)) => Some(Cow::Borrowed(text)),
            Some(Preset::Computed) if name == "config_directory" => {
                Some(self.directory.to_string_lossy())
            }
            Some(Preset::Computed) => Some(Cow::Owned(self.computed(name))),
            None if name == "process_id" => Some(Cow::Owned(std::process::id().to_string())),
            None => None,
        }
    }

    /// Expands `$name` and its relatives in `text`, as the value of a parameter would be.
    pub fn expand(&self, text: &str) -> String {
        self.expand_for("", text)
    }

    fn expand_for(&self, name: &str, text: &str) -> String {
        if !text.contains('$') {
            return text.to_owned();
        }
        let result = expand::expand(text, &|name| self.unexpanded(name));
        if let Ok(mut problems) = self.problems.lock() {
            for warning in result.warnings {
                if !problems.warnings.contains(&warning) {
                    problems.warnings.push(warning);
                }
            }
        }
        if result.failed {
            self.problem_of(name, "dictionary mail_dict: macro processing error".into());
        }
        result.text
    }

    /// The values that did not fit so far.
    pub fn problems(&self) -> Vec<Problem> {
        let problems = self.problems.lock();
        problems.map(|p| p.found.iter().map(|(_, p)| p.clone()).collect()).unwrap_or_default()
    }

    /// What is odd so far, in the words that the log shows after `warning: `: lines of main.cf
    /// that override others, and expansions that went wrong.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        if let Ok(problems) = self.problems.lock() {
            warnings.extend(problems.warnings.iter().cloned());
        }
        warnings
    }

    /// Remembers a problem that is not one parameter's.
    pub fn problem(&self, text: String) {
        self.problem_of("", text);
    }

    /// Remembers a problem with the value of `name`.
    pub fn problem_of(&self, name: &str, text: String) {
        let problem = Problem { text };
        if let Ok(mut problems) = self.problems.lock()
            && !problems.found.iter().any(|(_, known)| *known == problem)
        {
            problems.found.push((name.to_owned(), problem));
        }
    }

    fn note(&self, name: &str, result: Result<(), String>) {
        if let Err(text) = result {
            self.problem_of(name, text);
        }
    }

    /// The services of master.cf, with this configuration's defaults for the columns.
    pub fn services(
        &self,
        sources: &Sources,
        warn: impl FnMut(String),
    ) -> Result<Vec<master_cf::ServiceLine>, Problem> {
        let level = expand::compatibility_level(&self.text(&parameters::compatibility_level));
        let columns = master_cf::Columns {
            path: self.directory.join("master.cf").to_string_lossy().into_owned(),
            process_limit: u32::try_from(self.int(&parameters::default_process_limit))
                .unwrap_or_default(),
            chroot: level.is_none_or(|level| level < [1, 0, 0]),
        };
        master_cf::parse_with(&sources.master_cf, &columns, warn)
    }

    /// The names that main.cf, or `-o`, sets.
    pub fn names_set(&self) -> Vec<&str> {
        self.main.keys().map(String::as_str).collect()
    }

    /// `queue_directory`
    pub fn queue_directory(&self) -> PathBuf {
        PathBuf::from(self.text(&parameters::queue_directory))
    }
}

/// The words of the C library for an error, without Rust's number after them.
pub fn why(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_owned(),
        // What somebody has put behind the words is Rust's number and the name of a file.
        None => {
            let text = error.to_string();
            text.split(" (os error ").next().unwrap_or_default().to_owned()
        }
    }
}

/// Where the configuration is: `MAIL_CONFIG` in the environment, or /etc/postfix.
pub fn default_directory() -> PathBuf {
    std::env::var_os("MAIL_CONFIG").map_or_else(|| PathBuf::from("/etc/postfix"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn config(main_cf: &str) -> Arc<Config> {
        let sources = Sources {
            directory: "/etc/postfix".into(),
            main_cf: main_cf.into(),
            master_cf: String::new(),
        };
        Config::parse(&sources).unwrap()
    }

    #[test]
    fn defaults_and_settings() {
        let config = config(
            "mydomain = example.com\nmyhostname = mail.$mydomain\nbounce_queue_lifetime = 2h\n",
        );
        assert_eq!(config.text(&parameters::myorigin), "mail.example.com");
        assert_eq!(
            config.text(&parameters::mydestination),
            "mail.example.com, localhost.example.com, localhost"
        );
        assert_eq!(config.time(&parameters::bounce_queue_lifetime), Duration::from_secs(7200));
        assert_eq!(config.time(&parameters::maximal_queue_lifetime), Duration::from_secs(432_000));
        assert!(config.bool(&parameters::allow_percent_hack));
        assert_eq!(config.int(&parameters::message_size_limit), 10_240_000);
        assert_eq!(config.value("config_directory"), "/etc/postfix");
        assert_eq!(config.place("myhostname").as_deref(), Some("/etc/postfix/main.cf, line 2"));
        assert_eq!(config.problems(), []);
    }

    #[test]
    fn compatibility_level_rules() {
        assert_eq!(config("").text(&parameters::mynetworks_style), "subnet");
        let new = config("compatibility_level = 3.6\n");
        assert_eq!(new.text(&parameters::mynetworks_style), "host");
        assert!(new.bool(&parameters::smtputf8_enable));
        assert_eq!(new.text(&parameters::relay_domains), "");
    }

    #[test]
    fn values_that_do_not_fit() {
        let config = config("smtpd_timeout = soon\nsmtpd_recipient_limit=0\nsoft_bounce=maybe\n");
        assert_eq!(config.int(&parameters::smtpd_recipient_limit), 1000);
        assert!(!config.bool(&parameters::soft_bounce));
        assert_eq!(config.time(&parameters::smtpd_timeout), Duration::from_secs(300));
        let said: Vec<String> = config.problems().into_iter().map(|p| p.text).collect();
        assert_eq!(
            said,
            [
                "invalid smtpd_recipient_limit parameter value 0 < 1",
                "bad boolean configuration: soft_bounce = maybe",
                "invalid smtpd_timeout: 0 (min 1)",
            ]
        );
    }

    #[test]
    fn per_transport_names() {
        let config =
            config("smtp_destination_rate_delay = 2m\nx_destination_concurrency_limit = 7\n");
        let limit = |transport| config.transport_int(transport, "destination_concurrency_limit");
        assert_eq!((limit("local"), limit("smtp"), limit("x")), (2, 20, 7));
        let delay = |transport| config.transport_time(transport, "destination_rate_delay");
        assert_eq!((delay("smtp"), delay("x")), (Duration::from_secs(120), Duration::ZERO));
        assert_eq!(config.transport_int("x", "initial_destination_concurrency"), 5);
        assert_eq!(config.transport_time("x", "time_limit"), Duration::from_secs(1000));
    }

    #[test]
    fn overrides() {
        let config = config("a = $b\nb = c\n").with_overrides(&[("b".into(), "d".into())]);
        assert_eq!(config.value("a"), "d");
    }
}
