//! The local process: mail for the users of this machine.
//!
//! A recipient is looked up in the aliases, then in the user's `.forward` files, and otherwise
//! put into the user's mailbox. Each step may lead to other recipients, so the steps call each
//! other; `depth` counts how deep. This process decides; it reads nothing that a user wrote and
//! writes no mailbox: workers with that user's rights do.

mod alias;
mod attributes;
mod biff;
mod command;
mod delivery;
mod destination;
mod expand;
mod file;
mod forward;
mod include;
mod mailbox;
mod pass;
mod recipient;
mod settings;
mod unknown;
mod users;

use std::process::ExitCode;
use std::sync::Arc;

use self::delivery::Delivery;
use self::settings::Settings;
use crate::ipc::delivery::Request;
use crate::log::Log;
use crate::mail::outcome::Outcome;
use crate::service::agent::{self, Delays, Reporter};
use crate::service::birth::{self, Birth, Life, Service};
use crate::service::pass::Passer;
use crate::service::profile::{Profile, RunAs, Threads};

const PROFILE: Profile = Profile {
    name: "local",
    user: RunAs::Root,
    writes: &[],
    executes: true,
    threads: Threads::One,
    purpose: "delivers to users of this machine, through workers with one user's rights",
};

/// Runs the process.
pub fn main(_arguments: Vec<std::ffi::OsString>) -> ExitCode {
    birth::run(&PROFILE, prepare, serve)
}

/// One master.cf line.
#[derive(Debug)]
struct Agent {
    /// The name of the service: `relay=` in the log, and the transport that comes back here.
    name: String,
    settings: Settings,
    passer: Passer,
    log: Log,
}

fn prepare(mut birth: Birth) -> Result<Vec<(Service, Arc<Agent>)>, String> {
    Ok(birth.read_each(|birth, service| {
        let total = service.line.maxproc.map_or(1000, |limit| limit as usize);
        let settings = Settings::read(&service.config, &service.log, birth.privileged, total)
            .map_err(|problem| problem.text)?;
        let passer = Passer::new(&service.config, &birth.all_services);
        let (name, log) = (service.line.name.clone(), service.log.clone());
        Ok(Arc::new(Agent { name, settings, passer, log }))
    }))
}

async fn serve(services: Vec<(Service, Arc<Agent>)>, life: Life) {
    agent::serve_all(services, life, deliver).await;
}

/// Delivers one message to the recipients of the request, one after the other.
async fn deliver(agent: Arc<Agent>, request: Arc<Request>, reporter: Reporter) {
    let log = agent.log.session();
    let started = agent::now();
    let crew = &agent.settings.crew;
    let prepared = match crew.content(&request) {
        Ok(content) => crew.delivered_to(&log, &content).await.map(|found| (content, found)),
        Err(refusal) => Err(refusal),
    };
    match prepared {
        Ok((content, delivered_to)) => {
            for to in &request.recipients {
                let delivery = Delivery::new(
                    agent.clone(),
                    request.clone(),
                    reporter.clone(),
                    log.clone(),
                    content.clone(),
                    &delivered_to,
                    started,
                );
                delivery.run(to).await;
            }
        }
        Err(refusal) => {
            let outcome = Outcome::from(refusal);
            let delays = Delays::until_now(started);
            for to in &request.recipients {
                reporter.recipient(&log, to, &agent.name, delays, outcome.clone());
            }
        }
    }
    reporter.done(None);
}
