//! Which programs, links and folders an installation has.

/// Commands that are the program `postfix` under other names, in `<prefix>/sbin`.
pub const COMMANDS: &[&str] =
    &["postalias", "postcat", "postconf", "postmap", "postsuper", "sendmail"];

/// Commands that need the group of `setgid_group`: the program `postdrop` under other names.
pub const SET_GID_COMMANDS: &[&str] = &["postlog", "postqueue"];

/// Links in `<prefix>/bin` to `sendmail`.
pub const SENDMAIL_NAMES: &[&str] = &["mailq", "newaliases"];

/// Names of daemons in `<prefix>/libexec/postfix`: master.cf refers to them, and scripts look for
/// them; those whose part a library plays are there so that nobody misses them.
pub const DAEMONS: &[&str] = &[
    "anvil",
    "bounce",
    "cleanup",
    "discard",
    "dnsblog",
    "error",
    "flush",
    "lmtp",
    "local",
    "master",
    "pickup",
    "pipe",
    "postlogd",
    "proxymap",
    "qmgr",
    "scache",
    "showq",
    "smtp",
    "smtpd",
    "tlsmgr",
    "tlsproxy",
    "trivial-rewrite",
    "verify",
    "virtual",
];

/// The stock master.cf.
pub const MASTER_CF: &str = include_str!("etc/master.cf");
/// The stock main.cf.
pub const MAIN_CF: &str = include_str!("etc/main.cf");
/// The stock aliases.
pub const ALIASES: &str = include_str!("etc/aliases");
