//! Logging in to a server: whether, with which credentials, and the dialogue (`smtp_sasl_…`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::attempt::{Attempt, Scope};
use super::connection::{Broken, Connection};
use super::handshake::{Refused, broke};
use super::reason::Reason;
use super::settings::Named;
use crate::config::{Config, Problem, parameters as p};
use crate::lookup::match_list::StringList;
use crate::lookup::{Maps, TableError, Tables};
use crate::mail::status::Status;
use crate::rewrite::Rewrite;
use crate::sasl::client::{Credentials, Dialogue, Failure, Mechanism};
use crate::sasl::{Options, UnknownOption};
use crate::wire::smtp_reply::Reply;

/// Most challenges that are answered.
const STEPS_MAX: u32 = 100;

/// Longest AUTH command with an initial response, CRLF included (RFC 5321 section 4.5.3.1.4).
const COMMAND_MAX: usize = 512;

/// What a failure before the dialogue is blamed on.
const STAGE: &str = "performing the EHLO handshake";

/// The parameters of a line that has `smtp_sasl_auth_enable = yes`.
#[derive(Debug)]
pub struct LoginSettings {
    parameter: String,
    passwords: Maps,
    /// `smtp_sasl_password_result_delimiter`
    delimiter: char,
    /// `smtp_sender_dependent_authentication`: the sender's address is looked up first.
    by_sender: Option<Arc<Rewrite>>,
    /// `smtp_sasl_mechanism_filter`
    filter: Option<StringList>,
    plain: Options,
    encrypted: Options,
    verified: Options,
    /// `smtp_sasl_auth_soft_bounce`
    soft_bounce: bool,
    /// `send_cyrus_sasl_authzid`
    with_authzid: bool,
    /// `smtp_send_dummy_mail_auth`
    pub dummy_mail_auth: bool,
    /// `smtp_sasl_auth_cache_name`
    failures: Option<FailureCache>,
}

/// How well a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Everybody on the way can read along.
    None,
    /// Nobody can, but who is at the other end has not been proved.
    Encrypted,
    /// It has been proved.
    Verified,
}

impl LoginSettings {
    /// None if logging in is not enabled.
    pub(super) fn read(
        named: &Named<'_>,
        config: &Arc<Config>,
        tables: &Tables,
        lmtp: bool,
    ) -> Result<Option<Self>, Problem> {
        if !named.bool("sasl_auth_enable") {
            return Ok(None);
        }
        let parameter = format!("{}_sasl_password_maps", named.prefix);
        let passwords = named.maps(tables, "sasl_password_maps")?;
        if passwords.is_empty() {
            let text =
                format!("specify a password table via the `{parameter}' configuration parameter");
            return Err(Problem { text });
        }
        let kind = named.text("sasl_type");
        if kind != "cyrus" {
            return Err(Problem {
                text: format!("unsupported SASL client implementation: {kind}"),
            });
        }
        let filter = named.text("sasl_mechanism_filter");
        let title = format!("{}_sasl_mechanism_filter", named.prefix);
        let by_sender = !lmtp && named.bool("sender_dependent_authentication");
        Ok(Some(Self {
            parameter,
            passwords,
            delimiter: named.text("sasl_password_result_delimiter").chars().next().unwrap_or(':'),
            by_sender: by_sender.then(|| Rewrite::new(config, tables)).transpose()?,
            filter: (!filter.trim().is_empty())
                .then(|| StringList::parse(tables, &title, &filter))
                .transpose()?,
            plain: options(named, "sasl_security_options")?,
            encrypted: options(named, "sasl_tls_security_options")?,
            verified: options(named, "sasl_tls_verified_security_options")?,
            soft_bounce: named.bool("sasl_auth_soft_bounce"),
            with_authzid: config.bool(&p::send_cyrus_sasl_authzid),
            dummy_mail_auth: named.bool("send_dummy_mail_auth"),
            failures: FailureCache::open(named)?,
        }))
    }

    /// Whether a connection is for one sender only.
    pub const fn is_by_sender(&self) -> bool {
        self.by_sender.is_some()
    }

    /// The credentials for mail of `sender` to a host of a next hop; none: nobody is to know us
    /// there.
    pub async fn credentials(
        &self,
        sender: &str,
        host: &str,
        nexthop: &str,
    ) -> Result<Option<Credentials>, TableError> {
        let mut value = None;
        if let Some(rewrite) = &self.by_sender
            && !sender.is_empty()
        {
            let rules = rewrite.address_rules(sender).await?;
            value = self.passwords.find_address(sender, &rules).await?.map(|found| found.value);
        }
        for key in [host, nexthop] {
            if value.is_none() {
                value = self.passwords.find(key).await?;
            }
        }
        Ok(value.map(|value| {
            let (username, password) = value.split_once(self.delimiter).unwrap_or((&value, ""));
            Credentials {
                username: username.to_owned(),
                password: password.to_owned(),
                with_authzid: self.with_authzid,
            }
        }))
    }

