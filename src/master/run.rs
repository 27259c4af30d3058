//! master's life: start, loop, reload, stop.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::children::{Child, Event};
use super::hosts::{self, HOSTS, Host, Service};
use super::lend;
use super::lock::{self, MasterLock};
use super::notify::Manager;
use super::options::Options;
use super::sockets::{self, Place, Sockets};
use crate::config::master_cf::{self, ServiceLine, SocketKind};
use crate::config::{Config, Problem, Sources, parameters as p};
use crate::ipc::birth::{self, Start};
use crate::log::{self, Log};
use crate::sasl::server;
use crate::service::logging;
use crate::sys::users;

/// How long processes may take to finish at a stop, before they are ended.
const STOP_PATIENCE: Duration = Duration::from_secs(4);

/// One configuration, ready to be served.
#[derive(Debug)]
struct Plan {
    sources: Sources,
    config: Arc<Config>,
    lines: Vec<ServiceLine>,
    /// What is odd about them.
    warnings: Vec<String>,
    /// The lines of each process, with the places where they listen.
    hosted: BTreeMap<Host, Vec<(ServiceLine, Vec<Place>)>>,
}

struct Master {
    options: Options,
    log: Log,
    manager: Manager,
    privileged: bool,
    plan: Plan,
    sockets: Sockets,
    children: Vec<Child>,
    /// When to start a process again that has died.
    again: BTreeMap<Host, Instant>,
    /// Grows with each reload.
    generation: u64,
    events: mpsc::UnboundedSender<Event>,
}

pub(super) fn run(options: &Options) -> ExitCode {
    let mut log = Log::new("postfix", "master");
    match begin(options, &mut log) {
        Ok(code) => code,
        Err(text) => {
            // Whoever started it should see why it failed, also without a terminal.
            log.clone().to_stderr().fatal(format_args!("{text}"));
            if options.announce {
                log.fatal(format_args!("daemon initialization failure -- see logs for details"));
            }
            log::flush();
            ExitCode::FAILURE
        }
    }
}

fn begin(options: &Options, log: &mut Log) -> Result<ExitCode, String> {
    let sources = Sources::read(&options.config_directory).map_err(|e| e.text)?;
    let config = Config::parse(&sources).map_err(|e| e.text)?;
    if options.test {
        return Ok(ExitCode::from(u8::from(lock::is_running(&config.queue_directory()))));
    }
    if !options.foreground {
        nix::unistd::setsid()
            .map_err(|e| format!("unable to set session and process group ID: {e}"))?;
    }
    logging::set_up(&config, &config.text(&p::myhostname));
    *log = Log::new(&logging::syslog_name(&config), "master").with_verbose(options.verbose);
    let plan = Plan::make(sources, config).map_err(|e| e.text)?;
    plan.warn(log);
    let _lock = MasterLock::take(&plan.config.queue_directory()).map_err(|e| e.to_string())?;
    log.info(format_args!(
        "daemon started -- version {}, configuration {}",
        plan.config.text(&p::mail_version),
        options.config_directory.display()
    ));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("start of the runtime: {e}"))?;
    let log = log.clone();
    runtime.block_on(async {
        let (events, inbox) = mpsc::unbounded_channel();
        let mut master = Master {
            options: options.clone(),
            log,
            manager: Manager::from_environment(),
            privileged: users::is_root(),
            plan,
            sockets: Sockets::default(),
            children: Vec::new(),
            again: BTreeMap::new(),
            generation: 0,
            events,
        };
        master.open_sockets().map_err(|e| e.to_string())?;
        master.serve(inbox).await.map_err(|e| format!("signals: {e}"))
    })
}

impl Plan {
    /// Reads a configuration as far as master needs it.
    fn make(sources: Sources, config: Arc<Config>) -> Result<Self, Problem> {
        let mut warnings = Vec::new();
        let lines = config.services(&sources, |_| {})?;
        let mut lines = master_cf::last_of_each(lines, |text| warnings.push(text));
        let disabled = config.text(&p::master_service_disable);
        lines.retain(|line| !master_cf::is_disabled(&disabled, line));
        let mut hosted: BTreeMap<Host, Vec<(ServiceLine, Vec<Place>)>> = BTreeMap::new();
        let mut internal = vec![internal_line("queue", "qmgr"), internal_line("control", "qmgr")];
        if cfg!(feature = "ssl") && !lines.iter().any(|line| line.program == "tlsmgr") {
            internal.push(internal_line("tlsmgr", "tlsmgr"));
        }
        if lines.iter().any(|line| asks_pam(&config, line)) {
            internal.push(internal_line("pamauth", "pamauth"));
        }
        for line in lines.iter().cloned().chain(internal) {
            if let Service::Hosted(host) = hosts::service(&line.program)
                && line.maxproc != Some(0)
            {
                let places = match host {
                    // These three run inside qmgr: nobody connects to them.
                    Host::Qmgr if matches!(line.program.as_str(), "error" | "discard") => {
                        Vec::new()
                    }
                    _ => sockets::places(&config, &line)
                        .map_err(|e| Problem { text: e.to_string() })?,
                };
                hosted.entry(host).or_default().push((line, places));
            }
        }
        Ok(Self { sources, config, lines, warnings, hosted })
    }

