//! The command line of smtp-sink(1).

use std::ffi::OsString;
use std::time::Duration;

use super::verb::{Treatments, Verb};
use crate::commands::endpoint::Families;
use crate::commands::getopt::Options as Words;
use crate::commands::load::{number, positive};
use crate::commands::speaker::Speaker;
use crate::config::unescape;

/// Letters, with a colon after those that take a value.
const KNOWN: &str = "468aA:b:B:cCd:D:eEf:Fh:H:Ln:m:M:NpPq:Q:r:R:s:S:t:T:u:vw:W:";

/// What stands after the command's name.
pub const USAGE: &str = "[-468acCeEFLpPv] [-A abort_delay] [-b soft_bounce_reply] [-B \
     hard_bounce_reply] [-d dump-template] [-D dump-template] [-f commands] [-h hostname] [-m \
     max_concurrency] [-M message_quit_count] [-n quit_count] [-q commands] [-r commands] [-R \
     root-dir] [-s commands] [-S start-string] [-u user_privs] [-w delay] [host]:port backlog";

/// What EHLO does not offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// `-8`
    pub eight_bit: bool,
    /// `-a`
    pub auth: bool,
    /// `-C`
    pub xclient: bool,
    /// `-E`
    pub status_codes: bool,
    /// `-F`
    pub xforward: bool,
    /// `-N`
    pub dsn: bool,
    /// `-p`
    pub pipelining: bool,
}

