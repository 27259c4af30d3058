//! One smtpd line of master.cf: its settings, lists and tables, shared by its sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::anvil::{Anvil, Peaks};
use super::draft::Maildrop;
use super::encryption::Encryption;
use super::guesses::Guesses;
use super::lint;
use super::memory::Memory;
use super::peer::Directory;
use super::restriction::{List, Parser, Table, protects};
use super::sasl::Sasl;
use super::settings::Settings;
use crate::cleanup::Cleanup;
use crate::config::{Config, parameters as p, split_list};
use crate::dns::{ReplyFilter, Resolver};
use crate::log::Log;
use crate::lookup::match_list::{DomainList, HostList, StringList};
use crate::lookup::{Maps, Tables};
use crate::rewrite::Rewrite;
use crate::verify::{self, ProbeSender};

/// What all services of the process share.
#[derive(Debug)]
pub struct Shared {
    /// The resolver.
    pub resolver: Arc<Resolver>,
    /// Clients seen lately.
    pub directory: Directory,
    /// What clients did lately, by service.
    anvils: std::sync::Mutex<HashMap<String, Arc<Anvil>>>,
    /// The most that any of them did.
    pub peaks: Arc<Peaks>,
    /// Clients that guess passwords.
    pub guesses: Guesses,
    /// Free space in the queue, and when it was asked for.
    space: std::sync::Mutex<Option<(Instant, u64)>>,
}

impl Shared {
    /// With nothing remembered.
    pub fn new(resolver: Arc<Resolver>, config: &Config) -> Self {
        Self {
            directory: Directory::new(resolver.clone()),
            resolver,
            anvils: Default::default(),
            peaks: Arc::new(Peaks::new(config.time(&p::anvil_rate_time_unit))),
            guesses: Guesses::default(),
            space: Default::default(),
        }
    }

    /// The accounts of a service: one with stress and one without have the same.
    fn anvil(&self, service: &str, unit: Duration, prefixes: (u8, u8)) -> Arc<Anvil> {
        let mut anvils = self.anvils.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let new = || Arc::new(Anvil::new(service, unit, prefixes, self.peaks.clone()));
        anvils.entry(service.to_owned()).or_insert_with(new).clone()
    }
}

/// The restriction lists.
#[derive(Debug)]
pub struct Lists {
    pub client: List,
    pub helo: List,
    pub sender: List,
    pub relay: List,
    pub recipient: List,
    pub etrn: List,
    pub data: List,
    pub end_of_data: List,
    /// Lists by the names in smtpd_restriction_classes.
    pub classes: HashMap<String, List>,
    /// Those names.
    pub class_names: Vec<String>,
}

/// Tables and match lists of parameters.
#[derive(Debug)]
pub struct ServiceMaps {
    pub mynetworks: HostList,
    pub local_recipient: Maps,
    pub relay_recipient: Maps,
    pub virtual_mailbox: Maps,
    pub virtual_alias: Maps,
    pub sender_login: Maps,
    pub canonical: Maps,
    pub sender_canonical: Maps,
    pub recipient_canonical: Maps,
    pub rbl_reply: Maps,
    pub discard_ehlo: Maps,
    pub reject_footer: Maps,
    pub reject_filter: Maps,
    pub command_filter: Maps,
    pub relay_clientcerts: Maps,
    pub milters: Maps,
    pub permit_mx_backup_networks: HostList,
    pub event_exceptions: HostList,
    pub bare_lf_exclusions: HostList,
    pub verp_clients: HostList,
    pub xclient_hosts: HostList,
    pub xforward_hosts: HostList,
    pub debug_peers: HostList,
    pub noop_commands: StringList,
    pub forbidden_commands: StringList,
    pub fast_flush_domains: DomainList,
}

/// One way in which `local_header_rewrite_clients` names clients.
#[derive(Debug)]
pub enum LocalClients {
    /// permit_inet_interfaces
    InetInterfaces,
    /// permit_mynetworks
    Mynetworks,
    /// check_address_map
    Table(Table),
    /// permit_sasl_authenticated
    Authenticated,
    /// permit_tls_clientcerts, or permit_tls_all_clientcerts.
    Certified {
        /// Any certificate of a trusted authority will do.
        all: bool,
    },
    /// Nothing that Postfix knows.
    Unknown(String),
}