    fn places(&self) -> Vec<Place> {
        self.hosted.values().flatten().flat_map(|(_, places)| places.iter().cloned()).collect()
    }

    fn warn(&self, log: &Log) {
        for warning in &self.warnings {
            log.warning(format_args!("{warning}"));
        }
        for text in hosts::unserved(&self.config, &self.lines) {
            log.warning(format_args!("{text}"));
        }
    }
}

/// Whether clients of this line log in by PAM, which needs a process of its own.
fn asks_pam(config: &Arc<Config>, line: &ServiceLine) -> bool {
    if cfg!(not(feature = "pam")) || line.program != "smtpd" {
        return false;
    }
    let view = config.with_overrides(&line.overrides);
    view.bool(&p::smtpd_sasl_auth_enable) && server::needs_pam(&server::Source::of(&view))
}

/// A socket that no master.cf names: those between intake, commands and qmgr, and that of a
/// program which is needed whether there is a line for it or not.
fn internal_line(name: &str, program: &str) -> ServiceLine {
    ServiceLine {
        line: 0,
        name: name.into(),
        kind: SocketKind::Unix,
        private: true,
        unprivileged: false,
        chroot: false,
        wakeup: 0,
        wakeup_if_used: false,
        maxproc: Some(1),
        program: program.into(),
        overrides: Vec::new(),
        verbose: 0,
        arguments: Vec::new(),
    }
}

impl Master {
    fn open_sockets(&mut self) -> Result<(), sockets::SocketError> {
        let owner = self
            .privileged
            .then(|| users::user(&self.plan.config.text(&p::mail_owner)).ok())
            .flatten();
        self.sockets.become_these(&self.plan.places(), owner.map(|user| user.uid))
    }

