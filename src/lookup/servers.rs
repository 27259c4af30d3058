//! Opens the tables that are asked through a socket or a library: by type.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Tables;
#[cfg(table_settings)]
use super::client::settings::Settings;
use super::lines::Report;
use super::server::Server;
use super::socketmap::Socketmap;
use super::table::Purpose;
use super::tcp::TcpTable;

/// Types whose settings stand in a file of their own, or in main.cf.
const WITH_SETTINGS: &[&str] =
    &["ldap", "memcache", "mongodb", "mysql", "pgsql", "redis", "sqlite"];

/// Whether tables of that type have settings.
pub fn have_settings(kind: &str) -> bool {
    WITH_SETTINGS.contains(&kind)
}

/// The files that a table's settings name, such as certificates and databases, if `value` has a
/// table whose settings stand in the file `path`: a confined process must be let at them.
pub fn files_of_settings(value: &str, path: &Path) -> Vec<PathBuf> {
    let has_settings = |kind: &&str| value.contains(&format!("{kind}:{}", path.display()));
    if !WITH_SETTINGS.iter().any(has_settings) {
        return Vec::new();
    }
    let Ok(bytes) = std::fs::read(path) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let Ok((values, _)) = crate::config::main_cf::parse("", &text) else {
        return Vec::new();
    };
    let words = values.values().flat_map(|setting| setting.value.split([' ', ',', '\t', '=', '&']));
    let paths = words.filter_map(|word| word.get(word.find('/')?..));
    paths.map(PathBuf::from).collect()
}

/// Opens `kind:name`; none if that is no such type, or was left out. The error is Postfix's text,
/// `report` takes the warnings.
pub(super) fn open(
    tables: &Tables,
    kind: &str,
    name: &str,
    purpose: Purpose,
    report: &mut Report<'_>,
) -> Option<Result<Arc<dyn Server>, String>> {
    let insecure =
        |what: &str| Some(Err(format!("{kind}:{name} map is not allowed for {what} data")));
    // Results that say what is done with whose rights must not come from just anybody.
    let paranoid = !purpose.substitution;
    match kind {
        "tcp" if paranoid => insecure("security sensitive"),
        "socketmap" | "memcache" if paranoid => insecure("security-sensitive"),
        "tcp" => Some(TcpTable::open(name).map(share)),
        "socketmap" => Some(Socketmap::open(name).map(share)),
        #[cfg(feature = "nis")]
        "nis" => Some(super::nis::Nis::open(name, purpose, report).map(share)),
        _ => with_settings(tables, kind, name, purpose, report),
    }
}

#[cfg(not(table_settings))]
fn with_settings(
    _tables: &Tables,
    _kind: &str,
    _name: &str,
    _purpose: Purpose,
    _report: &mut Report<'_>,
) -> Option<Result<Arc<dyn Server>, String>> {
    None
}

#[cfg(table_settings)]
#[cfg_attr(
    not(feature = "memcached"),
    expect(unused_variables, reason = "only memcache: has a table behind it")
)]
fn with_settings(
    tables: &Tables,
    kind: &str,
    name: &str,
    purpose: Purpose,
    report: &mut Report<'_>,
) -> Option<Result<Arc<dyn Server>, String>> {
    if !super::open::is_built_in(kind) || !have_settings(kind) {
        return None;
    }
    let settings = match Settings::read(tables.config(), kind, name, report) {
        Ok(settings) => settings,
        Err(why) => return Some(Err(why)),
    };
    let opened = match kind {
        #[cfg(feature = "ldap")]
        "ldap" => super::ldap::open(tables, &settings, report).map(share),
        #[cfg(feature = "memcached")]
        "memcache" => super::memcache::Memcache::open(tables, &settings, purpose).map(share),
        #[cfg(feature = "memcached")]
        "redis" => super::redis::Redis::open(tables, &settings).map(share),
        #[cfg(feature = "mongodb")]
        "mongodb" => super::mongodb::Mongodb::open(tables, &settings, report).map(share),
        #[cfg(feature = "mysql")]
        "mysql" => super::sql::mysql::open(tables, &settings).map(share),
        #[cfg(feature = "postgres")]
        "pgsql" => super::sql::pgsql::open(tables, &settings).map(share),
        #[cfg(feature = "sqlite")]
        "sqlite" => super::sql::sqlite::open(tables, &settings, report).map(share),
        _ => return None,
    };
    if opened.is_ok() {
        settings.report_unknown(&[], report);
    }
    Some(opened)
}

fn share(server: impl Server + 'static) -> Arc<dyn Server> {
    Arc::new(server)
}
