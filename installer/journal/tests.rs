//! Every change is undone, whenever it is asked for.

use super::*;

fn root() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path()).unwrap();
    std::fs::create_dir_all(root.at("/etc/d")).unwrap();
    std::fs::write(root.at("/etc/f"), "old").unwrap();
    std::os::unix::fs::symlink("f", root.at("/etc/l")).unwrap();
    (folder, root)
}

fn tree(root: &Root) -> String {
    let shown = duct::cmd!("find", root.path(), "-printf", "%P %y %m %l %s\n").read().unwrap();
    let mut lines: Vec<&str> = shown.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn change(root: &Root, journal: &mut Journal) {
    for path in ["/etc/f", "/etc/l", "/etc/new", "/etc/d"] {
        journal.intend_path(Role::Installed, Path::new(path)).unwrap();
        remove(&root.at(path)).unwrap();
        std::fs::write(root.at(path), "new").unwrap();
    }
    let before = crate::root::rights(&root.at("/etc/new")).unwrap();
    journal.intend(Role::Installed, Change::Rights { path: "/etc/new".into(), before }).unwrap();
    set_mode(&root.at("/etc/new"), 0o600).unwrap();
}

#[test]
fn roll_back_and_recovery() {
    for by_recovery in [false, true] {
        let (_folder, root) = root();
        let before = tree(&root);
        let mut journal = Journal::begin(&root, "install", Facts::default()).unwrap();
        change(&root, &mut journal);
        if by_recovery {
            drop(journal);
            assert!(is_interrupted(&root));
            assert_eq!(recover(&root).unwrap(), (Recovered::RolledBack(5), vec![]));
        } else {
            assert_eq!(journal.roll_back(), []);
        }
        assert_eq!(tree(&root), before);
    }
}

#[test]
fn a_change_that_was_only_intended_is_undone_too() {
    let (_folder, root) = root();
    let before = tree(&root);
    let mut journal = Journal::begin(&root, "install", Facts::default()).unwrap();
    for path in ["/etc/f", "/etc/l", "/etc/new", "/etc/d"] {
        journal.intend_path(Role::Installed, Path::new(path)).unwrap();
    }
    // A half-written file.
    std::fs::write(temporary(&root.at("/etc/f")), "ne").unwrap();
    drop(journal);
    recover(&root).unwrap();
    assert_eq!(tree(&root), before);
}

#[test]
fn what_is_committed_stays_and_is_known() {
    let (_folder, root) = root();
    let facts = Facts { version: Some("1".into()), ..Facts::default() };
    let mut journal = Journal::begin(&root, "install", facts).unwrap();
    change(&root, &mut journal);
    journal.commit(false).unwrap();
    assert!(!is_interrupted(&root));
    let manifest = Manifest::read(&root).unwrap();
    assert_eq!(manifest.facts.version.as_deref(), Some("1"));
    assert!(manifest.installed(Path::new("/etc/f")) && manifest.installed(Path::new("/etc/new")));
    let Some(Item { thing: Thing::Path { before: Before::File(kept), .. }, .. }) =
        manifest.items.first()
    else {
        panic!("{manifest:?}")
    };
    assert_eq!(std::fs::read_to_string(root.at(FOLDER).join(kept)).unwrap(), "old");
}

#[test]
fn committed_before_a_crash_is_finished() {
    let (_folder, root) = root();
    let mut journal = Journal::begin(&root, "install", Facts::default()).unwrap();
    change(&root, &mut journal);
    journal.write(&Line::Committed { ends_all: false }).unwrap();
    drop(journal);
    assert_eq!(recover(&root).unwrap(), (Recovered::Finished, vec![]));
    assert!(Manifest::read(&root).unwrap().installed(Path::new("/etc/f")));
    assert_eq!(std::fs::read_to_string(root.at("/etc/f")).unwrap(), "new");
}

#[test]
fn only_one_at_a_time() {
    let (_folder, root) = root();
    let _journal = Journal::begin(&root, "install", Facts::default()).unwrap();
    assert!(Journal::begin(&root, "install", Facts::default()).is_err());
    assert!(recover(&root).is_err());
}

#[test]
fn a_program_that_did_not_end_well_may_have_nothing_to_take_back() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let program = || Change::Command { words: words("true"), undo: Some(words("false")) };
    for (ended, by_recovery) in [(false, false), (false, true), (true, false), (true, true)] {
        let (_folder, root) = root();
        let before = tree(&root);
        let mut journal = Journal::begin(&root, "install", Facts::default()).unwrap();
        journal.intend(Role::State, program()).unwrap();
        if ended {
            journal.ran().unwrap();
        }
        let failures = if by_recovery {
            drop(journal);
            recover(&root).unwrap().1
        } else {
            journal.roll_back()
        };
        assert_eq!(failures.len(), usize::from(ended), "{ended} {by_recovery} {failures:?}");
        assert_eq!(is_interrupted(&root), ended);
        assert!(ended || tree(&root) == before);
    }
}
