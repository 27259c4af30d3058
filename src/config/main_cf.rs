//! main.cf: `name = value` lines, the last one for a name wins.

use std::collections::BTreeMap;

use super::Problem;
use super::lines::{logical_lines, split_assignment};

/// What main.cf says, by name.
pub type Settings = BTreeMap<String, Setting>;

/// One value of main.cf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, unexpanded.
    pub value: String,
    /// The line where it starts; none for `-o name=value`.
    pub line: Option<usize>,
}

/// Parses the text of main.cf; `path` is what messages call the file. Returns the settings and
/// the warnings about them. Total: any text gives a result.
pub fn parse(path: &str, text: &str) -> Result<(Settings, Vec<String>), Problem> {
    let mut settings = Settings::new();
    let mut warnings = Vec::new();
    for line in logical_lines(path, text, |warning| warnings.push(warning)) {
        let (name, value) = split_assignment(&line.text).map_err(|why| Problem {
            text: format!("{path}, line {}: {why}: \"{}\"", line.first, line.text),
        })?;
        let setting = Setting { value: value.to_owned(), line: Some(line.first) };
        if let Some(old) = settings.insert(name.to_owned(), setting)
            && old.value != value
        {
            warnings.push(format!(
                "{path}, line {}: overriding earlier entry: {name}={}",
                line.first, old.value
            ));
        }
    }
    Ok((settings, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_one_wins_with_a_warning() {
        let (settings, warnings) = parse("m", "a = 1\nb=2\n  3\na = 4\na = 4\n").unwrap();
        assert_eq!(settings["a"], Setting { value: "4".into(), line: Some(5) });
        assert_eq!(settings["b"], Setting { value: "2  3".into(), line: Some(2) });
        assert_eq!(warnings, ["m, line 4: overriding earlier entry: a=1"]);
    }

    #[test]
    fn lines_without_equals_sign() {
        let problem = parse("/etc/postfix/main.cf", "a = 1\n\nnonsense line\n").unwrap_err();
        assert_eq!(
            problem.text,
            "/etc/postfix/main.cf, line 3: missing '=' after attribute name: \"nonsense line\""
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,300}") {
            let _ = parse("main.cf", &text);
        }
    }
}
