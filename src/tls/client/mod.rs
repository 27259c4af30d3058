//! The client's side: the TLS of one smtp or lmtp service.
//!
//! The handshake is always brought to its end, whoever the server is; what is known about it then
//! is in [`Facts`], and the caller decides whether mail goes there.

mod handshake;
mod sessions;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::{ClientSessionStore as _, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection};
use tokio_rustls::TlsConnector;

use self::handshake::{Checking, Own, RECORD};
use self::sessions::Sessions;
use super::certificate::{Certificate, DigestKind};
use super::dane::{Authority, Digests};
use super::facts::{Facts, PeerCertificate, Trouble};
use super::keys;
use super::names;
use super::proof::Record;
use super::provider::{self, Ciphers};
use super::remote::{KeyHolder, Keys};
use super::server::{connection_facts, describe, versions};
use super::stream::{Socket, Stream};
use super::trust::{Authorities, Distrust, Purpose};
use super::words::{LogLevel, Protocols};
use crate::config::{Config, why};
use crate::ipc::tls::IdentityFiles;
use crate::log::Log;
use crate::wire::tlsa::Tlsa;

/// Choices of ciphers that are kept ready.
const PROVIDERS_MAX: usize = 64;

/// How the server must prove who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// It need not.
    #[default]
    Nobody,
    /// Its certificate or key has one of these fingerprints.
    Fingerprints(Vec<String>),
    /// A trusted authority vouches for one of these names; `.example.com` is every name below
    /// example.com.
    Names(Vec<String>),
    /// TLSA records vouch for it.
    Records(Records),
}

/// TLSA records, or trust anchors of the configuration in that form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The records.
    pub list: Vec<Tlsa>,
    /// Names that a certificate must have that an authority has issued.
    pub names: Vec<String>,
    /// So must the server's own certificate if it is listed itself; not by DANE (RFC 7672 section
    /// 3.1.1).
    pub names_always: bool,
    /// Where the records came from is not certain: for the log the server is not `Verified`.
    pub half: bool,
}

/// What a connection is to be like.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Versions.
    pub protocols: Protocols,
    /// Ciphers and key exchange.
    pub ciphers: &'a Ciphers,
    /// The server name that is sent, if any.
    pub server_name: Option<&'a str>,
    /// How the server proves itself.
    pub matching: &'a Matching,
    /// Sessions are resumed only within the same of these: the destination and everything that
    /// was asked of it.
    pub session: &'a str,
}

/// Who we connect to.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// `name[address]:port`
    pub text: &'a str,
    /// Where lines go.
    pub log: &'a Log,
    /// Which lines.
    pub level: LogLevel,
}

/// The handshake has failed; the log has been told, and the connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What all handshakes share once the keys are there.
#[derive(Debug)]
struct Ready {
    checking: Arc<Checking>,
    own: Arc<Own>,
}

/// The TLS of one service.
#[derive(Debug)]
pub struct Client {
    files: IdentityFiles,
    authorities: Authorities,
    depth: usize,
    digest: DigestKind,
    /// `tls_dane_digests`
    digests: Digests,
    timeout: Duration,
    sessions: Option<Sessions>,
    ready: OnceLock<Ready>,
    providers: Mutex<HashMap<Ciphers, Arc<CryptoProvider>>>,
}

impl Client {
    /// Reads what needs no keys, before confinement; `prefix` is `smtp` or `lmtp`. None if there can
    /// be no TLS; the log hears why.
    pub fn prepare(config: &Config, prefix: &str, log: &Log) -> Option<Self> {
        let name = |suffix: &str| format!("{prefix}_{suffix}");
        let text = |suffix: &str| config.text_named(&name(suffix));
        let (file, path) = (text("tls_CAfile"), text("tls_CApath"));
        let named = !(file.is_empty() && path.is_empty());
        let system = named && config.bool(&crate::config::parameters::tls_append_default_CA);
        let authorities = match Authorities::load(&file, &path, system) {
            Ok(authorities) => authorities,
            Err(e) => {
                let named = [("CAfile", &file), ("CApath", &path)].into_iter();
                let named = named.filter(|(_, value)| !value.is_empty());
                let named: Vec<_> =
                    named.map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                log.info(format_args!(
                    "cannot load Certification Authority data, {}: disabling TLS support",
                    named.join(", ")
                ));
                log.warning(format_args!("TLS library problem: {e}"));
                return None;
            }
        };
        let digest = text("tls_fingerprint_digest");
        let Some(digest) = DigestKind::parse(&digest) else {
            log.warning(format_args!("Digest algorithm \"{digest}\" not found"));
            log.warning(format_args!("disabling TLS support"));
            return None;
        };
        let (digests, odd) =
            Digests::parse(&config.text(&crate::config::parameters::tls_dane_digests));
        for odd in odd {
            log.warning(format_args!("{odd}"));
        }
        let lifetime = config.time_named(&name("tls_session_cache_timeout"));
        let caches = !text("tls_session_cache_database").is_empty() && !lifetime.is_zero();
        Some(Self {
            files: names::identity_files(config, prefix),
            authorities,
            depth: usize::try_from(config.int_named(&name("tls_scert_verifydepth"))).unwrap_or(0),
            digest,
            digests,
            timeout: config.time_named(&name("starttls_timeout")),
            sessions: caches.then(|| Sessions::new(lifetime)),
            ready: OnceLock::new(),
            providers: Mutex::default(),
        })
    }

