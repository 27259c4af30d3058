//! The instances of this machine: the primary one, and those that its `multi_instance_directories`
//! lists.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::options::Selection;
use super::{Outcome, PRIMARY};
use crate::config::list::split_list;
use crate::config::{Config, parameters as p};
use crate::log::Log;

/// What all names of instances begin with, so that they look like nothing else of the system.
pub(super) const PREFIX: &str = "postfix-";

/// One mail system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Instance {
    /// `config_directory`
    pub(super) directory: String,
    /// `queue_directory`
    pub(super) queue: String,
    /// `data_directory`
    pub(super) data: String,
    /// `multi_instance_name`, or nothing.
    pub(super) name: String,
    /// `multi_instance_group`, or nothing.
    pub(super) group: String,
    /// `multi_instance_enable`
    pub(super) enabled: bool,
    /// Whether it is the primary one.
    pub(super) primary: bool,
}

impl Instance {
    /// What a main.cf says about its instance.
    pub(super) fn of(directory: &str, config: &Config) -> Self {
        Self {
            directory: directory.to_owned(),
            queue: config.text(&p::queue_directory),
            data: config.text(&p::data_directory),
            name: config.text(&p::multi_instance_name),
            group: config.text(&p::multi_instance_group),
            enabled: config.bool(&p::multi_instance_enable),
            primary: false,
        }
    }

    /// Whether it is meant. `-` is the primary one; the prefix of a name may be left out.
    pub(super) fn is_meant(&self, selection: &Selection) -> bool {
        match selection {
            Selection::None => false,
            Selection::All => true,
            Selection::Group(group) => !self.group.is_empty() && *group == self.group,
            Selection::Name(wanted) => {
                let own = match self.name.strip_prefix(PREFIX) {
                    _ if wanted.starts_with('/') || self.name.is_empty() => &self.directory,
                    Some(suffix) if !wanted.starts_with(PREFIX) => suffix,
                    _ => &self.name,
                };
                wanted == own || (self.primary && wanted == "-")
            }
        }
    }
}

/// All of them, the primary one first, and who has which name and folder.
#[derive(Debug)]
pub(super) struct Instances {
    /// The configuration of the primary one.
    pub(super) primary: Arc<Config>,
    /// The list; empty before [`Self::load`].
    pub(super) all: Vec<Instance>,
    claims: HashMap<String, String>,
}

impl Instances {
    /// The folders that all instances share must be there.
    pub(super) fn new(primary: Arc<Config>) -> Outcome<Self> {
        let mut instances = Self { primary, all: Vec::new(), claims: HashMap::new() };
        for parameter in
            [&p::command_directory, &p::daemon_directory, &p::meta_directory, &p::shlib_directory]
        {
            let (name, value) = (parameter.name, instances.primary.text(parameter));
            if !value.starts_with('/') {
                continue; // `no`
            }
            // Nothing here has shared libraries, so that their folder need not be there.
            let is_optional = name == p::shlib_directory.name;
            match std::fs::metadata(&value) {
                Err(_) if is_optional => continue,
                Err(e) => {
                    let why = crate::config::why(&e);
                    return Err(format!("{name} = '{value}': directory not found: {why}"));
                }
                Ok(found) if !found.is_dir() => {
                    return Err(format!("{name} = '{value}' is not a directory"));
                }
                // It is often one of the others.
                Ok(_) if name == p::meta_directory.name => {}
                Ok(_) => instances.claim(PRIMARY, name, &value)?,
            }
        }
        Ok(instances)
    }

    /// Reads the main.cf of each.
    pub(super) fn load(&mut self, log: &Log) -> Outcome<()> {
        let directories = self.primary.text(&p::multi_instance_directories);
        let directories = split_list(&directories);
        let mut primary = Instance::of(PRIMARY, &self.primary);
        primary.primary = true;
        // Alone, there is nothing that could start it instead.
        primary.enabled |= directories.is_empty();
        self.add(primary, &Selection::None)?;
        for directory in directories {
            self.add(read(directory, log)?, &Selection::None)?;
        }
        Ok(())
    }

    /// Adds one in front of the first secondary instance that is meant, or at the end.
    pub(super) fn add(&mut self, instance: Instance, before: &Selection) -> Outcome<()> {
        let directory = instance.directory.clone();
        if !instance.name.is_empty() {
            self.claim(&directory, "multi_instance_name", &instance.name)?;
        }
        self.claim(&directory, "config_directory", &directory)?;
        self.claim(&directory, "queue_directory", &instance.queue)?;
        self.claim(&directory, "data_directory", &instance.data)?;
        let place = self.all.iter().skip(1).position(|other| other.is_meant(before));
        match (place, before) {
            (Some(place), _) => self.all.insert(place + 1, instance),
            (None, Selection::None | Selection::All) => self.all.push(instance),
            (None, _) => return Err("No matching secondary instances".into()),
        }
        Ok(())
    }

