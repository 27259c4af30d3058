//! The settings of an `ldap:` table.

use std::time::Duration;

use super::super::Tables;
use super::super::client::frame::Frame;
use super::super::client::pool::{Patience, Pool};
use super::super::client::settings::Settings;
use super::super::lines::Report;
use super::session::{Access, Bind};
use super::url::{self, LdapUrl, Scheme, Scope};
use super::{Attributes, Directory, Ldap};

/// A server that failed is left alone for so long.
const RETRY: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(60);
/// When `timeout` is 0.
const PATIENT: i32 = 60;

/// Opens the table whose settings these are; `report` takes warnings about them.
pub fn open(tables: &Tables, settings: &Settings, report: &mut Report<'_>) -> Result<Ldap, String> {
    let name = settings.name();
    let mut version = settings.number("version", 2, 2..)?;
    if !matches!(version, 2 | 3) {
        report(format!("dict_ldap_open: {name} Unknown version {version}, using 2."));
        version = 2;
    }
    let (servers, shown) = servers(settings, &mut version, report)?;
    let search_base = settings.template("query", &settings.text("search_base", ""))?;
    let text = settings.text("query_filter", "(mailacceptinggeneralid=%s)");
    let query_filter = settings.template("query", &text)?;
    if !query_filter.is_dynamic() {
        report(format!("dict_ldap_open: {name}: Fixed query_filter {text} is probably useless"));
    }
    let queries = [&search_base, &query_filter];
    let frame = Frame::read(tables, settings, &queries, Some("result_filter"))?;
    let size_limit = settings.number("size_limit", frame.expansion_limit(), 0..)?;
    let recursion_limit = settings.number("recursion_limit", 1000, 1..)?;
    let dereference = settings.number("dereference", 0, 0..)?;
    let dereference = u32::try_from(dereference).ok().filter(|d| *d <= 3).unwrap_or_else(|| {
        let text = "Unrecognized value {} specified for dereference; using 0";
        report(format!("dict_ldap_open: {name} {}", text.replace("{}", &dereference.to_string())));
        0
    });
    if settings.flag("chase_referrals", false)? {
        report(format!("dict_ldap_open: {name}: chase_referrals: other servers are not asked"));
    }
    for (setting, is_set) in [
        ("cache", settings.flag("cache", false)?),
        ("cache_expiry", settings.number("cache_expiry", -1, 0..)? >= 0),
        ("cache_size", settings.number("cache_size", -1, 0..)? >= 0),
    ] {
        if is_set {
            report(format!("dict_ldap_open: {name} ignoring {setting}"));
        }
    }
    let _ = settings.number("debuglevel", 0, 0..)?;
    let scope = scope(settings, report);
    let access = access(settings, &servers, version, report)?;
    let patience = Patience { retry: RETRY, idle: IDLE, again: true };
    let pool = Pool::new(Directory { servers, shown, access }, [0], patience);
    Ok(Ldap {
        frame,
        search_base,
        query_filter,
        scope,
        dereference,
        size_limit: u32::try_from(size_limit).unwrap_or(0),
        recursion_limit: usize::try_from(recursion_limit).unwrap_or(1).min(DEPTH),
        attributes: Attributes::read(settings),
        pool,
    })
}

/// `server_host`, as URLs and as text.
fn servers(
    settings: &Settings,
    version: &mut i32,
    report: &mut Report<'_>,
) -> Result<(Vec<LdapUrl>, String), String> {
    let port = settings.number("server_port", 389, 0..)?;
    let port = u16::try_from(port).map_err(|_| {
        format!("{}: invalid server_port parameter value", settings.blame("server_port"))
    })?;
    let mut servers = Vec::new();
    let mut shown = Vec::new();
    settings.text_of("server_host", "localhost".to_owned())?;
    let mut words = settings.words("server_host");
    if words.is_empty() {
        words.push("localhost".into());
    }
    for word in words {
        let text = match url::is_url(&word) {
            true => word,
            false if word.contains(':') => format!("ldap://{word}"),
            false => format!("ldap://{word}:{port}"),
        };
        let Some(server) = url::parse(&text) else {
            report(format!("dict_ldap_open: error parsing URL {text}; skipping"));
            continue;
        };
        if server.scheme != Scheme::Ldap && *version != 3 {
            let scheme = server.scheme.name();
            report(format!("dict_ldap_open: URL scheme {scheme} requires protocol version 3"));
            *version = 3;
        }
        servers.push(server);
        shown.push(text);
    }
    if servers.is_empty() {
        return Err(format!("{}: no server in server_host", settings.blame("server_host")));
    }
    Ok((servers, shown.join(" ")))
}

fn scope(settings: &Settings, report: &mut Report<'_>) -> Scope {
    let text = settings.text("scope", "sub");
    match text.to_ascii_lowercase().as_str() {
        "one" => Scope::One,
        "base" => Scope::Base,
        "sub" => Scope::Sub,
        _ => {
            let name = settings.name();
            let text = format!("Unrecognized value {text} specified for scope; using sub");
            report(format!("dict_ldap_open: {name}: {text}"));
            Scope::Sub
        }
    }
}

