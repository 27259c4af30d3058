//! `postfix-installer status`: what is installed, and does it run?

use std::path::{Path, PathBuf};

use postfix_rs::config::{Config, features};
use postfix_rs::master;
use serde::Serialize;

use crate::conflict;
use crate::context::Context;
use crate::journal::Manifest;
use crate::machine::{Distribution, Init};
use crate::service;

/// What there is to say.
#[derive(Debug, Serialize)]
struct Status {
    /// Version that was installed; none: not by the installer.
    installed: Option<String>,
    prefix: Option<PathBuf>,
    flags: Vec<String>,
    /// Portage's package, if that is where it comes from.
    package: Option<String>,
    distribution: Distribution,
    init: Init,
    enabled: bool,
    /// Process of master.
    pid: Option<i32>,
    /// Who serves port 25.
    port_25: Vec<String>,
    myhostname: Option<String>,
    conflicts: Vec<String>,
}

/// Prints it; whether the mail system runs.
pub fn run(context: &Context) -> bool {
    let status = look(context);
    context.voice.document(&status);
    let say = |name: &str, value: &str| context.voice.print(&format!("  {name:<11} {value}"));
    context.voice.heading("postfix-rs");
    match (&status.installed, &status.package) {
        (Some(version), _) => {
            say("installed", &format!("{version}, USE=\"{}\"", status.flags.join(" ")));
        }
        (None, Some(package)) => say("installed", &format!("{package}, by Portage")),
        (None, None) => say("installed", "not by postfix-installer"),
    }
    match status.pid {
        Some(pid) => say("running", &format!("process {pid}")),
        None => say("running", "no"),
    }
    let enabled = if status.enabled { "yes" } else { "no" };
    say("at boot", &format!("{enabled} ({:?})", status.init));
    if let Some(name) = &status.myhostname {
        say("name", name);
    }
    for listener in &status.port_25 {
        say("port 25", listener);
    }
    for conflict in &status.conflicts {
        say("in the way", conflict);
    }
    status.pid.is_some()
}

fn look(context: &Context) -> Status {
    let machine = &context.machine;
    let manifest = Manifest::read(&machine.root);
    let facts = manifest.map(|manifest| manifest.facts).unwrap_or_default();
    let packages = machine.root.names("/var/db/pkg/mail-mta");
    let config = Config::load_main(&machine.root.at("/etc/postfix")).ok();
    let myhostname = config
        .as_ref()
        .filter(|config| machine.is_live() || config.literal("myhostname").is_some())
        .map(|config| config.text(&postfix_rs::config::parameters::myhostname));
    let port_25 = if machine.is_live() { conflict::port_25() } else { Vec::new() };
    Status {
        installed: facts.version,
        prefix: facts.prefix,
        flags: facts
            .features
            .unwrap_or_else(|| features::built_in().into_iter().map(str::to_owned).collect()),
        package: packages.into_iter().find(|name| name.starts_with("postfix-rs-")),
        distribution: machine.distribution,
        init: machine.init,
        enabled: service::is_enabled(machine),
        pid: if machine.is_live() { running(config.as_deref()) } else { None },
        port_25: port_25.iter().map(shown).collect(),
        myhostname,
        conflicts: conflict::find(machine).into_iter().map(|conflict| conflict.name).collect(),
    }
}

fn shown(listener: &conflict::Listener) -> String {
    match &listener.process {
        Some((pid, name)) => format!("{}: {name}, process {pid}", listener.address),
        None => listener.address.to_string(),
    }
}

fn running(config: Option<&Config>) -> Option<i32> {
    let queue = config.map_or_else(|| crate::folders::QUEUE.into(), Config::queue_directory);
    master::is_running(&queue).then(|| master::pid_of_master(&queue)).flatten()
}

/// Whether the mail system of this machine runs.
pub fn is_running() -> bool {
    running(Config::load_main(Path::new("/etc/postfix")).ok().as_deref()).is_some()
}
