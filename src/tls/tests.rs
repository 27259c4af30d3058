//! Both sides against each other, with a key holder in between.

#![cfg(feature = "ssl")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::client::{self, Client, Matching, Wanted};
use super::keys;
use super::provider::{self, Ciphers};
use super::remote::KeyHolder;
use super::server::{self, Parameters, Server};
use super::words::{LogLevel, Protocols};
use super::{Facts, Socket, Stream};
use crate::config::{Config, Sources};
use crate::ipc::channel::{append_frame, take_frame};
use crate::ipc::tls::{FromTlsmgr, IdentityFiles, ToTlsmgr};
use crate::log::Log;

/// Answers as tlsmgr does, with keys that it reads when it is asked.
fn hold_keys(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let (mut held, mut bytes) = (Vec::new(), Vec::new());
                let mut room = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut room) {
                    bytes.extend_from_slice(&room[..count]);
                    let Some((request, used)) = take_frame(&bytes).unwrap() else { continue };
                    bytes.drain(..used);
                    let answer = answer(request, &mut held);
                    let mut frame = Vec::new();
                    append_frame(&mut frame, &answer).unwrap();
                    stream.write_all(&frame).unwrap();
                }
            });
        }
    });
}

fn answer(request: ToTlsmgr, held: &mut Vec<keys::Identity>) -> FromTlsmgr {
    match request {
        ToTlsmgr::Hello { generation: 7 } => FromTlsmgr::Welcome,
        ToTlsmgr::Hello { .. } => FromTlsmgr::OtherGeneration,
        ToTlsmgr::Identity(files) => match keys::load(&files) {
            Ok(identities) => {
                let chains = identities.iter().map(|one| one.chain.clone()).collect();
                held.extend(identities);
                FromTlsmgr::Identity { chains, complaints: Vec::new() }
            }
            Err(complaints) => FromTlsmgr::Identity { chains: Vec::new(), complaints },
        },
        ToTlsmgr::Name(_) => FromTlsmgr::Name(Vec::new()),
        ToTlsmgr::Sign { key, scheme, message } => held
            .iter()
            .find(|one| one.chain.key == key)
            .and_then(|one| one.key.choose_scheme(&[scheme.into()]))
            .and_then(|signer| signer.sign(&message).ok())
            .map_or(FromTlsmgr::NoSignature, FromTlsmgr::Signature),
    }
}

