//! regexp_table(5) and pcre_table(5): rules of patterns, in order, first match wins.

use std::ffi::CString;

use super::cidr::{after_word, negations};
use super::file_value::MakeValue;
use super::lines::{Lines, Report, is_space, show, trim_end, trim_start};
use super::substitute::Replacement;
use crate::sys::pcre::{self, Pcre};
use crate::sys::regex::{self, Group, Regex};

/// Which language the patterns are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// regexp: POSIX.
    Posix,
    /// pcre: Perl-compatible.
    Pcre,
}

/// A table of patterns.
#[derive(Debug)]
pub struct PatternTable {
    dialect: Dialect,
    rules: Vec<Rule>,
}

/// How rules are read.
pub struct Reading<'a> {
    /// The table's name, for messages.
    pub name: &'a str,
    /// Its file, for messages.
    pub path: &'a str,
    /// Whether `$1` is allowed in results.
    pub substitution: bool,
    /// Makes a lookup result of what the rule says.
    pub value: &'a mut MakeValue<'a>,
}

#[derive(Debug)]
struct Rule {
    line: usize,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Match {
        first: Pattern,
        second: Option<Pattern>,
        result: Answer,
    },
    /// `end` is the place of the matching `endif`; without one, the rest of the table.
    If {
        condition: Pattern,
        end: usize,
    },
    EndIf,
}

#[derive(Debug)]
enum Answer {
    Literal(Box<[u8]>),
    Expand(Replacement, usize),
}

#[derive(Debug)]
struct Pattern {
    engine: Engine,
    matches: bool,
}

#[derive(Debug)]
enum Engine {
    Posix(Regex),
    Pcre(Pcre),
}

/// A pattern as written.
struct Source<'a> {
    pattern: &'a [u8],
    options: &'a [u8],
    matches: bool,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Self::Posix => "regexp",
            Self::Pcre => "pcre",
        }
    }
}

/// Asks a regexp table that is given as text once.
pub fn match_header(
    name: &str,
    rules: &[u8],
    key: &[u8],
    report: &mut Report<'_>,
) -> Option<String> {
    let value = &mut |value: &[u8]| Ok(value.to_vec());
    let mut reading = Reading { name, path: name, substitution: true, value };
    let table = PatternTable::parse(Dialect::Posix, rules, &mut reading, report);
    table.find(name, key, report).map(|found| show(&found).into_owned())
}

impl PatternTable {
    /// Parses the text of a table; bad rules are reported and left out.
    pub fn parse(
        dialect: Dialect,
        text: &[u8],
        reading: &mut Reading<'_>,
        report: &mut Report<'_>,
    ) -> Self {
        let mut rules: Vec<Rule> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut lines = Lines::new(reading.path, text);
        while let Some(line) = lines.next(report) {
            let blame = format!("{} map {}, line {}", dialect.name(), reading.name, line.number);
            let mut parser = Parser { dialect, blame: &blame, report: &mut *report };
            let nested = !open.is_empty();
            let Some(action) = parser.rule(trim_end(&line.text), nested, reading) else {
                continue;
            };
            match action {
                Action::If { .. } => open.push(rules.len()),
                Action::EndIf => {
                    let here = rules.len();
                    let start = open.pop().and_then(|start| rules.get_mut(start));
                    if let Some(Rule { action: Action::If { end, .. }, .. }) = start {
                        *end = here;
                    }
                }
                Action::Match { .. } => {}
            }
            rules.push(Rule { line: line.number, action });
        }
        while let Some(rule) = open.pop().and_then(|start| rules.get(start)) {
            report(format!(
                "{} map {}, line {}: IF has no matching ENDIF",
                dialect.name(),
                reading.name,
                rule.line
            ));
        }
        Self { dialect, rules }
    }

