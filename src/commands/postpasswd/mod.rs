//! postpasswd(1): adds, removes, lists and tries the users of `smtpd_sasl_type = file`.

mod ask;
mod file;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::file::UserFile;
use crate::config::{Config, default_directory};
use crate::sasl::own::password::{Scheme, Stored};
use crate::sasl::own::user_file::Users;
use crate::sasl::server::{Source, user_file};
use crate::sys::users;

/// A wrong password, a name that is not there, or something that failed.
const NO: ExitCode = ExitCode::FAILURE;

/// EX_USAGE
const USAGE: u8 = 64;

/// Manages the users of smtpd_sasl_type = file.
#[derive(Parser)]
#[command(name = "postpasswd", version, about, max_term_width = 100)]
struct Arguments {
    /// The folder of main.cf.
    #[arg(short = 'c', long = "config", value_name = "FOLDER", global = true)]
    config_directory: Option<PathBuf>,
    /// The user file; by default what smtpd_sasl_path names, or sasl_users next to main.cf.
    #[arg(short, long, global = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Adds a user, or gives one another password.
    #[command(visible_alias = "set")]
    Add {
        /// Who logs in: a name, or user@domain.
        name: String,
        /// How the password is kept; give it twice for two mechanisms.
        #[arg(short, long = "scheme", value_name = "SCHEME", default_value = "argon2id")]
        schemes: Vec<Scheme>,
        /// Read the password from standard input, up to the end of the line, also at a terminal.
        #[arg(long)]
        stdin: bool,
    },
    /// Removes a user.
    Delete {
        /// Who is removed.
        name: String,
    },
    /// Shows the names, and how their passwords are kept.
    List,
    /// Tries a password: exit status 0 if it is right, 1 if not.
    Verify {
        /// Whose password it is.
        name: String,
        /// Read the password from standard input, up to the end of the line, also at a terminal.
        #[arg(long)]
        stdin: bool,
    },
}

/// Runs the command.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let words = std::iter::once(OsString::from("postpasswd")).chain(arguments);
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(arguments) {
        Ok(code) => code,
        Err(text) => {
            eprintln!("postpasswd: fatal: {text}");
            NO
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let folder = arguments.config_directory.unwrap_or_else(default_directory);
    let config = Config::load(&folder).map_err(|problem| problem.text)?;
    let source = Source::of(&config);
    let path = arguments.file.unwrap_or_else(|| user_file(&source));
    let file = UserFile::new(&path, mail_group(&config));
    match arguments.verb {
        Verb::Add { name, schemes, stdin } => {
            let name = checked(&name, &source)?;
            let password = ask::new_password(&name, stdin)?;
            add(&file, &name, &password, &schemes)
        }
        Verb::Delete { name } => {
            let name = checked(&name, &source)?;
            if file.replace(&name, &[])? {
                return Ok(ExitCode::SUCCESS);
            }
            eprintln!("postpasswd: {}: there is no user {name}", path.display());
            Ok(NO)
        }
        Verb::List => {
            let users = Users::parse(&file.read()?);
            list(&users);
            Ok(complain(&path, &users))
        }
        Verb::Verify { name, stdin } => {
            let name = checked(&name, &source)?;
            let users = Users::parse(&file.read()?);
            let password = ask::password(&name, stdin)?;
            let right = users.of(&name).iter().any(|kept| kept.matches(&password));
            println!("{}", if right { "right" } else { "wrong" });
            Ok(if right { ExitCode::SUCCESS } else { NO })
        }
    }
}

fn add(
    file: &UserFile,
    name: &str,
    password: &[u8],
    schemes: &[Scheme],
) -> Result<ExitCode, String> {
    if schemes.contains(&Scheme::Plain) && std::str::from_utf8(password).is_err() {
        return Err("a password that is no UTF-8 text cannot be kept in clear text".into());
    }
    let mut lines = Vec::with_capacity(schemes.len());
    for scheme in schemes {
        let stored = Stored::make(*scheme, password).map_err(|e| crate::config::why(&e))?;
        lines.push(format!("{name}:{}", stored.text()));
    }
    let known = file.replace(name, &lines)?;
    eprintln!("postpasswd: {name}: {}", if known { "password changed" } else { "added" });
    Ok(ExitCode::SUCCESS)
}

fn list(users: &Users) {
    for name in users.names() {
        let schemes: Vec<&str> = users.of(name).iter().map(Stored::scheme).collect();
        println!("{name}\t{}", schemes.join(" "));
    }
}

/// Tells of lines that smtpd cannot use.
fn complain(path: &std::path::Path, users: &Users) -> ExitCode {
    for fault in &users.faults {
        eprintln!("postpasswd: warning: {}: {fault}", path.display());
    }
    if users.faults.is_empty() { ExitCode::SUCCESS } else { NO }
}

/// A name as smtpd looks it up: with `smtpd_sasl_local_domain`, if there is one and the name has none.
fn checked(name: &str, source: &Source) -> Result<String, String> {
    let bad = name.is_empty()
        || name.len() > crate::wire::sasl_response::NAME_MAX
        || name.starts_with('#')
        || name.trim() != name
        || name.contains(|c: char| c == ':' || c.is_control());
    if bad {
        return Err(format!(
            "\"{}\" is no name of a user: no colon, no control characters, no space or # in front",
            name.escape_debug()
        ));
    }
    Ok(match source.realm.as_str() {
        "" => name.to_owned(),
        _ if name.contains('@') => name.to_owned(),
        realm => format!("{name}@{realm}"),
    })
}

/// The group that may read the file; none without root's rights.
fn mail_group(config: &Config) -> Option<nix::unistd::Gid> {
    let owner = config.text(&crate::config::parameters::mail_owner);
    users::user(&owner).ok().map(|user| user.gid).filter(|_| users::is_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn names() {
        let source = |realm: &str| Source { realm: realm.into(), ..Source::default() };
        assert_eq!(checked("joe", &source("")).as_deref(), Ok("joe"));
        assert_eq!(checked("joe", &source("a.test")).as_deref(), Ok("joe@a.test"));
        assert_eq!(checked("joe@b.test", &source("a.test")).as_deref(), Ok("joe@b.test"));
        for bad in ["", "a:b", "#a", " a", "a\n", "a\0b"] {
            assert!(checked(bad, &source("")).is_err(), "{bad:?}");
        }
    }
}
