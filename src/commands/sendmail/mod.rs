//! sendmail(1): the command line that programs know from Sendmail. Takes mail in by way of
//! postdrop, and hands everything else to the command that does it. Also `mailq` and
//! `newaliases`.

mod enqueue;
mod header;
mod options;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use self::options::{Mode, Options};
use super::submission;
use crate::config::{Config, default_directory, parameters as p, split_list, why};
use crate::log::{self, Log};
use crate::service::logging;

/// EX_TEMPFAIL of sysexits.h: how Postfix's sendmail ends whatever goes wrong, so that callers
/// keep the mail and try again.
const EX_TEMPFAIL: u8 = 75;

/// Why the command gives up: the words after `fatal: `.
#[derive(Debug)]
pub(super) struct Fatal(String);

impl Fatal {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&started_as).file_name().unwrap_or_default().to_string_lossy();
    let name = if matches!(&*name, "mailq" | "newaliases") { &*name } else { "sendmail" };
    let arguments: Vec<String> =
        arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let mut log = Log::for_command("postfix", "sendmail").named_on_stderr(name);
    let code = match run(name, &arguments, &mut log) {
        Ok(code) => code,
        Err(fatal) => {
            log.fatal(format_args!("{}", fatal.0));
            EX_TEMPFAIL
        }
    };
    log::flush();
    ExitCode::from(code)
}

fn run(name: &str, arguments: &[String], log: &mut Log) -> Result<u8, Fatal> {
    let directory = options::config_directory(name, arguments).unwrap_or_else(default_directory);
    let config = Config::load(&directory).map_err(|problem| Fatal(problem.text))?;
    config.check_essentials(false).map_err(|problem| Fatal(problem.text))?;
    *log = logging::for_command(&config, "sendmail").named_on_stderr(name);
    let queue = config.queue_directory();
    std::env::set_current_dir(&queue)
        .map_err(|e| Fatal::new(format!("chdir {}: {}", queue.display(), why(&e))))?;
    let options = Options::parse(name, arguments, &config, log)?;
    options.check()?;
    let door = Door { config: &config, directory, log, options: &options };
    door.open()
}

/// What has been asked for, and where.
struct Door<'a> {
    config: &'a Arc<Config>,
    directory: PathBuf,
    log: &'a Log,
    options: &'a Options,
}

impl Door<'_> {
    fn open(&self) -> Result<u8, Fatal> {
        let options = self.options;
        if options.queue_interval && options.mode != Mode::Daemon {
            return Ok(0);
        }
        match options.mode {
            Mode::Enqueue => match (&options.flush_site, &options.flush_id) {
                (Some(site), _) => {
                    self.no_recipients("flush site requires no recipient")?;
                    self.replace("postqueue", &["-s", site])
                }
                (None, Some(id)) => {
                    self.no_recipients("flush queue_id requires no recipient")?;
                    self.replace("postqueue", &["-i", id])
                }
                (None, None) => enqueue::enqueue(self).map(|()| 0),
            },
            Mode::MailQueue => {
                self.no_recipients("display queue mode requires no recipient")?;
                self.replace("postqueue", &["-p"])
            }
            Mode::Flush => {
                self.no_recipients("flush queue mode requires no recipient")?;
                self.replace("postqueue", &["-f"])
            }
            Mode::Daemon => {
                self.no_recipients("daemon mode requires no recipient")?;
                self.background("postfix", &["start"])
            }
            Mode::NewAliases => {
                self.no_recipients("alias initialization mode requires no recipient")?;
                self.new_aliases()
            }
            Mode::StandAlone => {
                self.no_recipients("stand-alone mode requires no recipient")?;
                self.check_user()?;
                let directory = PathBuf::from(self.config.text(&p::daemon_directory));
                self.replace_in(&directory, "smtpd", &["-S"])
            }
            Mode::Ignore => Ok(0),
        }
    }

    fn no_recipients(&self, complaint: &str) -> Result<(), Fatal> {
        if self.options.recipients.is_empty() { Ok(()) } else { Err(Fatal::new(complaint)) }
    }

    /// Kinder words than postdrop has, which decides.
    fn check_user(&self) -> Result<(), Fatal> {
        let uid = submission::uid();
        submission::check_user(self.config, uid).map_err(|name| {
            let text = format!("User {name}({uid}) is not allowed to submit mail");
            Fatal::new(text)
        })
    }

    fn new_aliases(&self) -> Result<u8, Fatal> {
        let databases = match &self.options.alias_database {
            Some(database) => vec![database.clone()],
            None => {
                let text = self.config.text(&p::alias_database);
                split_list(&text).into_iter().map(str::to_owned).collect()
            }
        };
        if databases.is_empty() {
            return Ok(0);
        }
        let mut arguments = vec!["--"];
        arguments.extend(databases.iter().map(String::as_str));
        self.replace("postalias", &arguments)
    }

    fn command_directory(&self) -> PathBuf {
        PathBuf::from(self.config.text(&p::command_directory))
    }

    /// Another command with the same configuration and verbosity.
    fn command(&self, directory: &Path, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(directory.join(program));
        command.arg0(program).args(arguments).env("MAIL_CONFIG", &self.directory);
        // "-v" may stand after the other options of all these commands, but not after "--".
        if !arguments.contains(&"--") {
            command.args(std::iter::repeat_n("-v", self.options.verbose));
        }
        command
    }

    /// Becomes another command.
    fn replace(&self, program: &str, arguments: &[&str]) -> Result<u8, Fatal> {
        self.replace_in(&self.command_directory(), program, arguments)
    }

    fn replace_in(&self, directory: &Path, program: &str, arguments: &[&str]) -> Result<u8, Fatal> {
        log::flush();
        let error = self.command(directory, program, arguments).exec();
        let path = directory.join(program);
        Err(Fatal::new(format!("execv {}: {}", path.display(), why(&error))))
    }

    fn background(&self, program: &str, arguments: &[&str]) -> Result<u8, Fatal> {
        let directory = self.command_directory();
        match self.command(&directory, program, arguments).spawn() {
            Ok(_) => Ok(0),
            Err(error) => {
                let path = directory.join(program);
                let text = format!("execv {}: {}", path.display(), why(&error));
                Err(Fatal::new(text))
            }
        }
    }
}