/// Into which files messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpTo {
    /// `-d`: one for each.
    Single(String),
    /// `-D`: one for many.
    Shared(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-4`, `-6`
    pub families: Families,
    /// What EHLO does not offer.
    pub missing: Missing,
    /// `-A`: after DATA comes 550, and the end, after so many seconds.
    pub abort: Option<Duration>,
    /// `-b`
    pub soft_reply: String,
    /// `-B`
    pub hard_reply: String,
    /// `-c`
    pub counts: bool,
    /// `-d`, `-D`
    pub dump: Option<DumpTo>,
    /// `-e`: no EHLO.
    pub plain: bool,
    /// `-P`: a greeting as through a PIX.
    pub pix: bool,
    /// What happens to each command.
    pub treatments: Treatments,
    /// `-h`
    pub name: String,
    /// `-H`: how long content is left unread.
    pub read_delay: Option<Duration>,
    /// `-L`
    pub lmtp: bool,
    /// `-m`
    pub most: usize,
    /// `-M`
    pub messages: Option<u32>,
    /// `-n`
    pub quits: Option<u32>,
    /// `-R`
    pub root: Option<String>,
    /// `-S`
    pub start: String,
    /// `-t`
    pub timeout: Duration,
    /// `-T`, bytes; 0 is the system's choice.
    pub window: usize,
    /// `-u`
    pub user: Option<String>,
    /// `-v`
    pub verbose: bool,
    /// Where to listen.
    pub place: String,
    /// How many connections may wait.
    pub backlog: i32,
}

impl Options {
    /// Reads the arguments; none if the command is not used like that, an error if a value is bad.
    pub fn parse(arguments: Vec<OsString>, speaker: &Speaker) -> Result<Option<Self>, String> {
        let words = match Words::read(arguments, KNOWN) {
            Ok(words) => words,
            Err(bad) => {
                speaker.info(bad);
                return Ok(None);
            }
        };
        let mut options = Self::usual();
        for (letter, value) in words.options {
            if !options.option(letter, value.unwrap_or_default(), speaker)? {
                return Ok(None);
            }
        }
        let Ok([place, backlog]) = <[String; 2]>::try_from(words.rest) else { return Ok(None) };
        options.place = place;
        options.backlog = number(&backlog);
        if options.backlog <= 0 {
            return Ok(None);
        }
        let hello: &[Verb] = match (options.lmtp, options.plain) {
            (true, _) => &[Verb::Lhlo],
            (false, true) => &[Verb::Helo],
            (false, false) => &[Verb::Helo, Verb::Ehlo],
        };
        for verb in hello {
            options.treatments.change(*verb, |treatment| treatment.known = true);
        }
        Ok(Some(options))
    }

    fn usual() -> Self {
        Self {
            families: Families::default(),
            missing: Missing::default(),
            abort: None,
            soft_reply: "450 4.3.0 Error: command failed".into(),
            hard_reply: "500 5.3.0 Error: command failed".into(),
            counts: false,
            dump: None,
            plain: false,
            pix: false,
            treatments: Treatments::default(),
            name: "smtp-sink".into(),
            read_delay: None,
            lmtp: false,
            most: 256,
            messages: None,
            quits: None,
            root: None,
            start: String::new(),
            timeout: Duration::from_secs(100),
            window: 0,
            user: None,
            verbose: false,
            place: String::new(),
            backlog: 0,
        }
    }

    /// Takes one option; false if the command is not used like that.
    fn option(&mut self, letter: char, value: String, speaker: &Speaker) -> Result<bool, String> {
        let count = |what: &str| positive(&value).ok_or_else(|| format!("bad {what}: {value}"));
        let seconds = |count: u32| Duration::from_secs(count.into());
        match letter {
            '4' => self.families = Families { ipv4: true, ipv6: false },
            '6' => self.families = Families { ipv4: false, ipv6: true },
            'A' => match value.parse::<u32>() {
                Ok(delay) => self.abort = Some(seconds(delay)),
                Err(_) => return Ok(false),
            },
            'b' | 'B' => return Ok(self.reply(letter, value, speaker)),
            'c' => self.counts = true,
            'd' | 'D' => return self.dump_to(letter, value).map(|()| true),
            'e' => self.plain = true,
            'f' | 'q' | 'Q' | 'r' | 's' => self.treat(letter, &value)?,
            'h' => self.name = value,
            'H' => self.read_delay = Some(seconds(count("data read delay")?)),
            'L' => self.lmtp = true,
            'm' => self.most = usize::try_from(count("concurrency limit")?).unwrap_or(256),
            'M' => self.messages = Some(count("message quit count")?),
            'n' => self.quits = Some(count("quit count")?),
            'P' => (self.pix, self.plain) = (true, true),
            'R' => self.root = Some(value),
            'S' => self.start = unescape(&value),
            't' => self.timeout = seconds(count("timeout")?),
            'T' => self.window = usize::try_from(count("TCP window size")?).unwrap_or(0),
            'u' => self.user = Some(value),
            'v' => self.verbose = true,
            'w' => match positive(&value) {
                Some(delay) => self.treatments.change(Verb::Data, |data| {
                    (data.delay, data.odds) = (delay, 0);
                }),
                None => return Ok(false),
            },
            'W' => self.treatments.delay(&value)?,
            letter => self.leave_out(letter),
        }
        Ok(true)
    }

    fn leave_out(&mut self, letter: char) {
        let missing = &mut self.missing;
        match letter {
            '8' => missing.eight_bit = true,
            'a' => missing.auth = true,
            'C' => {
                missing.xclient = true;
                self.treatments.change(Verb::Xclient, |treatment| treatment.known = false);
            }
            'E' => missing.status_codes = true,
            'F' => {
                missing.xforward = true;
                self.treatments.change(Verb::Xforward, |treatment| treatment.known = false);
            }
            'N' => missing.dsn = true,
            _ => missing.pipelining = true,
        }
    }

    fn treat(&mut self, letter: char, list: &str) -> Result<(), String> {
        self.treatments.change_all(
            list,
            match letter {
                'f' => |treatment| treatment.refused = true,
                'q' => |treatment| treatment.hung_up_on = true,
                'Q' => |treatment| treatment.closed = true,
                'r' => |treatment| treatment.deferred = true,
                _ => |treatment| treatment.logged = true,
            },
        )?;
        // A client that sends commands ahead would not see which one was refused.
        self.missing.pipelining |= matches!(letter, 'f' | 'r');
        Ok(())
    }

    /// `-b`, `-B`: three digits, the first of which is 4 or 5, and a text.
    fn reply(&mut self, letter: char, value: String, speaker: &Speaker) -> bool {
        let (first, kind) = if letter == 'b' { ('4', "soft") } else { ('5', "hard") };
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 3 || !value.starts_with(first) {
            speaker.error(format_args!("bad {kind} error reply: {value}"));
            return false;
        }
        *(if letter == 'b' { &mut self.soft_reply } else { &mut self.hard_reply }) = value;
        true
    }

    fn dump_to(&mut self, letter: char, value: String) -> Result<(), String> {
        let dump = if letter == 'd' { DumpTo::Single(value) } else { DumpTo::Shared(value) };
        match &self.dump {
            Some(before) if std::mem::discriminant(before) != std::mem::discriminant(&dump) => {
                Err("use only one of -d or -D, but not both".into())
            }
            _ => {
                self.dump = Some(dump);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        let words = line.split(' ').map(OsString::from).collect();
        Options::parse(words, &Speaker::new("smtp-sink"))
    }

    #[test]
    fn command_lines() {
        let options = parse("-8aCEFNP -A 0 -f mail,rcpt -S a\\n -u nobody -w 2 :25 10");
        let options = options.unwrap().unwrap();
        assert!(options.missing.eight_bit && options.missing.pipelining && options.plain);
        assert_eq!((options.abort, options.start.as_str()), (Some(Duration::ZERO), "a\n"));
        let treatment = |verb| options.treatments.of(verb);
        assert!(treatment(Verb::Mail).refused && treatment(Verb::Data).delay == 2);
        assert!(treatment(Verb::Helo).known && !treatment(Verb::Ehlo).known);
        assert!(!treatment(Verb::Xclient).known && treatment(Verb::Auth).known);
        for line in [":25", ":25 0", "-w 0 :25 1", "-A x :25 1", "-b 550 :25 1", "-Z :25 1"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn mistakes() {
        for (line, text) in [
            ("-m 0 :25 1", "bad concurrency limit: 0"),
            ("-t x :25 1", "bad timeout: x"),
            ("-f what :25 1", "unknown command: what"),
            ("-d a -D b :25 1", "use only one of -d or -D, but not both"),
        ] {
            assert_eq!(parse(line), Err(text.into()), "{line}");
        }
    }
}
