//! Access tables (access(5)): which keys are looked up, and what the answers do.

use super::outcome::{Jump, Refusal, Verdict, fitting_status};
use super::{About, Checks, RECIPIENT, SENDER};
use crate::lookup::{Keys, TableError};
use crate::mail::status::Status;
use crate::smtpd::dialogue::stage;
use crate::smtpd::fault::Faults;
use crate::smtpd::restriction::{Parser, Subject, Table};
use crate::smtpd::settings::TempFail;

/// What an access table answered, or that it could not.
type Answer = Result<Option<String>, TableError>;

/// What stands for the answer of a table that failed.
const TABLE_FAILED: &str = "451 4.3.5 Server configuration error";

impl Checks<'_> {
    /// `check_…_access`
    pub(super) async fn access(
        &mut self,
        subject: Subject,
        table: &Table,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let Some((key, name, class)) = self.subject(subject) else { return Ok(Verdict::Dunno) };
        let about = About { name: &name, class, ..about };
        match subject {
            Subject::Client | Subject::ReverseClient => {
                let address = self.talk.peer.address.clone();
                let mut answer = self.domain_answer(table, &key).await;
                if matches!(answer, Ok(None)) {
                    answer = self.address_answer(table, &address).await;
                }
                let verdict = self.act_on(table, answer, &key, about).await?;
                if subject == Subject::ReverseClient {
                    self.forbid_permit("check_reverse_client_hostname_access", verdict, &name)?;
                }
                Ok(verdict)
            }
            Subject::Helo | Subject::Etrn => {
                let answer = self.domain_answer(table, &key).await;
                self.act_on(table, answer, &key, about).await
            }
            Subject::Sender if key.is_empty() => {
                let key = self.service.settings.null_access_key.clone();
                let answer = table.maps.find(&key).await;
                self.act_on(table, answer, &key, about).await
            }
            Subject::Sender | Subject::Recipient => self.mail_access(table, &key, about).await,
        }
    }

    /// A name and its parents.
    pub(super) async fn domain_answer(&self, table: &Table, name: &str) -> Answer {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(answer) = table.maps.find(name).await? {
            return Ok(Some(answer));
        }
        if name.parse::<std::net::IpAddr>().is_ok() {
            return Ok(None);
        }
        let parents = self.service.settings.access_parents_match;
        let mut rest = name;
        while let Some(dot) = rest.get(1..).and_then(|tail| tail.find('.')) {
            // From the next dot, or from behind it.
            rest = rest.get(dot + 1 + usize::from(parents)..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if let Some(answer) = table.maps.find_partial(rest).await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// An address and the networks that it is in: `192.0.2.1`, `192.0.2`, `192.0`, `192`.
    pub(super) async fn address_answer(&self, table: &Table, address: &str) -> Answer {
        if let Some(answer) = table.maps.find(address).await? {
            return Ok(Some(answer));
        }
        let separator = if address.contains(':') { ':' } else { '.' };
        let mut rest = address;
        while let Some((network, _)) = rest.rsplit_once(separator) {
            rest = network;
            if let Some(answer) = table.maps.find_partial(rest).await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    async fn mail_access(
        &mut self,
        table: &Table,
        address: &str,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let route = self.resolve(address, about.class).await?;
        if !route.recipient.contains('@') {
            self.log.warning(format_args!(
                "check_mail_access: no @domain in address: {}",
                route.recipient
            ));
            return Ok(Verdict::Dunno);
        }
        let service = self.service;
        let keys = Keys {
            delimiters: &service.settings.recipient_delimiter,
            local_part: false,
            local_part_at_first: false,
            at_domain: false,
            domain: true,
            parents: true,
            local_part_at_last: true,
        };
        let found = table.maps.find_keys(&route.recipient, &keys).await;
        let answer = found.map(|found| found.map(|found| found.value));
        let verdict = self.act_on(table, answer, &route.recipient, about).await?;
        // Who routes through us to somebody else is not permitted by an entry for our domain.
        let suspicious = route.routed && about.class == RECIPIENT;
        if verdict == Verdict::Ok && suspicious && !service.settings.allow_untrusted_routing {
            return Ok(Verdict::Dunno);
        }
        Ok(verdict)
    }

    pub(super) async fn act_on(
        &mut self,
        table: &Table,
        answer: Answer,
        key: &str,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        match answer {
            Ok(None) => Ok(Verdict::Dunno),
            Ok(Some(value)) => self.action(&table.name, &value, key, about).await,
            Err(_) => self.action(&table.name, TABLE_FAILED, key, about).await,
        }
    }

    /// Does what the right-hand side of an access table, or a policy server, says.
    pub(super) async fn action(
        &mut self,
        table: &str,
        value: &str,
        key: &str,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let end = value.find([' ', '\t']).unwrap_or(value.len());
        let (word, rest) = value.split_at_checked(end).unwrap_or((value, ""));
        let text = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let codes = &self.service.settings.codes;
        match word.to_ascii_uppercase().as_str() {
            "DUNNO" => Ok(Verdict::Dunno),
            "REJECT" => Ok(self.deny(codes.access_map_reject, "5.7.1", text, about)),
            "DEFER" => Ok(self.deny(codes.access_map_defer, "4.7.1", text, about)),
            "HANGUP" => {
                self.log.info(format_args!("{}", self.talk.report("hangup", text)));
                Err(Jump::HangUp)
            }
            "INFO" => {
                self.log.info(format_args!("{}", self.talk.report("info", text)));
                Ok(Verdict::Dunno)
            }
            "WARN" => {
                self.log.info(format_args!("{}", self.talk.report("warn", text)));
                Ok(Verdict::Dunno)
            }
            "FILTER" | "HOLD" | "DISCARD" | "REDIRECT" | "BCC" | "PREPEND" => {
                Ok(self.wish(&word.to_ascii_uppercase(), word, table, key, text, about).await)
            }
            "DEFER_IF_PERMIT" => {
                let (dsn, text) = self.status_and_text("4.7.1", text, about.class);
                let text = or(text, "Service unavailable");
                let text = format!("<{}>: {} rejected: {text}", about.name, about.class);
                let refusal = Refusal::new(codes.access_map_defer, &dsn, &text);
                Ok(self.defer_if_permit(TempFail::DeferIfPermit, Faults::POLICY, refusal))
            }
            "DEFER_IF_REJECT" => {
                let (dsn, text) = self.status_and_text("4.7.1", text, about.class);
                let text = or(text, "Service unavailable");
                let text = format!("<{}>: {} rejected: {text}", about.name, about.class);
                let refusal = Refusal::new(codes.access_map_defer, &dsn, &text);
                self.defer_if_reject(Faults::POLICY, &refusal);
                Ok(Verdict::Dunno)
            }
            _ => self.other_action(table, value, word, text, about).await,
        }
    }

    /// Numbers, OK, RELAY, and restrictions.
    async fn other_action(
        &mut self,
        table: &str,
        value: &str,
        word: &str,
        text: &str,
        about: About<'_>,
    ) -> Result<Verdict, Jump> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if is_number(value) {
            return Ok(self.permit(word, about.class, about.name, Some(table)).await);
        }
        let is_code = word.len() == 3 && is_number(word) && word.starts_with(['4', '5']);
        if is_code && !text.is_empty() {
            let default = if word.starts_with('4') { "4.7.1" } else { "5.7.1" };
            let code = word.parse().unwrap_or(450);
            return Ok(self.deny(code, default, text, about));
        }
        if word.eq_ignore_ascii_case("OK") || word.eq_ignore_ascii_case("RELAY") {
            return Ok(self.permit(word, about.class, about.name, Some(table)).await);
        }
        if value.contains(':') {
            self.log
                .warning(format_args!("access table {table} has entry with lookup table: {value}"));
            self.log.warning(format_args!("do not specify lookup tables inside SMTPD access maps"));
            self.log
                .warning(format_args!("define a restriction class and specify its name instead."));
            return Err(self.configuration_error());
        }
        if self.talk.checks.recursion > 100 {
            self.log.warning(format_args!(
                "access table {table} entry {value} causes unreasonable recursion"
            ));
            return Err(self.configuration_error());
        }
        let lists = self.service.lists.clone();
        let parsed = Parser::of_table_value(&lists.class_names).parse(value);
        match parsed {
            Ok(list) if list.is_empty() => {
                self.log
                    .warning(format_args!("access table {table} entry {value} has empty value"));
                Ok(Verdict::Ok)
            }
            Ok(list) => self.list(&list, about).await,
            Err(_) => Err(self.configuration_error()),
        }
    }

    /// Refuses with the text of a table, which may begin with an enhanced status code.
    fn deny(&mut self, code: u16, default: &str, text: &str, about: About<'_>) -> Verdict {
        let (dsn, text) = self.status_and_text(default, text, about.class);
        let text =
            format!("<{}>: {} rejected: {}", about.name, about.class, or(text, "Access denied"));
        self.reject(Faults::POLICY, Refusal::new(code, &dsn, &text))
    }

    /// The enhanced status code that `text` begins with, or the default, fit for what is refused.
    pub(super) fn status_and_text<'t>(
        &self,
        default: &str,
        text: &'t str,
        class: &str,
    ) -> (String, &'t str) {
        let (given, text) = Status::split(text.trim_start());
        let Some(status) = given.or_else(|| default.parse().ok()) else {
            return (default.to_owned(), text);
        };
        let fit = fitting_status(status, class);
        if fit != status {
            self.log.info(format_args!("mapping DSN status {status} into {class} status {fit}"));
        }
        (fit.to_string(), text)
    }

    /// Actions that cleanup carries out when the message has come in.
    async fn wish(
        &mut self,
        action: &str,
        word: &str,
        table: &str,
        key: &str,
        text: &str,
        about: About<'_>,
    ) -> Verdict {
        let About { name, class, .. } = about;
        if !self.may_wish(action, table) {
            return Verdict::Dunno;
        }
        let entry = |needs: &str| format!("access table {table} entry \"{key}\" {needs}");
        let problem = match action {
            "FILTER" if text.is_empty() => Some("has FILTER entry without value"),
            "FILTER" if !text.contains(':') => Some("requires transport:destination"),
            "REDIRECT" | "BCC" if !text.contains('@') => Some("requires user@domain target"),
            "PREPEND" if !is_header(text) => Some("requires header: text"),
            _ => None,
        };
        if let Some(problem) = problem {
            self.log.warning(format_args!("{}", entry(problem)));
            return Verdict::Dunno;
        }
        let report = match action {
            "FILTER" | "REDIRECT" | "BCC" => {
                Some(format!("<{name}>: {class} triggers {action} {text}"))
            }
            "HOLD" if self.talk.wishes.hold => return Verdict::Dunno,
            "HOLD" | "DISCARD" => {
                let default = format!("triggers {action} action");
                Some(format!("<{name}>: {class} {}", or(text, &default)))
            }
            _ => None,
        };
        if let Some(report) = report {
            let what = action.to_ascii_lowercase();
            self.log.info(format_args!("{}", self.talk.report(&what, &report)));
        }
        let wishes = &mut self.talk.wishes;
        match action {
            "FILTER" => wishes.filter = Some(text.to_owned()),
            "REDIRECT" => wishes.redirect = Some(text.to_owned()),
            "BCC" => wishes.bcc.push(text.to_owned()),
            "PREPEND" => wishes.prepend.push(text.to_owned()),
            "HOLD" => wishes.hold = true,
            _ => {
                wishes.discard = true;
                return self.permit(word, class, name, Some(table)).await;
            }
        }
        Verdict::Dunno
    }

    /// Whether there is a message that the action could apply to.
    fn may_wish(&self, action: &str, table: &str) -> bool {
        if self.talk.stage == "ETRN" && action != "PREPEND" {
            self.log.warning(format_args!(
                "access table {table}: action {action} is unavailable in smtpd_etrn_restrictions"
            ));
            return false;
        }
        if self.talk.sender.is_none() {
            self.log.warning(format_args!(
                "access table {table}: with smtpd_delay_reject=no, action {action} is always \
                 skipped in Client host or Helo command restrictions"
            ));
            return false;
        }
        if action != "PREPEND" && self.service.settings.proxy_filter.is_some() {
            self.log.warning(format_args!(
                "access table {table}: with smtpd_proxy_filter specified, action {action} is \
                 unavailable"
            ));
            return false;
        }
        if action == "PREPEND" && self.talk.stage == stage::END_OF_MESSAGE {
            self.log.warning(format_args!(
                "access table {table}: action PREPEND must be used before \
                 smtpd_end_of_data_restrictions"
            ));
            return false;
        }
        true
    }

    /// Names that the client chooses freely must not permit anything.
    pub(super) fn forbid_permit(
        &mut self,
        word: &str,
        verdict: Verdict,
        target: &str,
    ) -> Result<(), Jump> {
        if verdict != Verdict::Ok || self.talk.wishes.discard {
            return Ok(());
        }
        self.log.warning(format_args!("restriction {word} returns OK for {target}"));
        self.log.warning(format_args!("this is not allowed for security reasons"));
        self.log.warning(format_args!("use DUNNO instead of OK if you want to make an exception"));
        Err(self.configuration_error())
    }

    /// For which address an address is resolved: a sender for its recipient, and the other way.
    pub(super) fn other_side(&self, class: &str) -> &str {
        let other = if class == SENDER { &self.talk.recipient } else { &self.talk.sender };
        other.as_deref().unwrap_or_default()
    }
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

/// Whether `text` begins like a message header: a name, perhaps white space, a colon.
pub fn is_header(text: &str) -> bool {
    let Some((name, _)) = text.split_once(':') else { return false };
    let name = name.trim_end_matches([' ', '\t']);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
}
