//! smtp-sink(1): takes mail by SMTP or LMTP and throws it away, or into files; refuses, delays and
//! hangs up where it is told to, so that clients can be tested.

mod content;
mod dump;
mod options;
mod session;
mod verb;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use self::options::{Options, USAGE};
use self::session::Session;
use super::endpoint::{Endpoint, Listener};
use super::speaker::Speaker;
use crate::config::why;
use crate::log::Log;
use crate::sys::users;

const NAME: &str = "smtp-sink";

/// What all sessions have in common.
#[derive(Debug)]
struct Sink {
    options: Options,
    speaker: Speaker,
    /// The mail log, for `-s`.
    log: Log,
    sessions: AtomicU64,
    quits: AtomicU64,
    messages: AtomicU64,
    /// Where the end of everything is announced, with its reason if it is a sad one.
    end: mpsc::UnboundedSender<Result<(), String>>,
}

/// Runs the command until it has taken as much as it was told to, or is ended.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new(NAME);
    let code = match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => speaker.fatal(text),
    };
    crate::log::flush();
    code
}

fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<(), String> {
    let usage = || format!("usage: {} {USAGE}", speaker.program());
    let options = Options::parse(arguments, speaker)?.ok_or_else(usage)?;
    if options.user.is_none() && users::is_root() {
        return Err("-u option is required if running as root".into());
    }
    let place = Endpoint::to_listen(&options.place, options.families)?;
    let listening = place.listen(options.backlog, options.window)?;
    if let Some(user) = &options.user {
        give_up_rights(options.root.as_deref(), user)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("start of the runtime: {}", why(&e)))?;
    runtime.block_on(async {
        let listener = listening.start().map_err(|e| format!("listen: {}", why(&e)))?;
        let (end, mut ended) = mpsc::unbounded_channel();
        let (log, speaker) = (Log::tagged(speaker.name()), speaker.clone());
        let (sessions, quits, messages) = Default::default();
        let sink = Sink { options, speaker, log, sessions, quits, messages, end };
        tokio::select! {
            () = serve(listener, Arc::new(sink)) => Ok(()),
            end = ended.recv() => end.unwrap_or(Ok(())),
        }
    })
}

/// Becomes `user`, below `root`.
fn give_up_rights(root: Option<&str>, user: &str) -> Result<(), String> {
    let found = users::user(user).map_err(|_| format!("unknown user: {user}"))?;
    if !users::is_root() {
        return Err(format!("setgid({}): Operation not permitted", found.gid));
    }
    if let Some(root) = root {
        nix::unistd::chroot(root).map_err(|e| format!("chroot({root}): {}", e.desc()))?;
        nix::unistd::chdir("/").map_err(|e| format!("chdir(/): {}", e.desc()))?;
    }
    let groups = users::groups_of(&found).map_err(|e| format!("groups of {user}: {e}"))?;
    users::become_user(found.uid, found.gid, &groups).map_err(|e| e.to_string())
}

async fn serve(listener: Listener, sink: Arc<Sink>) {
    let places = Arc::new(Semaphore::new(sink.options.most));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let sink = sink.clone();
                tokio::spawn(async move {
                    let outcome = Box::pin(Session::run(&sink, stream, from)).await;
                    sink.session_over(outcome);
                    drop(place);
                });
            }
            // Out of descriptors, or the client has gone again.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Sink {
    /// A message has come in whole. False if it was the last: it ends everything, and gets no reply.
    fn message_over(&self) -> bool {
        let count = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        self.show();
        let is_last = self.options.messages.is_some_and(|most| count >= most.into());
        if is_last {
            self.finish(Ok(()));
        }
        !is_last
    }

    /// A client has said QUIT.
    fn quit(&self) {
        self.quits.fetch_add(1, Ordering::Relaxed);
    }

    fn session_over(&self, outcome: Result<(), String>) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.show();
        let quits = self.quits.load(Ordering::Relaxed);
        if outcome.is_err() || self.options.quits.is_some_and(|most| quits >= most.into()) {
            self.finish(outcome);
        }
    }

    fn finish(&self, how: Result<(), String>) {
        // If nobody hears it, the end has come already.
        let _ = self.end.send(how);
    }

    /// `-c`
    fn show(&self) {
        if !self.options.counts {
            return;
        }
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let (sessions, quits) = (count(&self.sessions), count(&self.quits));
        let messages = count(&self.messages);
        let mut out = std::io::stdout();
        // Whoever reads it may have had enough.
        let _ = write!(out, "sess={sessions} quit={quits} mesg={messages}\r")
            .and_then(|()| out.flush());
    }
}
