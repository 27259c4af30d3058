//! New keys and certificates, and the settings that use them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::openssl::Algorithm;
use super::options::Options;
use super::{CLIENT_SETTINGS, Outcome, SERVER_SETTINGS, Tls};
use crate::commands::postconf::set_main;
use crate::config::parameters as p;
use crate::lookup::map_types;

/// What to do for it to take effect.
pub(super) const AFTER_DEPLOYMENT: &str = "\
New TLS private key and certificate deployed.
They are used after:
  # postfix reload";

impl Tls<'_> {
    /// TLS where the other side offers it, if nothing has been decided yet.
    pub(super) fn enable_client(&self, options: &Options) -> Outcome<ExitCode> {
        let mut settings =
            vec!["smtp_tls_security_level = may".to_owned(), "smtp_tls_loglevel = 1".to_owned()];
        let kinds = ["lmdb", "btree"];
        let data = self.context.config.text(&p::data_directory);
        let built_in = |kind: &&str| map_types().iter().any(|(name, there)| name == kind && *there);
        if let Some(kind) = kinds.iter().find(|kind| built_in(kind)) {
            settings.push(format!("smtp_tls_session_cache_database = {kind}:{data}/smtp_scache"));
        }
        if !self.are_default(CLIENT_SETTINGS) {
            self.say("*** The SMTP client has TLS settings already: nothing has been changed.");
            self.say("Usual for TLS wherever the other side offers it:");
            settings.iter().for_each(|line| self.say(&format!("  {line}")));
            return Ok(ExitCode::SUCCESS);
        }
        settings.extend(random_source(options));
        self.set(&settings)?;
        self.say("The SMTP client uses TLS wherever the other side offers it, after:");
        self.say("  # postfix reload");
        Ok(ExitCode::SUCCESS)
    }

    /// A key, a certificate and STARTTLS, if nothing has been decided yet.
    pub(super) fn enable_server(&self, options: &Options) -> Outcome<ExitCode> {
        let algorithm = options.algorithm()?;
        if self.are_default(SERVER_SETTINGS) {
            return self.new_certificate(options, algorithm, None, true);
        }
        self.say(
            "*** The SMTP server has TLS settings already: nothing has been changed.\n\
             Usual for STARTTLS:\n  smtpd_tls_security_level = may\n  smtpd_tls_loglevel = 1\n\
             \"postfix tls new-server-cert\" makes a new certificate, \"postfix tls new-server-key\" \
             a new key as well.",
        );
        Ok(ExitCode::SUCCESS)
    }

    /// A new certificate for a new key, or for a copy of the old one.
    pub(super) fn new_certificate(
        &self,
        options: &Options,
        algorithm: Algorithm,
        old: Option<PathBuf>,
        enable: bool,
    ) -> Outcome<ExitCode> {
        let old = old.filter(|old| {
            let there = old.is_file();
            if !there {
                let old = old.display();
                self.log.warning(format_args!("Key file: {old} not found, creating new keys"));
            }
            there
        });
        let names = self.names(&options.names);
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let stamp = jiff::fmt::strtime::format("%Y%m%d-%H%M%S", &now);
        let stamp = stamp.map_err(|e| e.to_string())?;
        let prefix = algorithm.prefix();
        let key = self.path(&format!("{prefix}key-{stamp}.pem"));
        let certificate = self.path(&format!("{prefix}cert-{stamp}.pem"));
        for (what, path) in [("private key", &key), ("certificate", &certificate)] {
            if path.exists() {
                return Err(format!("New {what} file already exists: {}", path.display()));
            }
        }
        let made = match &old {
            Some(old) => self.openssl.copy_key(old, algorithm, &key),
            None => self.openssl.create_key(algorithm, options.bits(algorithm), &key),
        };
        let made = made.and_then(|()| self.openssl.self_signed(&key, &names, &certificate));
        let more: Vec<String> = random_source(options).into_iter().collect();
        let made =
            made.and_then(|()| if enable { self.enable(&certificate, &key, more) } else { Ok(()) });
        if let Err(why) = made {
            for half in [&key, &certificate] {
                let _ = std::fs::remove_file(half);
            }
            return Err(why);
        }
        self.tell(&certificate, &key, enable, old.is_none());
        Ok(ExitCode::SUCCESS)
    }

    fn enable(&self, certificate: &Path, key: &Path, mut more: Vec<String>) -> Outcome<()> {
        more.extend(
            [
                "smtpd_tls_security_level = may",
                "smtpd_tls_received_header = yes",
                "smtpd_tls_loglevel = 1",
            ]
            .map(str::to_owned),
        );
        self.deploy(certificate, key, &more)
    }

    /// Has the server use them, after making sure that they belong together.
    pub(super) fn deploy(&self, certificate: &Path, key: &Path, more: &[String]) -> Outcome<()> {
        let public = self.openssl.public_key(key)?;
        if self.openssl.certified_key(certificate)? != public {
            let (certificate, key) = (certificate.display(), key.display());
            return Err(format!("Certificate in {certificate} does not match key in {key}"));
        }
        let algorithm = public.algorithm().ok_or_else(|| {
            format!(
                "the key in {} is neither RSA nor ECDSA: name it in smtpd_tls_chain_files",
                key.display()
            )
        })?;
        let mut settings = vec![
            format!("{} = {}", algorithm.key_parameter(), key.display()),
            format!("{} = {}", algorithm.certificate_parameter(), certificate.display()),
        ];
        settings.extend_from_slice(more);
        self.set(&settings)
    }

    fn set(&self, settings: &[String]) -> Outcome<()> {
        set_main(&self.context.config_directory, settings)
    }

    /// What can be done with them next.
    fn tell(&self, certificate: &Path, key: &Path, deployed: bool, new_key: bool) {
        let (certificate, key) = (certificate.display(), key.display());
        if deployed {
            self.say("The SMTP server offers STARTTLS.");
            self.say(AFTER_DEPLOYMENT);
        } else {
            self.say("New private key and self-signed certificate created. To deploy them:");
            self.say(&format!("  # postfix tls deploy-server-cert {certificate} {key}"));
        }
        self.say("A certificate signing request, for an authority:");
        self.say(&format!("  # postfix tls output-server-csr -k {key} [<hostname> ...]"));
        self.say(&format!("The chain that comes back goes into {certificate}."));
        self.say("TLSA records, for DANE:");
        let file = if deployed { String::new() } else { format!(" {key}") };
        self.say(&format!("  # postfix tls output-server-tlsa [-h <hostname>]{file}"));
        if new_key && deployed {
            self.say("If there are TLSA records already, publish those of the new key now.");
        } else if new_key {
            self.say("If there are TLSA records, publish those of the new key, and deploy it when the old ones have expired.");
        }
    }
}

/// `-r`: accepted as in Postfix; random numbers come from the kernel.
fn random_source(options: &Options) -> Option<String> {
    options
        .value('r')
        .filter(|source| !source.is_empty())
        .map(|source| format!("tls_random_source = {source}"))
}
