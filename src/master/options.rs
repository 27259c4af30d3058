//! The command line of master(8).

use std::ffi::OsString;
use std::path::PathBuf;

/// How master is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-c`, `MAIL_CONFIG`, or /etc/postfix.
    pub config_directory: PathBuf,
    /// Only say by the exit code whether no master runs (`-t`): 0 if none does.
    pub test: bool,
    /// Stay in the foreground and in the session of the caller (`-d`, `-i`, `-s`).
    pub foreground: bool,
    /// Write one byte to standard output when start-up is over (`-w`).
    pub announce: bool,
    /// `-v`, counted.
    pub verbose: u32,
}

impl Options {
    /// Reads the arguments after the program name.
    pub fn parse(arguments: &[OsString]) -> Result<Self, String> {
        let mut options = Self {
            config_directory: crate::config::default_directory(),
            test: false,
            foreground: false,
            announce: false,
            verbose: 0,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.to_str().unwrap_or_default() {
                "-c" => {
                    options.config_directory =
                        rest.next().ok_or("option -c needs a directory")?.into();
                }
                "-t" => options.test = true,
                "-d" | "-i" | "-s" => options.foreground = true,
                "-w" => options.announce = true,
                "-v" => options.verbose += 1,
                "-D" => {}
                _ => {
                    return Err("usage: master [-c config_dir] [-d (don't detach from terminal)] \
                                [-t (test)] [-v] [-w (wait for initialization)]"
                        .into());
                }
            }
        }
        Ok(options)
    }
}