/// One service.
#[derive(Debug)]
pub struct Service {
    /// First column of master.cf.
    pub name: String,
    /// Its settings.
    pub settings: Settings,
    /// Its TLS.
    pub encryption: Encryption,
    /// Its restriction lists.
    pub lists: Arc<Lists>,
    /// Its tables.
    pub maps: ServiceMaps,
    /// SASL, if it is enabled.
    pub sasl: Option<Sasl>,
    /// `smtpd_log_access_permit_actions`
    pub permit_log: StringList,
    /// `local_header_rewrite_clients`
    pub local_clients: Vec<LocalClients>,
    /// Rewriting and resolving by its configuration.
    pub rewrite: Arc<Rewrite>,
    /// Where its mail goes.
    pub intake: Intake,
    /// What its clients did lately.
    pub anvil: Arc<Anvil>,
    /// What it shares with the other services.
    pub shared: Arc<Shared>,
    /// The way to the address verification.
    pub verify: verify::Client,
    /// Whose mail is not checked: the sender of address probes. The error is logged when it is
    /// needed, as in Postfix.
    pub probe_sender: Result<ProbeSender, String>,
    /// Name service, as `smtpd_dns_reply_filter` leaves it.
    pub resolver: Arc<Resolver>,
    /// The log of cleanup, which has a `syslog_name` of its own.
    pub cleanup_log: Log,
    /// What the first session is to log: Postfix says it when the program starts.
    first_warnings: std::sync::Mutex<Option<Vec<String>>>,
    /// What its sessions may take.
    pub memory: Memory,
    tables: Arc<Tables>,
    mx_backup_warned: AtomicBool,
}

/// Where mail goes.
#[derive(Debug)]
pub enum Intake {
    /// Through cleanup into the queue.
    Queue(Arc<Cleanup>),
    /// Into the maildrop: stand-alone mode.
    Maildrop(Maildrop),
}

/// A service that waits for its spool.
pub type Unfinished = Box<dyn FnOnce(Intake) -> Service + Send>;

/// How long an answer about free space is good.
const SPACE_FRESH: Duration = Duration::from_secs(1);

impl Service {
    /// Reads everything of one service; what is left to come is its spool.
    pub fn prepare(
        name: &str,
        config: &Arc<Config>,
        tables: &Arc<Tables>,
        (rewrite, cleanup_log): (Arc<Rewrite>, Log),
        shared: Arc<Shared>,
        log: &Log,
    ) -> Result<Unfinished, String> {
        let settings = Settings::read(config, log)?;
        // In Postfix a bad value ends anvil, and nothing is counted: no reason to serve nobody.
        let unit = config.with_overrides(&[]).time(&p::anvil_rate_time_unit);
        let limits = settings.client_limits;
        let string = |problem: crate::config::Problem| problem.text;
        let name = name.to_owned();
        let mut ignored = Vec::new();
        let loglevel_maps = tables
            .maps("smtpd_tls_loglevel_maps", &config.text(&p::smtpd_tls_loglevel_maps))
            .map_err(string)?;
        let encryption = Encryption::read(config, loglevel_maps, &mut ignored)?;
        let lists = Arc::new(lists(config, tables, log, &mut ignored)?);
        let maps = maps(config, tables).map_err(string)?;
        let sasl = Sasl::open(config, tables, log).map_err(string)?;
        let permit_log = StringList::parse(
            tables,
            "smtpd_log_access_permit_actions",
            &config.text(&p::smtpd_log_access_permit_actions),
        )
        .map_err(string)?;
        let local_clients = local_clients(config, tables).map_err(string)?;
        let tables = tables.clone();
        let filter = p::smtpd_dns_reply_filter.name;
        let resolver = match ReplyFilter::open(config, &tables, filter, log).map_err(string)? {
            Some(filter) => shared.resolver.filtered(filter),
            None => shared.resolver.clone(),
        };
        let anvil = shared.anvil(&name, unit, (limits.ipv4_prefix, limits.ipv6_prefix));
        let private = config.queue_directory().join("private");
        let verify_socket = private.join(config.text(&p::address_verify_service_name));
        let probe_sender = ProbeSender::read(config, &rewrite);
        let memory = Memory::new(config.count(&p::smtpd_memory_limit));
        Ok(Box::new(move |intake| Self {
            name,
            settings,
            encryption,
            lists,
            maps,
            sasl,
            permit_log,
            local_clients,
            rewrite,
            intake,
            anvil,
            shared,
            verify: verify::Client::new(verify_socket),
            probe_sender,
            resolver,
            cleanup_log,
            first_warnings: std::sync::Mutex::new(Some(ignored)),
            memory,
            tables,
            mx_backup_warned: AtomicBool::new(false),
        }))
    }

