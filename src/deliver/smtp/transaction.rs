//! One message on a connection: from MAIL to the reply to its content.
//!
//! With PIPELINING, commands are written together as long as they fit a window, and replies are
//! read when the sender has to wait for them: before the content, and whenever the window is full.
//! Then what the replies said decides whether the rest is still worth sending.

use std::collections::VecDeque;
use std::time::Duration;

use super::attempt::{Attempt, Scope};
use super::body::{self, BodyError};
use super::connection::{Broken, Connection};
use super::envelope;
use super::handshake::broke;
use super::mapping::Mapping;
use super::reason::Reason;
use super::require_tls::Enforcement;
use crate::mail::status::Status;
use crate::spool::StoredContent;
use crate::wire::smtp_reply::Reply;

/// Most bytes of commands whose replies have not been read. The server's socket takes as much
/// without waiting for us.
const WINDOW: usize = 4096;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The dialogue went its way; recipients have their outcomes, or are for the next server.
    Complete,
    /// It broke off; the same holds.
    Broken,
    /// The connection had been idle and turned out to be of no use. Nothing has happened.
    Stale,
}

/// A command whose reply is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Is the idle connection still good?
    Probe,
    /// XFORWARD, first and second.
    Xforward(usize),
    Mail,
    /// The recipient at that place of [`Attempt::left`].
    Rcpt(usize),
    Data,
}

/// The message that is sent.
#[derive(Debug)]
pub struct Mail<'a> {
    /// Its content.
    pub content: &'a StoredContent,
    /// Envelope addresses as they are sent.
    pub mapping: &'a Mapping,
}

/// The state of the dialogue about one message.
#[derive(Debug)]
struct Dialogue<'a, 'r> {
    attempt: &'a mut Attempt<'r>,
    connection: &'a mut Connection,
    awaited: VecDeque<Step>,
    sender_refused: bool,
    /// Recipients that the server took, by place.
    accepted: Vec<usize>,
    data_refused: bool,
}

/// Why sending stops.
enum Stop {
    /// RSET, and whoever is left has been told.
    Abort,
    Broken,
    Stale,
}

/// Sends the message to the recipients that are left. `probe`: the connection was idle.
pub async fn send(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    mail: &Mail<'_>,
    probe: bool,
) -> Ended {
    if let Some(reason) = too_big(attempt, connection) {
        attempt.fail_all(Some(connection), Scope::Message, reason).await;
        attempt.complete_session = true;
        return Ended::Complete;
    }
    let mut dialogue = Dialogue {
        attempt,
        connection,
        awaited: VecDeque::new(),
        sender_refused: false,
        accepted: Vec::new(),
        data_refused: false,
    };
    let ended = match dialogue.envelope(mail, probe).await {
        Ok(()) if dialogue.probed_data() => Ended::Complete,
        Ok(()) => dialogue.content(mail).await,
        Err(Stop::Abort) => dialogue.abort().await,
        Err(Stop::Broken) => Ended::Broken,
        Err(Stop::Stale) => Ended::Stale,
    };
    match ended {
        Ended::Complete => attempt.complete_session = true,
        Ended::Broken | Ended::Stale => connection.do_not_keep(),
    }
    ended
}

fn too_big(attempt: &Attempt<'_>, connection: &Connection) -> Option<Reason> {
    let limit = connection.features.size_limit;
    let size = attempt.request.size;
    (limit > 0 && limit < size).then(|| {
        let name = &connection.peer.name;
        let text = format!("message size {size} exceeds size limit {limit} of server {name}");
        Reason::own(Status::new(5, 3, 4), text)
    })
}

impl Dialogue<'_, '_> {
    /// Everything up to the reply to DATA.
    async fn envelope(&mut self, mail: &Mail<'_>, probe: bool) -> Result<(), Stop> {
        if probe {
            self.step(Step::Probe, "RSET").await?;
        }
        if self.attempt.settings.send_xforward {
            let request = self.attempt.request;
            let commands = envelope::xforward(request, &self.connection.features);
            for (index, command) in commands.into_iter().enumerate() {
                if let Some(command) = command {
                    self.step(Step::Xforward(index), &command).await?;
                }
            }
        }
        let settings = self.attempt.settings;
        let request = self.attempt.request;
        let quoted = settings.quote_envelope;
        self.attempt.begin_message(self.connection.reused);
        let converts = body::converts(self.attempt, self.connection);
        let sender = mail.mapping.sender();
        let features = &self.connection.features;
        let mut command = envelope::mail(request, sender, features, quoted, converts);
        let wanted = self.attempt.enforcement() > Enforcement::Disable;
        if wanted && features.require_tls && self.connection.tls.is_some() {
            command.push_str(" REQUIRETLS");
        }
        let dummy_auth = settings.login.as_ref().is_some_and(|login| login.dummy_mail_auth);
        if dummy_auth && features.auth.is_some() {
            command.push_str(" AUTH=<>");
        }
        self.step(Step::Mail, &command).await?;
        for at in 0..self.attempt.left.len() {
            let Some(to) = self.attempt.to(at) else { continue };
            let recipient = mail.mapping.recipient(to);
            let features = &self.connection.features;
            let command = envelope::rcpt(request, to, recipient, features, quoted);
            self.step(Step::Rcpt(at), &command).await?;
        }
        if self.is_probe() && !settings.probe_data {
            self.receive_all().await?;
            return Err(Stop::Abort);
        }
        self.step(Step::Data, "DATA").await?;
        self.receive_all().await?;
        if self.data_refused { Err(Stop::Abort) } else { Ok(()) }
    }

