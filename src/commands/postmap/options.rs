//! The command lines of postmap(1) and postalias(1).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::lookup::Duplicates;

/// Which of the two commands it is: they share their options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `key value` tables.
    Postmap,
    /// Alias files.
    Postalias,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Make tables of their source files.
    Make,
    /// `-i`: add records from standard input.
    Update,
    /// `-q`: show the value of a key, or, for `-`, of each line of standard input.
    Query(Vec<u8>),
    /// `-d`: take a key out, or, for `-`, each line of standard input.
    Delete(Vec<u8>),
    /// `-s`: show all records.
    Sequence,
}

/// Which parts of a message on standard input are keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// `-h`
    pub header: bool,
    /// `-b`
    pub body: bool,
    /// `-m`
    pub mime: bool,
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub verb: Verb,
    /// `-c`
    pub config_directory: Option<PathBuf>,
    /// not `-f`
    pub fold: bool,
    /// not `-u`
    pub utf8: bool,
    /// `-U`
    pub force_utf8: bool,
    /// `-F`
    pub files: bool,
    /// `-N`, `-n`
    pub trailing_nul: Option<bool>,
    /// `-r`, `-w`
    pub duplicates: Duplicates,
    /// not `-o`
    pub as_owner: bool,
    /// not `-p`
    pub save_mode: bool,
    /// `-j`
    pub json: bool,
    /// `-v`
    pub verbose: u32,
    pub parts: Parts,
    /// `type:name`, or `name` for the default type.
    pub tables: Vec<String>,
}

/// Why a command line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What getopt(3) says; the usage follows.
    Usage(Option<String>),
    /// A fatal error.
    Fatal(&'static str),
}

impl Which {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postmap => "postmap",
            Self::Postalias => "postalias",
        }
    }

    fn letters(self) -> &'static [u8] {
        match self {
            Self::Postmap => b"bfFhijmnNoprsuUvwcdq",
            Self::Postalias => b"Nfijnoprsuvwcdq",
        }
    }

    /// The usage text.
    pub(super) fn usage(self) -> String {
        let letters = match self {
            Self::Postmap => "bfFhimnNoprsuUvw",
            Self::Postalias => "Nfinoprsuvw",
        };
        format!(
            "usage: {} [-{letters}] [-c config_dir] [-d key] [-q key] [map_type:]file...",
            self.name()
        )
    }
}

/// Parses the arguments after the command's name, as getopt(3) does: options end at the first
/// argument that is none.
pub(super) fn parse(which: Which, arguments: Vec<OsString>) -> Result<Call, Refusal> {
    let mut call = Call {
        verb: Verb::Make,
        config_directory: None,
        fold: true,
        utf8: true,
        force_utf8: false,
        files: false,
        trailing_nul: None,
        duplicates: Duplicates::Warn,
        as_owner: true,
        save_mode: true,
        json: false,
        verbose: 0,
        parts: Parts::default(),
        tables: Vec::new(),
    };
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next_if(|a| a.len() > 1 && a.as_bytes()[0] == b'-') {
        let letters = argument.as_bytes();
        if letters == b"--" {
            break;
        }
        let mut rest = letters.get(1..).unwrap_or_default();
        while let Some((letter, after)) = rest.split_first() {
            rest = after;
            if !which.letters().contains(letter) {
                let letter = char::from(*letter);
                return Err(Refusal::Usage(Some(format!("invalid option -- '{letter}'"))));
            }
            if matches!(letter, b'c' | b'd' | b'q') {
                let value = match std::mem::take(&mut rest) {
                    [] => arguments.next(),
                    attached => Some(OsStr::from_bytes(attached).to_owned()),
                };
                let letter = char::from(*letter);
                let Some(value) = value else {
                    let text = format!("option requires an argument -- '{letter}'");
                    return Err(Refusal::Usage(Some(text)));
                };
                call.take_value(letter, value)?;
            } else {
                call.take(*letter)?;
            }
        }
    }
    call.tables = arguments.map(|name| name.to_string_lossy().into_owned()).collect();
    if call.json && !matches!(call.verb, Verb::Query(_) | Verb::Sequence) {
        return Err(Refusal::Fatal("option -j requires -q or -s"));
    }
    Ok(call)
}

impl Call {
    fn set(&mut self, verb: Verb) -> Result<(), Refusal> {
        if self.verb != Verb::Make {
            return Err(Refusal::Fatal("specify only one of -d -i -q or -s"));
        }
        self.verb = verb;
        Ok(())
    }

    fn take_value(&mut self, letter: char, value: OsString) -> Result<(), Refusal> {
        match letter {
            'c' => self.config_directory = Some(value.into()),
            'd' => self.set(Verb::Delete(value.as_bytes().to_vec()))?,
            _ => self.set(Verb::Query(value.as_bytes().to_vec()))?,
        }
        Ok(())
    }

    fn take(&mut self, letter: u8) -> Result<(), Refusal> {
        match letter {
            b'N' => self.trailing_nul = Some(true),
            b'n' => self.trailing_nul = Some(false),
            b'b' => self.parts.body = true,
            b'h' => self.parts.header = true,
            b'm' => self.parts.mime = true,
            b'f' => self.fold = false,
            b'F' => self.files = true,
            b'i' => self.set(Verb::Update)?,
            b's' => self.set(Verb::Sequence)?,
            b'j' => self.json = true,
            b'o' => self.as_owner = false,
            b'p' => self.save_mode = false,
            b'r' => self.duplicates = Duplicates::Replace,
            b'w' => self.duplicates = Duplicates::Ignore,
            b'u' => self.utf8 = false,
            b'U' => self.force_utf8 = true,
            _ => self.verbose += 1,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(which: Which, line: &str) -> Result<Call, Refusal> {
        parse(which, line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn options_and_tables() {
        let c = call(Which::Postmap, "-vqkey -c /etc -N hash:x -r").unwrap();
        assert_eq!(c.verb, Verb::Query(b"key".to_vec()));
        assert_eq!(c.config_directory, Some("/etc".into()));
        assert_eq!((c.verbose, c.trailing_nul), (1, Some(true)));
        assert_eq!(c.tables, ["hash:x", "-r"]);
        let c = call(Which::Postmap, "-q - - x").unwrap();
        assert_eq!((c.verb, c.tables), (Verb::Query(b"-".to_vec()), vec!["-".into(), "x".into()]));
    }

    #[test]
    fn refusals() {
        let usage = |text: &str| Err(Refusal::Usage(Some(text.to_owned())));
        assert_eq!(call(Which::Postalias, "-b"), usage("invalid option -- 'b'"));
        assert_eq!(call(Which::Postmap, "-q"), usage("option requires an argument -- 'q'"));
        let fatal = "specify only one of -d -i -q or -s";
        assert_eq!(call(Which::Postmap, "-si x"), Err(Refusal::Fatal(fatal)));
        assert_eq!(
            call(Which::Postmap, "-j x"),
            Err(Refusal::Fatal("option -j requires -q or -s"))
        );
    }
}
