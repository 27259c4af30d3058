//! The settings of one table: a file of its own (`mysql:/etc/postfix/x.cf`), or parameters in
//! main.cf that begin with its name (`mysql:x`, `x_hosts`).
//!
//! They are read before the process is confined. What is wrong is said with file and line, but
//! without values that may be passwords.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeBounds;
use std::path::Path;

use super::super::lent;
use super::super::lines::Report;
use super::template::Template;
use crate::config::{Config, main_cf, why};

/// The settings of one table.
#[derive(Debug)]
pub struct Settings<'c> {
    kind: String,
    name: String,
    source: Source<'c>,
    /// Names that were asked for.
    asked: RefCell<BTreeSet<String>>,
}

#[derive(Debug)]
enum Source<'c> {
    File(main_cf::Settings),
    Main(&'c Config),
}

impl<'c> Settings<'c> {
    /// Reads the settings of `kind:name`; the error is Postfix's text. Warnings go to `report`.
    pub fn read(
        config: &'c Config,
        kind: &str,
        name: &str,
        report: &mut Report<'_>,
    ) -> Result<Self, String> {
        let source = if is_file(name) {
            let bytes =
                lent::read(Path::new(name)).map_err(|e| format!("open {name}: {}", why(&e)))?;
            let text = String::from_utf8_lossy(&bytes);
            let (values, warnings) =
                main_cf::parse(name, &text).map_err(|problem| first_word_only(&problem.text))?;
            // The rest of such a warning is a value.
            for warning in &warnings {
                report(warning.split_once('=').map_or(&**warning, |(head, _)| head).to_owned());
            }
            Source::File(values)
        } else {
            Source::Main(config)
        };
        Ok(Self { kind: kind.into(), name: name.into(), source, asked: RefCell::default() })
    }

    /// The settings of a table whose file would say `text`.
    #[cfg(test)]
    pub fn of(kind: &str, name: &str, text: &str) -> Self {
        let (values, _) = main_cf::parse(name, text).unwrap();
        let source = Source::File(values);
        Self { kind: kind.into(), name: name.into(), source, asked: RefCell::default() }
    }

    /// The file, or the prefix of parameters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `type:name`
    pub fn title(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }

    /// The value of a setting; none if it is not there, or empty.
    pub fn optional(&self, setting: &str) -> Option<String> {
        self.value(setting).filter(|value| !value.is_empty())
    }

    /// The value of a setting, or `preset` if it is not there.
    pub fn text(&self, setting: &str, preset: &str) -> String {
        self.value(setting).unwrap_or_else(|| preset.to_owned())
    }

    /// A setting that must not be empty.
    pub fn text_of(&self, setting: &str, preset: String) -> Result<String, String> {
        let value = self.value(setting).unwrap_or(preset);
        if value.is_empty() {
            let blame = self.blame(setting);
            return Err(format!("{blame}: bad string length 0 < 1: {setting} = "));
        }
        Ok(value)
    }

    /// A setting that has no default.
    pub fn required(&self, setting: &str) -> Result<String, String> {
        match self.optional(setting) {
            Some(value) => Ok(value),
            None => Err(format!("{}: '{setting}' parameter not defined", self.blame(setting))),
        }
    }

    /// A password.
    pub fn secret(&self, setting: &str) -> Secret {
        Secret(self.text(setting, ""))
    }

