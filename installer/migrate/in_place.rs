//! Takes over a C Postfix where it stands: its configuration, its tables, its queue.
//!
//! main.cf and master.cf stay what they are, but for the folder of the programs. Indexed files are
//! built anew from their sources, because C Postfix's may be of a database that we do not read. The
//! queue is taken into the spool. All of it can be undone.

use std::path::Path;

use postfix_rs::commands::postsuper;
use postfix_rs::config::master_cf::ServiceLine;
use postfix_rs::config::{Config, parameters as p, split_list};

use crate::conflict::{self, Evidence};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::main_cf::{MainCf, Present};
use crate::plan::{Action, Draft, Role};
use crate::tables::{self, Table};

const MAIN_CF: &str = "/etc/postfix/main.cf";

/// The steps.
pub(super) fn plan(draft: &mut Draft<'_>, context: &Context) -> Outcome {
    let machine = &context.machine;
    if !machine.root.has(context.prefix.join("sbin/postsuper")) {
        return Err(Failure::new("postfix-rs is not installed")
            .advise("postfix-installer install --replace puts it in the place of C Postfix"));
    }
    let running = conflict::find(machine).into_iter().any(|conflict| {
        let process = |evidence: &Evidence| matches!(evidence, Evidence::Process { .. });
        conflict.name == "postfix" && conflict.found.iter().any(process)
    });
    if running || (machine.is_live() && crate::status::is_running()) {
        return Err(Failure::new("the mail system is running: its queue cannot be taken over")
            .advise("stop it first: postfix stop"));
    }
    let directory = machine.root.at("/etc/postfix");
    let mut warnings = Vec::new();
    let loaded = tables::load(&directory, |warning| warnings.push(warning));
    let (config, services) = loaded.map_err(|why| {
        Failure::new(format!("the configuration cannot be read: {why}"))
            .advise("mend it; nothing has been changed")
    })?;
    paths(draft, context)?;
    rebuild(draft, context, &config, &services)?;
    let report = config.check(&services);
    report
        .errors
        .into_iter()
        .chain(report.warnings)
        .chain(warnings)
        .for_each(|line| draft.note(line));
    others(draft, &config);
    take_queue(draft, context, &config);
    Ok(())
}

/// Other instances of postmulti(1) have configurations of their own.
fn others(draft: &mut Draft<'_>, config: &Config) {
    for directory in split_list(&config.text(&p::multi_instance_directories)) {
        draft.note(format!(
            "{directory} is an instance of its own: postfix check says what it needs, and its first start takes its queue over"
        ));
    }
}

/// Where our programs are. C Postfix's own folder of daemons is gone with it.
fn paths(draft: &mut Draft<'_>, context: &Context) -> Outcome {
    let at = context.machine.root.at(MAIN_CF);
    let before = std::fs::read(&at).map_err(|e| Failure::io("read", &at, &e))?;
    let mut text = MainCf::parse(&before);
    let prefix = &context.prefix;
    for (name, folder) in [
        ("daemon_directory", prefix.join("libexec/postfix")),
        ("command_directory", prefix.join("sbin")),
    ] {
        // C Postfix's built-in folders differ between distributions; ours are said once.
        let value = folder.display().to_string();
        if text.value(name).is_some() || name == "daemon_directory" {
            text.set(name, &value, Present::Replace, &["command_directory", "queue_directory"]);
        }
    }
    draft.edit(Path::new(MAIN_CF), &before, text.text(), false, Role::Migrated);
    Ok(())
}

/// Every indexed file from its source. One without a source would be lost.
fn rebuild(
    draft: &mut Draft<'_>,
    context: &Context,
    config: &Config,
    services: &[ServiceLine],
) -> Outcome {
    let machine = &context.machine;
    let types = postfix_rs::lookup::map_types();
    let mut failure: Option<Failure> = None;
    let mut fail = |text: String, advice: String| {
        let failure =
            failure.get_or_insert_with(|| Failure::new("some tables cannot be taken over"));
        failure.advice.push(format!("{text}: {advice}"));
    };
    for table in tables::all(config, services) {
        let shown = format!("{}:{}", table.kind, table.name);
        if types.iter().any(|(kind, available)| *kind == table.kind && !available) {
            let advice = format!(
                "not built in; see postfix-installer check for USE flags ({})",
                table.parameter
            );
            fail(shown, advice);
            continue;
        }
        let Some(database) = table.database().filter(|_| table.is_file()) else { continue };
        let (source, built) = (machine.root.has(table.source()), machine.root.has(&database));
        match (source, built) {
            (true, _) => build(draft, context, &table),
            (false, true) => fail(
                shown.clone(),
                format!(
                    "it has no source; with C Postfix, write it out: postmap -s {shown} > {}",
                    table.name
                ),
            ),
            (false, false) => draft.note(format!("{shown} is not there, as before")),
        }
    }
    failure.map_or(Ok(()), Err)
}

fn build(draft: &mut Draft<'_>, context: &Context, table: &Table) {
    let program = if table.is_aliases() { "postalias" } else { "postmap" };
    let program = context.prefix.join("sbin").join(program).display().to_string();
    let words = vec![program, format!("{}:{}", table.kind, table.name)];
    if !context.machine.is_live() {
        draft.note(format!("on the machine itself: {}", words.join(" ")));
        return;
    }
    let makes = table.database().into_iter().collect();
    let (why, environment) = (format!("for {}", table.parameter), Vec::new());
    draft.step(Role::Migrated, Action::Run { words, why, undo: None, makes, environment });
}

/// Mail in queue files.
fn take_queue(draft: &mut Draft<'_>, context: &Context, config: &Config) {
    let machine = &context.machine;
    let queue = machine.root.at(config.queue_directory());
    if !postsuper::has_queue_files(&queue) {
        return;
    }
    if !machine.is_live() {
        draft.note("mail in the queue is taken over by the first start on the machine itself");
        return;
    }
    crate::accounts::plan(draft, machine);
    crate::folders::plan(draft, machine);
    let program = context.prefix.join("sbin/postsuper").display().to_string();
    let undo: &[&str] = &[&program, "-W"];
    draft.run(&[&program, "-T"], "takes the queue over", Some(undo), Role::Migrated);
}