    const fn options(&self, protection: Protection) -> Options {
        match protection {
            Protection::None => self.plain,
            Protection::Encrypted => self.encrypted,
            Protection::Verified => self.verified,
        }
    }
}

fn options(named: &Named<'_>, suffix: &str) -> Result<Options, Problem> {
    let name = format!("{}_{suffix}", named.prefix);
    Options::parse(&named.text(suffix)).map_err(|UnknownOption { word, text }| Problem {
        text: format!("unknown {name} value \"{word}\" in \"{text}\""),
    })
}

/// What servers offer under AUTH, less what the filter takes away. A server that offers nothing of
/// use is reported, and is as good as one that has no AUTH, unless we have to log in.
pub async fn offered(
    settings: &LoginSettings,
    attempt: &Attempt<'_>,
    connection: &mut Connection,
    lists: &[String],
) -> Result<(), Refused> {
    for words in lists {
        let mut list = Vec::new();
        for word in words.split_ascii_whitespace() {
            let wanted = match &settings.filter {
                None => true,
                Some(filter) => filter.matches(word).await.unwrap_or(false),
            };
            if wanted {
                list.push(word);
            }
        }
        let mechanisms = connection.features.auth.get_or_insert_default();
        if !list.is_empty() {
            for word in list {
                mechanisms.push_str(if mechanisms.is_empty() { "" } else { " " });
                mechanisms.push_str(word);
            }
        } else if mechanisms.is_empty() {
            let server = &connection.peer.name_port;
            if words.is_empty() {
                attempt.log.warning(format_args!("{server} offered null AUTH mechanism list"));
            } else {
                attempt.log.warning(format_args!(
                    "{server} offered no supported AUTH mechanisms: '{words}'"
                ));
            }
        }
    }
    Ok(())
}

/// Logs in, if the server offers AUTH and we have credentials for it.
pub async fn log_in(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    nexthop: &str,
    protection: Protection,
) -> Result<(), Refused> {
    let Some(settings) = &attempt.settings.login else { return Ok(()) };
    let Some(mechanisms) = connection.features.auth.clone() else { return Ok(()) };
    let sender = &attempt.request.sender;
    let credentials = match settings.credentials(sender, &connection.peer.host, nexthop).await {
        Ok(Some(credentials)) => credentials,
        Ok(None) => {
            connection.features.auth = None;
            return Ok(());
        }
        Err(_) => {
            attempt.log.warning(format_args!(
                "{}: {} lookup error",
                attempt.request.queue_id, settings.parameter
            ));
            broke(attempt, connection, &Broken::Local, STAGE).await;
            return Err(Refused);
        }
    };
    let name = connection.peer.name.clone();
    if mechanisms.is_empty() {
        let text = format!(
            "SASL authentication failed: server {name} offered no compatible authentication \
             mechanisms for this type of connection security"
        );
        return Err(failed(attempt, connection, Reason::own(Status::new(4, 7, 0), text)).await);
    }
    if let Some(known) = settings.failures.as_ref().and_then(|f| f.find(connection, &credentials)) {
        return Err(failed(attempt, connection, known.reason(settings.soft_bounce)).await);
    }
    let outcome = match Mechanism::choose(&mechanisms, settings.options(protection)) {
        None => {
            attempt.log.warning(format_args!("SASL authentication failure: No worthy mechs found"));
            Err(Stopped::Failed(Failure::NoMechanism))
        }
        Some(mechanism) => dialogue(attempt, connection, mechanism, credentials.clone()).await,
    };
    match outcome {
        Ok(reply) if reply.is(2) => {
            connection.login = Some(credentials.username);
            Ok(())
        }
        Ok(reply) => {
            if let Some(failures) = settings.failures.as_ref().filter(|_| reply.code == 535) {
                failures.store(connection, &credentials, &reply);
            }
            let text =
                format!("SASL authentication failed; server {name} said: {}", reply.one_line());
            let mut reason = Reason::said(&connection.peer.host, &reply, text);
            if settings.soft_bounce {
                reason.status = reason.status.with_class(4);
            }
            Err(failed(attempt, connection, reason).await)
        }
        Err(Stopped::Failed(failure)) => {
            let text = format!(
                "SASL authentication failed; cannot authenticate to server {name}: {failure}"
            );
            let reason = Reason::own(Status::new(4, 7, 0), text);
            Err(failed(attempt, connection, reason).await)
        }
        Err(Stopped::Said(status, text)) => {
            Err(failed(attempt, connection, Reason::own(status, text)).await)
        }
        Err(Stopped::Broken(broken)) => {
            broke(attempt, connection, &broken, STAGE).await;
            Err(Refused)
        }
    }
}

async fn failed(attempt: &mut Attempt<'_>, connection: &mut Connection, reason: Reason) -> Refused {
    attempt.fail_all(Some(connection), Scope::Server, reason).await;
    Refused
}

