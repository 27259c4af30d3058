//! House rules that neither rustc nor clippy checks: layers, file size, headers, `unsafe`.
//!
//! A rule lives here only if breaking it would make the sources harder to read. Each has a test
//! below that shows a breach being caught.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a check reports by panicking")]

use std::path::{Path, PathBuf};

/// Modules from the ground up, as in `src/lib.rs`. A module uses those before it, never those
/// after it.
const ORDER: &[&str] = &[
    "sys",
    "log", // ground
    "mail",
    "wire",   // words
    "config", // settings
    "filter",
    "spool",
    "ipc",
    "sasl",
    "lookup",
    "dns",
    "tls",
    "service", // toolkit
    "rewrite",
    "cleanup",
    "bounce",
    "verify",
    "tlsrpt", // stages
    "master",
    "tlsmgr",
    "pamauth",
    "smtpd",
    "pickup",
    "qmgr",
    "deliver", // processes
    "commands",
    "multicall", // faces
];

/// Modules that are processes of their own: they meet only in `ipc`.
const PROCESSES: &[&str] = &[
    "master",
    "tlsmgr",
    "pamauth",
    "smtpd",
    "pickup",
    "qmgr",
    "deliver::smtp",
    "deliver::local",
    "deliver::virtual_mailbox",
    "deliver::pipe",
    "deliver::spawn",
];

/// Modules that decide and never act.
const PURE: &[&str] = &["mail", "wire", "qmgr::scheduler"];
const IMPURE: &[&str] =
    &["tokio::", "std::fs", "std::net::Tcp", "std::env", "std::process", "::now()"];

/// The wall; files of about 200 lines are the aim.
const FILE_LINES_MAX: usize = 700;

