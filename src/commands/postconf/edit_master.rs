//! Changes master.cf in place: services (`-M`), columns (`-F`) or parameters (`-P`); lines that
//! are not about them stay as they are.

use super::edit_main::{ended, rewrite};
use super::entry::{COMMAND, Entry, Pattern, column_of};
use super::options::{Mode, Options};
use super::{Outcome, Speaker};
use crate::config::lines::{is_space, split_assignment};

const OPTIONS: &str = "-Me, -Fe, -Pe, -X, or -#";

/// One change.
struct Request {
    text: String,
    pattern: Pattern,
    column: Option<usize>,
    value: Option<String>,
    matches: usize,
}

/// Carries out `-e`, `-X` or `-#` together with `-M`, `-F` or `-P`.
pub(super) fn edit(options: &Options, speaker: &Speaker) -> Outcome<()> {
    let requests =
        options.names.iter().map(|name| request(name, options)).collect::<Outcome<Vec<_>>>()?;
    let path = options.directory().join("master.cf");
    let name = path.to_string_lossy().into_owned();
    rewrite(&path, |text| {
        Editor { options, speaker, requests, path: name, result: String::new() }.run(text)
    })
}

fn request(argument: &str, options: &Options) -> Outcome<Request> {
    if argument.contains('\n') {
        return Err(format!("{OPTIONS} accept no multi-line input"));
    }
    let text = argument.trim_start_matches(is_space);
    if text.starts_with('#') {
        return Err(format!("{OPTIONS} accept no comment input"));
    }
    let (pattern, value) = if options.has(Mode::EDIT) {
        let (pattern, value) =
            split_assignment(text).map_err(|why| format!("{why}: \"{argument}\""))?;
        (pattern, Some(value.to_owned()))
    } else if text.contains('=') {
        return Err("-X or -# requires names without value".into());
    } else {
        (text.trim_end_matches(is_space), None)
    };
    let blank = value.as_ref().is_some_and(|value| value.contains([' ', '\t', '\r', '\n']));
    let parse = |min, max, complaint: &str| {
        Pattern::parse(pattern, min, max).ok_or_else(|| complaint.to_owned())
    };
    let mut column = None;
    let pattern = if options.has(Mode::MASTER_ENTRY) {
        parse(2, 2, "-Me, -MX or -M# requires service_name/type")?
    } else if options.has(Mode::MASTER_FIELD) {
        let pattern = parse(3, 3, "-Fe or -FX requires service_name/type/field_name")?;
        column = column_of(pattern.third())?;
        match column {
            None => return Err("-Fe does not accept wild-card field name".into()),
            Some(column) if column < COMMAND && blank => {
                return Err("-Fe does not accept whitespace in non-command field".into());
            }
            Some(_) => {}
        }
        pattern
    } else {
        let pattern = parse(3, 3, "-Pe or -PX requires service_name/type/parameter")?;
        if pattern.third().is_none() {
            return Err("-Pe does not accept wild-card parameter name".into());
        }
        if blank {
            return Err("-Pe does not accept whitespace in parameter value".into());
        }
        pattern
    };
    Ok(Request { text: argument.to_owned(), pattern, column, value, matches: 0 })
}

/// What is wrong with a new entry, and with which request; a type that does not exist is told of
/// with the entry already.
fn in_request(why: &str, request: &Request) -> String {
    if why.starts_with("invalid type field") {
        return why.to_owned();
    }
    format!("{why}: \"{}\"", request.text)
}

struct Editor<'a> {
    options: &'a Options,
    speaker: &'a Speaker,
    requests: Vec<Request>,
    path: String,
    result: String,
}

