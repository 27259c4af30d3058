//! `smtpd_sasl_type = cyrus`: logins as Cyrus SASL's smtpd.conf sets them up, with mechanisms of our
//! own in place of its library's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::own::saslauthd::Saslauthd;
use super::own::sasldb::Sasldb;
use super::own::{ALL, Own, Store};
use super::server::{OpenError, Source};
use crate::config::why;
use crate::log::Log;
use crate::wire::smtpd_conf::{FILE_MAX, SmtpdConf};

/// Where smtpd.conf may be, besides `sasl` next to main.cf: Debian's places and Gentoo's.
const FOLDERS: &[&str] = &[
    "/etc/postfix/sasl",
    "/etc/sasl2",
    "/usr/lib/sasl2",
    "/usr/lib64/sasl2",
    "/usr/local/lib/sasl2",
];

/// Where saslauthd's socket is unless smtpd.conf says.
const SASLAUTHD: &[&str] =
    &["/run/saslauthd/mux", "/var/run/saslauthd/mux", "/var/state/saslauthd/mux"];

/// Where the sasldb is unless smtpd.conf says.
const SASLDB: &str = "/etc/sasldb2";

/// Settings that act.
const KNOWN: &[&str] = &[
    "pwcheck_method",
    "mech_list",
    "saslauthd_path",
    "auxprop_plugin",
    "sasldb_path",
    "log_level",
    "sql_engine",
    "sql_hostnames",
    "sql_user",
    "sql_passwd",
    "sql_database",
    "sql_select",
    "sql_usessl",
];

/// Who checks passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Saslauthd,
    Sasldb,
    Pam,
}

/// Reads smtpd.conf, and opens what it names.
pub(super) fn open(source: &Source, log: &Log) -> Result<Own, OpenError> {
    let (conf, path) = read(source)?;
    let say = |text: std::fmt::Arguments<'_>| match &path {
        Some(path) => log.warning(format_args!("{}: {text}", path.display())),
        None => log.warning(format_args!("SASL: {text}")),
    };
    for (line, name) in conf.others(KNOWN) {
        say(format_args!("line {line}: {name} is without effect here"));
    }
    let store = match method(&conf, |text| say(format_args!("{text}")))? {
        Method::Saslauthd => {
            let places = match conf.value("saslauthd_path") {
                Some(place) => vec![PathBuf::from(place)],
                None => SASLAUTHD.iter().map(PathBuf::from).collect(),
            };
            // Who has run smtpd in a jail has saslauthd's socket in there.
            let jailed = places.iter().map(|place| inside(&source.queue_directory, place));
            Store::Saslauthd(Saslauthd::new(places.iter().cloned().chain(jailed).collect()))
        }
        Method::Sasldb => {
            let place = conf.value("sasldb_path").unwrap_or(SASLDB);
            Store::Sasldb(Arc::new(Sasldb::new(PathBuf::from(place))))
        }
        #[cfg(feature = "pam")]
        Method::Pam => Store::Pam(super::own::pam::Pam::new(source)),
        #[cfg(not(feature = "pam"))]
        Method::Pam => return Err(OpenError::left_out("pwcheck_method: pam", "pam")),
    };
    let offered = mechanisms(&conf, &store, |text| say(format_args!("{text}")));
    Ok(Own::new(source, store, &offered))
}

/// What is wrong with smtpd.conf.
pub(super) fn check(source: &Source) -> Result<(), OpenError> {
    let (conf, path) = read(source)?;
    match (method(&conf, |_| {}), path) {
        (Ok(Method::Pam), _) if cfg!(not(feature = "pam")) => {
            Err(OpenError::left_out("pwcheck_method: pam", "pam"))
        }
        (Err(OpenError::Bad(text)), Some(path)) => {
            Err(OpenError::Bad(format!("{}: {text}", path.display())))
        }
        (checked, _) => checked.map(|_| ()),
    }
}

/// How passwords are checked by the smtpd.conf of `source`.
#[cfg(feature = "pam")]
pub(super) fn method_of(source: &Source) -> Option<Method> {
    method(&read(source).ok()?.0, |_| {}).ok()
}

fn inside(queue: &Path, place: &Path) -> PathBuf {
    queue.join(place.strip_prefix("/").unwrap_or(place))
}

/// Folders and files that are read while logins go on.
pub(super) fn files_of(source: &Source) -> Vec<PathBuf> {
    let Ok((conf, path)) = read(source) else { return Vec::new() };
    path.into_iter().chain(conf.value("sasldb_path").map(PathBuf::from)).collect()
}

