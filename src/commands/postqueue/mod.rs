//! postqueue(1): lists the queue, and asks for deliveries now.

mod listing;

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::listing::Form;
use super::getopt::Options;
use super::queue_access::{ask, config_directory, exit, matches_domain, permitted, set_up};
use super::submission;
use crate::config::{Config, parameters as p, why};
use crate::ipc::control::{FromQmgr, ToQmgr};
use crate::log::{self, Log};
use crate::mail::queue_id::QueueId;
use crate::qmgr::offline::Offline;

const USAGE: &str = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | \
                     postqueue -s site";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    /// -p
    List,
    /// -j
    Json,
    /// -f
    Flush,
    /// -i
    FlushId(String),
    /// -s
    FlushSite(String),
}

/// Why the command failed. Whatever it was, the exit code is [`exit::UNAVAILABLE`], as Postfix's.
#[derive(Debug)]
struct Failure(String);

/// Runs postqueue(1).
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let early = Log::for_command("postfix", "postqueue");
    let (request, directory) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(bad) => {
            if let Some(bad) = bad {
                eprintln!("postqueue: {bad}");
            }
            early.fatal(format_args!("{USAGE}"));
            log::flush();
            return ExitCode::from(exit::UNAVAILABLE);
        }
    };
    run(&request, &directory, &early)
}

fn run(request: &Request, directory: &std::path::Path, early: &Log) -> ExitCode {
    // With more rights than its caller the command trusts no folder that the caller chose.
    if directory.as_os_str() != "/etc/postfix"
        && submission::has_extra_rights()
        && let Err((error, text)) = submission::check_directory(directory)
    {
        if !error.is_empty() {
            early.error(format_args!("{error}"));
        }
        early.fatal(format_args!("{text}"));
        log::flush();
        return ExitCode::from(exit::UNAVAILABLE);
    }
    let (config, log) = match set_up(directory, "postqueue") {
        Ok(ready) => ready,
        Err(text) => {
            early.fatal(format_args!("{text}"));
            return ExitCode::from(exit::UNAVAILABLE);
        }
    };
    let done = match request {
        Request::List => list(&config, &log, Form::Text),
        Request::Json => list(&config, &log, Form::Json),
        Request::Flush => flush(&config),
        Request::FlushId(id) => flush_id(&config, &log, id),
        Request::FlushSite(site) => flush_site(&config, &log, site),
    };
    let code = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            log.fatal(format_args!("{text}"));
            ExitCode::from(exit::UNAVAILABLE)
        }
    };
    log::flush();
    code
}

fn parse(arguments: Vec<OsString>) -> Result<(Request, PathBuf), Option<String>> {
    let options = Options::read(arguments, "c:fi:jps:v").map_err(|bad| Some(bad.to_string()))?;
    let mut request = None;
    let mut directory = None;
    for (letter, value) in options.options {
        let value = value.unwrap_or_default();
        let asked = match letter {
            'c' => {
                directory = Some(value);
                continue;
            }
            'v' => continue,
            'f' => Request::Flush,
            'i' => Request::FlushId(value),
            'j' => Request::Json,
            's' => Request::FlushSite(value),
            _ => Request::List,
        };
        if request.replace(asked).is_some() {
            return Err(None);
        }
    }
    match request {
        Some(request) if options.rest.is_empty() => {
            Ok((request, config_directory(directory.as_deref())))
        }
        _ => Err(None),
    }
}

