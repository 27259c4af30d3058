//! Chooses the program by the exact name it was started under, or by `postfix NAME …`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// A program: takes the arguments after its name.
pub type Program = fn(Vec<OsString>) -> ExitCode;

/// Daemons by their master.cf program names. Those whose work is done by a library inside
/// another process are not programs of their own: see [`crate::master`].
const DAEMONS: &[(&str, Program)] = &[
    ("master", crate::master::main),
    #[cfg(feature = "ssl")]
    ("tlsmgr", crate::tlsmgr::main),
    #[cfg(feature = "pam")]
    ("pamauth", crate::pamauth::main),
    ("smtpd", crate::smtpd::main),
    ("pickup", crate::pickup::main),
    ("qmgr", crate::qmgr::main),
    ("smtp", crate::deliver::smtp::main),
    ("lmtp", crate::deliver::smtp::main),
    ("local", crate::deliver::local::main),
    ("virtual", crate::deliver::virtual_mailbox::main),
    ("pipe", crate::deliver::pipe::main),
    ("spawn", crate::deliver::spawn::main),
    ("postfix-wrapper", crate::commands::postmulti::wrapper),
    (crate::ipc::worker::PROGRAM, crate::service::worker::child::main),
];

/// Commands by name.
const COMMANDS: &[(&str, Program)] = &[
    ("features", crate::commands::features::main),
    ("mailq", crate::commands::sendmail::main),
    ("newaliases", crate::commands::sendmail::main),
    ("postalias", crate::commands::postalias::main),
    ("postcat", crate::commands::postcat::main),
    ("postconf", crate::commands::postconf::main),
    ("postdrop", crate::commands::postdrop::main),
    ("postfix", crate::commands::postfix::main),
    ("postkick", crate::commands::postkick::main),
    ("postlock", crate::commands::postlock::main),
    ("postlog", crate::commands::postlog::main),
    ("postmap", crate::commands::postmap::main),
    ("postmulti", crate::commands::postmulti::main),
    #[cfg(feature = "sasl")]
    ("postpasswd", crate::commands::postpasswd::main),
    ("postqueue", crate::commands::postqueue::main),
    ("postsuper", crate::commands::postsuper::main),
    ("posttls-finger", crate::commands::posttls_finger::main),
    ("qmqp-sink", crate::commands::qmqp::sink::main),
    ("qmqp-source", crate::commands::qmqp::source::main),
    ("qshape", crate::commands::qshape::main),
    ("sendmail", crate::commands::sendmail::main),
    ("smtp-sink", crate::commands::smtp_sink::main),
    ("smtp-source", crate::commands::smtp_source::main),
];

/// The program of that name, if there is one.
pub fn program(name: &str) -> Option<Program> {
    COMMANDS.iter().chain(DAEMONS).find(|(known, _)| *known == name).map(|(_, program)| *program)
}

/// The names of all programs that people or master.cf call.
pub fn names() -> impl Iterator<Item = &'static str> {
    let ours = |name: &&str| ![crate::ipc::worker::PROGRAM, "features"].contains(name);
    COMMANDS.iter().chain(DAEMONS).map(|(name, _)| *name).filter(ours)
}

/// Runs the program that the first argument names; `EX_USAGE` if there is none.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let started_as = arguments.next().unwrap_or_default();
    let name =
        Path::new(&started_as).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut arguments: Vec<OsString> = arguments.collect();
    let Some(run) = program(name) else {
        eprintln!("{name}: no program of that name in postfix-rs");
        return ExitCode::from(64);
    };
    if name == "postfix"
        && let Some(named) = arguments.first().and_then(|name| name.to_str()).and_then(program)
    {
        arguments.remove(0);
        return named(arguments);
    }
    run(arguments)
}