    /// Queues a command; before that, replies are read if it has to wait for them.
    async fn step(&mut self, step: Step, command: &str) -> Result<(), Stop> {
        let connection = &*self.connection;
        let fits =
            connection.features.pipelining && connection.output.len() + command.len() + 2 <= WINDOW;
        if !self.awaited.is_empty() && !fits {
            self.receive_all().await?;
            let pointless = match step {
                Step::Rcpt(_) => self.sender_refused,
                Step::Data => self.accepted.is_empty(),
                _ => false,
            };
            if pointless {
                return Err(Stop::Abort);
            }
        }
        self.connection.command(&self.attempt.speaker(), command);
        self.awaited.push_back(step);
        Ok(())
    }

    async fn receive_all(&mut self) -> Result<(), Stop> {
        while let Some(step) = self.awaited.pop_front() {
            let limit = self.limit(step);
            let reply = match self.connection.reply(&self.attempt.speaker(), limit).await {
                Ok(reply) => reply,
                Err(_) if step == Step::Probe => return Err(Stop::Stale),
                Err(broken) => {
                    broke(self.attempt, self.connection, &broken, step.stage()).await;
                    return Err(Stop::Broken);
                }
            };
            if step == Step::Probe && !reply.is(2) {
                return Err(Stop::Stale);
            }
            self.receive(step, &reply).await;
        }
        Ok(())
    }

    fn limit(&self, step: Step) -> Duration {
        let limits = &self.attempt.settings.limits;
        match step {
            Step::Probe => limits.rset,
            Step::Xforward(_) => limits.xforward,
            Step::Mail => limits.mail,
            Step::Rcpt(_) => limits.rcpt,
            Step::Data => limits.data_init,
        }
    }

    async fn receive(&mut self, step: Step, reply: &Reply) {
        match step {
            Step::Probe => {}
            Step::Xforward(_) if reply.is(2) => {}
            Step::Xforward(_) => self.attempt.log.warning(format_args!(
                "host {} said: {} (in reply to {})",
                self.connection.peer.name_port,
                reply.one_line(),
                step.request()
            )),
            Step::Mail if reply.is(2) => {}
            Step::Mail => {
                self.refuse_all(reply, step.request()).await;
                self.sender_refused = true;
            }
            Step::Rcpt(_) if self.sender_refused => {}
            Step::Rcpt(at) if reply.is(2) => {
                self.accepted.push(at);
                if self.is_probe() && !self.attempt.settings.probe_data {
                    self.attempt.delivered(self.connection, at, reply).await;
                }
            }
            Step::Rcpt(at) => self.refuse_one(at, reply, step.request()).await,
            Step::Data if reply.is(3) => {
                if self.is_probe() {
                    let reply = Reply { status: Status::new(2, 0, 0), ..reply.clone() };
                    self.attempt.delivered_all(self.connection, &reply).await;
                }
            }
            Step::Data => {
                if !self.accepted.is_empty() {
                    self.refuse_all(reply, step.request()).await;
                }
                self.data_refused = true;
            }
        }
    }

    /// A probe of an address ends before any content.
    fn is_probe(&self) -> bool {
        let trace = self.attempt.request.trace;
        trace.verify || trace.expand_only
    }

    /// The probe is over, and the server waits for content that never comes: all that is left is
    /// to hang up.
    fn probed_data(&mut self) -> bool {
        if !self.is_probe() {
            return false;
        }
        self.connection.do_not_keep();
        self.connection.dead = true;
        true
    }

    fn quote(&self, reply: &Reply, request: &str) -> String {
        let name = &self.connection.peer.name;
        format!("host {name} said: {} (in reply to {request})", reply.one_line())
    }

    async fn refuse_all(&mut self, reply: &Reply, request: &str) {
        let text = self.quote(reply, request);
        self.attempt.refuse_all(self.connection, Scope::Message, reply, text).await;
    }

    async fn refuse_one(&mut self, at: usize, reply: &Reply, request: &str) {
        let text = self.quote(reply, request);
        self.attempt.refuse_one(self.connection, at, reply, text).await;
    }

