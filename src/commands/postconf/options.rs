//! The command line of postconf: which options there are, and which go together.

use std::path::PathBuf;

use super::Outcome;

/// What is asked for, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mode(u32);

impl Mode {
    pub(super) const NON_DEFAULT: Self = Self(1);
    pub(super) const DEFAULTS: Self = Self(1 << 1);
    pub(super) const HIDE_NAME: Self = Self(1 << 2);
    pub(super) const SHOW_MAPS: Self = Self(1 << 3);
    pub(super) const EDIT: Self = Self(1 << 4);
    pub(super) const SHOW_LOCKS: Self = Self(1 << 5);
    pub(super) const EVALUATE: Self = Self(1 << 6);
    pub(super) const SASL_SERVER: Self = Self(1 << 7);
    pub(super) const SASL_CLIENT: Self = Self(1 << 8);
    pub(super) const COMMENT_OUT: Self = Self(1 << 9);
    pub(super) const MASTER_ENTRY: Self = Self(1 << 10);
    pub(super) const FOLD: Self = Self(1 << 11);
    pub(super) const EXCLUDE: Self = Self(1 << 12);
    pub(super) const MASTER_FIELD: Self = Self(1 << 13);
    pub(super) const MAIN: Self = Self(1 << 14);
    pub(super) const EXPAND_TEMPLATES: Self = Self(1 << 15);
    pub(super) const CLASS: Self = Self(1 << 16);
    pub(super) const OVERRIDE: Self = Self(1 << 17);
    pub(super) const DUMP_TEMPLATES: Self = Self(1 << 18);
    pub(super) const MASTER_PARAMETER: Self = Self(1 << 19);
    pub(super) const HIDE_VALUE: Self = Self(1 << 20);
    pub(super) const SHOW_TLS: Self = Self(1 << 21);
    pub(super) const JSON: Self = Self(1 << 23);
    pub(super) const MERGED: Self = Self(1 << 24);

    /// All ways to change a file.
    pub(super) const EDITS: Self = Self::EDIT.or(Self::COMMENT_OUT).or(Self::EXCLUDE);
    /// All views of master.cf.
    pub(super) const MASTER: Self =
        Self::MASTER_ENTRY.or(Self::MASTER_FIELD).or(Self::MASTER_PARAMETER);
    /// Both views of the bounce templates.
    pub(super) const TEMPLATES: Self = Self::EXPAND_TEMPLATES.or(Self::DUMP_TEMPLATES);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The options of these bits, for messages.
    fn names(self) -> String {
        let names = NAMES.iter().filter(|(_, mode)| !self.and(*mode).is_empty());
        names.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    }
}

const NAMES: &[(&str, Mode)] = &[
    ("-a", Mode::SASL_SERVER),
    ("-A", Mode::SASL_CLIENT),
    ("-b", Mode::EXPAND_TEMPLATES),
    ("-C", Mode::CLASS),
    ("-d", Mode::DEFAULTS),
    ("-e", Mode::EDIT),
    ("-f", Mode::FOLD),
    ("-F", Mode::MASTER_FIELD),
    ("-h", Mode::HIDE_NAME),
    ("-H", Mode::HIDE_VALUE),
    ("-j", Mode::JSON),
    ("-l", Mode::SHOW_LOCKS),
    ("-m", Mode::SHOW_MAPS),
    ("-M", Mode::MASTER_ENTRY),
    ("-n", Mode::NON_DEFAULT),
    ("-o", Mode::OVERRIDE),
    ("-p", Mode::MAIN),
    ("-P", Mode::MASTER_PARAMETER),
    ("-t", Mode::DUMP_TEMPLATES),
    ("-T", Mode::SHOW_TLS),
    ("-x", Mode::EVALUATE),
    ("-X", Mode::EXCLUDE),
    ("-#", Mode::COMMENT_OUT),
    ("-PP", Mode::MERGED),
];

const MAJOR: Mode = Mode::SASL_SERVER
    .or(Mode::SASL_CLIENT)
    .or(Mode::TEMPLATES)
    .or(Mode::SHOW_LOCKS)
    .or(Mode::SHOW_MAPS)
    .or(Mode::MAIN)
    .or(Mode::MASTER)
    .or(Mode::SHOW_TLS);

/// At most one of each of these.
const EXCLUSIVE: &[Mode] = &[
    MAJOR,
    Mode::MERGED.or(Mode::EDITS),
    Mode::DEFAULTS.or(Mode::NON_DEFAULT).or(Mode::EDITS),
    Mode::FOLD.or(Mode::EDITS),
    Mode::EVALUATE.or(Mode::EDITS),
    Mode::OVERRIDE.or(Mode::DEFAULTS).or(Mode::EDITS),
    Mode::HIDE_NAME.or(Mode::HIDE_VALUE).or(Mode::EDITS),
];

