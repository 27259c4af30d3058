//! The command line of sendmail: thirty years of options, most of them ignored.

use std::path::{Path, PathBuf};

use super::Fatal;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::mail::envelope::{Body, Notify, Ret, RewriteContext};

/// Options with a value; the others are letters that may be put together.
const WITH_VALUE: &str = "ABCFLNORVXbfhopqr";
const WITHOUT_VALUE: &str = "GIUceimntvx";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Enqueue,
    NewAliases,
    MailQueue,
    Daemon,
    StandAlone,
    Flush,
    Ignore,
}

/// The command line.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) mode: Mode,
    /// A line with nothing but a dot ends the message (not with `-i`).
    pub(super) dot_ends: bool,
    /// `-t`: recipients from the header.
    pub(super) extract_recipients: bool,
    /// `-bv`
    pub(super) expand_only: bool,
    /// `-v`
    pub(super) record: bool,
    /// `-f`
    pub(super) sender: Option<String>,
    /// `-F`
    pub(super) full_name: Option<String>,
    /// `-B`
    pub(super) body: Option<Body>,
    /// `-V`
    pub(super) envid: Option<String>,
    /// `-R`
    pub(super) ret: Option<Ret>,
    /// `-N`
    pub(super) notify: Notify,
    /// `-G` is remote.
    pub(super) context: RewriteContext,
    /// `-XV`
    pub(super) verp: Option<String>,
    /// `-O SMTPUTF8=yes`
    pub(super) smtputf8: bool,
    /// `-O REQUIRETLS=yes`
    pub(super) require_tls: bool,
    /// `-oA`
    pub(super) alias_database: Option<String>,
    /// `-q` and a time
    pub(super) queue_interval: bool,
    /// `-qR`
    pub(super) flush_site: Option<String>,
    /// `-qI`
    pub(super) flush_id: Option<String>,
    /// How often `-v`, where it does not mean [`Options::record`].
    pub(super) verbose: usize,
    pub(super) recipients: Vec<String>,
}

/// The folder that `-C` names, or the folder of the main.cf that it names.
pub(super) fn config_directory(name: &str, arguments: &[String]) -> Option<PathBuf> {
    let mut found = None;
    let mut words = Words { rest: arguments, letters: None };
    while let Some(word) = words.next() {
        match word {
            Ok(('C', value)) => {
                let path = Path::new(value);
                let is_file = path.file_name().is_some_and(|name| name == "main.cf");
                let folder = if is_file { path.parent().unwrap_or(path) } else { path };
                found = Some(folder.to_owned());
            }
            Ok(_) => {}
            // Said here, and again when the options count.
            Err(why) => eprintln!("{name}: {why}"),
        }
    }
    found
}

/// Takes options off a command line, as getopt(3) does; `-q` alone has no value.
struct Words<'a> {
    rest: &'a [String],
    /// What is left of a word with several options in it.
    letters: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<Result<(char, &'a str), String>> {
        let letters = match self.letters.take() {
            Some(letters) => letters,
            None => {
                let word = self.rest.first()?;
                let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?;
                self.rest = self.rest.get(1..).unwrap_or_default();
                if letters == "-" {
                    return None;
                }
                if matches!(letters, "q" | "XV") {
                    return Some(Ok((if letters == "q" { 'Q' } else { 'W' }, "")));
                }
                letters
            }
        };
        let letter = letters.chars().next()?;
        let after = letters.get(letter.len_utf8()..).unwrap_or_default();
        if WITH_VALUE.contains(letter) {
            if !after.is_empty() {
                return Some(Ok((letter, after)));
            }
            let Some(value) = self.rest.first() else {
                return Some(Err(format!("option requires an argument -- '{letter}'")));
            };
            self.rest = self.rest.get(1..).unwrap_or_default();
            return Some(Ok((letter, value)));
        }
        if !after.is_empty() {
            self.letters = Some(after);
        }
        if WITHOUT_VALUE.contains(letter) {
            Some(Ok((letter, "")))
        } else {
            Some(Err(format!("invalid option -- '{letter}'")))
        }
    }
}

