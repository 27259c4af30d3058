//! postdrop(1): the only set-gid program. Takes one message from standard input, as records, and
//! puts it into the maildrop queue, whether the mail system runs or not.
//!
//! Nothing that comes from the caller is believed: arguments, environment and records are checked
//! here, and time and owner come from the system.

mod check;
mod file;
mod input;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use self::check::{Check, Verdict};
use self::file::MaildropFile;
use self::input::{Bad, Input};
use super::submission::{self, status};
use crate::config::{Config, default_directory, parameters as p, why};
use crate::log::{self, Log};
use crate::lookup::Tables;
use crate::service::logging;
use crate::wire::attr;
use crate::wire::queue_record::{kind, push};

/// Why the program gives up, in the words after `fatal: `.
type Outcome<T> = Result<T, String>;

/// What the submission ends with.
struct End {
    status: u32,
    reason: String,
}

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let early = Log::for_command("postfix", "postdrop");
    let code = match submit(arguments, &early) {
        Ok(status) => ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1)),
        Err((log, text)) => {
            log.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

fn submit(arguments: Vec<OsString>, early: &Log) -> Result<u32, (Log, String)> {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let fatal = |text: String| (early.clone(), text);
    let directory = directory(arguments).map_err(fatal)?;
    if directory.as_os_str() != "/etc/postfix" && submission::has_extra_rights() {
        submission::check_directory(&directory).map_err(|(error, text)| {
            early.error(format_args!("{error}"));
            fatal(text)
        })?;
    }
    let config = Config::load(&directory).map_err(|problem| fatal(problem.text))?;
    let log = logging::for_command(&config, "postdrop");
    let mut session = Session { uid: submission::uid().as_raw(), config, log };
    session.run().map_err(|text| (session.log.clone(), text))
}

/// Reads the command line: `-c` is all that matters.
fn directory(arguments: Vec<OsString>) -> Outcome<PathBuf> {
    let mut directory = default_directory();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let usage = || "usage: postdrop [-c config_dir] [-v]".to_owned();
        match argument.to_str() {
            Some("-c") => directory = arguments.next().ok_or_else(usage)?.into(),
            Some("-r" | "-v" | "-rv") => {}
            Some(attached) if attached.starts_with("-c") => {
                directory = attached.get(2..).unwrap_or_default().into();
            }
            Some(other) if other.starts_with('-') && other.len() > 1 => {
                let letter = other.chars().nth(1).unwrap_or_default();
                eprintln!("postdrop: invalid option -- '{letter}'");
                return Err(usage());
            }
            _ => break,
        }
    }
    Ok(directory)
}

struct Session {
    uid: u32,
    config: Arc<Config>,
    log: Log,
}

impl Session {
    fn run(&mut self) -> Outcome<u32> {
        crate::sys::spawn::ignore_file_size_signal();
        let queue = self.config.queue_directory();
        std::env::set_current_dir(&queue)
            .map_err(|e| format!("chdir {}: {}", queue.display(), why(&e)))?;
        let uid = submission::uid();
        submission::check_user(&self.config, uid)
            .map_err(|name| format!("User {name}({uid}) is not allowed to submit mail"))?;
        let mut input = Input::open(self.line_limit()).map_err(|e| why(&e))?;
        let limit = u64::try_from(self.config.int(&p::message_size_limit)).unwrap_or_default();
        let long_ids = self.config.bool(&p::enable_long_queue_ids);
        let mut file = MaildropFile::create(long_ids, limit, &self.log)?;
        answer(&[("protocol", "postdrop_protocol"), ("queue_id", file.id())]);
        let Some(end) = self.copy(&mut input, &mut file)? else { return Ok(0) };
        let end = self.finish(file, end);
        let number = end.status.to_string();
        let reason = if end.status == 0 { "" } else { end.reason.as_str() };
        answer(&[("status", number.as_str()), ("reason", reason)]);
        Ok(end.status)
    }

    /// `line_length_limit`: no record is longer.
    fn line_limit(&self) -> usize {
        self.config.count(&p::line_length_limit)
    }

