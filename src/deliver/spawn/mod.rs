//! The spawn process: for each client of a socket it starts the command that master.cf names, with
//! the connection as standard input, output and error, and the rights of one user. It reads
//! nothing from anybody: policy services (policyd-spf) are what it is mostly used for.

mod attributes;

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::{TcpListener, UnixListener};
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::attributes::Attributes;
use crate::config::Config;
use crate::log::Log;
use crate::service::birth::{self, Birth, Life, Service};
use crate::service::profile::{Profile, RunAs, Threads};
use crate::service::worker::command_environment;
use crate::sys::spawn::{error_text, own_uid, prepare_server};

const PROFILE: Profile = Profile {
    name: "spawn",
    user: RunAs::Root,
    writes: &[],
    executes: true,
    threads: Threads::One,
    purpose: "starts a command with one user's rights for each client; talks to neither",
};

/// Runs the process.
pub fn main(_arguments: Vec<std::ffi::OsString>) -> ExitCode {
    birth::run(&PROFILE, prepare, serve)
}

/// One master.cf line.
#[derive(Debug)]
struct Spawner {
    config: Arc<Config>,
    arguments: Vec<String>,
    /// The arguments understood, from the first client on.
    attributes: Mutex<Option<Arc<Attributes>>>,
    /// Whether the mail system has root's rights to give up.
    privileged: bool,
    environment: Vec<(String, String)>,
    time_limit: Duration,
    /// How many commands may run at a time (maxproc).
    places: Arc<Semaphore>,
    log: Log,
}

fn prepare(mut birth: Birth) -> Result<Vec<(Service, Arc<Spawner>)>, String> {
    Ok(birth.read_each(|birth, service| {
        let config = service.config.clone();
        let places = service.line.maxproc.map_or(Semaphore::MAX_PERMITS, |limit| limit as usize);
        Ok(Arc::new(Spawner {
            arguments: std::mem::take(&mut service.line.arguments),
            attributes: Mutex::default(),
            privileged: birth.privileged,
            environment: command_environment(&config),
            time_limit: config.transport_time(&service.line.name, "time_limit"),
            places: Arc::new(Semaphore::new(places)),
            log: service.log.clone(),
            config,
        }))
    }))
}

async fn serve(services: Vec<(Service, Arc<Spawner>)>, life: Life) {
    let mut listeners = JoinSet::new();
    for (service, spawner) in services {
        for socket in service.sockets {
            let (spawner, life) = (spawner.clone(), life.clone());
            listeners.spawn(async move {
                match Listener::new(socket) {
                    Ok(listener) => spawner.listen(listener, life).await,
                    Err(e) => spawner.log.fatal(format_args!("listen: {}", error_text(&e))),
                }
            });
        }
    }
    while listeners.join_next().await.is_some() {}
}

/// A socket of either kind.
enum Listener {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn new(socket: OwnedFd) -> std::io::Result<Self> {
        let socket = socket2::Socket::from(socket);
        socket.set_nonblocking(true)?;
        Ok(if socket.local_addr()?.is_unix() {
            Self::Unix(UnixListener::from_std(OwnedFd::from(socket).into())?)
        } else {
            Self::Inet(TcpListener::from_std(OwnedFd::from(socket).into())?)
        })
    }

    /// The next connection, as a blocking socket: that is what commands expect.
    async fn accept(&self) -> std::io::Result<OwnedFd> {
        let socket = match self {
            Self::Inet(listener) => OwnedFd::from(listener.accept().await?.0.into_std()?),
            Self::Unix(listener) => OwnedFd::from(listener.accept().await?.0.into_std()?),
        };
        let socket = socket2::Socket::from(socket);
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }
}

impl Spawner {
    /// Serves clients until the process drains, and waits for the commands that run then. While
    /// all places are taken, clients wait in the socket's queue.
    async fn listen(self: Arc<Self>, listener: Listener, mut life: Life) {
        let mut commands = JoinSet::new();
        let mut stopping = life.clone();
        loop {
            let places = self.places.clone();
            let next = async {
                // The semaphore is never closed.
                let place = places.acquire_owned().await.ok();
                (place, listener.accept().await)
            };
            tokio::select! {
                () = life.drained() => break,
                (place, accepted) = next => match accepted {
                    Ok(client) => {
                        let spawner = self.clone();
                        commands.spawn(async move {
                            spawner.client(client).await;
                            drop(place);
                        });
                    }
                    // Out of descriptors, say: commands that end free some.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = commands.join_next() => {}
            }
        }
        drop(listener);
        loop {
            tokio::select! {
                // At a stop the commands find out by themselves that their clients have gone.
                () = stopping.stopped() => return commands.detach_all(),
                ended = commands.join_next() => if ended.is_none() { return },
            }
        }
    }

    /// Runs the command for one client, to its end or that of its time.
    async fn client(&self, client: OwnedFd) {
        let log = self.log.session();
        let attributes = match self.attributes() {
            Ok(attributes) => attributes,
            Err(text) => return log.fatal(format_args!("{text}")),
        };
        let program = attributes.argv.first().map_or("", String::as_str);
        let status = match self.start(&attributes, client) {
            Ok(child) => self.wait(child, program, &log).await,
            Err(e) => {
                let why = error_text(&e);
                log.fatal(format_args!("spawn_command: execvp {program}: {why}"));
                log.warning(format_args!("command {program} exit status 1"));
                return;
            }
        };
        match status {
            Ok(status) => report(status, program, &log),
            Err(e) => log.warning(format_args!("wait for {program}: {}", error_text(&e))),
        }
    }

    /// The arguments of the master.cf line. What is wrong with them is wrong until they are read
    /// again: a user may be added meanwhile.
    fn attributes(&self) -> Result<Arc<Attributes>, String> {
        let mut known = self.attributes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attributes) = &*known {
            return Ok(attributes.clone());
        }
        let attributes = Attributes::parse(&self.arguments)?;
        if self.privileged {
            attributes.check_rights(&self.config)?;
        } else if attributes.rights.uid != own_uid() {
            return Err(format!(
                "the mail system runs without privileges and cannot act for user ID {}",
                attributes.rights.uid
            ));
        }
        let attributes = Arc::new(attributes);
        *known = Some(attributes.clone());
        Ok(attributes)
    }

    fn start(&self, attributes: &Attributes, client: OwnedFd) -> std::io::Result<Child> {
        let (program, arguments) =
            attributes.argv.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = std::process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(client.as_fd().try_clone_to_owned()?))
            .stdout(Stdio::from(client.as_fd().try_clone_to_owned()?))
            .stderr(Stdio::from(client));
        prepare_server(&mut command, self.privileged.then_some(attributes.rights));
        tokio::process::Command::from(command).spawn()
    }

    async fn wait(
        &self,
        mut child: Child,
        program: &str,
        log: &Log,
    ) -> std::io::Result<ExitStatus> {
        if let Ok(status) = tokio::time::timeout(self.time_limit, child.wait()).await {
            return status;
        }
        // It leads its own process group: those that it started end with it.
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        log.warning(format_args!(
            "{program}: process id {}: command time limit exceeded",
            id.unwrap_or_default()
        ));
        if let Some(id) = id {
            // Fails only if all of them have just ended.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
        child.wait().await
    }
}

fn report(status: ExitStatus, program: &str, log: &Log) {
    match (status.code(), status.signal()) {
        (Some(0), _) | (None, None) => {}
        (Some(code), _) => log.warning(format_args!("command {program} exit status {code}")),
        (None, Some(signal)) => {
            log.warning(format_args!("command {program} killed by signal {signal}"));
        }
    }
}