    async fn serve(
        &mut self,
        mut inbox: mpsc::UnboundedReceiver<Event>,
    ) -> std::io::Result<ExitCode> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut child = signal(SignalKind::child())?;
        for host in HOSTS {
            self.start(host);
        }
        self.announce();
        loop {
            let next = self.again.values().min().copied();
            tokio::select! {
                _ = terminate.recv() => { self.log.info(format_args!("terminating on signal 15")); break }
                _ = interrupt.recv() => { self.log.info(format_args!("terminating on signal 2")); break }
                _ = hang_up.recv() => self.reload(),
                _ = child.recv() => self.reap(),
                Some(event) = inbox.recv() => match event {
                    Event::Ready(pid) => self.is_ready(pid),
                    Event::Died { program, number } => {
                        self.log_death(&program, &number.to_string(), "exit status 1", false);
                    }
                },
                () = sleep_until(next) => self.start_again(),
            }
        }
        self.manager.stopping();
        self.stop(&mut child).await;
        log::flush();
        Ok(ExitCode::SUCCESS)
    }

    /// The service manager hears "ready" when each process serves or has failed to, so that what
    /// waits for mail finds it.
    fn say_ready(&self) {
        if self.children.iter().any(|child| !child.ready && !child.draining) {
            return;
        }
        let directory = self.options.config_directory.display();
        let failing: Vec<_> = self.again.keys().map(|host| host.program()).collect();
        self.manager.ready(&if failing.is_empty() {
            format!("Serving the configuration in {directory}")
        } else {
            format!("Does not start, see the mail log: {}", failing.join(", "))
        });
    }

    /// Lets `postfix start` go: it waits for this byte.
    fn announce(&self) {
        if self.options.announce {
            let mut out = std::io::stdout();
            let _ = out.write_all(b"+").and_then(|()| out.flush());
            if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
                let _ = nix::unistd::dup2_stdout(&null);
                let _ = nix::unistd::dup2_stderr(&null);
            }
        }
    }

    /// Starts the process for the current plan, if the plan has work for it.
    fn start(&mut self, host: Host) {
        let Some(hosted) = self.plan.hosted.get(&host) else { return };
        let mut descriptors: Vec<Arc<OwnedFd>> = Vec::new();
        let services = hosted
            .iter()
            .map(|(line, places)| {
                let open: Vec<_> =
                    places.iter().filter_map(|place| self.sockets.at(place).cloned()).collect();
                let service = birth::Service { line: line.clone(), sockets: open.len() };
                descriptors.extend(open);
                service
            })
            .collect();
        let start = Start {
            sources: self.plan.sources.clone(),
            services,
            all_services: self.plan.lines.clone(),
            privileged: self.privileged,
            lender: host == Host::Qmgr,
            generation: self.generation,
        };
        let foreground = self.options.foreground;
        match Child::start(host, &self.plan.config, start, &descriptors, foreground, &self.events) {
            Ok(child) => self.children.push(child),
            Err(e) => {
                self.log.warning(format_args!("start of {}: {e} -- throttling", host.program()));
                self.again.insert(host, Instant::now() + self.throttle());
            }
        }
    }

    fn throttle(&self) -> Duration {
        self.plan.config.time(&p::service_throttle_time)
    }

    /// A new generation serves: the older ones of its kind may go.
    fn is_ready(&mut self, pid: i32) {
        let Some(new) = self.children.iter_mut().find(|child| child.pid == pid) else { return };
        new.ready = true;
        let (host, started) = (new.host, new.started);
        // After a reload right at the start, the older one may be ready when the newer one has
        // been started already.
        let older = |child: &&mut Child| child.host == host && child.started < started;
        for old in self.children.iter_mut().filter(older) {
            if !old.draining {
                old.drain();
            }
        }
        self.say_ready();
    }

    fn reap(&mut self) {
        loop {
            let (pid, how) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, 0)) => (pid, None),
                Ok(WaitStatus::Exited(pid, code)) => (pid, Some(format!("exit status {code}"))),
                Ok(WaitStatus::Signaled(pid, number, _)) => {
                    (pid, Some(format!("killed by signal {}", number as i32)))
                }
                _ => return,
            };
            let Some(at) = self.children.iter().position(|child| child.pid == pid.as_raw()) else {
                continue;
            };
            let child = self.children.swap_remove(at);
            if let Some(how) = how {
                self.log_death(child.host.program(), &pid.to_string(), &how, child.ready);
            }
            let replaced =
                self.children.iter().any(|other| other.host == child.host && !other.draining);
            if !child.draining && !replaced {
                let pause = match (child.ready, child.started.elapsed() > Duration::from_secs(1)) {
                    (true, true) => Duration::ZERO,
                    (true, false) => Duration::from_millis(500),
                    (false, _) => self.throttle(),
                };
                self.again.insert(child.host, Instant::now() + pause);
                self.say_ready();
            }
        }
    }

    fn log_death(&self, program: &str, pid: &str, how: &str, was_ready: bool) {
        let path = std::path::PathBuf::from(self.plan.config.text(&p::daemon_directory));
        let path = path.join(program);
        let path = path.display();
        self.log.warning(format_args!("process {path} pid {pid} {how}"));
        if !was_ready {
            self.log.warning(format_args!("{path}: bad command startup -- throttling"));
        }
    }

    fn start_again(&mut self) {
        let now = Instant::now();
        let due: Vec<Host> =
            self.again.iter().filter(|(_, at)| **at <= now).map(|(host, _)| *host).collect();
        for host in due {
            self.again.remove(&host);
            self.start(host);
        }
    }

    /// Takes a new configuration over, or keeps the old one if anything is wrong with the new.
    fn reload(&mut self) {
        self.manager.reloading();
        let plan = Sources::read(&self.options.config_directory).and_then(|sources| {
            Config::parse(&sources).and_then(|config| Plan::make(sources, config))
        });
        let plan = match plan {
            Ok(plan) => plan,
            Err(problem) => return self.refuse_reload(&problem.text),
        };
        plan.warn(&self.log);
        let old = std::mem::replace(&mut self.plan, plan);
        if let Err(e) = self.open_sockets() {
            self.plan = old;
            return self.refuse_reload(&e.to_string());
        }
        logging::set_up(&self.plan.config, &self.plan.config.text(&p::myhostname));
        self.log.info(format_args!(
            "reload -- version {}, configuration {}",
            self.plan.config.text(&p::mail_version),
            self.options.config_directory.display()
        ));
        self.again.clear();
        self.generation += 1;
        for host in HOSTS {
            let qmgr =
                self.children.iter().find(|child| child.host == Host::Qmgr && !child.draining);
            match (host, qmgr) {
                (Host::Qmgr, Some(qmgr)) => {
                    let files = lend::files(&self.plan.config, &self.plan.lines, self.privileged);
                    qmgr.reload(self.plan.sources.clone(), files);
                }
                _ if self.plan.hosted.contains_key(&host) => self.start(host),
                _ => self
                    .children
                    .iter_mut()
                    .filter(|child| child.host == host)
                    .for_each(Child::drain),
            }
        }
        self.say_ready();
    }

    fn refuse_reload(&self, text: &str) {
        self.log.error(format_args!("{text}"));
        self.log.error(format_args!("reload refused: the last good configuration stays in force"));
        self.manager.unchanged(text);
    }

    /// Ends all processes: intake and agents first, qmgr last, so that it hears every outcome.
    async fn stop(&mut self, child: &mut tokio::signal::unix::Signal) {
        let deadline = Instant::now() + STOP_PATIENCE;
        for only_qmgr in [false, true] {
            for process in self.children.iter_mut().filter(|c| (c.host == Host::Qmgr) == only_qmgr)
            {
                process.stop();
            }
            while self.children.iter().any(|c| (c.host == Host::Qmgr) == only_qmgr) {
                tokio::select! {
                    _ = child.recv() => self.reap(),
                    () = sleep_until(Some(deadline)) => break,
                }
            }
        }
        for process in &self.children {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
