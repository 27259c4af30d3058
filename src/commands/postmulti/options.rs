//! The command line of postmulti(1): which options there are, and which go together.

use std::ffi::OsString;

use super::Outcome;
use crate::commands::getopt;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `-l`
    List,
    /// `-p`
    Postfix,
    /// `-x`
    Command,
    /// `-e`
    Edit(Action),
}

/// What `-e` does to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Destroy,
    Import,
    Deport,
    Enable,
    Disable,
    Assign,
    Init,
}

impl Action {
    /// In the order in which messages name them.
    const ALL: [(Self, &'static str); 8] = [
        (Self::Create, "create"),
        (Self::Destroy, "destroy"),
        (Self::Import, "import"),
        (Self::Deport, "deport"),
        (Self::Enable, "enable"),
        (Self::Disable, "disable"),
        (Self::Assign, "assign"),
        (Self::Init, "init"),
    ];

    /// Its name on the command line.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, word)| word)
    }

    fn parse(text: &str) -> Outcome<Self> {
        if let Some((action, _)) = Self::ALL.iter().find(|(_, word)| *word == text) {
            return Ok(*action);
        }
        let mut words: Vec<String> = Self::ALL.iter().map(|(_, w)| format!("'{w}'")).collect();
        let last = words.pop().unwrap_or_default();
        let words = words.join(", ");
        Err(format!("Invalid '-e' edit action '{text}'. Specify {words} or {last}"))
    }

    /// Whether it brings an instance.
    pub(super) fn adds(self) -> bool {
        matches!(self, Self::Create | Self::Import)
    }
}

/// Which instances are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Nothing was said.
    None,
    /// `-a`
    All,
    /// `-g`
    Group(String),
    /// `-i`
    Name(String),
}

/// The command line. Names that were given as `-` are empty here.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) mode: Mode,
    pub(super) selection: Selection,
    /// `-I`
    pub(super) name: Option<String>,
    /// `-G`
    pub(super) group: Option<String>,
    pub(super) reverse: bool,
    pub(super) json: bool,
    pub(super) verbose: bool,
    /// What stands after the options.
    pub(super) words: Vec<String>,
}

const USAGE: &str = "Usage:postmulti -l [-v] [-a] [-g group] [-i instance] | \
     postmulti -p [-v] [-a] [-g group] [-i instance] command... | \
     postmulti -x [-v] [-a] [-i name] [-g group] command... | \
     postmulti -e action [-v] [-a] [-i name] [-g group] [-I name] [-G group] [param=value ...]";

impl Options {
    pub(super) fn read(arguments: Vec<OsString>) -> Outcome<Self> {
        let read = getopt::Options::read(arguments, "ae:g:i:jG:I:lpRvx").map_err(|bad| {
            eprintln!("postmulti: {bad}");
            USAGE.to_owned()
        })?;
        let mut found = Found::default();
        for (letter, value) in read.options {
            found.take(letter, value.unwrap_or_default())?;
        }
        found.finish(read.rest)
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    modes: Vec<Mode>,
    selections: Vec<Selection>,
    name: Option<String>,
    group: Option<String>,
    reverse: bool,
    json: bool,
    verbose: bool,
}

impl Found {
    fn take(&mut self, letter: char, value: String) -> Outcome<()> {
        match letter {
            'a' if self.selections.last() == Some(&Selection::All) => {}
            'a' => self.selections.push(Selection::All),
            'g' => self.selections.push(Selection::Group(value)),
            'i' => self.selections.push(Selection::Name(value)),
            'e' => self.mode(Mode::Edit(Action::parse(&value)?)),
            'l' => self.mode(Mode::List),
            'p' => self.mode(Mode::Postfix),
            'x' => self.mode(Mode::Command),
            'G' | 'I' => {
                let place = if letter == 'G' { &mut self.group } else { &mut self.name };
                if place.is_some() {
                    return Err(format!("Specify at most one '-{letter}' option"));
                }
                *place = Some(if value == "-" { String::new() } else { value });
            }
            'R' => self.reverse = !self.reverse,
            'j' => self.json = true,
            _ => self.verbose = true,
        }
        Ok(())
    }

    fn mode(&mut self, mode: Mode) {
        if self.modes.last() != Some(&mode) {
            self.modes.push(mode);
        }
    }

    fn finish(self, words: Vec<String>) -> Outcome<Options> {
        if self.selections.len() > 1 {
            return Err("Specity no more than one of '-a', '-g', '-i'".into());
        }
        let [mode] = self.modes[..] else {
            return Err("Specify exactly one of '-e', '-l', '-p', '-x'".into());
        };
        let options = Options {
            mode,
            selection: self.selections.into_iter().next().unwrap_or(Selection::None),
            name: self.name,
            group: self.group,
            reverse: self.reverse,
            json: self.json,
            verbose: self.verbose,
            words,
        };
        options.check()?;
        Ok(options)
    }
}

impl Options {
    /// What does not go together, in the order in which it is looked at.
    fn check(&self) -> Outcome<()> {
        let assigns = self.name.is_some() || self.group.is_some();
        match self.mode {
            Mode::List if !self.words.is_empty() => {
                return Err("Command not allowed with '-l'".into());
            }
            Mode::Postfix | Mode::Command if self.words.is_empty() => {
                return Err("Command required with '-p' or '-x' option".into());
            }
            Mode::Postfix | Mode::Edit(_) if self.reverse => {
                return Err("The '-p' and '-e' options preclude the use of '-R'".into());
            }
            _ => {}
        }
        match self.mode {
            Mode::Edit(action) => self.check_edit(action, assigns)?,
            _ if assigns => {
                return Err("Cannot assign instance name or group without '-e assign'".into());
            }
            _ => {}
        }
        if self.json && self.mode != Mode::List {
            return Err("JSON output available only with '-l'".into());
        }
        Ok(())
    }

    fn check_edit(&self, action: Action, assigns: bool) -> Outcome<()> {
        let word = action.word();
        if assigns && !action.adds() && action != Action::Assign {
            return Err(format!("Cannot assign instance name or group with '-e {word}'"));
        }
        if action == Action::Assign && !assigns {
            return Err(format!("Specify new instance name or group with '-e {word}'"));
        }
        if !action.adds() && !self.words.is_empty() {
            return Err(format!("Parameter overrides not valid with '-e {word}'"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Outcome<Options> {
        Options::read(words.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn what_goes_together() {
        let options = read("-e create -I postfix-a -G - x=y").unwrap();
        assert_eq!(options.mode, Mode::Edit(Action::Create));
        assert_eq!(
            (options.name.as_deref(), options.group.as_deref()),
            (Some("postfix-a"), Some(""))
        );
        assert_eq!(options.words, ["x=y"]);
        assert!(read("-l -l -a -a").is_ok());
        for (words, why) in [
            ("-l -p status", "Specify exactly one of"),
            ("", "Specify exactly one of"),
            ("-l -a -g x", "Specity no more than one"),
            ("-l x", "Command not allowed"),
            ("-p", "Command required"),
            ("-p -R x", "preclude"),
            ("-l -I x", "without '-e assign'"),
            ("-e enable -I x", "with '-e enable'"),
            ("-e assign -i x", "Specify new instance name"),
            ("-e destroy -i x a=b", "Parameter overrides"),
            ("-p -j x", "JSON output"),
            ("-e what", "Invalid '-e' edit action 'what'. Specify 'create', 'destroy', 'import'"),
            ("-e assign -I a -I b", "at most one '-I'"),
            ("-z", "Usage:"),
        ] {
            assert!(read(words).unwrap_err().contains(why), "{words}");
        }
    }
}
