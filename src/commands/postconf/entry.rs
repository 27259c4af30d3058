//! One service of master.cf as postconf sees it: columns as written (`-` stays `-`), arguments in
//! one form whichever way they were written.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;
use crate::config::lines::split_assignment;
use crate::config::list::{split_words, strip_braces};
use crate::config::master_cf::SocketKind;

/// The columns before the arguments.
pub(super) const COLUMNS: usize = 8;

/// The names of the columns.
pub(super) const COLUMN_NAMES: [&str; COLUMNS] =
    ["service", "type", "private", "unprivileged", "chroot", "wakeup", "process_limit", "command"];

/// The column of the program and its arguments.
pub(super) const COMMAND: usize = 7;

/// Where the columns begin when a service is printed.
const COLUMN_GOAL: [usize; COLUMNS] = [0, 11, 17, 25, 33, 41, 49, 57];

/// One service.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Columns and arguments.
    pub(super) words: Vec<String>,
    /// The names that `-o` may set here because something refers to them.
    pub(super) valid: BTreeSet<String>,
    /// `-o name=value`, less what is read-only.
    pub(super) settings: BTreeMap<String, String>,
}

/// An argument, or an option with its value.
pub(super) enum Argument<'a> {
    Option { option: &'a str, value: &'a str },
    Flag(&'a str),
    Plain(&'a str),
}

impl Entry {
    /// Reads a logical line; warnings go to `warn`.
    pub(super) fn parse(text: &str, warn: &mut dyn FnMut(String)) -> Outcome<Self> {
        let words: Vec<String> = split_words(text).into_iter().map(str::to_owned).collect();
        if words.len() < COLUMNS {
            return Err("bad field count".into());
        }
        let mut entry = Self { words, ..Self::default() };
        entry.check(text)?;
        entry.normalize(warn);
        entry.settings = entry
            .arguments()
            .into_iter()
            .filter_map(|argument| match argument {
                Argument::Option { option: "-o", value } => split_assignment(value).ok(),
                _ => None,
            })
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(entry)
    }

    /// A column.
    pub(super) fn column(&self, column: usize) -> &str {
        self.words.get(column).map(String::as_str).unwrap_or_default()
    }

    /// `name/type`
    pub(super) fn name_space(&self) -> String {
        format!("{}/{}", self.column(0), self.column(1))
    }

    /// What the service itself knows: `process_name` and `service_name`.
    pub(super) fn read_only(&self, name: &str) -> Option<&str> {
        match name {
            "process_name" => self.column(COMMAND).rsplit('/').next(),
            "service_name" => Some(self.column(0)),
            _ => None,
        }
    }

    /// Checks the columns; `text` is what the message shows.
    pub(super) fn check(&self, text: &str) -> Outcome<()> {
        let bad = |name: &str, value: &str| {
            Err(format!("invalid {name} field \"{value}\" in \"{text}\"").replace('\n', " "))
        };
        let kind = self.column(1);
        if SocketKind::of(kind).is_none() {
            return bad("type", kind);
        }
        for column in 2..5 {
            let value = self.column(column);
            if !matches!(value, "y" | "n" | "-") {
                return bad(COLUMN_NAMES.get(column).unwrap_or(&""), value);
            }
        }
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let wakeup = self.column(5);
        let bare = wakeup.strip_suffix('?').unwrap_or(wakeup);
        if bare != "-" && !digits(bare) {
            return bad("wakeup", wakeup);
        }
        let limit = self.column(6);
        if limit != "-" && !digits(limit) {
            return bad("process_limit", limit);
        }
        Ok(())
    }

    /// Replaces the program and its arguments, or another column.
    pub(super) fn set_column(
        &mut self,
        column: usize,
        value: &str,
        warn: &mut dyn FnMut(String),
    ) -> Outcome<()> {
        if column == COMMAND {
            self.words.truncate(COMMAND);
            self.words.extend(split_words(value).into_iter().map(str::to_owned));
            self.normalize(warn);
        } else if let Some(word) = self.words.get_mut(column) {
            value.clone_into(word);
        }
        self.check(value)
    }

    /// Sets `-o name=value`, or takes it away.
    pub(super) fn set_parameter(&mut self, name: &str, value: Option<&str>) {
        let mut at = COLUMNS;
        let mut found = false;
        while let Some(word) = self.words.get(at) {
            if !word.starts_with('-') || word == "--" {
                break;
            }
            if !word.starts_with("-o") || self.words.len() <= at + 1 {
                at += 1;
                continue;
            }
            let here = word == "-o"
                && self.words.get(at + 1).is_some_and(|setting| {
                    setting.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
                });
            match (here, value) {
                (true, Some(value)) => {
                    found = true;
                    if let Some(setting) = self.words.get_mut(at + 1) {
                        *setting = format!("{name}={value}");
                    }
                    at += 2;
                }
                (true, None) => drop(self.words.drain(at..at + 2)),
                (false, _) => at += 2,
            }
        }
        if let Some(value) = value
            && !found
        {
            self.words.splice(at..at, ["-o".to_owned(), format!("{name}={value}")]);
        }
    }

    /// The arguments, options with their values.
    pub(super) fn arguments(&self) -> Vec<Argument<'_>> {
        let mut found = Vec::new();
        let mut in_options = true;
        let mut words = self.words.iter().skip(COLUMNS).map(String::as_str).peekable();
        while let Some(word) = words.next() {
            in_options = in_options && word.starts_with('-') && word != "--";
            if in_options && word.starts_with("-o") && words.peek().is_some() {
                let value = words.next().unwrap_or_default();
                found.push(Argument::Option { option: word, value });
            } else if in_options {
                found.push(Argument::Flag(word));
            } else {
                found.push(Argument::Plain(word));
            }
        }
        found
    }

    /// Brings the arguments into one form: `-o name=value` in two words, braces stripped.
    fn normalize(&mut self, warn: &mut dyn FnMut(String)) {
        let mut plain = Vec::new();
        let mut words = self.words.split_off(COLUMNS.min(self.words.len())).into_iter();
        let mut options = Vec::new();
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| *letters != "-") else {
                plain.push(word);
                break;
            };
            let Some((before, value)) = letters.split_once('o') else {
                options.push(word);
                continue;
            };
            if !before.is_empty() {
                options.push(format!("-{before}"));
            }
            options.push("-o".to_owned());
            let value = if value.is_empty() { words.next() } else { Some(value.to_owned()) };
            let Some(mut value) = value else { break };
            if strip(&mut value, warn) {
                match split_assignment(&value) {
                    Ok((name, text)) => value = format!("{name}={text}"),
                    Err(why) => warn(format!("master.cf: {why}: \"{value}\"")),
                }
            }
            options.push(value);
        }
        plain.extend(words);
        for word in &mut plain {
            strip(word, warn);
        }
        self.words.extend(options);
        self.words.extend(plain);
    }

    /// The service as a line, folded or not; `expand` is for the values of `-o`.
    pub(super) fn print(
        &self,
        fold: bool,
        expand: &dyn Fn(&str) -> Outcome<String>,
    ) -> Outcome<String> {
        let mut line = Line::default();
        for (word, goal) in self.words.iter().take(COLUMNS).zip(COLUMN_GOAL) {
            if line.length > 0 {
                line.add(" ");
                while line.length < goal {
                    line.add(" ");
                }
            }
            line.add(word);
        }
        self.print_arguments(&mut line, fold, 3, expand)?;
        Ok(line.text)
    }

    /// Adds the arguments to `line`. An option and its value count `extra` more than their text.
    pub(super) fn print_arguments(
        &self,
        line: &mut Line,
        fold: bool,
        extra: usize,
        expand: &dyn Fn(&str) -> Outcome<String>,
    ) -> Outcome<()> {
        for argument in self.arguments() {
            match argument {
                Argument::Option { option, value } => {
                    let value = if option == "-o" { expand(value)? } else { value.to_owned() };
                    let value = braced(&value);
                    line.length = super::LINE_LIMIT;
                    line.separate(option.len() + value.len() + extra, fold);
                    line.add(&format!("{option} {value}"));
                    line.length = super::LINE_LIMIT;
                }
                Argument::Flag(word) => {
                    line.separate(word.len(), fold);
                    line.add(word);
                }
                Argument::Plain(word) => {
                    line.separate(word.len(), fold);
                    line.add(&braced(word));
                }
            }
        }
        line.text.push('\n');
        Ok(())
    }
}

