//! USE=selinux: what was installed gets the labels of the policy of the Postfix mail system.
//!
//! The policy names the usual places itself. What it does not know, such as programs in
//! /usr/local, is added to its list of files (semanage(8)) before anything is labelled.

use std::path::{Path, PathBuf};

use crate::act;
use crate::machine::Machine;
use crate::plan::{Draft, Role};

/// A place and its type, as a line of the policy's .fc file has it.
struct Context {
    /// A path, or a pattern for all that is below a folder. One that is not absolute counts from
    /// the prefix.
    pattern: &'static str,
    /// The kind of file: `f` plain, `a` any.
    kind: &'static str,
    /// Its type.
    label: &'static str,
}

/// What is labelled. Links have no say: the program behind them has the label.
const CONTEXTS: &[Context] = &[
    Context { pattern: "sbin/postfix", kind: "f", label: "postfix_master_exec_t" },
    Context { pattern: "sbin/postdrop", kind: "f", label: "postfix_postdrop_exec_t" },
    Context { pattern: "/etc/postfix(/.*)?", kind: "a", label: "postfix_etc_t" },
    Context { pattern: "/var/lib/postfix(/.*)?", kind: "a", label: "postfix_data_t" },
    Context { pattern: "/var/spool/postfix(/.*)?", kind: "a", label: "postfix_spool_t" },
    Context {
        pattern: "/var/spool/postfix/maildrop(/.*)?",
        kind: "a",
        label: "postfix_spool_maildrop_t",
    },
    Context { pattern: "/var/spool/postfix/public(/.*)?", kind: "a", label: "postfix_public_t" },
    Context { pattern: "/var/spool/postfix/private(/.*)?", kind: "a", label: "postfix_private_t" },
];

/// The domain in which the mail system runs by the policy.
const DOMAIN: &str = "postfix_master_t";

/// The steps: rules that the policy lacks, then the labels.
pub fn plan(draft: &mut Draft<'_>, machine: &Machine, prefix: &Path) {
    let mut ruled = false;
    for context in CONTEXTS {
        let pattern = prefix.join(context.pattern).display().to_string();
        match label_of(machine, &pattern) {
            Label::Type(label) if label == context.label => {}
            // The usual places are the policy's own to name.
            Label::Unknown if prefix == Path::new("/usr") => {}
            _ => ruled |= rule(draft, machine, context, &pattern),
        }
    }
    relabel(draft, machine, prefix, ruled);
    if machine.root.text("/sys/fs/selinux/enforce").is_some_and(|text| text.trim() == "1") {
        draft.note(format!(
            "SELinux is enforcing: its policy knows a program for each part of the mail system, here one program plays them all; until a policy knows that: semanage permissive -a {DOMAIN} (the mail system's own confinement stays on)"
        ));
    }
}

/// What the policy says about a path.
#[derive(Debug, PartialEq, Eq)]
enum Label {
    /// This type.
    Type(String),
    /// It cannot be asked.
    Unknown,
}

/// matchpathcon(8) prints `user:role:type:level`.
fn label_of(machine: &Machine, pattern: &str) -> Label {
    let Some(program) = machine.tool("matchpathcon") else { return Label::Unknown };
    let path = pattern.strip_suffix("(/.*)?").unwrap_or(pattern);
    let words = [program.display().to_string(), "-n".into(), path.into()];
    let Ok(text) = act::run(&words, &[], None) else { return Label::Unknown };
    match text.trim().split(':').nth(2) {
        Some(label) => Label::Type(label.to_owned()),
        None => Label::Unknown,
    }
}

/// A rule of this machine's own; whether it could be added.
fn rule(draft: &mut Draft<'_>, machine: &Machine, context: &Context, pattern: &str) -> bool {
    let Context { kind, label, .. } = context;
    let Some(semanage) = machine.tool("semanage") else {
        draft.note(format!("USE=selinux: semanage is not here; once it is: semanage fcontext -a -f {kind} -t {label} '{pattern}', then restorecon"));
        return false;
    };
    let semanage = semanage.display().to_string();
    let words = [&semanage, "fcontext", "-a", "-f", kind, "-t", label, pattern];
    let undo: &[&str] = &[&semanage, "fcontext", "-d", "-f", kind, pattern];
    draft.run(&words, "a rule of the policy", Some(undo), Role::Installed);
    true
}

