//! Mail systems that run.

use std::path::Path;

use sysinfo::{
    ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, RefreshKind, System, UpdateKind,
};

use super::{Evidence, catalogue};

/// Daemons of other mail systems.
pub(super) fn find() -> Vec<(String, Evidence)> {
    let mut found = Vec::new();
    let Some(system) = system() else { return found };
    for (pid, process) in system.processes() {
        let name = process.name().to_string_lossy().into_owned();
        let file =
            process.exe().and_then(Path::file_name).map(|f| f.to_string_lossy().into_owned());
        let by_name = [Some(name.as_str()), file.as_deref()]
            .into_iter()
            .flatten()
            .find_map(catalogue::by_program);
        let agent = match by_name {
            // Ours and C Postfix's processes have the same names; without root's rights they
            // cannot be told apart.
            Some(agent) if agent.name == "opensmtpd" => {
                let known = process.exe().is_some_and(|exe| !exe.as_os_str().is_empty());
                let other = known && !is_ours(process.exe()) && !is_c_postfix(process.exe());
                other.then_some(agent)
            }
            Some(agent) => Some(agent),
            None if name == "master" && is_c_postfix(process.exe()) => {
                catalogue::by_name("postfix")
            }
            None => None,
        };
        // Somebody sending a message is no daemon.
        let short_lived =
            process.run_time() < 2 && process.parent().is_some_and(|p| p.as_u32() > 2);
        let is_dead = matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
        if let Some(agent) = agent.filter(|_| !short_lived && !is_dead) {
            found.push((agent.name.to_owned(), Evidence::Process { pid: pid.as_u32(), name }));
        }
    }
    found.sort_by_key(|(name, evidence)| match evidence {
        Evidence::Process { pid, .. } => (name.clone(), *pid),
        _ => (name.clone(), 0),
    });
    found
}

/// All processes, with name, program and parent.
pub(super) fn system() -> Option<System> {
    let wanted = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    let refresh = RefreshKind::nothing().with_processes(wanted);
    let mut system = System::new_with_specifics(refresh).ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, wanted);
    Some(system)
}

/// postfix-rs is one file: `postfix`, or the installer itself in a trial.
pub(super) fn is_ours(program: Option<&Path>) -> bool {
    program.and_then(Path::file_name).is_some_and(|file| {
        let name = file.to_string_lossy();
        let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
        matches!(name, "postfix" | "postdrop" | "postfix-installer")
    })
}

fn is_c_postfix(program: Option<&Path>) -> bool {
    program.is_some_and(|path| {
        !is_ours(Some(path)) && path.components().any(|part| part.as_os_str() == "postfix")
    })
}
