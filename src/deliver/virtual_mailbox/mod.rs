//! The virtual process: mailboxes of addresses that are no users of this machine, all of them
//! named by tables. It finds path, user ID and group ID of a recipient; a worker with those
//! rights writes.

mod quota;
mod recipient;
mod settings;

use std::process::ExitCode;
use std::sync::Arc;

use self::settings::Settings;
use crate::ipc::delivery::Request;
use crate::log::Log;
use crate::mail::outcome::Outcome;
use crate::service::agent::{self, Delays, Reporter};
use crate::service::birth::{self, Birth, Life, Service};
use crate::service::profile::{Profile, RunAs, Threads};

const PROFILE: Profile = Profile {
    name: "virtual",
    user: RunAs::Root,
    writes: &[],
    executes: true,
    threads: Threads::One,
    purpose: "delivers to the mailboxes that tables name, through workers with one user's rights",
};

/// Runs the process.
pub fn main(_arguments: Vec<std::ffi::OsString>) -> ExitCode {
    birth::run(&PROFILE, prepare, serve)
}

/// One master.cf line.
#[derive(Debug)]
struct Agent {
    name: String,
    settings: Settings,
    log: Log,
}

fn prepare(mut birth: Birth) -> Result<Vec<(Service, Arc<Agent>)>, String> {
    Ok(birth.read_each(|birth, service| {
        let total = service.line.maxproc.map_or(1000, |limit| limit as usize);
        let settings = Settings::read(&service.config, &service.log, birth.privileged, total)
            .map_err(|problem| problem.text)?;
        let name = service.line.name.clone();
        let agent = Agent { name, settings, log: service.log.clone() };
        Ok(Arc::new(agent))
    }))
}

async fn serve(services: Vec<(Service, Arc<Agent>)>, life: Life) {
    agent::serve_all(services, life, deliver).await;
}

/// Delivers one message to all recipients of the request at once: they wait for the same disk.
async fn deliver(agent: Arc<Agent>, request: Arc<Request>, reporter: Reporter) {
    let log = agent.log.session();
    let started = agent::now();
    let content = agent.settings.crew.content(&request);
    let mut deliveries = tokio::task::JoinSet::new();
    for to in request.recipients.clone() {
        let (agent, request, log) = (agent.clone(), request.clone(), log.clone());
        let (reporter, content) = (reporter.clone(), content.clone());
        let delivery = async move {
            let outcome = match content {
                Ok(content) => recipient::deliver(&agent, &log, &request, &to, &content).await,
                Err(refusal) => Outcome::from(refusal),
            };
            let outcome = agent.settings.status_filter.apply(&log, outcome).await;
            let delays = Delays::until_now(started);
            reporter.recipient(&log, &to, &agent.name, delays, outcome);
        };
        deliveries.spawn(delivery);
    }
    while deliveries.join_next().await.is_some() {}
    reporter.done(None);
}
