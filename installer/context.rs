//! What every verb gets: the machine, and how to speak and act.

use std::path::{Component, Path, PathBuf};

use crate::act;
use crate::arguments::{Arguments, Verb};
use crate::failure::{Failure, Outcome};
use crate::journal::Facts;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::voice::Voice;

/// The machine and the global options.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is being looked at, or changed.
    pub machine: Machine,
    /// `--prefix`
    pub prefix: PathBuf,
    /// `--dry-run`
    pub dry_run: bool,
    /// `--yes`
    pub yes: bool,
    /// How to speak.
    pub voice: Voice,
}

/// What came of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Only shown.
    Shown,
    /// There was nothing to do.
    Nothing,
    /// Carried out.
    Changed,
}

impl Context {
    /// Looks at the machine.
    pub fn new(arguments: &Arguments) -> Outcome<Self> {
        let machine = Machine::look(&arguments.root)?;
        let at = machine.root.path();
        if !at.is_dir() && (at.exists() || !matches!(arguments.verb, Verb::Install(_))) {
            let advice =
                "--root names the folder of a system, or for install one to gather files in";
            let failure = Failure::new(format!("{} is no folder", at.display()));
            return Err(failure.advise(advice));
        }
        Ok(Self {
            machine,
            prefix: usable(&arguments.prefix)?,
            dry_run: arguments.dry_run,
            yes: arguments.yes,
            voice: Voice::new(arguments.quiet, arguments.json),
        })
    }

    /// Undoes what an interrupted run has left; `--dry-run` only says that it is there.
    pub fn recover(&self) -> Outcome {
        if self.dry_run {
            if crate::journal::is_interrupted(&self.machine.root) {
                self.voice.note("an earlier run was interrupted: the next one undoes its changes");
            }
            return Ok(());
        }
        act::recover(&self.machine, &self.voice)
    }

    /// Shows the plan, or carries it out.
    pub fn carry_out(&self, verb: &str, plan: &Plan, facts: Facts) -> Outcome<Done> {
        if self.dry_run {
            self.voice.plan(plan);
            self.voice.document(&self.document(verb, plan, false));
            return Ok(Done::Shown);
        }
        if !plan.steps.is_empty() {
            act::perform(&self.machine, &self.voice, verb, plan, facts, false)?;
        }
        plan.notes.iter().for_each(|note| self.voice.note(note));
        self.voice.document(&self.document(verb, plan, true));
        Ok(if plan.steps.is_empty() { Done::Nothing } else { Done::Changed })
    }

    /// What `--json` prints about a plan.
    pub fn document(&self, verb: &str, plan: &Plan, done: bool) -> serde_json::Value {
        serde_json::json!({
            "verb": verb,
            "root": self.machine.root.path(),
            "done": done,
            "steps": plan.steps,
            "notes": plan.notes,
        })
    }
}

/// A prefix stands in main.cf, in scripts and in units: it is absolute, and one word.
fn usable(prefix: &Path) -> Outcome<PathBuf> {
    let plain = prefix.components().all(|part| match part {
        Component::RootDir => true,
        Component::Normal(name) => name.to_str().is_some_and(|name| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
        }),
        _ => false,
    });
    if prefix.is_absolute() && prefix != Path::new("/") && plain {
        return Ok(prefix.components().collect());
    }
    Err(Failure::new(format!("--prefix {} cannot be used", prefix.display()))
        .advise("an absolute path of letters, digits and . _ + -, such as /usr/local"))
}