    /// Sends the content, if anybody is to get it, and reads what the server makes of it.
    async fn content(&mut self, mail: &Mail<'_>) -> Ended {
        let mut lost = false;
        if !self.accepted.is_empty() {
            match body::send(self.attempt, self.connection, mail).await {
                Ok(()) => {}
                Err(BodyError::Broken(Broken::Lost)) => {
                    // It may have said why before it hung up.
                    self.connection.only_read();
                    lost = true;
                }
                Err(BodyError::Broken(broken)) => {
                    broke(self.attempt, self.connection, &broken, "sending message body").await;
                    return Ended::Broken;
                }
                Err(BodyError::Unsendable(reason)) => {
                    self.attempt.fail_all(Some(self.connection), Scope::Message, reason).await;
                    self.connection.dead = true;
                    return Ended::Broken;
                }
            }
        }
        self.expire();
        let kept = self.connection.is_kept();
        if !lost {
            let speaker = self.attempt.speaker();
            self.connection.command(&speaker, ".");
            if !kept && self.connection.features.pipelining {
                self.connection.command(&speaker, "QUIT");
            }
        }
        if let Err(ended) = self.verdicts(lost).await {
            return ended;
        }
        if lost {
            return Ended::Broken;
        }
        if !kept {
            self.quit(!self.connection.features.pipelining).await;
        }
        Ended::Complete
    }

    /// The reply to the content; with LMTP one for each recipient that was accepted.
    async fn verdicts(&mut self, lost: bool) -> Result<(), Ended> {
        const REQUEST: &str = "end of DATA command";
        let limit = self.attempt.settings.limits.data_done;
        let each = self.attempt.settings.lmtp && !self.accepted.is_empty();
        let count = if each { self.accepted.len() } else { 1 };
        for index in 0..count {
            let reply = match self.connection.reply(&self.attempt.speaker(), limit).await {
                Ok(reply) if lost && reply.is(2) => Err(Broken::Lost),
                other => other,
            };
            let reply = match reply {
                Ok(reply) => reply,
                Err(broken) => {
                    const DOT: &str = "sending end of data -- message may be sent more than once";
                    let (broken, stage) = match lost {
                        true => (Broken::Lost, "sending message body"),
                        false => (broken, DOT),
                    };
                    broke(self.attempt, self.connection, &broken, stage).await;
                    return Err(Ended::Broken);
                }
            };
            self.attempt.content_answered();
            match (each, self.accepted.get(index).copied()) {
                (true, Some(at)) if reply.is(2) => {
                    self.attempt.delivered(self.connection, at, &reply).await;
                }
                (true, Some(at)) => self.refuse_one(at, &reply, REQUEST).await,
                (false, Some(_)) if reply.is(2) => {
                    self.attempt.delivered_all(self.connection, &reply).await;
                }
                (false, Some(_)) => self.refuse_all(&reply, REQUEST).await,
                (_, None) => {}
            }
        }
        Ok(())
    }

    fn expire(&mut self) {
        if self.connection.is_expired(self.attempt.settings.reuse.count) {
            self.connection.do_not_keep();
        }
    }

    /// Takes back the transaction.
    async fn abort(&mut self) -> Ended {
        self.expire();
        let limit = self.attempt.settings.limits.rset;
        let kept = self.connection.is_kept();
        let pipelined = self.connection.features.pipelining && !kept;
        self.connection.command(&self.attempt.speaker(), "RSET");
        if pipelined {
            self.connection.command(&self.attempt.speaker(), "QUIT");
        }
        if self.connection.reply(&self.attempt.speaker(), limit).await.is_err() {
            self.connection.dead = true;
            return Ended::Broken;
        }
        if !kept {
            self.quit(!pipelined).await;
        }
        Ended::Complete
    }

    /// Says goodbye; `command`: QUIT has not been sent yet.
    async fn quit(&mut self, command: bool) {
        if command {
            self.connection.command(&self.attempt.speaker(), "QUIT");
        }
        say_goodbye(self.attempt, self.connection).await;
    }
}

/// After QUIT: its reply is read if `smtp_skip_quit_response = no`. The connection is over.
async fn say_goodbye(attempt: &Attempt<'_>, connection: &mut Connection) {
    if attempt.settings.skip_quit_response {
        connection.flush_if_possible();
    } else {
        let limit = attempt.settings.limits.quit;
        let _ = connection.reply(&attempt.speaker(), limit).await;
    }
    connection.end();
}

/// Ends a session in which no message was sent, or that has been kept too long.
pub async fn quit(attempt: &Attempt<'_>, connection: &mut Connection) {
    if !connection.dead {
        connection.command(&attempt.speaker(), "QUIT");
        say_goodbye(attempt, connection).await;
    }
}

impl Step {
    /// What a failure to get the reply is blamed on.
    fn stage(self) -> &'static str {
        match self {
            Self::Probe => "sending RSET probe",
            Self::Xforward(0) => "sending XFORWARD name/address",
            Self::Xforward(_) => "sending XFORWARD protocol/helo_name",
            Self::Mail => "sending MAIL FROM",
            Self::Rcpt(_) => "sending RCPT TO",
            Self::Data => "sending DATA command",
        }
    }

    /// What a refusal was a reply to.
    fn request(self) -> &'static str {
        match self {
            Self::Probe => "RSET probe",
            Self::Xforward(0) => "XFORWARD name/address command",
            Self::Xforward(_) => "XFORWARD helo/protocol command",
            Self::Mail => "MAIL FROM command",
            Self::Rcpt(_) => "RCPT TO command",
            Self::Data => "DATA command",
        }
    }
}
