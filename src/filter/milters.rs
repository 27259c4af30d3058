//! The milters of one session: each event goes to one after the other until one has an answer.

use std::sync::Arc;

use super::Answer;
use super::milter::{Milter, State, Values};
use super::settings::{Common, Filters, MacroLists, canonical};
use crate::log::Log;
use crate::wire::milter::{Event, step};

/// Who knows the values of macros.
pub trait MacroSource: Sync {
    /// The value of a macro, its name in braces.
    fn value(&self, name: &str) -> impl Future<Output = Option<String>> + Send;
}

/// Kind of a client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Unknown,
    Inet,
    Inet6,
}

/// The client as milters see it.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Verified name, or `unknown`.
    pub name: String,
    /// Name, verified or not.
    pub reverse_name: String,
    /// Address without brackets or `IPv6:`.
    pub address: String,
    /// TCP port, `0` if there is none.
    pub port: String,
    /// What the address is.
    pub family: Family,
    /// Our own address.
    pub server_address: String,
    /// Our own port.
    pub server_port: String,
    /// HELO, if the client has said it.
    pub helo: Option<String>,
}

impl Client {
    /// `{_}`: name and address, and whether they fit together.
    pub fn origin(&self) -> String {
        let forged = if self.name.eq_ignore_ascii_case(&self.reverse_name) {
            ""
        } else {
            " (may be forged)"
        };
        format!("{} [{}]{forged}", self.reverse_name, self.address)
    }
}

/// A session with all milters of a list.
#[derive(Debug)]
pub struct Milters {
    pub(super) list: Vec<Milter>,
    pub(super) common: Arc<Common>,
}

/// How milters stood when they were lent.
#[derive(Debug)]
pub struct Saved(Vec<(State, Option<Answer>, Option<Event>, Log)>);

type Names = fn(&MacroLists) -> &Vec<String>;

/// The macros of one event: evaluated once for all milters that have no list of their own.
pub(super) struct Macros {
    own: usize,
    names: Names,
    shared: Option<Values>,
}

/// Numbers of the lists that a milter can set (`SMFIM_…`).
mod list {
    pub(super) const CONNECT: usize = 0;
    pub(super) const HELO: usize = 1;
    pub(super) const MAIL: usize = 2;
    pub(super) const RCPT: usize = 3;
    pub(super) const DATA: usize = 4;
    pub(super) const END_OF_DATA: usize = 5;
    pub(super) const END_OF_HEADER: usize = 6;
    /// Commands that are none: no milter can set this.
    pub(super) const UNKNOWN: usize = usize::MAX;
}

impl Macros {
    fn new(own: usize, names: Names) -> Self {
        Self { own, names, shared: None }
    }

    pub(super) fn of_header() -> Self {
        Self::new(list::END_OF_HEADER, |lists| &lists.end_of_header)
    }

    pub(super) fn of_end() -> Self {
        Self::new(list::END_OF_DATA, |lists| &lists.end_of_data)
    }

    pub(super) async fn values(
        &mut self,
        common: &Common,
        milter: &Milter,
        source: &impl MacroSource,
    ) -> Values {
        if let Some(Some(names)) = milter.macros.get(self.own)
            && !names.is_empty()
        {
            return evaluate(common, names, source).await;
        }
        if let Some(values) = &self.shared {
            return values.clone();
        }
        let values = evaluate(common, (self.names)(&common.lists), source).await;
        self.shared.insert(values).clone()
    }
}

async fn evaluate(common: &Common, names: &[String], source: &impl MacroSource) -> Values {
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        let full = canonical(name);
        let value = match source.value(&full).await {
            Some(value) => Some(value),
            None => common.defaults.get(&full).cloned(),
        };
        values.extend(value.map(|value| (name.clone(), value)));
    }
    values
}

impl Milters {
    /// None of them is connected yet.
    pub fn new(filters: &Filters, log: &Log) -> Self {
        let common = filters.common.clone();
        let milters =
            filters.list.iter().map(|spec| Milter::new(spec.clone(), common.clone(), log.clone()));
        Self { list: milters.collect(), common }
    }

