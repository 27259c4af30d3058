//! postkick(1): sends a request to a socket or named pipe of the mail system, for scripts.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::getopt::Options;
use super::queue_access::config_directory;
use super::speaker::Speaker;
use crate::config::{Config, parameters as p, why};

const USAGE: &str = "usage: postkick [-c config_dir] [-v] class service request";

/// Runs postkick(1): exit code 1 if nobody is there to hear the request.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    // Postfix takes the path off the name here.
    let speaker = Speaker::named("postkick");
    match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Some(text)) => speaker.fatal(text),
        Err(None) => ExitCode::FAILURE,
    }
}

/// An error without a text has been told.
fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<(), Option<String>> {
    let words = Options::read(arguments, "c:v").map_err(|bad| {
        speaker.info(bad);
        Some(USAGE.to_owned())
    })?;
    let directory = words.options.iter().rev().find_map(|(_, value)| value.as_deref());
    let [class, service, request] =
        <[String; 3]>::try_from(words.rest.clone()).map_err(|_| Some(USAGE.to_owned()))?;
    let config = Config::load(&config_directory(directory)).map_err(|problem| problem.text)?;
    let queue = config.queue_directory();
    if let Err(e) = std::fs::read_dir(&queue) {
        return Err(Some(format!("chdir {}: {}", queue.display(), why(&e))));
    }
    let place = format!("{class}/{service}");
    let patience = config.time(&p::application_event_drain_time);
    if let Some(problem) = config.problems().into_iter().next() {
        return Err(Some(problem.text));
    }
    kick(&queue, &place, request.as_bytes(), patience).map_err(|why| {
        if let Some(why) = why {
            speaker.warning(why);
        }
        speaker.warning(format_args!(
            "Cannot contact class {class} service {service} - perhaps the mail system is down"
        ));
        None
    })
}

/// Says the request, and waits until it has been heard: whoever closes a socket too early may take
/// back what was said. The reason of a failure is given where it says more than that nobody listens.
fn kick(
    queue: &Path,
    place: &str,
    request: &[u8],
    patience: Duration,
) -> Result<(), Option<String>> {
    let path = queue.join(place);
    let looked_up = std::fs::metadata(&path);
    let kind = looked_up.map_err(|e| Some(format!("unable to look up {place}: {}", why(&e))))?;
    let lost = |e: std::io::Error| Some(format!("write to {place}: {}", why(&e)));
    if kind.file_type().is_fifo() {
        let opened = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path);
        let mut pipe = opened.map_err(|_| None)?;
        return pipe.write_all(request).map_err(lost);
    }
    if !kind.file_type().is_socket() {
        return Err(Some(format!("{place} is not a socket or a fifo")));
    }
    let mut stream = UnixStream::connect(&path).map_err(|_| None)?;
    stream.set_write_timeout(Some(patience)).map_err(lost)?;
    stream.set_read_timeout(Some(patience)).map_err(lost)?;
    stream.write_all(request).map_err(lost)?;
    // The other end closes; what it says before that is not for us.
    let mut buffer = [0; 256];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    Ok(())
}
