//! smtpd.conf: how Cyrus SASL is set up for one program. Lines of `name: value`; comments begin
//! with `#`; the first line of a name counts.

/// Largest file.
pub const FILE_MAX: usize = 64 << 10;

/// Longest line: Cyrus reads what is longer as two.
const LINE_MAX: usize = 4095;

/// The settings of one file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SmtpdConf {
    /// Line number, name in lower case, value.
    lines: Vec<(usize, String, String)>,
}

/// A line that cannot be read: Cyrus takes nothing of such a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl SmtpdConf {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut lines = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let bad = |what| BadLine { line, what };
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if text.len() > LINE_MAX {
                return Err(bad("too long"));
            }
            let (name, value) = text.split_once(':').ok_or_else(|| bad("no colon"))?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(bad("a name has letters, digits, - and _"));
            }
            let value = value.trim_start();
            if value.is_empty() {
                return Err(bad("no value"));
            }
            lines.push((line, name.to_ascii_lowercase(), value.to_owned()));
        }
        Ok(Self { lines })
    }

    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(_, known, _)| known == name).map(|(.., value)| value.as_str())
    }

    /// Line numbers and names that are not among `known`.
    pub fn others<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = (usize, &'a str)> {
        let lines = self.lines.iter().map(|(line, name, _)| (*line, name.as_str()));
        lines.filter(|(_, name)| !known.contains(name))
    }
}

/// Values may be passwords of databases.
impl std::fmt::Debug for SmtpdConf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.lines.iter().map(|(_, name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_cyrus_reads() {
        let text = "# a\n\n  PwCheck_Method:  saslauthd  \nmech_list: PLAIN LOGIN\npwcheck_method: pam\nsql_statement: a:b\n";
        let conf = SmtpdConf::parse(text).unwrap();
        assert_eq!(conf.value("pwcheck_method"), Some("saslauthd"));
        assert_eq!(conf.value("mech_list"), Some("PLAIN LOGIN"));
        assert_eq!(conf.value("sql_statement"), Some("a:b"));
        assert_eq!(conf.value("log_level"), None);
        let known = ["pwcheck_method", "mech_list"];
        assert_eq!(conf.others(&known).collect::<Vec<_>>(), [(6, "sql_statement")]);
    }

    #[test]
    fn one_bad_line_spoils_the_file() {
        let line = |text| SmtpdConf::parse(text).unwrap_err().line;
        assert_eq!(line("a: b\nnonsense"), 2);
        assert_eq!(line("a:"), 1);
        assert_eq!(line("a b: c"), 1);
        assert_eq!(line(&format!("a: {}", "x".repeat(5000))), 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z_: #\n\r\t]|\\PC){0,200}") {
            if let Ok(conf) = SmtpdConf::parse(&text) {
                prop_assert!(conf.others(&[]).all(|(line, name)| line > 0 && conf.value(name).is_some()));
            }
        }
    }
}
