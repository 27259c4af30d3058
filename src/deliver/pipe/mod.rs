//! The pipe process: mail into commands that master.cf names, each with the rights of one user.

mod argv;
mod attributes;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::argv::{BadArgument, Macros};
use self::attributes::Attributes;
use crate::config::{Config, parameters as p};
use crate::ipc::delivery::Request;
use crate::ipc::worker::{Command, Copy, Done, Job, Refusal, Run, Work};
use crate::log::Log;
use crate::lookup::Tables;
use crate::mail::address::{Extensions, fold, quote_822};
use crate::mail::outcome::{Action, Outcome, Success};
use crate::mail::status::Status;
use crate::service::agent::{self, Delays, Reporter};
use crate::service::birth::{self, Birth, Life, Service};
use crate::service::profile::{Profile, RunAs, Threads};
use crate::service::status_filter::StatusFilter;
use crate::service::worker::{Content, Crew, Headers, Identity};
use crate::sys::spawn::Rights;

const PROFILE: Profile = Profile {
    name: "pipe",
    user: RunAs::Root,
    writes: &[],
    executes: true,
    threads: Threads::One,
    purpose: "delivers to commands, through workers with one user's rights",
};

/// How much of what a command said is shown when it succeeded.
const SAID: usize = 100;

/// Runs the process.
pub fn main(_arguments: Vec<std::ffi::OsString>) -> ExitCode {
    birth::run(&PROFILE, prepare, serve)
}

/// One master.cf line.
#[derive(Debug)]
struct Agent {
    /// The name of the service: `relay=` in the log.
    name: String,
    crew: Arc<Crew>,
    extensions: Extensions,
    time_limit: Duration,
    config: Arc<Config>,
    arguments: Vec<String>,
    /// The arguments understood, from the first delivery on.
    attributes: Mutex<Option<Arc<Attributes>>>,
    status_filter: StatusFilter,
    log: Log,
}

fn prepare(mut birth: Birth) -> Result<Vec<(Service, Arc<Agent>)>, String> {
    Ok(birth.read_each(|birth, service| {
        let config = service.config.clone();
        let total = service.line.maxproc.map_or(1000, |limit| limit as usize);
        let name = service.line.name.clone();
        let agent = Agent {
            crew: Crew::new(&config, birth.privileged, total, 0).map_err(|problem| problem.text)?,
            extensions: Extensions {
                delimiters: config.text(&p::recipient_delimiter),
                owner_request_special: config.bool(&p::owner_request_special),
                double_bounce_sender: config.text(&p::double_bounce_sender),
            },
            time_limit: config.transport_time(&name, "time_limit"),
            arguments: std::mem::take(&mut service.line.arguments),
            attributes: Mutex::default(),
            status_filter: StatusFilter::open(
                &config,
                &Tables::with_log(config.clone(), service.log.clone()),
                p::pipe_delivery_status_filter.name,
            )
            .map_err(|problem| problem.text)?,
            log: service.log.clone(),
            name,
            config,
        };
        Ok(Arc::new(agent))
    }))
}

async fn serve(services: Vec<(Service, Arc<Agent>)>, life: Life) {
    agent::serve_all(services, life, deliver).await;
}

/// Delivers one message to all recipients of the request with one command.
async fn deliver(agent: Arc<Agent>, request: Arc<Request>, reporter: Reporter) {
    let log = agent.log.session();
    let started = agent::now();
    let outcome = match agent.attributes() {
        Ok(attributes) => agent.deliver(&attributes, &request, &log).await,
        Err(text) => {
            log.fatal(format_args!("{text}"));
            Outcome::own(Status::new(4, 3, 0), "unknown mail transport error")
        }
    };
    let outcome = agent.status_filter.apply(&log, outcome).await;
    let delays = Delays::until_now(started);
    for to in &request.recipients {
        reporter.recipient(&log, to, &agent.name, delays, outcome.clone());
    }
    reporter.done(None);
}

impl Agent {
    /// The arguments of the master.cf line. What is wrong with them is wrong until they are read
    /// again: a user may be added meanwhile.
    fn attributes(&self) -> Result<Arc<Attributes>, String> {
        let mut known = self.attributes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(attributes) = &*known {
            return Ok(attributes.clone());
        }
        let attributes = Attributes::parse(&self.arguments)?;
        if self.crew.privileged() {
            attributes.check_rights(&self.config)?;
        }
        let attributes = Arc::new(attributes);
        *known = Some(attributes.clone());
        Ok(attributes)
    }

