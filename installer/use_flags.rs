//! USE flags, which mean here what they mean in Portage: `ssl -ldap` turns one on and one off,
//! `-*` all off, and the last word about a flag counts.

use std::collections::BTreeSet;

use postfix_rs::config::features::{self, Feature};

use crate::failure::{Failure, Outcome};

/// Flags that the installer itself acts on: programs of any build will do.
const AT_INSTALLATION: &[&str] = &["doc", "mbox", "selinux"];

/// What somebody asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `-*` was among the words.
    nothing_else: bool,
    /// Flags in the order in which they were named.
    words: Vec<(&'static str, bool)>,
}

impl Asked {
    /// The words of USE and then those of `--use`.
    pub fn read(option: Option<&str>) -> Outcome<Self> {
        let environment = std::env::var("USE").unwrap_or_default();
        Self::parse(&environment, option.unwrap_or_default())
    }

    /// Parses the words of both; a flag that does not exist is an error.
    pub fn parse(environment: &str, option: &str) -> Outcome<Self> {
        let mut asked = Self::default();
        let mut unknown = Vec::new();
        let separators = |c: char| c.is_whitespace() || c == ',';
        for word in environment.split(separators).chain(option.split(separators)) {
            let (name, on) = match word.strip_prefix('-') {
                Some(name) => (name, false),
                None => (word.strip_prefix('+').unwrap_or(word), true),
            };
            match (name, features::lookup(name)) {
                ("", _) => {}
                ("*", _) if !on => asked = Self { nothing_else: true, words: Vec::new() },
                (_, Some(feature)) => asked.words.push((feature.name, on)),
                (_, None) => unknown.push(name),
            }
        }
        if unknown.is_empty() {
            return Ok(asked);
        }
        let known: Vec<&str> = features::ALL.iter().map(|feature| feature.name).collect();
        let s = if unknown.len() == 1 { "" } else { "s" };
        Err(Failure::new(format!("unknown USE flag{s}: {}", unknown.join(" ")))
            .advise(format!("the flags of postfix-rs are: {}", known.join(" "))))
    }

    /// Whether nobody asked for anything.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && !self.nothing_else
    }

    /// What was said about a flag.
    pub fn says(&self, name: &str) -> Option<bool> {
        let last = self.words.iter().rev().find(|(word, _)| *word == name).map(|(_, on)| *on);
        last.or_else(|| self.nothing_else.then_some(false))
    }

    /// The flags that hold when these are the defaults.
    pub fn over(&self, defaults: &[impl AsRef<str>]) -> Outcome<Flags> {
        let mut flags = BTreeSet::new();
        for name in defaults {
            if let Some(feature) = features::lookup(name.as_ref())
                && !self.nothing_else
            {
                flags.insert(feature.name);
            }
        }
        for (name, on) in &self.words {
            if *on {
                flags.insert(*name)
            } else {
                flags.remove(name)
            };
        }
        let flags = Flags(flags);
        flags.check_needs()?;
        Ok(flags)
    }

    /// Flags that were asked for and have no code.
    pub fn without_code(&self) -> Vec<&'static str> {
        let on = features::ALL.iter().filter(|feature| self.says(feature.name) == Some(true));
        on.map(|feature| feature.name)
            .filter(|name| !AT_INSTALLATION.contains(name))
            .filter(|name| !features::exists(name))
            .collect()
    }
}

/// Those of some flags that a program must be built with.
pub fn to_build(flags: BTreeSet<&str>) -> BTreeSet<&str> {
    flags.into_iter().filter(|name| !AT_INSTALLATION.contains(name)).collect()
}

/// A set of flags that fit together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(BTreeSet<&'static str>);

impl Flags {
    /// Whether a flag is on.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The flags that a program must be built with.
    pub fn to_build(&self) -> BTreeSet<&'static str> {
        to_build(self.0.clone())
    }

    fn check_needs(&self) -> Outcome {
        let lacking = |feature: &&Feature| {
            self.has(feature.name) && !feature.needs.iter().all(|name| self.has(name))
        };
        let lines: Vec<String> = features::ALL
            .iter()
            .filter(lacking)
            .map(|feature| format!("{}? ( {} )", feature.name, feature.needs.join(" ")))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the following REQUIRED_USE flag constraints are unsatisfied: {}",
            lines.join(" ")
        ))
        .advise("turn on what is needed, or turn off what needs it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(environment: &str, option: &str) -> Result<String, String> {
        let asked = Asked::parse(environment, option).map_err(|e| e.what)?;
        asked.over(&["ssl", "lmdb"]).map(|f| f.names().join(" ")).map_err(|e| e.what)
    }

    #[test]
    fn as_in_portage() {
        assert_eq!(flags("", ""), Ok("lmdb ssl".into()));
        assert_eq!(flags("sasl -lmdb", ""), Ok("sasl ssl".into()));
        assert_eq!(flags("-ssl", "ssl, mbox"), Ok("lmdb mbox ssl".into()));
        assert_eq!(flags("mysql", "-* cdb"), Ok("cdb".into()));
        assert_eq!(flags("ssl -ssl", ""), Ok("lmdb".into()));
    }

    #[test]
    fn errors() {
        assert_eq!(flags("X gtk", "ssl"), Err("unknown USE flags: X gtk".into()));
        assert_eq!(flags("", "ssll"), Err("unknown USE flag: ssll".into()));
        assert_eq!(
            flags("", "ldap-bind -ssl tlsrpt"),
            Err("the following REQUIRED_USE flag constraints are unsatisfied: \
                 ldap-bind? ( ldap sasl ) tlsrpt? ( ssl )"
                .into())
        );
    }

    #[test]
    fn what_is_said() {
        let asked = Asked::parse("mbox", "-mbox").unwrap();
        assert_eq!((asked.says("mbox"), asked.says("ssl")), (Some(false), None));
        assert_eq!(Asked::parse("-*", "").unwrap().says("ssl"), Some(false));
        assert!(Asked::parse(" ", "").unwrap().is_empty());
    }
}
