//! postscreen(8): tests in front of smtpd, for the services of master.cf that ask for them.
//!
//! ```text
//! client ─► postscreen ─┬─ known, or passes ─► the smtpd service behind it, same connection
//!                       └─ fails, or is new ─► built-in engine: 4xx, 5xx
//! ```
//!
//! What decides is pure: [`results`] (which tests, and until when they count), [`sites`] (what DNS
//! lists say) and [`engine`] (the dialogue). The rest carries bytes, names and time to it.

mod access;
mod clients;
pub mod command;
mod deep;
mod early;
pub mod engine;
mod lint;
mod lists;
mod passes;
mod reply;
pub mod results;
mod session;
mod settings;
pub mod sites;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use self::access::AccessList;
use self::clients::Clients;
use self::lists::Lists;
use self::passes::Passes;
use self::session::{Session, Who};
use self::settings::Settings;
use super::encryption::Encryption;
use super::listener::Room;
use super::upstream::{self, Proxy};
use crate::config::{Config, Problem, parameters as p};
use crate::dns::Resolver;
use crate::log::Log;
use crate::lookup::match_list::{HostList, StringList};
use crate::lookup::{Maps, Tables};
use crate::service::birth::{Birth, Life, Service};
use crate::service::logging::syslog_name;
use crate::tls::{Socket, Stream};
use crate::wire::proxy_protocol::Families;

pub(super) use lint::problems;

/// One service, ready to test clients.
#[derive(Debug)]
pub struct Screen {
    /// First column of master.cf.
    #[cfg_attr(not(feature = "ssl"), expect(dead_code, reason = "the log of TLS names it"))]
    name: String,
    settings: Settings,
    access: AccessList,
    /// `postscreen_allowlist_interfaces`
    interfaces: HostList,
    /// `postscreen_forbidden_commands`
    forbidden: StringList,
    /// `postscreen_command_filter`
    command_filter: Maps,
    /// `postscreen_discard_ehlo_keyword_address_maps`
    discard_ehlo: Maps,
    /// `postscreen_reject_footer_maps`
    footers: Maps,
    clients: Arc<Clients>,
    lists: Arc<Lists>,
    passes: Option<Arc<Passes>>,
    #[cfg_attr(not(feature = "ssl"), expect(dead_code, reason = "it takes TLS to encrypt"))]
    encryption: Encryption,
    /// The log of tlsproxy.
    tls_log: Log,
    log: Log,
    /// The service that the clients are handed to; none if master.cf has no such line.
    smtpd: Option<Arc<Room>>,
    told_of_words: AtomicBool,
    /// What is to be logged when the first client comes.
    warnings: Mutex<Vec<String>>,
    tables: Arc<Tables>,
}

/// What the screens of one process share: the places where they remember clients.
#[derive(Debug, Default)]
pub struct Common {
    passes: HashMap<String, Arc<Passes>>,
}

impl Common {
    /// The folders that have to be written to.
    pub fn folders(&self) -> Vec<PathBuf> {
        self.passes.values().filter_map(|passes| passes.folder()).collect()
    }

    /// Keeps all places in order until the process takes no more clients. The process has to
    /// live until `alive` has been dropped: then all has been written.
    pub fn keep(&self, life: &Life, alive: &tokio::sync::mpsc::Sender<()>) {
        for passes in self.passes.values() {
            let (keeping, alive) = (passes.clone().keep(life.clone()), alive.clone());
            tokio::spawn(async move {
                keeping.await;
                drop(alive);
            });
        }
    }
}

/// A screen that does not know yet to whom it hands its clients.
#[derive(Debug)]
pub struct Unfinished(Screen);

impl Unfinished {
    /// The service that its clients are handed to.
    pub fn smtpd_service(&self) -> &str {
        &self.0.settings.smtpd_service
    }

    /// How many clients may be connected at once, whatever they do.
    pub fn places(&self) -> usize {
        let Settings { pre_queue_limit, post_queue_limit, .. } = self.0.settings;
        match (pre_queue_limit, post_queue_limit) {
            (0, _) | (_, 0) => Semaphore::MAX_PERMITS,
            // Some more, so that those for whom there is no room are told so.
            (pre, post) => pre.saturating_add(post).saturating_add(TURNED_AWAY),
        }
        .min(Semaphore::MAX_PERMITS)
    }

    /// The screen in front of `smtpd`.
    pub fn finish(self, smtpd: Option<Arc<Room>>) -> Arc<Screen> {
        Arc::new(Screen { smtpd, ..self.0 })
    }
}

/// How many clients may be on their way out, or still behind their proxy's back.
const TURNED_AWAY: usize = 128;