fn read(source: &Source) -> Result<(SmtpdConf, Option<PathBuf>), OpenError> {
    let name = format!("{}.conf", source.path);
    let own = source.config_directory.join("sasl");
    let folders: Vec<PathBuf> = if source.cyrus_folders.is_empty() {
        std::iter::once(own).chain(FOLDERS.iter().map(PathBuf::from)).collect()
    } else {
        source.cyrus_folders.split(':').map(PathBuf::from).collect()
    };
    for folder in folders {
        let path = folder.join(&name);
        let bad = |text: String| OpenError::Bad(format!("{}: {text}", path.display()));
        let text = match read_file(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(bad(why(&e))),
        };
        let conf = SmtpdConf::parse(&text).map_err(|line| bad(line.to_string()))?;
        return Ok((conf, Some(path)));
    }
    Ok((SmtpdConf::default(), None))
}

fn read_file(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_MAX as u64).read_to_string(&mut text)?;
    Ok(text)
}

fn method(conf: &SmtpdConf, mut say: impl FnMut(String)) -> Result<Method, OpenError> {
    let methods = conf.value("pwcheck_method").unwrap_or("auxprop");
    let mut words = methods.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    if let Some(second) = words.next() {
        say(format!("pwcheck_method: only {first} is asked, and not {second}"));
    }
    match first {
        "saslauthd" => Ok(Method::Saslauthd),
        "pam" => Ok(Method::Pam),
        "auxprop" => match conf.value("auxprop_plugin").unwrap_or("sasldb") {
            "sasldb" => Ok(Method::Sasldb),
            other => Err(OpenError::Bad(format!(
                "auxprop_plugin: {other} is not built in; there are sasldb, pwcheck_method: saslauthd, \
                 and smtpd_sasl_type = file or dovecot"
            ))),
        },
        other => Err(OpenError::Bad(format!(
            "pwcheck_method: {other} is not built in; there are saslauthd, auxprop and pam"
        ))),
    }
}

/// The mechanisms of `mech_list`, in its order, or all that there are.
fn mechanisms(
    conf: &SmtpdConf,
    store: &Store,
    mut say: impl FnMut(String),
) -> Vec<super::client::Mechanism> {
    let Some(list) = conf.value("mech_list") else { return ALL.to_vec() };
    let clear_only = !matches!(store, Store::Sasldb(_));
    let mut offered = Vec::new();
    for word in list.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        let kind = ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(word));
        match kind {
            Some(kind) if clear_only && !["PLAIN", "LOGIN"].contains(&kind.name()) => {
                say(format!("mech_list: {word} needs passwords in clear text; it is not offered"));
            }
            Some(kind) if offered.contains(kind) => {}
            Some(kind) => offered.push(*kind),
            None if word.eq_ignore_ascii_case("DIGEST-MD5") => say(format!(
                "mech_list: {word} is obsolete (RFC 6331) and not built in; it is not offered, \
                 SCRAM-SHA-256 takes its place"
            )),
            None => say(format!("mech_list: {word} is not built in; it is not offered")),
        }
    }
    offered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> SmtpdConf {
        SmtpdConf::parse(text).unwrap()
    }

    #[test]
    fn methods() {
        let method = |text| method(&conf(text), |_| {});
        assert_eq!(method(""), Ok(Method::Sasldb));
        assert_eq!(method("pwcheck_method: saslauthd auxprop"), Ok(Method::Saslauthd));
        assert_eq!(method("pwcheck_method: pam"), Ok(Method::Pam));
        assert!(
            method("auxprop_plugin: sql").unwrap_err().to_string().contains("sql is not built in")
        );
        assert!(method("pwcheck_method: alwaystrue").is_err());
    }

    #[test]
    fn what_is_offered() {
        let database = Store::Sasldb(Arc::new(Sasldb::new("/nowhere".into())));
        let server = Store::Saslauthd(Saslauthd::new(Vec::new()));
        let offered = |text, store| {
            let mut said = Vec::new();
            let kinds = mechanisms(&conf(text), store, |text| said.push(text));
            (kinds.into_iter().map(|kind| kind.name()).collect::<Vec<_>>(), said.len())
        };
        assert_eq!(offered("mech_list: login PLAIN login", &database), (vec!["LOGIN", "PLAIN"], 0));
        assert_eq!(offered("mech_list: PLAIN CRAM-MD5", &server), (vec!["PLAIN"], 1));
        assert_eq!(
            offered("mech_list: DIGEST-MD5 SCRAM-SHA-1", &database),
            (vec!["SCRAM-SHA-1"], 1)
        );
        assert_eq!(offered("a: b", &database).0.len(), 5);
    }
}