/// A folder with a certification authority `ca.pem` and what it has signed.
pub(crate) struct World {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        std::fs::write(folder.path().join("ca.pem"), ca.self_signed(&key).unwrap().pem()).unwrap();
        hold_keys(&folder.path().join("tlsmgr"));
        Self { folder, issuer: Issuer::new(ca, key) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A chain file for `name`.
    pub(crate) fn chain(
        &self,
        name: &str,
        algorithm: &'static rcgen::SignatureAlgorithm,
    ) -> IdentityFiles {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut wanted = CertificateParams::new(vec![name.into()]).unwrap();
        wanted.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = wanted.signed_by(&key, &self.issuer).unwrap();
        let path = self.path(name);
        std::fs::write(&path, key.serialize_pem() + &certificate.pem()).unwrap();
        IdentityFiles { chains: path, pairs: Vec::new() }
    }

    pub(crate) fn holder(&self, generation: u64) -> Arc<KeyHolder> {
        KeyHolder::new(&self.folder.path().join("tlsmgr"), generation)
    }

    fn server(&self, files: IdentityFiles, asks: bool) -> Server {
        let main =
            format!("smtpd_tls_CAfile = {}\nsmtpd_starttls_timeout = 2s\n", self.path("ca.pem"));
        let parameters = Parameters { files, asks, ..Parameters::read(&config(&main), false) };
        let mut warnings = Vec::new();
        let server = Server::prepare(parameters, &mut warnings).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(server.open(&self.holder(7)), Vec::<String>::new());
        server
    }

    /// A client's end of an encrypted connection, whoever the server is.
    pub(crate) async fn connect(&self, socket: UnixStream) -> Stream {
        let ciphers = Ciphers { list: "HIGH".into(), ..Ciphers::default() };
        let wanted = Wanted {
            protocols: Protocols { tls12: true, tls13: true },
            ciphers: &ciphers,
            server_name: None,
            matching: &Matching::Nobody,
            session: "destination",
        };
        let log = log();
        let peer = client::Server { text: "server", log: &log, level: LogLevel::default() };
        let client = self.client("");
        client.connect(Socket::Unix(socket), &wanted, peer).await.unwrap().0
    }

    fn client(&self, main: &str) -> Client {
        let ca = format!("smtp_tls_CAfile = {}\n{main}", self.path("ca.pem"));
        let client = Client::prepare(&config(&ca), "smtp", &log()).unwrap();
        assert_eq!(client.open(&self.holder(7)), Vec::<String>::new());
        client
    }
}

fn config(main: &str) -> Arc<Config> {
    let main_cf = format!("compatibility_level = 3.11\n{main}");
    Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap()
}

fn log() -> Log {
    Log::new("postfix", "test")
}

async fn serve(server: &Server, stream: UnixStream) -> Result<(Stream, Facts), server::Failed> {
    let client = server::Client { text: "client", log: &log(), level: LogLevel::default() };
    server.accept(Socket::Unix(stream), client).await
}

/// A handshake of ours with ours; what each side knows.
async fn meet(server: &Server, client: &Client, matching: Matching) -> (Facts, Facts) {
    let (near, far) = UnixStream::pair().unwrap();
    let ciphers = Ciphers::default();
    let ciphers = Ciphers { list: "HIGH".into(), ..ciphers };
    let wanted = Wanted {
        protocols: Protocols { tls12: true, tls13: true },
        ciphers: &ciphers,
        server_name: None,
        matching: &matching,
        session: "destination",
    };
    let log = log();
    let peer = client::Server { text: "server", log: &log, level: LogLevel::default() };
    let (served, connected) =
        tokio::join!(serve(server, far), client.connect(Socket::Unix(near), &wanted, peer));
    let ((mut far, server_facts), (mut near, client_facts)) = (served.unwrap(), connected.unwrap());
    far.write_all(b"220 hello\r\n").await.unwrap();
    far.flush().await.unwrap();
    let mut greeting = [0; 11];
    near.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello\r\n");
    near.end_now();
    let mut rest = Vec::new();
    let _ = far.read_to_end(&mut rest).await;
    (server_facts, client_facts)
}

fn names(name: &str) -> Matching {
    Matching::Names(vec![name.into()])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_knows_the_other() {
    let world = World::new();
    let server = world.server(world.chain("mx.example", &rcgen::PKCS_ECDSA_P256_SHA256), true);
    let own = world.chain("client.example", &rcgen::PKCS_ED25519);
    let client = world.client(&format!("smtp_tls_chain_files = {}\n", own.chains));
    let (at_server, at_client) = meet(&server, &client, names("mx.example")).await;
    assert_eq!(at_server.standing(), "Trusted");
    assert_eq!(at_server.trusted_peer().unwrap().subject, "client.example");
    assert_eq!(at_client.standing(), "Verified");
    assert_eq!(at_client.key_exchange, "X25519MLKEM768");
    let signature = at_client.server_signature.unwrap();
    assert_eq!((signature.name, signature.detail.as_str()), ("ECDSA", "prime256v1"));
    assert_eq!(at_server.client_signature.unwrap().name, "ED25519");
    let (_, stranger) = meet(&server, &client, names("other.example")).await;
    assert_eq!(stranger.standing(), "Trusted");
    assert!(!stranger.peer.unwrap().matched);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_is_enough() {
    let world = World::new();
    let server = world.server(world.chain("mx.example", &rcgen::PKCS_ED25519), false);
    let client = world.client("smtp_tls_CAfile =\n");
    let (_, facts) = meet(&server, &client, Matching::Nobody).await;
    assert_eq!(facts.standing(), "Untrusted");
    let print = facts.peer.unwrap().key_fingerprint;
    let (_, facts) = meet(&server, &client, Matching::Fingerprints(vec![print])).await;
    assert_eq!(facts.standing(), "Verified");
    let (_, facts) = meet(&server, &client, Matching::Fingerprints(vec!["00".into()])).await;
    assert!(!facts.peer.unwrap().matched);
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_2026_08_05_ticket_of_another_service() {
    let world = World::new();
    let files = world.chain("mx.example", &rcgen::PKCS_ED25519);
    let (one, other) = (world.server(files.clone(), false), world.server(files, false));
    let client = world.client("smtp_tls_session_cache_database = btree:x\n");
    assert!(!meet(&one, &client, Matching::Nobody).await.1.resumed);
    let (at_server, at_client) = meet(&one, &client, Matching::Nobody).await;
    assert!(at_server.resumed && at_client.resumed && at_client.server_signature.is_none());
    // The same certificate, the same settings, but another service.
    assert!(!meet(&other, &client, Matching::Nobody).await.0.resumed);
    let forgetful = world.client("");
    meet(&one, &forgetful, Matching::Nobody).await;
    assert!(!meet(&one, &forgetful, Matching::Nobody).await.0.resumed);
}

/// Shows a certificate with another key than its own.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Thief {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Believing(Vec<rustls::SignatureScheme>);

impl rustls::client::danger::ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.clone()
    }
}

/// Who has somebody's certificate but not the key is nobody, and does not become somebody by
/// resuming the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_certificate_is_none() {
    let world = World::new();
    let server = world.server(world.chain("mx.example", &rcgen::PKCS_ED25519), true);
    let victim = keys::load(&world.chain("victim.example", &rcgen::PKCS_ED25519)).unwrap();
    let thief = keys::load(&world.chain("thief.example", &rcgen::PKCS_ED25519)).unwrap();
    let certificates = victim[0].chain.certificates.iter().cloned().map(Into::into).collect();
    let stolen = Arc::new(CertifiedKey::new(certificates, thief[0].key.clone()));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (provider, _) =
            provider::provider(&Ciphers { list: "HIGH".into(), ..Ciphers::default() });
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Believing(schemes)))
            .with_client_cert_resolver(Arc::new(Thief(stolen.clone())));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        for _ in 0..2 {
            let (near, far) = UnixStream::pair().unwrap();
            let name = "mx.example".try_into().unwrap();
            let (served, connected) =
                tokio::join!(serve(&server, far), connector.connect(name, near));
            let (mut stream, facts) = served.unwrap();
            assert_eq!((facts.peer, facts.resumed), (None, false), "{version:?}");
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            connected.unwrap().read_exact(&mut [0]).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_nonsense_is_let_go() {
    let world = World::new();
    let server = world.server(world.chain("mx.example", &rcgen::PKCS_ED25519), false);
    for said in [&b""[..], b"\x16\x03\x01\x40\x00", b"EHLO client.example\r\n", &[0x80; 600]] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(said).await.unwrap();
        let served = tokio::time::timeout(Duration::from_secs(10), serve(&server, far)).await;
        assert!(served.unwrap().is_err(), "{said:?}");
    }
}

#[test]
fn only_the_instance_of_the_same_configuration_is_asked() {
    let world = World::new();
    let files = world.chain("mx.example", &rcgen::PKCS_ED25519);
    assert_eq!(world.holder(7).identity(&files).unwrap().len(), 1);
    // Nobody has generation 8 here: whoever asks for it gives up after a while.
    let patience = std::time::Instant::now();
    assert!(world.holder(8).identity(&files).is_err());
    assert!(patience.elapsed() >= Duration::from_secs(5));
}
