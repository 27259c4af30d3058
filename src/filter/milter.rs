//! One milter in one session: its connection, what it agreed to, and how it stands to the message.
//!
//! ```text
//! Closed ─ Envelope ─ Message ─ Envelope …          Error: the default action answers for it
//!              ├─ AcceptedMessage                    AcceptedSession, RefusedSession: not asked again
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Answer;
use super::channel::{Channel, Failure};
use super::content::Step;
use super::endpoint::{Endpoint, plain_error};
use super::settings::{Common, Spec};
use crate::log::Log;
use crate::wire::milter::{
    ACTIONS, Edit, Event, Head, Malformed, Negotiated, Packet, Protocol, Response, code, reply,
    step,
};

/// A milter may ask for more time for this long in one event: then its client has gone anyway.
const PROGRESS_MAX: Duration = Duration::from_secs(3600);

/// How much of a new body is handed on at once.
const BODY_PIECE: usize = 64 << 10;

const TEMPFAIL: &str = "451 4.7.1 Service unavailable - try again later";
const MISCONFIGURED: &str = "451 4.3.5 Server configuration problem - try again later";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Error,
    Envelope,
    Message,
    AcceptedSession,
    AcceptedMessage,
    RefusedSession,
}

/// Macros with their values.
pub(super) type Values = Vec<(String, String)>;

/// A milter.
#[derive(Debug)]
pub(super) struct Milter {
    pub spec: Arc<Spec>,
    common: Arc<Common>,
    channel: Option<Channel>,
    pub state: State,
    /// What it answers to everything from now on.
    pub default: Option<Answer>,
    /// Its [`step`]s.
    pub steps: u32,
    /// Events that its version does not have.
    foreign: u32,
    /// It has answered "skip" to this event.
    pub skipped: Option<Event>,
    /// Names of macros, where it has its own list.
    pub macros: [Option<Vec<String>>; MACRO_LISTS],
    /// Bytes of the packet with a piece of a new body that have not been read.
    body_left: usize,
    /// When the current event began.
    since: Instant,
    pub log: Log,
}

/// Kinds of macro lists that a milter can set for itself.
pub(super) const MACRO_LISTS: usize = 7;