    /// Elements of a list.
    pub fn words(&self, setting: &str) -> Vec<String> {
        let text = self.text(setting, "");
        let words = text.split([',', ' ', '\t', '\r', '\n']);
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// A number.
    pub fn number(
        &self,
        setting: &str,
        preset: i32,
        range: impl RangeBounds<i32>,
    ) -> Result<i32, String> {
        let Some(value) = self.value(setting) else {
            return Ok(preset);
        };
        let blame = || self.blame(setting);
        let Ok(number) = value.trim_start().parse::<i32>() else {
            return Err(format!("{}: bad numerical configuration: {setting} = {value}", blame()));
        };
        use std::ops::Bound;
        if let Bound::Included(min) = range.start_bound()
            && number < *min
        {
            let text = format!("invalid {setting} parameter value {number} < {min}");
            return Err(format!("{}: {text}", blame()));
        }
        if let Bound::Included(max) = range.end_bound()
            && number > *max
        {
            let text = format!("invalid {setting} parameter value {number} > {max}");
            return Err(format!("{}: {text}", blame()));
        }
        Ok(number)
    }

    /// A number of seconds.
    pub fn seconds(
        &self,
        setting: &str,
        preset: i32,
        range: impl RangeBounds<i32>,
    ) -> Result<std::time::Duration, String> {
        let number = self.number(setting, preset, range)?;
        Ok(std::time::Duration::from_secs(u64::try_from(number).unwrap_or(0)))
    }

    /// `yes` or `no`; none if it is not set.
    pub fn choice(&self, setting: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.value(setting) else {
            return Ok(None);
        };
        match value.to_ascii_lowercase().as_str() {
            "yes" => Ok(Some(true)),
            "no" => Ok(Some(false)),
            _ => {
                let blame = self.blame(setting);
                Err(format!("{blame}: bad boolean configuration: {setting} = {value}"))
            }
        }
    }

    /// `yes` or `no`.
    pub fn flag(&self, setting: &str, preset: bool) -> Result<bool, String> {
        self.choice(setting).map(|value| value.unwrap_or(preset))
    }

    /// A template from `text`; `what` is `query` or `result`.
    pub fn template(&self, what: &str, text: &str) -> Result<Template, String> {
        Template::parse(text).ok_or_else(|| {
            format!("db_common_parse: {}: Invalid {what} template: {text}", self.name)
        })
    }

    /// Where a setting stands: the file and the line, if it is there.
    pub fn blame(&self, setting: &str) -> String {
        let line = match &self.source {
            Source::File(values) => values.get(setting).and_then(|value| value.line),
            Source::Main(_) => None,
        };
        match line {
            Some(line) => format!("{}, line {line}", self.name),
            None => self.name.clone(),
        }
    }

    /// Reports what the file says but nobody has asked for: likely a slip of the pen. `others` are
    /// settings that may stand there without being used.
    pub fn report_unknown(&self, others: &[&str], report: &mut Report<'_>) {
        let Source::File(values) = &self.source else { return };
        let asked = self.asked.borrow();
        for name in values.keys() {
            if !asked.contains(name) && !others.contains(&name.as_str()) {
                let kind = &self.kind;
                report(format!("{}: unknown {kind} table parameter: {name}", self.blame(name)));
            }
        }
    }

    fn value(&self, setting: &str) -> Option<String> {
        self.asked.borrow_mut().insert(setting.to_owned());
        match &self.source {
            Source::File(values) => values.get(setting).map(|value| value.value.clone()),
            Source::Main(config) => {
                let name = format!("{}_{setting}", self.name);
                config.literal(&name).map(|_| config.value(&name))
            }
        }
    }
}

/// What is wrong with a line, with no more of the line than its first word: the next may be a
/// password.
fn first_word_only(problem: &str) -> String {
    match problem.split_once(": \"") {
        Some((what, line)) => {
            let word = line.split([' ', '\t', '"']).next().unwrap_or_default();
            format!("{what}: \"{word}\"")
        }
        None => problem.to_owned(),
    }
}

/// Text that no log shows.
#[derive(Clone, Default)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether a table of that name has a file of its own.
pub fn is_file(name: &str) -> bool {
    name.starts_with(['/', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.cf");
        std::fs::write(&path, "a = 1\nhosts = b,\n c\nflag = YES\nn = x\npassword=s\npassword=t\n")
            .unwrap();
        let name = path.to_str().unwrap();
        let config = Config::parse(&Sources::default()).unwrap();
        let mut said = Vec::new();
        let settings = Settings::read(&config, "mysql", name, &mut |text| said.push(text)).unwrap();
        assert_eq!(settings.words("hosts"), ["b", "c"]);
        assert_eq!(settings.number("a", 7, 0..), Ok(1));
        assert_eq!(settings.number("b", 7, 0..), Ok(7));
        assert_eq!(settings.flag("flag", false), Ok(true));
        assert_eq!(
            settings.number("n", 7, 0..),
            Err(format!("{name}, line 5: bad numerical configuration: n = x"))
        );
        assert_eq!(
            settings.number("a", 7, 2..),
            Err(format!("{name}, line 1: invalid a parameter value 1 < 2"))
        );
        assert_eq!(settings.required("q"), Err(format!("{name}: 'q' parameter not defined")));
        settings.report_unknown(&[], &mut |text| said.push(text));
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0], format!("{name}, line 7: overriding earlier entry: password"));
        assert_eq!(said[1], format!("{name}, line 7: unknown mysql table parameter: password"));
    }

    #[test]
    fn a_line_without_its_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.cf");
        std::fs::write(&path, "a = 1\npassword s3cret word\n").unwrap();
        let name = path.to_str().unwrap();
        let config = Config::parse(&Sources::default()).unwrap();
        let why = Settings::read(&config, "mysql", name, &mut |_| ()).unwrap_err();
        let text = format!("{name}, line 2: missing '=' after attribute name: \"password\"");
        assert_eq!(why, text);
    }

    #[test]
    fn main_cf_style() {
        let main_cf = "x_hosts = $y z\ny = w\n".to_owned();
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let settings = Settings::read(&config, "mysql", "x", &mut |_| ()).unwrap();
        assert_eq!(settings.words("hosts"), ["w", "z"]);
        assert_eq!(settings.optional("user"), None);
        let missing = Settings::read(&config, "mysql", "/no/such", &mut |_| ()).unwrap_err();
        assert_eq!(missing, "open /no/such: No such file or directory");
    }
}
