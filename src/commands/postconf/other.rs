//! Lists of what is built in: table types, locking methods, SASL types, TLS.

use super::options::Mode;
use super::{Outcome, Output};
use crate::bounce;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::lookup::map_types;

/// `-m`: types that Postfix loads at run time first, then those that it always has.
pub(super) fn maps(output: &mut Output<'_>) {
    const LOADED: &[&str] = &["lmdb", "cdb", "ldap", "mongodb", "mysql", "pgsql", "sqlite"];
    let built_in =
        |kind: &str| map_types().iter().any(|(name, built_in)| *name == kind && *built_in);
    for kind in LOADED.iter().filter(|kind| built_in(kind)) {
        output.line(kind);
    }
    let rest = map_types().iter().filter(|(kind, built_in)| *built_in && !LOADED.contains(kind));
    // Postfix has it, but does not say so.
    for (kind, _) in rest.filter(|(kind, _)| *kind != "debug") {
        output.line(kind);
    }
}

/// `-l`
pub(super) fn locks(output: &mut Output<'_>) {
    for method in ["flock", "fcntl", "dotlock"] {
        output.line(method);
    }
}

/// `-a` and `-A`. The client's own mechanisms answer to the name that Postfix's have.
pub(super) fn sasl(output: &mut Output<'_>) {
    if output.options.has(Mode::SASL_SERVER) {
        for kind in crate::sasl::server::kinds() {
            output.line(kind);
        }
    } else if cfg!(feature = "sasl") {
        output.line("cyrus");
    }
}

/// `-T`. Says nothing without TLS.
pub(super) fn tls(output: &mut Output<'_>) -> Outcome<()> {
    if cfg!(not(feature = "ssl")) {
        return Ok(());
    }
    match output.options.tls.as_str() {
        // It is part of the program: what it was compiled with is what runs.
        "compile-version" | "run-version" => output.line(env!("TLS_LIBRARY")),
        "public-key-algorithms" => {
            for algorithm in ["rsa", "ec", "ed25519"] {
                output.line(algorithm);
            }
        }
        what => {
            output.speaker.warning(format_args!("unknown 'postconf -T' mode: {what}"));
            return Err(String::new());
        }
    }
    Ok(())
}

/// `-b` and `-t`
pub(super) fn templates(output: &mut Output<'_>) -> Outcome<()> {
    if output.options.names.len() > 1 {
        return Err("options -b and -t require at most one template file".into());
    }
    let options = output.options;
    let config = Config::load(&options.directory()).map_err(|problem| problem.text)?;
    let file = match options.names.first() {
        Some(file) => file.clone(),
        None => config.text(&p::bounce_template_file),
    };
    let log = Log::for_command("postfix", "bounce").named_on_stderr("postfix/bounce");
    let expanded = options.has(Mode::EXPAND_TEMPLATES);
    match bounce::show_templates(&config, &file, expanded, &log) {
        Ok(text) => output.text.push_str(&text),
        // Postfix has its daemon print them, and passes on how that ends.
        Err(why) => {
            log.fatal(format_args!("{why}"));
            return Err(String::new());
        }
    }
    Ok(())
}