    /// Finds the keys of our own certificates, if there are any. What comes back is for the log;
    /// with any of it there is no TLS. Blocks.
    pub fn open(&self, holder: &Arc<KeyHolder>) -> Vec<String> {
        let keys = match self.files.is_empty() {
            true => Keys::default(),
            false => match holder.identity(&self.files) {
                Ok(keys) => keys,
                Err(complaints) => return complaints,
            },
        };
        self.open_with(keys);
        Vec::new()
    }

    /// The same for a program that reads its own keys, such as posttls-finger(1).
    pub fn open_own(&self) -> Vec<String> {
        if self.files.is_empty() {
            self.open_with(Keys::default());
            return Vec::new();
        }
        match keys::load(&self.files) {
            Ok(identities) => {
                self.open_with(Arc::new(identities.into_iter().map(certified).collect()));
                Vec::new()
            }
            Err(complaints) => complaints,
        }
    }

    fn open_with(&self, keys: Keys) {
        let supported = aws_lc_rs::default_provider().signature_verification_algorithms;
        let ready =
            Ready { checking: Arc::new(Checking { supported }), own: Arc::new(Own { keys }) };
        // Opened once: a second call changes nothing.
        let _ = self.ready.set(ready);
    }

    /// Whether handshakes can be done.
    pub fn is_ready(&self) -> bool {
        self.ready.get().is_some()
    }

    fn provider(&self, ciphers: &Ciphers, log: &Log) -> Arc<CryptoProvider> {
        let mut known = self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(provider) = known.get(ciphers) {
            return provider.clone();
        }
        let (provider, warnings) = provider::provider(ciphers);
        for warning in warnings {
            log.warning(format_args!("{warning}"));
        }
        if known.len() >= PROVIDERS_MAX {
            known.clear();
        }
        known.insert(ciphers.clone(), provider.clone());
        provider
    }

