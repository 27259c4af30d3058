//! Handing a recipient to another transport (mailbox_transport, fallback_transport,
//! best_mx_transport): this process asks that agent as qmgr would, and gives the answer to qmgr as
//! its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tokio::net::UnixStream;

use crate::config::Config;
use crate::config::master_cf::ServiceLine;
use crate::ipc::channel::split;
use crate::ipc::delivery::{FromAgent, Request, To, ToAgent};
use crate::log::Log;
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;

/// How long another agent may take.
const TIME: Duration = Duration::from_secs(3 * 3600);

/// How often, and how long apart, a connection is tried while that agent starts.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// What is needed to reach other transports.
#[derive(Debug)]
pub struct Passer {
    sockets: PathBuf,
    /// Transports that are no processes, by the program of their master.cf line.
    built_in: HashMap<String, BuiltIn>,
    idle: Mutex<HashMap<String, Vec<Connection>>>,
}

/// What became of a recipient that was passed on.
#[derive(Debug)]
pub enum Passed {
    /// The other agent has said this about it, and has logged it.
    Answers(Vec<FromAgent>),
    /// The verdict of a transport that is no process, to be logged with this log.
    Verdict(Log, Outcome),
    /// Nothing came of it: this is why.
    Failed(Outcome),
}

/// A transport whose verdict is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuiltIn {
    Error,
    Retry,
    Discard,
}

type Sender = crate::ipc::channel::Sender<ToAgent>;
type Receiver = crate::ipc::channel::Receiver<FromAgent>;

#[derive(Debug)]
struct Connection {
    sender: Sender,
    receiver: Receiver,
    /// The agent ends: its successor is asked next time.
    leaving: bool,
}

impl Passer {
    /// Knows the transports of this master.cf.
    pub fn new(config: &Config, services: &[ServiceLine]) -> Self {
        let built_in = services.iter().filter_map(|line| {
            let built_in = match line.program.as_str() {
                "error" if line.name == "retry" => BuiltIn::Retry,
                "error" => BuiltIn::Error,
                "discard" => BuiltIn::Discard,
                _ => return None,
            };
            Some((line.name.clone(), built_in))
        });
        Self {
            sockets: config.queue_directory().join("private"),
            built_in: built_in.collect(),
            idle: Mutex::default(),
        }
    }

    /// Passes a recipient of `request` to `transport:nexthop`; without next hop that of the
    /// request stays.
    pub async fn pass(&self, log: &Log, request: &Request, to: To, place: &str) -> Passed {
        let (transport, nexthop) = place.split_once(':').unwrap_or((place, ""));
        let nexthop = if nexthop.is_empty() { &request.nexthop } else { nexthop };
        let address = crate::mail::address::quote(&to.address);
        let id = request.queue_id;
        log.info(format_args!("{id}: passing <{address}> to transport={transport}"));
        if transport.is_empty() {
            log.fatal(format_args!("missing transport name in \"{place}\""));
            return failed("unknown mail transport error");
        }
        if let Some(built_in) = self.built_in.get(transport) {
            return Passed::Verdict(built_in.log(log), built_in.verdict(nexthop));
        }
        let request = Request {
            number: 1,
            nexthop: nexthop.to_owned(),
            recipients: vec![to],
            ..request.clone()
        };
        match tokio::time::timeout(TIME, self.ask(transport, &request, log)).await {
            Ok(Ok(answers)) => Passed::Answers(answers),
            Ok(Err(Trouble::Unavailable)) => failed("mail transport unavailable"),
            Ok(Err(Trouble::Unknown)) | Err(_) => failed("unknown mail transport error"),
        }
    }

    fn idle(&self, transport: &str) -> Option<Connection> {
        self.idle.lock().ok()?.get_mut(transport)?.pop()
    }

    async fn connect(&self, transport: &str, log: &Log) -> std::io::Result<Connection> {
        let path = self.sockets.join(transport);
        let mut attempt = 1;
        loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => {
                    let (sender, receiver) = split(stream);
                    return Ok(Connection { sender, receiver, leaving: false });
                }
                Err(e) if attempt >= ATTEMPTS => return Err(e),
                Err(e) => {
                    if attempt == 1 {
                        let why = crate::sys::spawn::error_text(&e);
                        log.warning(format_args!(
                            "connect to transport private/{transport}: {why}"
                        ));
                    }
                }
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Has the agent of `transport` deliver; one answer for each recipient comes back.
    async fn ask(
        &self,
        transport: &str,
        request: &Request,
        log: &Log,
    ) -> Result<Vec<FromAgent>, Trouble> {
        if let Some(mut connection) = self.idle(transport)
            && let Ok(answers) = connection.exchange(request).await
        {
            self.keep(transport, connection);
            return Ok(answers);
        }
        let mut connection =
            self.connect(transport, log).await.map_err(|_| Trouble::Unavailable)?;
        let answers = connection.exchange(request).await?;
        self.keep(transport, connection);
        Ok(answers)
    }

    fn keep(&self, transport: &str, connection: Connection) {
        if connection.leaving {
            return;
        }
        if let Ok(mut idle) = self.idle.lock() {
            idle.entry(transport.to_owned()).or_default().push(connection);
        }
    }
}

/// Why there is no answer.
enum Trouble {
    Unavailable,
    Unknown,
}

impl Connection {
    async fn exchange(&mut self, request: &Request) -> Result<Vec<FromAgent>, Trouble> {
        let ask = ToAgent::Deliver(Box::new(request.clone()));
        self.sender.send(&ask).await.map_err(|_| Trouble::Unavailable)?;
        let mut answers = Vec::new();
        loop {
            match self.receiver.next().await {
                Ok(Some(FromAgent::Done { number, .. })) if number == request.number => {
                    return Ok(answers);
                }
                Ok(Some(FromAgent::Leaving)) => self.leaving = true,
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) | Err(_) => return Err(Trouble::Unknown),
            }
        }
    }
}

fn failed(text: &str) -> Passed {
    Passed::Failed(Outcome::own(Status::new(4, 3, 0), text))
}

impl BuiltIn {
    /// What error(8), retry and discard(8) do with all mail.
    fn verdict(self, nexthop: &str) -> Outcome {
        let default = match self {
            Self::Discard => return Outcome::own(Status::new(2, 0, 0), nexthop),
            Self::Error => Status::new(5, 0, 0),
            Self::Retry => Status::new(4, 0, 0),
        };
        let (status, text) = Status::split(nexthop);
        Outcome::own(status.unwrap_or(default).with_class(default.class), text)
    }

    fn log(self, log: &Log) -> Log {
        log.of_program(match self {
            Self::Error => "error",
            Self::Retry => "retry",
            Self::Discard => "discard",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outcome::Action;

    #[test]
    fn verdicts() {
        let outcome = BuiltIn::Error.verdict("5.1.2 no mail here");
        assert_eq!((outcome.status, &*outcome.text), (Status::new(5, 1, 2), "no mail here"));
        let outcome = BuiltIn::Error.verdict("no mail here");
        assert_eq!(outcome.status, Status::new(5, 0, 0));
        assert_eq!(BuiltIn::Retry.verdict("x").action, Action::Deferred);
        assert!(matches!(BuiltIn::Discard.verdict("x").action, Action::Sent { .. }));
    }
}
