//! How the installer speaks: steps on a terminal, one document with `--json`, nothing but errors
//! with `--quiet`.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::plan::{Action, Plan};
use crate::progress;

/// How it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// Nothing but errors.
    pub quiet: bool,
    /// One JSON document, and nothing else, on standard output.
    pub json: bool,
    /// Somebody watches.
    pub terminal: bool,
}

impl Voice {
    /// As the options say.
    pub fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json, terminal: std::io::stdout().is_terminal() }
    }

    fn speaks(&self) -> bool {
        !self.quiet && !self.json
    }

    /// A heading.
    pub fn heading(&self, text: &str) {
        if self.speaks() {
            progress::heading(text);
        }
    }

    /// Something that was done.
    pub fn done(&self, text: &str) {
        if self.speaks() {
            progress::done(text);
        }
    }

    /// Something to know.
    pub fn note(&self, text: &str) {
        if self.speaks() {
            let style = AnsiColor::Yellow.on_default();
            progress::print(&format!("  {style}*{style:#} {text}"));
        }
    }

    /// What another program printed.
    pub fn quote(&self, text: &str) {
        if self.speaks() {
            progress::quote(text);
        }
    }

    /// Plain text.
    pub fn print(&self, text: &str) {
        if self.speaks() {
            progress::print(text);
        }
    }

    /// A step of a plan begins: a line of its own, or, where somebody watches, one line that
    /// changes.
    pub fn step(&self, number: usize, count: usize, action: &Action) {
        if !self.speaks() {
            return;
        }
        if !self.terminal || matches!(action, Action::Run { .. }) {
            self.end_of_steps();
            progress::done(&action.to_string());
            return;
        }
        let width = count.to_string().len();
        let style = Style::new().dimmed();
        let mut text = format!("  [{number:width$}/{count}] {style}{action}{style:#}");
        // A line that wraps could not be written over.
        if text.len() > 100 {
            text.truncate(text.floor_char_boundary(96));
            text.push_str(&format!("...{style:#}"));
        }
        let mut out = anstream::stdout();
        let _ = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
    }

    /// The changing line makes room.
    pub fn end_of_steps(&self) {
        if self.speaks() && self.terminal {
            let mut out = anstream::stdout();
            let _ = write!(out, "\r\x1b[2K").and_then(|()| out.flush());
        }
    }

    /// The document of `--json`.
    pub fn document(&self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            progress::print(&text);
        }
    }

    /// A plan, in words.
    pub fn plan(&self, plan: &Plan) {
        if plan.steps.is_empty() {
            self.print("  nothing to do");
        }
        for step in &plan.steps {
            self.print(&step.action.to_string());
            if let Action::File { changes, .. } = &step.action {
                changes.iter().for_each(|line| self.print(&format!("    {line}")));
            }
        }
        plan.notes.iter().for_each(|note| self.note(note));
    }

    /// Asks; without a terminal nobody can answer, which is an error that says how to agree.
    pub fn agrees(&self, question: &str, yes: bool) -> Outcome<bool> {
        if yes {
            return Ok(true);
        }
        if !std::io::stdin().is_terminal() || self.json {
            return Err(Failure::new(format!("nobody can be asked: {question}"))
                .advise("--yes agrees to everything"));
        }
        let mut out = anstream::stdout();
        let _ = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
        let mut answer = String::new();
        let _ = std::io::stdin().read_line(&mut answer);
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
    }
}

/// An error, for people and for `--json`.
pub fn report(voice: &Voice, failure: &Failure) {
    match &failure.document {
        Some(document) => voice.document(document),
        None => {
            let document = serde_json::json!({ "error": failure.what, "advice": failure.advice });
            voice.document(&document);
        }
    }
    eprintln!("postfix-installer: {}", failure.what);
    for advice in &failure.advice {
        eprintln!("  {advice}");
    }
}