/// Takes braces off a word; whether it had any.
fn strip(word: &mut String, warn: &mut dyn FnMut(String)) -> bool {
    if !word.starts_with('{') {
        return false;
    }
    match strip_braces(word) {
        Ok(inside) => *word = inside.to_owned(),
        Err(why) => warn(format!("master.cf: {why}")),
    }
    true
}

/// A word that holds white space needs its braces back.
pub(super) fn braced(word: &str) -> String {
    if word.contains([' ', '\t', '\r', '\n']) { format!("{{{word}}}") } else { word.to_owned() }
}

/// A line in the making.
#[derive(Default)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) length: usize,
}

impl Line {
    pub(super) fn add(&mut self, text: &str) {
        self.text.push_str(text);
        self.length += text.len();
    }

    /// Makes room for a word of `length`: a space, or a new line.
    fn separate(&mut self, length: usize, fold: bool) {
        if self.length <= super::INDENT {
            return;
        }
        if !fold || self.length + 1 + length < super::LINE_LIMIT {
            self.add(" ");
        } else {
            self.text.push_str("\n    ");
            self.length = super::INDENT;
        }
    }
}

/// `name[/type[/more]]`: which services, and what of them. Parts may be `*`.
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) parts: Vec<String>,
}

impl Pattern {
    /// Splits a pattern that must have from `min` to `max` parts; the others are `*`.
    pub(super) fn parse(text: &str, min: usize, max: usize) -> Option<Self> {
        if text.starts_with('/') {
            return None;
        }
        let mut parts: Vec<String> =
            text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let wild = |part: &String| part.contains('*') && part != "*";
        if parts.len() < min || parts.len() > max || parts.iter().any(wild) {
            return None;
        }
        parts.resize(3, "*".to_owned());
        Some(Self { text: text.to_owned(), parts })
    }

    /// Whether it picks that service.
    pub(super) fn matches(&self, name: &str, kind: &str) -> bool {
        let one = |at: usize, text: &str| self.parts.get(at).is_some_and(|p| p == "*" || p == text);
        one(0, name) && one(1, kind)
    }

    /// The third part, none if it is `*`.
    pub(super) fn third(&self) -> Option<&str> {
        self.parts.get(2).map(String::as_str).filter(|part| *part != "*")
    }
}

/// The number of a column, none for `*`.
pub(super) fn column_of(name: Option<&str>) -> Outcome<Option<usize>> {
    let Some(name) = name else { return Ok(None) };
    match COLUMN_NAMES.iter().position(|known| *known == name) {
        Some(column) => Ok(Some(column)),
        None => Err(format!("invalid service attribute name: \"{name}\"")),
    }
}