/// Reads one postscreen line of master.cf. The error is what Postfix ends with.
pub fn prepare(
    birth: &Birth,
    line: &Service,
    resolver: &Arc<Resolver>,
    common: &mut Common,
) -> Result<Unfinished, String> {
    let (config, log) = (&line.config, &line.log);
    let text = |problem: Problem| problem.text;
    let tables = Tables::with_log(config.clone(), log.clone());
    let mut settings = Settings::read(config)?;
    let mut warnings = Vec::new();
    let encryption = encryption(config, &tables, &mut warnings)?;
    settings.rules.offers_tls = encryption.offered;
    settings.rules.requires_tls = encryption.required;
    settings.rules.has_tls = encryption.has_certificates();
    let maps = |parameter: &crate::config::parameter::Parameter<_>| {
        tables.maps(parameter.name, &config.text(parameter)).map_err(text)
    };
    let passes = match common.passes.get(&Passes::place(config)) {
        Some(passes) => Some(passes.clone()),
        None => Passes::open(config, settings.enabled, log)?,
    };
    if let Some(passes) = &passes {
        common.passes.insert(Passes::place(config), passes.clone());
    }
    let lists = lists(birth, config, &settings, resolver, maps(&p::postscreen_dnsbl_reply_map)?);
    let tls_config = birth.config_of_service(&config.text(&p::tlsproxy_service_name));
    Ok(Unfinished(Screen {
        name: line.line.name.clone(),
        access: AccessList::parse(config, &tables).map_err(text)?,
        interfaces: HostList::parse(
            &tables,
            p::postscreen_allowlist_interfaces.name,
            &config.text(&p::postscreen_allowlist_interfaces),
        )
        .map_err(text)?,
        forbidden: StringList::parse(
            &tables,
            p::postscreen_forbidden_commands.name,
            &config.text(&p::postscreen_forbidden_commands),
        )
        .map_err(text)?,
        command_filter: maps(&p::postscreen_command_filter)?,
        discard_ehlo: maps(&p::postscreen_discard_ehlo_keyword_address_maps)?,
        footers: maps(&p::postscreen_reject_footer_maps)?,
        clients: Clients::new(settings.pre_queue_limit, log.clone()),
        lists: Arc::new(lists),
        passes,
        encryption,
        tls_log: Log::new(&syslog_name(&tls_config), "tlsproxy"),
        log: log.clone(),
        smtpd: None,
        told_of_words: AtomicBool::new(false),
        warnings: Mutex::new(warnings),
        tables,
        settings,
    }))
}

fn lists(
    birth: &Birth,
    config: &Config,
    settings: &Settings,
    resolver: &Arc<Resolver>,
    names: Maps,
) -> Lists {
    let service = config.text(&p::dnsblog_service_name);
    let own = birth.config_of_service(&service);
    let line = birth.all_services.iter().find(|line| line.name == service);
    let limit = line.and_then(|line| line.maxproc).and_then(|most| usize::try_from(most).ok());
    let verbose = line.map_or(0, |line| line.verbose);
    Lists {
        sites: settings.sites.clone(),
        resolver: resolver.clone(),
        names,
        timeout: settings.dnsbl_timeout,
        delay: own.time(&p::dnsblog_reply_delay),
        log: Log::new(&syslog_name(&own), "dnsblog").with_verbose(verbose),
        places: limit.map(|most| Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
        open: Mutex::default(),
    }
}

/// The TLS of the built-in engine: `postscreen_tls_…` in the places of `smtpd_tls_…`.
fn encryption(
    config: &Arc<Config>,
    tables: &Tables,
    warnings: &mut Vec<String>,
) -> Result<Encryption, String> {
    let own = config.with_overrides(&tls_overrides(config));
    let levels = tables
        .maps("postscreen_tls_loglevel_maps", &own.text(&p::smtpd_tls_loglevel_maps))
        .map_err(|problem| problem.text)?;
    Encryption::read(&own, levels, warnings)
}

/// What the parameters of postscreen's TLS mean for those of smtpd's, by name and value.
pub fn tls_overrides(config: &Config) -> Vec<(String, String)> {
    let named = p::all().map(|entry| entry.name()).filter(|name| {
        name.starts_with("postscreen_tls_")
            || ["postscreen_use_tls", "postscreen_enforce_tls", "postscreen_starttls_timeout"]
                .contains(name)
    });
    let mut all: Vec<(String, String)> =
        named.map(|name| (name.replacen("postscreen_", "smtpd_", 1), config.value(name))).collect();
    all.push(("smtpd_tls_wrappermode".into(), "no".into()));
    all
}

impl Screen {
    /// Finds the keys of the certificates. Blocks.
    #[cfg(feature = "ssl")]
    pub fn open_keys(&self, holder: &Arc<crate::tls::remote::KeyHolder>) {
        if let Some(server) = &self.encryption.server {
            let complaints = server.open(holder);
            if let Ok(mut warnings) = self.warnings.lock() {
                warnings.extend(complaints);
            }
        }
    }

    /// Receives a client.
    pub async fn receive(self: Arc<Self>, mut stream: Stream, own: upstream::Addresses) {
        let log = self.log.session();
        self.tell_warnings();
        if let Some(passes) = &self.passes {
            passes.touch();
        }
        let mut addresses = Some(own);
        if self.settings.behind_proxy
            && let Stream::Plain(Socket::Tcp(tcp)) = &mut stream
        {
            let Settings { ipv4, ipv6, proxy_timeout: timeout, .. } = self.settings;
            let families = Families { ipv4, ipv6 };
            let proxy = Proxy { families, timeout, late: "time limit exceeded" };
            addresses = upstream::addresses(tcp, own, proxy, &log).await;
        }
        let Some((remote, local)) = addresses else {
            stream.write_now(b"421 4.3.2 No system resources\r\n");
            stream.end_now();
            return;
        };
        Session::begin(self, stream, Who::new(remote, local), log).run().await;
    }

    /// Logs, when the first client comes, what is wrong with settings and tables.
    fn tell_warnings(&self) {
        let Ok(mut warnings) = self.warnings.lock() else { return };
        if warnings.is_empty() {
            return;
        }
        let texts = std::mem::take(&mut *warnings);
        drop(warnings);
        for text in texts {
            self.log.warning(format_args!("{text}"));
        }
        self.tables.tell_all();
    }

    /// The word that respectful_logging chooses.
    fn word(&self, respectful: &'static str, other: &'static str) -> &'static str {
        if self.settings.respectful { respectful } else { other }
    }

    fn tell_of_words(&self, log: &Log, who: &Who) {
        if self.settings.tells_of_words && !self.told_of_words.swap(true, Ordering::Relaxed) {
            log.info(format_args!(
                "using backwards-compatible default setting respectful_logging=no for client {}",
                who.text
            ));
        }
    }
}

#[cfg(test)]
mod tests;
