//! More than one mail system on a machine: the `postfix` of the primary instance has
//! `multi_instance_wrapper` do for each of them what it is told to.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::{Context, Logged, speaker};
use crate::config::list::split_list;
use crate::config::parameters as p;
use crate::log::Log;

/// Whether a command is about other instances as well: unless one of them was named.
pub(super) fn are_meant(context: &Context, one_instance: bool) -> bool {
    let value = context.config.text(&p::multi_instance_directories);
    !one_instance && !split_list(&value).is_empty()
}

/// Becomes the multi-instance manager.
pub(super) fn hand_over(context: &Context, words: &[String]) -> Result<ExitCode, Logged> {
    if words.first().is_some_and(|word| word == "start-fg") {
        // The first of them would never let the next one have its turn.
        return Err(context.fatal("start-fg does not support multi_instance_directories"));
    }
    let wrapper = context.config.text(&p::multi_instance_wrapper);
    let mut wrapper = wrapper.split_whitespace();
    let Some(program) = wrapper.next() else {
        return Err(fatal(
            "multi-instance support is requested, but multi_instance_wrapper is empty",
        ));
    };
    let mut command = Command::new(program);
    command.args(wrapper).args(words);
    become_program(context, command, program)
}

/// `postfix /some/program`: runs it in the queue directory with the environment of the instance.
pub(super) fn run_program(
    context: &Context,
    path: &str,
    arguments: &[String],
) -> Result<ExitCode, Logged> {
    let mut command = Command::new(path);
    command.args(arguments).current_dir(context.config.queue_directory());
    become_program(context, command, path)
}

/// What Postfix's scripts find in their environment.
fn become_program(context: &Context, mut command: Command, name: &str) -> Result<ExitCode, Logged> {
    for parameter in [
        &p::command_directory,
        &p::daemon_directory,
        &p::data_directory,
        &p::meta_directory,
        &p::queue_directory,
        &p::shlib_directory,
        &p::mail_owner,
        &p::setgid_group,
    ] {
        command.env(parameter.name, context.config.text(parameter));
    }
    command.env("config_directory", &context.config_directory);
    command.env("MAIL_CONFIG", &context.config_directory);
    crate::log::flush();
    let failed = command.exec();
    Err(fatal(&format!("{name}: {}", crate::config::why(&failed))))
}

/// Said by postfix(1) itself, not by the script that Postfix has for the rest.
fn fatal(text: &str) -> Logged {
    speaker(Log::tagged("postfix")).fatal(format_args!("{text}"));
    Logged
}

/// Whether the files that all instances share are another instance's to look after.
pub(super) fn is_secondary(context: &Context) -> bool {
    let primary = Path::new("/etc/postfix");
    if context.config_directory == primary {
        return false;
    }
    let Ok(config) = crate::config::Config::load_main(primary) else { return false };
    let value = config.text(&p::multi_instance_directories);
    split_list(&value).iter().any(|directory| Path::new(directory) == context.config_directory)
}