    /// Copies what is good of the input; none if the caller went away without finishing it.
    fn copy(&self, input: &mut Input, file: &mut MaildropFile) -> Outcome<Option<End>> {
        let uid = self.uid;
        let mut check = Check::default();
        let mut end = End { status: 0, reason: String::new() };
        let mut record = Vec::new();
        let now = crate::sys::now();
        push(
            &mut record,
            kind::TIME,
            format!("{} {}", now / 1_000_000, now % 1_000_000).as_bytes(),
        );
        file.write(&record);
        loop {
            let (kind, data) = match input.next() {
                Ok(Some(record)) => record,
                // The caller thought better of it.
                Ok(None) | Err(Bad::Interrupted) => return Ok(None),
                Err(bad) => {
                    self.log.warning(format_args!("stdin: {bad}"));
                    return Err(format!("uid={uid}: malformed input"));
                }
            };
            let verdict = check.record(kind, data).map_err(|why| format!("uid={uid}: {why}"))?;
            match verdict {
                Verdict::Keep => {}
                Verdict::Skip => continue,
                Verdict::Warn(why) => {
                    self.log.warning(format_args!("uid={uid}: {why}"));
                    continue;
                }
                Verdict::Sender => {
                    self.check_sender(&String::from_utf8_lossy(data), &mut end);
                }
            }
            record.clear();
            push(&mut record, kind, data);
            if end.status != 0 || !file.write(&record) {
                self.drain(input)?;
                return Ok(Some(end));
            }
            if kind == self::kind::END {
                break;
            }
        }
        if !check.is_complete() {
            end.status |= status::BAD;
        }
        Ok(Some(end))
    }

    /// Reads the rest, so that the caller hears the answer instead of a broken pipe.
    fn drain(&self, input: &mut Input) -> Outcome<()> {
        loop {
            match input.next() {
                Ok(None | Some((kind::END, _))) => return Ok(()),
                Ok(Some(_)) => {}
                Err(malformed) => {
                    self.log.warning(format_args!("stdin: {malformed}"));
                    return Err(format!("uid={}: malformed input", self.uid));
                }
            }
        }
    }

    /// `local_login_sender_maps`: which senders the user may give.
    fn check_sender(&self, sender: &str, end: &mut End) {
        let maps = self.config.text(&p::local_login_sender_maps);
        if maps == "static:*" {
            return;
        }
        let uid = submission::uid();
        let login = submission::login_name(uid).unwrap_or_else(|| format!("uid:{uid}"));
        match self.allowed_senders(&maps, &login) {
            Ok(allowed) if check::sender_matches(&allowed, sender, &self.sender_rules()) => {}
            Ok(_) => {
                end.status |= status::NO_PERMISSION;
                end.reason = format!("not authorized to use sender='{sender}'");
            }
            Err(()) => {
                end.status |= status::WRITE;
                end.reason = format!("local_login_sender_maps table lookup error for '{maps}'");
            }
        }
    }

    fn sender_rules(&self) -> check::SenderRules {
        check::SenderRules {
            null_sender: self.config.text(&p::empty_address_local_login_sender_maps_lookup_key),
            delimiters: self.config.text(&p::recipient_delimiter),
        }
    }

    fn allowed_senders(&self, maps: &str, login: &str) -> Result<String, ()> {
        let tables = Tables::new(self.config.clone());
        let maps = tables.maps(p::local_login_sender_maps.name, maps).map_err(drop)?;
        let found = submission::wait_for(maps.find(login)).ok_or(())?;
        Ok(found.map_err(drop)?.unwrap_or_default())
    }

    /// Makes the file ready for pickup, or takes it away.
    fn finish(&self, file: MaildropFile, mut end: End) -> End {
        if end.status == 0
            && let Err(e) = file.finish()
        {
            self.log.warning(format_args!("uid={}: {}", self.uid, why(&e)));
            let too_large = e.kind() == std::io::ErrorKind::FileTooLarge;
            end.status = if too_large { status::SIZE } else { status::WRITE };
        } else if end.status == 0 {
            self.wake_pickup();
        }
        end
    }

    /// Tells pickup that there is mail. It looks by itself from time to time, so nothing is lost
    /// when it is away.
    fn wake_pickup(&self) {
        let socket = PathBuf::from("public").join(self.config.text(&p::pickup_service_name));
        if let Err(e) = std::fs::metadata(&socket) {
            self.log.warning(format_args!("unable to look up {}: {}", socket.display(), why(&e)));
            return;
        }
        if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&socket) {
            let _ = stream.set_write_timeout(Some(self.config.time(&p::trigger_timeout)));
            let _ = stream.write_all(b"W");
        }
    }
}

/// Answers the caller; one that went away does not matter.
fn answer(attributes: &[(&str, &str)]) {
    let mut bytes = Vec::new();
    for (name, value) in attributes {
        attr::put(&mut bytes, name, value);
    }
    attr::end(&mut bytes);
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(&bytes).and_then(|()| output.flush());
}
