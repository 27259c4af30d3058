//! Lists of what is built in: table types, locking methods, SASL types, TLS.

use super::options::Mode;
use super::{Outcome, Output};

/// `-m`
pub(super) fn maps(output: &mut Output<'_>) {
    for kind in [
        #[cfg(feature = "lmdb")]
        "lmdb",
        #[cfg(feature = "cdb")]
        "cdb",
        "btree",
        "cidr",
        "environ",
        "fail",
        "hash",
        "inline",
        "internal",
        "pcre",
        "pipemap",
        "proxy",
        "randmap",
        "regexp",
        "socketmap",
        "static",
        "tcp",
        "texthash",
        "unionmap",
        "unix",
    ] {
        output.line(kind);
    }
}

/// `-l`
pub(super) fn locks(output: &mut Output<'_>) {
    for method in ["flock", "fcntl", "dotlock"] {
        output.line(method);
    }
}

/// `-a` and `-A`
pub(super) fn sasl(output: &mut Output<'_>) {
    let types: &[&str] = if output.options.has(Mode::SASL_SERVER) { &["dovecot"] } else { &[] };
    for kind in types {
        output.line(kind);
    }
}

/// `-T`
pub(super) fn tls(output: &mut Output<'_>) -> Outcome<()> {
    match output.options.tls.as_str() {
        "compile-version" | "run-version" | "public-key-algorithms" => {
            Err("TLS support is not compiled in; build with the feature ssl".into())
        }
        what => Err(format!("unknown 'postconf -T' mode: {what}")),
    }
}

/// `-b` and `-t`
pub(super) fn templates(output: &mut Output<'_>) -> Outcome<()> {
    if output.options.names.len() > 1 {
        return Err("options -b and -t require at most one template file".into());
    }
    Err("bounce templates are not supported yet".into())
}