#[test]
fn the_sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut report = String::new();
    for path in rust_files(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        let module = module_name(path.strip_prefix(&root).unwrap());
        for breach in breaches(&module, &text) {
            report.push_str(&format!("{}: {breach}\n", path.display()));
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn the_order_is_that_of_lib_rs() {
    let lib =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, ORDER);
}

/// Each test and file that docs/audit-2026.md names is there, and no finding is left out.
#[test]
fn findings_have_their_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/audit-2026.md")).unwrap();
    let mut tests = String::new();
    for path in rust_files(&root.join("src")) {
        tests.push_str(&std::fs::read_to_string(path).unwrap());
    }
    for entry in std::fs::read_dir(root.join("tests/system")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            tests.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert_eq!(rows.len(), 70);
    let mut missing = String::new();
    for row in rows {
        let answer = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(answer.len() > 10, "no answer: {row}");
        for name in answer.split('`').skip(1).step_by(2) {
            let is_there = if name.contains('/') {
                root.join(name).exists()
            } else if name.contains('_') && !name.starts_with(':') {
                ["fn", "def"].iter().any(|word| tests.contains(&format!("{word} {name}(")))
                    || root.join(format!("tests/conformance/scenarios/{name}.py")).exists()
            } else {
                true
            };
            if !is_there {
                missing.push_str(&format!("{name}\n"));
            }
        }
    }
    assert!(missing.is_empty(), "named in docs/audit-2026.md, but not there:\n{missing}");
}

/// All breaches in one file; `module` is its path below the crate, such as `smtpd::session`.
fn breaches(module: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code = without_tests(text);
    if !text.starts_with("//! ") {
        found.push("starts without a //! header".to_owned());
    }
    let lines = code.lines().count();
    if lines > FILE_LINES_MAX {
        found.push(format!("{lines} lines, the wall is {FILE_LINES_MAX}"));
    }
    for (number, line) in (1..).zip(code.lines()) {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        for target in used_paths(module, code) {
            if let Some(why) = forbidden(module, &target) {
                found.push(format!("line {number}: {why}"));
            }
        }
        if has_word(code, "unsafe") && !within(module, "sys") {
            found.push(format!("line {number}: unsafe outside sys"));
        }
        if PURE.iter().any(|pure| within(module, pure))
            && let Some(impure) = IMPURE.iter().find(|impure| code.contains(*impure))
        {
            found.push(format!("line {number}: `{impure}` in a module that must stay pure"));
        }
        for word in ["TODO", "FIXME", "XXX"] {
            if has_word(comment, word) && !comment.contains("(#") {
                found.push(format!("line {number}: {word} without an issue number"));
            }
        }
    }
    found
}

fn forbidden(from: &str, target: &str) -> Option<String> {
    let (own, other) = (rank(from)?, rank(target)?);
    let process = |module: &str| PROCESSES.iter().find(|process| within(module, process)).copied();
    if let (Some(own), Some(other)) = (process(from), process(target))
        && own != other
    {
        return Some(format!("{from} imports process {other}; talk to it through ipc"));
    }
    (other > own).then(|| format!("{from} imports {target}, which does not stand before it"))
}

fn rank(module: &str) -> Option<usize> {
    let top = module.split("::").next()?;
    ORDER.iter().position(|name| *name == top)
}

fn within(module: &str, ancestor: &str) -> bool {
    module.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every `crate::a::b`, `super::a` and `super::super::a` in a line, as a path below the crate.
fn used_paths(module: &str, code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.split(|c| !is_path(c))
        .filter_map(|path| {
            if let Some(below) = path.strip_prefix("crate::") {
                return Some(below.trim_end_matches(':').to_owned());
            }
            let mut home: Vec<&str> = module.split("::").collect();
            let mut rest = path.strip_prefix("super::")?;
            home.pop();
            while let Some(outer) = rest.strip_prefix("super::") {
                home.pop();
                rest = outer;
            }
            home.push(rest.trim_end_matches(':'));
            Some(home.join("::"))
        })
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// The file up to its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests").map_or(text, |at| &text[..at])
}

fn module_name(relative: &Path) -> String {
    let name = relative.with_extension("").to_string_lossy().replace('/', "::");
    name.strip_suffix("::mod").unwrap_or(&name).to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[track_caller]
fn check(module: &str, text: &str, expected: &[&str]) {
    assert_eq!(breaches(module, &format!("//! Header.\n{text}")), expected);
}

#[test]
fn imports_go_down() {
    check("spool::segment", "use crate::mail::queue_id::QueueId;", &[]);
    check("smtpd::session", "use super::reply::Reply;", &[]);
    check(
        "mail::address",
        "use crate::config::Config;",
        &["line 2: mail::address imports config::Config, which does not stand before it"],
    );
    check(
        "cleanup::finish",
        "use crate::qmgr::Queue;",
        &["line 2: cleanup::finish imports qmgr::Queue, which does not stand before it"],
    );
}

#[test]
fn processes_meet_only_in_ipc() {
    check("deliver::local::alias", "use crate::ipc::delivery::Forward;", &[]);
    check(
        "deliver::local::alias",
        "use crate::deliver::pipe::Flags;",
        &["line 2: deliver::local::alias imports process deliver::pipe; talk to it through ipc"],
    );
    check(
        "qmgr::run",
        "    crate::smtpd::reply();",
        &["line 2: qmgr::run imports process smtpd; talk to it through ipc"],
    );
}

#[test]
fn pure_stays_pure() {
    check(
        "wire::line",
        "use tokio::io::AsyncRead;",
        &["line 2: `tokio::` in a module that must stay pure"],
    );
    check(
        "qmgr::scheduler::job",
        "let start = Instant::now();",
        &["line 2: `::now()` in a module that must stay pure"],
    );
}

#[test]
fn unsafe_stays_in_sys() {
    check("sys::ids", "unsafe { libc::getuid() };", &[]);
    check("spool::file", "unsafe { work() };", &["line 2: unsafe outside sys"]);
    check("spool::file", "// An unsafe folder is one that others may write.", &[]);
}

#[test]
fn notes_name_an_issue() {
    check("spool::file", "// TODO(#12): pointer records", &[]);
    check("spool::file", "// TODO later", &["line 2: TODO without an issue number"]);
}

#[test]
fn long_files_are_reported() {
    let long = "fn f() {}\n".repeat(FILE_LINES_MAX);
    check("spool::file", &long, &["701 lines, the wall is 700"]);
    check("spool::file", &format!("#[cfg(test)]\nmod tests {{\n{long}}}\n"), &[]);
}

#[test]
fn a_file_says_what_it_is_for() {
    assert_eq!(breaches("spool::file", "fn f() {}"), ["starts without a //! header"]);
}
