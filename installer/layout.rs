//! Which programs, links, folders and documents an installation has: the one table.

/// Commands that are the program `postfix` under other names, in `<prefix>/sbin`.
pub const COMMANDS: &[&str] = &[
    "postalias",
    "postcat",
    "postconf",
    "postkick",
    "postlock",
    "postmap",
    "postmulti",
    "postpasswd",
    "postsuper",
    "posttls-finger",
    "qmqp-sink",
    "qmqp-source",
    "qshape",
    "sendmail",
    "smtp-sink",
    "smtp-source",
];

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
    "nbdb_reindexd",
    "nqmgr",
    "oqmgr",
    "pickup",
    "pipe",
    "postfix-wrapper",
    "postlogd",
    "postscreen",
    "proxymap",
    "qmgr",
    "qmqpd",
    "scache",
    "showq",
    "smtp",
    "smtpd",
    "spawn",
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

/// A file that is part of the installer.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Where it goes; a path that is not absolute counts from the prefix.
    pub path: &'static str,
    /// What it says. `/usr/` in it becomes the prefix.
    pub text: &'static str,
    /// Access rights.
    pub mode: u32,
}

/// Installed where OpenRC starts services.
pub const OPENRC: &[Shipped] = &[Shipped {
    path: "/etc/init.d/postfix",
    text: include_str!("../openrc/postfix.initd"),
    mode: 0o755,
}];

/// Settings of the OpenRC service: the administrator's once they are there.
pub const OPENRC_CONF: &[Shipped] = &[Shipped {
    path: "/etc/conf.d/postfix",
    text: include_str!("../openrc/postfix.confd"),
    mode: 0o644,
}];

/// Installed where systemd starts services.
pub const SYSTEMD: &[Shipped] = &[
    Shipped {
        path: "lib/systemd/system/postfix.service",
        text: include_str!("../systemd/postfix.service"),
        mode: 0o644,
    },
    Shipped {
        path: "lib/systemd/system/postfix@.service",
        text: include_str!("../systemd/postfix@.service"),
        mode: 0o644,
    },
    Shipped {
        path: "lib/sysusers.d/postfix-rs.conf",
        text: include_str!("../systemd/postfix-rs.sysusers"),
        mode: 0o644,
    },
    Shipped {
        path: "lib/tmpfiles.d/postfix-rs.conf",
        text: include_str!("../systemd/postfix-rs.tmpfiles"),
        mode: 0o644,
    },
];

/// Manual pages.
pub use crate::pages::MAN;

/// The style of the pages that USE=doc installs.
pub const STYLE: &str = include_str!("../man/mandoc.css");
