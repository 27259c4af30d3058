//! The built-in SMTP engine: it speaks with clients that are tested after the greeting, and with
//! those that have failed. It takes no mail. Pure: lines in, actions out.

use super::command::{Command, UNIMPLEMENTED, address, cut, first_word, printable};
use super::results::{Results, Test, Tests, Times};
use crate::mail::address as mail_address;
use crate::smtpd::check::is_header;
use crate::smtpd::keyword::Keywords;
use crate::smtpd::session::escape;

/// What happens to a client that fails a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// Nothing, but the test is repeated the next time.
    Ignore,
    /// All recipients are refused.
    Enforce,
    /// The connection ends.
    Drop,
}

/// A test after the greeting.
#[derive(Clone, Copy, Debug)]
pub struct DeepTest {
    /// What a failure means.
    pub penalty: Penalty,
    /// For how many seconds it counts as passed.
    pub ttl: u64,
}

/// What the engine goes by: parameters, read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `myhostname`
    pub hostname: String,
    /// `smtpd_banner`
    pub banner: String,
    /// `message_size_limit`; zero is none.
    pub size_limit: u64,
    /// `smtputf8_enable`
    pub utf8: bool,
    /// `disable_vrfy_command`: VRFY is not announced.
    pub hides_vrfy: bool,
    /// `postscreen_disable_vrfy_command`: VRFY is refused.
    pub refuses_vrfy: bool,
    /// `postscreen_helo_required`
    pub helo_required: bool,
    /// `postscreen_discard_ehlo_keywords`
    pub discard: Keywords,
    /// TLS is wanted, so that STARTTLS is announced.
    pub offers_tls: bool,
    /// There is a certificate, so that it is obeyed.
    pub has_tls: bool,
    /// Nothing goes without TLS.
    pub requires_tls: bool,
    /// `postscreen_command_count_limit`
    pub commands: u32,
    /// Pipelining.
    pub pipelining: DeepTest,
    /// Commands of other protocols.
    pub non_smtp: DeepTest,
    /// Lines that end in LF.
    pub bare_newline: DeepTest,
    /// The shortest time for which any test counts as passed, in seconds.
    pub least_ttl: u64,
    /// `info_log_address_format = external`
    pub quotes_addresses: bool,
    /// `soft_bounce`
    pub soft: bool,
    /// `postscreen_pass_after_deep_tests`
    pub passes_on: bool,
}

/// What the caller is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Log this.
    Log(String),
    /// Send this reply; lines are separated by CR LF.
    Say(String),
    /// The session ends, with this reply.
    Drop(String),
    /// Send the reply and start TLS, or refuse to.
    StartTls,
    /// The client has passed everything: smtpd takes over, and hears these commands first.
    HandOver(Vec<Vec<u8>>),
}

/// A command line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Without its end, as `postscreen_command_filter` leaves it.
    pub text: &'a [u8],
    /// Its first word is one of `postscreen_forbidden_commands`.
    pub is_forbidden: bool,
    /// What has come behind it already.
    pub waiting: &'a [u8],
}

/// How the tests stand, and until when those that are passed count.
#[derive(Debug)]
pub struct Case<'a> {
    /// Of this session.
    pub results: &'a mut Results,
    /// Of the client.
    pub times: &'a mut Times,
    /// Seconds since 1970.
    pub now: u64,
}

/// The state of one dialogue.
#[derive(Debug)]
pub struct Engine<'a> {
    rules: &'a Rules,
    /// `[address]:port`
    client: &'a str,
    /// `[address]port`: Postfix logs discarded keywords like that.
    client_at: String,
    rcpt_reply: String,
    final_reply: String,
    stage: &'static str,
    protocol: &'static str,
    helo: Option<String>,
    sender: Option<String>,
    /// HELO and MAIL as they came, for [`Action::HandOver`].
    helo_line: Vec<u8>,
    mail_line: Vec<u8>,
    withheld: Keywords,
    commands: u32,
    encrypted: bool,
}