    /// Registers who has a name or a folder: no two may have the same.
    pub(super) fn claim(&mut self, directory: &str, parameter: &str, value: &str) -> Outcome<()> {
        let owner = format!("{directory}, {parameter}");
        let first = self.claims.entry(value.to_owned()).or_insert_with(|| owner.clone());
        if *first == owner {
            return Ok(());
        }
        Err(format!(
            "instance {directory}, {parameter}={value} conflicts with instance {first}={value}"
        ))
    }

    /// Who has that name or folder.
    pub(super) fn owner(&self, value: &str) -> Option<&str> {
        self.claims.get(value).map(String::as_str)
    }

    /// The value of `multi_instance_directories` that fits the list.
    pub(super) fn directories(&self) -> String {
        let secondary = self.all.iter().filter(|instance| !instance.primary);
        secondary.map(|instance| instance.directory.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Reads the instance that is configured there.
pub(super) fn read(directory: &str, log: &Log) -> Outcome<Instance> {
    let config = Config::load_main(Path::new(directory)).map_err(|problem| {
        log.warning(format_args!("{}", problem.text));
        format!("Failed to obtain all required {directory}/main.cf parameters")
    })?;
    Ok(Instance::of(directory, &config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn config(main_cf: &str) -> Arc<Config> {
        let directory = PRIMARY.into();
        let sources = Sources { directory, main_cf: main_cf.into(), master_cf: String::new() };
        Config::parse(&sources).unwrap()
    }

    fn instance(name: &str, group: &str) -> Instance {
        let text = format!(
            "multi_instance_name = {name}\nmulti_instance_group = {group}\n\
             queue_directory = /q/{name}\ndata_directory = /d/{name}\n"
        );
        Instance::of(&format!("/etc/{name}"), &config(&text))
    }

    fn cluster() -> Instances {
        let mut instances =
            Instances { primary: config(""), all: Vec::new(), claims: HashMap::new() };
        let primary = Instance { primary: true, ..Instance::of(PRIMARY, &config("")) };
        instances.add(primary, &Selection::None).unwrap();
        instances.add(instance("postfix-a", "in"), &Selection::None).unwrap();
        instances.add(instance("postfix-b", "out"), &Selection::None).unwrap();
        instances
    }

    #[test]
    fn selection() {
        let instances = cluster();
        let meant = |selection: &Selection| {
            let all = instances.all.iter().filter(|instance| instance.is_meant(selection));
            all.map(|instance| instance.directory.as_str()).collect::<Vec<_>>().join(" ")
        };
        let name = |name: &str| meant(&Selection::Name(name.into()));
        assert_eq!(name("-"), PRIMARY);
        assert_eq!(
            (name("a"), name("postfix-a"), name("/etc/postfix-a")),
            ("/etc/postfix-a".into(), "/etc/postfix-a".into(), "/etc/postfix-a".into())
        );
        assert_eq!(name("c"), "");
        assert_eq!(meant(&Selection::Group("out".into())), "/etc/postfix-b");
        assert_eq!(meant(&Selection::All).split(' ').count(), 3);
    }

    #[test]
    fn places_and_claims() {
        let mut instances = cluster();
        instances.add(instance("postfix-c", ""), &Selection::Group("out".into())).unwrap();
        instances.add(instance("postfix-d", ""), &Selection::All).unwrap();
        assert_eq!(
            instances.directories(),
            "/etc/postfix-d /etc/postfix-a /etc/postfix-c /etc/postfix-b"
        );
        let other = instances.add(instance("postfix-e", ""), &Selection::Name("z".into()));
        assert_eq!(other, Err("No matching secondary instances".into()));
        let mut same = instance("postfix-f", "");
        same.queue = "/q/postfix-a".into();
        assert_eq!(
            instances.add(same, &Selection::None),
            Err("instance /etc/postfix-f, queue_directory=/q/postfix-a conflicts with instance \
                 /etc/postfix-a, queue_directory=/q/postfix-a"
                .into())
        );
        assert_eq!(instances.owner("postfix-b"), Some("/etc/postfix-b, multi_instance_name"));
    }
}
