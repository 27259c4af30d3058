//! The birth of the process: services are read, then their sockets are served.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::accept::{Client, Listener, accept_all, survive};
use super::anvil::Peaks;
use super::handed;
use super::lobby::ScreenDoor;
use super::memory::Memory;
use super::passed::Passed;
use super::peer::{Directory, Peer};
use super::postscreen;
use super::qmqp::{self, QmqpDoor};
use super::service::{Intake, Service, Shared};
use super::session::Session;
use super::settings::Settings;
use super::upstream::{self, Proxy};
use crate::cleanup::Cleanup;
use crate::config::master_cf::SocketKind;
use crate::config::{Config, parameters as p};
use crate::dns::Resolver;
use crate::log::{Level, Log};
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::service::birth::{self, Birth, Life};
use crate::service::intake::QueueClient;
use crate::service::logging::syslog_name;
use crate::spool::Writer;
use crate::tls::{Socket, Stream};
use crate::wire::proxy_protocol::Families;

/// Everything that is ready before confinement.
pub struct State {
    doors: Vec<Door>,
    screens: Vec<ScreenDoor>,
    qmqp: Vec<QmqpDoor>,
    common: postscreen::Common,
    statistics: Statistics,
    #[cfg(feature = "ssl")]
    keys: Arc<crate::tls::remote::KeyHolder>,
    queue_directory: PathBuf,
    log: Log,
}

/// When and where the statistics of clients are reported.
struct Statistics {
    peaks: Arc<Peaks>,
    every: Duration,
    idle: Duration,
    log: Log,
}

/// One service and its sockets.
struct Door {
    services: Pair<Unfinished>,
    sockets: Vec<OwnedFd>,
    kind: SocketKind,
    name: String,
    most: Option<u32>,
    memory: Memory,
    /// How many sessions may go on at once.
    places: Arc<Semaphore>,
    log: Log,
    master_log: Log,
}

/// What a line of master.cf is.
enum Line {
    Smtpd(Pair<Unfinished>),
    Postscreen(Box<postscreen::Unfinished>),
    Qmqp(Box<qmqp::Unfinished>),
}

/// A service, and the same under `stress = yes` for when all sessions are taken.
#[derive(Debug)]
struct Pair<T> {
    calm: T,
    stressed: Option<T>,
}

/// How long a message that is being stored has when the system stops.
const GRACE: Duration = Duration::from_millis(300);

/// How long stress goes on after all places were taken.
const STRESS: Duration = Duration::from_secs(1000);

/// How often the statistics are looked at.
const TICK: Duration = Duration::from_secs(5);

/// Reads every service.
pub fn prepare(mut birth: Birth) -> Result<State, String> {
    // In Postfix a bad value of anvil's ends anvil, and nothing is counted: no reason to serve nobody.
    let anvil = birth.config.with_overrides(&[]);
    let shared = Arc::new(Shared::new(Resolver::with_log(birth.log.clone()), &anvil));
    let mut common = postscreen::Common::default();
    let lines = birth.read_each(|birth, line| match line.line.program.as_str() {
        "postscreen" => postscreen::prepare(birth, line, &shared.resolver, &mut common)
            .map(|screen| Line::Postscreen(Box::new(screen))),
        "qmqpd" => qmqp::prepare(birth, line, &shared).map(|service| Line::Qmqp(Box::new(service))),
        _ => prepare_line(birth, line, &shared).map(Line::Smtpd),
    });
    for folder in common.folders() {
        birth.writes_to(folder);
    }
    let queue_directory = birth.config.queue_directory();
    let max_idle = birth.config.time(&p::max_idle);
    let statistics = Statistics {
        peaks: shared.peaks.clone(),
        every: anvil.time(&p::anvil_status_update_time),
        idle: max_idle + max_idle.max(anvil.time(&p::anvil_rate_time_unit)),
        log: Log::new(&syslog_name(&birth.config_of_service("anvil")), "anvil"),
    };
    let master_log = Log::new(&syslog_name(&birth.config), "master");
    let mut screens = Vec::new();
    let mut qmqp = Vec::new();
    let mut doors = Vec::new();
    for (line, prepared) in lines {
        let services = match prepared {
            Line::Smtpd(services) => services,
            Line::Postscreen(screen) => {
                let birth::Service { line, sockets, log, .. } = line;
                screens.push(ScreenDoor { screen: *screen, sockets, kind: line.kind, log });
                continue;
            }
            Line::Qmqp(service) => {
                qmqp.push(QmqpDoor { service: *service, line });
                continue;
            }
        };
        let memory = Memory::new(line.config.count(&p::smtpd_memory_limit));
        let allowed = line.line.maxproc.and_then(|most| usize::try_from(most).ok());
        let places =
            allowed.unwrap_or(usize::MAX).min(memory.sessions()).clamp(1, Semaphore::MAX_PERMITS);
        doors.push(Door {
            services,
            kind: line.line.kind,
            name: line.line.name,
            most: line.line.maxproc,
            memory,
            places: Arc::new(Semaphore::new(places)),
            sockets: line.sockets,
            log: line.log,
            master_log: master_log.clone(),
        });
    }
    Ok(State {
        doors,
        screens,
        qmqp,
        common,
        statistics,
        #[cfg(feature = "ssl")]
        keys: crate::tls::remote::KeyHolder::of(&birth.config, birth.generation),
        queue_directory,
        log: birth.log,
    })
}

