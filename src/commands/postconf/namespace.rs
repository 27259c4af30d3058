//! All names that postconf knows: those of the table, those that services of master.cf give rise
//! to, retired ones, and the administrator's own; and the values they have.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{COMMAND, Entry};
use super::options::{Mode, Options};
use super::{Outcome, Speaker};
use crate::config::expand::expand_except;
use crate::config::lines::{logical_lines, split_assignment};
use crate::config::parameter::KindOf;
use crate::config::{Config, Sources, main_cf, parameters, why};

/// What kind of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Builtin,
    Service,
    User,
    Legacy,
}

/// What is known about a name.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) class: Class,
    /// Not expanded.
    pub(super) raw: bool,
    /// Cannot be set.
    pub(super) read_only: bool,
    /// The default if it is not that of the table.
    pub(super) default: Option<String>,
}

impl Node {
    fn new(class: Class) -> Self {
        Self { class, raw: false, read_only: false, default: None }
    }
}

/// All names and values.
#[derive(Debug)]
pub(super) struct Namespace {
    /// main.cf with `-o` on top; nothing of that with `-d`.
    pub(super) config: Arc<Config>,
    /// What main.cf sets, less what is read-only.
    pub(super) settings: BTreeMap<String, String>,
    pub(super) names: BTreeMap<String, Node>,
    pub(super) services: Vec<Entry>,
    defaults_only: bool,
    non_default: bool,
}

const LEGACY: &[&str] = &[
    "authorized_verp_clients",
    "fallback_relay",
    "lmtp_per_record_deadline",
    "postscreen_blacklist_action",
    "postscreen_dnsbl_ttl",
    "postscreen_dnsbl_whitelist_threshold",
    "postscreen_whitelist_interfaces",
    "smtp_per_record_deadline",
    "smtpd_client_connection_limit_exceptions",
    "smtpd_per_record_deadline",
    "tlsproxy_client_level",
    "tlsproxy_client_policy",
    "virtual_maps",
];

/// What follows the name of a transport, and where its default comes from.
const PER_TRANSPORT: &[(&str, &str)] = &[
    ("recipient_limit", "default_recipient_limit"),
    ("extra_recipient_limit", "default_extra_recipient_limit"),
    ("recipient_refill_limit", "default_recipient_refill_limit"),
    ("recipient_refill_delay", "default_recipient_refill_delay"),
    ("delivery_slot_cost", "default_delivery_slot_cost"),
    ("delivery_slot_loan", "default_delivery_slot_loan"),
    ("delivery_slot_discount", "default_delivery_slot_discount"),
    ("minimum_delivery_slots", "default_minimum_delivery_slots"),
    ("initial_destination_concurrency", "initial_destination_concurrency"),
    ("destination_concurrency_limit", "default_destination_concurrency_limit"),
    ("destination_recipient_limit", "default_destination_recipient_limit"),
    (
        "destination_concurrency_positive_feedback",
        "default_destination_concurrency_positive_feedback",
    ),
    (
        "destination_concurrency_negative_feedback",
        "default_destination_concurrency_negative_feedback",
    ),
    (
        "destination_concurrency_failed_cohort_limit",
        "default_destination_concurrency_failed_cohort_limit",
    ),
    ("destination_rate_delay", "default_destination_rate_delay"),
    ("transport_rate_delay", "default_transport_rate_delay"),
];

impl Namespace {
    /// Reads main.cf and master.cf as far as the options ask for them.
    pub(super) fn read(options: &Options, speaker: &Speaker) -> Outcome<Self> {
        let directory = options.directory();
        let of_master = options.has(Mode::MASTER);
        let defaults_only = options.has(Mode::DEFAULTS) && !of_master;
        let master_path = directory.join("master.cf");
        let services =
            if of_master { Some(read_services(&master_path, true, speaker)?) } else { None };
        let mut settings = BTreeMap::new();
        if !defaults_only {
            if options.chosen_directory.is_some() {
                let text = directory.to_string_lossy().into_owned();
                settings.insert("config_directory".to_owned(), text);
            }
            settings.extend(read_main(&directory.join("main.cf"), speaker)?);
            for setting in &options.overrides {
                let (name, value) = split_assignment(setting)
                    .map_err(|why| format!("invalid parameter override: {setting}: {why}"))?;
                settings.insert(name.to_owned(), value.to_owned());
            }
        }
        let services = match services {
            Some(services) => services,
            None => read_services(&master_path, false, speaker)?,
        };
        let directory = if defaults_only { "/etc/postfix".into() } else { directory };
        let empty = Sources { directory, ..Sources::default() };
        let overrides: Vec<_> = settings.clone().into_iter().collect();
        let config = Config::parse(&empty).map_err(|problem| problem.text)?;
        let mut space = Self {
            config: config.with_overrides(&overrides),
            settings,
            names: builtin_names(speaker),
            services,
            defaults_only,
            non_default: options.has(Mode::NON_DEFAULT),
        };
        space.add_service_names();
        Ok(space)
    }