/// restorecon(8), where there is something to label.
fn relabel(draft: &mut Draft<'_>, machine: &Machine, prefix: &Path, ruled: bool) {
    let places: Vec<PathBuf> = ["sbin/postfix", "sbin/postdrop", "sbin/postfix-installer"]
        .iter()
        .chain(&["libexec/postfix", "/etc/postfix", "/var/lib/postfix", "/var/spool/postfix"])
        .map(|place| prefix.join(place))
        .collect();
    let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    let Some(restorecon) = machine.tool("restorecon") else {
        draft.note(format!(
            "USE=selinux: restorecon is not here; label the files with: restorecon -R {}",
            places.join(" ")
        ));
        return;
    };
    let restorecon = restorecon.display().to_string();
    let there = places.iter().all(|place| machine.root.has(place));
    let mut asks = vec![restorecon.clone(), "-nvR".into()];
    asks.extend(places.clone());
    // Nothing to say: everything has its label, or SELinux is off.
    let right = there && act::run(&asks, &[], None).is_ok_and(|text| text.trim().is_empty());
    if right && !ruled && draft.is_empty() {
        return;
    }
    let mut words = vec![restorecon.as_str(), "-R"];
    words.extend(places.iter().map(String::as_str));
    draft.run(&words, "SELinux labels", None, Role::State);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    /// A machine whose policy knows /usr, with tools that say what they are told.
    fn planned(prefix: &str, tools: &[(&str, &str)], enforce: &str) -> (Vec<String>, Vec<String>) {
        use std::os::unix::fs::PermissionsExt as _;
        let fake = Fake::new(&[("/sys/fs/selinux/enforce", enforce)]);
        for (name, text) in tools {
            fake.put(&format!("/tools/{name}"), &format!("#!/bin/sh\n{text}\n"));
            let at = fake.folder.path().join("tools").join(name);
            std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut machine = fake.machine();
        machine.search_path = fake.folder.path().join("tools").into();
        let mut draft = Draft::new(&machine);
        plan(&mut draft, &machine, Path::new(prefix));
        let plan = draft.finish();
        let folder = format!("{}/", fake.folder.path().join("tools").display());
        let steps = plan.steps.iter().map(|step| step.action.to_string().replace(&folder, ""));
        (steps.collect(), plan.notes)
    }

    const KNOWS_USR: &str = "case $2 in\n\
        /usr/sbin/postfix) t=postfix_master_exec_t ;; /usr/sbin/postdrop) t=postfix_postdrop_exec_t ;;\n\
        /etc/postfix) t=postfix_etc_t ;; /var/lib/postfix) t=postfix_data_t ;; /var/spool/postfix) t=postfix_spool_t ;;\n\
        */maildrop) t=postfix_spool_maildrop_t ;; */public) t=postfix_public_t ;; */private) t=postfix_private_t ;;\n\
        *) t=bin_t ;; esac\necho \"system_u:object_r:$t:s0\"";

    #[test]
    fn the_usual_places_need_labels_only() {
        let tools = [("matchpathcon", KNOWS_USR), ("restorecon", ""), ("semanage", "")];
        let (steps, notes) = planned("/usr", &tools, "0");
        assert_eq!(
            steps,
            ["run restorecon -R /usr/sbin/postfix /usr/sbin/postdrop /usr/sbin/postfix-installer \
              /usr/libexec/postfix /etc/postfix /var/lib/postfix /var/spool/postfix (SELinux labels)"]
        );
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn other_places_need_rules() {
        let tools = [("matchpathcon", KNOWS_USR), ("restorecon", ""), ("semanage", "")];
        let (steps, notes) = planned("/opt/mail", &tools, "1");
        assert_eq!(
            steps.get(..2).unwrap(),
            [
                "run semanage fcontext -a -f f -t postfix_master_exec_t /opt/mail/sbin/postfix (a rule of the policy)",
                "run semanage fcontext -a -f f -t postfix_postdrop_exec_t /opt/mail/sbin/postdrop (a rule of the policy)",
            ]
        );
        assert_eq!(steps.len(), 3);
        assert!(notes.first().unwrap().contains("permissive -a postfix_master_t"), "{notes:?}");
    }

    #[test]
    fn without_tools_it_is_said_what_to_run() {
        let (steps, notes) = planned("/opt/mail", &[], "0");
        assert_eq!(steps, Vec::<String>::new());
        let rule = "semanage fcontext -a -f f -t postfix_master_exec_t '/opt/mail/sbin/postfix'";
        assert!(notes.iter().any(|note| note.contains(rule)), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("restorecon -R /opt/mail/sbin/postfix")));
        assert_eq!(planned("/usr", &[], "0").1.len(), 1);
    }
}