const SHOW: Mode = Mode::FOLD
    .or(Mode::HIDE_NAME)
    .or(Mode::OVERRIDE)
    .or(Mode::EVALUATE)
    .or(Mode::HIDE_VALUE)
    .or(Mode::JSON);

/// Each goes only with what stands beside it.
const COMPATIBLE: &[(Mode, Mode)] = &[
    (Mode::SASL_SERVER, Mode(0)),
    (Mode::SASL_CLIENT, Mode(0)),
    (Mode::EXPAND_TEMPLATES, Mode(0)),
    (Mode::SHOW_LOCKS, Mode(0)),
    (Mode::SHOW_MAPS, Mode(0)),
    (Mode::SHOW_TLS, Mode(0)),
    (Mode::DUMP_TEMPLATES, Mode(0)),
    (Mode::MAIN, Mode::EDITS.or(SHOW).or(Mode::CLASS).or(Mode::DEFAULTS).or(Mode::NON_DEFAULT)),
    (
        Mode::MASTER_ENTRY,
        Mode::EDITS.or(Mode::FOLD).or(Mode::OVERRIDE).or(Mode::EVALUATE).or(Mode::JSON),
    ),
    (Mode::MASTER_FIELD, Mode::EDIT.or(SHOW)),
    (Mode::MASTER_PARAMETER, Mode::EDIT.or(Mode::EXCLUDE).or(SHOW).or(Mode::MERGED)),
    (Mode::MERGED, SHOW.or(Mode::MASTER_PARAMETER)),
    (
        Mode::JSON,
        Mode::MAIN
            .or(Mode::MASTER)
            .or(Mode::OVERRIDE)
            .or(Mode::EVALUATE)
            .or(Mode::NON_DEFAULT)
            .or(Mode::DEFAULTS),
    ),
    (Mode::CLASS, Mode::MAIN.or(Mode::DEFAULTS).or(Mode::NON_DEFAULT)),
];

/// Which names `-C` asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes {
    pub(super) builtin: bool,
    pub(super) service: bool,
    pub(super) user: bool,
}

/// The command line.
#[derive(Debug)]
pub(super) struct Options {
    mode: Mode,
    /// `-c`, or MAIL_CONFIG; none is the built-in place.
    pub(super) chosen_directory: Option<PathBuf>,
    pub(super) classes: Classes,
    /// `-o name=value`
    pub(super) overrides: Vec<String>,
    /// What `-T` asks for.
    pub(super) tls: String,
    /// `-q`: no warnings about unused names.
    pub(super) quiet: bool,
    /// What follows the options.
    pub(super) names: Vec<String>,
}

const WITH_VALUE: &str = "cCoT";

impl Options {
    /// Whether any of these is asked for.
    pub(super) fn has(&self, mode: Mode) -> bool {
        !self.mode.and(mode).is_empty()
    }

    /// The folder of main.cf.
    pub(super) fn directory(&self) -> PathBuf {
        self.chosen_directory.clone().unwrap_or_else(|| PathBuf::from("/etc/postfix"))
    }