fn prepare_line(
    birth: &Birth,
    line: &birth::Service,
    shared: &Arc<Shared>,
) -> Result<Pair<Unfinished>, String> {
    let calm = prepare_service(birth, line, &line.config, shared)?;
    let is_set = !line.config.text(&p::stress).is_empty();
    if is_set || line.line.maxproc.is_none() || line.line.kind != SocketKind::Inet {
        return Ok(Pair { calm, stressed: None });
    }
    let stress = ("stress".to_owned(), "yes".to_owned());
    let stressed = prepare_service(birth, line, &line.config.with_overrides(&[stress]), shared)?;
    Ok(Pair { calm, stressed: Some(stressed) })
}

fn prepare_service(
    birth: &Birth,
    line: &birth::Service,
    config: &Arc<Config>,
    shared: &Arc<Shared>,
) -> Result<Unfinished, String> {
    let tables = Tables::with_log(config.clone(), line.log.clone());
    let string = |problem: crate::config::Problem| problem.text;
    // `-o` of smtpd concerns smtpd; the other parts have lines of their own in master.cf.
    let rewrite_config = birth.config_of_service("rewrite");
    let cleanup_config = birth.config_of_service(&config.text(&p::cleanup_service_name));
    let rewrite = Rewrite::new(&rewrite_config, &tables).map_err(string)?;
    let cleanup = Cleanup::prepare(&cleanup_config, &tables, rewrite.clone()).map_err(string)?;
    let cleanup_log = Log::new(&syslog_name(&cleanup_config), "cleanup");
    let stages = (rewrite, cleanup_log);
    let prepared =
        Service::prepare(&line.line.name, config, &tables, stages, shared.clone(), &line.log)?;
    Ok(Box::new(|writer, queue| prepared(Intake::Queue(cleanup.with(writer, Some(queue))))))
}

/// A service that waits for its spool.
type Unfinished = Box<dyn FnOnce(Arc<Writer>, Arc<QueueClient>) -> Service + Send>;

/// Accepts clients until the system stops, then waits for the sessions that are left.
pub async fn serve(state: State, mut life: Life) {
    let writer = match Writer::open(&state.queue_directory) {
        Ok(writer) => writer,
        Err(e) => {
            state.log.fatal(format_args!("{e}"));
            return;
        }
    };
    let queue = QueueClient::start(&state.queue_directory, writer.clone());
    let (at_most, statistics) = state.statistics.start();
    let (alive, mut all_gone) = tokio::sync::mpsc::channel::<()>(1);
    let mut rooms = Vec::new();
    for door in state.doors {
        let finish = |service: Unfinished| {
            let mut service = service(writer.clone(), queue.clone());
            // In calm and under stress the same.
            service.memory = door.memory.clone();
            Arc::new(service)
        };
        let Pair { calm, stressed } = door.services;
        let room = Arc::new(Room {
            services: Pair { calm: finish(calm), stressed: stressed.map(finish) },
            name: door.name.clone(),
            title: title(&door.name, door.sockets.first()),
            most: door.most,
            places: door.places,
            crowded: Mutex::default(),
            log: door.log,
            master_log: door.master_log,
            alive: alive.clone(),
        });
        rooms.push(room.clone());
        #[cfg(feature = "ssl")]
        let keys = state.keys.clone();
        let (sockets, life, kind) = (door.sockets, life.clone(), door.kind);
        tokio::spawn(async move {
            #[cfg(feature = "ssl")]
            room.open_keys(keys).await;
            for socket in sockets {
                let (room, life) = (room.clone(), life.clone());
                tokio::spawn(async move {
                    if let Err(e) = listen(socket, kind, &room, life).await {
                        room.log.fatal(format_args!("accept connection: {e}"));
                    }
                });
            }
        });
    }
    state.common.keep(&life, &alive);
    for door in state.screens {
        let behind = rooms.iter().find(|room| room.name == door.screen.smtpd_service()).cloned();
        let (lobby, sockets) = door.enter(behind, alive.clone());
        #[cfg(feature = "ssl")]
        let keys = state.keys.clone();
        let life = life.clone();
        tokio::spawn(async move {
            #[cfg(feature = "ssl")]
            lobby.open_keys(keys).await;
            lobby.open(sockets, &life);
        });
    }
    for door in state.qmqp {
        door.open(&writer, &queue, &life, &alive);
    }
    drop((alive, rooms));
    life.drained().await;
    statistics.abort();
    at_most.0.report(&at_most.1);
    tokio::select! {
        _ = all_gone.recv() => {}
        () = async {
            life.stopped().await;
            tokio::time::sleep(GRACE).await;
        } => {}
    }
}

