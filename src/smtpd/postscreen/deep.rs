//! The tests after the greeting: carries bytes, table look-ups and time to the engine, and does
//! what it says.

use super::Screen;
use super::command::{Command, cut, first_word, printable};
use super::engine::{Action, Case, Engine, Line};
use super::passes::seconds;
use super::results::Test;
use super::session::{Session, Step};
use crate::smtpd::connection::Lost;
use crate::smtpd::keyword::Keywords;
use crate::wire::line;

/// A step of the session that is over before its time.
type Ended<T> = Result<T, Step>;

impl Session {
    /// Speaks with the client until it goes, or has to.
    pub(super) async fn deep(&mut self) -> Step {
        self.begin_tests("tests after SMTP handshake");
        let screen = self.screen.clone();
        let client = self.who.text.clone();
        let rules = &screen.settings.rules;
        let (rcpt_reply, final_reply) = (self.rcpt_reply.clone(), self.final_reply.clone());
        let mut engine = Engine::new(rules, &client, rcpt_reply, final_reply);
        if let Some(greeting) = engine.greet(&mut self.results) {
            self.say(&greeting).await;
        }
        loop {
            // The whole command has to come within this time.
            self.io.give(screen.settings.command_time.now(screen.clients.is_stressed()));
            let turn = self.turn(&mut engine, &screen);
            if let Err(step) = turn.await {
                return step;
            }
        }
    }

    /// One command.
    async fn turn(&mut self, engine: &mut Engine<'_>, screen: &Screen) -> Ended<()> {
        let (text, bare_lf) = self.read_line(engine, screen).await?;
        let answering = self.answer(engine, screen, text, bare_lf);
        match tokio::time::timeout(screen.settings.watchdog, answering).await {
            Ok(actions) => self.act(engine, screen, actions?).await,
            Err(_) => {
                self.log.fatal(format_args!("watchdog timeout"));
                Err(Step::Drop(engine.final_reply().to_owned()))
            }
        }
    }

    async fn read_line(
        &mut self,
        engine: &mut Engine<'_>,
        screen: &Screen,
    ) -> Ended<(Vec<u8>, bool)> {
        loop {
            let actions = match line::take(self.io.buffered(), screen.settings.line_limit, true) {
                line::Line::Whole { text, bare_lf, used } => {
                    let text = text.to_vec();
                    self.io.consume(used);
                    return Ok((text, bare_lf));
                }
                line::Line::TooLong { .. } => engine.too_long(),
                line::Line::Incomplete => match self.io.read_more(0).await {
                    Ok(()) => continue,
                    Err(Lost::Connection) => return Err(Step::HungUp),
                    Err(Lost::Timeout) => engine.too_slow(),
                },
            };
            self.act(engine, screen, actions).await?;
        }
    }

    /// Looks up what the engine has to know about the line, and asks it.
    async fn answer(
        &mut self,
        engine: &mut Engine<'_>,
        screen: &Screen,
        text: Vec<u8>,
        bare_lf: bool,
    ) -> Ended<Vec<Action>> {
        let mut actions = Vec::new();
        if bare_lf {
            actions = self.case(|case| engine.bare_newline(&text, case));
            if matches!(actions.last(), Some(Action::Drop(_))) {
                return Ok(actions);
            }
        }
        // The rest of Postfix ends a command at NUL.
        let end = memchr::memchr(0, &text).unwrap_or(text.len());
        let text = text.get(..end).unwrap_or(&text).to_vec();
        let text = self.filtered(screen, text, &mut actions).await?;
        if self.log.verbose() > 0 {
            self.log.info(format_args!("< {}: {}", self.who.text, printable(&text)));
        }
        let verb = first_word(&text).0.to_vec();
        let command = Command::parse(&verb);
        if command == Some(Command::Ehlo) {
            let own = self.withheld_keywords(screen).await?;
            actions.extend(engine.withhold(own).map(Action::Log));
        }
        let is_foreign = command.is_none() && self.results.todo.has(Test::NonSmtp);
        let is_forbidden = is_foreign
            && screen.forbidden.matches(&String::from_utf8_lossy(&verb)).await.unwrap_or(false);
        let waiting = self.io.buffered().to_vec();
        let line = Line { text: &text, is_forbidden, waiting: &waiting };
        actions.extend(self.case(|case| engine.obey(line, case)));
        Ok(actions)
    }

