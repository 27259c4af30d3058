//! postconf(1): shows and edits main.cf and master.cf.
//!
//! ```text
//! options ─┬─ namespace (main.cf, master.cf, defaults) ─┬─ parameters   postconf, -n, -d
//!          │                                            ├─ services     -M, -F, -P
//!          │                                            └─ unused       warnings at the end
//!          └─ edit_main, edit_master                       -e, -X, -#
//! ```

mod edit_main;
mod edit_master;
mod entry;
mod namespace;
mod options;
mod other;
mod parameters;
mod references;
mod services;
mod unused;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use self::namespace::Namespace;
use self::options::{Mode, Options};
use super::speaker::Speaker;

/// Why the command gives up, in the words after `fatal: `.
type Outcome<T> = Result<T, String>;

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new("postconf");
    let arguments = arguments.into_iter().map(|a| a.to_string_lossy().into_owned()).collect();
    match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        // What went wrong has been said.
        Err(why) if why.is_empty() => ExitCode::FAILURE,
        Err(why) => speaker.fatal(why),
    }
}

fn run(arguments: Vec<String>, speaker: &Speaker) -> Outcome<()> {
    let options = Options::parse(arguments, speaker.program())?;
    options.check()?;
    let mut output = Output { text: String::new(), options: &options, speaker };
    if options.has(Mode::SHOW_MAPS) {
        other::maps(&mut output);
    } else if options.has(Mode::SHOW_LOCKS) {
        other::locks(&mut output);
    } else if options.has(Mode::SASL_SERVER) || options.has(Mode::SASL_CLIENT) {
        other::sasl(&mut output);
    } else if options.has(Mode::SHOW_TLS) {
        other::tls(&mut output)?;
    } else if options.has(Mode::TEMPLATES) {
        other::templates(&mut output)?;
    } else if options.has(Mode::EDITS) {
        if options.names.is_empty() {
            return Err("missing service argument".into());
        }
        if options.has(Mode::MASTER) {
            edit_master::edit(&options, speaker)?;
        } else {
            edit_main::edit(&options, speaker)?;
        }
    } else {
        show(&mut output)?;
    }
    output.flush();
    Ok(())
}

/// Sets parameters in the main.cf of `directory`, as `postconf -e` does: for the other commands.
pub fn set_main(directory: &Path, settings: &[String]) -> Outcome<()> {
    let words: Vec<&str> =
        ["-e", "--"].into_iter().chain(settings.iter().map(String::as_str)).collect();
    command(directory, &words)
}

/// Runs postconf with these words on the files in `directory`.
pub fn command(directory: &Path, words: &[&str]) -> Outcome<()> {
    let directory = directory.display().to_string();
    let words = ["-c", &directory].into_iter().chain(words.iter().copied());
    run(words.map(str::to_owned).collect(), &Speaker::new("postconf"))
}

/// Puts a text in the place of a file, in one step and not while postconf changes it.
pub fn replace_file(path: &Path, text: &str) -> Outcome<()> {
    edit_main::rewrite(path, |_| Ok(text.to_owned()))
}

/// Shows main.cf parameters or master.cf services.
fn show(output: &mut Output<'_>) -> Outcome<()> {
    let mut space = Namespace::read(output.options, output.speaker)?;
    if !output.options.has(Mode::DEFAULTS) {
        references::register(&mut space, output.speaker)?;
    }
    if output.options.has(Mode::MASTER_FIELD) {
        services::fields(&space, output)?;
    } else if output.options.has(Mode::MASTER_PARAMETER) {
        services::parameters(&space, output)?;
    } else if output.options.has(Mode::MASTER_ENTRY) {
        services::entries(&space, output)?;
    } else {
        parameters::show(&space, output)?;
    }
    output.flush();
    if !output.options.quiet && !output.options.has(Mode::DEFAULTS) {
        unused::warn(&space, output.options, output.speaker);
    }
    Ok(())
}

/// Standard output, written in one go before the warnings that come last.
struct Output<'a> {
    text: String,
    options: &'a Options,
    speaker: &'a Speaker,
}

impl Output<'_> {
    /// Adds a line with white space made even, folded if so asked.
    fn line(&mut self, text: &str) {
        let fold = self.options.has(Mode::FOLD);
        let mut length = 0;
        for word in text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            if length > 0 {
                if fold && length + word.len() >= LINE_LIMIT {
                    self.text.push_str("\n    ");
                    length = INDENT;
                } else {
                    self.text.push(' ');
                    length += 1;
                }
            }
            self.text.push_str(word);
            length += word.len();
        }
        self.text.push('\n');
    }

    /// Adds `{"name": "value"}`.
    fn json(&mut self, name: &str, value: &str) {
        self.text.push_str(&format!("{{\"{}\": \"{}\"}}\n", json(name), json(value)));
    }

    fn flush(&mut self) {
        // A reader that went away is no reason to complain.
        let _ = std::io::stdout().write_all(std::mem::take(&mut self.text).as_bytes());
        let _ = std::io::stdout().flush();
    }
}

/// Lines longer than this are folded.
const LINE_LIMIT: usize = 80;
/// How far continuation lines are indented.
const INDENT: usize = 4;

/// Quotes text for JSON as Postfix does.
pub fn json(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted
}
