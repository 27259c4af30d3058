//! Shows services of master.cf: whole (`-M`), by column (`-F`), or their parameters (`-P`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::entry::{Argument, COLUMN_NAMES, COMMAND, Entry, Line, Pattern, braced, column_of};
use super::namespace::{Class, Namespace};
use super::options::Mode;
use super::{INDENT, LINE_LIMIT, Outcome, Output};

/// The patterns on the command line.
fn patterns(output: &Output<'_>, max: usize, complaint: &str) -> Outcome<Vec<Pattern>> {
    let names = output.options.names.iter();
    names.map(|name| Pattern::parse(name, 1, max).ok_or_else(|| complaint.to_owned())).collect()
}

/// Calls `show` for each service, with each pattern that picks it; `show` tells whether it found
/// something to show.
fn for_each(
    space: &Namespace,
    patterns: &[Pattern],
    output: &mut Output<'_>,
    mut show: impl FnMut(&Entry, Option<&Pattern>, &mut Output<'_>) -> Outcome<bool>,
) -> Outcome<()> {
    let mut matched = vec![false; patterns.len()];
    for service in &space.services {
        if patterns.is_empty() {
            show(service, None, output)?;
        }
        for (pattern, matched) in patterns.iter().zip(&mut matched) {
            if pattern.matches(service.column(0), service.column(1)) {
                *matched |= show(service, Some(pattern), output)?;
            }
        }
    }
    for (pattern, _) in patterns.iter().zip(matched).filter(|(_, matched)| !matched) {
        output.speaker.warning(format_args!("unmatched request: \"{}\"", pattern.text));
    }
    Ok(())
}

/// How `-x` changes the value of an `-o`.
fn expand(space: &Namespace, entry: &Entry, output: &Output<'_>, value: &str) -> Outcome<String> {
    if output.options.has(Mode::EVALUATE) {
        space.expand(value, Some(entry), output.speaker)
    } else {
        Ok(value.to_owned())
    }
}

/// `-M`
pub(super) fn entries(space: &Namespace, output: &mut Output<'_>) -> Outcome<()> {
    let patterns = patterns(output, 2, "-M option requires service_name[/type]")?;
    for_each(space, &patterns, output, |entry, _, output| {
        if output.options.has(Mode::JSON) {
            let mut text = entry.words.get(..=COMMAND).unwrap_or_default().join(" ");
            text.push_str(&arguments_in_one_line(space, entry, output)?);
            output.json(&entry.name_space(), &text);
        } else {
            let fold = output.options.has(Mode::FOLD);
            let text = entry.print(fold, &|value| expand(space, entry, output, value))?;
            output.text.push_str(&text);
        }
        Ok(true)
    })
}

fn arguments_in_one_line(space: &Namespace, entry: &Entry, output: &Output<'_>) -> Outcome<String> {
    let mut text = String::new();
    for argument in entry.arguments() {
        text.push(' ');
        match argument {
            Argument::Option { option, value } => {
                let value = expand(space, entry, output, value)?;
                text.push_str(&format!("{option} {}", braced(&value)));
            }
            Argument::Flag(word) => text.push_str(word),
            Argument::Plain(word) => text.push_str(&braced(word)),
        }
    }
    Ok(text)
}

/// `-F`
pub(super) fn fields(space: &Namespace, output: &mut Output<'_>) -> Outcome<()> {
    let patterns = patterns(output, 3, "-F option requires service_name[/type[/field]]")?;
    for pattern in &patterns {
        column_of(pattern.third())?;
    }
    for_each(space, &patterns, output, |entry, pattern, output| {
        match column_of(pattern.and_then(Pattern::third))? {
            Some(column) => field(space, entry, column, output)?,
            None => {
                for column in 0..=COMMAND {
                    field(space, entry, column, output)?;
                }
            }
        }
        Ok(true)
    })
}

fn field(space: &Namespace, entry: &Entry, column: usize, output: &mut Output<'_>) -> Outcome<()> {
    let options = output.options;
    let value = entry.column(column);
    let name = format!("{}/{}", entry.name_space(), COLUMN_NAMES.get(column).unwrap_or(&""));
    if options.has(Mode::JSON) {
        let mut text = value.to_owned();
        if column == COMMAND {
            text.push_str(&arguments_in_one_line(space, entry, output)?);
        }
        output.json(&name, &text);
        return Ok(());
    }
    let mut line = Line::default();
    if !options.has(Mode::HIDE_NAME) {
        line.add(&name);
        if !options.has(Mode::HIDE_VALUE) {
            line.add(" = ");
        }
    }
    if options.has(Mode::HIDE_VALUE) {
        line.text.push('\n');
    } else {
        if line.length > 0 && line.length + value.len() > LINE_LIMIT {
            line.text.push_str("\n    ");
            line.length = INDENT;
        }
        line.add(value);
        if column == COMMAND {
            let fold = options.has(Mode::FOLD);
            let expand = |value: &str| expand(space, entry, output, value);
            entry.print_arguments(&mut line, fold, 1, &expand)?;
        } else {
            line.text.push('\n');
        }
    }
    output.text.push_str(&line.text);
    Ok(())
}

/// `-P`
pub(super) fn parameters(space: &Namespace, output: &mut Output<'_>) -> Outcome<()> {
    let patterns = patterns(output, 3, "-P option requires service_name[/type[/parameter]]")?;
    let all_classes = !patterns.is_empty();
    for_each(space, &patterns, output, |entry, pattern, output| {
        let settings: BTreeMap<&str, Cow<'_, str>> = if output.options.has(Mode::MERGED) {
            merged(space, entry, all_classes, output)
        } else {
            entry.settings.iter().map(|(name, value)| (name.as_str(), value.into())).collect()
        };
        match pattern.and_then(Pattern::third) {
            None => {
                for (name, value) in &settings {
                    parameter(space, entry, name, value, output)?;
                }
                Ok(!settings.is_empty())
            }
            Some(name) => match settings.get(name) {
                Some(value) => parameter(space, entry, name, value, output).map(|()| true),
                None => Ok(false),
            },
        }
    })
}

/// All parameters as the service sees them.
fn merged<'a>(
    space: &'a Namespace,
    entry: &'a Entry,
    all_classes: bool,
    output: &Output<'_>,
) -> BTreeMap<&'a str, Cow<'a, str>> {
    let classes = output.options.classes;
    let mut found: BTreeMap<&str, Cow<'_, str>> = space
        .names
        .iter()
        .filter(|(_, node)| {
            all_classes
                || match node.class {
                    Class::Builtin => classes.builtin,
                    Class::Service => classes.service,
                    Class::User => classes.user,
                    Class::Legacy => false,
                }
        })
        .map(|(name, _)| (name.as_str(), space.value(name, Some(entry)).unwrap_or_default()))
        .collect();
    for (name, value) in &entry.settings {
        found.entry(name).or_insert_with(|| value.into());
    }
    found
}

fn parameter(
    space: &Namespace,
    entry: &Entry,
    name: &str,
    value: &str,
    output: &mut Output<'_>,
) -> Outcome<()> {
    let full = format!("{}/{name}", entry.name_space());
    if output.options.has(Mode::HIDE_VALUE) {
        output.line(&full);
        return Ok(());
    }
    let value = expand(space, entry, output, value)?;
    if output.options.has(Mode::JSON) {
        output.json(&full, &value);
    } else if output.options.has(Mode::HIDE_NAME) {
        output.line(&value);
    } else {
        output.line(&format!("{full} = {value}"));
    }
    Ok(())
}
