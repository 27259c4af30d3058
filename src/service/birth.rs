//! The birth of a service process, on one page.
//!
//! 1. master starts the program with one end of a socket as standard input, still as root;
//! 2. the process reads [`Start`] and its listening sockets, opens log, tables and spool
//!    directories (`prepare`);
//! 3. it confines itself as its [`Profile`] says, for good;
//! 4. it serves until master says drain or goes away (`serve`), then finishes what is in flight.

use std::future::Future;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::faulty::{Fault, Faults};
use super::logging;
use super::profile::{Profile, Threads};
use crate::config::master_cf::ServiceLine;
use crate::config::{Config, Sources};
use crate::ipc::birth::{FromProcess, Reload, Start, ToProcess};
use crate::ipc::channel::{self, take_frame};
use crate::log::{self, Log};
use crate::lookup;
use crate::sys::descriptors;

/// What a process has been given.
#[derive(Debug)]
pub struct Birth {
    /// The configuration without any `-o`.
    pub config: Arc<Config>,
    /// The master.cf lines to serve.
    pub services: Vec<Service>,
    /// All lines of master.cf.
    pub all_services: Vec<ServiceLine>,
    /// Whether master runs as root.
    pub privileged: bool,
    /// Grows with each reload: which instances of the other programs belong to this one.
    pub generation: u64,
    /// The log of the process.
    pub log: Log,
    parts: Parts,
    faults: Faults,
    folders: Folders,
}

/// Folders that a process may write to besides those of its profile.
type Folders = Arc<Mutex<Vec<PathBuf>>>;

type Parts = Arc<Mutex<Vec<Part>>>;

/// The settings of a part of Postfix that works inside this process, as they were given out.
#[derive(Debug)]
struct Part {
    program: String,
    config: Arc<Config>,
}

/// One master.cf line with its open sockets and its own view of the configuration.
#[derive(Debug)]
pub struct Service {
    /// The line.
    pub line: ServiceLine,
    /// [`Birth::config`] with the line's `-o` on top.
    pub config: Arc<Config>,
    /// Listening sockets, in the order of inet_interfaces.
    pub sockets: Vec<OwnedFd>,
    /// The log of the service: its own syslog_name, `-v`.
    pub log: Log,
}

impl Birth {
    /// The configuration of the part that Postfix has as the service `name` (cleanup, rewrite,
    /// bounce, flush …): the base configuration with the `-o` of that master.cf line.
    pub fn config_of_service(&self, name: &str) -> Arc<Config> {
        self.config_of_service_below(&self.config, name)
    }

    /// The same on top of another configuration, such as that of an smtpd line.
    pub fn config_of_service_below(&self, config: &Arc<Config>, name: &str) -> Arc<Config> {
        let line = self.all_services.iter().find(|line| line.name == name);
        let config = config.with_overrides(line.map_or(&[], |line| &line.overrides));
        if let Ok(mut parts) = self.parts.lock() {
            let program = line.map_or(name, |line| &line.program).to_owned();
            parts.push(Part { program, config: config.clone() });
        }
        config
    }

    /// Asks to be allowed to write to a folder that is not in the profile: a line of master.cf
    /// names a table there that the process keeps itself.
    pub fn writes_to(&self, folder: PathBuf) {
        if let Ok(mut folders) = self.folders.lock() {
            folders.push(folder);
        }
    }

    /// Reads the settings of each service. A service with a value that does not fit, or whose
    /// settings cannot be read for another reason, is left out: see [`super::faulty`].
    pub fn read_each<T>(
        &mut self,
        mut read: impl FnMut(&Self, &mut Service) -> Result<T, String>,
    ) -> Vec<(Service, T)> {
        let mut sound = Vec::new();
        for mut service in std::mem::take(&mut self.services) {
            service.config.read_essentials();
            let result = read(self, &mut service);
            let own = [service.config.clone()];
            match (first_problem(&service.line.program, own, &self.parts), result) {
                (None, Ok(settings)) => sound.push((service, settings)),
                (Some((program, text)), _) => self.faults.add(Fault { service, program, text }),
                (None, Err(text)) => {
                    let program = service.line.program.clone();
                    self.faults.add(Fault { service, program, text });
                }
            }
        }
        sound
    }
}

/// The first value that does not fit: in one's own settings, or in those of the parts that were
/// given out since the last question. With the program that would complain in Postfix.
fn first_problem(
    program: &str,
    own: impl IntoIterator<Item = Arc<Config>>,
    parts: &Parts,
) -> Option<(String, String)> {
    let parts = parts.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
    let own = own.into_iter().map(|config| Part { program: program.to_owned(), config });
    own.chain(parts)
        .find_map(|part| Some((part.program, part.config.problems().into_iter().next()?.text)))
}