    /// Does the handshake.
    pub async fn connect(
        &self,
        socket: Socket,
        wanted: &Wanted<'_>,
        server: Server<'_>,
    ) -> Result<(Stream, Facts), Failed> {
        if server.level.verbose {
            server.log.info(format_args!("setting up TLS connection to {}", server.text));
        }
        let record = Arc::new(Record::default());
        let (config, name) = match self.config(wanted, server.log) {
            Ok(ready) => ready,
            Err(e) => {
                server.log.warning(format_args!("TLS library problem: {e}"));
                return Err(Failed);
            }
        };
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
        let connecting = Box::pin(RECORD.scope(record.clone(), connecting));
        let done = match tokio::time::timeout(self.timeout, connecting).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::from_raw_os_error(nix::errno::Errno::ETIMEDOUT as i32)),
        };
        match done {
            Ok(stream) => {
                let facts = self.facts(stream.get_ref().1, &record, wanted, server);
                if record.has_failed() {
                    self.forget(wanted.session);
                }
                Ok((Stream::Tls(Box::new(stream.into())), facts))
            }
            Err(e) => {
                self.forget(wanted.session);
                log_failure(server, &e);
                Err(Failed)
            }
        }
    }

    /// Whether there is a session that could be resumed.
    pub fn has_session(&self, wanted: &Wanted<'_>) -> bool {
        let (Some(sessions), Ok(name)) = (&self.sessions, server_name(wanted)) else {
            return false;
        };
        let known = sessions.of(wanted.session);
        let Some(ticket) = known.take_tls13_ticket(&name) else {
            return known.tls12_session(&name).is_some();
        };
        known.insert_tls13_ticket(name, ticket);
        true
    }

    fn forget(&self, session: &str) {
        if let Some(sessions) = &self.sessions {
            sessions.forget(session);
        }
    }

    fn config(
        &self,
        wanted: &Wanted<'_>,
        log: &Log,
    ) -> Result<(ClientConfig, ServerName<'static>), String> {
        let Ready { checking, own } = self.ready.get().ok_or("its keys have not been found")?;
        let provider = self.provider(wanted.ciphers, log);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(wanted.protocols))
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(checking.clone())
            .with_client_cert_resolver(own.clone());
        config.resumption = match &self.sessions {
            Some(sessions) => Resumption::store(sessions.of(wanted.session)),
            None => Resumption::disabled(),
        };
        config.enable_sni = wanted.server_name.is_some();
        Ok((config, server_name(wanted)?))
    }

    fn facts(
        &self,
        session: &ClientConnection,
        record: &Record,
        wanted: &Wanted<'_>,
        server: Server<'_>,
    ) -> Facts {
        let mut facts = connection_facts(session);
        if facts.resumed && server.level.cache {
            server.log.info(format_args!("{}: Reusing old session", server.text));
        }
        if facts.protocol == "TLSv1.3" && !facts.resumed {
            (facts.client_signature, facts.server_signature) = record.signatures();
        }
        let chain = session.peer_certificates().unwrap_or_default();
        let Some(own) = chain.first() else { return facts };
        let verdict = self.verdict(chain, record, wanted);
        let mut peer = describe(own, self.digest, verdict.is_ok());
        peer.trouble = verdict.as_ref().err().map(Trouble::from).unwrap_or_default();
        let matched = match (&verdict, wanted.matching) {
            (Ok(_), Matching::Fingerprints(_)) => Some(None),
            (Ok(_), Matching::Names(patterns)) => self.certified(own, patterns).map(Some),
            (Ok(Some(authority)), Matching::Records(records)) => {
                let by_name = authority.depth > 0 || authority.bare_key || records.names_always;
                if by_name { self.certified(own, &records.names).map(Some) } else { Some(None) }
            }
            _ => None,
        };
        peer.matched = matched.is_some();
        let half = matches!(wanted.matching, Matching::Records(records) if records.half);
        peer.secured = peer.matched && !half;
        facts.peer = Some(peer);
        log_peer(server, &facts, &verdict, matched.flatten().as_deref(), wanted.matching);
        facts
    }

    /// Whether the certificate is to be believed, in the way that is asked for; and if TLSA
    /// records vouch for it, which.
    fn verdict(
        &self,
        chain: &[CertificateDer<'_>],
        record: &Record,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Authority>, Distrust> {
        if record.has_failed() {
            return Err(Distrust::Other("no proof that the server has its key".into()));
        }
        match wanted.matching {
            // As OpenSSL has it where Postfix does not let it succeed.
            Matching::Fingerprints(listed) if listed.is_empty() => Err(hopeless()),
            Matching::Names(names) if names.is_empty() => Err(hopeless()),
            Matching::Records(records) if records.list.is_empty() => Err(hopeless()),
            Matching::Fingerprints(listed) => {
                let own = chain.first().map(|own| self.fingerprints(own)).unwrap_or_default();
                let is_listed =
                    own.iter().any(|own| listed.iter().any(|one| same_digest(one, own)));
                if is_listed { Ok(None) } else { Err(Distrust::Policy) }
            }
            Matching::Records(records) => {
                self.digests.verify(&records.list, chain, self.depth).map(Some)
            }
            Matching::Names(_) | Matching::Nobody => {
                self.authorities.verify(chain, Purpose::Server, self.depth).map(|()| None)
            }
        }
    }

    /// Whether a fingerprint has as many digits as the configured digest.
    pub fn can_match(&self, fingerprint: &str) -> bool {
        digits(fingerprint).count() == 2 * self.digest.of(b"").len()
    }

    /// Whether anything can be done with a TLSA record.
    pub fn can_use(&self, record: &Tlsa) -> bool {
        self.digests.can_use(record)
    }

    fn fingerprints(&self, certificate: &[u8]) -> Vec<String> {
        let key = Certificate::parse(certificate).unwrap_or_default().public_key;
        vec![self.digest.fingerprint(certificate), self.digest.fingerprint(&key)]
    }

    /// The name in the certificate by which it is for one of the patterns.
    fn certified(&self, certificate: &[u8], patterns: &[String]) -> Option<String> {
        let parsed = Certificate::parse(certificate)?;
        let names = parsed.server_names();
        let fits = |pattern: &String| {
            names.iter().find(|name| match pattern.starts_with('.') {
                true => names::is_within(name, pattern),
                false => names::covers(name, pattern),
            })
        };
        patterns.iter().find_map(fits).map(|name| (*name).to_owned())
    }
}

fn server_name(wanted: &Wanted<'_>) -> Result<ServerName<'static>, String> {
    match wanted.server_name {
        Some(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| format!("\"{name}\" is no server name")),
        // Not sent, and what is remembered does not go by it.
        None => Ok(ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]))),
    }
}

