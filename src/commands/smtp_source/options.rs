//! The command line of smtp-source(1).

use std::ffi::OsString;

use crate::commands::endpoint::Families;
use crate::commands::getopt::Options as Words;
use crate::commands::load::{Common, Pause, own_name, positive};
use crate::commands::speaker::Speaker;

/// Letters, with a colon after those that take a value.
const KNOWN: &str = "46AcC:df:F:l:Lm:M:Nor:R:s:S:t:T:vw:";

/// What stands after the command's name.
pub const USAGE: &str = "-cdLNov -s sess -l msglen -m msgs -C count -M myhostname -f from -t to \
                         -r rcptcount -R delay -w delay host[:port]";

/// What is to be sent, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What it has in common with qmqp-source.
    pub common: Common,
    /// `-4`, `-6`
    pub families: Families,
    /// `-A`: a refusal is no reason to stop.
    pub bears_refusals: bool,
    /// `-d`: the connection is kept for further messages.
    pub stays: bool,
    /// `-f`
    pub sender: Option<String>,
    /// `-F`: header and body.
    pub file: Option<String>,
    /// `-l`
    pub length: usize,
    /// `-L`
    pub lmtp: bool,
    /// `-M`
    pub name: Option<String>,
    /// `-N`, and with `-r`: each recipient has a number of its own.
    pub numbered: bool,
    /// `-o`: neither HELO nor a header.
    pub old: bool,
    /// `-r`
    pub recipients: u32,
    /// `-S`
    pub subject: Option<String>,
    /// `-t`
    pub recipient: Option<String>,
    /// `-v`
    pub verbose: bool,
    /// The server.
    pub server: String,
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
        let mut options = Self { recipients: 1, ..Self::default() };
        for (letter, value) in words.options {
            options.option(letter, value.unwrap_or_default(), speaker)?;
        }
        let [server] = <[String; 1]>::try_from(words.rest).unwrap_or_default();
        options.server = server;
        Ok(Some(options).filter(|options| !options.server.is_empty()))
    }

    fn option(&mut self, letter: char, value: String, speaker: &Speaker) -> Result<(), String> {
        let count = |what: &str| positive(&value).ok_or_else(|| format!("bad {what}: {value}"));
        let both = "do not use -w and -R options at the same time";
        match letter {
            '4' => self.families = Families { ipv4: true, ipv6: false },
            '6' => self.families = Families { ipv4: false, ipv6: true },
            'A' => self.bears_refusals = true,
            'c' => self.common.counts = true,
            'C' => self.common.tries = count("connection count")?,
            'd' => self.stays = true,
            'f' => self.sender = Some(value),
            'F' if self.length > 0 => return Err("-l option cannot be used with -F".into()),
            'F' => self.file = Some(value),
            'l' if self.file.is_some() => return Err("-l option cannot be used with -F".into()),
            'l' => self.length = usize::try_from(count("message length")?).unwrap_or(usize::MAX),
            'L' => self.lmtp = true,
            'm' => self.common.messages = count("message count")?,
            'M' => match own_name(&value) {
                Ok(name) => self.name = Some(name),
                Err((why, end)) => {
                    speaker.warning(why);
                    return Err(end);
                }
            },
            'N' => self.numbered = true,
            'o' => self.old = true,
            'r' => (self.recipients, self.numbered) = (count("recipient count")?, true),
            'R' if matches!(self.common.pause, Pause::Fixed(_)) => return Err(both.into()),
            'R' => self.common.pause = Pause::Random(count("random delay")?),
            's' => self.common.sessions = count("session count")?,
            'S' => self.subject = Some(value),
            't' => self.recipient = Some(value),
            'T' => {
                let window = count("TCP window size")?;
                self.common.window = usize::try_from(window).unwrap_or(usize::MAX);
            }
            'w' if matches!(self.common.pause, Pause::Random(_)) => return Err(both.into()),
            'w' => self.common.pause = Pause::Fixed(count("fixed delay")?),
            _ => self.verbose = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        let words = line.split(' ').map(OsString::from).collect();
        Options::parse(words, &Speaker::new("smtp-source"))
    }

    #[test]
    fn command_lines() {
        let options = parse("-cdL -s 3 -m10 -r 2 -S hello -t a@b -w 1 host:25").unwrap().unwrap();
        assert!(options.stays && options.lmtp && options.numbered && options.common.counts);
        assert_eq!((options.common.sessions, options.common.messages), (3, 10));
        assert_eq!((options.recipients, options.common.pause), (2, Pause::Fixed(1)));
        assert_eq!(options.server, "host:25");
        for line in ["-c", "a b", "-Z a"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn mistakes() {
        for (line, text) in [
            ("-s 0 a", "bad session count: 0"),
            ("-m x a", "bad message count: x"),
            ("-l 0 a", "bad message length: 0"),
            ("-l 9 -F f a", "-l option cannot be used with -F"),
            ("-F f -l 9 a", "-l option cannot be used with -F"),
            ("-R 1 -w 1 a", "do not use -w and -R options at the same time"),
            ("-M -x a", "bad hostname: -x"),
        ] {
            assert_eq!(parse(line), Err(text.into()), "{line}");
        }
    }
}
