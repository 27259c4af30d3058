//! The accounts: user and group `postfix`, which own the queue, and group `postdrop`, which may put
//! mail into it.

use std::path::Path;

use crate::machine::{Distribution, Machine};
use crate::plan::{Draft, Role};

/// Numbers that Gentoo has set aside (acct-user/postfix, acct-group/postdrop).
const GENTOO_POSTFIX: u32 = 207;
const GENTOO_POSTDROP: u32 = 208;

/// Numbers of system accounts are given out downwards from here.
const HIGHEST: u32 = 999;

/// Accounts that are missing.
pub fn plan(draft: &mut Draft<'_>, machine: &Machine) {
    if !machine.is_system() {
        return; // a staging folder: the machine that gets the files makes its own accounts
    }
    let missing_groups: Vec<&str> = ["postfix", "postdrop"]
        .into_iter()
        .filter(|name| machine.id("group", name).is_none())
        .collect();
    let no_user = machine.id("passwd", "postfix").is_none();
    if missing_groups.is_empty() && !no_user {
        return;
    }
    if machine.is_live() && !machine.privileged {
        draft.note("not root: the accounts postfix and postdrop cannot be created; root can, with: postfix-installer first-start");
        return;
    }
    if machine.is_live() && by_tools(draft, machine, &missing_groups, no_user) {
        draft.written(&["/etc/passwd", "/etc/group"]);
        return;
    }
    by_hand(draft, machine, &missing_groups, no_user);
}

/// shadow's useradd and groupadd, or busybox's adduser and addgroup.
fn by_tools(draft: &mut Draft<'_>, machine: &Machine, groups: &[&str], user: bool) -> bool {
    let shell = shell(machine);
    let has = |name: &str| machine.tool(name).is_some();
    let role = Role::State;
    if has("groupadd") && has("useradd") {
        for group in groups {
            let undo = without_group("groupdel", group);
            draft.run(&["groupadd", "--system", group], "group", Some(&["sh", "-c", &undo]), role);
        }
        if user {
            let words = [
                "useradd",
                "--system",
                "--no-create-home",
                "--home-dir",
                "/var/spool/postfix",
                "--shell",
                shell,
                "--gid",
                "postfix",
                "--comment",
                "Postfix mail system",
                "postfix",
            ];
            draft.run(&words, "account", Some(&["userdel", "postfix"]), role);
        }
        return true;
    }
    // Debian's scripts of the same names have other options; busybox's are links to it.
    let is_busybox = machine
        .root
        .chain("/usr/sbin/addgroup")
        .iter()
        .any(|stop| stop.file_name().is_some_and(|name| name == "busybox"));
    if !(is_busybox && has("addgroup") && has("adduser")) {
        return false;
    }
    for group in groups {
        let undo = without_group("delgroup", group);
        draft.run(&["addgroup", "-S", group], "group", Some(&["sh", "-c", &undo]), role);
    }
    if user {
        let words = [
            "adduser",
            "-S",
            "-D",
            "-H",
            "-h",
            "/var/spool/postfix",
            "-s",
            shell,
            "-G",
            "postfix",
            "-g",
            "Postfix mail system",
            "postfix",
        ];
        draft.run(&words, "account", Some(&["deluser", "postfix"]), role);
    }
    true
}

/// Takes a group away, unless it went with the user of its name.
fn without_group(tool: &str, group: &str) -> String {
    format!("! grep -q '^{group}:' /etc/group || {tool} {group}")
}

fn shell(machine: &Machine) -> &'static str {
    ["/sbin/nologin", "/usr/sbin/nologin", "/bin/false"]
        .into_iter()
        .find(|path| machine.root.has(path))
        .unwrap_or("/bin/false")
}

