//! qmqpd(8): mail from listed clients by QMQP, one message a connection.
//!
//! ```text
//! master.cf line ─► Qmqp (settings, list of clients)
//! client ─► session ─► packet ─► cleanup ─► spool ─► qmgr
//! ```

mod packet;
mod session;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::session::Session;
use super::accept::{Client, Listener, accept_all, survive};
use super::peer::Naming;
use super::service::Shared;
use super::settings::skip;
use crate::cleanup::{Cleanup, Prepared, Skip};
use crate::config::{Config, Problem, parameters as p};
use crate::log::{Level, Log};
use crate::lookup::Tables;
use crate::lookup::match_list::HostList;
use crate::rewrite::Rewrite;
use crate::service::birth::{Birth, Life, Service};
use crate::service::intake::QueueClient;
use crate::spool::Writer;

/// The parameters of one service.
#[derive(Debug)]
pub struct Settings {
    /// `qmqpd_authorized_clients`
    clients: HostList,
    /// `debug_peer_list`
    debug_peers: HostList,
    debug_peer_level: u32,
    naming: Naming,
    /// `qmqpd_timeout`
    timeout: Duration,
    /// `qmqpd_error_delay`
    error_delay: Duration,
    soft_bounce: bool,
    /// `message_size_limit`, or what one session may keep in memory where there is none.
    message_limit: usize,
    /// `line_length_limit`
    address_limit: usize,
    /// `receive_override_options`
    skip: Skip,
    content_filter: Option<String>,
    myhostname: String,
    mail_name: String,
    /// `verp_delimiter_filter`
    verp_filter: String,
}

/// One service.
#[derive(Debug)]
pub struct Qmqp {
    settings: Settings,
    cleanup: Arc<Cleanup>,
    shared: Arc<Shared>,
    log: Log,
}

/// A service that waits for its spool.
#[derive(Debug)]
pub struct Unfinished {
    settings: Settings,
    cleanup: Prepared,
    shared: Arc<Shared>,
}

/// A service and its sockets.
#[derive(Debug)]
pub struct QmqpDoor {
    /// The service.
    pub service: Unfinished,
    /// Its line of master.cf.
    pub line: Service,
}

/// What a message may take in memory where `message_size_limit` is 0: QMQP has it in one piece, and
/// before its sender.
const UNLIMITED: usize = 256 << 20;

/// Reads one qmqpd line of master.cf. The error is what Postfix ends with.
pub fn prepare(birth: &Birth, line: &Service, shared: &Arc<Shared>) -> Result<Unfinished, String> {
    let (config, log) = (&line.config, &line.log);
    if let Some(word) = line.line.arguments.first() {
        return Err(format!("unexpected command-line argument: {word}"));
    }
    let string = |problem: Problem| problem.text;
    let tables = Tables::with_log(config.clone(), log.clone());
    let rewrite_config = birth.config_of_service("rewrite");
    let cleanup_config = birth.config_of_service(&config.text(&p::cleanup_service_name));
    let rewrite = Rewrite::new(&rewrite_config, &tables).map_err(string)?;
    let cleanup = Cleanup::prepare(&cleanup_config, &tables, rewrite).map_err(string)?;
    let settings = Settings::read(config, &tables)?;
    Ok(Unfinished { settings, cleanup, shared: shared.clone() })
}

impl Settings {
    fn read(config: &Config, tables: &Tables) -> Result<Self, String> {
        let hosts = |title: &str, text: &str| {
            HostList::parse(tables, title, text).map_err(|problem| problem.text)
        };
        let filter = config.text(&p::content_filter);
        let limit = config.count(&p::message_size_limit);
        Ok(Self {
            clients: hosts(
                p::qmqpd_authorized_clients.name,
                &config.text(&p::qmqpd_authorized_clients),
            )?,
            debug_peers: hosts(p::debug_peer_list.name, &config.text(&p::debug_peer_list))?,
            debug_peer_level: u32::try_from(config.int(&p::debug_peer_level)).unwrap_or(0),
            naming: Naming { look_up: true, with_port: config.bool(&p::qmqpd_client_port_logging) },
            timeout: config.time(&p::qmqpd_timeout),
            error_delay: config.time(&p::qmqpd_error_delay),
            soft_bounce: config.bool(&p::soft_bounce),
            message_limit: if limit > 0 { limit } else { UNLIMITED },
            address_limit: config.count(&p::line_length_limit).max(1),
            skip: skip(&config.text(&p::receive_override_options))?,
            content_filter: (!filter.is_empty()).then_some(filter),
            myhostname: config.text(&p::myhostname),
            mail_name: config.text(&p::mail_name),
            verp_filter: config.text(&p::verp_delimiter_filter),
        })
    }
}

impl QmqpDoor {
    /// Accepts clients at all sockets, in tasks of their own, until the process drains. `alive` is
    /// kept by all that goes on.
    pub fn open(
        self,
        writer: &Arc<Writer>,
        queue: &Arc<QueueClient>,
        life: &Life,
        alive: &tokio::sync::mpsc::Sender<()>,
    ) {
        let Self { service: Unfinished { settings, cleanup, shared }, line } = self;
        let Service { line, sockets, log, .. } = line;
        let most = line.maxproc.and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(most));
        let cleanup = cleanup.with(writer.clone(), Some(queue.clone()));
        let qmqp = Arc::new(Qmqp { settings, cleanup, shared, log });
        for socket in sockets {
            let (qmqp, places) = (qmqp.clone(), places.clone());
            let (life, alive) = (life.clone(), alive.clone());
            tokio::spawn(async move {
                let log = qmqp.log.clone();
                match Listener::new(socket, line.kind) {
                    Ok(listener) => {
                        accept_all(listener, &places, life, &log, |client, place| {
                            let serving = serve(qmqp.clone(), client);
                            let alive = alive.clone();
                            tokio::spawn(async move {
                                serving.await;
                                drop((place, alive));
                            });
                        })
                        .await;
                    }
                    Err(e) => log.fatal(format_args!("accept connection: {e}")),
                }
            });
        }
    }
}

async fn serve(qmqp: Arc<Qmqp>, client: Client) {
    let log = qmqp.log.session();
    let session = async {
        Session::begin(&qmqp, client, log.clone()).await.run().await;
    };
    if let Err(text) = survive(Box::pin(session)).await {
        log.line(Level::Panic, format_args!("{text}"));
    }
}
