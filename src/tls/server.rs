//! The server's side: the TLS of one smtpd service.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use tokio_rustls::LazyConfigAcceptor;

use super::certificate::{Certificate, DigestKind};
use super::client_certificate::Asking;
use super::facts::{Facts, PeerCertificate, Trouble};
use super::proof::Record;
use super::provider::{self, Ciphers};
use super::remote::{KeyHolder, Keys, blocking};
use super::stream::{Socket, Stream};
use super::tickets::{ForHandshake, Tickets};
use super::trust::{Authorities, Distrust, Purpose};
use super::words::{LogLevel, Protocols};
use crate::config::{Config, parameters as p, why};
use crate::ipc::tls::IdentityFiles;
use crate::log::Log;
use crate::mail::hostname;

/// What main.cf says about the TLS of a service.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Its certificates.
    pub files: IdentityFiles,
    /// Clients are asked for certificates (`smtpd_tls_ask_ccert`, `smtpd_tls_req_ccert`).
    pub asks: bool,
    /// `smtpd_tls_protocols` or `smtpd_tls_mandatory_protocols`
    pub protocols: String,
    /// Ciphers and key exchange.
    pub ciphers: Ciphers,
    /// `tls_preempt_cipherlist`
    pub own_order: bool,
    /// `smtpd_tls_CAfile`
    pub ca_file: String,
    /// `smtpd_tls_CApath`
    pub ca_path: String,
    /// `tls_append_default_CA`
    pub system_authorities: bool,
    /// `smtpd_tls_ccert_verifydepth`
    pub depth: usize,
    /// `smtpd_tls_fingerprint_digest`
    pub digest: String,
    /// How long a session may be resumed; zero is never.
    pub session_lifetime: Duration,
    /// `tls_server_sni_maps` is not empty.
    pub has_names: bool,
    /// `smtpd_starttls_timeout`
    pub timeout: Duration,
}

impl Parameters {
    /// Reads them. `mandatory`: TLS is required.
    pub fn read(config: &Config, mandatory: bool) -> Self {
        let protocols = if mandatory {
            config.text(&p::smtpd_tls_mandatory_protocols)
        } else {
            config.text(&p::smtpd_tls_protocols)
        };
        Self {
            files: super::names::identity_files(config, "smtpd"),
            asks: config.bool(&p::smtpd_tls_ask_ccert)
                || (mandatory && config.bool(&p::smtpd_tls_req_ccert)),
            protocols,
            ciphers: ciphers(config, mandatory),
            own_order: config.bool(&p::tls_preempt_cipherlist),
            ca_file: config.text(&p::smtpd_tls_CAfile),
            ca_path: config.text(&p::smtpd_tls_CApath),
            system_authorities: config.bool(&p::tls_append_default_CA),
            depth: usize::try_from(config.int(&p::smtpd_tls_ccert_verifydepth)).unwrap_or(0),
            digest: config.text(&p::smtpd_tls_fingerprint_digest),
            session_lifetime: session_lifetime(config),
            has_names: !config.text(&p::tls_server_sni_maps).trim().is_empty(),
            timeout: config.time(&p::smtpd_starttls_timeout),
        }
    }
}

fn session_lifetime(config: &Config) -> Duration {
    let options = config.text(&p::tls_ssl_options);
    let no_tickets = crate::config::split_list(&options)
        .iter()
        .any(|word| word.eq_ignore_ascii_case("NO_TICKET"));
    if no_tickets || config.text(&p::tls_session_ticket_cipher).is_empty() {
        return Duration::ZERO;
    }
    config.time(&p::smtpd_tls_session_cache_timeout)
}

fn ciphers(config: &Config, mandatory: bool) -> Ciphers {
    let grade = if mandatory {
        config.text(&p::smtpd_tls_mandatory_ciphers)
    } else {
        config.text(&p::smtpd_tls_ciphers)
    };
    let mut exclude = config.text(&p::smtpd_tls_exclude_ciphers);
    if mandatory {
        exclude.push(' ');
        exclude.push_str(&config.text(&p::smtpd_tls_mandatory_exclude_ciphers));
    }
    Ciphers {
        list: super::names::cipher_list(config, &grade),
        exclude,
        groups: super::names::groups(config, &config.text(&p::smtpd_tls_eecdh_grade)),
    }
}

/// The TLS of one service. It is of use once its keys have been found.
#[derive(Debug)]
pub struct Server {
    parameters: Parameters,
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    authorities: Authorities,
    digest: DigestKind,
    tickets: Option<Arc<Tickets>>,
    ready: OnceLock<Ready>,
}

#[derive(Debug)]
struct Ready {
    keys: Keys,
    holder: Arc<KeyHolder>,
    /// For handshakes without client certificates; the resolver is another one each time.
    config: ServerConfig,
}

/// Who connects.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// `name[address]`
    pub text: &'a str,
    /// Where lines go.
    pub log: &'a Log,
    /// Which lines.
    pub level: LogLevel,
}

