//! One request on its way: which recipients are left, what has failed so far, and what is
//! reported about whom.
//!
//! A recipient is reported once: sent, bounced, or deferred by the last server there is. Until
//! then a temporary failure only marks it for the next server.

use super::connection::{Connection, Keep, Speaker};
use super::reason::{Reason, is_protocol_trouble};
use super::require_tls::{BadPolicy, Enforcement};
use super::settings::Settings;
use super::tls_status::TlsStatus;
use super::tlsrpt::Subject;
use crate::ipc::delivery::{Failure, Request, To};
use crate::log::Log;
use crate::mail::envelope::Timestamp;
use crate::mail::outcome::{Action, Diagnostic, Outcome, Success};
use crate::service::agent::{Delays, Reporter, Via, now};
use crate::service::pass::{Passed, Passer};
use crate::wire::smtp_reply::Reply;

/// A request on its way.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Parameters.
    pub settings: &'a Settings,
    /// The request.
    pub request: &'a Request,
    /// Log of this delivery.
    pub log: &'a Log,
    reporter: &'a Reporter,
    /// Recipients that have no outcome yet.
    pub left: Vec<Left>,
    /// Why the last thing that was tried failed.
    pub reason: Option<Reason>,
    /// Nothing else will be tried after this server: failures are outcomes.
    pub final_server: bool,
    /// Nothing else will be tried after this next hop.
    pub final_nexthop: bool,
    /// A server took part in a whole dialogue: the destination works.
    pub complete_session: bool,
    /// What qmgr hears about the destination.
    pub unreachable: Option<Failure>,
    /// What the next hop that is being tried needs for REQUIRETLS.
    pub enforcement: Result<Enforcement, BadPolicy>,
    /// What encryption has come to with the server that is being tried.
    pub tls: TlsStatus,
    /// Whom TLS reports about the next hop that is being tried are for.
    pub tlsrpt: Option<Box<Subject>>,
    /// `relay=` where no server was asked.
    pub nobody: &'a str,
    started: Timestamp,
    connected: Option<Timestamp>,
    finished: Option<Timestamp>,
    reused: u32,
}

/// A recipient without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its place in [`Request::recipients`].
    pub place: usize,
    mark: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Not touched in this session.
    None,
    /// For the next server.
    Keep,
    /// Reported.
    Drop,
}

/// How far a failure reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This message.
    Message,
    /// This server: the destination may be in trouble.
    Server,
    /// This server lacks something that another may have: only the last one's failure is final.
    Lacking,
}

impl<'a> Attempt<'a> {
    /// Begins with all recipients.
    pub fn new(
        settings: &'a Settings,
        request: &'a Request,
        log: &'a Log,
        reporter: &'a Reporter,
    ) -> Self {
        let left = (0..request.recipients.len()).map(|place| Left { place, mark: Mark::None });
        Self {
            settings,
            request,
            log,
            reporter,
            left: left.collect(),
            reason: None,
            final_server: false,
            final_nexthop: false,
            complete_session: false,
            unreachable: None,
            enforcement: Ok(Enforcement::Disable),
            tls: TlsStatus::default(),
            tlsrpt: None,
            nobody: "none",
            started: now(),
            connected: None,
            finished: None,
            reused: 0,
        }
    }

    /// Whether the sender wants REQUIRETLS, and that counts here.
    pub fn wants_require_tls(&self) -> bool {
        self.request.tls_wish.is_required() && self.settings.require_tls.is_enabled()
    }

    /// Whether the mail is to be sent even where encryption fails: `TLS-Required: no`.
    pub fn needs_no_tls(&self) -> bool {
        self.request.tls_wish.is_not_needed()
            && self.settings.tls_required
            && !self.wants_require_tls()
    }

    /// What REQUIRETLS asks of the server that is being tried.
    pub fn enforcement(&self) -> Enforcement {
        self.enforcement.unwrap_or_default()
    }