impl Statistics {
    /// Begins to tell the log; and what is to be told at the end.
    fn start(self) -> ((Arc<Peaks>, Log), tokio::task::JoinHandle<()>) {
        let at_the_end = (self.peaks.clone(), self.log.clone());
        (at_the_end, tokio::spawn(statistics(self)))
    }
}

/// Tells the log now and then what clients did at most: `anvil_status_update_time`, and once when
/// they have been gone for as long as smtpd and then anvil would wait for more in Postfix.
async fn statistics(Statistics { peaks, every, idle, log }: Statistics) {
    let mut due = Instant::now() + every;
    loop {
        tokio::time::sleep(TICK).await;
        let now = Instant::now();
        if now >= due || now.duration_since(peaks.last_touched()) >= idle {
            peaks.report(&log);
        }
        if now >= due {
            due = now + every;
        }
    }
}

/// What the sessions of one service share.
#[derive(Debug)]
pub struct Room {
    services: Pair<Arc<Service>>,
    /// First column of master.cf.
    name: String,
    /// `name` and `address:port` in quotes and brackets, as the log names the service.
    title: String,
    most: Option<u32>,
    places: Arc<Semaphore>,
    /// When places last ran out, and when the log heard of it.
    crowded: Mutex<Crowded>,
    log: Log,
    master_log: Log,
    alive: tokio::sync::mpsc::Sender<()>,
}

#[derive(Debug, Default)]
struct Crowded {
    last: Option<Instant>,
    reported: Option<Instant>,
}

/// `"smtp" (25)`, `"127.0.0.1:submission" (127.0.0.1:587)`
fn title(name: &str, socket: Option<&OwnedFd>) -> String {
    let address = socket.and_then(|socket| socket2::SockRef::from(socket).local_addr().ok());
    let port = address.and_then(|address| address.as_socket()).map(|address| address.port());
    let plain = match (port, name.rsplit_once(':')) {
        (Some(port), Some((host, _))) => format!("{host}:{port}"),
        (Some(port), None) => port.to_string(),
        (None, _) => name.to_owned(),
    };
    format!("\"{name}\" ({plain})")
}

async fn listen(
    socket: OwnedFd,
    kind: SocketKind,
    room: &Arc<Room>,
    life: Life,
) -> std::io::Result<()> {
    let window = room.services.calm.settings.tcp_window;
    if window > 0 && kind == SocketKind::Inet {
        // Connections inherit it; set later, it would come too late for the window's scale.
        let socket = socket2::SockRef::from(&socket);
        socket.set_recv_buffer_size(window)?;
        socket.set_send_buffer_size(window)?;
    }
    let listener = Listener::new(socket, kind)?;
    accept_all(listener, &room.places, life, &room.log, |client, place| {
        if kind == SocketKind::Pass {
            tokio::spawn(receive(room.clone(), client, place));
        } else {
            room.admit(client, Some(place));
        }
    })
    .await;
    Ok(())
}

/// Another program brings a client.
async fn receive(room: Arc<Room>, client: Client, place: OwnedSemaphorePermit) {
    match handed::receive(client).await {
        Ok(client) => room.admit(client, Some(place)),
        Err(why) => room.log.warning(format_args!("{}: {why}", room.title)),
    }
}

