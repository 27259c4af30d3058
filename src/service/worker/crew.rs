//! The workers of an agent, and what all agents with workers have in common: whom they may be,
//! the headers of a delivered copy, the environment of commands.

use std::sync::Arc;
use std::time::Duration;

use super::{Content, Identity, Opened, Pool, mbox_from_line, pool};
use crate::config::parameter::{Parameter, kinds};
use crate::config::{Config, Problem, parameters as p, split_list};
use crate::ipc::delivery::Request;
use crate::ipc::worker::{Answer, Done, Job, Locking, Refusal, Work};
use crate::log::Log;
use crate::mail::address::quote_822;
use crate::mail::outcome::{Diagnostic, Outcome};
use crate::mail::status::Status;
use crate::spool::Reader;
use crate::sys::spawn::{Rights, own_uid};

/// How much longer than its time limits say a job may take before its worker is given up.
const MARGIN: Duration = Duration::from_secs(300);

/// The command search path of commands (`_PATH_DEFPATH`).
const PATH: &str = "/usr/bin:/bin";

/// What the agents of this process share.
#[derive(Debug)]
pub struct Crew {
    pool: Arc<Pool>,
    reader: Reader,
    privileged: bool,
    hostname: String,
    zone: jiff::tz::TimeZone,
    /// `enable_original_recipient`
    original_to: bool,
    /// See [`command_environment`].
    environment: Vec<(String, String)>,
    owner: Rights,
}

/// Which headers stand before a delivered copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// The `From ` line of mailboxes.
    pub from_line: bool,
    /// `Return-Path:`
    pub return_path: bool,
    /// `X-Original-To:` with this address, if any.
    pub original_to: &'a str,
    /// `Delivered-To:` with this address.
    pub delivered_to: Option<&'a str>,
}

impl Crew {
    /// The workers of a process with this configuration, of at most `total` at a time.
    /// `file_size` is their file size limit, zero for none.
    pub fn new(
        config: &Config,
        privileged: bool,
        total: usize,
        file_size: u64,
    ) -> Result<Arc<Self>, Problem> {
        let limits = pool::Limits {
            per_identity: total.min(32),
            total,
            file_size,
            directory: config.queue_directory(),
            idle: config.time(&p::max_idle),
        };
        let hostname = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let owner = if privileged {
            let name = config.text(&p::mail_owner);
            let owner = crate::sys::users::user(&name)
                .map_err(|e| Problem { text: format!("mail_owner: {e}") })?;
            Rights { uid: owner.uid.as_raw(), gid: owner.gid.as_raw(), second_gid: None }
        } else {
            Rights { uid: own_uid(), gid: 0, second_gid: None }
        };
        Ok(Arc::new(Self {
            pool: Pool::new(limits),
            reader: Reader::new(&config.queue_directory()),
            privileged,
            hostname: hostname.unwrap_or_else(|| "localhost".into()),
            zone: jiff::tz::TimeZone::system(),
            original_to: config.bool(&p::enable_original_recipient),
            environment: command_environment(config),
            owner,
        }))
    }

    /// What gethostname(2) says.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The mail owner: for work that is nobody's.
    pub fn owner(&self) -> Identity {
        Identity { rights: self.privileged.then_some(self.owner), chroot: None }
    }

    /// A worker with these rights. Without root there are only those of the mail system itself.
    pub fn identity(&self, rights: Rights) -> Result<Identity, Refusal> {
        if self.privileged {
            return Ok(Identity { rights: Some(rights), chroot: None });
        }
        if rights.uid == own_uid() {
            return Ok(Identity { rights: None, chroot: None });
        }
        let text = format!(
            "the mail system runs without privileges and cannot act for user ID {}",
            rights.uid
        );
        Err(Refusal::new(Status::new(4, 3, 0), text))
    }

    /// Whether the mail system runs as root.
    pub fn privileged(&self) -> bool {
        self.privileged
    }

    /// The content of the message of a request.
    pub fn content(&self, request: &Request) -> Result<Content, Refusal> {
        let failed = |text: String| {
            Refusal::new(Status::new(4, 3, 0), format!("queue file read error: {text}"))
        };
        let stored = self.reader.content(request.location).map_err(|e| failed(e.to_string()))?;
        Content::new(stored).map_err(|e| failed(crate::sys::spawn::error_text(&e)))
    }

    /// The headers of a delivered copy, in the form of a mailbox. `sender` is the envelope
    /// sender.
    pub fn headers(&self, sender: &str, headers: Headers<'_>, line_end: &str) -> Vec<u8> {
        let mut text = String::with_capacity(256);
        let mut line = |line: &[&str]| {
            line.iter().for_each(|part| text.push_str(part));
            text.push_str(line_end);
        };
        let quoted = if sender.is_empty() { "".into() } else { quote_822(sender) };
        if headers.from_line {
            line(&[&mbox_from_line(&quoted, jiff::Timestamp::now(), &self.zone)]);
        }
        if headers.return_path {
            line(&["Return-Path: <", &quoted, ">"]);
        }
        if self.original_to && !headers.original_to.is_empty() {
            line(&["X-Original-To: ", &quote_822(headers.original_to)]);
        }
        if let Some(delivered) = headers.delivered_to {
            line(&["Delivered-To: ", &quote_822(delivered)]);
        }
        text.into_bytes()
    }

    /// The environment of a command: `export_environment`, PATH, and `own` over both.
    pub fn environment(&self, own: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut all = self.environment.clone();
        all.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
        all.extend(own);
        all
    }

