//! postmulti `-l`, `-p` and `-x`: something for each instance that is meant.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::Outcome;
use super::instance::{Instance, Instances};
use super::options::{Mode, Options, Selection};
use crate::commands::postconf::json;
use crate::config::list::split_list;
use crate::config::parameters as p;
use crate::log::Log;

/// `-l`: name, group, whether it is enabled, folder.
pub(super) fn list(instances: &Instances, options: &Options) {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    for instance in meant(instances, options, options.reverse) {
        let (name, group) = (dash(&instance.name), dash(&instance.group));
        let (enabled, directory) = (if instance.enabled { "y" } else { "n" }, &instance.directory);
        if options.json {
            println!(
                "{{\"name\": \"{}\",\"group\": \"{}\",\"enabled\": \"{enabled}\",\
                 \"config_directory\": \"{}\"}}",
                json(&name),
                json(&group),
                json(directory)
            );
        } else {
            println!("{name:<15} {group:<15} {enabled:<9} {directory}");
        }
    }
}

/// What a command of postfix(1) means for the instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// `start`: those that are not enabled are checked only.
    Start,
    /// `stop`: the last one first, and only those that are enabled.
    Stop,
    /// `reload`: only those that are enabled.
    Control,
    /// `status`: all of them.
    Any,
}

/// `-p` and `-x`
pub(super) fn run(instances: &Instances, options: &Options, log: &Log) -> Outcome<ExitCode> {
    let Some((program, arguments)) = options.words.split_first() else {
        return Ok(ExitCode::SUCCESS);
    };
    let treatment = match options.mode {
        Mode::Postfix => treatment(instances, program),
        _ => Treatment::Any,
    };
    let reverse = options.reverse || treatment == Treatment::Stop;
    let skips = matches!(treatment, Treatment::Stop | Treatment::Control);
    let mut code = ExitCode::SUCCESS;
    let mut any = false;
    for instance in meant(instances, options, reverse) {
        if skips && !instance.enabled {
            continue;
        }
        any = true;
        let mut command = match options.mode {
            Mode::Postfix => {
                // This very program; the name decides what it does.
                let mut command = Command::new("/proc/self/exe");
                let checks = treatment == Treatment::Start && !instance.enabled;
                command.arg0("postfix").arg("--");
                command.arg(if checks { "check" } else { program.as_str() });
                command
            }
            _ => with_environment(Command::new(program), instances, instance),
        };
        if options.verbose {
            command.env("MAIL_VERBOSE", "");
        }
        command.args(arguments).env("MAIL_CONFIG", &instance.directory);
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => code = ExitCode::FAILURE,
            Err(e) => {
                log.fatal(format_args!("execvp {program}: {}", crate::config::why(&e)));
                code = ExitCode::FAILURE;
            }
        }
    }
    if any { Ok(code) } else { Err("No matching instances".into()) }
}

fn meant<'a>(
    instances: &'a Instances,
    options: &'a Options,
    reverse: bool,
) -> impl Iterator<Item = &'a Instance> {
    let mut all: Vec<&Instance> = instances
        .all
        .iter()
        .filter(|one| options.selection == Selection::None || one.is_meant(&options.selection))
        .collect();
    if reverse {
        all.reverse();
    }
    all.into_iter()
}

fn treatment(instances: &Instances, word: &str) -> Treatment {
    let lists = [
        (&p::postmulti_start_commands, Treatment::Start),
        (&p::postmulti_stop_commands, Treatment::Stop),
        (&p::postmulti_control_commands, Treatment::Control),
    ];
    let has = |list: &str| split_list(list).contains(&word);
    let found = lists.into_iter().find(|(list, _)| has(&instances.primary.text(list)));
    found.map_or(Treatment::Any, |(_, treatment)| treatment)
}

/// What `-x` tells a program about the instance. The commands of the mail system are found
/// first.
fn with_environment(mut command: Command, instances: &Instances, instance: &Instance) -> Command {
    let programs = instances.primary.text(&p::command_directory);
    let path = std::env::var("PATH").unwrap_or_default();
    let path = if path.is_empty() { "/usr/bin:/bin:/usr/sbin:/sbin".to_owned() } else { path };
    command
        .env("PATH", format!("{programs}:{path}"))
        .env("command_directory", programs)
        .env("daemon_directory", instances.primary.text(&p::daemon_directory))
        .env("config_directory", &instance.directory)
        .env("queue_directory", &instance.queue)
        .env("data_directory", &instance.data)
        .env("multi_instance_name", &instance.name)
        .env("multi_instance_group", &instance.group)
        .env("multi_instance_enable", if instance.enabled { "yes" } else { "no" });
    command
}
