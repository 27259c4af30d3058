//! `postfix-installer uninstall`: removes exactly what was installed, and puts back what stood
//! there before. Configuration and mail stay.

use std::path::Path;

use crate::act;
use crate::arguments::UninstallOptions;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::journal::{Before, FOLDER, Facts, Fingerprint, Item, Manifest, Thing};
use crate::plan::{Action, Draft, Plan, Role};

/// Uninstalls.
pub fn run(context: &Context, options: &UninstallOptions) -> Outcome {
    context.recover()?;
    let machine = &context.machine;
    let Some(manifest) =
        Manifest::load(&machine.root).or_else(|failure| unreadable(context, failure))?
    else {
        return Err(no_installation(context));
    };
    let plan = decide(context, &manifest, options.purge);
    context.voice.heading("Removing postfix-rs");
    if context.dry_run {
        context.voice.plan(&plan);
        context.voice.document(&context.document("uninstall", &plan, false));
        return Ok(());
    }
    if !context.voice.quiet && !context.voice.agrees("Remove it?", context.yes)? {
        return Err(Failure::new("not agreed to; nothing has been changed"));
    }
    act::perform(machine, &context.voice, "uninstall", &plan, Facts::default(), true)?;
    plan.notes.iter().for_each(|note| context.voice.note(note));
    context.voice.document(&context.document("uninstall", &plan, true));
    Ok(())
}

/// Others than root may not read it, which has words of its own.
fn unreadable(context: &Context, failure: Failure) -> Outcome<Option<Manifest>> {
    if context.machine.privileged { Err(failure) } else { Ok(None) }
}

fn no_installation(context: &Context) -> Failure {
    if context.machine.root.has(FOLDER) && !context.machine.privileged {
        return Failure::new("only root knows what was installed").advise("run it as root");
    }
    let failure = Failure::new("nothing here was installed by postfix-installer");
    let package = context.machine.root.names("/var/db/pkg/mail-mta");
    match package.iter().find(|name| name.starts_with("postfix-rs-")) {
        Some(_) => failure
            .advise("Portage has installed postfix-rs: emerge --ask --unmerge mail-mta/postfix-rs"),
        None => failure,
    }
}

fn decide(context: &Context, manifest: &Manifest, purge: bool) -> Plan {
    let machine = &context.machine;
    let mut draft = Draft::new(machine);
    let prefix = manifest.facts.prefix.as_deref().unwrap_or(Path::new("/usr"));
    if machine.is_live() && crate::status::is_running() {
        let postfix = prefix.join("sbin/postfix").display().to_string();
        draft.run(&[&postfix, "stop"], "no program is removed while it runs", None, Role::State);
    }
    let mut kept = 0;
    for item in manifest.items.iter().rev() {
        let goes = match item.role {
            Role::Installed => true,
            Role::Configuration | Role::State => purge,
            Role::Migrated => false,
        };
        if goes {
            remove(&mut draft, context, item, purge);
        } else {
            kept += 1;
        }
    }
    if kept > 0 {
        draft.note("configuration, queue and accounts are kept");
    }
    draft.finish()
}

fn remove(draft: &mut Draft<'_>, context: &Context, item: &Item, purge: bool) {
    let root = &context.machine.root;
    match &item.thing {
        Thing::Command { undo, .. } => {
            let words: Vec<&str> = undo.iter().map(String::as_str).collect();
            draft.run(&words, "takes back what the installer ran", None, Role::State);
        }
        Thing::Path { path, before, fingerprint } => {
            let at = root.at(path);
            if std::fs::symlink_metadata(&at).is_err() {
                return;
            }
            let unchanged = Fingerprint::of(&at) == *fingerprint;
            if !unchanged {
                draft.note(format!("{} was changed by somebody else: it stays", path.display()));
                return;
            }
            let is_folder = at.is_dir() && !at.is_symlink();
            if is_folder && item.role == Role::Installed && is_shared(path) && !purge {
                // Somebody else's files may be there; it goes if it is empty.
                draft.step(item.role, Action::Remove { path: path.clone() });
                return;
            }
            match before {
                Before::Absent => draft.step(item.role, Action::Remove { path: path.clone() }),
                before => {
                    let (path, before) = (path.clone(), before.clone());
                    draft.step(item.role, Action::PutBack { path, before });
                }
            }
        }
    }
}

/// Whether others put files into such a folder, too.
fn is_shared(path: &Path) -> bool {
    !path.components().any(|part| part.as_os_str() == "postfix")
}