/// How a service process hears from master while it serves. Clone it into tasks.
#[derive(Clone, Debug)]
pub struct Life {
    draining: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
}

impl Life {
    /// A life that ends when `draining` becomes true; for tests and stand-alone use.
    pub fn until(draining: watch::Receiver<bool>) -> Self {
        Self { stopping: draining.clone(), draining }
    }

    /// Whether no new work should be taken.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits until master says drain or stop.
    pub async fn drained(&mut self) {
        let _ = self.draining.wait_for(|draining| *draining).await;
    }

    /// Waits until master says stop: what is in flight has little time left.
    pub async fn stopped(&mut self) {
        let _ = self.stopping.wait_for(|stopping| *stopping).await;
    }
}

/// Further configurations for a process that does not end at a reload (qmgr).
pub type Reloads = UnboundedReceiver<Sources>;

/// Runs a service process to its end. `prepare` runs before confinement and opens everything;
/// its error text is logged as `fatal:`. `serve` runs confined, and returns when it has drained.
pub fn run<State, Serve, Done>(
    profile: &Profile,
    prepare: impl FnOnce(Birth) -> Result<State, String>,
    serve: Serve,
) -> ExitCode
where
    Serve: FnOnce(State, Life) -> Done,
    Done: Future<Output = ()>,
{
    run_reloading(profile, prepare, |state, life, _reloads| serve(state, life))
}