    /// A client has connected: so do we.
    pub async fn connect(&mut self, client: &Client, source: &impl MacroSource) -> Option<Answer> {
        let mut macros = Macros::new(list::CONNECT, |lists| &lists.connect);
        let shown = match client.name.as_str() {
            "unknown" if client.address != "unknown" => format!("[{}]", client.address),
            name => name.to_owned(),
        };
        let port = client.port.parse().unwrap_or(0);
        let mut answer = None;
        for milter in &mut self.list {
            milter.connect().await;
            let values = macros.values(&self.common, milter, source).await;
            answer = if milter.state == State::Error {
                milter.default.clone()
            } else {
                milter
                    .event(Event::Connect, &values, |packet| {
                        let packet = packet.text(shown.as_bytes());
                        let family = match client.family {
                            Family::Unknown => return packet.octet(b'U'),
                            Family::Inet => b'4',
                            Family::Inet6 => b'6',
                        };
                        packet.octet(family).short(port).text(client.address.as_bytes())
                    })
                    .await
            };
            if answer.is_some() {
                break;
            }
        }
        answer
    }

    /// HELO or EHLO.
    pub async fn helo(&mut self, name: &str, source: &impl MacroSource) -> Option<Answer> {
        let mut macros = Macros::new(list::HELO, |lists| &lists.helo);
        for milter in &mut self.list {
            let answer = match milter.state {
                State::Envelope | State::AcceptedMessage => {
                    let values = macros.values(&self.common, milter, source).await;
                    milter.event(Event::Helo, &values, |packet| packet.text(name.as_bytes())).await
                }
                _ => milter.default.clone(),
            };
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// MAIL: the address as given, and its parameters.
    pub async fn mail(&mut self, words: &[&str], source: &impl MacroSource) -> Option<Answer> {
        let macros = Macros::new(list::MAIL, |lists| &lists.mail);
        self.words(Event::Mail, macros, words, false, source).await
    }

    /// RCPT: the address as given, and its parameters. Of a recipient that has been refused hear
    /// only those who want to.
    pub async fn rcpt(
        &mut self,
        words: &[&str],
        refused: bool,
        source: &impl MacroSource,
    ) -> Option<Answer> {
        let macros = Macros::new(list::RCPT, |lists| &lists.rcpt);
        self.words(Event::Rcpt, macros, words, refused, source).await
    }

    /// DATA, or the first BDAT.
    pub async fn data(&mut self, source: &impl MacroSource) -> Option<Answer> {
        let macros = Macros::new(list::DATA, |lists| &lists.data);
        self.words(Event::Data, macros, &[], false, source).await
    }

    /// A command that is none.
    pub async fn unknown(&mut self, command: &str, source: &impl MacroSource) -> Option<Answer> {
        let macros = Macros::new(list::UNKNOWN, |lists| &lists.unknown);
        self.words(Event::Unknown, macros, &[command], false, source).await
    }

    async fn words(
        &mut self,
        event: Event,
        mut macros: Macros,
        words: &[&str],
        refused: bool,
        source: &impl MacroSource,
    ) -> Option<Answer> {
        for milter in &mut self.list {
            if refused && milter.steps & step::REJECTED_RCPT == 0 {
                continue;
            }
            let answer = if milter.state == State::Envelope {
                let values = macros.values(&self.common, milter, source).await;
                milter
                    .event(event, &values, |packet| {
                        words.iter().fold(packet, |packet, word| packet.text(word.as_bytes()))
                    })
                    .await
            } else {
                milter.default.clone()
            };
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Whether one of them has an answer to everything by now.
    pub fn standing_answer(&self) -> Option<Answer> {
        self.list.iter().find_map(|milter| milter.default.clone())
    }

    /// The message is given up; the session goes on. They hear of it with the next event.
    pub fn abort(&mut self) {
        for milter in &mut self.list {
            milter.abort();
        }
    }

    /// The client has gone.
    pub async fn quit(&mut self) {
        for milter in &mut self.list {
            milter.quit().await;
        }
    }

    /// Whether any of them is to see the message.
    pub fn any_active(&self) -> bool {
        self.list.iter().any(Milter::is_active)
    }

    /// Before the milters look at a message: what becomes of them in there does not concern the
    /// session, except that a connection may be gone. Meanwhile warnings go to `log`.
    pub fn save(&mut self, log: &Log) -> Saved {
        let save = |milter: &mut Milter| {
            let log = std::mem::replace(&mut milter.log, log.clone());
            (milter.state, milter.default.clone(), milter.skipped, log)
        };
        Saved(self.list.iter_mut().map(save).collect())
    }

    /// Afterwards.
    pub fn restore(&mut self, saved: Saved) {
        for (milter, (state, default, skipped, log)) in self.list.iter_mut().zip(saved.0) {
            milter.log = log;
            milter.state = state;
            milter.default = default;
            milter.skipped = skipped;
            if matches!(state, State::Envelope | State::AcceptedMessage) {
                milter.cut_if_closed();
            }
        }
    }
}