    /// The result of the first rule that matches `key`. Errors of the matching engine are
    /// reported as warnings, and the rule does not match, as in Postfix.
    pub fn find(&self, name: &str, key: &[u8], report: &mut Report<'_>) -> Option<Vec<u8>> {
        let text = match self.dialect {
            Dialect::Posix => {
                let end = memchr::memchr(0, key).unwrap_or(key.len());
                CString::new(key.get(..end)?).ok()?
            }
            Dialect::Pcre => CString::default(),
        };
        let mut at = 0;
        while let Some(rule) = self.rules.get(at) {
            at += 1;
            let mut try_match = |pattern: &Pattern, groups: &mut [Group]| {
                let found = match &pattern.engine {
                    Engine::Posix(regex) => regex.matches(&text, groups),
                    Engine::Pcre(pcre) => pcre.matches(key, groups),
                };
                match found {
                    Ok(found) => found == pattern.matches,
                    Err(why) => {
                        let kind = self.dialect.name();
                        report(format!("{kind} map {name}, line {}: {why}", rule.line));
                        false
                    }
                }
            };
            match &rule.action {
                Action::Match { first, second, result } => {
                    let mut groups = [None; 100];
                    let wanted = match result {
                        Answer::Literal(_) => 0,
                        Answer::Expand(_, largest) => largest + 1,
                    };
                    let wanted = groups.get_mut(..wanted).unwrap_or_default();
                    if !try_match(first, wanted)
                        || !second.as_ref().is_none_or(|second| try_match(second, &mut []))
                    {
                        continue;
                    }
                    return Some(match result {
                        Answer::Literal(text) => text.to_vec(),
                        Answer::Expand(replacement, _) => replacement.expand(key, &groups),
                    });
                }
                Action::If { condition, end } => {
                    if !try_match(condition, &mut []) {
                        at = *end;
                    }
                }
                Action::EndIf => {}
            }
        }
        None
    }
}

/// Reads one rule.
struct Parser<'a, 'r> {
    dialect: Dialect,
    blame: &'a str,
    report: &'a mut Report<'r>,
}

impl Parser<'_, '_> {
    fn warn(&mut self, text: &str) {
        (self.report)(format!("{}: {text}", self.blame));
    }

    fn rule(&mut self, line: &[u8], nested: bool, reading: &mut Reading<'_>) -> Option<Action> {
        if !line.first()?.is_ascii_alphanumeric() {
            return self.ordinary(line, reading);
        }
        if let Some(rest) = after_word(line, b"if") {
            let (source, rest) = self.source(trim_start(rest))?;
            let extra = trim_start(rest);
            if !extra.is_empty() {
                let text = show(extra);
                self.warn(&format!("ignoring extra text after IF statement: \"{text}\""));
                self.warn("do not prepend whitespace to statements between IF and ENDIF");
            }
            let condition = self.compile(&source, true)?;
            return Some(Action::If { condition, end: usize::MAX });
        }
        if let Some(rest) = after_word(line, b"endif") {
            if !nested {
                self.warn("ignoring ENDIF without matching IF");
                return None;
            }
            if !trim_start(rest).is_empty() {
                self.warn("ignoring extra text after ENDIF");
            }
            return Some(Action::EndIf);
        }
        self.warn("ignoring unrecognized request");
        None
    }

    /// One pattern (POSIX: or two, the second after `!`) and a result.
    fn ordinary(&mut self, line: &[u8], reading: &mut Reading<'_>) -> Option<Action> {
        let (first, mut rest) = self.source(line)?;
        let mut second = None;
        if self.dialect == Dialect::Posix && rest.starts_with(b"!") {
            let (source, after) = self.source(rest)?;
            second = Some(source);
            rest = after;
        }
        let text = trim_start(rest);
        if text.is_empty() {
            self.warn("no replacement text: using empty string");
        }
        let value = match (reading.value)(text) {
            Ok(value) => value,
            Err(why) => {
                self.warn(&format!("{why}: skipping this rule"));
                return None;
            }
        };
        let range = match self.dialect {
            Dialect::Posix => "out-of-range",
            Dialect::Pcre => "out of range",
        };
        let Some(replacement) = Replacement::parse(&value, self.blame, range, self.report) else {
            self.warn("bad replacement syntax: skipping this rule");
            return None;
        };
        let largest = replacement.largest();
        if largest > 0 && !first.matches {
            self.warn("$number found in negative match replacement text: skipping this rule");
            return None;
        }
        if largest > 0 && !reading.substitution {
            self.warn("regular expression substitution is not allowed: skipping this rule");
            return None;
        }
        let first = self.compile(&first, largest == 0)?;
        let groups = match &first.engine {
            Engine::Posix(regex) => regex.groups(),
            Engine::Pcre(pcre) => pcre.groups(),
        };
        if largest > groups.min(99) {
            let text = format!("out of range replacement index \"{largest}\": skipping this rule");
            self.warn(&text);
            return None;
        }
        let second = match second {
            Some(source) => Some(self.compile(&source, true)?),
            None => None,
        };
        let result = match largest {
            0 => Answer::Literal(replacement.expand(&[], &[]).into()),
            largest => Answer::Expand(replacement, largest),
        };
        Some(Action::Match { first, second, result })
    }

