//! `migrate --back`: puts back what the last migration has replaced; C Postfix gets its queue.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::journal::{Before, Facts, Manifest, Thing};
use crate::plan::{Action, Draft, Role};
use crate::status;

/// Takes the last migration back.
pub(super) fn run(context: &Context) -> Outcome {
    let machine = &context.machine;
    let manifest = Manifest::load(&machine.root)?.unwrap_or_default();
    let Some(source) = manifest.facts.migrated_from.clone() else {
        return Err(Failure::new("there is no migration to take back"));
    };
    context.voice.heading(&format!("Giving back what was taken over from {source}"));
    let mut draft = Draft::new(machine);
    let prefix = manifest.facts.prefix.clone().unwrap_or_else(|| context.prefix.clone());
    let program = |name: &str| prefix.join("sbin").join(name).display().to_string();
    if machine.is_live() && status::is_running() {
        draft.run(&[&program("postfix"), "stop"], "the queue must be at rest", None, Role::State);
    }
    // Mail may have come since, so the queue goes back whether or not any was taken over.
    if source == "postfix" && machine.is_live() && machine.root.has(program("postsuper")) {
        let postsuper = program("postsuper");
        let take_again: &[&str] = &[&postsuper, "-T"];
        let why = "queue files for C Postfix";
        draft.run(&[&postsuper, "-W"], why, Some(take_again), Role::State);
    }
    let ours = manifest.items.iter().rev().filter(|item| item.role == Role::Migrated);
    for item in ours {
        let Thing::Path { path, before, .. } = &item.thing else { continue };
        let path = path.clone();
        let there = machine.root.has(&path);
        match before {
            Before::Absent if !there => {}
            Before::Absent => draft.step(Role::Migrated, Action::Remove { path }),
            before => {
                let before = before.clone();
                draft.step(Role::Migrated, Action::PutBack { path, before });
            }
        }
    }
    if source == "postfix" {
        draft.note("now: postfix-installer uninstall, and install C Postfix again");
    }
    let facts = Facts { migrated_from: Some(String::new()), ..Facts::default() };
    context.carry_out("migrate --back", &draft.finish(), facts).map(drop)
}