/// Why a dialogue has no last reply.
enum Stopped {
    Failed(Failure),
    Said(Status, String),
    Broken(Broken),
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// AUTH, challenges and responses; the reply that ends it.
async fn dialogue(
    attempt: &Attempt<'_>,
    connection: &mut Connection,
    mechanism: Mechanism,
    credentials: Credentials,
) -> Result<Reply, Stopped> {
    let name = connection.peer.name.clone();
    let (speaker, limit) = (attempt.speaker(), attempt.settings.limits.helo);
    let place = (connection.peer.host.as_str(), connection.peer.port);
    let mut dialogue = Dialogue::begin(mechanism, credentials, place)?;
    let mut command = format!("AUTH {}", mechanism.name());
    // What does not fit into the command follows the server's empty challenge.
    let mut initial = dialogue.initial().map(|initial| BASE64.encode(initial));
    if let Some(text) = initial.take_if(|text| command.len() + text.len() + 3 <= COMMAND_MAX) {
        command.push(' ');
        command.push_str(&text);
    }
    connection.command(&speaker, &command);
    for _ in 0..STEPS_MAX {
        let reply = connection.reply(&speaker, limit).await?;
        if !reply.is(3) {
            if reply.is(2) {
                dialogue.accepted()?;
            }
            return Ok(reply);
        }
        let challenge = reply.text.get(3..).unwrap_or_default();
        let challenge = challenge.trim_start_matches(['-', ' ', '\t', '\n']);
        let response = match initial.take() {
            Some(_) if !challenge.is_empty() => {
                let text = format!(
                    "SASL authentication failed; non-empty initial {} challenge from server \
                     {name}: {challenge}",
                    mechanism.name()
                );
                return Err(Stopped::Said(Status::new(4, 7, 0), text));
            }
            Some(initial) => initial,
            None => {
                let challenge = BASE64.decode(challenge).map_err(|_| Failure::BadChallenge)?;
                let (next, response) = respond(dialogue, challenge).await?;
                dialogue = next;
                BASE64.encode(response)
            }
        };
        connection.command(&speaker, &response);
    }
    let text =
        format!("SASL authentication failed; authentication protocol loop with server {name}");
    Err(Stopped::Said(Status::new(4, 3, 0), text))
}

/// Computes a response where it holds nobody else up: SCRAM hashes a password thousands of times.
async fn respond(
    mut dialogue: Dialogue,
    challenge: Vec<u8>,
) -> Result<(Dialogue, Vec<u8>), Failure> {
    let work = move || dialogue.respond(&challenge).map(|response| (dialogue, response));
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::BadChallenge))
}

/// Logins that servers refused with 535 lately: they are not tried again with the same password
/// (`smtp_sasl_auth_cache_name`). Kept in this process; passwords only as hashes.
#[derive(Debug)]
struct FailureCache {
    time: Duration,
    known: Mutex<HashMap<(String, String), Known>>,
}

/// Most logins that are remembered.
const KNOWN_MAX: usize = 10_000;

#[derive(Clone, Debug)]
struct Known {
    host: String,
    since: Instant,
    password: [u8; 32],
    reply: Reply,
}

impl Known {
    fn reason(&self, soft_bounce: bool) -> Reason {
        let text = format!(
            "SASL [CACHED] authentication failed; server {} said: {}",
            self.host,
            self.reply.one_line()
        );
        let mut reason = Reason::said(&self.host, &self.reply, text);
        if soft_bounce {
            reason.status = reason.status.with_class(4);
        }
        reason
    }
}

impl FailureCache {
    fn open(named: &Named<'_>) -> Result<Option<Self>, Problem> {
        let name = named.text("sasl_auth_cache_name");
        if name.is_empty() {
            return Ok(None);
        }
        let what = format!("SASL authentication cache name \"{name}\"");
        if name.contains([',', ' ', '\t', '\r', '\n']) {
            return Err(Problem { text: format!("{what} contains multiple values") });
        }
        if !name.starts_with("proxy:") {
            return Err(Problem { text: format!("{what} must start with \"proxy:\"") });
        }
        let time = named.time("sasl_auth_cache_time");
        Ok(Some(Self { time, known: Mutex::default() }))
    }

    fn find(&self, connection: &Connection, credentials: &Credentials) -> Option<Known> {
        let key = (connection.peer.host.clone(), credentials.username.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(&key)?;
        if entry.since.elapsed() <= self.time && entry.password == hash(&credentials.password) {
            return Some(entry.clone());
        }
        known.remove(&key);
        None
    }

    fn store(&self, connection: &Connection, credentials: &Credentials, reply: &Reply) {
        let host = connection.peer.host.clone();
        let entry = Known {
            host: host.clone(),
            since: Instant::now(),
            password: hash(&credentials.password),
            reply: reply.clone(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, entry| entry.since.elapsed() <= self.time);
        }
        if known.len() < KNOWN_MAX {
            known.insert((host, credentials.username.clone()), entry);
        }
    }
}

fn hash(password: &str) -> [u8; 32] {
    Sha256::digest(password).into()
}