    fn case<T>(&mut self, with: impl FnOnce(&mut Case<'_>) -> T) -> T {
        let mut times = self.visit.times();
        with(&mut Case { results: &mut self.results, times: &mut times, now: seconds() })
    }

    /// `postscreen_command_filter`
    async fn filtered(
        &self,
        screen: &Screen,
        text: Vec<u8>,
        actions: &mut Vec<Action>,
    ) -> Ended<Vec<u8>> {
        let is_text = !screen.settings.rules.utf8 || std::str::from_utf8(&text).is_ok();
        if screen.command_filter.is_empty() || !is_text {
            return Ok(text);
        }
        let key = text.trim_ascii_start();
        match screen.command_filter.find_bytes(key).await {
            Ok(None) => Ok(text),
            Ok(Some(other)) => {
                let (old, new) = (printable(&text), printable(other.as_bytes()));
                actions.push(Action::Log(format!(
                    "{}: replacing command \"{}\" with \"{}\"",
                    self.who.text,
                    cut(&old),
                    cut(&new)
                )));
                Ok(other.into_bytes())
            }
            Err(e) => {
                let shown = printable(&text);
                self.log.fatal(format_args!("{} lookup error for \"{}\"", e.table, cut(&shown)));
                Err(Step::HungUp)
            }
        }
    }

    /// `postscreen_discard_ehlo_keyword_address_maps`
    async fn withheld_keywords(&self, screen: &Screen) -> Ended<Option<Keywords>> {
        if screen.discard_ehlo.is_empty() {
            return Ok(None);
        }
        match screen.discard_ehlo.find(&self.who.address).await {
            Ok(None) => Ok(None),
            // Words that are no keywords mean nothing, as in Postfix.
            Ok(Some(words)) => Ok(Some(Keywords::parse(&words).0)),
            Err(_) => {
                let title = screen.discard_ehlo.title();
                self.log.fatal(format_args!("{title} lookup error for {}", self.who.address));
                Err(Step::HungUp)
            }
        }
    }

    /// Does what the engine says.
    async fn act(
        &mut self,
        engine: &mut Engine<'_>,
        screen: &Screen,
        actions: Vec<Action>,
    ) -> Ended<()> {
        for action in actions {
            match action {
                Action::Log(text) => self.log.info(format_args!("{text}")),
                Action::Say(text) => self.say(&text).await,
                Action::Drop(reply) => return Err(Step::Drop(reply)),
                Action::HandOver(commands) => return Err(Step::HandOver(commands)),
                Action::StartTls => self.start_tls(engine, screen).await?,
            }
        }
        Ok(())
    }

    #[cfg(not(feature = "ssl"))]
    async fn start_tls(&mut self, _: &mut Engine<'_>, _: &Screen) -> Ended<()> {
        self.say(NO_TLS).await;
        Ok(())
    }

    /// The handshake. What the client has sent too early is thrown away: it is not part of the
    /// encrypted dialogue (CVE-2011-0411).
    #[cfg(feature = "ssl")]
    async fn start_tls(&mut self, engine: &mut Engine<'_>, screen: &Screen) -> Ended<()> {
        let server = screen.encryption.server.as_ref().filter(|server| server.is_ready());
        let Some(server) = server else {
            self.log
                .warning(format_args!("problem receiving status from private/tlsproxy service"));
            self.say(NO_TLS).await;
            return Ok(());
        };
        let log = screen.tls_log.with_number_of(&self.log);
        let client = self.who.text.clone();
        log.info(format_args!("CONNECT from {client}"));
        self.say("220 2.0.0 Ready to start TLS").await;
        self.io.flush().await.map_err(|_| Step::HungUp)?;
        let mut level =
            screen.encryption.log_level("", &self.who.address).await.unwrap_or_default();
        level.untrusted |= screen.encryption.requires_certificate;
        let peer = crate::tls::server::Client { text: &client, log: &log, level };
        let socket = self.io.take_plain().ok_or(Step::HungUp)?;
        let Ok((stream, facts)) = server.accept(socket, peer).await else {
            log.info(format_args!(
                "TLS handshake failed for service={} peer={client}",
                screen.name
            ));
            log.info(format_args!("DISCONNECT {client}"));
            return Err(Step::HungUp);
        };
        self.io.resume(stream);
        if level.summary {
            let role = crate::tls::Role::Server;
            log.info(format_args!("{}", facts.summary(role, &client, false)));
        }
        let trusted = facts.peer.as_ref().is_some_and(|peer| peer.trusted);
        self.tls = Some(std::sync::Arc::new(facts));
        engine.encrypted();
        if screen.encryption.requires_certificate && !trusted {
            log.info(format_args!("NOQUEUE: abort: TLS from {client}: no certificate to trust"));
            return Err(Step::HungUp);
        }
        Ok(())
    }
}

const NO_TLS: &str = "454 4.7.0 TLS not available due to local problem";
