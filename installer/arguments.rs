//! The command line of postfix-installer.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Puts the postfix-rs mail system on a machine, or tries it out.
#[derive(Debug, Parser)]
#[command(name = "postfix-installer", version, about, propagate_version = true)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Put programs, links, folders and a first configuration in place
    Install(InstallOptions),
    /// Run a private mail system for the current user, without root, and send a first mail
    Try(TryOptions),
}

/// Options of `install`.
#[derive(Debug, Args)]
pub struct InstallOptions {
    /// Stage everything below this folder instead of /
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Folder of programs and libraries
    #[arg(long, value_name = "DIR", default_value = "/usr")]
    pub prefix: PathBuf,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// Print what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `try`.
#[derive(Debug, Args)]
pub struct TryOptions {
    /// Where the private system lives [default: a folder of its own in the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// First TCP port to try on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 2525)]
    pub port: u16,
    /// End after the first messages have arrived
    #[arg(long)]
    pub once: bool,
}
