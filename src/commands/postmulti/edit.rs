//! postmulti `-e`: instances come and go. Files of the new instance are complete before the
//! primary main.cf names it, and master.cf, without which nothing starts, comes last.

use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::instance::{Instance, Instances, PREFIX, read};
use super::options::{Action, Options, Selection};
use super::{Outcome, PRIMARY};
use crate::commands::postconf::set_main;
use crate::commands::postfix::tree::FOLDERS;
use crate::config::lines::split_assignment;
use crate::config::list::split_list;
use crate::config::{Config, parameters as p, why};
use crate::log::Log;
use crate::master;
use crate::qmgr::offline::Offline;
use crate::service::logging;

/// Carries out one action.
pub(super) fn edit(
    instances: &mut Instances,
    action: Action,
    options: &Options,
    log: &Log,
) -> Outcome<ExitCode> {
    if action == Action::Init {
        let wrapper = "multi_instance_wrapper = ${command_directory}/postmulti -p --";
        set(PRIMARY, &[wrapper.into(), "multi_instance_enable = yes".into()])?;
        return Ok(ExitCode::SUCCESS);
    }
    instances.load(log)?;
    match action {
        Action::Create | Action::Import => add(instances, action, options, log),
        _ => existing(instances, action, options, log),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Management must have been asked for once: with `init`.
fn check_ready(instances: &Instances) -> Outcome<()> {
    let problem = if instances.primary.text(&p::multi_instance_wrapper).is_empty() {
        "multi_instance_wrapper is empty, run 'postmulti -e init' first."
    } else if !instances.primary.bool(&p::multi_instance_enable) {
        "multi_instance_enable!=yes, run 'postmulti -e init' first."
    } else {
        return Ok(());
    };
    // Postfix has a script for the work, which speaks for itself.
    let log = Log::new(&logging::syslog_name(&instances.primary), "postmulti-script").to_stderr();
    log.fatal(format_args!("{problem}"));
    Err(String::new())
}

fn set(directory: &str, settings: &[String]) -> Outcome<()> {
    set_main(Path::new(directory), settings)
}

// --- what is there already ---

fn existing(
    instances: &mut Instances,
    action: Action,
    options: &Options,
    log: &Log,
) -> Outcome<()> {
    let Selection::Name(wanted) = &options.selection else {
        return Err("Select an instance via '-i name'".into());
    };
    let place = instances.all.iter().position(|one| one.is_meant(&options.selection));
    let place = place.ok_or_else(|| format!("No instance named {wanted}"))?;
    let Some(instance) = instances.all.get(place).cloned() else { return Ok(()) };
    match action {
        Action::Enable | Action::Disable => {
            check_ready(instances)?;
            let value = if action == Action::Enable { "yes" } else { "no" };
            set(&instance.directory, &[format!("multi_instance_enable = {value}")])
        }
        Action::Assign => {
            let names = assign(instances, &instance, options)?;
            if names.is_empty() {
                return Ok(());
            }
            check_ready(instances)?;
            set(&instance.directory, &names)
        }
        _ => {
            if instance.primary {
                return Err("Cannot remove the primary instance".into());
            }
            if instance.enabled {
                return Err("Cannot remove enabled instances".into());
            }
            instances.all.remove(place);
            check_ready(instances)?;
            remove(instances, &instance, action == Action::Destroy, log)
        }
    }
}

/// The settings that give an instance other names, after checking them.
fn assign(
    instances: &mut Instances,
    instance: &Instance,
    options: &Options,
) -> Outcome<Vec<String>> {
    check_names(options)?;
    let mut settings = Vec::new();
    if let Some(name) = options.name.as_ref().filter(|name| **name != instance.name) {
        if !name.is_empty() {
            instances.claim(&instance.directory, "multi_instance_name", name)?;
        }
        settings.push(format!("multi_instance_name = {name}"));
    }
    if let Some(group) = options.group.as_ref().filter(|group| **group != instance.group) {
        settings.push(format!("multi_instance_group = {group}"));
    }
    Ok(settings)
}

fn check_names(options: &Options) -> Outcome<()> {
    let is_safe =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "!@%-_=+:./".contains(c));
    if let Some(name) = options.name.as_deref().filter(|name| !name.is_empty()) {
        if !is_safe(name) {
            return Err(format!("Unsafe characters in new instance name: '{name}'"));
        }
        if name.contains('/') {
            return Err(format!("Illegal '/' character in new instance name: '{name}'"));
        }
        if !name.starts_with(PREFIX) {
            return Err(format!("New instance name must start with '{PREFIX}'"));
        }
    }
    match options.group.as_deref() {
        Some(group) if !is_safe(group) => Err(format!("Unsafe characters in '-G {group}'")),
        _ => Ok(()),
    }
}

/// Takes an instance off the list, and, if asked, its files from the disk.
fn remove(instances: &Instances, instance: &Instance, destroy: bool, log: &Log) -> Outcome<()> {
    let main_cf = Path::new(&instance.directory).join("main.cf");
    if !main_cf.is_file() {
        if destroy {
            return Err(format!("{} file not found", main_cf.display()));
        }
        return list(instances, instance, false);
    }
    if master::is_running(Path::new(&instance.queue)) {
        return Err(format!("Instance '{}' is not stopped", instance.directory));
    }
    if destroy && has_mail(instance) {
        return Err(format!("Instance '{}' has mail in its queue", instance.directory));
    }
    list(instances, instance, !destroy)?;
    if destroy {
        erase(instance, log);
    }
    Ok(())
}

/// Writes the new list into the primary main.cf. An instance that is not managed any more may
/// still be used with `-c`: that is what `alternate_config_directories` allows.
fn list(instances: &Instances, instance: &Instance, alternate: bool) -> Outcome<()> {
    let mut settings = vec![format!("multi_instance_directories = {}", instances.directories())];
    let before = instances.primary.text(&p::alternate_config_directories);
    let mut others = split_list(&before);
    let was_there = others.contains(&instance.directory.as_str());
    if was_there != alternate {
        others.retain(|other| *other != instance.directory);
        if alternate {
            others.push(&instance.directory);
        }
        settings.push(format!("alternate_config_directories = {}", others.join(" ")));
    }
    set(PRIMARY, &settings)
}

/// Removes what was made for an instance, and nothing that somebody has put there since.
fn erase(instance: &Instance, log: &Log) {
    let queue = Path::new(&instance.queue);
    let gone = |path: &Path| match std::fs::remove_dir(path) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(_) => log
            .warning(format_args!("{}: please verify contents and remove by hand", path.display())),
    };
    for folder in FOLDERS {
        let path = queue.join(folder.name);
        if WITHOUT_MAIL.contains(&folder.name) {
            clear(&path);
        }
        gone(&path);
    }
    let _ = std::fs::remove_file(Path::new(&instance.data).join("master.lock"));
    gone(Path::new(&instance.data));
    gone(queue);
    let directory = Path::new(&instance.directory);
    for name in ["master.cf", "main.cf"] {
        let _ = std::fs::remove_file(directory.join(name));
    }
    gone(directory);
}