impl Editor<'_> {
    fn run(mut self, text: &str) -> Outcome<String> {
        let mut lines = text.split_inclusive('\n').zip(1..).peekable();
        let mut matched = false;
        while let Some((line, number)) = lines.next() {
            let inside = line.trim_start_matches(is_space);
            if inside.is_empty() || inside.starts_with('#') {
                self.result.push_str(&ended(line));
            } else if inside.len() < line.len() {
                self.pass(line, matched);
            } else {
                let mut whole = ended(line).into_owned();
                let (hit, changes) = self.matching(line, number)?;
                matched = hit;
                if changes {
                    // The whole entry is printed anew: its other lines belong to it.
                    while let Some((next, _)) = lines
                        .next_if(|(next, _)| next.starts_with('#') || next.starts_with(is_space))
                    {
                        let inside = next.trim_start_matches(is_space);
                        if inside.is_empty() || inside.starts_with('#') {
                            self.result.push_str(&ended(next));
                        } else {
                            whole.push_str(&ended(next));
                        }
                    }
                }
                match self.changed(line, &whole, number)? {
                    Some(entry) => self.print(&entry)?,
                    None => self.pass(line, matched),
                }
            }
        }
        self.finish()
    }

    /// A line of an entry that is not printed anew.
    fn pass(&mut self, line: &str, matched: bool) {
        if !matched {
            self.result.push_str(&ended(line));
        } else if self.options.has(Mode::COMMENT_OUT) {
            self.result.push_str(&format!("#{}", ended(line)));
        }
    }

    fn print(&mut self, entry: &Entry) -> Outcome<()> {
        let text = entry.print(true, &|value| Ok(value.to_owned()))?;
        self.result.push_str(&text);
        Ok(())
    }

    fn parse(&self, text: &str) -> Outcome<Entry> {
        Entry::parse(text, &mut |warning| self.speaker.warning(warning))
    }

    /// Whether any request is about the entry, and whether that prints it anew with its
    /// continuation lines.
    fn matching(&self, line: &str, number: usize) -> Outcome<(bool, bool)> {
        let (name, kind) = self.name_and_type(line, number)?;
        let mut hit = false;
        for request in &self.requests {
            hit |= request.pattern.matches(name, kind) || self.replaces(request, name, kind)?;
        }
        let edits = self.options.has(Mode::EDIT)
            || (self.options.has(Mode::MASTER_PARAMETER) && self.options.has(Mode::EXCLUDE));
        Ok((hit, hit && edits && !self.options.has(Mode::MASTER_ENTRY)))
    }

    /// Whether the new entry of a request has that name and type.
    fn replaces(&self, request: &Request, name: &str, kind: &str) -> Outcome<bool> {
        if !self.options.has(Mode::MASTER_ENTRY) {
            return Ok(false);
        }
        let Some(value) = &request.value else { return Ok(false) };
        let entry = self.parse(value).map_err(|why| in_request(&why, request))?;
        Ok(entry.column(0) == name && entry.column(1) == kind)
    }

    fn name_and_type<'t>(&self, line: &'t str, number: usize) -> Outcome<(&'t str, &'t str)> {
        let mut words = line.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
        let place = format!("file {}: line {number}", self.path);
        let (Some(name), Some(kind)) = (words.next(), words.next()) else {
            return Err(format!("{place}: specify service name and type on the same line"));
        };
        if name.contains('=') {
            return Err(format!(
                "{place}: service name syntax \"{name}\" is unsupported with {OPTIONS}"
            ));
        }
        if kind.contains(['=', '/']) {
            return Err(format!(
                "{place}: service type syntax \"{kind}\" is unsupported with {OPTIONS}"
            ));
        }
        Ok((name, kind))
    }

    /// The entry after all requests about it; none if it is kept or dropped as it stands.
    fn changed(&mut self, line: &str, whole: &str, number: usize) -> Outcome<Option<Entry>> {
        let (name, kind) = self.name_and_type(line, number)?;
        let mut entry: Option<Entry> = None;
        for at in 0..self.requests.len() {
            let Some(request) = self.requests.get(at) else { break };
            if !request.pattern.matches(name, kind) && !self.replaces(request, name, kind)? {
                continue;
            }
            let first = request.matches == 0;
            let value = request.value.clone();
            let excludes = self.options.has(Mode::EXCLUDE);
            if self.options.has(Mode::MASTER_ENTRY) {
                if let Some(value) = value {
                    let new = self.parse(&value).map_err(|why| in_request(&why, request))?;
                    entry = if first { Some(new) } else { entry };
                }
            } else if value.is_some() || excludes {
                let mut changed = match entry.take() {
                    Some(entry) => entry,
                    None => self
                        .parse(whole)
                        .map_err(|why| format!("file {}: line {number}: {why}", self.path))?,
                };
                match (request.column, request.pattern.third(), value) {
                    (Some(column), _, Some(value)) => {
                        changed.set_column(column, &value, &mut |w| self.speaker.warning(w))?;
                    }
                    (None, Some(name), value) => changed.set_parameter(name, value.as_deref()),
                    _ => {}
                }
                entry = Some(changed);
            }
            if let Some(request) = self.requests.get_mut(at) {
                request.matches += 1;
            }
        }
        Ok(entry)
    }

    /// Adds services that were not there; warns about other requests that found nothing.
    fn finish(mut self) -> Outcome<String> {
        let requests = std::mem::take(&mut self.requests);
        for request in requests.iter().filter(|request| request.matches == 0) {
            if !self.options.has(Mode::MASTER_ENTRY) {
                self.speaker
                    .warning(format_args!("unmatched service_name/type: \"{}\"", request.text));
            } else if let Some(value) = &request.value {
                let entry = self.parse(value).map_err(|why| in_request(&why, request))?;
                self.print(&entry)?;
            }
        }
        Ok(self.result)
    }
}
