//! The manual pages in `man/` say what the tables say: parameters and the installer's verbs stand
//! in regions that this test writes and compares. `MAN=write cargo test --test man` writes them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a check reports by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use postfix_rs::config::parameter::{Default, Entry, KindOf};
use postfix_rs::config::parameters::{self, special};

#[path = "../installer/arguments.rs"]
mod arguments;

const BEGIN: &str = ".\\\" generated: ";
const END: &str = ".\\\" end";

#[test]
fn generated_regions_are_up_to_date() {
    let mut stale = Vec::new();
    for path in pages() {
        let text = std::fs::read_to_string(&path).unwrap();
        let fresh = regenerate(&text, &name_of(&path));
        if fresh != text {
            if std::env::var_os("MAN").is_some_and(|value| value == "write") {
                std::fs::write(&path, fresh).unwrap();
            } else {
                stale.push(path.display().to_string());
            }
        }
    }
    assert!(stale.is_empty(), "run MAN=write cargo test --test man: {stale:?}");
}

#[test]
fn everything_has_a_page() {
    let there: Vec<String> = pages()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut missing = Vec::new();
    for name in postfix_rs::multicall::names() {
        let page = |section: &str| there.contains(&format!("{name}.{section}"));
        if !["1", "5", "8"].into_iter().any(page) {
            missing.push(name.to_owned());
        }
    }
    let tables = std::fs::read_to_string(folder().join("lookup_tables.5")).unwrap();
    // Also those that this build does not have.
    for (name, _) in postfix_rs::lookup::map_types() {
        let described = there.contains(&format!("{name}_table.5"))
            || tables.contains(&format!(".It Li {name}\n"));
        if !described {
            missing.push(format!("{name}_table(5)"));
        }
    }
    let formats = FORMATS.iter().filter(|name| !there.contains(&format!("{name}.5")));
    missing.extend(formats.map(|name| format!("{name}(5)")));
    for program in ["postfix-installer.8", "postdrop.1"] {
        assert!(there.iter().any(|name| name == program), "{program}");
    }
    assert!(missing.is_empty(), "no manual page: {missing:?}");
}

/// Files that people write, by the names of their pages.
const FORMATS: &[&str] = &[
    "access",
    "aliases",
    "body_checks",
    "bounce",
    "canonical",
    "generic",
    "header_checks",
    "main.cf",
    "master",
    "postconf",
    "postfix-wrapper",
    "relocated",
    "transport",
    "virtual",
];

#[test]
fn every_verb_and_option_of_the_installer_is_explained() {
    let mut silent = Vec::new();
    let mut look = |command: &clap::Command| {
        let verb = command.get_name().to_owned();
        if command.get_about().is_none() {
            silent.push(verb.clone());
        }
        for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
            silent.push(format!("{verb} {}", argument.get_id()));
        }
    };
    let mut command = arguments::Arguments::command();
    command.build();
    look(&command);
    let page = std::fs::read_to_string(folder().join("postfix-installer.8")).unwrap();
    for verb in command.get_subcommands() {
        look(verb);
        // With its options; and the page has it.
        let name = verb.get_name();
        assert!(name == "help" || page.contains(&format!(".Ss {name}\n")), "{name}");
    }
    assert!(silent.is_empty(), "without a word of explanation: {silent:?}");
    let verbs: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    for verb in ["check", "install", "configure", "first-start", "status", "doctor", "migrate"] {
        assert!(verbs.contains(&verb), "{verb}");
    }
    assert!(verbs.contains(&"uninstall") && verbs.contains(&"try"));
}

#[test]
fn the_installer_has_every_page() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("installer/pages.rs");
    let list = std::fs::read_to_string(list).unwrap();
    for path in pages() {
        let name = name_of(&path);
        let (name, section) = name.split_once(' ').unwrap();
        let entry = format!("page!(\"{name}\", \"{section}\")");
        assert!(list.contains(&entry), "installer/pages.rs has no {entry}");
    }
}

