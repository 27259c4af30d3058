//! The service manager: starting now, and at every boot.

use std::path::Path;

use crate::machine::{Init, Machine};
use crate::plan::{Draft, Role};

const RUNLEVEL: &str = "/etc/runlevels/default/postfix";
const INIT_SCRIPT: &str = "/etc/init.d/postfix";
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants/postfix.service";
const UNITS: &[&str] = &[
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
];

/// Whether the mail system starts at every boot.
pub fn is_enabled(machine: &Machine) -> bool {
    match machine.init {
        Init::OpenRc => machine.root.has(RUNLEVEL),
        Init::Systemd => machine.root.has(WANTS),
        Init::None => false,
    }
}

/// The unit, if it is installed.
fn unit(machine: &Machine) -> Option<String> {
    let paths = UNITS.iter().map(|folder| format!("{folder}/postfix.service"));
    paths.into_iter().find(|path| machine.root.has(path))
}

/// Steps that make it start at every boot.
pub fn enable(draft: &mut Draft<'_>, machine: &Machine) {
    if is_enabled(machine) {
        return;
    }
    let role = Role::Installed;
    match machine.init {
        Init::OpenRc if !machine.root.has(INIT_SCRIPT) => {
            draft.note(format!("{INIT_SCRIPT} is missing: it cannot be started at boot; postfix-installer install brings it"));
        }
        Init::OpenRc if machine.is_live() && machine.tool("rc-update").is_some() => {
            let undo: &[&str] = &["rc-update", "del", "postfix", "default"];
            let words = ["rc-update", "add", "postfix", "default"];
            draft.run(&words, "start at every boot", Some(undo), role);
            draft.written(&[RUNLEVEL]);
        }
        Init::OpenRc => draft.link(Path::new(RUNLEVEL), Path::new(INIT_SCRIPT), role),
        Init::Systemd => match unit(machine) {
            None => draft.note("postfix.service is missing: it cannot be started at boot; postfix-installer install brings it"),
            Some(_) if machine.is_live() && machine.tool("systemctl").is_some() => {
                let undo: &[&str] = &["systemctl", "disable", "postfix.service"];
                let words = ["systemctl", "enable", "postfix.service"];
                draft.run(&words, "start at every boot", Some(undo), role);
                draft.written(&[WANTS]);
            }
            Some(path) => draft.link(Path::new(WANTS), Path::new(&path), role),
        },
        Init::None => draft.note("there is neither OpenRC nor systemd: have /usr/sbin/postfix start run at boot, for instance from /etc/rc.local"),
    }
}

/// The step that starts it now.
pub fn start(draft: &mut Draft<'_>, machine: &Machine, postfix: &Path) {
    let why = "start";
    let postfix = postfix.display().to_string();
    let stop: &[&str] = &[&postfix, "stop"];
    let openrc_runs = machine.root.has("/run/openrc") && machine.root.has(INIT_SCRIPT);
    let systemd_runs = machine.root.has("/run/systemd/system") && unit(machine).is_some();
    let role = Role::State;
    if systemd_runs && machine.tool("systemctl").is_some() {
        let undo: &[&str] = &["systemctl", "stop", "postfix.service"];
        draft.run(&["systemctl", "start", "postfix.service"], why, Some(undo), role);
    } else if openrc_runs && machine.tool("rc-service").is_some() {
        let undo: &[&str] = &["rc-service", "postfix", "stop"];
        draft.run(&["rc-service", "postfix", "start"], why, Some(undo), role);
    } else {
        draft.run(&[&postfix, "start"], why, Some(stop), role);
    }
}