/// As [`run`], for a process that takes a new configuration over while it lives.
pub fn run_reloading<State, Serve, Done>(
    profile: &Profile,
    prepare: impl FnOnce(Birth) -> Result<State, String>,
    serve: Serve,
) -> ExitCode
where
    Serve: FnOnce(State, Life, Reloads) -> Done,
    Done: Future<Output = ()>,
{
    let (birth, master) = match begin(profile) {
        Ok(begun) => begun,
        Err(text) => return give_up(&Log::new("postfix", profile.name), &text),
    };
    let (config, privileged, log) = (birth.config.clone(), birth.privileged, birth.log.clone());
    let (parts, faults) = (birth.parts.clone(), birth.faults.clone());
    let folders = birth.folders.clone();
    let mut views: Vec<_> = birth.services.iter().map(|service| service.config.clone()).collect();
    let state = match prepare(birth) {
        Ok(state) => state,
        Err(text) => return give_up(&log, &text),
    };
    views.retain(|view| !faults.concern(view));
    views.push(config);
    let mut named: Vec<_> = match parts.lock() {
        Ok(parts) => parts.iter().map(|part| part.config.clone()).collect(),
        Err(_) => Vec::new(),
    };
    named.extend(views.iter().cloned());
    if let Some((program, text)) = first_problem(profile.name, views, &parts) {
        return give_up(&log.of_program(&program), &text);
    }
    let folders = folders.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
    if let Err(text) = profile.confine(&named, folders, privileged, &log) {
        return give_up(&log, &text);
    }
    let runtime = match runtime(profile.threads) {
        Ok(runtime) => runtime,
        Err(e) => return give_up(&log, &format!("start of the runtime: {e}")),
    };
    runtime.block_on(async {
        log::start_batching();
        let (mut life, reloads, to_master) = listen_to_master(master, &log);
        let faulty = faults.watch(&life, &to_master);
        serve(state, life.clone(), reloads).await;
        if faulty > 0 {
            // Nothing else may be left to serve.
            life.drained().await;
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    log::flush();
    ExitCode::SUCCESS
}

fn give_up(log: &Log, text: &str) -> ExitCode {
    log.fatal(format_args!("{text}"));
    log::flush();
    ExitCode::FAILURE
}

/// Stack of a thread, of which only what is used becomes memory: restriction lists, aliases and
/// tables may name each other a hundred deep, as in Postfix.
const STACK: usize = 16 << 20;

fn runtime(threads: Threads) -> io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        Threads::One => tokio::runtime::Builder::new_current_thread(),
        Threads::PerProcessor => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().thread_stack_size(STACK).max_blocking_threads(64).build()
}

/// Reads what master says first, and makes the configuration and the logs from it.
fn begin(profile: &Profile) -> Result<(Birth, Master), String> {
    let (start, sockets, master) = hear_master()
        .map_err(|e| format!("{} is started by master(8), not by hand ({e})", profile.name))?;
    let config = Config::parse(&start.sources).map_err(|problem| problem.text)?;
    logging::set_up(&config, &config.text(&crate::config::parameters::myhostname));
    descriptors::raise_limit();
    let mut sockets = sockets.into_iter();
    let services = start
        .services
        .into_iter()
        .map(|service| {
            // A view of its own also without any -o: what is wrong is found out line by line.
            let view = config.with_overrides(&service.line.overrides);
            let program = service.line.program.clone();
            let log =
                Log::new(&logging::syslog_name(&view), &program).with_verbose(service.line.verbose);
            let sockets = sockets.by_ref().take(service.sockets).collect();
            Service { line: service.line, config: view, sockets, log }
        })
        .collect();
    let log = Log::new(&logging::syslog_name(&config), profile.name);
    let birth = Birth {
        config,
        services,
        all_services: start.all_services,
        privileged: start.privileged,
        generation: start.generation,
        log,
        parts: Parts::default(),
        folders: Folders::default(),
        faults: Faults::default(),
    };
    Ok((birth, master))
}

/// The socket to master, and the one over which it lends files.
struct Master {
    stream: UnixStream,
    lender: Option<UnixStream>,
}

fn hear_master() -> io::Result<(Start, Vec<OwnedFd>, Master)> {
    let mut master = UnixStream::from(descriptors::take_stdin()?);
    master.set_read_timeout(Some(std::time::Duration::from_secs(10)))?;
    let mut bytes = vec![0; 4];
    master.read_exact(&mut bytes)?;
    let length = bytes.first_chunk::<4>().map_or(0, |prefix| u32::from_le_bytes(*prefix) as usize);
    if length > channel::FRAME_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    bytes.resize(4 + length, 0);
    master.read_exact(bytes.get_mut(4..).unwrap_or_default())?;
    let Some((ToProcess::Start(start), _)) = take_frame(&bytes)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let count: usize = start.services.iter().map(|service| service.sockets).sum();
    let receive = || descriptors::receive(master.as_fd());
    let sockets = (0..count).map(|_| receive()).collect::<io::Result<_>>()?;
    let lender = start.lender.then(receive).transpose()?.map(UnixStream::from);
    master.set_read_timeout(None)?;
    Ok((start, sockets, Master { stream: master, lender }))
}

/// Tells master that this process is ready, and turns what master says into a [`Life`]. When
/// master has gone, so goes this process.
fn listen_to_master(
    Master { stream: master, lender }: Master,
    log: &Log,
) -> (Life, Reloads, UnboundedSender<FromProcess>) {
    let (drain, draining) = watch::channel(false);
    let (stop, stopping) = watch::channel(false);
    let (reload, reloads) = unbounded_channel();
    let (to_master, mut outbox) = unbounded_channel();
    let log = log.clone();
    let _ = to_master.send(FromProcess::Ready);
    tokio::spawn(async move {
        let stream =
            master.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(master));
        let Ok(stream) = stream else {
            log.fatal(format_args!("the socket to master cannot be used"));
            let _ = drain.send(true);
            return;
        };
        let (mut sender, mut from_master) = channel::split::<FromProcess, ToProcess>(stream);
        loop {
            let said = tokio::select! {
                said = from_master.next() => said,
                Some(message) = outbox.recv() => {
                    let _ = sender.send(&message).await;
                    continue;
                }
            };
            match said {
                Ok(Some(ToProcess::Reload(Reload { sources, files }))) => {
                    if let Some(lender) = &lender {
                        borrow(lender, files, &log);
                    }
                    let _ = reload.send(sources);
                }
                Ok(Some(ToProcess::Start(_))) => {}
                Ok(Some(ToProcess::Drain)) => {
                    let _ = drain.send(true);
                }
                Ok(Some(ToProcess::Stop) | None) | Err(_) => break,
            }
        }
        let _ = (drain.send(true), stop.send(true));
        // Keeps the channel open until the process ends: master sees the end, not a closed socket.
        drain.closed().await;
    });
    (Life { draining, stopping }, reloads, to_master)
}

/// Takes the files that master has lent; what has gone wrong shows when they are opened.
fn borrow(lender: &UnixStream, files: Vec<PathBuf>, log: &Log) {
    let mut lent = Vec::with_capacity(files.len());
    for path in files {
        match descriptors::receive(lender.as_fd()) {
            Ok(descriptor) => lent.push((path, descriptor)),
            Err(e) => {
                log.warning(format_args!("files from master: {}", crate::config::why(&e)));
                break;
            }
        }
    }
    lookup::lent::lend(lent);
}