    /// Has a worker do some work with content; logs what it warns about. `time` is what the work
    /// itself may take.
    pub async fn work(
        &self,
        log: &Log,
        identity: &Identity,
        job: Job,
        content: Option<&Content>,
        opened: Option<&Opened>,
        time: Duration,
    ) -> Result<Done, Refusal> {
        match self.pool.run(identity, job, content, opened, time + MARGIN).await {
            Ok(Answer { warnings, result }) => {
                for warning in warnings {
                    log.warning(format_args!("{warning}"));
                }
                if let Err(Refusal { fatal: Some(text), .. }) = &result {
                    log.fatal(format_args!("{text}"));
                }
                result
            }
            Err(e) => {
                log.warning(format_args!("{e}"));
                Err(Refusal::new(Status::new(4, 3, 0), "system resource problem"))
            }
        }
    }

    /// The refusal of a maildir delivery, in the words of the log; rights that are missing are
    /// explained there.
    pub fn maildir_refusal(&self, log: &Log, rights: Rights, refusal: Refusal) -> Refusal {
        if refusal.access_denied {
            log.warning(format_args!(
                "maildir access problem for UID/GID={}/{}: {}",
                rights.uid, rights.gid, refusal.text
            ));
            log.warning(format_args!("perhaps you need to create the maildirs in advance"));
        }
        Refusal { text: format!("maildir delivery failed: {}", refusal.text), ..refusal }
    }

    /// The `Delivered-To:` headers of the content.
    pub async fn delivered_to(&self, log: &Log, content: &Content) -> Result<Vec<String>, Refusal> {
        let header = content.header().map_err(|e| {
            let text = format!("queue file read error: {}", crate::sys::spawn::error_text(&e));
            Refusal::new(Status::new(4, 3, 0), text)
        })?;
        // This process parses no header. It only sees that there is nothing to parse.
        if !names_delivered_to(&header) {
            return Ok(Vec::new());
        }
        let job = Job { unless_forward: Vec::new(), work: Work::DeliveredTo, content: 0 };
        let header = Content::from_bytes(&header);
        let time = Duration::from_secs(10);
        match self.work(log, &self.owner(), job, Some(&header), None, time).await? {
            Done::DeliveredTo(found) => Ok(found),
            _ => Err(unexpected()),
        }
    }
}

/// The refusal for an answer that does not fit the question.
pub(super) fn unexpected() -> Refusal {
    Refusal::new(Status::new(4, 3, 0), "system resource problem")
}

fn names_delivered_to(header: &[u8]) -> bool {
    const NAME: &[u8] = b"delivered-to";
    memchr::memchr2_iter(b'd', b'D', header)
        .any(|at| header.get(at..at + NAME.len()).is_some_and(|h| h.eq_ignore_ascii_case(NAME)))
}

/// The environment of commands by main.cf: `export_environment`, and PATH.
pub fn command_environment(config: &Config) -> Vec<(String, String)> {
    let mut all = exported(config);
    all.retain(|(name, _)| name != "PATH");
    all.push(("PATH".into(), PATH.into()));
    all
}

/// `export_environment`: names, whose values come from this process as far as
/// `import_environment` lets them in, and `name=value`.
fn exported(config: &Config) -> Vec<(String, String)> {
    let imported = assignments(&config.text(&p::import_environment));
    let value_of = |name: &str| {
        let known = imported.iter().find(|(known, _)| known == name)?;
        match (&known.1, name) {
            (Some(value), _) => Some(value.clone()),
            (None, "MAIL_CONFIG") => Some(config.directory.display().to_string()),
            (None, name) => std::env::var(name).ok(),
        }
    };
    assignments(&config.text(&p::export_environment))
        .into_iter()
        .filter_map(|(name, value)| {
            let value = value.or_else(|| value_of(&name))?;
            Some((name, value))
        })
        .collect()
}

/// A list of `name` and `name=value`, the latter in braces if it has blanks.
fn assignments(text: &str) -> Vec<(String, Option<String>)> {
    split_list(text)
        .into_iter()
        .map(|word| word.strip_prefix('{').and_then(|w| w.strip_suffix('}')).unwrap_or(word).trim())
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
            None => (word.to_owned(), None),
        })
        .collect()
}

/// The locks that the parameter `names` asks for, with the parameters for all locks.
pub fn locking(config: &Config, names: &Parameter<kinds::Text>) -> Result<Locking, Problem> {
    let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let [flock, fcntl, dotlock] = config.set(names, ["flock", "fcntl", "dotlock"]);
    if !(flock || fcntl || dotlock) {
        let title = names.name;
        let text = format!("parameter {title} specifies no applicable mailbox locking method");
        return Err(Problem { text });
    }
    Ok(Locking {
        flock,
        fcntl,
        dotlock,
        attempts: number(config.int(&p::deliver_lock_attempts)),
        delay: u32::try_from(config.time(&p::deliver_lock_delay).as_secs()).unwrap_or(1),
        stale: u32::try_from(config.time(&p::stale_lock_time).as_secs()).unwrap_or(500),
        ..Locking::default()
    })
}

/// The limit for the size of mailboxes; zero is none. It must leave room for one message.
pub fn size_limit(config: &Config, limit: &Parameter<kinds::Long>) -> Result<u64, Problem> {
    let (mailbox, message) = (config.int(limit), config.int(&p::message_size_limit));
    let wrong = match (mailbox, message) {
        (0, _) => return Ok(0),
        (_, 0) => "limited but message_size_limit is unlimited",
        (mailbox, message) if mailbox < message => "smaller than message_size_limit",
        (mailbox, _) => return Ok(u64::try_from(mailbox).unwrap_or(0)),
    };
    Err(Problem { text: format!("configuration error: {} is {wrong}", limit.name) })
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        let mut outcome = Self::own(refusal.status, refusal.text);
        outcome.diagnostic =
            refusal.diagnostic.map(|text| Diagnostic { kind: "x-unix".into(), text });
        outcome
    }
}
