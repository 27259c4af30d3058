//! The pickup process: takes the messages that postdrop has put into the maildrop queue through
//! cleanup into the spool. Also writes the log lines of programs that may not write the log file
//! themselves (postlogd).
//!
//! ```text
//! maildrop/<id> ─ scan ─ submission ─ cleanup ─ spool; the file goes away after the commit
//! ```

mod postlog;
mod scan;
mod submission;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

use self::submission::Settings;
use crate::cleanup::Cleanup;
use crate::config::{Config, why};
use crate::log::Log;
use crate::lookup::Tables;
use crate::rewrite::Rewrite;
use crate::service::birth::{self, Birth, Life, Service};
use crate::service::intake::QueueClient;
use crate::service::profile::{Profile, RunAs, Threads};
use crate::spool::Writer;

/// What this process may touch.
pub const PROFILE: Profile = Profile {
    name: "pickup",
    user: RunAs::MailOwner,
    writes: &["maildrop", "segments"],
    executes: false,
    threads: Threads::PerProcessor,
    purpose: "takes local submissions in, and writes the log for unprivileged programs",
};

/// How often the maildrop queue is looked at when nobody says that there is mail: what
/// master.cf has as shipped.
const WAKE_UP: Duration = Duration::from_secs(60);

/// What is opened before the process is confined.
struct Prepared {
    services: Vec<Service>,
    config: Arc<Config>,
    cleanup_config: Arc<Config>,
    tables: Arc<Tables>,
    rewrite: Arc<Rewrite>,
    settings: Arc<Settings>,
    log: Log,
}

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    birth::run(&PROFILE, prepare, serve)
}

fn prepare(birth: Birth) -> Result<Prepared, String> {
    let service = birth.services.iter().find(|service| service.line.program == "pickup");
    let config = service.map_or_else(|| birth.config.clone(), |service| service.config.clone());
    let log = service.map_or_else(|| birth.log.clone(), |service| service.log.clone());
    let cleanup_config = birth.config_of_service("cleanup");
    let tables = Tables::with_log(config.clone(), log.clone());
    let rewrite = Rewrite::new(&birth.config_of_service("rewrite"), &tables)
        .map_err(|problem| problem.text)?;
    let settings = Arc::new(Settings::read(&config));
    Ok(Prepared {
        services: birth.services,
        config,
        cleanup_config,
        tables,
        rewrite,
        settings,
        log,
    })
}

async fn serve(prepared: Prepared, life: Life) {
    let Prepared { services, config, cleanup_config, tables, rewrite, settings, log } = prepared;
    let queue_directory = config.queue_directory();
    let writer = match Writer::open(&queue_directory) {
        Ok(writer) => writer,
        Err(error) => return log.fatal(format_args!("{error}")),
    };
    let queue = QueueClient::start(&queue_directory, writer.clone());
    let cleanup = match Cleanup::new(&cleanup_config, &tables, rewrite, writer, Some(queue)) {
        Ok(cleanup) => cleanup,
        Err(problem) => return log.fatal(format_args!("{problem}")),
    };
    let wake = Arc::new(Notify::new());
    let mut interval = None;
    for service in services {
        let is_log = service.line.program == "postlogd";
        if !is_log {
            let seconds = u64::from(service.line.wakeup);
            interval = Some(if seconds > 0 { Duration::from_secs(seconds) } else { WAKE_UP });
        }
        for socket in service.sockets {
            let started = if is_log {
                postlog::serve(socket, service.log.clone())
            } else {
                listen(socket, wake.clone())
            };
            if let Err(error) = started {
                return log.fatal(format_args!("listen: {}", why(&error)));
            }
        }
    }
    // Without a line for pickup this process is only here for the log.
    match interval {
        Some(interval) => {
            let maildrop = scan::Maildrop {
                directory: queue_directory.join("maildrop"),
                cleanup,
                settings,
                log,
            };
            maildrop.watch(&wake, interval, life).await;
        }
        None => {
            let mut life = life;
            life.drained().await;
        }
    }
}

/// Whoever connects has put something into the maildrop queue.
fn listen(socket: std::os::fd::OwnedFd, wake: Arc<Notify>) -> std::io::Result<()> {
    let listener = std::os::unix::net::UnixListener::from(socket);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    wake.notify_one();
                    tokio::spawn(hear_out(stream));
                }
                // Out of descriptors, perhaps: the regular look finds the mail.
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    });
    Ok(())
}

/// Whoever has come has something to say, and takes it for a failure if nobody listens.
async fn hear_out(mut stream: UnixStream) {
    let mut said = [0; 64];
    let _ = tokio::time::timeout(PATIENCE, stream.read(&mut said)).await;
}

/// How long somebody who has come may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);