impl<'a> Engine<'a> {
    /// Begins a dialogue with the client `[address]:port`. All recipients get `rcpt_reply`.
    pub fn new(rules: &'a Rules, client: &'a str, rcpt_reply: String, final_reply: String) -> Self {
        Self {
            rules,
            client,
            client_at: client.replacen("]:", "]", 1),
            rcpt_reply,
            final_reply,
            stage: "CONNECT",
            protocol: "SMTP",
            helo: None,
            sender: None,
            helo_line: Vec::new(),
            mail_line: Vec::new(),
            withheld: rules.discard,
            commands: 0,
            encrypted: false,
        }
    }

    /// Chooses the tests: all of them for a client that has failed before the greeting, none for
    /// one that is only waited for to say 421. The greeting, unless the client has spoken already.
    pub fn greet(&self, results: &mut Results) -> Option<String> {
        if results.ends_at_command {
            results.todo = results.todo.and(Tests::EARLY);
        } else if results.has_failed() {
            results.todo = results.todo.or(Tests::DEEP);
        }
        let spoke = results.failed.has(Test::Pregreet);
        (!spoke).then(|| format!("220 {}", self.rules.banner))
    }

    /// The stage at which the dialogue is, as the log names it.
    pub fn stage(&self) -> &'static str {
        self.stage
    }

    /// The last word to a client that is not heard any more.
    pub fn final_reply(&self) -> &str {
        &self.final_reply
    }

    /// The connection is encrypted from now on: the client introduces itself anew.
    pub fn encrypted(&mut self) {
        self.encrypted = true;
        self.helo = None;
        self.sender = None;
    }

    /// A line has ended in LF alone.
    pub fn bare_newline(&mut self, line: &[u8], case: &mut Case<'_>) -> Vec<Action> {
        let test = Test::BareNewline;
        if !case.results.todo.has(test) || case.results.done.has(test) {
            return Vec::new();
        }
        let shown = escape(line.get(..100).unwrap_or(line));
        let text = format!("BARE NEWLINE from {} after {shown}", self.client);
        self.fails(test, self.rules.bare_newline, text, "521 5.5.1 Protocol error", case)
    }

    /// A line that is longer than line_length_limit.
    pub fn too_long(&self) -> Vec<Action> {
        vec![
            Action::Log(format!("COMMAND LENGTH LIMIT from {} after {}", self.client, self.stage)),
            Action::Drop(self.unavailable()),
        ]
    }

    /// The client takes too long.
    pub fn too_slow(&self) -> Vec<Action> {
        let host = &self.rules.hostname;
        vec![
            Action::Log(format!("COMMAND TIME LIMIT from {} after {}", self.client, self.stage)),
            Action::Drop(format!("421 4.4.2 {host} Error: timeout exceeded")),
        ]
    }

    /// A command line, and what came behind it.
    pub fn obey(&mut self, line: Line<'_>, case: &mut Case<'_>) -> Vec<Action> {
        let (verb, arguments) = first_word(line.text);
        let command = Command::parse(verb);
        let before =
            std::mem::replace(&mut self.stage, command.map_or(UNIMPLEMENTED, Command::name));
        if case.results.ends_at_command && command != Some(Command::Quit) {
            return vec![Action::Drop(self.final_reply.clone())];
        }
        let mut actions = Vec::new();
        if command.is_none() && self.is_foreign(verb, line.is_forbidden) {
            actions.extend(self.non_smtp(verb, arguments, before, case));
        }
        if !ends(&actions) && command != Some(Command::Bdat) && !line.waiting.is_empty() {
            actions.extend(self.pipelined(verb, line.waiting, case));
        }
        if ends(&actions) {
            return actions;
        }
        if command == Some(Command::Rcpt) {
            self.pass_deep_tests(case);
        }
        self.commands = self.commands.saturating_add(1);
        if self.commands > self.rules.commands && command != Some(Command::Quit) {
            let text = format!("COMMAND COUNT LIMIT from {} after {before}", self.client);
            actions.push(Action::Log(text));
            actions.push(Action::Drop(self.unavailable()));
            return actions;
        }
        if command == Some(Command::Rcpt)
            && self.rules.passes_on
            && self.sender.is_some()
            && case.results.is_handed_over()
        {
            let lines = [&self.helo_line, &self.mail_line, &line.text.to_vec()];
            let heard = lines.into_iter().filter(|line| !line.is_empty()).cloned();
            actions.push(Action::HandOver(heard.collect()));
            return actions;
        }
        self.carry_out(command, line.text, arguments, &mut actions);
        actions
    }

    /// Whether a word is of another protocol, or a header.
    fn is_foreign(&self, verb: &[u8], is_forbidden: bool) -> bool {
        match std::str::from_utf8(verb) {
            Ok(verb) => is_forbidden || is_header(verb),
            Err(_) => self.rules.utf8 || is_forbidden,
        }
    }

    fn non_smtp(
        &mut self,
        verb: &[u8],
        arguments: &[u8],
        before: &str,
        case: &mut Case<'_>,
    ) -> Vec<Action> {
        let test = Test::NonSmtp;
        if !case.results.todo.has(test) || case.results.done.has(test) {
            return Vec::new();
        }
        // The space between the two is the line's own.
        let rest = arguments.strip_prefix(b" ").unwrap_or(arguments);
        let text = format!(
            "NON-SMTP COMMAND from {} after {before}: {} {}",
            self.client,
            cut(&printable(verb)),
            escape(rest.get(..100).unwrap_or(rest))
        );
        let goodbye = "521 5.7.0 Error: I can break rules, too. Goodbye.";
        self.fails(test, self.rules.non_smtp, text, goodbye, case)
    }

    fn pipelined(&mut self, verb: &[u8], waiting: &[u8], case: &mut Case<'_>) -> Vec<Action> {
        let test = Test::Pipelining;
        if !case.results.todo.has(test) || case.results.done.has(test) {
            return Vec::new();
        }
        let text = format!(
            "COMMAND PIPELINING from {} after {}: {}",
            self.client,
            cut(&printable(verb)),
            escape(waiting.get(..100).unwrap_or(waiting))
        );
        self.fails(test, self.rules.pipelining, text, "521 5.5.1 Protocol error", case)
    }

    /// A deep test has failed, once for the session.
    fn fails(
        &mut self,
        test: Test,
        rule: DeepTest,
        text: String,
        goodbye: &str,
        case: &mut Case<'_>,
    ) -> Vec<Action> {
        let mut actions = vec![Action::Log(text)];
        case.results.fail(test);
        case.results.passed.remove(test);
        case.results.done.add(test);
        case.times.forget(test);
        match rule.penalty {
            Penalty::Drop => actions.push(Action::Drop(goodbye.into())),
            Penalty::Enforce => {
                self.rcpt_reply = "550 5.5.1 Protocol error".into();
                case.results.stays = true;
            }
            Penalty::Ignore => {
                case.results.forgive(test);
                // Until any other test has to be done again.
                case.results.pass(test);
                case.times.set(test, case.now + self.rules.least_ttl);
            }
        }
        actions
    }

    /// A client that gets to RCPT has passed what it has not failed, for now.
    fn pass_deep_tests(&self, case: &mut Case<'_>) {
        let tests = [
            (Test::BareNewline, self.rules.bare_newline),
            (Test::NonSmtp, self.rules.non_smtp),
            (Test::Pipelining, self.rules.pipelining),
        ];
        for (test, rule) in tests {
            let Results { todo, passed, failed, .. } = &case.results;
            if todo.has(test) && !passed.has(test) && !failed.has(test) {
                case.results.pass(test);
                case.times.set(test, case.now + rule.ttl);
            }
        }
    }

    fn carry_out(
        &mut self,
        command: Option<Command>,
        line: &[u8],
        arguments: &[u8],
        actions: &mut Vec<Action>,
    ) {
        let rules = self.rules;
        let say = |text: &str| Action::Say(text.to_owned());
        let word = first_word(arguments).0;
        let action = match command {
            None | Some(Command::Refused(_)) => say("502 5.5.2 Error: command not recognized"),
            Some(command) if rules.requires_tls && !self.encrypted && !command.may_be_plain() => {
                say("530 5.7.0 Must issue a STARTTLS command first")
            }
            Some(Command::Helo) if word.is_empty() => say("501 Syntax: HELO hostname"),
            Some(Command::Ehlo) if word.is_empty() => say("501 Syntax: EHLO hostname"),
            Some(Command::Helo) => {
                self.introduce(word, line);
                Action::Say(format!("250 {}", rules.hostname))
            }
            Some(Command::Ehlo) => {
                self.introduce(word, line);
                self.protocol = "ESMTP";
                Action::Say(self.features())
            }
            Some(Command::Starttls) => self.starttls(word),
            Some(Command::Mail) => self.mail(arguments, line),
            Some(Command::Rcpt) => {
                let reply = self.rcpt(arguments, actions);
                Action::Say(reply)
            }
            Some(Command::Data) => {
                actions.push(Action::Log(format!("DATA without valid RCPT from {}", self.client)));
                Action::Drop(self.data(word).into())
            }
            Some(Command::Bdat) => {
                actions.push(Action::Log(format!("BDAT without valid RCPT from {}", self.client)));
                Action::Drop(self.bdat(word).into())
            }
            Some(Command::Rset) => {
                self.sender = None;
                say("250 2.0.0 Ok")
            }
            Some(Command::Noop) => say("250 2.0.0 Ok"),
            Some(Command::Vrfy) if word.is_empty() => say("501 5.5.4 Syntax: VRFY address"),
            Some(Command::Vrfy) if rules.refuses_vrfy => say("502 5.5.1 VRFY command is disabled"),
            Some(Command::Vrfy) => Action::Say(self.rcpt_reply.clone()),
            Some(Command::Etrn) if self.lacks_helo() => say(HELO_FIRST),
            Some(Command::Etrn) if word.is_empty() => say("500 Syntax: ETRN domain"),
            Some(Command::Etrn) => say("458 Unable to queue messages"),
            Some(Command::Quit) => Action::Drop("221 2.0.0 Bye".into()),
        };
        actions.push(action);
    }

    fn introduce(&mut self, name: &[u8], line: &[u8]) {
        self.helo = Some(printable(name));
        self.helo_line = line.to_vec();
        self.sender = None;
    }

    fn lacks_helo(&self) -> bool {
        self.rules.helo_required && self.helo.is_none()
    }

    /// Which keywords this client does not get; none: as `postscreen_discard_ehlo_keywords` says.
    /// Comes before EHLO, with what the log is to hear.
    pub fn withhold(&mut self, own: Option<Keywords>) -> Option<String> {
        self.withheld = self.rules.discard;
        let own = own.filter(|own| *own != self.rules.discard)?;
        self.withheld = own;
        (!own.is_empty() && !own.has(Keywords::SILENT))
            .then(|| format!("{}: discarding EHLO keywords: {}", self.client_at, own.names()))
    }

    /// The reply to EHLO.
    fn features(&self) -> String {
        let rules = self.rules;
        let has = |keyword| !self.withheld.has(keyword);
        let tls = rules.offers_tls
            && !self.encrypted
            && (rules.has_tls || self.withheld != rules.discard);
        let mut lines = vec![rules.hostname.clone()];
        if has(Keywords::SIZE) {
            lines.push(match rules.size_limit {
                0 => "SIZE".into(),
                limit => format!("SIZE {limit}"),
            });
        }
        let words = [
            (Keywords::VRFY, "VRFY", !rules.hides_vrfy),
            (Keywords::ETRN, "ETRN", true),
            (Keywords::STARTTLS, "STARTTLS", tls),
            (Keywords::ENHANCED_STATUS_CODES, "ENHANCEDSTATUSCODES", true),
            (Keywords::EIGHT_BIT_MIME, "8BITMIME", true),
            (Keywords::DSN, "DSN", true),
            (Keywords::SMTPUTF8, "SMTPUTF8", rules.utf8),
            (Keywords::CHUNKING, "CHUNKING", true),
        ];
        let offered = words.into_iter().filter(|(keyword, _, offered)| *offered && has(*keyword));
        lines.extend(offered.map(|(_, word, _)| word.to_owned()));
        let last = lines.len() - 1;
        let reply = lines.iter().enumerate().map(|(at, line)| {
            let gap = if at == last { ' ' } else { '-' };
            format!("250{gap}{line}")
        });
        reply.collect::<Vec<_>>().join("\r\n")
    }

    fn starttls(&self, word: &[u8]) -> Action {
        let refusal = if !word.is_empty() {
            "501 5.5.4 Syntax: STARTTLS"
        } else if self.encrypted {
            "554 5.5.1 Error: TLS already active"
        } else if !self.rules.has_tls {
            "502 5.5.1 Error: command not implemented"
        } else {
            return Action::StartTls;
        };
        Action::Say(refusal.into())
    }

    fn mail(&mut self, arguments: &[u8], line: &[u8]) -> Action {
        let reply = if self.lacks_helo() {
            HELO_FIRST
        } else if self.sender.is_some() {
            "503 5.5.1 Error: nested MAIL command"
        } else if let Some(sender) = address(arguments) {
            self.sender = Some(sender);
            self.mail_line = line.to_vec();
            "250 2.1.0 Ok"
        } else {
            "501 5.5.4 Syntax: MAIL FROM:<address>"
        };
        Action::Say(reply.into())
    }

    fn rcpt(&self, arguments: &[u8], actions: &mut Vec<Action>) -> String {
        let Some(sender) = &self.sender else {
            return "503 5.5.1 Error: need MAIL command".into();
        };
        let Some(recipient) = address(arguments) else {
            return "501 5.5.4 Syntax: RCPT TO:<address>".into();
        };
        let mut shown = self.rcpt_reply.clone();
        if self.rules.soft {
            soften(&mut shown);
        }
        actions.push(Action::Log(format!(
            "NOQUEUE: reject: RCPT from {}: {shown}; from=<{}>, to=<{}>, proto={}, helo=<{}>",
            self.client,
            self.log_form(sender),
            self.log_form(&recipient),
            self.protocol,
            self.helo.as_deref().unwrap_or_default()
        )));
        self.rcpt_reply.clone()
    }

    fn log_form<'t>(&self, address: &'t str) -> std::borrow::Cow<'t, str> {
        match address {
            "" => address.into(),
            _ if self.rules.quotes_addresses => mail_address::quote(address),
            _ => address.into(),
        }
    }

    fn data(&self, word: &[u8]) -> &'static str {
        if !word.is_empty() {
            "501 5.5.4 Syntax: DATA"
        } else if self.sender.is_none() {
            "503 5.5.1 Error: need RCPT command"
        } else {
            "554 5.5.1 Error: no valid recipients"
        }
    }

    fn bdat(&self, word: &[u8]) -> &'static str {
        if self.withheld.has(Keywords::CHUNKING) {
            "502 5.5.1 Error: command not implemented"
        } else if word.is_empty() {
            "501 5.5.4 Syntax: BDAT count [LAST]"
        } else if self.sender.is_none() {
            "554 5.5.1 Error: need MAIL command"
        } else {
            "554 5.5.1 Error: no valid recipients"
        }
    }

    fn unavailable(&self) -> String {
        format!("421 {} Service unavailable - try again later", self.rules.hostname)
    }
}

const HELO_FIRST: &str = "503 5.5.1 Error: send HELO/EHLO first";

/// Whether the last action is the end of the session.
fn ends(actions: &[Action]) -> bool {
    matches!(actions.last(), Some(Action::Drop(_)))
}

/// Makes a permanent refusal a temporary one (`soft_bounce`), with its enhanced status code.
pub fn soften(reply: &mut String) {
    for at in [0, 4] {
        if reply.as_bytes().get(at) == Some(&b'5') {
            reply.replace_range(at..=at, "4");
        }
    }
}

#[cfg(test)]
mod tests;