/// The handshake has failed; the log has been told, and the connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl Server {
    /// Reads what needs no keys, before confinement. Warnings are for the log of the service; an
    /// error means that there will be no TLS.
    pub fn prepare(parameters: Parameters, warnings: &mut Vec<String>) -> Result<Self, String> {
        let protocols = Protocols::parse(&parameters.protocols)
            .filter(|protocols| !protocols.is_empty())
            .ok_or_else(|| {
                format!(
                    "Invalid TLS protocol list \"{}\": disabling TLS support",
                    parameters.protocols
                )
            })?;
        let digest = DigestKind::parse(&parameters.digest).ok_or_else(|| {
            format!("digest algorithm \"{}\" not found: disabling TLS support", parameters.digest)
        })?;
        let authorities = Authorities::load(
            &parameters.ca_file,
            &parameters.ca_path,
            parameters.system_authorities
                && !(parameters.ca_file.is_empty() && parameters.ca_path.is_empty()),
        )
        .map_err(|e| {
            format!("cannot load Certification Authority data, {e}: disabling TLS support")
        })?;
        let (provider, complaints) = provider::provider(&parameters.ciphers);
        warnings.extend(complaints);
        let provider = provider::only(provider, protocols);
        Ok(Self {
            tickets: Tickets::new(parameters.session_lifetime),
            versions: versions(protocols),
            parameters,
            provider,
            authorities,
            digest,
            ready: OnceLock::new(),
        })
    }

    /// Finds the keys. What comes back is for the log; with any of it there is no TLS. Blocks.
    pub fn open(&self, holder: &Arc<KeyHolder>) -> Vec<String> {
        let keys = match holder.identity(&self.parameters.files) {
            Ok(keys) => keys,
            Err(complaints) => return complaints,
        };
        match self.config(&keys) {
            Ok(config) => {
                // Opened once: a second call changes nothing.
                let _ = self.ready.set(Ready { keys, holder: holder.clone(), config });
                Vec::new()
            }
            Err(e) => vec![format!("{e}: disabling TLS support")],
        }
    }

    /// Whether handshakes can be done.
    pub fn is_ready(&self) -> bool {
        self.ready.get().is_some()
    }

    fn config(&self, keys: &Keys) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions)?
            .with_no_client_auth();
        let choice = Choice { keys: keys.clone(), record: Arc::default() };
        Ok(self.adjusted(builder.with_cert_resolver(Arc::new(choice))))
    }

    /// The configuration of a handshake in which the client is asked for a certificate.
    fn asking_config(&self, choice: Choice) -> Result<ServerConfig, rustls::Error> {
        let asking = Asking::new(&self.provider, choice.record.clone());
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions)?
            .with_client_cert_verifier(Arc::new(asking));
        Ok(self.adjusted(builder.with_cert_resolver(Arc::new(choice))))
    }

    fn adjusted(&self, mut config: ServerConfig) -> ServerConfig {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ignore_client_order = self.parameters.own_order;
        // One is enough for mail, as in Postfix.
        config.send_tls13_tickets = 1;
        config
    }

    /// Does the handshake.
    pub async fn accept(
        &self,
        socket: Socket,
        client: Client<'_>,
    ) -> Result<(Stream, Facts), Failed> {
        if client.level.verbose {
            client.log.info(format_args!("setting up TLS connection from {}", client.text));
        }
        let Some(ready) = self.ready.get() else { return Err(Failed) };
        let record = Arc::new(Record::default());
        let handshake = Box::pin(self.handshake(ready, socket, client, record.clone()));
        let done = match tokio::time::timeout(self.parameters.timeout, handshake).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::from_raw_os_error(nix::errno::Errno::ETIMEDOUT as i32)),
        };
        match done {
            Ok((stream, server_name)) => {
                let facts = self.facts(stream.get_ref().1, &record, server_name, client);
                Ok((Stream::Tls(Box::new(stream.into())), facts))
            }
            Err(e) => {
                log_failure(client, &e);
                Err(Failed)
            }
        }
    }

    async fn handshake(
        &self,
        ready: &Ready,
        socket: Socket,
        client: Client<'_>,
        record: Arc<Record>,
    ) -> io::Result<(tokio_rustls::server::TlsStream<Socket>, Option<String>)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let asked = start.client_hello().server_name().map(str::to_owned);
        let (keys, server_name) = match asked.filter(|_| self.parameters.has_names) {
            Some(name) => self.named_keys(ready, name, client)?,
            None => (ready.keys.clone(), None),
        };
        let choice = Choice { keys, record: record.clone() };
        let mut config = if self.parameters.asks {
            self.asking_config(choice).map_err(io::Error::other)?
        } else {
            let mut config = ready.config.clone();
            config.cert_resolver = Arc::new(choice);
            config
        };
        match &self.tickets {
            Some(tickets) => {
                config.ticketer = Arc::new(ForHandshake::new(tickets.clone(), record));
            }
            None => config.send_tls13_tickets = 0,
        }
        Ok((start.into_stream(Arc::new(config)).await?, server_name))
    }

    /// The keys for a server name that the client has asked for.
    fn named_keys(
        &self,
        ready: &Ready,
        name: String,
        client: Client<'_>,
    ) -> io::Result<(Keys, Option<String>)> {
        if !hostname::is_valid(&name) {
            client.log.warning(format_args!("TLS SNI from {} is invalid: {name}", client.text));
            return Ok((ready.keys.clone(), None));
        }
        match blocking(|| ready.holder.name(&name)) {
            Ok(Some(keys)) => Ok((keys, Some(name))),
            Ok(None) => {
                client.log.info(format_args!(
                    "TLS SNI {name} from {} not matched, using default chain",
                    client.text
                ));
                Ok((ready.keys.clone(), Some(name)))
            }
            Err(complaints) => {
                for complaint in complaints {
                    client.log.warning(format_args!("{complaint}"));
                }
                Err(io::Error::other("no certificate for the server name"))
            }
        }
    }

    fn facts(
        &self,
        session: &ServerConnection,
        record: &Record,
        server_name: Option<String>,
        client: Client<'_>,
    ) -> Facts {
        let mut facts = connection_facts(session);
        facts.server_name = server_name;
        if facts.protocol == "TLSv1.3" && !facts.resumed {
            (facts.server_signature, facts.client_signature) = record.signatures();
        }
        let chain = session.peer_certificates().unwrap_or_default();
        if let Some(own) = chain.first() {
            if record.has_failed() {
                client.log.info(format_args!(
                    "client certificate verification failed for {}: no proof that the client has \
                     its key",
                    client.text
                ));
                facts.client_signature = None;
            } else {
                let verdict =
                    self.authorities.verify(chain, Purpose::Client, self.parameters.depth);
                facts.peer = Some(describe(own, self.digest, verdict.is_ok()));
                log_peer(client, &facts, &verdict);
            }
        }
        facts
    }
}