impl Milter {
    pub(super) fn new(spec: Arc<Spec>, common: Arc<Common>, log: Log) -> Self {
        Self {
            spec,
            common,
            channel: None,
            state: State::Closed,
            default: None,
            steps: 0,
            foreign: 0,
            skipped: None,
            macros: Default::default(),
            body_left: 0,
            since: Instant::now(),
            log,
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.channel.is_some() && self.state == State::Envelope
    }

    /// The other end has been cut by whom this milter was lent to.
    pub(super) fn cut_if_closed(&mut self) {
        if self.channel.is_none() {
            self.channel = Some(Channel::cut());
        }
    }

    fn limit(&self) -> Duration {
        match self.state {
            State::Message => self.spec.content_timeout,
            _ => self.spec.command_timeout,
        }
    }

    fn warn(&self, text: &str) {
        self.log.warning(format_args!("milter {}: {text}", self.spec.name));
    }

    /// It cannot be talked to: the default action answers from now on.
    fn fail(&mut self, misconfigured: bool) {
        self.channel = None;
        self.state = State::Error;
        let action = self.spec.default_action.clone();
        let reply = |text: &str| Some(Answer::Reply(text.to_owned()));
        self.default = match (action.to_ascii_lowercase().as_str(), misconfigured) {
            ("accept", _) => None,
            ("quarantine", _) => Some(Answer::Hold("default_action".into())),
            ("shutdown", true) => reply("421 4.3.5 Server configuration problem - try again later"),
            ("shutdown", false) => reply("421 4.7.1 Service unavailable - try again later"),
            ("reject", false) => reply("550 5.5.0 Service unavailable"),
            ("tempfail", false) => reply(TEMPFAIL),
            (_, true) => reply(MISCONFIGURED),
            (_, false) => {
                self.warn(&format!("unrecognized default action: {action}"));
                reply(MISCONFIGURED)
            }
        };
    }

    fn close(&mut self, state: State) {
        self.channel = None;
        self.state = state;
    }

    /// Connects and negotiates.
    pub(super) async fn connect(&mut self) {
        let protocol = match Protocol::parse(&self.spec.protocol) {
            Ok(protocol) => protocol,
            Err(bad) => {
                self.warn(&bad.to_string());
                return self.fail(true);
            }
        };
        let Some(endpoint) = self.endpoint() else { return self.fail(true) };
        match endpoint.connect(self.spec.connect_timeout).await {
            Ok(stream) => self.channel = Some(Channel::new(stream)),
            Err(error) => {
                let (name, why) = (&self.spec.name, plain_error(&error));
                self.log.warning(format_args!("connect to Milter service {name}: {why}"));
                return self.fail(false);
            }
        }
        self.default = None;
        self.skipped = None;
        self.negotiate(protocol).await;
    }

    fn endpoint(&self) -> Option<Endpoint> {
        let name = &self.spec.name;
        match name.split_once(':').filter(|(kind, place)| !kind.is_empty() && !place.is_empty()) {
            Some(("inet", place)) => Some(Endpoint::inet(place)),
            Some(("unix" | "local", path)) => {
                Some(Endpoint::unix(path, &self.common.queue_directory))
            }
            Some((kind, _)) => {
                self.log.warning(format_args!(
                    "invalid transport name: {kind} in Milter service: {name}"
                ));
                None
            }
            None => {
                self.log.warning(format_args!(
                    "Milter service needs transport:endpoint instead of \"{name}\""
                ));
                None
            }
        }
    }

    async fn negotiate(&mut self, ours: Protocol) {
        let sent = self.packet(Event::Negotiate, |packet| {
            packet.long(ours.version).long(ACTIONS).long(ours.steps)
        });
        let Some(head) = self.head(Event::Negotiate).await else {
            return self.warn("read error in initial handshake");
        };
        if head.code != Event::Negotiate as u8 {
            let code = char::from(head.code);
            self.warn(&format!("unexpected reply \"{code}\" in initial handshake"));
            return self.fail(false);
        }
        if let Err(malformed) = head.fits() {
            return self.malformed(malformed, Event::Negotiate, sent);
        }
        let Some(data) = self.data(head.length).await else {
            return self.warn("read error in initial handshake");
        };
        let theirs = match Negotiated::parse(&data) {
            Ok(theirs) => theirs,
            Err(malformed) => {
                self.malformed(malformed, Event::Negotiate, sent);
                return self.warn("read error in initial handshake");
            }
        };
        if theirs.version > ours.version {
            self.warn(&format!(
                "protocol version {} conflict with MTA protocol version {}",
                theirs.version, ours.version
            ));
            return self.fail(false);
        }
        if theirs.actions & ACTIONS != theirs.actions {
            self.warn(&format!(
                "request mask 0x{:x} conflict with MTA request mask 0x{ACTIONS:x}",
                theirs.actions
            ));
            return self.fail(false);
        }
        self.foreign = step::NO_EVENT & !ours.steps;
        match Protocol::unknown_to(theirs.version) {
            Some(unknown) if theirs.version < ours.version => self.foreign |= unknown,
            None => self.warn(&format!("unexpected protocol version {}", theirs.version)),
            _ => {}
        }
        self.steps = theirs.steps;
        self.state = State::Envelope;
        self.take_macro_lists(&theirs.macros);
    }

    fn take_macro_lists(&mut self, lists: &[(u32, String)]) {
        for (number, names) in lists {
            let place = usize::try_from(*number).ok().and_then(|at| self.macros.get_mut(at));
            let names = names.split([' ', '\t', ',', '\r', '\n']).filter(|name| !name.is_empty());
            match place {
                Some(place) => *place = Some(names.map(str::to_owned).collect()),
                None => self.warn(&format!("ignoring unknown macro type {number}")),
            }
        }
    }

    fn packet(&mut self, event: Event, fill: impl FnOnce(Packet<'_>) -> Packet<'_>) -> usize {
        self.channel.as_mut().map_or(0, |channel| fill(channel.packet(event)).end())
    }

    fn malformed(&mut self, malformed: Malformed, event: Event, sent: usize) {
        self.log.warning(format_args!("{}", malformed.text(&self.spec.name, event, sent)));
        self.fail(false);
    }

    /// The head of the next packet; after a failure the default action holds.
    async fn head(&mut self, event: Event) -> Option<Head> {
        let limit = self.limit();
        match self.channel.as_mut()?.head(limit).await {
            Ok(head) => return Some(head),
            Err(Failure::Io(error)) => {
                let (event, why) = (event.name(), plain_error(&error));
                self.warn(&format!("can't read {event} reply packet header: {why}"));
                self.fail(false);
            }
            Err(Failure::Malformed(malformed)) => self.malformed(malformed, event, 0),
        }
        None
    }

    /// What follows it.
    async fn data(&mut self, length: usize) -> Option<Vec<u8>> {
        let limit = self.limit();
        match self.channel.as_mut()?.data(length, limit).await {
            Ok(data) => Some(data),
            Err(error) => {
                self.warn(&format!("EOF while reading data: {}", plain_error(&error)));
                self.body_left = 0;
                self.fail(false);
                None
            }
        }
    }

    /// The next packet; the data of a new body stays unread.
    async fn answer(&mut self, event: Event, sent: usize) -> Option<(Head, Vec<u8>)> {
        let head = self.head(event).await?;
        if let Err(malformed) = head.check(event) {
            self.malformed(malformed, event, sent);
            return None;
        }
        if head.code == code::REPLACE_BODY {
            self.body_left = head.length;
            return Some((head, Vec::new()));
        }
        Some((head, self.data(head.length).await?))
    }

    /// Tells the milter; none if it needs no telling or is not to be waited for, else how many
    /// bytes of data the event had.
    async fn tell(
        &mut self,
        event: Event,
        macros: &Values,
        fill: impl FnOnce(Packet<'_>) -> Packet<'_>,
    ) -> Option<usize> {
        if self.channel.is_none() || self.default.is_some() {
            self.log.warning(format_args!(
                "milter8_event: attempt to send event {} to milter {} after error",
                event.name(),
                self.spec.name
            ));
            return None;
        }
        if self.foreign & event.unwanted() != 0 {
            return None;
        }
        if let Some(skipped) = self.skipped {
            if skipped == event {
                return None;
            }
            self.skipped = None;
        }
        self.packet(Event::Macro, |mut packet| {
            packet = packet.octet(event as u8);
            for (name, value) in macros {
                packet = packet.text(name.as_bytes()).text(value.as_bytes());
            }
            packet
        });
        if self.steps & event.unwanted() != 0 {
            return None;
        }
        let sent = self.packet(event, fill);
        if self.steps & event.unanswered() != 0 {
            let limit = self.limit();
            if let Some(channel) = &mut self.channel
                && let Err(error) = channel.ease(limit).await
            {
                self.warn(&format!("error writing command: {}", plain_error(&error)));
                self.fail(false);
            }
            return None;
        }
        self.since = Instant::now();
        Some(sent)
    }

    /// Tells the milter of an event and waits for its answer.
    pub(super) async fn event(
        &mut self,
        event: Event,
        macros: &Values,
        fill: impl FnOnce(Packet<'_>) -> Packet<'_>,
    ) -> Option<Answer> {
        let Some(sent) = self.tell(event, macros, fill).await else {
            return self.default.clone();
        };
        match self.next(event, sent).await {
            Step::Done(answer) => answer,
            // Only the end of the message has edits.
            Step::Edit(_) => self.default.clone(),
        }
    }

    /// Tells the milter that the message is complete; [`Milter::next`] then gives what it wants.
    pub(super) async fn end_of_body(&mut self, macros: &Values) -> Option<usize> {
        self.tell(Event::EndOfBody, macros, |packet| packet).await
    }

    /// The next thing that the milter wants for an event.
    pub(super) async fn next(&mut self, event: Event, sent: usize) -> Step {
        if self.body_left > 0 {
            return self.more_body().await;
        }
        loop {
            if self.since.elapsed() > PROGRESS_MAX {
                self.warn("too many requests for more time");
                self.fail(false);
                return Step::Done(self.default.clone());
            }
            let Some((head, data)) = self.answer(event, sent).await else {
                return Step::Done(self.default.clone());
            };
            if self.body_left > 0 {
                return self.more_body().await;
            }
            match Response::parse(head.code, &data, event) {
                Ok(Response::Progress) => {}
                Ok(Response::Quarantine(text)) => {
                    let text = text.get(..100).unwrap_or(&text);
                    let text = String::from_utf8_lossy(text).into_owned();
                    self.default = Some(Answer::Hold(text));
                }
                Ok(Response::Edit(edit)) => return Step::Edit(edit),
                Ok(response) => return Step::Done(self.take(response, event)),
                Err(malformed) => {
                    self.malformed(malformed, event, sent);
                    return Step::Done(self.default.clone());
                }
            }
        }
    }

    async fn more_body(&mut self) -> Step {
        let wanted = self.body_left.min(BODY_PIECE);
        match self.data(wanted).await {
            Some(piece) => {
                self.body_left -= wanted;
                Step::Edit(Edit::ReplaceBody(piece))
            }
            None => Step::Done(self.default.clone()),
        }
    }

    /// What was asked for makes no sense.
    pub(super) fn misconfigured(&mut self, why: &str) -> Option<Answer> {
        self.warn(why);
        self.body_left = 0;
        self.fail(true);
        self.default.clone()
    }

    /// A final answer, and what it does to the state.
    fn take(&mut self, response: Response, event: Event) -> Option<Answer> {
        let of_session = event.is_of_session();
        let refusal = match response {
            Response::Accept => {
                if of_session {
                    self.close(State::AcceptedSession);
                } else {
                    self.state = State::AcceptedMessage;
                }
                return self.default.clone();
            }
            Response::Discard if of_session => {
                self.warn("DISCARD action is not allowed for connect or helo");
                return self.default.clone();
            }
            Response::Discard => {
                self.state = State::AcceptedMessage;
                return Some(Answer::Discard);
            }
            Response::Skip => {
                self.skipped = Some(event);
                return self.default.clone();
            }
            Response::Shutdown => {
                self.close(State::RefusedSession);
                self.default = Some(Answer::Shutdown);
                return self.default.clone();
            }
            Response::Reject => "550 5.7.1 Command rejected".to_owned(),
            Response::TempFail => TEMPFAIL.to_owned(),
            Response::ReplyCode(text) => match reply(&text, self.common.soft_bounce) {
                Some(text) => text,
                None => {
                    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                    let shown = String::from_utf8_lossy(text).into_owned();
                    return self.misconfigured(&format!("malformed reply: {shown}"));
                }
            },
            Response::Continue
            | Response::Progress
            | Response::Quarantine(_)
            | Response::Edit(_) => return self.default.clone(),
        };
        let answer = Some(Answer::Reply(refusal));
        if of_session {
            self.close(State::RefusedSession);
            self.default.clone_from(&answer);
        }
        answer
    }

    /// The message is given up. Nothing leaves yet.
    pub(super) fn abort(&mut self) {
        if matches!(self.state, State::Envelope | State::Message | State::AcceptedMessage) {
            self.packet(Event::Abort, |packet| packet);
            self.state = State::Envelope;
        }
    }

    /// Says goodbye.
    pub(super) async fn quit(&mut self) {
        if matches!(self.state, State::Envelope | State::Message | State::AcceptedMessage) {
            self.packet(Event::Quit, |packet| packet);
            let limit = self.spec.command_timeout.min(Duration::from_secs(1));
            if let Some(channel) = &mut self.channel {
                // It may be gone already: nobody is waiting for it.
                let _ = channel.flush(limit).await;
            }
        }
        self.close(State::Closed);
        self.default = None;
    }
}