/// Lines in the files themselves: for a system below `--root`, and where there are no tools.
fn by_hand(draft: &mut Draft<'_>, machine: &Machine, groups: &[&str], user: bool) {
    let mut group_text = read(machine, "/etc/group");
    let mut gshadow = read(machine, "/etc/gshadow");
    let before = (group_text.clone(), gshadow.clone());
    for name in groups {
        let wanted = if *name == "postfix" { GENTOO_POSTFIX } else { GENTOO_POSTDROP };
        let number = free(machine, &group_text, wanted);
        add(&mut group_text, &format!("{name}:x:{number}:"));
        add(&mut gshadow, &format!("{name}:!::"));
    }
    change(draft, machine, "/etc/group", &before.0, &group_text);
    change(draft, machine, "/etc/gshadow", &before.1, &gshadow);
    if !user {
        return;
    }
    let group = number_of(&group_text, "postfix").unwrap_or(GENTOO_POSTFIX);
    let passwd = read(machine, "/etc/passwd");
    let number = free(machine, &passwd, group);
    let mut text = passwd.clone();
    let shell = shell(machine);
    let home = "/var/spool/postfix";
    add(&mut text, &format!("postfix:x:{number}:{group}:Postfix mail system:{home}:{shell}"));
    change(draft, machine, "/etc/passwd", &passwd, &text);
    let shadow = read(machine, "/etc/shadow");
    let mut text = shadow.clone();
    add(&mut text, "postfix:!:::::::");
    change(draft, machine, "/etc/shadow", &shadow, &text);
}

fn read(machine: &Machine, path: &str) -> Vec<u8> {
    std::fs::read(machine.root.at(path)).unwrap_or_default()
}

fn add(text: &mut Vec<u8>, line: &str) {
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
}

/// A file that the system does not have is not begun: without shadow passwords there is no
/// /etc/shadow.
fn change(draft: &mut Draft<'_>, machine: &Machine, path: &str, before: &[u8], after: &[u8]) {
    if machine.root.has(path) {
        let secret = path.ends_with("shadow");
        draft.edit(Path::new(path), before, after.to_vec(), secret, Role::State);
    }
}

fn number_of(text: &[u8], name: &str) -> Option<u32> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// The number that is wanted on Gentoo, or the highest free one.
fn free(machine: &Machine, text: &[u8], wanted: u32) -> u32 {
    let text = String::from_utf8_lossy(text);
    let taken: Vec<u32> =
        text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect();
    let wanted = (machine.distribution == Distribution::Gentoo).then_some(wanted);
    let mut candidates = wanted.into_iter().chain((100..=HIGHEST).rev());
    candidates.find(|number| !taken.contains(number)).unwrap_or(HIGHEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;
    use crate::plan::{Action, Source};

    fn written(fake: &Fake) -> Vec<(String, String)> {
        let machine = fake.machine();
        let mut draft = Draft::new(&machine);
        plan(&mut draft, &machine);
        draft
            .finish()
            .steps
            .into_iter()
            .filter_map(|step| match step.action {
                Action::File { path, source: Source::Bytes(bytes), .. } => {
                    Some((path.display().to_string(), String::from_utf8(bytes).unwrap()))
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn lines_are_added_to_the_files_of_another_root() {
        let fake = Fake::new(&[
            ("/etc/passwd", "root:x:0:0::/:/bin/sh\n"),
            ("/etc/group", "root:x:0:\nx:x:999:"),
            ("/etc/shadow", "root:*:::::::\n"),
        ]);
        assert_eq!(
            written(&fake),
            [
                ("/etc/group", "root:x:0:\nx:x:999:\npostfix:x:998:\npostdrop:x:997:\n"),
                (
                    "/etc/passwd",
                    "root:x:0:0::/:/bin/sh\npostfix:x:999:998:Postfix mail system:/var/spool/postfix:/bin/false\n"
                ),
                ("/etc/shadow", "root:*:::::::\npostfix:!:::::::\n"),
            ]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
        );
    }

    #[test]
    fn gentoo_has_numbers_for_them() {
        let fake = Fake::new(&[
            ("/etc/os-release", "ID=gentoo\n"),
            ("/etc/passwd", ""),
            ("/etc/group", "postdrop:x:208:\n"),
        ]);
        let files = written(&fake);
        assert_eq!(files[0].1, "postdrop:x:208:\npostfix:x:207:\n");
        assert!(files[1].1.starts_with("postfix:x:207:207:"), "{files:?}");
    }

    #[test]
    fn nothing_for_a_staging_folder_or_when_all_is_there() {
        assert_eq!(written(&Fake::new(&[])), []);
        let fake = Fake::new(&[
            ("/etc/passwd", "postfix:x:1:1::/:\n"),
            ("/etc/group", "postfix:x:1:\npostdrop:x:2:\n"),
        ]);
        assert_eq!(written(&fake), []);
    }
}