impl Room {
    /// Finds the keys of the service's certificates, before the first client.
    #[cfg(feature = "ssl")]
    async fn open_keys(self: &Arc<Self>, keys: Arc<crate::tls::remote::KeyHolder>) {
        let Pair { calm, stressed } = &self.services;
        for service in std::iter::once(calm).chain(stressed) {
            if service.encryption.server.is_some() {
                let (service, keys) = (service.clone(), keys.clone());
                // Should it panic, there is no TLS, and that is what clients are told.
                let _ = tokio::task::spawn_blocking(move || service.open_keys(&keys)).await;
            }
        }
    }

    /// A place for one more session; waits while all are taken.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Takes a client that postscreen has let pass.
    pub fn take_over(&self, passed: Passed, place: Option<OwnedSemaphorePermit>) {
        let Passed { stream, remote, local, replay } = passed;
        let addresses = Some((remote, local));
        self.admit(Client { stream, addresses, screened: true, replay }, place);
    }

    fn admit(&self, client: Client, place: Option<OwnedSemaphorePermit>) {
        let crowded = self.is_crowded();
        let log = self.log.session();
        let service = match &self.services {
            Pair { stressed: Some(stressed), .. } if crowded => stressed.clone(),
            Pair { calm, .. } => calm.clone(),
        };
        let alive = self.alive.clone();
        tokio::spawn(async move {
            Box::pin(greet(service, client, log)).await;
            drop((place, alive));
        });
    }
}

impl Room {
    /// Whether all places are taken now, or were within the last while: sessions are under stress
    /// then, and the log hears of it.
    fn is_crowded(&self) -> bool {
        let mut crowded = self.crowded.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |when: Option<Instant>| when.is_some_and(|when| when.elapsed() < STRESS);
        if self.places.available_permits() > 0 {
            return recent(crowded.last);
        }
        crowded.last = Some(Instant::now());
        if !recent(crowded.reported) && self.has_stress() {
            crowded.reported = crowded.last;
            let log = &self.master_log;
            log.warning(format_args!(
                "service {} has reached its process limit \"{}\": new clients may experience \
                 noticeable delays",
                self.title,
                self.most.unwrap_or_default()
            ));
            log.warning(format_args!(
                "to avoid this condition, increase the process count in master.cf or reduce the \
                 service time per client"
            ));
            log.warning(format_args!(
                "see https://www.postfix.org/STRESS_README.html for examples of stress-adapting \
                 configuration settings"
            ));
        }
        true
    }

    fn has_stress(&self) -> bool {
        self.services.stressed.is_some()
    }
}

/// Finds out who the client is, and talks with it.
async fn greet(service: Arc<Service>, client: Client, log: Log) {
    let Client { mut stream, mut addresses, screened, replay } = client;
    let mut is_unknown = false;
    if service.settings.behind_proxy
        && !screened
        && let Some(own) = addresses
        && let Stream::Plain(Socket::Tcp(tcp)) = &mut stream
    {
        let Settings { ipv4, ipv6, upstream_proxy_timeout: timeout, .. } = service.settings;
        let proxy = Proxy { families: Families { ipv4, ipv6 }, timeout, late: "timeout error" };
        addresses = upstream::addresses(tcp, own, proxy, &log).await;
        is_unknown = addresses.is_none();
    }
    let peer = match addresses {
        Some((remote, local)) => {
            let naming = service.settings.naming;
            service.shared.directory.internet(naming, &log, remote, local).await
        }
        None if is_unknown => Directory::unknown(),
        None => Directory::local(service.settings.ipv4, service.settings.ipv6),
    };
    let log = debugged(&service, &peer, log).await;
    let mut session = Box::new(Session::begin(service, stream, peer, log.clone()).await);
    if is_unknown {
        session.turn_away();
    }
    if let Some(replay) = replay {
        session.resume(replay);
    }
    if let Err(text) = survive(session.run()).await {
        log.line(Level::Panic, format_args!("{text}"));
        session.apologise().await;
    }
}

/// The log of a session, in which more is said if `debug_peer_list` names the client.
async fn debugged(service: &Service, peer: &Peer, log: Log) -> Log {
    let list = &service.maps.debug_peers;
    if list.is_empty() || !list.matches(&peer.name, peer.ip).await.unwrap_or(false) {
        return log;
    }
    let verbose = log.verbose() + service.settings.debug_peer_level;
    log.with_verbose(verbose)
}
