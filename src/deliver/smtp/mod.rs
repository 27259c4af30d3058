//! smtp(8) and lmtp(8): mail to other servers.
//!
//! One process serves all smtp and lmtp lines of master.cf; each request of qmgr is a task.
//!
//! ```text
//! agent::serve ─ delivery::deliver ─┬─ servers      which servers, in which order
//!                                   ├─ idle         a connection that waits for mail, or
//!                                   ├─ connect      a new one
//!                                   ├─ handshake    greeting, EHLO
//!                                   ├─ login        AUTH
//!                                   └─ transaction  MAIL, RCPT, DATA; body: the content
//! ```
//!
//! [`attempt::Attempt`] holds who is left and why, and reports each recipient once.

pub mod attempt;
pub mod body;
pub mod connect;
pub mod connection;
pub mod content;
pub mod dane;
pub mod delivery;
pub mod destination;
pub mod downgrade;
pub mod encryption;
pub mod envelope;
pub mod extensions;
pub mod external;
pub mod handshake;
pub mod idle;
#[cfg(feature = "sasl")]
pub mod login;
#[cfg(not(feature = "sasl"))]
#[path = "no_login.rs"]
pub mod login;
pub mod mapping;
pub mod ports;
pub mod reason;
pub mod require_tls;
pub mod rewriting;
pub mod servers;
pub mod settings;
pub mod srv;
pub mod starttls;
pub mod tls_status;
#[cfg(feature = "tlsrpt")]
pub mod tlsrpt;
#[cfg(not(feature = "tlsrpt"))]
#[path = "no_tlsrpt.rs"]
pub mod tlsrpt;
pub mod transaction;

#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::delivery::Service;
use self::idle::Idle;
use self::settings::Settings;
use crate::config::parameters;
use crate::dns::{Probe, ReplyFilter, Resolver};
use crate::ipc::delivery::Request;
use crate::lookup::Tables;
use crate::service::agent::{self, Reporter};
use crate::service::birth::{self, Birth, Life};
use crate::service::pass::Passer;
use crate::service::profile::{Profile, RunAs, Threads};
use crate::spool::Reader;

/// What the process may do.
const PROFILE: Profile = Profile {
    name: "smtp",
    user: RunAs::MailOwner,
    writes: &["private"],
    executes: false,
    threads: Threads::PerProcessor,
    purpose: "sends mail to other servers",
};

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_millis(500);

/// What is open when the process begins to serve.
struct State {
    services: Vec<(Arc<Service>, Vec<OwnedFd>, Arc<Semaphore>)>,
    #[cfg(feature = "ssl")]
    keys: Arc<crate::tls::remote::KeyHolder>,
    idle: Arc<Idle>,
}

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    birth::run(&PROFILE, prepare, serve)
}

fn prepare(mut birth: Birth) -> Result<State, String> {
    let probe = Probe::parse(&birth.config.text(&parameters::dnssec_probe))?;
    let resolver = Resolver::with_probe(birth.log.clone(), probe);
    let idle = Arc::new(Idle::default());
    let reader = Arc::new(Reader::new(&birth.config.queue_directory()));
    let mut count = 0..;
    let services = birth.read_each(|birth, service| {
        let line = &service.line;
        let tables = Tables::new(service.config.clone());
        let lmtp = line.program == "lmtp";
        let settings = Settings::read(&service.config, &tables, lmtp, &line.arguments)
            .map_err(|problem| problem.text)?;
        if let Some(complaint) = &settings.reporting.complaint {
            service.log.warning(format_args!("{complaint}"));
        }
        if lmtp && service.config.bool(&crate::config::parameters::lmtp_assume_final) {
            service.log.warning(format_args!(
                "lmtp_assume_final is obsolete; instead, specify \"flags=X\" in master.cf"
            ));
        }
        #[cfg(feature = "ssl")]
        let settings = with_tls(settings, service);
        #[cfg(not(feature = "ssl"))]
        if settings.encryption.may_encrypt() {
            service.log.warning(format_args!(
                "TLS has been selected, but TLS support is not compiled in: build with the \
                 feature \"ssl\""
            ));
        }
        let filter = if lmtp { "lmtp_dns_reply_filter" } else { "smtp_dns_reply_filter" };
        let filter = ReplyFilter::open(&service.config, &tables, filter, &service.log)
            .map_err(|problem| problem.text)?;
        let sessions = line.maxproc.map_or(Semaphore::MAX_PERMITS, |max| max as usize);
        let shared = Service {
            number: count.next().unwrap_or_default(),
            name: line.name.clone(),
            settings,
            log: service.log.clone(),
            resolver: match filter {
                Some(filter) => resolver.filtered(filter),
                None => resolver.clone(),
            },
            reader: reader.clone(),
            idle: idle.clone(),
            passer: Passer::new(&service.config, &birth.all_services),
        };
        Ok((Arc::new(shared), Arc::new(Semaphore::new(sessions))))
    });
    let services = services
        .into_iter()
        .map(|(line, (service, sessions))| (service, line.sockets, sessions))
        .collect();
    Ok(State {
        services,
        #[cfg(feature = "ssl")]
        keys: crate::tls::remote::KeyHolder::of(&birth.config, birth.generation),
        idle,
    })
}

/// Reads what TLS needs, as long as files can be read.
#[cfg(feature = "ssl")]
fn with_tls(mut settings: Settings, service: &birth::Service) -> Settings {
    if settings.encryption.may_encrypt() {
        let prefix = if settings.lmtp { "lmtp" } else { "smtp" };
        settings.encryption.client =
            crate::tls::client::Client::prepare(&service.config, prefix, &service.log);
    }
    settings
}

/// Finds the keys of a service's own certificates, before its first delivery.
#[cfg(feature = "ssl")]
async fn open_keys(service: Arc<Service>, keys: Arc<crate::tls::remote::KeyHolder>) {
    // Should it panic, there is no TLS, and mail that needs it waits.
    let _ = tokio::task::spawn_blocking(move || {
        let complaints = service.settings.encryption.client.as_ref().map(|tls| tls.open(&keys));
        for complaint in complaints.unwrap_or_default() {
            service.log.warning(format_args!("{complaint}"));
        }
    })
    .await;
}

async fn serve(state: State, life: Life) {
    let sweeper = tokio::spawn(sweep(state.idle));
    let mut listeners = tokio::task::JoinSet::new();
    for (service, sockets, sessions) in state.services {
        #[cfg(feature = "ssl")]
        open_keys(service.clone(), state.keys.clone()).await;
        for socket in sockets {
            let (service, sessions, life) = (service.clone(), sessions.clone(), life.clone());
            listeners.spawn(listen(service, socket, sessions, life));
        }
    }
    while listeners.join_next().await.is_some() {}
    sweeper.abort();
}

async fn listen(service: Arc<Service>, socket: OwnedFd, sessions: Arc<Semaphore>, life: Life) {
    let (settings, log) = (service.settings.agent.clone(), service.log.clone());
    let deliver = move |request: Arc<Request>, reporter: Reporter| {
        let (service, sessions) = (service.clone(), sessions.clone());
        async move {
            // Never closed: an error cannot happen, and would mean no limit.
            let _permit = sessions.acquire().await;
            delivery::deliver(&service, &request, reporter).await;
        }
    };
    if let Err(e) = agent::serve(socket, life, settings, deliver).await {
        log.fatal(format_args!("listen: {}", crate::config::why(&e)));
    }
}

/// Closes connections that have waited long enough.
async fn sweep(idle: Arc<Idle>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        idle.sweep();
    }
}