fn certified(identity: keys::Identity) -> Arc<CertifiedKey> {
    let certificates = identity.chain.certificates.into_iter().map(CertificateDer::from).collect();
    Arc::new(CertifiedKey::new(certificates, identity.key))
}

fn hopeless() -> Distrust {
    Distrust::Other("num=1:unspecified certificate verification error".into())
}

/// Fingerprints are the same without regard to case and colons.
fn same_digest(one: &str, other: &str) -> bool {
    !one.is_empty() && digits(one).eq(digits(other))
}

fn digits(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().filter(|b| *b != b':').map(|b| b.to_ascii_uppercase())
}

fn log_peer(
    server: Server<'_>,
    facts: &Facts,
    verdict: &Result<Option<Authority>, Distrust>,
    name: Option<&str>,
    matching: &Matching,
) {
    let Server { text, log, level } = server;
    let Some(peer) = &facts.peer else { return };
    let curious = level.match_of_names || level.verbose || level.peer_certificate;
    if curious && peer.matched {
        if let Some(name) = name {
            log.info(format_args!("{text}: matched peername: {name}"));
        }
        match (matching, verdict) {
            (Matching::Fingerprints(listed), _) => {
                log.info(format_args!("{text}: Matched fingerprint: {}", matched(listed, peer)));
            }
            (Matching::Records(records), Ok(Some(authority))) if records.names_always => {
                let depth = authority.depth;
                log.info(format_args!("{text}: Matched trust anchor at depth {depth}"));
            }
            (Matching::Records(_), Ok(Some(authority))) => log_authority(text, log, authority),
            _ => {}
        }
    }
    // Whoever asks for proof wants to know why there is none.
    let mismatch = *matching != Matching::Nobody && !peer.matched;
    if !peer.matched && (level.untrusted || mismatch) {
        match verdict {
            Err(_) if facts.resumed => log.info(format_args!(
                "{text}: re-using session with untrusted peer credential, look for details earlier \
                 in the log"
            )),
            Err(distrust) => log.info(format_args!("{}", distrust.line(text, Purpose::Server))),
            Ok(_) if mismatch => log.info(format_args!(
                "server certificate verification failed for {text}: num=62:hostname mismatch"
            )),
            Ok(_) => {}
        }
    }
    if curious {
        log.info(format_args!(
            "{text}: subject_CN={}, issuer={}, cert fingerprint={}, pkey fingerprint={}",
            peer.subject, peer.issuer, peer.fingerprint, peer.key_fingerprint
        ));
    }
}

fn log_authority(text: &str, log: &Log, authority: &Authority) {
    let Authority { record, depth, bare_key } = authority;
    let what = match (bare_key, depth) {
        (true, _) => "TA public key verified certificate",
        (false, 0) => "EE certificate",
        (false, _) => "TA certificate",
    };
    let record = record.shown();
    log.info(format_args!("{text}: Matched DANE {what} at depth {depth}: {record}"));
}

/// The fingerprint that is both listed and the peer's.
fn matched(listed: &[String], peer: &PeerCertificate) -> String {
    let own = [&peer.fingerprint, &peer.key_fingerprint];
    let found = own.into_iter().find(|own| listed.iter().any(|one| same_digest(one, own)));
    digits(found.map_or("", String::as_str)).map(char::from).collect()
}

fn log_failure(server: Server<'_>, error: &io::Error) {
    let Server { text, log, .. } = server;
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            log.info(format_args!("SSL_connect error to {text}: lost connection"));
        }
        _ if error.raw_os_error().is_some() => {
            log.info(format_args!("SSL_connect error to {text}: {}", why(error)));
        }
        _ => {
            log.info(format_args!("SSL_connect error to {text}: -1"));
            log.warning(format_args!("TLS library problem: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_without_colons_and_case() {
        assert!(same_digest("aa:BB:0c", "AA:bb:0C"));
        assert!(same_digest("AABB", "AA:BB"));
        assert!(!same_digest("", "") && !same_digest("AA", "AA:BB"));
    }
}