    /// Reads the command line; `program` is for the usage message.
    pub(super) fn parse(arguments: Vec<String>, program: &str) -> Outcome<Self> {
        let mut options = Self {
            mode: Mode::default(),
            chosen_directory: std::env::var_os("MAIL_CONFIG").map(PathBuf::from),
            classes: Classes { builtin: true, service: true, user: true },
            overrides: Vec::new(),
            tls: String::new(),
            quiet: false,
            names: Vec::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty())
            else {
                options.names.push(argument);
                break;
            };
            if letters == "-" {
                break;
            }
            for (at, letter) in letters.char_indices() {
                if WITH_VALUE.contains(letter) {
                    let attached = letters.get(at + letter.len_utf8()..).unwrap_or_default();
                    let value = match attached {
                        "" => arguments.next().ok_or_else(|| needs_value(program, letter))?,
                        attached => attached.to_owned(),
                    };
                    options.with_value(letter, value)?;
                    break;
                }
                options.letter(letter, program)?;
            }
        }
        options.names.extend(arguments);
        if !options.has(MAJOR) {
            options.mode = options.mode.or(Mode::MAIN);
        }
        let assigns = options.names.first().is_some_and(|name| name.contains('='));
        if options.has(Mode::MAIN.or(Mode::MASTER)) && assigns {
            options.mode = options.mode.or(Mode::EDIT);
        }
        Ok(options)
    }

    fn with_value(&mut self, letter: char, value: String) -> Outcome<()> {
        match letter {
            'c' => self.chosen_directory = Some(PathBuf::from(value)),
            'o' => {
                self.mode = self.mode.or(Mode::OVERRIDE);
                self.overrides.push(value);
            }
            'T' => {
                if self.has(Mode::SHOW_TLS) {
                    return Err("At most one -T <mode> option may be specified".into());
                }
                self.mode = self.mode.or(Mode::SHOW_TLS);
                self.tls = value;
            }
            _ => {
                let mut classes = Classes { builtin: false, service: false, user: false };
                let words = value.split([',', ' ', '\t', '\r', '\n']);
                for word in words.filter(|word| !word.is_empty()) {
                    match word.to_ascii_lowercase().as_str() {
                        "builtin" => classes.builtin = true,
                        "service" => classes.service = true,
                        "user" => classes.user = true,
                        "all" => classes = Classes { builtin: true, service: true, user: true },
                        _ => {
                            return Err(format!(
                                "unknown -C option value \"{word}\" in \"{value}\""
                            ));
                        }
                    }
                }
                self.classes = classes;
            }
        }
        Ok(())
    }

    fn letter(&mut self, letter: char, program: &str) -> Outcome<()> {
        let mode = match letter {
            'q' => {
                self.quiet = true;
                return Ok(());
            }
            'v' => return Ok(()),
            'P' if self.has(Mode::MASTER_PARAMETER) => Mode::MERGED,
            'b' | 't' if self.has(Mode::TEMPLATES) => {
                return Err("specify one of -b and -t".into());
            }
            _ => NAMES
                .iter()
                .find(|(name, _)| name.strip_prefix('-').is_some_and(|n| n == letter.to_string()))
                .map(|(_, mode)| *mode)
                .ok_or_else(|| {
                    eprintln!("{program}: invalid option -- '{letter}'");
                    usage(program)
                })?,
        };
        self.mode = self.mode.or(mode);
        Ok(())
    }

    /// Complains about options that do not go together.
    pub(super) fn check(&self) -> Outcome<()> {
        for group in EXCLUSIVE {
            let given = self.mode.and(*group);
            if given.0.count_ones() > 1 {
                return Err(format!("specify one of {}", given.names()));
            }
        }
        for (option, friends) in COMPATIBLE {
            let excess = Mode(self.mode.0 & !option.or(*friends).0);
            if self.has(*option) && !excess.is_empty() {
                return Err(format!(
                    "with option {}, do not specify {}",
                    option.names(),
                    excess.names()
                ));
            }
        }
        if self.has(Mode::EDIT) && self.names.is_empty() {
            return Err("-e requires name=value argument".into());
        }
        Ok(())
    }
}

fn needs_value(program: &str, letter: char) -> String {
    eprintln!("{program}: option requires an argument -- '{letter}'");
    usage(program)
}

fn usage(program: &str) -> String {
    format!(
        "usage: {program} [-a (server SASL types)] [-A (client SASL types)] \
         [-b (bounce templates)] [-c config_dir] [-c param_class] [-d (parameter defaults)] \
         [-e (edit configuration)] [-f (fold lines)] [-F (master.cf fields)] [-h (no names)] \
         [-H (no values)] [-j (streaming JSON) ] [-l (lock types)] [-m (map types)] \
         [-M (master.cf)] [-n (non-default parameters)] \
         [-o name=value (override parameter value)] [-p (main.cf, default)] \
         [-P (master.cf parameters)] [-t (bounce templates)] \
         [-T compile-version|run-version|public-key-algorithms] [-v (verbose)] \
         [-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Options> {
        let options = Options::parse(line.split(' ').map(str::to_owned).collect(), "postconf")?;
        options.check().map(|()| options)
    }

    #[test]
    fn what_goes_together() {
        assert_eq!(parse("-n -d").unwrap_err(), "specify one of -d -n");
        assert_eq!(parse("-m -x").unwrap_err(), "with option -m, do not specify -x");
        assert_eq!(parse("-e").unwrap_err(), "-e requires name=value argument");
        assert!(parse("-nx").is_ok());
    }

    #[test]
    fn assignments_edit() {
        assert!(parse("a=b").is_ok_and(|options| options.has(Mode::EDIT)));
        assert!(parse("-c/x a").is_ok_and(|options| options.directory().as_os_str() == "/x"));
    }
}
