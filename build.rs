//! Says which parts the features need, and which TLS library is built in.

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
    // Code that is shared by tables is dead in builds with some of them; one with all shows what really is.
    println!("cargo::rustc-check-cfg=cfg(all_tables)");
    if WITH_SETTINGS.iter().all(has) && has(&"SSL") {
        println!("cargo::rustc-cfg=all_tables");
    }
    berkeley_db();
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let library = ["rustls", "aws-lc-rs"].map(|name| match version(&lock, name) {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    });
    println!("cargo::rustc-env=TLS_LIBRARY={}", library.join(", "));
}

/// Compiles what stands between us and libdb.
#[cfg(feature = "berkdb")]
fn berkeley_db() {
    println!("cargo::rerun-if-changed=src/sys/berkeley.c");
    cc::Build::new().file("src/sys/berkeley.c").warnings(true).compile("postfix_rs_berkeley");
    println!("cargo::rustc-link-lib=db");
}

#[cfg(not(feature = "berkdb"))]
fn berkeley_db() {}

/// The version of a package in the text of Cargo.lock.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}