    /// Free bytes in the queue's file system; none if nobody can tell.
    pub fn free_space(&self) -> Option<u64> {
        if matches!(self.intake, Intake::Maildrop(_)) {
            return None;
        }
        let mut space = self.shared.space.lock().ok()?;
        if let Some((when, free)) = *space
            && when.elapsed() < SPACE_FRESH
        {
            return Some(free);
        }
        let stat = nix::sys::statvfs::statvfs(&self.settings.queue_directory).ok()?;
        let free = stat.blocks_available() * stat.fragment_size();
        *space = Some((Instant::now(), free));
        Some(free)
    }

    /// Logs, in the first session, what is wrong with lists and tables.
    pub(super) fn log_first_warnings(&self, log: &Log) {
        let Ok(mut waiting) = self.first_warnings.lock() else { return };
        let Some(texts) = waiting.take() else { return };
        drop(waiting);
        for text in texts {
            log.warning(format_args!("{text}"));
        }
        self.tables.tell_all();
    }

    /// Adds to what the first session logs.
    #[cfg(feature = "ssl")]
    fn warn_at_first(&self, warnings: Vec<String>) {
        if let Ok(mut texts) = self.first_warnings.lock() {
            texts.get_or_insert_default().extend(warnings);
        }
    }

    /// Finds the keys of its certificates. Blocks.
    #[cfg(feature = "ssl")]
    pub(super) fn open_keys(&self, holder: &Arc<crate::tls::remote::KeyHolder>) {
        if let Some(server) = &self.encryption.server {
            self.warn_at_first(server.open(holder));
        }
    }

    /// True the first time.
    pub(super) fn warn_mx_backup_once(&self) -> bool {
        !self.mx_backup_warned.swap(true, Ordering::Relaxed)
    }
}

fn lists(
    config: &Arc<Config>,
    tables: &Tables,
    log: &Log,
    ignored: &mut Vec<String>,
) -> Result<Lists, String> {
    let class_text = config.text(&p::smtpd_restriction_classes);
    let class_names: Vec<String> = split_list(&class_text).into_iter().map(str::to_owned).collect();
    let mut parser = Parser::new(config, tables, &class_names);
    let mut named = Vec::new();
    let mut classes = HashMap::new();
    for class in &class_names {
        let value = config.value(class);
        if value.is_empty() {
            return Err(format!("restriction class `{class}' needs a definition"));
        }
        let list = parser.parse(&value).map_err(|p| p.text)?;
        named.push((class.clone(), list.clone()));
        classes.insert(class.clone(), list);
    }
    let mut list =
        |parameter: &crate::config::parameter::Parameter<crate::config::parameter::kinds::Text>| {
            let list = parser.parse(&config.text(parameter)).map_err(|p| p.text)?;
            named.push((parameter.name.to_owned(), list.clone()));
            Ok::<_, String>(list)
        };
    let lists = Lists {
        client: list(&p::smtpd_client_restrictions)?,
        helo: list(&p::smtpd_helo_restrictions)?,
        sender: list(&p::smtpd_sender_restrictions)?,
        relay: list(&p::smtpd_relay_restrictions)?,
        recipient: list(&p::smtpd_recipient_restrictions)?,
        etrn: list(&p::smtpd_etrn_restrictions)?,
        data: list(&p::smtpd_data_restrictions)?,
        end_of_data: list(&p::smtpd_end_of_data_restrictions)?,
        classes,
        class_names: class_names.clone(),
    };
    for (name, list) in named {
        let place = config.place(&name).map(|place| format!("{place}: ")).unwrap_or_default();
        for problem in lint::in_list(&name, &list) {
            log.info(format_args!("{place}{problem}"));
        }
    }
    let is_safe = protects(&lists.recipient, &lists.classes, ignored)
        || protects(&lists.relay, &lists.classes, ignored);
    if !is_safe {
        return Err("in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, \
                    specify at least one working instance of: reject_unauth_destination, \
                    defer_unauth_destination, reject, defer, defer_if_permit or \
                    check_relay_domains"
            .into());
    }
    Ok(lists)
}