    /// Takes `!`, a pattern between delimiters, and its options off `text`.
    fn source<'t>(&mut self, text: &'t [u8]) -> Option<(Source<'t>, &'t [u8])> {
        let (matches, text) = negations(text);
        let Some((delimiter, body)) = text.split_first() else {
            self.warn("no regexp: skipping this rule");
            return None;
        };
        let mut bytes = body.iter().enumerate();
        let mut end = None;
        while let Some((at, byte)) = bytes.next() {
            if *byte == b'\\' {
                bytes.next();
            } else if byte == delimiter {
                end = Some(at);
                break;
            }
        }
        let Some(end) = end else {
            let what = match self.dialect {
                Dialect::Posix => "skipping",
                Dialect::Pcre => "ignoring",
            };
            let delimiter = char::from(*delimiter);
            self.warn(&format!("no closing regexp delimiter \"{delimiter}\": {what} this rule"));
            return None;
        };
        let (pattern, rest) = body.split_at_checked(end)?;
        let rest = rest.get(1..)?;
        let stops = |b: &u8| is_space(*b) || (self.dialect == Dialect::Posix && *b == b'!');
        let end = rest.iter().position(stops).unwrap_or(rest.len());
        let (options, rest) = rest.split_at_checked(end)?;
        self.check_options(options)?;
        Some((Source { pattern, options, matches }, rest))
    }

    fn check_options(&mut self, options: &[u8]) -> Option<()> {
        let known: &[u8] = match self.dialect {
            Dialect::Posix => b"imx",
            Dialect::Pcre => b"imsxAEUX",
        };
        for option in options {
            let letter = char::from(*option);
            if !known.contains(option) {
                self.warn(&format!("unknown regexp option \"{letter}\": skipping this rule"));
                return None;
            }
            if *option == b'X' {
                self.warn(&format!("ignoring obsolete regexp option \"{letter}\""));
            }
        }
        Some(())
    }

    fn compile(&mut self, source: &Source<'_>, no_groups: bool) -> Option<Pattern> {
        // A letter switches its option over, each time it is there.
        let odd = |letter| source.options.iter().filter(|o| **o == letter).count() % 2 == 1;
        let engine = match self.dialect {
            Dialect::Posix => {
                let options = regex::Options {
                    extended: !odd(b'x'),
                    ignore_case: !odd(b'i'),
                    newline: odd(b'm'),
                    no_groups,
                };
                let pattern = CString::new(source.pattern).ok()?;
                Regex::new(&pattern, options).map(Engine::Posix)
            }
            Dialect::Pcre => {
                let options = pcre::Options {
                    caseless: !odd(b'i'),
                    multiline: odd(b'm'),
                    dotall: !odd(b's'),
                    extended: odd(b'x'),
                    anchored: odd(b'A'),
                    dollar_endonly: odd(b'E'),
                    ungreedy: odd(b'U'),
                };
                Pcre::new(source.pattern, options)
                    .map(Engine::Pcre)
                    .map_err(|(offset, why)| format!("error in regex at offset {offset}: {why}"))
            }
        };
        match engine {
            Ok(engine) => Some(Pattern { engine, matches: source.matches }),
            Err(why) => {
                self.warn(&why);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(dialect: Dialect, text: &[u8]) -> (PatternTable, Vec<String>) {
        let mut warnings = Vec::new();
        let mut reading =
            Reading { name: "/t", path: "/t", substitution: true, value: &mut |v| Ok(v.to_vec()) };
        let table = PatternTable::parse(dialect, text, &mut reading, &mut |w| warnings.push(w));
        (table, warnings)
    }

    fn find(table: &PatternTable, key: &str) -> Option<String> {
        table.find("/t", key.as_bytes(), &mut |_| ()).map(|v| show(&v).into_owned())
    }

    #[test]
    fn both_dialects() {
        for dialect in [Dialect::Posix, Dialect::Pcre] {
            let (t, warnings) = table(
                dialect,
                b"/^(.*)\\+(.*)@x/ $1 ${2}\n!/@/ noat\nif /@y$/\n/^a/ A\n/B/i bee\nendif\n/^b/ b\n",
            );
            assert_eq!(warnings, [] as [&str; 0]);
            assert_eq!(find(&t, "u+E@X").unwrap(), "u E");
            assert_eq!(find(&t, "u").unwrap(), "noat");
            assert_eq!(find(&t, "A@y").unwrap(), "A");
            assert_eq!(find(&t, "cB@y").unwrap(), "bee");
            assert_eq!(find(&t, "cb@y"), None);
            assert_eq!(find(&t, "b@z").unwrap(), "b");
        }
        let (t, _) = table(Dialect::Posix, b"/a/!/b/ c\n");
        assert_eq!(find(&t, "a").unwrap(), "c");
        assert_eq!(find(&t, "ab"), None);
    }

    #[test]
    fn warnings() {
        let (_, w) = table(
            Dialect::Posix,
            b"/a\n/a/q x\n/a/\n!/a/ $1\n/a/ $1\nendif\nfoo\nif /a/ b\n/(a/ x\n/(a)/ $x\n",
        );
        assert_eq!(
            w[0],
            "regexp map /t, line 1: no closing regexp delimiter \"/\": skipping this rule"
        );
        assert_eq!(w[1], "regexp map /t, line 2: unknown regexp option \"q\": skipping this rule");
        assert_eq!(w[2], "regexp map /t, line 3: no replacement text: using empty string");
        assert_eq!(
            w[3],
            "regexp map /t, line 4: $number found in negative match replacement text: skipping this rule"
        );
        assert_eq!(
            w[4],
            "regexp map /t, line 5: out of range replacement index \"1\": skipping this rule"
        );
        assert_eq!(w[5], "regexp map /t, line 6: ignoring ENDIF without matching IF");
        assert_eq!(w[6], "regexp map /t, line 7: ignoring unrecognized request");
        assert_eq!(w[7], "regexp map /t, line 8: ignoring extra text after IF statement: \"b\"");
        assert!(w.last().unwrap().ends_with("line 8: IF has no matching ENDIF"));
        let (_, w) = table(Dialect::Pcre, b"/a\n/(a/ x\n/a/X y\n");
        assert_eq!(
            w[0],
            "pcre map /t, line 1: no closing regexp delimiter \"/\": ignoring this rule"
        );
        assert!(w[1].starts_with("pcre map /t, line 2: error in regex at offset 2: "), "{}", w[1]);
        assert_eq!(w[2], "pcre map /t, line 3: ignoring obsolete regexp option \"X\"");
    }

    proptest! {
        #[test]
        fn any_text(text in "((if|endif|!?/[a-z().*+]{0,6}/[imx]{0,2}) ?[$a-z1{}]{0,6}\n){0,8}",
                    key in "[a-z@]{0,12}") {
            for dialect in [Dialect::Posix, Dialect::Pcre] {
                let _ = find(&table(dialect, text.as_bytes()).0, &key);
            }
        }

        #[test]
        fn any_bytes(text: Vec<u8>) {
            let _ = find(&table(Dialect::Pcre, &text).0, "key");
        }
    }
}
