//! `postfix-installer first-start`: everything that the mail system needs at run time, then a check,
//! and only then a start.

use std::path::{Path, PathBuf};

use postfix_rs::config::Config;

use crate::accounts;
use crate::arguments::FirstStartOptions;
use crate::context::{Context, Done};
use crate::failure::{Failure, Outcome};
use crate::folders;
use crate::journal::{Facts, Manifest};
use crate::layout;
use crate::plan::{Action, Draft, Owner, Plan, Role, Source};
use crate::{service, status, tables};

/// Prepares, checks and starts.
pub fn run(context: &Context, options: &FirstStartOptions) -> Outcome {
    context.recover()?;
    let machine = &context.machine;
    let manifest = Manifest::read(&machine.root).unwrap_or_default();
    let prefix = manifest.facts.prefix.unwrap_or_else(|| context.prefix.clone());
    let postfix = prefix.join("sbin/postfix");
    if !machine.root.has(&postfix) {
        return Err(Failure::new(format!("there is no {}", postfix.display()))
            .advise("postfix-installer install brings the programs"));
    }
    for file in ["/etc/postfix/main.cf", "/etc/postfix/master.cf"] {
        if !machine.root.has(file) {
            return Err(Failure::new(format!("there is no {file}"))
                .advise("postfix-installer install writes one"));
        }
    }
    if machine.is_live() && !machine.privileged {
        return Err(Failure::new("only root can create accounts and start the mail system")
            .advise("run it as root, or try the mail system without root: postfix-installer try"));
    }
    context.voice.heading("First start");
    let plan = decide(context, options, &prefix);
    if context.carry_out("first-start", &plan, Facts::default())? == Done::Nothing {
        context.voice.print("  nothing to do");
    }
    Ok(())
}

fn decide(context: &Context, options: &FirstStartOptions, prefix: &Path) -> Plan {
    let machine = &context.machine;
    let postfix = prefix.join("sbin/postfix");
    let mut draft = Draft::new(machine);
    accounts::plan(&mut draft, machine);
    folders::plan(&mut draft, machine);
    let postdrop = prefix.join("sbin/postdrop");
    if machine.root.has(&postdrop) {
        draft.rights(&postdrop, 0o2755, Owner::new("root", "postdrop"), Role::State);
    }
    if !machine.root.has(machine.aliases()) {
        let text = Source::Bytes(layout::ALIASES.as_bytes().to_vec());
        let role = Role::Configuration;
        draft.file(Path::new(machine.aliases()), text, 0o644, Owner::root(), role);
    }
    if machine.is_live() {
        build_aliases(&mut draft, context, prefix);
        let running = status::is_running();
        if !running {
            check(&mut draft, &postfix);
        }
        if !running && !options.no_start {
            service::start(&mut draft, machine, &postfix);
        }
    } else {
        draft.note("another root: newaliases and postfix check are run when it is started there");
    }
    if options.enable {
        service::enable(&mut draft, machine);
    }
    draft.finish()
}

/// `postfix check` says what is wrong, and fails on what keeps mail from flowing.
fn check(draft: &mut Draft<'_>, postfix: &Path) {
    let words = vec![postfix.display().to_string(), "check".to_owned()];
    let environment = vec![("POSTFIX_LOG_TO_STDERR".to_owned(), "yes".to_owned())];
    let why = "nothing is started that has errors".to_owned();
    draft.step(Role::State, Action::Run { words, why, undo: None, makes: Vec::new(), environment });
}

/// newaliases, if a database is missing or older than its source.
fn build_aliases(draft: &mut Draft<'_>, context: &Context, prefix: &Path) {
    let machine = &context.machine;
    let Ok(config) = Config::load_main(&machine.root.at("/etc/postfix")) else {
        return; // postfix check will say what is wrong with it
    };
    let value = config.value("alias_database");
    let stale: Vec<PathBuf> = tables::all(&config, &[])
        .into_iter()
        .filter(|table| value.contains(&format!("{}:{}", table.kind, table.name)))
        .filter_map(|table| Some((table.database()?, table)))
        .filter(|(database, table)| tables::is_stale(table.source(), database))
        .map(|(database, _)| database)
        .collect();
    if stale.is_empty() {
        return;
    }
    let words = vec![prefix.join("bin/newaliases").display().to_string()];
    let why = "builds the alias database".to_owned();
    let environment = Vec::new();
    draft.step(Role::State, Action::Run { words, why, undo: None, makes: stale, environment });
}
