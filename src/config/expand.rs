//! `$name` and its relatives: `${name}`, `$(name)`, `${name?text}`, `${name:text}`,
//! `${name?{text}:{text}}`, `${{text} == {text} ? {text} : {text}}`, `${function{text}}`, `$$`.
//!
//! Pure: names are looked up through a function, warnings are collected. Also used outside of
//! main.cf wherever Postfix expands such text.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::lines::is_space;

/// How deep references may nest.
const MAX_DEPTH: usize = 100;
/// How many references one expansion may follow: `a=$b$b, b=$c$c, …` would double without end.
const MAX_STEPS: usize = 100_000;

/// The result of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text.
    pub text: String,
    /// What is wrong, in the words that the log shows after `warning: `.
    pub warnings: Vec<String>,
    /// Whether the text could not be expanded: there is a syntax error or an endless loop.
    pub failed: bool,
    /// Whether a name without value was used.
    pub undefined: bool,
}

/// Expands `text`; what `lookup` finds is expanded in turn.
pub fn expand<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> Expansion {
    run(text, lookup, Mode::Recurse)
}

/// As [`expand`], but what is found for names that `raw` picks is taken as it stands.
pub fn expand_except<'a>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    raw: &dyn Fn(&str) -> bool,
) -> Expansion {
    let mut run = Run::new(lookup, Mode::Recurse);
    run.raw = raw;
    run.parse(text);
    run.result
}

/// Expands `text`, but not what `lookup` finds: for values from outside.
pub fn expand_once<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> Expansion {
    run(text, lookup, Mode::Once)
}

/// Calls `found` with every name that `text` refers to, in either branch of a condition, and
/// returns the warnings about its syntax.
pub fn references(text: &str, found: &dyn Fn(&str)) -> Vec<String> {
    let lookup = |name: &str| {
        found(name);
        None
    };
    run(text, &lookup, Mode::Scan).warnings
}

/// The inside of every `${…}`, `$(…)` and `$name` of `text` as it stands: for texts in which only
/// plain names count. The error is the warning about its syntax.
pub fn insides(text: &str) -> Result<Vec<&str>, String> {
    let mut run = Run::new(&|_| None, Mode::Scan);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let Ok((inside, after)) = run.reference(text, after) else {
            return Err(run.result.warnings.pop().unwrap_or_default());
        };
        found.push(inside);
        rest = after;
    }
    Ok(found)
}

fn run<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<Cow<'a, str>>, mode: Mode) -> Expansion {
    let mut run = Run::new(lookup, mode);
    run.parse(text);
    run.result
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Recurse,
    Once,
    Scan,
}

struct Run<'f, 'a> {
    raw: &'f dyn Fn(&str) -> bool,
    lookup: &'f dyn Fn(&str) -> Option<Cow<'a, str>>,
    mode: Mode,
    result: Expansion,
    depth: usize,
    steps: usize,
}

/// The parse went wrong; the warning has been noted.
struct Failed;
type Parsed<T> = Result<T, Failed>;

impl<'f, 'a> Run<'f, 'a> {
    fn new(lookup: &'f dyn Fn(&str) -> Option<Cow<'a, str>>, mode: Mode) -> Self {
        Self { raw: &|_| false, lookup, mode, result: Expansion::default(), depth: 0, steps: 0 }
    }
    fn fail<T>(&mut self, warning: String) -> Parsed<T> {
        self.result.warnings.push(warning);
        self.result.failed = true;
        Err(Failed)
    }

    /// Walks over literal text and references.
    fn parse(&mut self, text: &str) {
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            if !literal.is_empty() {
                self.literal(&std::mem::take(&mut literal));
            }
            let Ok((inside, after)) = self.reference(text, after) else { return };
            rest = after;
            let _ = self.enter(inside, |run| run.expression(inside));
            if self.steps > MAX_STEPS {
                return;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            self.literal(&literal);
        }
    }

