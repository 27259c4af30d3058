//! `postfix-installer check`: could an installation be made here, and of what?

use serde::Serialize;

use postfix_rs::config::features;

use crate::arguments::CheckOptions;
use crate::conflict::{self, Conflict};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::hostname::{self, Names};
use crate::journal;
use crate::machine::{Distribution, Init};
use crate::programs;
use crate::use_flags::Asked;

#[derive(Debug, Serialize)]
struct Report<'a> {
    version: &'static str,
    distribution: Distribution,
    init: Init,
    root: &'a std::path::Path,
    privileged: bool,
    /// Flags that the programs at hand were built with.
    built_in: Vec<String>,
    /// All flags: name, what it brings, whether there is code for it.
    flags: Vec<Flag>,
    hostname: Option<String>,
    interrupted: bool,
    conflicts: &'a [Conflict],
    problems: &'a [String],
}

#[derive(Debug, Serialize)]
struct Flag {
    name: &'static str,
    brings: &'static str,
    built_in: bool,
    available: bool,
}

/// Looks; an error if something is in the way.
pub fn run(context: &Context, options: &CheckOptions) -> Outcome {
    let machine = &context.machine;
    let asked = Asked::read(options.flags.as_deref())?;
    let built_in = programs::built_in()?;
    let conflicts = conflict::find(machine);
    let mut problems = Vec::new();
    let hostname = match hostname::find(machine, &Names::of(machine)) {
        Ok(name) => Some(name.to_string()),
        Err(why) => {
            problems.push(format!("no fully qualified name: {why} (postfix-installer configure)"));
            None
        }
    };
    let flags_fit = programs::fit(&asked);
    let built = |name: &str| built_in.iter().any(|built| built == name);
    let flags = features::ALL.iter().map(|feature| Flag {
        name: feature.name,
        brings: feature.brings,
        built_in: built(feature.name),
        available: features::exists(feature.name),
    });
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        distribution: machine.distribution,
        init: machine.init,
        root: machine.root.path(),
        privileged: machine.privileged,
        flags: flags.collect(),
        built_in: built_in.clone(),
        hostname,
        interrupted: journal::is_interrupted(&machine.root),
        conflicts: &conflicts,
        problems: &problems,
    };
    show(context, &report);
    if !conflicts.is_empty() {
        conflict::tell(machine, &context.voice, &conflicts);
        let document = serde_json::to_value(&report).unwrap_or_default();
        let failure = Failure::new("blocked by another mail system");
        return Err(Failure { document: Some(Box::new(document)), ..failure });
    }
    flags_fit?;
    context.voice.document(&report);
    Ok(())
}

fn show(context: &Context, report: &Report<'_>) {
    let say = |name: &str, value: &str| context.voice.print(&format!("  {name:<13} {value}"));
    context.voice.heading(&format!("postfix-rs {}", report.version));
    say("distribution", &format!("{:?}", report.distribution));
    say("services", &format!("{:?}", report.init));
    say("name", report.hostname.as_deref().unwrap_or("none that is fully qualified"));
    say("USE", &report.built_in.join(" "));
    let off = report.flags.iter().filter(|flag| flag.available && !flag.built_in);
    say("not built in", &off.map(|flag| flag.name).collect::<Vec<_>>().join(" "));
    report.problems.iter().for_each(|problem| context.voice.note(problem));
    if report.interrupted {
        context.voice.note("an earlier run was interrupted: the next one undoes its changes");
    }
    if report.conflicts.is_empty() {
        context.voice.done("no other mail system is in the way");
    }
}
