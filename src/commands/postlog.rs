//! postlog(1): writes a line to the mail log, for scripts.

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use super::getopt::Options as Words;
use super::submission;
use crate::config::{Config, default_directory, parameters as p};
use crate::log::{self, Level, Log};
use crate::service::logging;

/// What the command line says.
struct Options {
    directory: PathBuf,
    level: Level,
    tag: Option<String>,
    words: Vec<String>,
}

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    // A script that is not watched has the log to look into.
    let early = match std::io::stderr().is_terminal() {
        true => Log::for_command("postfix", "postlog"),
        false => Log::new("postfix", "postlog"),
    };
    let code = match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            early.fatal(format_args!("{text}"));
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

fn run(arguments: Vec<OsString>) -> Result<(), String> {
    let options = parse(arguments)?;
    // The program may have the group of the maildrop.
    if options.directory.as_os_str() != "/etc/postfix" && submission::has_extra_rights() {
        submission::check_directory(&options.directory).map_err(|(error, text)| {
            Log::for_command("postfix", "postlog").error(format_args!("{error}"));
            text
        })?;
    }
    let config = Config::load(&options.directory).map_err(|problem| problem.text)?;
    logging::set_up(&config, &config.text(&p::myhostname));
    let mut log = match &options.tag {
        Some(tag) => Log::tagged(&tag.replace(char::is_control, "?")),
        None => Log::new(&logging::syslog_name(&config), "postlog"),
    };
    if std::io::stderr().is_terminal() {
        log = log.to_stderr();
    }
    if options.words.is_empty() {
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line.map_err(|e| crate::config::why(&e))?;
            log.line(options.level, format_args!("{}", String::from_utf8_lossy(&line)));
        }
    } else {
        log.line(options.level, format_args!("{}", options.words.join(" ")));
    }
    Ok(())
}

fn parse(arguments: Vec<OsString>) -> Result<Options, String> {
    const USAGE: &str = "usage: postlog [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]";
    let words = Words::read(arguments, "c:ip:t:v").map_err(|bad| {
        eprintln!("postlog: {bad}");
        USAGE
    })?;
    let mut options = Options {
        directory: default_directory(),
        level: Level::Info,
        tag: None,
        words: words.rest,
    };
    for (letter, value) in words.options {
        let value = value.unwrap_or_default();
        match letter {
            'c' => options.directory = value.into(),
            'p' => options.level = level(&value)?,
            't' => options.tag = Some(value),
            _ => {}
        }
    }
    Ok(options)
}

fn level(name: &str) -> Result<Level, String> {
    Ok(match name {
        "info" => Level::Info,
        "warn" | "warning" => Level::Warning,
        "error" => Level::Error,
        "fatal" => Level::Fatal,
        "panic" => Level::Panic,
        _ => return Err(format!("bad severity: \"{name}\"")),
    })
}