    /// Splits the inside of a reference from what follows it.
    fn reference<'t>(&mut self, text: &str, after: &'t str) -> Parsed<(&'t str, &'t str)> {
        let (inside, rest) = match after.bytes().next() {
            Some(open @ (b'{' | b'(')) => {
                let close = if open == b'{' { b'}' } else { b')' };
                match matching(after.as_bytes(), open, close) {
                    Some(end) => (
                        after.get(1..end).unwrap_or_default(),
                        after.get(end + 1..).unwrap_or_default(),
                    ),
                    None => return self.fail(format!("truncated macro reference: \"{text}\"")),
                }
            }
            _ => {
                let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
                after.split_at(end)
            }
        };
        if inside.is_empty() {
            return self.fail(format!("empty macro name: \"{text}\""));
        }
        Ok((inside, rest))
    }

    /// Counts the nesting; after a failure nothing more is done.
    fn enter(&mut self, text: &str, action: impl FnOnce(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.steps += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH + 1 || self.steps > MAX_STEPS {
            self.result.warnings.push(format!("unreasonable macro call nesting: \"{text}\""));
            self.result.failed = true;
        }
        if self.result.failed {
            return Err(Failed);
        }
        action(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn literal(&mut self, text: &str) {
        let _ = self.enter(text, |run| {
            if run.mode != Mode::Scan {
                run.result.text.push_str(text);
            }
            Ok(())
        });
    }

    /// The inside of `${…}`.
    fn expression(&mut self, inside: &str) -> Parsed<()> {
        let trimmed = inside.trim_start_matches(is_space);
        if trimmed.starts_with('{') {
            let (value, rest) = self.relation(trimmed)?;
            let value = if self.mode == Mode::Scan { None } else { Some(Cow::Borrowed(value)) };
            return match rest.chars().next() {
                None => self.use_value(value),
                Some('?') => self.branches(value.as_deref(), rest.get(1..).unwrap_or_default()),
                Some(':') => self.otherwise(value.as_deref(), rest.get(1..).unwrap_or_default()),
                Some(_) => {
                    let near = near(rest);
                    self.fail(format!("\"?\" or \":\" expected at: \"...}}>>>{near}\""))
                }
            };
        }
        let end = trimmed.find(|c: char| !is_name(c)).unwrap_or(trimmed.len());
        let (name, rest) = trimmed.split_at(end);
        let after = rest.trim_start_matches(is_space);
        match after.chars().next() {
            None => {
                let value = (self.lookup)(name);
                if self.mode == Mode::Recurse && (self.raw)(name) {
                    self.result.text.push_str(value.as_deref().unwrap_or_default());
                    return Ok(());
                }
                self.use_value(value)
            }
            Some(operator @ ('?' | ':')) => {
                let value = (self.lookup)(name);
                let operand = after.get(1..).unwrap_or_default();
                if operator == '?' {
                    self.branches(value.as_deref(), operand)
                } else {
                    self.otherwise(value.as_deref(), operand)
                }
            }
            Some('{') => self.function(name, after),
            Some(_) => {
                let before = inside.get(..inside.len() - rest.len()).unwrap_or_default();
                let near = near(rest);
                self.fail(format!("attribute name syntax error at: \"...{before}>>>{near}\""))
            }
        }
    }

    fn use_value(&mut self, value: Option<Cow<'_, str>>) -> Parsed<()> {
        match value {
            None => self.result.undefined = true,
            Some(value) => match self.mode {
                Mode::Recurse => self.parse(&value),
                Mode::Once => self.result.text.push_str(&value),
                Mode::Scan => {}
            },
        }
        if self.result.failed { Err(Failed) } else { Ok(()) }
    }

    /// After `?`: one branch, or two.
    fn branches(&mut self, value: Option<&str>, text: &str) -> Parsed<()> {
        let (if_true, rest) = self.operand(text)?;
        if self.mode == Mode::Scan || value.is_some_and(|value| !value.is_empty()) {
            self.parse(if_true);
        }
        match rest.chars().next() {
            None => {
                if self.result.failed {
                    Err(Failed)
                } else {
                    Ok(())
                }
            }
            Some(':') => self.otherwise(value, rest.get(1..).unwrap_or_default()),
            Some(_) => {
                let near = near(rest);
                self.fail(format!("\":\" expected at: \"...{if_true}}}>>>{near}\""))
            }
        }
    }

    /// After `:`.
    fn otherwise(&mut self, value: Option<&str>, text: &str) -> Parsed<()> {
        let (if_false, rest) = self.operand(text)?;
        if self.mode == Mode::Scan || value.is_none_or(str::is_empty) {
            self.parse(if_false);
        }
        if !rest.is_empty() {
            let near = near(rest);
            return self.fail(format!("unexpected input at: \"...{if_false}}}>>>{near}\""));
        }
        if self.result.failed { Err(Failed) } else { Ok(()) }
    }

    /// `{text}` with white space around it and what follows, or all of a bare text.
    fn operand<'t>(&mut self, text: &'t str) -> Parsed<(&'t str, &'t str)> {
        if text.trim_start_matches(is_space).starts_with('{') {
            self.payload(text.trim_start_matches(is_space))
        } else {
            Ok((text, ""))
        }
    }

    /// The inside of `{text}` at the start of `text`, and what follows after white space.
    fn payload<'t>(&mut self, text: &'t str) -> Parsed<(&'t str, &'t str)> {
        match matching(text.as_bytes(), b'{', b'}') {
            Some(end) => Ok((
                text.get(1..end).unwrap_or_default(),
                text.get(end + 1..).unwrap_or_default().trim_start_matches(is_space),
            )),
            None => self.fail(format!("unbalanced {{}} in attribute expression: \"{text}\"")),
        }
    }

    /// `name{text}`: a function of the text.
    fn function(&mut self, name: &str, text: &str) -> Parsed<()> {
        let (argument, rest) = self.payload(text)?;
        let argument = argument.trim_matches(is_space);
        if !rest.is_empty() {
            let near = near(rest);
            return self.fail(format!("unexpected input at: \"...{argument}}}>>>{near}\""));
        }
        let function = match name {
            "domain_to_ascii" => domain_to_ascii,
            "domain_to_utf8" => domain_to_utf8,
            _ => {
                return self
                    .fail(format!("unknown function \"{name}\" at\"...>>>{name}{{{argument}}}\""));
            }
        };
        let domain = self.nested(argument)?;
        match function(&domain) {
            _ if self.mode == Mode::Scan => Ok(()),
            Some(text) => {
                self.result.text.push_str(&text);
                Ok(())
            }
            None => self.fail(format!("bad domain argument in: '{name}{{{domain}}}'")),
        }
    }

    /// `{left} operator {right}`: "true" or nothing, and what follows.
    fn relation<'t>(&mut self, text: &'t str) -> Parsed<(&'static str, &'t str)> {
        let (left, rest) = self.payload(text)?;
        let end = rest.find(|c| !"<>!=?+-*/~&|%".contains(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let Some(operator) = Operator::of(word) else {
            let near = near(rest);
            return self.fail(format!(
                "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: \
                 \"...{left}}}>>>{near}\""
            ));
        };
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (suffix, after) = after.split_at(end);
        if !matches!(suffix, "" | "level") {
            return self.fail(format!("bad operator suffix at: \"...{word}>>>{suffix}\""));
        }
        let right = after.trim_start_matches(is_space);
        if !right.starts_with('{') {
            let near = near(after);
            return self.fail(format!(
                "\"{{expression}}\" expected at: \"...{{{left}}} {word}>>>{near}\""
            ));
        }
        let (right, rest) = self.payload(right)?;
        let left = self.nested(left)?;
        let right = self.nested(right)?;
        if self.mode == Mode::Scan {
            return Ok(("", rest));
        }
        let order = if suffix == "level" {
            self.level(&left)?.cmp(&self.level(&right)?)
        } else {
            self.compare(&left, &right)?
        };
        Ok((if operator.holds(order) { "true" } else { "" }, rest))
    }

    /// Expands an operand into a text of its own.
    fn nested(&mut self, text: &str) -> Parsed<String> {
        let outer = std::mem::take(&mut self.result.text);
        self.parse(text);
        let inner = std::mem::replace(&mut self.result.text, outer);
        if self.result.failed { Err(Failed) } else { Ok(inner) }
    }

    fn compare(&mut self, left: &str, right: &str) -> Parsed<Ordering> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(left) || !digits(right) {
            return Ok(left.cmp(right));
        }
        let mut number = |text: &str| match text.parse::<i64>() {
            Ok(number) => Ok(number),
            Err(_) => self.fail(format!("mac_exp_eval: bad conversion: {text}")),
        };
        Ok(number(left)?.cmp(&number(right)?))
    }

    fn level(&mut self, text: &str) -> Parsed<[u64; 3]> {
        match compatibility_level(text) {
            Some(level) => Ok(level),
            None => self.fail(format!("malformed compatibility level syntax: \"{text}\"")),
        }
    }
}

