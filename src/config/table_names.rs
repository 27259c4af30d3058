//! Tables may be configured in main.cf instead of a file of their own: `ldap:name` reads
//! `name_server_host` and so on. Such names are in use when a value mentions the table.

use super::list::{split_list, strip_braces};

const COMMON: &[&str] = &["domain", "result_format", "expansion_limit"];
const SQL: &[&str] = &[
    "query",
    "table",
    "select_field",
    "where_field",
    "additional_conditions",
    "user",
    "password",
    "dbname",
    "hosts",
    "retry_interval",
    "idle_interval",
];

const LDAP: &[&str] = &[
    "server_host",
    "server_port",
    "scope",
    "search_base",
    "timeout",
    "query_filter",
    "result_filter",
    "result_attribute",
    "special_result_attribute",
    "terminal_result_attribute",
    "leaf_result_attribute",
    "bind",
    "bind_dn",
    "bind_pw",
    "sasl_mechs",
    "sasl_realm",
    "sasl_authz_id",
    "sasl_minssf",
    "cache",
    "cache_expiry",
    "cache_size",
    "recursion_limit",
    "size_limit",
    "dereference",
    "chase_referrals",
    "debuglevel",
    "version",
    "start_tls",
    "tls_ca_cert_file",
    "tls_ca_cert_dir",
    "tls_cert",
    "tls_key",
    "tls_require_cert",
    "tls_random_file",
    "tls_cipher_suite",
];

/// What may follow `name_` for the tables of that type.
fn suffixes(kind: &str) -> Option<&'static [&'static [&'static str]]> {
    Some(match kind {
        "ldap" => &[COMMON, LDAP],
        "mysql" => &[
            COMMON,
            SQL,
            &[
                "option_file",
                "option_group",
                "tls_cert_file",
                "tls_key_file",
                "tls_CAfile",
                "tls_CApath",
                "tls_ciphers",
                "tls_verify_cert",
                "require_result_set",
                "charset",
            ],
        ],
        "pgsql" => &[COMMON, SQL, &["select_function", "encoding"]],
        "sqlite" => &[COMMON, SQL, &["dbpath"]],
        "memcache" => &[
            COMMON,
            &[
                "memcache",
                "backup",
                "flags",
                "ttl",
                "key_format",
                "line_size_limit",
                "data_size_limit",
                "max_try",
                "retry_pause",
                "timeout",
            ],
        ],
        "mongodb" => &[
            COMMON,
            &[
                "uri",
                "dbname",
                "collection",
                "query_filter",
                "projection",
                "options",
                "result_attribute",
            ],
        ],
        _ => return None,
    })
}

/// The names that tables in `value` may be configured by.
pub fn parameters(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

fn collect(value: &str, found: &mut Vec<String>) {
    for element in split_list(value) {
        if let Ok(inside) = strip_braces(element) {
            collect(inside, found);
            continue;
        }
        let mut split = element.split_once(':');
        while let Some(("proxy" | "debug", rest)) = split {
            split = rest.split_once(':');
        }
        let Some((kind, name)) = split else { continue };
        if name.starts_with(['/', '.']) {
            continue;
        }
        if let Ok(inside) = strip_braces(name) {
            collect(inside, found);
        } else if let Some(lists) = suffixes(kind) {
            found.extend(lists.iter().copied().flatten().map(|suffix| format!("{name}_{suffix}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(parameters("proxy:mysql:aliases, hash:/x").contains(&"aliases_hosts".to_owned()));
        assert!(parameters("unionmap:{ldap:a, ldap:b}").contains(&"b_search_base".to_owned()));
        assert!(parameters("ldap:/etc/x.cf hash:y").is_empty());
    }
}