    fn add_service_names(&mut self) {
        let mut add = |service: &str, suffix: &str, default: &str| {
            let node = self.names.entry(format!("{service}_{suffix}")).or_insert_with(|| Node {
                default: Some(format!("${default}")),
                ..Node::new(Class::Service)
            });
            node.class = Class::Service;
        };
        for service in &self.services {
            let program = service.column(COMMAND);
            if matches!(program, "pipe" | "spawn") {
                add(service.column(0), "time_limit", "command_time_limit");
            }
            if matches!(program, "local" | "error" | "virtual" | "smtp" | "lmtp" | "pipe") {
                for (suffix, default) in PER_TRANSPORT {
                    add(service.column(0), suffix, default);
                }
            }
        }
    }

    /// Makes a name of the administrator's own known.
    pub(super) fn add_user_name(&mut self, name: &str) {
        self.names.entry(name.to_owned()).or_insert_with(|| Node::new(Class::User));
    }

    /// The default of a name, unexpanded.
    pub(super) fn default(&self, name: &str) -> Option<Cow<'_, str>> {
        let node = self.names.get(name)?;
        match &node.default {
            Some(text) => Some(Cow::Borrowed(text.as_str())),
            None => Some(self.config.preset(name).unwrap_or_default()),
        }
    }

    /// The value to show for a name, unexpanded, in the eyes of a service if one is given.
    pub(super) fn value<'a>(
        &'a self,
        name: &str,
        service: Option<&'a Entry>,
    ) -> Option<Cow<'a, str>> {
        self.lookup(name, service, self.non_default)
    }

    fn lookup<'a>(
        &'a self,
        name: &str,
        service: Option<&'a Entry>,
        non_default: bool,
    ) -> Option<Cow<'a, str>> {
        if self.defaults_only {
            return self.default(name);
        }
        let local = service.and_then(|service| {
            service.read_only(name).or_else(|| service.settings.get(name).map(String::as_str))
        });
        match local.or_else(|| self.settings.get(name).map(String::as_str)) {
            Some(text) => Some(Cow::Borrowed(text)),
            None if non_default => None,
            None => self.default(name),
        }
    }

    /// Expands a value for `-x`.
    pub(super) fn expand(
        &self,
        text: &str,
        service: Option<&Entry>,
        speaker: &Speaker,
    ) -> Outcome<String> {
        let result = expand_except(text, &|name| self.lookup(name, service, false), &|name| {
            self.names.get(name).is_some_and(|node| node.raw)
        });
        result.warnings.iter().for_each(|warning| speaker.warning(warning));
        if result.failed { Err("macro processing error".into()) } else { Ok(result.text) }
    }
}

fn builtin_names(speaker: &Speaker) -> BTreeMap<String, Node> {
    let mut names: BTreeMap<String, Node> = parameters::all()
        .map(|entry| {
            let raw = entry.kind() == KindOf::Raw;
            (entry.name().to_owned(), Node { raw, ..Node::new(Class::Builtin) })
        })
        .collect();
    for name in LEGACY {
        let node = Node { default: Some(String::new()), ..Node::new(Class::Legacy) };
        names.insert((*name).to_owned(), node);
    }
    for (name, default) in [
        ("process_name", speaker.name().to_owned()),
        ("service_name", String::new()),
        ("process_id", std::process::id().to_string()),
    ] {
        let node = Node { read_only: true, default: Some(default), ..Node::new(Class::Builtin) };
        names.insert(name.to_owned(), node);
    }
    names
}

fn read_text(path: &std::path::Path) -> Outcome<String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) => Err(format!("open {}: {}", path.display(), why(&e))),
    }
}

fn read_main(path: &std::path::Path, speaker: &Speaker) -> Outcome<BTreeMap<String, String>> {
    let text = read_text(path)?;
    let (settings, warnings) =
        main_cf::parse(&path.to_string_lossy(), &text).map_err(|problem| problem.text)?;
    warnings.iter().for_each(|warning| speaker.warning(warning));
    Ok(settings.into_iter().map(|(name, setting)| (name, setting.value)).collect())
}

/// Reads master.cf. If it is not what the command is about, it need not be there.
fn read_services(path: &std::path::Path, required: bool, speaker: &Speaker) -> Outcome<Vec<Entry>> {
    let text = match read_text(path) {
        Err(why) if !required => {
            speaker.warning(why);
            return Ok(Vec::new());
        }
        text => text?,
    };
    let name = path.to_string_lossy();
    logical_lines(&name, &text, |warning| speaker.warning(warning))
        .iter()
        .map(|line| {
            Entry::parse(&line.text, &mut |warning| speaker.warning(warning)).map_err(|why| {
                // A bad column shows the line itself, a bad count where it stands.
                if why == "bad field count" {
                    format!("file {name}: line {}: {why}", line.first)
                } else {
                    why
                }
            })
        })
        .collect()
}
