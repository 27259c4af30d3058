//! `postfix-installer install`: programs, links, folders, accounts, first configuration.

use std::path::{Path, PathBuf};

use crate::accounts;
use crate::arguments::InstallOptions;
use crate::configure;
use crate::conflict::{self, Conflict, Evidence, Remedy};
use crate::context::{Context, Done};
use crate::failure::{Failure, Outcome};
use crate::folders;
use crate::hostname::{self, Names};
use crate::journal::Facts;
use crate::layout::{self, Shipped};
use crate::machine::{Distribution, Init, Machine};
use crate::main_cf::{MainCf, Present};
use crate::plan::{Draft, Owner, Plan, Role, Source};
use crate::programs::{self, Programs};
use crate::selinux;
use crate::use_flags::Asked;

/// Installs, or stages below `--root`.
pub fn run(context: &Context, options: &InstallOptions) -> Outcome {
    context.recover()?;
    let asked = Asked::read(options.flags.as_deref())?;
    let root = context.machine.root.path().display();
    context.voice.heading(&format!("postfix-rs {} into {root}", env!("CARGO_PKG_VERSION")));
    let conflicts = conflict::find(&context.machine);
    if !conflicts.is_empty() && !options.replace {
        return Err(blocked(context, &conflicts));
    }
    let programs = programs::provide(context, &asked)?;
    let plan = decide(context, &programs, &asked);
    if !conflicts.is_empty() && !context.dry_run {
        replace(context, &conflicts)?;
    }
    let facts = Facts {
        version: Some(env!("CARGO_PKG_VERSION").into()),
        prefix: Some(context.prefix.clone()),
        features: Some(programs.flags.names()),
        migrated_from: None,
    };
    if context.carry_out("install", &plan, facts)? == Done::Changed {
        next_steps(context);
    }
    Ok(())
}

fn blocked(context: &Context, conflicts: &[Conflict]) -> Failure {
    let told = conflict::tell(&context.machine, &context.voice, conflicts);
    let document = serde_json::json!({ "error": "blocked", "conflicts": told });
    let what = "blocked by another mail system; nothing has been changed";
    Failure { document: Some(Box::new(document)), ..Failure::new(what) }
}

/// Gets other mail systems out of the way, after asking. What is left after that is an error.
fn replace(context: &Context, conflicts: &[Conflict]) -> Outcome {
    let told = conflict::tell(&context.machine, &context.voice, conflicts);
    let remedies: Vec<&Remedy> = told.iter().flat_map(|one| &one.remedies).collect();
    if let Some(advice) = remedies.iter().find(|remedy| matches!(remedy, Remedy::Advice(_))) {
        return Err(Failure::new("the installer cannot get everything out of the way")
            .advise(advice.to_string())
            .advise("nothing has been changed"));
    }
    if !context.voice.agrees("Get it out of the way?", context.yes)? {
        return Err(Failure::new("not agreed to; nothing has been changed"));
    }
    let mut draft = Draft::new(&context.machine);
    for remedy in &remedies {
        if let Remedy::Command { words, undo } = remedy {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let undo: Option<Vec<&str>> =
                undo.as_ref().map(|undo| undo.iter().map(String::as_str).collect());
            draft.run(&words, "makes room", undo.as_deref(), Role::State);
        }
        if let Remedy::Replace(path) = remedy
            && path.starts_with("/etc/")
        {
            let action = crate::plan::Action::Remove { path: path.into() };
            draft.step(Role::State, action);
        }
    }
    let plan = draft.finish();
    if !plan.steps.is_empty() {
        let facts = Facts::default();
        crate::act::perform(&context.machine, &context.voice, "replace", &plan, facts, false)?;
    }
    let left = left(context);
    if left.is_empty() {
        return Ok(());
    }
    conflict::tell(&context.machine, &context.voice, &left);
    Err(Failure::new("another mail system is still in the way; nothing has been installed"))
}