#[derive(Clone, Copy)]
enum Operator {
    Equal,
    Differs,
    Less,
    AtMost,
    AtLeast,
    Greater,
}

impl Operator {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "==" => Self::Equal,
            "!=" => Self::Differs,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">=" => Self::AtLeast,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Differs => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::AtLeast => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }
}

/// A compatibility level: `major`, `major.minor` or `major.minor.patch`.
pub fn compatibility_level(text: &str) -> Option<[u64; 3]> {
    let mut level = [0; 3];
    let mut parts = text.trim_start_matches(is_space).split('.');
    for (place, limit) in level.iter_mut().zip([(1 << 45) - 1, 1023, 1023]) {
        let Some(part) = parts.next() else { break };
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *place = part.parse().ok().filter(|number| *number <= limit)?;
    }
    if parts.next().is_some() { None } else { Some(level) }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The start of `text` that a message shows.
fn near(text: &str) -> &str {
    super::lines::clip(text, 20).0
}

/// Where the bracket that opens `text` is closed.
fn matching(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

fn domain_to_ascii(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    #[cfg(feature = "eai")]
    return idna::domain_to_ascii(name).ok();
    #[cfg(not(feature = "eai"))]
    None
}

fn domain_to_utf8(name: &str) -> Option<String> {
    #[cfg(feature = "eai")]
    if name.is_ascii() {
        let (text, result) = idna::domain_to_unicode(name);
        return result.ok().map(|()| text);
    }
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match name {
            "a" => "apple",
            "b" => "",
            "c" => "$a and ${a}",
            "x7" => "$x8",
            "x8" => "$x7",
            "self" => "${{$self} == {x} ? {y}}",
            "wide" => "$wide2$wide2$wide2$wide2$wide2$wide2",
            "wide2" => "$wide3$wide3$wide3$wide3$wide3$wide3",
            "wide3" => "$wide$wide",
            "compatibility_level" => "3.6",
            _ => return None,
        }))
    }

    fn text(input: &str) -> String {
        let result = expand(input, &lookup);
        assert!(!result.failed, "{input}: {:?}", result.warnings);
        result.text
    }

    fn warning(input: &str) -> String {
        let result = expand(input, &lookup);
        assert!(result.failed, "{input}: {}", result.text);
        result.warnings.first().cloned().unwrap_or_default()
    }

    #[test]
    fn names_and_conditions() {
        for (input, wanted) in [
            ("$a and ${a} and $(a)", "apple and apple and apple"),
            ("${a?yes} ${b?no} ${a:unset} ${b:unset} ${nosuch:missing}", "yes   unset missing"),
            ("${a?{if $a}:{else}} ${b?{if}:{else $a}}", "if apple else apple"),
            (
                "$$dollar ${a}suffix $a.suffix ${ a } $a$a",
                "$dollar applesuffix apple.suffix apple appleapple",
            ),
            ("$c / $nosuch/", "apple and apple / /"),
            ("${a?{${b?{nested}:{$a-nested}}}}", "apple-nested"),
            ("${a??foo:{b}ar}", "?foo:{b}ar"),
            ("${domain_to_ascii{ $a }}", "apple"),
        ] {
            assert_eq!(text(input), wanted, "{input}");
        }
        assert!(expand("$nosuch", &lookup).undefined);
    }

    #[test]
    fn relations() {
        for (input, wanted) in [
            ("${{$a} == {apple} ? {same} : {other}}", "same"),
            ("${{$a}!={pear}?{differs}:{same}}", "differs"),
            ("${{$a} == {} ? {empty}}", ""),
            ("${{3} < {10} ? {num} : {text}} ${{a3} < {a10} ? {lt} : {ge}}", "num ge"),
            ("${{$compatibility_level} <level {3.6} ? {old} : {new}}", "new"),
            ("${{3.10} >=level {3.9} ? {later} : {earlier}}", "later"),
            ("${{1} == {1}}", "true"),
        ] {
            assert_eq!(text(input), wanted, "{input}");
        }
    }

    #[test]
    fn what_postfix_says_about_errors() {
        for (input, wanted) in [
            ("${a", "truncated macro reference: \"${a\""),
            ("${}", "empty macro name: \"${}\""),
            ("$", "empty macro name: \"$\""),
            ("${a+b}", "attribute name syntax error at: \"...a>>>+b\""),
            ("${a?{x}y}", "\":\" expected at: \"...x}>>>y\""),
            ("${a?{x}:{y}z}", "unexpected input at: \"...y}>>>z\""),
            ("${{a} <level {b}?{x}}", "malformed compatibility level syntax: \"a\""),
            ("${{a} == b}", "\"{expression}\" expected at: \"...{a} ==>>> b\""),
            ("${{a} ==foo {b}}", "bad operator suffix at: \"...==>>>foo\""),
            ("$x7", "unreasonable macro call nesting: \"x8\""),
        ] {
            assert_eq!(warning(input), wanted, "{input}");
        }
        assert!(expand("$self", &lookup).failed);
        assert!(expand("$wide", &lookup).failed);
    }

    #[test]
    fn scans_all_branches() {
        let names = std::cell::RefCell::new(Vec::new());
        references("$a ${b?{$c}:{$d}} ${{$e}=={$f}?{$g}}", &|name| {
            names.borrow_mut().push(name.to_owned());
        });
        assert_eq!(names.into_inner(), ["a", "b", "c", "d", "e", "f", "g"]);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(input in "[${}()?:=<>!a-c é]{0,60}") {
            let _ = expand(&input, &lookup);
            let _ = references(&input, &|_| {});
        }
    }
}
