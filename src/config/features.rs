//! What was built in: the USE flags of the design, each a cargo feature of the same name.
//!
//! Which features there are stands in Cargo.toml alone; a flag without one is known, but has no
//! code yet.

#![allow(
    unexpected_cfgs,
    reason = "flags of the design whose cargo feature does not exist yet are asked for as well"
)]

/// A USE flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name, as in IUSE and in Cargo.toml.
    pub name: &'static str,
    /// Whether this program was built with it.
    pub built_in: bool,
    /// Flags that it needs (REQUIRED_USE).
    pub needs: &'static [&'static str],
    /// What it brings.
    pub brings: &'static str,
}

macro_rules! features {
    ($($name:literal [$($needs:literal)*] $brings:literal;)*) => {
        /// All flags, in alphabetical order.
        pub const ALL: &[Feature] = &[$(
            Feature {
                name: $name,
                built_in: cfg!(feature = $name),
                needs: &[$($needs),*],
                brings: $brings,
            },
        )*];
    };
}

features! {
    "berkdb" [] "Berkeley DB files behind hash: and btree:";
    "cdb" [] "cdb: tables";
    "doc" [] "HTML documentation";
    "dovecot-sasl" [] "SMTP AUTH through Dovecot";
    "eai" [] "internationalised addresses (SMTPUTF8)";
    "hardened" [] "every check at run time, and no service without confinement";
    "ldap" [] "ldap: tables";
    "ldap-bind" ["ldap" "sasl"] "SASL binds to LDAP servers";
    "lmdb" [] "lmdb: tables";
    "mbox" [] "mail in /var/mail instead of ~/.maildir";
    "memcached" [] "memcache: and redis: tables";
    "mongodb" [] "mongodb: tables";
    "mysql" [] "mysql: tables";
    "nis" [] "nis: tables";
    "pam" [] "SMTP AUTH by PAM";
    "postgres" [] "pgsql: tables";
    "sasl" [] "SMTP AUTH by Cyrus SASL";
    "selinux" [] "SELinux labels";
    "sqlite" [] "sqlite: tables";
    "ssl" [] "TLS";
    "tlsrpt" ["ssl"] "TLS reports";
    "vda" [] "quotas of virtual mailboxes";
}

/// The flag of that name.
pub fn lookup(name: &str) -> Option<&'static Feature> {
    ALL.iter().find(|feature| feature.name == name)
}

/// Names of the flags that this program was built with.
pub fn built_in() -> Vec<&'static str> {
    ALL.iter().filter(|feature| feature.built_in).map(|feature| feature.name).collect()
}

/// Whether there is code for the flag: whether Cargo.toml has a feature of its name.
pub fn exists(name: &str) -> bool {
    declared(include_str!("../../Cargo.toml"), "features").any(|declared| declared == name)
}

/// Names of the features that a Cargo.toml turns on by itself.
pub fn defaults(cargo_toml: &str) -> Vec<String> {
    let line = section(cargo_toml, "features").find(|line| key(line) == Some("default"));
    let list = line.and_then(|line| line.split_once('=')).map_or("", |(_, list)| list);
    list.split(['[', ']', ',', '"', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn declared<'t>(cargo_toml: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    section(cargo_toml, name).filter_map(key)
}

fn key(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim().trim_matches('"'))
}

/// The lines of one section.
fn section<'t>(cargo_toml: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    let mut inside = false;
    cargo_toml.lines().filter(move |line| {
        if line.starts_with('[') {
            inside = line.trim_end() == format!("[{name}]");
            return false;
        }
        inside && !line.trim_start().starts_with('#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_needs_are_known() {
        assert!(ALL.is_sorted_by_key(|feature| feature.name));
        for feature in ALL {
            assert!(feature.needs.iter().all(|name| lookup(name).is_some()), "{}", feature.name);
            assert!(!feature.built_in || exists(feature.name), "{}", feature.name);
        }
    }

    #[test]
    fn cargo_toml() {
        let text = "[package]\nname = \"x\"\n[features]\n# one\ndefault = [\"ssl\", \"cdb\"]\nssl = []\n\"cdb\" = []\n[dependencies]\nlmdb = \"1\"\n";
        assert_eq!(defaults(text), ["ssl", "cdb"]);
        assert_eq!(declared(text, "features").collect::<Vec<_>>(), ["default", "ssl", "cdb"]);
        assert!(exists("ssl") && !exists("no-such-feature"));
    }
}