#[test]
fn each_parameter_is_explained_in_one_sentence() {
    for entry in parameters::all() {
        let text = entry.text();
        assert!(
            text.ends_with('.') && text.starts_with(|c: char| !c.is_ascii_lowercase()),
            "{}: {text}",
            entry.name()
        );
        assert_eq!(text.matches('`').count() % 2, 0, "{}: {text}", entry.name());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "1" || end == "5" || end == "8"))
        .collect();
    pages.sort();
    pages
}

/// Page and section: `smtpd 8`.
fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap()
        .to_string_lossy()
        .rsplitn(2, '.')
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The page with all of its regions written anew.
fn regenerate(page: &str, own: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(out, "{line}");
        if let Some(what) = line.strip_prefix(BEGIN) {
            // A page does not refer to itself.
            out.push_str(&region(what).replace(
                &format!(".Xr {own}"),
                &format!(".Nm {}", own.split(' ').next().unwrap()),
            ));
            let _ = writeln!(out, "{END}");
            let found = lines.any(|line| line == END);
            assert!(found, "no end of region {what}");
        }
    }
    out
}

fn region(what: &str) -> String {
    match what.split_once(' ') {
        Some(("parameters", group)) => {
            let (_, entries) =
                parameters::groups().into_iter().find(|(name, _)| *name == group).unwrap();
            list(entries.iter().copied())
        }
        None if what == "all" => {
            let mut entries: Vec<&dyn Entry> = parameters::all().collect();
            entries.sort_by_key(|entry| entry.name());
            list(entries.into_iter())
        }
        None if what == "special" => special_names(),
        None if what == "verbs" => verbs(),
        _ => panic!("unknown region: {what}"),
    }
}

fn list<'a>(entries: impl Iterator<Item = &'a dyn Entry>) -> String {
    let mut out = String::from(".Bl -tag -width Ds\n");
    for entry in entries {
        let _ = writeln!(out, ".It Ic {} Pq {}", entry.name(), argument(&kind(entry)));
        out.push_str(&prose(entry.text()));
        match entry.default() {
            Default::Computed => out.push_str("Default: found out on this machine.\n"),
            Default::Text("") => out.push_str("Default: empty.\n"),
            Default::Text(text) => {
                let _ = writeln!(out, "Default:\n.Ql {}", argument(text));
            }
        }
    }
    out.push_str(".El\n");
    out
}

/// Type and limits, in words.
fn kind(entry: &dyn Entry) -> String {
    let kind = match entry.kind() {
        KindOf::Text => return "text".into(),
        KindOf::Raw => return "raw text".into(),
        KindOf::Bool | KindOf::NBool => return "yes or no".into(),
        KindOf::Time => return "time".into(),
        KindOf::Int | KindOf::Long | KindOf::NInt => "number",
    };
    let limits = entry.limits();
    match limits.max {
        Some(max) => format!("{kind}, {} to {max}", limits.min),
        None if limits.min != 0 => format!("{kind}, {} or more", limits.min),
        None => kind.into(),
    }
}

fn special_names() -> String {
    let mut out = String::from(".Bl -tag -width Ds\n");
    for (name, kind) in special::SPECIAL {
        let _ = writeln!(out, ".It Ic {}", argument(name));
        out.push_str(&prose(&special::text(name, *kind)));
    }
    out.push_str(".El\n");
    out
}

/// What `postfix-installer --help` says.
fn verbs() -> String {
    let mut command = arguments::Arguments::command();
    command.build();
    let mut out = String::from(".Pp\nThese options go with every verb:\n");
    out.push_str(&options(&command, false));
    out.push_str(".Sh VERBS\n");
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let _ = writeln!(out, ".Ss {}", verb.get_name());
        out.push_str(&prose(&format!("{}.", about(verb.get_about()))));
        for argument in verb.get_positionals() {
            let values = argument.get_possible_values();
            let names: Vec<String> =
                values.iter().map(|value| format!("`{}`", value.get_name())).collect();
            let choice =
                if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            let _ = writeln!(out, "Its argument\n.Ar {}\nsays:", argument.get_id());
            out.push_str(&prose(&format!("{}{choice}.", about(argument.get_help()))));
        }
        out.push_str(&options(verb, true));
    }
    out
}

