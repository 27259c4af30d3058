//! Says what is in the way as Portage would, and what gets it out of the way.

use serde::Serialize;

use super::{Conflict, Evidence, Remedy, remedies};
use crate::machine::Machine;
use crate::voice::Voice;

/// The version that is blocked.
const US: &str = concat!("mail-mta/postfix-rs-", env!("CARGO_PKG_VERSION"));

/// Conflicts with their remedies, as `--json` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The other mail system.
    #[serde(flatten)]
    pub conflict: Conflict,
    /// What gets it out of the way.
    pub remedies: Vec<Remedy>,
}

/// The conflicts with their remedies.
pub fn tell(machine: &Machine, voice: &Voice, conflicts: &[Conflict]) -> Vec<Blocked> {
    let blocked: Vec<Blocked> = conflicts
        .iter()
        .map(|conflict| Blocked {
            conflict: conflict.clone(),
            remedies: remedies(machine, conflict),
        })
        .collect();
    if !voice.json {
        // What blocks is said even with --quiet: it is an error.
        lines(&blocked).iter().for_each(|line| eprintln!("{line}"));
    }
    blocked
}

fn lines(blocked: &[Blocked]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in blocked {
        lines.push(headline(&one.conflict));
        lines.extend(one.conflict.found.iter().map(|evidence| format!("    {}", shown(evidence))));
    }
    lines.push(String::new());
    lines.push(format!(" * {US} cannot be installed beside another mail system."));
    lines.push(" * To get it out of the way:".to_owned());
    let mut commands: Vec<String> = Vec::new();
    for remedy in blocked.iter().flat_map(|one| &one.remedies) {
        let line = format!("     {remedy}");
        if !commands.contains(&line) {
            commands.push(line);
        }
    }
    lines.extend(commands);
    lines.push(" * or let the installer do that: postfix-installer install --replace".to_owned());
    lines
}

fn headline(conflict: &Conflict) -> String {
    let (atom, rule) = match conflict.package() {
        Some(package) if package.database == "portage" => {
            let flag = package.flag.map(|flag| format!("[{flag}]")).unwrap_or_default();
            (format!("{}-{}", package.name, package.version), format!("{}{flag}", package.name))
        }
        Some(package) => (format!("{}-{}", package.name, package.version), package.name.clone()),
        None => (conflict.name.clone(), conflict.name.clone()),
    };
    format!("[blocks B] {atom} (\"{rule}\" is blocking {US})")
}

fn shown(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Package(package) => {
            format!("is installed: {}-{} ({})", package.name, package.version, package.database)
        }
        Evidence::Name { path, program } if path == program => {
            format!("is {}", path.display())
        }
        Evidence::Name { path, program } => {
            format!("is {} -> {}", path.display(), program.display())
        }
        Evidence::MailerConf { program } => format!("is sendmail in mailer.conf: {program}"),
        Evidence::Process { pid, name } => format!("is running: {name}, process {pid}"),
        Evidence::Listener { address, pid, name } => match (pid, name) {
            (Some(pid), Some(name)) => {
                format!("serves port 25 on {address}: {name}, process {pid}")
            }
            _ => format!("somebody serves port 25 on {address}"),
        },
        Evidence::Service { manager, name, level } => {
            format!("starts at every boot: {name} in {level} ({manager})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conflict;
    use crate::machine::fake::Fake;

    #[test]
    fn in_portages_manner() {
        let fake = Fake::new(&[
            ("/etc/os-release", "ID=gentoo\n"),
            ("/var/db/pkg/mail-mta/ssmtp-2.64_p12/USE", "amd64 mta ssl\n"),
            (
                "/var/db/pkg/mail-mta/ssmtp-2.64_p12/CONTENTS",
                "obj /usr/sbin/ssmtp 0 1\nsym /usr/sbin/sendmail -> ssmtp 1\n",
            ),
            ("/usr/sbin/ssmtp", "x"),
            ("/usr/sbin/sendmail", "-> ssmtp"),
        ]);
        let machine = fake.machine();
        let conflicts = conflict::find(&machine);
        let voice = Voice { quiet: true, json: true, terminal: false };
        let shown = lines(&tell(&machine, &voice, &conflicts)).join("\n");
        let expected = format!(
            "[blocks B] mail-mta/ssmtp-2.64_p12 (\"mail-mta/ssmtp[mta]\" is blocking {US})\n    \
             is installed: mail-mta/ssmtp-2.64_p12 (portage)\n    \
             is /usr/sbin/sendmail -> /usr/sbin/ssmtp\n\n \
             * {US} cannot be installed beside another mail system.\n \
             * To get it out of the way:\n     \
             emerge --ask=n --unmerge mail-mta/ssmtp\n \
             * or let the installer do that: postfix-installer install --replace"
        );
        assert_eq!(shown, expected);
    }
}
