//! Command-line options as getopt(3) reads them: `-f`, `-i value`, `-ivalue`, several letters in
//! one word, `--` ends them.

use std::ffi::OsString;

/// The options of a command line, in order.
#[derive(Debug)]
pub struct Options {
    /// Option letters with their values.
    pub options: Vec<(char, Option<String>)>,
    /// The arguments after them.
    pub rest: Vec<String>,
}

/// What is wrong with a command line, in the words of getopt(3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// No such option.
    #[error("invalid option -- '{0}'")]
    Unknown(char),
    /// Its value is missing.
    #[error("option requires an argument -- '{0}'")]
    NoValue(char),
}

impl Options {
    /// Reads `arguments`; `known` lists the letters, with a colon after those that take a value.
    pub fn read(arguments: Vec<OsString>, known: &str) -> Result<Self, Bad> {
        let mut words = arguments.into_iter().map(|word| word.to_string_lossy().into_owned());
        let mut options = Vec::new();
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                rest.push(word);
                break;
            };
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                let place = known.find(letter).filter(|_| letter != ':');
                let place = place.ok_or(Bad::Unknown(letter))?;
                let takes_value = known.get(place + 1..).is_some_and(|k| k.starts_with(':'));
                if !takes_value {
                    options.push((letter, None));
                    continue;
                }
                let value = match letters.as_str() {
                    "" => words.next().ok_or(Bad::NoValue(letter))?,
                    value => value.to_owned(),
                };
                options.push((letter, Some(value)));
                break;
            }
        }
        rest.extend(words);
        Ok(Self { options, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, Bad> {
        Options::read(words.iter().map(OsString::from).collect(), "c:fi:jps:v")
    }

    #[test]
    fn reads_what_getopt_reads() {
        let read_ = read(&["-vvfiABC", "-s", "site", "--", "-x"]).unwrap();
        let expected: Vec<(char, Option<String>)> = vec![
            ('v', None),
            ('v', None),
            ('f', None),
            ('i', Some("ABC".into())),
            ('s', Some("site".into())),
        ];
        assert_eq!(read_.options, expected);
        assert_eq!(read_.rest, ["-x"]);
        assert_eq!(read(&["-x"]).unwrap_err(), Bad::Unknown('x'));
        assert_eq!(read(&["-i"]).unwrap_err(), Bad::NoValue('i'));
        assert_eq!(read(&["p", "-f"]).unwrap().rest, ["p", "-f"]);
    }
}
