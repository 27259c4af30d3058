//! Tables: sources and indexed files that are missing, stale, or of a type that is not built in.

use postfix_rs::lookup;

use super::{Finding, Patient, Severity, finding};
use crate::tables::{self, Table};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let tables = tables::all(&patient.config, &patient.services);
    let found = tables.iter().filter_map(|table| examine(patient, table));
    found.chain(roots_mail(patient, &tables)).collect()
}

/// What cron and the like have to say goes to root, whose mailbox nobody opens.
fn roots_mail(patient: &Patient<'_>, tables: &[Table]) -> Option<Finding> {
    let sources = tables.iter().filter(|table| table.is_aliases() && table.is_file());
    let texts: Vec<(&Table, String)> = sources
        .filter_map(|table| Some((table, patient.context.machine.root.text(table.source())?)))
        .collect();
    let names_root = |text: &str| {
        let mut names = text.lines().filter_map(|line| line.split_once(':'));
        names.any(|(name, _)| name.trim().trim_matches('"').eq_ignore_ascii_case("root"))
    };
    let (first, _) = texts.first()?;
    (!texts.iter().any(|(_, text)| names_root(text))).then(|| {
        let text =
            format!("mail to root stays in the mailbox of root: {} has no alias", first.name);
        let fix = format!("add a line \"root: your-name\" to {}, then: newaliases", first.name);
        finding("tables", Severity::Note, text, fix)
    })
}

fn examine(patient: &Patient<'_>, table: &Table) -> Option<Finding> {
    let root = &patient.context.machine.root;
    let shown = format!("{}:{} ({})", table.kind, table.name, table.parameter);
    let available =
        lookup::map_types().iter().any(|(kind, available)| *kind == table.kind && *available);
    if !available {
        let text = format!("{shown}: {}", lookup::unsupported(&table.kind));
        let fix = format!("build with the USE flag, or change {}", table.parameter);
        return Some(finding("tables", Severity::Problem, text, fix));
    }
    if !table.is_file() {
        return None;
    }
    let source = root.at(table.source());
    let program = if table.is_aliases() { "newaliases" } else { "postmap" };
    let make = match program {
        "newaliases" => "newaliases".to_owned(),
        _ => format!("postmap {}:{}", table.kind, table.name),
    };
    let Some(database) = table.database().map(|path| root.at(path)) else {
        return (!source.exists()).then(|| {
            let fix = format!("write {}, or change {}", table.name, table.parameter);
            finding("tables", Severity::Problem, format!("{shown} is missing"), fix)
        });
    };
    match (source.exists(), database.exists()) {
        (false, false) => {
            let fix = format!("write {}, then: {make}", table.name);
            Some(finding("tables", Severity::Problem, format!("{shown} is missing"), fix))
        }
        (true, false) => {
            // hash: and btree: read the source themselves.
            let own = matches!(table.kind.as_str(), "hash" | "btree");
            let severity = if own { Severity::Note } else { Severity::Problem };
            Some(finding("tables", severity, format!("{shown} has no indexed file"), make))
        }
        (true, true) if tables::is_stale(&source, &database) => {
            let text = format!("{shown} is older than its source");
            Some(finding("tables", Severity::Warning, text, make))
        }
        _ => None,
    }
}