impl Options {
    fn new(name: &str) -> Self {
        Self {
            mode: match name {
                "mailq" => Mode::MailQueue,
                "newaliases" => Mode::NewAliases,
                _ => Mode::Enqueue,
            },
            dot_ends: true,
            extract_recipients: false,
            expand_only: false,
            record: false,
            sender: None,
            full_name: None,
            body: None,
            envid: None,
            ret: None,
            notify: Notify::default(),
            context: RewriteContext::Local,
            verp: None,
            smtputf8: false,
            require_tls: false,
            alias_database: None,
            queue_interval: false,
            flush_site: None,
            flush_id: None,
            verbose: 0,
            recipients: Vec::new(),
        }
    }

    /// Reads the command line of the program called `name`.
    pub(super) fn parse(
        name: &str,
        arguments: &[String],
        config: &Config,
        log: &Log,
    ) -> Result<Self, Fatal> {
        let mut options = Self::new(name);
        let arguments = without_old_verp(arguments, log);
        let mut words = Words { rest: &arguments, letters: None };
        while let Some(word) = words.next() {
            let (letter, value) = word.map_err(|why| {
                eprintln!("{name}: {why}");
                Fatal::new(format!("usage: {name} [options]"))
            })?;
            options.option(letter, value, config, log)?;
        }
        options.recipients = words.rest.to_vec();
        // One -v asks for a report, more ask for talk.
        if options.verbose == 1 && options.mode == Mode::Enqueue && !options.expand_only {
            options.verbose = 0;
            options.record = true;
        }
        Ok(options)
    }

    fn option(
        &mut self,
        letter: char,
        value: &str,
        config: &Config,
        log: &Log,
    ) -> Result<(), Fatal> {
        let first = value.chars().next();
        match letter {
            'n' => return Err(Fatal::new("-n option not supported")),
            'B' => {
                self.body = Some(match value {
                    "8BITMIME" => Body::EightBitMime,
                    "7BIT" => Body::SevenBit,
                    _ => return Err(Fatal::new("-B option needs 8BITMIME or 7BIT")),
                });
            }
            'F' => self.full_name = Some(value.to_owned()),
            'G' => self.context = RewriteContext::Remote,
            'I' => self.mode = Mode::NewAliases,
            'N' => self.notify = notify(value, log),
            'O' => self.long_option(value, config, log),
            'R' => {
                self.ret = match value.to_ascii_lowercase().as_str() {
                    "full" => Some(Ret::Full),
                    "hdrs" => Some(Ret::Headers),
                    _ => {
                        log.warning(format_args!("bad -R option value -- ignored"));
                        None
                    }
                };
            }
            'V' if value.len() > 100 => {
                log.warning(format_args!("too long -V option value -- ignored"));
            }
            'V' if value.is_empty()
                || !value.bytes().all(|b| b == b'\t' || (b' '..0x7f).contains(&b)) =>
            {
                log.warning(format_args!("bad syntax in -V option value -- ignored"));
            }
            'V' => self.envid = Some(value.to_owned()),
            'W' => self.verp = Some(config.text(&p::default_verp_delimiters)),
            'X' => self.verp = Some(verp(value, config)?),
            'b' => self.mode(first, log)?,
            'f' | 'r' => self.sender = Some(value.to_owned()),
            'i' => self.dot_ends = false,
            'o' => match first {
                Some('A') if value.len() == 1 => {
                    return Err(Fatal::new("-oA requires pathname"));
                }
                Some('A') => self.alias_database = value.get(1..).map(str::to_owned),
                Some('i') => self.dot_ends = false,
                _ => {}
            },
            'Q' if self.mode == Mode::Daemon => {
                log.warning(format_args!("ignoring -q option in daemon mode"));
            }
            'Q' => self.mode = Mode::Flush,
            'q' => self.queue(value)?,
            't' => self.extract_recipients = true,
            'v' => self.verbose += 1,
            _ => {}
        }
        Ok(())
    }