    async fn deliver(&self, attributes: &Attributes, request: &Request, log: &Log) -> Outcome {
        match self.obstacle(attributes, request, log) {
            Ok(()) => {}
            Err(refusal) => return refusal.into(),
        }
        if request.trace.verify || request.trace.expand_only {
            let program = attributes.argv.first().map_or("", String::as_str);
            let text = format!("delivers to command: {program}");
            let mut outcome = Outcome::own(Status::new(2, 0, 0), text);
            outcome.action = Action::Probed { deliverable: true };
            return outcome;
        }
        match self.run(attributes, request, log).await {
            Ok(said) => {
                let said = said.trim_end();
                let shown: String = said.chars().take(SAID).collect();
                let shown = if shown.is_empty() { shown } else { format!(" ({shown})") };
                let text = format!("delivered via {} service{shown}", self.name);
                let success = if attributes.flags.final_delivery {
                    Success::Delivered
                } else {
                    Success::Relayed
                };
                let mut outcome = Outcome::own(Status::new(2, 0, 0), text);
                outcome.action = Action::Sent { success };
                outcome
            }
            Err(refusal) => refusal.into(),
        }
    }

    /// What stands in the way before anything is done.
    fn obstacle(
        &self,
        attributes: &Attributes,
        request: &Request,
        log: &Log,
    ) -> Result<(), Refusal> {
        if request.nexthop.is_empty() {
            log.fatal(format_args!("empty nexthop hostname"));
            return Err(Refusal::new(Status::new(4, 3, 0), "unknown mail transport error"));
        }
        let flags = &attributes.flags;
        for (flag, set) in [('D', flags.delivered_to), ('O', flags.original_to)] {
            if set && request.recipients.len() > 1 {
                log.warning(format_args!(
                    "pipe flag `{flag}' requires {}_destination_recipient_limit = 1",
                    self.name
                ));
                return Err(Refusal::new(Status::new(4, 3, 5), "mail system configuration error"));
            }
        }
        if attributes.size_limit != 0 && request.size > attributes.size_limit {
            return Err(Refusal::new(Status::new(5, 2, 3), "message too large"));
        }
        Ok(())
    }

    async fn run(
        &self,
        attributes: &Attributes,
        request: &Request,
        log: &Log,
    ) -> Result<String, Refusal> {
        let content = self.crew.content(request)?;
        let first = request.recipients.first();
        if attributes.flags.delivered_to
            && let Some(to) = first
            && self.is_loop(&to.address, &content, log).await?
        {
            let text = format!("mail forwarding loop for {}", to.address);
            return Err(Refusal::new(Status::new(5, 4, 6), text));
        }
        let sender = match request.sender.as_str() {
            "" => &attributes.null_sender,
            sender => sender,
        };
        let macros =
            Macros { request, sender, flags: &attributes.flags, extensions: &self.extensions };
        let argv = macros.expand(&attributes.argv, log).map_err(|bad| {
            match &bad {
                BadArgument::Syntax(_) => log.warning(format_args!("{bad}")),
                BadArgument::Unknown(_) => {
                    let directory = self.config.directory.display();
                    let name = &self.name;
                    log.warning(format_args!("file {directory}/master.cf: service {name}: {bad}"));
                }
            }
            Refusal::new(Status::new(4, 3, 5), "mail system configuration error")
        })?;
        let flags = &attributes.flags;
        let headers = Headers {
            from_line: flags.from_line,
            return_path: flags.return_path,
            original_to: first.filter(|_| flags.original_to).map_or("", |to| &to.original),
            delivered_to: first.filter(|_| flags.delivered_to).map(|to| to.address.as_str()),
        };
        let eol = &attributes.line_end;
        let command = Command {
            run: Run::Argv(argv),
            environment: self.crew.environment(Vec::new()),
            directory: attributes.directory.clone(),
            copy: Copy {
                prefix: self.crew.headers(sender, headers, eol),
                quote_from: flags.quote_from,
                double_dots: flags.double_dots,
                blank_line: flags.blank_line,
                line_end: (eol != "\n").then(|| eol.clone().into_bytes()),
            },
            time_limit: u32::try_from(self.time_limit.as_secs()).unwrap_or(u32::MAX),
            agent: "pipe".into(),
        };
        let identity = self.identity(attributes)?;
        let job =
            Job { unless_forward: Vec::new(), work: Work::Command(Box::new(command)), content: 0 };
        let work = self.crew.work(log, &identity, job, Some(&content), None, self.time_limit);
        match work.await? {
            Done::Delivered { output } => Ok(output),
            _ => Err(Refusal::new(Status::new(4, 3, 0), "system resource problem")),
        }
    }

    fn identity(&self, attributes: &Attributes) -> Result<Identity, Refusal> {
        let Attributes { uid, gid, .. } = *attributes;
        let identity = self.crew.identity(Rights { uid, gid, second_gid: None })?;
        let chroot = attributes.chroot.clone();
        if chroot.is_some() && identity.rights.is_none() {
            let text =
                "the mail system runs without privileges and cannot change the root directory";
            return Err(Refusal::new(Status::new(4, 3, 0), text));
        }
        Ok(Identity { chroot, ..identity })
    }

    async fn is_loop(&self, address: &str, content: &Content, log: &Log) -> Result<bool, Refusal> {
        let found = self.crew.delivered_to(log, content).await?;
        let address = quote_822(address);
        Ok(found.iter().any(|delivered| fold(delivered) == fold(&address)))
    }
}