/// TLS and login.
fn access(
    settings: &Settings,
    servers: &[LdapUrl],
    mut version: i32,
    report: &mut Report<'_>,
) -> Result<Access, String> {
    let name = settings.name();
    let start_tls = settings.flag("start_tls", false)?;
    if start_tls && version < 3 {
        report(format!("dict_ldap_open: {name} start_tls requires protocol version 3"));
        version = 3;
    }
    let wants_tls = start_tls || servers.iter().any(|server| server.scheme == Scheme::Ldaps);
    if wants_tls && !cfg!(feature = "ssl") {
        return Err(format!("{name}: TLS is not built in; build with USE=ssl"));
    }
    let timeout = match settings.number("timeout", 10, 0..)? {
        0 => PATIENT,
        seconds => seconds,
    };
    let bind = bind(settings, &mut version, report)?;
    Ok(Access {
        version: u32::try_from(version).unwrap_or(3),
        timeout: Duration::from_secs(u64::try_from(timeout).unwrap_or(1)),
        start_tls,
        #[cfg(feature = "ssl")]
        connector: connector(settings, wants_tls)?,
        bind,
        name: settings.text("bind_dn", ""),
        password: settings.secret("bind_pw"),
    })
}

fn bind(settings: &Settings, version: &mut i32, report: &mut Report<'_>) -> Result<Bind, String> {
    let text = settings.text_of("bind", "yes".to_owned())?;
    match text.as_str() {
        "no" | "none" => Ok(Bind::No),
        "yes" | "simple" => Ok(Bind::Simple),
        #[cfg(feature = "ldap-bind")]
        "sasl" => {
            *version = 3;
            super::sasl::Sasl::read(settings, report).map(Bind::Sasl)
        }
        #[cfg(not(feature = "ldap-bind"))]
        "sasl" => {
            let _ = (version, report);
            let blame = settings.blame("bind");
            Err(format!("{blame}: SASL binds are not built in; build with USE=ldap-bind"))
        }
        _ => {
            let blame = settings.blame("bind");
            Err(format!("{blame}: unsupported parameter value: bind = {text}"))
        }
    }
}

/// Settings of OpenLDAP's TLS; ciphers and randomness are those of our library.
#[cfg(feature = "ssl")]
fn connector(
    settings: &Settings,
    wanted: bool,
) -> Result<Option<super::super::client::encryption::Connector>, String> {
    use super::super::client::encryption::{Trust, connector};
    for setting in ["tls_random_file", "tls_cipher_suite"] {
        let _ = settings.optional(setting);
    }
    let trust = match settings.flag("tls_require_cert", false)? {
        true => Trust::Name,
        false => Trust::Anybody,
    };
    let path = |setting: &str| settings.optional(setting).map(std::path::PathBuf::from);
    let roots = [path("tls_ca_cert_file"), path("tls_ca_cert_dir")];
    let roots: Vec<_> = roots.into_iter().flatten().collect();
    let identity = path("tls_cert").zip(path("tls_key").or_else(|| path("tls_cert")));
    if !wanted {
        return Ok(None);
    }
    let made = connector(trust, &roots, identity.as_ref());
    made.map(Some).map_err(|why| format!("{}: TLS: {why}", settings.name()))
}

impl Attributes {
    fn read(settings: &Settings) -> Self {
        let mut names = settings.words("terminal_result_attribute");
        let terminal = names.len();
        names.extend(settings.words("leaf_result_attribute"));
        let leaf = names.len() - terminal;
        match settings.text("result_attribute", "maildrop").as_str() {
            "maildrop" => names.push("maildrop".into()),
            _ => names.extend(settings.words("result_attribute")),
        }
        let ordinary = names.len();
        names.extend(settings.words("special_result_attribute"));
        Self { names, terminal, leaf, ordinary }
    }
}

/// Groups in groups are followed on the stack, so not further than this, whatever
/// `recursion_limit` says: one that contains itself must not cost more than the look-up.
const DEPTH: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    fn table(text: &str) -> (Result<Ldap, String>, Vec<String>) {
        let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
        let mut said = Vec::new();
        let opened = open(&tables, &Settings::of("ldap", "/x", text), &mut |text| said.push(text));
        (opened, said)
    }

    #[test]
    fn read() {
        let (opened, said) = table(
            "server_host = a b:12 ldapi://%2frun%2fl\nserver_port = 99\nscope = one\nversion = 3\n\
             terminal_result_attribute = t\nleaf_result_attribute = l\nresult_attribute = r, s\n\
             special_result_attribute = m\nbind_dn = cn=x\nbind_pw = hush\nexpansion_limit = 5\n",
        );
        let table = opened.unwrap();
        assert_eq!(said, Vec::<String>::new());
        let driver = table.pool.driver();
        assert_eq!(driver.shown, "ldap://a:99 ldap://b:12 ldapi://%2frun%2fl");
        assert_eq!(table.attributes.names, ["t", "l", "r", "s", "m"]);
        let Attributes { terminal, leaf, ordinary, .. } = table.attributes;
        assert_eq!((terminal, leaf, ordinary, table.size_limit), (1, 1, 4, 5));
        assert!(!format!("{table:?}").contains("hush"));
    }

    #[test]
    fn mistakes() {
        let (_, said) = table(
            "version = 9\nscope = x\ndereference = 7\ncache = yes\nquery_filter = a=b\n\
             chase_referrals = yes\nserver_host = ldap://a:b ldaps://c",
        );
        assert_eq!(said.len(), 8, "{said:?}");
        assert!(table("bind = maybe").0.unwrap_err().contains("/x, line 1: unsupported"));
        assert!(table("server_host = ldap://a:b").0.is_err());
        assert!(table("timeout = soon").0.is_err());
        assert!(table("query_filter = (a=%z)").0.is_err());
    }
}
