//! The command line of postfix-installer.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Puts the postfix-rs mail system on a machine, keeps an eye on it, or tries it out.
#[derive(Debug, Parser)]
#[command(name = "postfix-installer", version, about, propagate_version = true)]
pub struct Arguments {
    /// Work on the system below this folder instead of the running one
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Folder of programs and libraries
    #[arg(long, global = true, value_name = "DIR", default_value = "/usr")]
    pub prefix: PathBuf,
    /// Print what would be done, and change nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Agree to everything that would be asked
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// Say nothing but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Look whether an installation could be made here: other mail systems, USE flags, host name
    Check(CheckOptions),
    /// Put programs, links, folders, accounts and a first configuration in place
    Install(InstallOptions),
    /// Set the name of this machine, in the system's files or in main.cf
    Configure(ConfigureOptions),
    /// Create what the mail system needs at run time, check it, and start it
    FirstStart(FirstStartOptions),
    /// Say what is installed and whether it runs
    Status,
    /// Look for what is wrong with a live system, and say how to mend it
    Doctor(DoctorOptions),
    /// Take over the settings of another mail system, or give them back
    Migrate(MigrateOptions),
    /// Remove what was installed; configuration and mail stay
    Uninstall(UninstallOptions),
    /// Run a private mail system for the current user, without root, and send a first mail
    Try(TryOptions),
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// USE flags, as in Portage: "ssl sasl -ldap"
    #[arg(long = "use", value_name = "FLAGS", allow_hyphen_values = true)]
    pub flags: Option<String>,
}

/// Options of `install`.
#[derive(Debug, Args)]
pub struct InstallOptions {
    /// USE flags, as in Portage: "ssl sasl -ldap"
    #[arg(long = "use", value_name = "FLAGS", allow_hyphen_values = true)]
    pub flags: Option<String>,
    /// Remove another mail system that is in the way, after asking
    #[arg(long)]
    pub replace: bool,
}

/// Options of `configure`.
#[derive(Debug, Args)]
pub struct ConfigureOptions {
    /// The machine's full name: written to the system's own files
    #[arg(long, value_name = "FQDN")]
    pub hostname: Option<String>,
    /// A full name for mail alone: written to main.cf
    #[arg(long, value_name = "FQDN")]
    pub myhostname: Option<String>,
    /// Take a name that does not resolve to this machine
    #[arg(long)]
    pub accept_unresolved: bool,
    /// USE flags; "mbox" or "-mbox" chooses where mail is kept
    #[arg(long = "use", value_name = "FLAGS", allow_hyphen_values = true)]
    pub flags: Option<String>,
}

/// Options of `first-start`.
#[derive(Debug, Args)]
pub struct FirstStartOptions {
    /// Start the mail system at every boot, too
    #[arg(long)]
    pub enable: bool,
    /// Prepare everything, but do not start
    #[arg(long)]
    pub no_start: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Ask no name server and connect to nobody
    #[arg(long)]
    pub offline: bool,
    /// Configuration folder
    #[arg(long, value_name = "DIR", default_value = "/etc/postfix")]
    pub config: PathBuf,
}

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateOptions {
    /// Whose settings
    #[arg(value_enum, required_unless_present = "back")]
    pub source: Option<MailSystem>,
    /// Its configuration, if it is not in the usual place
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Put back what was there before the last migration
    #[arg(long, conflicts_with = "source")]
    pub back: bool,
}

/// Mail systems whose settings can be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MailSystem {
    /// /etc/ssmtp/ssmtp.conf and revaliases
    Ssmtp,
    /// /etc/msmtprc
    Msmtp,
    /// /etc/nullmailer
    Nullmailer,
    /// /etc/esmtprc
    Esmtp,
    /// C Postfix, in place: configuration, tables, queue
    Postfix,
}

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct UninstallOptions {
    /// Remove unchanged configuration, accounts and empty folders as well
    #[arg(long)]
    pub purge: bool,
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