/// The lines about a peer's certificate.
fn log_peer(client: Client<'_>, facts: &Facts, verdict: &Result<(), Distrust>) {
    let Some(peer) = &facts.peer else { return };
    if client.level.verbose || client.level.peer_certificate {
        client.log.info(format_args!(
            "{}: subject_CN={}, issuer={}, cert fingerprint={}, pkey fingerprint={}",
            client.text, peer.subject, peer.issuer, peer.fingerprint, peer.key_fingerprint
        ));
    }
    if let Err(distrust) = verdict
        && client.level.untrusted
    {
        if facts.resumed {
            client.log.info(format_args!(
                "{}: re-using session with untrusted certificate, look for details earlier in \
                 the log",
                client.text
            ));
        } else {
            client.log.info(format_args!("{}", distrust.line(client.text, Purpose::Client)));
        }
    }
}

fn log_failure(client: Client<'_>, error: &io::Error) {
    let Client { text, log, .. } = client;
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            log.info(format_args!("SSL_accept error from {text}: lost connection"));
        }
        _ if error.raw_os_error().is_some() => {
            log.info(format_args!("SSL_accept error from {text}: {}", why(error)));
        }
        _ => {
            log.info(format_args!("SSL_accept error from {text}: -1"));
            log.warning(format_args!("TLS library problem: {error}"));
        }
    }
}

/// What both sides of a connection know about it.
pub(super) fn connection_facts(session: &rustls::CommonState) -> Facts {
    let (cipher, bits) = session
        .negotiated_cipher_suite()
        .map_or(("UNKNOWN", 0), |suite| provider::cipher(suite.suite()));
    let is_13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let group = session.negotiated_key_exchange_group().filter(|_| is_13);
    Facts {
        protocol: if is_13 { "TLSv1.3" } else { "TLSv1.2" },
        cipher,
        bits,
        key_exchange: group.map_or("", |group| provider::group_name(group.name())),
        resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
        ..Facts::default()
    }
}

/// What is known about a peer by its certificate.
pub(super) fn describe(certificate: &[u8], digest: DigestKind, trusted: bool) -> PeerCertificate {
    let parsed = Certificate::parse(certificate).unwrap_or_default();
    PeerCertificate {
        subject: parsed.subject.unwrap_or_default(),
        issuer: parsed.issuer.unwrap_or_default(),
        fingerprint: digest.fingerprint(certificate),
        key_fingerprint: digest.fingerprint(&parsed.public_key),
        trusted,
        trouble: Trouble::None,
        matched: false,
        secured: false,
    }
}

pub(super) fn versions(protocols: Protocols) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(protocols.tls13, &version::TLS13), (protocols.tls12, &version::TLS12)];
    known.into_iter().filter(|(wanted, _)| *wanted).map(|(_, version)| version).collect()
}

/// Chooses the certificate for one handshake by the client's favourite kind of signature.
#[derive(Debug)]
struct Choice {
    keys: Keys,
    record: Arc<Record>,
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        for scheme in hello.signature_schemes() {
            let one = [*scheme];
            let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(&one).is_some();
            if let Some(key) = self.keys.iter().find(fits) {
                self.record.signs(*scheme, key.cert.first());
                return Some(key.clone());
            }
        }
        None
    }
}