/// Folders of the queue in which a system that has run leaves files that are no mail: an empty
/// spool, sockets, locks.
const WITHOUT_MAIL: &[&str] = &["segments", "state", "private", "public", "pid"];

fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Whether there is mail, without looking at what a running system does.
fn has_mail(instance: &Instance) -> bool {
    let queue = Path::new(&instance.queue);
    let spool = queue.join("state").is_dir() && queue.join("segments").is_dir();
    spool && Offline::open(queue).is_ok_and(|spool| !spool.ids().is_empty())
}

// --- what is new ---

fn add(instances: &mut Instances, action: Action, options: &Options, log: &Log) -> Outcome<()> {
    check_names(options)?;
    let mut instance = private_folders(instances, action, options, log)?;
    let names = assign(instances, &instance, options)?;
    if let Some(name) = &options.name {
        instance.name.clone_from(name);
    }
    if let Some(group) = &options.group {
        instance.group.clone_from(group);
    }
    instances.add(instance.clone(), &options.selection)?;
    check_ready(instances)?;
    write_files(instances, &instance, action)?;
    if !names.is_empty() {
        set(&instance.directory, &names)?;
    }
    list(instances, &instance, false)?;
    let mut postfix = Command::new("/proc/self/exe");
    postfix.arg0("postfix").arg("-c").arg(&instance.directory).arg("set-permissions");
    match postfix.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("postfix -c {} set-permissions: {status}", instance.directory)),
        Err(e) => Err(format!("execute postfix: {}", why(&e))),
    }
}

/// The folders of a new instance: those that were named, and for the others what the primary one
/// has, with the name of the instance at the end.
fn private_folders(
    instances: &Instances,
    action: Action,
    options: &Options,
    log: &Log,
) -> Outcome<Instance> {
    let mut instance = Instance::default();
    for word in &options.words {
        assign_folder(&mut instance, action, word)?;
    }
    let name = options.name.as_deref().unwrap_or_default();
    let primary = &instances.primary;
    let fill = |parameter: &str, own: &mut String, model: &str| {
        if own.is_empty() {
            *own = beside(parameter, model, name)?;
        }
        Ok::<(), String>(())
    };
    fill("config_directory", &mut instance.directory, PRIMARY)?;
    let directory = instance.directory.clone();
    if let Some(owner) = instances.owner(&directory) {
        return Err(format!(
            "new config_directory={directory} is already in use by instance {owner}={directory}"
        ));
    }
    if action == Action::Import {
        return read(&directory, log);
    }
    fill("queue_directory", &mut instance.queue, &primary.text(&p::queue_directory))?;
    fill("data_directory", &mut instance.data, &primary.text(&p::data_directory))?;
    Ok(instance)
}