fn maps(config: &Config, tables: &Tables) -> Result<ServiceMaps, crate::config::Problem> {
    type TextParameter = crate::config::parameter::Parameter<crate::config::parameter::kinds::Text>;
    let map = |parameter: &TextParameter| tables.maps(parameter.name, &config.text(parameter));
    let hosts = |parameter: &TextParameter| {
        HostList::parse(tables, parameter.name, &config.text(parameter))
    };
    let words = |parameter: &TextParameter| {
        StringList::parse(tables, parameter.name, &config.text(parameter))
    };
    Ok(ServiceMaps {
        mynetworks: hosts(&p::mynetworks)?,
        local_recipient: map(&p::local_recipient_maps)?,
        relay_recipient: map(&p::relay_recipient_maps)?,
        virtual_mailbox: map(&p::virtual_mailbox_maps)?,
        virtual_alias: map(&p::virtual_alias_maps)?,
        sender_login: map(&p::smtpd_sender_login_maps)?,
        canonical: map(&p::canonical_maps)?,
        sender_canonical: map(&p::sender_canonical_maps)?,
        recipient_canonical: map(&p::recipient_canonical_maps)?,
        rbl_reply: map(&p::rbl_reply_maps)?,
        discard_ehlo: map(&p::smtpd_discard_ehlo_keyword_address_maps)?,
        reject_footer: map(&p::smtpd_reject_footer_maps)?,
        reject_filter: map(&p::smtpd_reject_filter_maps)?,
        command_filter: map(&p::smtpd_command_filter)?,
        relay_clientcerts: map(&p::relay_clientcerts)?,
        milters: map(&p::smtpd_milter_maps)?,
        permit_mx_backup_networks: hosts(&p::permit_mx_backup_networks)?,
        event_exceptions: hosts(&p::smtpd_client_event_limit_exceptions)?,
        // The parameter's own style is that of mynetworks.
        bare_lf_exclusions: HostList::parse(
            tables,
            "mynetworks",
            &config.text(&p::smtpd_forbid_bare_newline_exclusions),
        )?,
        verp_clients: hosts(&p::smtpd_authorized_verp_clients)?,
        xclient_hosts: hosts(&p::smtpd_authorized_xclient_hosts)?,
        xforward_hosts: hosts(&p::smtpd_authorized_xforward_hosts)?,
        debug_peers: hosts(&p::debug_peer_list)?,
        noop_commands: words(&p::smtpd_noop_commands)?,
        forbidden_commands: words(&p::smtpd_forbidden_commands)?,
        fast_flush_domains: DomainList::parse(
            tables,
            p::fast_flush_domains.name,
            &config.text(&p::fast_flush_domains),
        )?,
    })
}

fn local_clients(
    config: &Config,
    tables: &Tables,
) -> Result<Vec<LocalClients>, crate::config::Problem> {
    let text = config.text(&p::local_header_rewrite_clients);
    let mut clients = Vec::new();
    for word in split_list(&text) {
        clients.push(match word.to_ascii_lowercase().as_str() {
            "permit_inet_interfaces" => LocalClients::InetInterfaces,
            "permit_mynetworks" => LocalClients::Mynetworks,
            "check_address_map" => continue,
            "permit_sasl_authenticated" => LocalClients::Authenticated,
            "permit_tls_clientcerts" => LocalClients::Certified { all: false },
            "permit_tls_all_clientcerts" => LocalClients::Certified { all: true },
            _ if word.contains(':') => LocalClients::Table(Table {
                name: word.to_owned(),
                maps: tables.maps("local_header_rewrite_clients", word)?,
            }),
            _ => LocalClients::Unknown(word.to_owned()),
        });
    }
    Ok(clients)
}
