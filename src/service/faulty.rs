//! Master.cf lines that cannot be served because of a value in their settings.
//!
//! In Postfix the process of such a line dies at its start whenever a client comes, master waits
//! for a while before it starts the next one, and the other lines know nothing of it. Here all
//! lines of a kind share one process; so the line alone is left out, its clients wait at the
//! socket that master holds, and the log says what it says in Postfix.

use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc::UnboundedSender;

use super::birth::{Life, Service};
use crate::config::{Config, parameters as p};
use crate::ipc::birth::FromProcess;
use crate::log;

/// A line that cannot be served.
#[derive(Debug)]
pub(super) struct Fault {
    /// The line.
    pub service: Service,
    /// The program whose settings are wrong: that of the line, or of a part that works in it.
    pub program: String,
    /// What is wrong, as the log says it after `fatal: `.
    pub text: String,
}

/// All such lines of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// One more.
    pub(super) fn add(&self, fault: Fault) {
        if let Ok(mut faults) = self.0.lock() {
            faults.push(fault);
        }
    }

    /// Whether one of them has these settings.
    pub(super) fn concern(&self, settings: &Arc<Config>) -> bool {
        let faults = self.0.lock();
        faults.is_ok_and(|all| all.iter().any(|fault| Arc::ptr_eq(&fault.service.config, settings)))
    }

    /// Answers for them until the process drains. Returns how many there are.
    pub(super) fn watch(&self, life: &Life, to_master: &UnboundedSender<FromProcess>) -> usize {
        let faults = self.0.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default();
        let count = faults.len();
        for fault in faults {
            let (life, to_master) = (life.clone(), to_master.clone());
            // A thread each: nobody may be let in, and a look at a socket that leaves its clients
            // waiting is a blocking call. There are none of these on a system that is in order.
            std::thread::spawn(move || fault.play(&life, &to_master));
        }
        count
    }
}

/// How long a look at the sockets takes, in milliseconds: a drain is seen after that.
const LOOK: u8 = 250;

impl Fault {
    /// Dies whenever a client comes, and is throttled.
    fn play(&self, life: &Life, to_master: &UnboundedSender<FromProcess>) {
        let line = &self.service;
        // A bad value of this very parameter gives its default.
        let pause = line.config.time(&p::service_throttle_time);
        let mut throttled_until = Instant::now();
        while !life.is_draining() {
            let sockets = line.sockets.iter().filter(|_| Instant::now() >= throttled_until);
            let mut sockets: Vec<PollFd<'_>> =
                sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
            match poll(&mut sockets, PollTimeout::from(LOOK)) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(_) => return,
            }
            let log = line.log.of_program(&self.program).session();
            log.fatal(format_args!("{}", self.text));
            log::flush();
            let program = self.program.clone();
            let died = FromProcess::Died { program, number: log.number() };
            if to_master.send(died).is_err() {
                return;
            }
            throttled_until = Instant::now() + pause;
        }
    }
}