    fn mode(&mut self, kind: Option<char>, log: &Log) -> Result<(), Fatal> {
        self.mode = match kind {
            Some('d' | 'l') => {
                if self.mode == Mode::Flush {
                    log.warning(format_args!("ignoring -q option in daemon mode"));
                }
                Mode::Daemon
            }
            Some('h' | 'H') => Mode::Ignore,
            Some('i') => Mode::NewAliases,
            Some('m') => Mode::Enqueue,
            Some('p') => Mode::MailQueue,
            Some('s') => Mode::StandAlone,
            Some('v') => {
                self.expand_only = true;
                return Ok(());
            }
            other => {
                return Err(Fatal::new(format!("unsupported: -b{}", other.unwrap_or_default())));
            }
        };
        Ok(())
    }

    fn queue(&mut self, value: &str) -> Result<(), Fatal> {
        let rest = value.get(1..).unwrap_or_default().to_owned();
        match value.chars().next() {
            Some(c) if c.is_ascii_digit() => self.queue_interval = true,
            Some('R') if rest.is_empty() => return Err(Fatal::new("specify: -qRsitename")),
            Some('R') => self.flush_site = Some(rest),
            Some('I') if rest.is_empty() => return Err(Fatal::new("specify: -qIqueueid")),
            Some('I') => self.flush_id = Some(rest),
            other => {
                let other = other.unwrap_or_default();
                return Err(Fatal::new(format!("-q{other} is not implemented")));
            }
        }
        Ok(())
    }

    /// `-O name=value`
    fn long_option(&mut self, option: &str, config: &Config, log: &Log) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let yes = value.eq_ignore_ascii_case("yes");
        let known = yes || value.eq_ignore_ascii_case("no");
        if name.eq_ignore_ascii_case("REQUIRETLS") {
            if !config.bool(&p::requiretls_enable) {
                log.warning(format_args!(
                    "Ignoring option '-O {option}, because the configuration is \
                     'requiretls_enable = no'"
                ));
                return;
            }
            self.require_tls = yes;
        } else if name.eq_ignore_ascii_case("SMTPUTF8") {
            if !config.bool(&p::smtputf8_enable) {
                log.warning(format_args!(
                    "'-O {option}' was requested, but the configuration is 'smtputf8_enable = no'"
                ));
                return;
            }
            self.smtputf8 = yes;
        } else {
            return;
        }
        if !known {
            log.warning(format_args!("bad -O option: '{option}' -- ignored"));
        }
    }

    /// Complains about options that do not go together.
    pub(super) fn check(&self) -> Result<(), Fatal> {
        let delivers = self.mode == Mode::Enqueue;
        for (wrong, complaint) in [
            (self.extract_recipients && !delivers, "-t can be used only in delivery mode"),
            (self.flush_site.is_some() && !delivers, "-qR can be used only in delivery mode"),
            (self.flush_id.is_some() && !delivers, "-qI can be used only in delivery mode"),
            (self.expand_only && self.extract_recipients, "-t option cannot be used with -bv"),
            (self.expand_only && !self.notify.is_default(), "-N option cannot be used with -bv"),
            (self.expand_only && self.ret.is_some(), "-R option cannot be used with -bv"),
            (self.expand_only && self.verbose == 1, "-v option cannot be used with -bv"),
        ] {
            if wrong {
                return Err(Fatal::new(complaint));
            }
        }
        Ok(())
    }
}

/// `-V xy` and `-Vxy` once meant `-XVxy`.
fn without_old_verp(arguments: &[String], log: &Log) -> Vec<String> {
    let mut changed = arguments.to_vec();
    let mut at = 0;
    while let Some(word) = changed.get(at) {
        if word == "--" || !word.starts_with('-') {
            break;
        }
        let two = word == "-V" && changed.get(at + 1).is_some_and(|next| next.len() == 2);
        if two {
            log.warning(format_args!(
                "option -V is deprecated with Postfix 2.3; specify -XV instead"
            ));
            // The delimiters stay, as a recipient: so it is in Postfix.
            changed.splice(at..=at, ["-XV".to_owned()]);
        } else if word.starts_with("-V") && word.len() == 4 {
            let new = format!("-X{}", word.get(1..).unwrap_or_default());
            log.warning(format_args!(
                "option {word} is deprecated with Postfix 2.3; specify {new} instead"
            ));
            changed.splice(at..=at, [new]);
        } else if let Some(letters) = word.strip_prefix('-')
            && letters
                .chars()
                .next_back()
                .is_some_and(|last| WITH_VALUE.contains(last) && !matches!(letters, "q"))
            && letters.chars().rev().skip(1).all(|c| WITHOUT_VALUE.contains(c))
        {
            // The next word is a value.
            at += 1;
        }
        at += 1;
    }
    changed
}