    /// The way to qmgr.
    pub fn reporter(&self) -> &'a Reporter {
        self.reporter
    }

    /// Who has the dialogue.
    pub fn speaker(&self) -> Speaker<'a> {
        Speaker { settings: self.settings, log: self.log, queue_id: self.request.queue_id }
    }

    /// The recipient at a place of [`Attempt::left`].
    pub fn to(&self, at: usize) -> Option<&'a To> {
        self.request.recipients.get(self.left.get(at)?.place)
    }

    /// Whether it has been dealt with in this session.
    pub fn is_marked(&self, at: usize) -> bool {
        self.left.get(at).is_none_or(|left| left.mark != Mark::None)
    }

    /// The envelope of this message begins now, on a connection used `reused` times before.
    pub fn begin_message(&mut self, reused: u32) {
        self.reused = reused;
        self.connected = Some(now());
    }

    /// The reply to the content is here.
    pub fn content_answered(&mut self) {
        self.finished = Some(now());
    }

    /// All recipients that are left fail for `reason`, or are kept for the next server.
    pub async fn fail_all(
        &mut self,
        connection: Option<&mut Connection>,
        scope: Scope,
        reason: Reason,
    ) {
        let soft = match scope {
            Scope::Lacking => !self.final_server,
            _ => reason.is_temporary(),
        };
        if (soft || self.settings.soft_bounce) && !self.final_server {
            self.log.info(format_args!("{}: {}", self.request.queue_id, reason.text));
            for left in self.left.iter_mut().filter(|left| left.mark == Mark::None) {
                left.mark = Mark::Keep;
            }
        } else {
            let time = now();
            self.finished = Some(time);
            self.connected.get_or_insert(time);
            let relay = connection.as_ref().map_or(self.nobody, |c| c.peer.name_port.as_str());
            for at in 0..self.left.len() {
                if !self.is_marked(at) {
                    self.report(at, relay, reason.outcome()).await;
                }
            }
            let waits = reason.is_temporary() || self.settings.soft_bounce;
            if scope == Scope::Server && waits && !self.complete_session {
                let failure = Failure { status: reason.status, text: reason.text.clone() };
                self.unreachable.get_or_insert(failure);
            }
        }
        if let Some(connection) = connection {
            match scope {
                Scope::Server => connection.keep = Keep::Throttled,
                Scope::Lacking => connection.do_not_keep(),
                Scope::Message => {}
            }
        }
        self.reason = Some(reason);
    }

    /// All recipients fail because of a reply.
    pub async fn refuse_all(
        &mut self,
        connection: &mut Connection,
        scope: Scope,
        reply: &Reply,
        text: String,
    ) {
        if is_protocol_trouble(reply.code) {
            connection.do_not_keep();
        }
        let reason = Reason::said(&connection.peer.host, reply, text);
        self.fail_all(Some(connection), scope, reason).await;
    }

    /// One recipient fails because of a reply.
    pub async fn refuse_one(
        &mut self,
        connection: &mut Connection,
        at: usize,
        reply: &Reply,
        text: String,
    ) {
        if is_protocol_trouble(reply.code) {
            connection.do_not_keep();
        }
        let reason = Reason::said(&connection.peer.host, reply, text);
        if (reason.is_temporary() || self.settings.soft_bounce) && !self.final_server {
            self.log.info(format_args!("{}: {}", self.request.queue_id, reason.text));
            if let Some(left) = self.left.get_mut(at) {
                left.mark = Mark::Keep;
            }
        } else {
            self.report(at, &connection.peer.name_port, reason.outcome()).await;
        }
        self.reason = Some(reason);
    }

    /// One recipient has been taken over by the server.
    pub async fn delivered(&mut self, connection: &Connection, at: usize, reply: &Reply) {
        let success = if connection.features.dsn {
            Success::Transferred
        } else if self.settings.lmtp && self.settings.flags.final_delivery {
            Success::Delivered
        } else {
            Success::Relayed
        };
        let text = reply.one_line();
        let status = match reply.status.class {
            2 => reply.status,
            _ => crate::mail::status::Status::new(2, 0, 0),
        };
        let outcome = Outcome {
            action: Action::Sent { success },
            status,
            text: text.clone(),
            remote_mta: connection.peer.host.clone(),
            diagnostic: Some(Diagnostic { kind: "smtp".into(), text }),
        };
        self.report(at, &connection.peer.name_port, outcome).await;
    }

    /// All recipients that nobody has taken in this session.
    pub async fn delivered_all(&mut self, connection: &Connection, reply: &Reply) {
        for at in 0..self.left.len() {
            if !self.is_marked(at) {
                self.delivered(connection, at, reply).await;
            }
        }
    }

    async fn report(&mut self, at: usize, relay: &str, outcome: Outcome) {
        let delays = Delays {
            started: self.started,
            connected: self.connected,
            finished: self.finished.unwrap_or_else(now),
            reused: self.reused,
        };
        let outcome = self.settings.status_filter.apply(self.log, outcome).await;
        let tls = if self.settings.log_tls_status { self.tls.text() } else { String::new() };
        if let Some(to) = self.to(at) {
            let via = Via { relay, tls: &tls };
            self.reporter.recipient(self.log, to, via, delays, outcome);
        }
        if let Some(left) = self.left.get_mut(at) {
            left.mark = Mark::Drop;
        }
    }

    /// Everybody who is left goes to another transport: this one would send the mail back here.
    pub async fn pass_all(&mut self, passer: &Passer, place: &str) {
        for left in std::mem::take(&mut self.left) {
            let Some(to) = self.request.recipients.get(left.place) else { continue };
            let delays = Delays::until_now(self.started);
            match passer.pass(self.log, self.request, to.clone(), place).await {
                Passed::Answers(answers) => {
                    answers.into_iter().for_each(|answer| self.reporter.passed(answer));
                }
                Passed::Verdict(log, outcome) => {
                    self.reporter.recipient(&log, to, "none", delays, outcome);
                }
                Passed::Failed(outcome) => {
                    self.reporter.recipient(self.log, to, "none", delays, outcome);
                }
            }
        }
    }

    /// The session is over: what is left goes to the next server.
    pub fn end_session(&mut self) {
        self.left.retain(|left| left.mark != Mark::Drop);
        for left in &mut self.left {
            left.mark = Mark::None;
        }
        self.connected = None;
        self.finished = None;
        self.reused = 0;
    }
}