/// A listing from showq, or from the disk while the system is down.
fn list(config: &Arc<Config>, log: &Log, form: Form) -> Result<(), Failure> {
    let users = config.text(&p::authorized_mailq_users);
    permitted(config, p::authorized_mailq_users.name, &users).map_err(|(name, uid)| {
        let text = format!("User {name}({uid}) is not allowed to view the mail queue");
        Failure(text)
    })?;
    let long_ids = config.bool(&p::enable_long_queue_ids);
    let show = |input: &mut dyn std::io::Read| {
        listing::show(input, form, long_ids, &mut std::io::stdout().lock()).map_err(|error| {
            match error {
                listing::ListingError::Malformed => {
                    Failure("malformed showq server response".into())
                }
                listing::ListingError::Output(error) => {
                    let text = format!("output write error: {}", why(&error));
                    Failure(text)
                }
            }
        })
    };
    let directory = config.queue_directory();
    let (name, service) = (config.text(&p::mail_name), config.text(&p::showq_service_name));
    let error = match UnixStream::connect(directory.join("public").join(&service)) {
        Ok(stream) => {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(3600)));
            return show(&mut std::io::BufReader::new(stream.take(u64::MAX)));
        }
        Err(error) => error,
    };
    let reason = why(&error);
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        let text = format!("Connect to the {name} {service} service: {reason}");
        return Err(Failure(text));
    }
    if !nix::unistd::geteuid().is_root() && !owns(&directory) {
        let text = format!(
            "Queue report unavailable - mail system is down \
             (Connect to the {name} {service} service: {reason})"
        );
        return Err(Failure(text));
    }
    log.warning(format_args!(
        "Mail system is down -- accessing queue directly \
         (Connect to the {name} {service} service: {reason})"
    ));
    let offline = Offline::open(&directory).map_err(|error| Failure(error.to_string()))?;
    let listing = offline.listing(&config.text(&p::empty_address_recipient));
    show(&mut listing.as_slice())
}

/// Whether the caller owns the queue: without root one user does everything.
fn owns(directory: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(directory).is_ok_and(|m| m.uid() == nix::unistd::geteuid().as_raw())
}

fn may_flush(config: &Arc<Config>) -> Result<(), Failure> {
    let users = config.text(&p::authorized_flush_users);
    permitted(config, p::authorized_flush_users.name, &users).map_err(|(name, uid)| {
        let text = format!("User {name}({uid}) is not allowed to flush the mail queue");
        Failure(text)
    })
}

fn down() -> Failure {
    Failure("Cannot flush mail queue - mail system is down".into())
}

fn flush(config: &Arc<Config>) -> Result<(), Failure> {
    may_flush(config)?;
    ask(&config.queue_directory(), "public/qmgr", &ToQmgr::Flush).map_err(|_| down())?;
    // pickup looks into the maildrop when its socket is touched.
    let pickup = config.queue_directory().join("public/pickup");
    if let Ok(mut stream) = UnixStream::connect(pickup) {
        let _ = std::io::Write::write_all(&mut stream, b"W");
    }
    Ok(())
}

fn flush_id(config: &Arc<Config>, log: &Log, text: &str) -> Result<(), Failure> {
    let Ok(id) = text.parse::<QueueId>() else {
        let text = format!("Cannot flush queue ID - invalid name: \"{}\"", shortened(text));
        return Err(Failure(text));
    };
    may_flush(config)?;
    ask(&config.queue_directory(), "public/qmgr", &ToQmgr::FlushId(id))
        .map(drop)
        .map_err(|error| no_flush_service(log, &error))
}

fn flush_site(config: &Arc<Config>, log: &Log, site: &str) -> Result<(), Failure> {
    if !is_site(site) {
        let text =
            format!("Cannot flush mail queue - invalid destination: \"{}\"", shortened(site));
        return Err(Failure(text));
    }
    may_flush(config)?;
    let denied = || {
        let text = format!("Flush service is not configured for destination \"{site}\"");
        Failure(text)
    };
    let list = config.text(&p::fast_flush_domains);
    if !matches_domain(config, p::fast_flush_domains.name, &list, site) {
        return Err(denied());
    }
    let request = ToQmgr::FlushSite(site.into());
    match ask(&config.queue_directory(), "public/qmgr", &request) {
        Ok(FromQmgr::NotFound) => Err(denied()),
        Ok(_) => Ok(()),
        Err(error) => Err(no_flush_service(log, &error)),
    }
}

/// The name is that of Postfix's service: programs look for it.
fn no_flush_service(log: &Log, error: &std::io::Error) -> Failure {
    log.warning(format_args!("connect to public/flush: {}", why(error)));
    down()
}

/// A host name, or an address in brackets.
fn is_site(site: &str) -> bool {
    match site.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            let address = address.strip_prefix("IPv6:").unwrap_or(address);
            address.parse::<std::net::IpAddr>().is_ok()
        }
        None => crate::mail::hostname::is_valid(site),
    }
}

fn shortened(text: &str) -> String {
    let start: String = text.chars().take(100).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
}
