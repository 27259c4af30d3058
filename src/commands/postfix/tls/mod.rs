//! `postfix tls`: keys and certificates, and the settings that use them, in one step.
//!
//! Keys and certificates are made by openssl(1) (`openssl_path`), as in Postfix; that is where
//! administrators look them up, and a key never passes through this program.

mod deploy;
mod options;
mod openssl;

use std::path::PathBuf;
use std::process::ExitCode;

use self::openssl::{Algorithm, OpenSsl};
use self::options::Options;
use super::{Context, Logged, speaker};
use crate::config::parameters as p;
use crate::log::Log;
use crate::service::logging;

/// A command whose failure has still to be said.
type Outcome<T> = Result<T, String>;

/// Everything that the subcommands need.
struct Tls<'a> {
    context: &'a Context,
    openssl: OpenSsl,
    log: Log,
}

const USAGE: &str = "usage: postfix tls enable-client (or enable-server, new-server-key, \
     new-server-cert, deploy-server-cert, output-server-csr, output-server-tlsa, \
     all-default-client, all-default-server)";

/// Runs a subcommand.
pub(super) fn run(context: &Context, words: &[String]) -> Result<ExitCode, Logged> {
    let log = speaker(Log::new(&logging::syslog_name(&context.config), "postfix-tls-script"));
    let tls = Tls { context, openssl: OpenSsl::of(&context.config), log };
    match tls.obey(words) {
        Ok(code) => Ok(code),
        Err(text) => {
            tls.log.fatal(format_args!("{text}"));
            Err(Logged)
        }
    }
}

impl Tls<'_> {
    fn obey(&self, words: &[String]) -> Outcome<ExitCode> {
        let Some((command, words)) = words.split_first() else {
            self.log.error(format_args!("unknown tls command: ''"));
            return Err(USAGE.into());
        };
        let usage =
            |rest: &str| format!("usage: postfix tls {command} {rest}").trim_end().to_owned();
        match command.as_str() {
            "all-default-client" | "all-default-server" if !words.is_empty() => Err(usage("")),
            "all-default-client" => Ok(code(self.are_default(CLIENT_SETTINGS))),
            "all-default-server" => Ok(code(self.are_default(SERVER_SETTINGS))),
            "enable-client" => {
                let options = Options::read(words, "r:", || usage("[-r devrandom]"))?;
                if !options.names.is_empty() {
                    return Err(usage("[-r devrandom]"));
                }
                self.enable_client(&options)
            }
            "enable-server" => {
                let rest = "[-a algorithm] [-b bits ] [-r devrandom] [hostname ...]";
                self.enable_server(&Options::read(words, "a:b:r:", || usage(rest))?)
            }
            "new-server-key" | "new-server-cert" => {
                let rest = "[-a algorithm] [-b bits ] [hostname ...]";
                let options = Options::read(words, "a:b:", || usage(rest))?;
                let algorithm = options.algorithm()?;
                let old = (command == "new-server-cert").then(|| self.configured(algorithm));
                self.new_certificate(&options, algorithm, old.flatten(), false)
            }
            "deploy-server-cert" => match words {
                [certificate, key] => {
                    let (certificate, key) = (self.path(certificate), self.path(key));
                    self.deploy(&certificate, &key, &[])?;
                    self.say(deploy::AFTER_DEPLOYMENT);
                    Ok(ExitCode::SUCCESS)
                }
                _ => Err(usage("certfile keyfile")),
            },
            "output-server-csr" => {
                let rest = "[-k keyfile] [hostname ...]";
                self.output_csr(&Options::read(words, "k:", || usage(rest))?)
            }
            "output-server-tlsa" => {
                let rest = "[-h hostname] [keyfile ...]";
                self.output_tlsa(&Options::read(words, "h:", || usage(rest))?)
            }
            other => {
                self.log.error(format_args!("unknown tls command: '{other}'"));
                Err(USAGE.into())
            }
        }
    }

    /// Whether main.cf says nothing about any of these.
    fn are_default(&self, names: &[&str]) -> bool {
        let settings = self.context.config.settings();
        let says = |name: &&&str| settings.get(**name).is_some_and(|s| !s.value.is_empty());
        !names.iter().any(|name| says(&name))
    }

    /// A file that was named; names count from the configuration directory.
    fn path(&self, name: &str) -> PathBuf {
        self.context.config_directory.join(name)
    }

    /// The key file of the SMTP server for that kind of key, if main.cf names one.
    fn configured(&self, algorithm: Algorithm) -> Option<PathBuf> {
        let config = &self.context.config;
        config.literal(algorithm.key_parameter()).filter(|text| !text.is_empty())?;
        let value = config.value(algorithm.key_parameter());
        (value != "none").then(|| self.path(&value))
    }

    /// What `-k` and the like name: a kind of key, or a file.
    fn key_file(&self, word: &str) -> Option<PathBuf> {
        match Algorithm::parse(word) {
            Some(algorithm) => self.configured(algorithm),
            None if word.is_empty() || word == "none" => None,
            None => Some(self.path(word)),
        }
    }

    /// The names for a certificate: those that were given, or this machine's.
    fn names(&self, given: &[String]) -> Vec<String> {
        match given {
            [] => vec![self.context.config.text(&p::myhostname)],
            given => given.to_vec(),
        }
    }

    fn say(&self, text: &str) {
        for line in text.lines() {
            self.log.info(format_args!("{line}"));
        }
    }

    fn output_csr(&self, options: &Options) -> Outcome<ExitCode> {
        let key = match options.value('k') {
            Some(word) => self.key_file(word),
            None => Algorithm::ALL.into_iter().find_map(|algorithm| self.configured(algorithm)),
        };
        let key = key.filter(|key| std::fs::File::open(key).is_ok());
        let key = key.ok_or("No usable keyfile specified or configured")?;
        print!("{}", self.openssl.request(&key, &self.names(&options.names))?);
        Ok(ExitCode::SUCCESS)
    }

    fn output_tlsa(&self, options: &Options) -> Outcome<ExitCode> {
        let given = options.value('h').map(str::to_owned).filter(|name| !name.is_empty());
        let host = given.unwrap_or_else(|| self.context.config.text(&p::myhostname));
        let words: Vec<&str> = match options.names[..] {
            [] => vec!["rsa", "ecdsa"],
            ref names => names.iter().map(String::as_str).collect(),
        };
        let mut found = false;
        for key in words.into_iter().filter_map(|word| self.key_file(word)) {
            println!("; {}", key.display());
            let public = self.openssl.public_key(&key)?;
            println!("_25._tcp.{host}. IN TLSA 3 1 1 {}", public.digest());
            found = true;
        }
        if found {
            return Ok(ExitCode::SUCCESS);
        }
        Err("No usable keyfiles specified or configured".into())
    }
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Who has set one of these has an opinion about TLS, and is left alone.
const CLIENT_SETTINGS: &[&str] = &[
    "smtp_use_tls",
    "smtp_enforce_tls",
    "smtp_tls_enforce_peername",
    "smtp_tls_security_level",
    "smtp_tls_chain_files",
    "smtp_tls_cert_file",
    "smtp_tls_dcert_file",
    "smtp_tls_eccert_file",
];

/// The same for the server.
const SERVER_SETTINGS: &[&str] = &[
    "smtpd_use_tls",
    "smtpd_enforce_tls",
    "smtpd_tls_security_level",
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_dcert_file",
    "smtpd_tls_eccert_file",
];