/// `name=value` of the command line.
fn assign_folder(instance: &mut Instance, action: Action, word: &str) -> Outcome<()> {
    let (name, value) =
        split_assignment(word).map_err(|_| format!("Malformed parameter setting '{word}'"))?;
    let place = match name {
        "config_directory" => &mut instance.directory,
        "queue_directory" if action == Action::Create => &mut instance.queue,
        "data_directory" if action == Action::Create => &mut instance.data,
        _ => {
            return Err(format!("Parameter '{name}' not valid with action {}", action.word()));
        }
    };
    if !value.starts_with('/') {
        return Err(format!("Parameter setting '{name}' is not an absolute path"));
    }
    let value = value.trim_end_matches('/');
    if value.is_empty() {
        return Err(format!("Parameter setting '{name}' is the root directory"));
    }
    value.clone_into(place);
    Ok(())
}

/// `/var/spool/postfix` and `postfix-a`: `/var/spool/postfix-a`.
fn beside(parameter: &str, model: &str, name: &str) -> Outcome<String> {
    if name.is_empty() {
        return Err(format!("Missing {parameter} parameter value"));
    }
    if !model.starts_with('/') {
        return Err(format!(
            "Invalid default {parameter} parameter value: '{model}': specify an absolute pathname"
        ));
    }
    let model = model.trim_end_matches('/');
    let folder = model.rsplit_once('/').map_or("", |(folder, _)| folder).trim_end_matches('/');
    Ok(format!("{folder}/{name}"))
}

/// Parameters about files that all instances share; a new one gets what the primary one says.
const SHARED: &[&str] = &[
    "command_directory",
    "daemon_directory",
    "meta_directory",
    "mail_owner",
    "setgid_group",
    "sendmail_path",
    "mailq_path",
    "newaliases_path",
    "html_directory",
    "manpage_directory",
    "sample_directory",
    "readme_directory",
    "shlib_directory",
];

/// main.cf and master.cf of a new instance, from the prototypes. It serves no network and takes no
/// mail of users before somebody says so.
fn write_files(instances: &Instances, instance: &Instance, action: Action) -> Outcome<()> {
    let directory = Path::new(&instance.directory);
    let has = |name: &str| directory.join(name).is_file();
    if has("main.cf") && has("master.cf") {
        return Ok(());
    }
    if action == Action::Import {
        let lacks = if has("main.cf") { "master.cf" } else { "main.cf" };
        return Err(format!("'{}' lacks a {lacks} file", instance.directory));
    }
    let meta = instances.primary.text(&p::meta_directory);
    let prototype = |name: &str| {
        let path = Path::new(&meta).join(format!("{name}.proto"));
        std::fs::read(&path).map_err(|_| format!("Missing {name} prototype: {}", path.display()))
    };
    let (main_cf, master_cf) = (prototype("main.cf")?, prototype("master.cf")?);
    for (path, mode) in
        [(&instance.directory, 0o755), (&instance.queue, 0o755), (&instance.data, 0o700)]
    {
        let made = std::fs::DirBuilder::new().recursive(true).mode(mode).create(path);
        made.map_err(|e| format!("mkdir {path}: {}", why(&e)))?;
    }
    let work = directory.join(".tmp");
    let failed = |path: &Path, e: &std::io::Error| format!("{}: {}", path.display(), why(e));
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&work);
    made.map_err(|e| failed(&work, &e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = work.join(name);
        std::fs::write(&path, bytes).map_err(|e| failed(&path, &e))
    };
    put("main.cf", &main_cf)?;
    put("master.cf", &master_cf)?;
    set_main(&work, &settings(&instances.primary, instance))?;
    for name in ["main.cf", "master.cf"] {
        let to = directory.join(name);
        std::fs::rename(work.join(name), &to).map_err(|e| failed(&to, &e))?;
    }
    let _ = std::fs::remove_dir(&work);
    Ok(())
}

fn settings(primary: &Config, instance: &Instance) -> Vec<String> {
    let mut settings = vec![
        format!("queue_directory = {}", instance.queue),
        format!("data_directory = {}", instance.data),
        "authorized_submit_users =".to_owned(),
        "master_service_disable = inet".to_owned(),
    ];
    let set = SHARED.iter().filter_map(|name| Some((name, primary.literal(name)?)));
    settings.extend(set.map(|(name, value)| format!("{name} = {value}")));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_a_new_instance() {
        assert_eq!(
            beside("x", "/var/spool/postfix", "postfix-a"),
            Ok("/var/spool/postfix-a".into())
        );
        assert_eq!(beside("x", "/a//b///", "postfix-a"), Ok("/a/postfix-a".into()));
        assert_eq!(beside("x", "/b", "postfix-a"), Ok("/postfix-a".into()));
        assert!(beside("x", "b", "postfix-a").unwrap_err().contains("absolute"));
        assert_eq!(
            beside("queue_directory", "/b", ""),
            Err("Missing queue_directory parameter value".into())
        );
        let mut instance = Instance::default();
        assign_folder(&mut instance, Action::Create, "queue_directory=/q//").unwrap();
        assert_eq!(instance.queue, "/q");
        for word in
            ["queue_directory", "myhostname=/x", "config_directory=x", "config_directory=///"]
        {
            assert!(assign_folder(&mut instance, Action::Create, word).is_err(), "{word}");
        }
        assert!(assign_folder(&mut instance, Action::Import, "queue_directory=/q").is_err());
    }
}