fn options(command: &clap::Command, own: bool) -> String {
    let mut out = String::new();
    for option in command.get_arguments().filter(|option| {
        let elsewhere = own && option.is_global_set();
        let usual = matches!(option.get_id().as_str(), "help" | "version");
        !(option.is_positional() || elsewhere || usual)
    }) {
        let long = format!("Fl -{}", option.get_long().unwrap_or_default());
        let value = match option.get_value_names() {
            Some([value, ..]) if option.get_action().takes_values() => format!(" Ar {value}"),
            _ => String::new(),
        };
        let short = option.get_short().map(|letter| format!("Fl {letter} , ")).unwrap_or_default();
        let _ = writeln!(out, ".It {short}{long}{value}");
        out.push_str(&prose(&format!("{}.", about(option.get_help()))));
    }
    if out.is_empty() { out } else { format!(".Bl -tag -width Ds\n{out}.El\n") }
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().trim_end_matches('.').to_owned()
}

/// A sentence as mdoc: what stands in backticks, and pages such as smtpd(8), get their macros.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = writeln!(out, ".Ql {}", argument(piece));
            continue;
        }
        let mut line = String::new();
        for word in piece.split_whitespace() {
            if let Some((page, section, after)) = reference(word) {
                finish(&mut out, &mut line);
                let _ = writeln!(out, "{}", format!(".Xr {page} {section} {after}").trim_end());
            } else if word.chars().all(|c| ".,;:)".contains(c))
                && line.is_empty()
                && out.ends_with('\n')
            {
                // What follows a macro belongs to its line.
                out.truncate(out.len() - 1);
                for mark in word.chars() {
                    let _ = write!(out, " {mark}");
                }
                out.push('\n');
            } else {
                if line.len() + word.len() > 72 {
                    finish(&mut out, &mut line);
                }
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(&word.replace('\\', "\\e"));
            }
        }
        finish(&mut out, &mut line);
    }
    out
}

fn finish(out: &mut String, line: &mut String) {
    if !line.is_empty() {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        let _ = writeln!(out, "{guard}{line}");
        line.clear();
    }
}

/// `smtpd(8),` is page, section and what follows.
fn reference(word: &str) -> Option<(&str, &str, String)> {
    let (page, rest) = word.split_once('(')?;
    let (section, after) = rest.split_once(')')?;
    let marks = after.chars().flat_map(|mark| [mark, ' ']).collect::<String>();
    let is_page = section.len() == 1
        && section.starts_with(|c: char| c.is_ascii_digit())
        && page.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !page.is_empty()
        && after.chars().all(|c| ".,;:".contains(c));
    is_page.then_some((page, section, marks))
}

/// Text as arguments of a macro: no word is taken for a macro or for punctuation.
fn argument(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| {
            let escaped = breakable(&word.replace('\\', "\\e").replace('"', "\\(dq"));
            let is_macro = matches!(word.len(), 1..=3) && !word.chars().all(|c| c.is_ascii_digit());
            if is_macro { format!("\\&{escaped}") } else { escaped }
        })
        .collect();
    let guard = if text.ends_with(['.', ',', ':', ';', '!', '?', ')', ']']) { "\\&" } else { "" };
    words.join(" ") + guard
}

/// Long words may be broken after marks: a line of the page is short.
fn breakable(word: &str) -> String {
    if word.len() <= 30 {
        return word.to_owned();
    }
    let broken: String = word
        .chars()
        .map(|c| if "_/+!},".contains(c) { format!("{c}\\:") } else { c.to_string() })
        .collect();
    broken.strip_suffix("\\:").unwrap_or(&broken).to_owned()
}
