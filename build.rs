//! Says which parts the features need, and compiles the shim for Berkeley DB.

use std::env;

/// Features with tables that have settings of their own.
const WITH_SETTINGS: &[&str] = &["LDAP", "MEMCACHED", "MONGODB", "MYSQL", "POSTGRES", "SQLITE"];
/// Those among them that speak SQL.
const SQL: &[&str] = &["MYSQL", "POSTGRES", "SQLITE"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let has = |name: &&str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    for (part, features) in [("table_settings", WITH_SETTINGS), ("sql_tables", SQL)] {
        println!("cargo::rustc-check-cfg=cfg({part})");
        if features.iter().any(has) {
            println!("cargo::rustc-cfg={part}");
        }
    }
}