/// What is still in the way; processes that were told to end get some time. Files of nobody's are
/// no matter: the installation itself replaces them.
fn left(context: &Context) -> Vec<Conflict> {
    for _ in 0..50 {
        let mut left = conflict::find(&context.machine);
        left.retain(|conflict| {
            conflict.found.iter().any(|evidence| !matches!(evidence, Evidence::Name { .. }))
        });
        let ends = |evidence: &Evidence| {
            matches!(evidence, Evidence::Process { .. } | Evidence::Listener { .. })
        };
        if !left.iter().any(|conflict| conflict.found.iter().any(ends)) {
            return left;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    conflict::find(&context.machine)
}

fn decide(context: &Context, programs: &Programs, asked: &Asked) -> Plan {
    let machine = &context.machine;
    let mut draft = Draft::new(machine);
    accounts::plan(&mut draft, machine);
    put_programs(&mut draft, &context.prefix, programs);
    put_documents(&mut draft, context, programs);
    put_configuration(&mut draft, context, programs, asked);
    folders::plan(&mut draft, machine);
    if programs.flags.has("selinux") && machine.is_live() {
        selinux::plan(&mut draft, machine, &context.prefix);
    }
    draft.finish()
}

/// The programs, and their other names.
fn put_programs(draft: &mut Draft<'_>, prefix: &Path, programs: &Programs) {
    let role = Role::Installed;
    let (sbin, bin, libexec) =
        (prefix.join("sbin"), prefix.join("bin"), prefix.join("libexec/postfix"));
    for folder in [&sbin, &bin, &libexec, &prefix.join("lib/postfix")] {
        draft.folder(folder, 0o755, Owner::root(), role);
    }
    for (from, name, mode, group) in [
        (&programs.postfix, "postfix", 0o755, "root"),
        (&programs.postdrop, "postdrop", 0o2755, "postdrop"),
        (&programs.installer, "postfix-installer", 0o755, "root"),
    ] {
        let owner = Owner::new("root", group);
        draft.file(&sbin.join(name), Source::Copy(from.clone()), mode, owner, role);
    }
    for name in layout::COMMANDS {
        draft.link(&sbin.join(name), Path::new("postfix"), role);
    }
    for name in layout::SET_GID_COMMANDS {
        draft.link(&sbin.join(name), Path::new("postdrop"), role);
    }
    for name in layout::SENDMAIL_NAMES {
        draft.link(&bin.join(name), Path::new("../sbin/sendmail"), role);
    }
    draft.link(&prefix.join("lib/sendmail"), Path::new("../sbin/sendmail"), role);
    for name in layout::DAEMONS {
        draft.link(&libexec.join(name), Path::new("../../sbin/postfix"), role);
    }
}

/// Manual pages, and the files of the service manager; a staging folder gets those of both.
fn put_documents(draft: &mut Draft<'_>, context: &Context, programs: &Programs) {
    let machine = &context.machine;
    let staging = !machine.is_system();
    let mut put = |files: &[Shipped], role: Role| {
        for file in files {
            let path = context.prefix.join(file.path);
            if role == Role::Configuration && machine.root.has(&path) {
                continue;
            }
            let text = with_prefix(file.text, &context.prefix);
            draft.file(&path, Source::Bytes(text.into_bytes()), file.mode, Owner::root(), role);
        }
    };
    put(layout::MAN, Role::Installed);
    let html = if programs.flags.has("doc") { pages_in_html(machine) } else { Ok(Vec::new()) };
    if staging || machine.init == Init::OpenRc {
        put(layout::OPENRC, Role::Installed);
        put(layout::OPENRC_CONF, Role::Configuration);
    }
    if staging || machine.init == Init::Systemd {
        put(layout::SYSTEMD, Role::Installed);
    }
    match html {
        Ok(pages) => {
            for (name, text) in pages {
                let path = context.prefix.join("share/doc/postfix-rs/html").join(name);
                let (owner, role) = (Owner::root(), Role::Installed);
                draft.file(&path, Source::Bytes(text), 0o644, owner, role);
            }
        }
        Err(why) => draft.note(why),
    }
}

/// USE=doc: the manual pages as HTML, made by mandoc(1).
fn pages_in_html(machine: &Machine) -> Result<Vec<(String, Vec<u8>)>, String> {
    let Some(mandoc) = machine.tool("mandoc") else {
        return Err(
            "USE=doc: mandoc is not here, so there is no HTML; install mandoc and run this again"
                .into(),
        );
    };
    let style = "style=mandoc.css,man=%N.%S.html";
    let mut pages = vec![("mandoc.css".to_owned(), layout::STYLE.as_bytes().to_vec())];
    for page in layout::MAN {
        let name = page.path.rsplit('/').next().unwrap_or(page.path);
        let made = duct::cmd!(&mandoc, "-T", "html", "-O", style)
            .stdin_bytes(page.text)
            .stdout_capture()
            .stderr_null()
            .unchecked()
            .run()
            .map_err(|e| format!("USE=doc: cannot run mandoc: {e}"))?;
        pages.push((format!("{name}.html"), made.stdout));
    }
    Ok(pages)
}

fn with_prefix(text: &str, prefix: &Path) -> String {
    match prefix.to_str() {
        Some("/usr") | None => text.to_owned(),
        Some(prefix) => text
            .replace("/usr/sbin", &format!("{prefix}/sbin"))
            .replace("/usr/bin", &format!("{prefix}/bin")),
    }
}

/// Configuration files that are not there yet. Where mail is kept is decided by USE=mbox.
fn put_configuration(draft: &mut Draft<'_>, context: &Context, programs: &Programs, asked: &Asked) {
    let machine = &context.machine;
    let etc = Path::new("/etc/postfix");
    let role = Role::Configuration;
    let mbox = programs.flags.has("mbox");
    draft.folder(etc, 0o755, Owner::root(), role);
    let path = etc.join("main.cf");
    match std::fs::read(machine.root.at(&path)) {
        Err(_) => {
            let mut text = MainCf::parse(stock_main_cf(machine, &context.prefix).as_bytes());
            mailboxes(&mut text, mbox);
            name(&mut text, machine);
            draft.file(&path, Source::Bytes(text.text()), 0o644, Owner::root(), role);
        }
        // The administrator's own file changes only where that was asked for.
        Ok(before) if asked.says("mbox").is_some() => {
            let mut text = MainCf::parse(&before);
            mailboxes(&mut text, mbox);
            draft.edit(&path, &before, text.text(), false, role);
        }
        Ok(_) => {}
    }
    let mut missing = |path: PathBuf, text: &str| {
        if !machine.root.has(&path) {
            let source = Source::Bytes(text.as_bytes().to_vec());
            draft.file(&path, source, 0o644, Owner::root(), role);
        }
    };
    missing(etc.join("master.cf"), layout::MASTER_CF);
    missing(machine.aliases().into(), layout::ALIASES);
    // What postmulti(1) makes new instances from.
    let mut text = MainCf::parse(stock_main_cf(machine, &context.prefix).as_bytes());
    mailboxes(&mut text, mbox);
    for (name, text) in
        [("main.cf.proto", text.text()), ("master.cf.proto", layout::MASTER_CF.into())]
    {
        let (path, owner) = (etc.join(name), Owner::root());
        draft.file(&path, Source::Bytes(text), 0o644, owner, Role::Installed);
    }
}

/// A machine that has a full name gets it into its first main.cf, where that has to say it.
fn name(text: &mut MainCf, machine: &Machine) {
    let found = hostname::find(machine, &Names::of(machine)).ok();
    let named = found.filter(|name| machine.is_system() && hostname::has_to_be_said(machine, name));
    if let Some(name) = named {
        configure::set_name(text, &name);
    }
}

fn stock_main_cf(machine: &Machine, prefix: &Path) -> String {
    let text = layout::MAIN_CF.replace("/usr/", &format!("{}/", prefix.display()));
    match machine.distribution {
        Distribution::Gentoo => text.replace(":/etc/aliases", ":/etc/mail/aliases"),
        _ => text,
    }
}

/// `mail_spool_directory` or `home_mailbox`, unless the administrator has set either.
pub fn mailboxes(text: &mut MainCf, mbox: bool) {
    if text.value("mail_spool_directory").is_some() || text.value("home_mailbox").is_some() {
        return;
    }
    let (name, value) =
        if mbox { ("mail_spool_directory", "/var/mail") } else { ("home_mailbox", ".maildir/") };
    text.set(name, value, Present::Keep, &["home_mailbox", "mail_spool_directory"]);
}

fn next_steps(context: &Context) {
    if !context.machine.is_live() {
        return;
    }
    context.voice.heading("Next");
    context.voice.print("  postfix-installer configure              the name of this machine");
    context.voice.print("  $EDITOR /etc/postfix/main.cf             what it does for whom");
    context
        .voice
        .print("  postfix-installer first-start --enable   start it, now and at every boot");
    context.voice.print("  postfix-installer doctor                 look whether all is well");
}