/// `-N`: NEVER, or any of SUCCESS, FAILURE and DELAY; zero if it makes no sense.
fn notify(value: &str, log: &Log) -> Notify {
    let mut wanted = Notify::default();
    for word in value.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        wanted = match word.to_ascii_lowercase().as_str() {
            "never" => wanted.with(Notify::NEVER),
            "success" => wanted.with(Notify::SUCCESS),
            "failure" => wanted.with(Notify::FAILURE),
            "delay" => wanted.with(Notify::DELAY),
            _ => {
                log.warning(format_args!(
                    "unknown DSN NOTIFY command value \"{word}\" in \"{value}\""
                ));
                wanted = Notify::default();
                break;
            }
        };
    }
    if wanted.is_default() || (wanted.has(Notify::NEVER) && wanted != Notify::NEVER) {
        log.warning(format_args!("bad -N option value: '{value}' -- ignored"));
        return Notify::default();
    }
    wanted
}

/// `-XV` and two delimiters.
fn verp(value: &str, config: &Config) -> Result<String, Fatal> {
    let Some(delimiters) = value.strip_prefix('V') else {
        let first = value.chars().next().unwrap_or_default();
        return Err(Fatal::new(format!("unsupported: -X{first}")));
    };
    let allowed = config.text(&p::verp_delimiter_filter);
    if delimiters.len() == 2 && delimiters.chars().all(|c| allowed.contains(c)) {
        Ok(delimiters.to_owned())
    } else {
        Err(Fatal::new(format!("-V requires two characters from {allowed}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn parse(line: &str) -> Result<Options, Fatal> {
        let config = Config::parse(&Sources::default()).unwrap();
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        crate::log::set_destination(crate::log::Destination::Null, crate::log::Facility::MAIL);
        let options = Options::parse("sendmail", &words, &config, &Log::new("postfix", "test"))?;
        options.check().map(|()| options)
    }

    #[test]
    fn what_programs_use() {
        let php = parse("-t -i").unwrap();
        assert!(php.extract_recipients && !php.dot_ends);
        let cron = parse("-FCronDaemon -i -B8BITMIME -oem root").unwrap();
        assert_eq!(cron.full_name.as_deref(), Some("CronDaemon"));
        assert_eq!(cron.recipients, ["root"]);
        let mutt = parse("-oem -oi -f me@x -- a@b c@d").unwrap();
        assert_eq!((mutt.sender.as_deref(), mutt.recipients.len()), (Some("me@x"), 2));
        assert_eq!(parse("-bp").unwrap().mode, Mode::MailQueue);
        assert_eq!(parse("-q").unwrap().mode, Mode::Flush);
        assert!(parse("-q30m").unwrap().queue_interval);
        assert_eq!(parse("-qRfoo").unwrap().flush_site.as_deref(), Some("foo"));
        assert_eq!(parse("-XV").unwrap().verp.as_deref(), Some("+="));
        assert_eq!(parse("-V xyz").unwrap().envid.as_deref(), Some("xyz"));
        assert_eq!(parse("-tif me x").unwrap().sender.as_deref(), Some("me"));
        assert_eq!(config_directory("x", &["-C".into(), "/a/main.cf".into()]), Some("/a".into()));
    }

    #[test]
    fn what_is_refused() {
        for (line, why) in [
            ("-n", "-n option not supported"),
            ("-bx", "unsupported: -bx"),
            ("-bp -t", "-t can be used only in delivery mode"),
            ("-bv -t", "-t option cannot be used with -bv"),
            ("-BX", "-B option needs 8BITMIME or 7BIT"),
            ("-qX", "-qX is not implemented"),
            ("-z", "usage: sendmail [options]"),
        ] {
            assert_eq!(parse(line).unwrap_err().0, why);
        }
    }
}
