//! Keys that are held by tlsmgr: rustls signs with them as with any key, and each signature is a
//! question over a UNIX socket.
//!
//! rustls asks for a signature in the middle of its work and cannot wait as a task does: the
//! worker thread is handed over to other tasks for that time (`block_in_place`), and the time is
//! limited. Measured: see `tests/system/tls.py`, `sign`.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::config::{Config, parameters as p};
use crate::ipc::channel::{append_frame, take_frame};
use crate::ipc::tls::{Chain, FromTlsmgr, IdentityFiles, KeyId, ToTlsmgr};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long to wait for the instance of tlsmgr that has the same configuration, at start.
const START: Duration = Duration::from_secs(10);

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Connections that are kept.
const KEEP: usize = 16;

/// Longest answer: certificates.
const ANSWER_MAX: usize = 16 << 20;

/// tlsmgr, as the other processes see it.
#[derive(Debug)]
pub struct KeyHolder {
    socket: PathBuf,
    generation: u64,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that has been welcomed.
#[derive(Debug)]
struct Connection(UnixStream);

impl KeyHolder {
    /// Talks over `socket` with the instance of this `generation`.
    pub fn new(socket: &Path, generation: u64) -> Arc<Self> {
        Arc::new(Self { socket: socket.to_owned(), generation, idle: Mutex::default() })
    }

    /// The one that a configuration names (`tlsmgr_service_name`).
    pub fn of(config: &Config, generation: u64) -> Arc<Self> {
        let private = config.queue_directory().join("private");
        Self::new(&private.join(config.text(&p::tlsmgr_service_name)), generation)
    }

    /// The chains of a service, or what is wrong with its files. Blocks.
    pub fn identity(self: &Arc<Self>, files: &IdentityFiles) -> Result<Keys, Vec<String>> {
        let deadline = Instant::now() + START;
        match self.ask(&ToTlsmgr::Identity(files.clone()), deadline) {
            Ok(FromTlsmgr::Identity { chains, complaints }) if complaints.is_empty() => {
                Ok(self.keys(chains))
            }
            Ok(FromTlsmgr::Identity { complaints, .. }) => Err(complaints),
            Ok(_) => Err(vec![problem("unexpected answer")]),
            Err(e) => Err(vec![problem(&crate::config::why(&e))]),
        }
    }

    /// The chains for a server name that a client asks for; none if the name is not listed.
    /// Blocks.
    pub fn name(self: &Arc<Self>, name: &str) -> Result<Option<Keys>, Vec<String>> {
        match self.ask(&ToTlsmgr::Name(name.to_owned()), Instant::now() + ANSWER) {
            Ok(FromTlsmgr::Name(chains)) if chains.is_empty() => Ok(None),
            Ok(FromTlsmgr::Name(chains)) => Ok(Some(self.keys(chains))),
            Ok(FromTlsmgr::BadName(complaints)) => Err(complaints),
            Ok(_) => Err(vec![problem("unexpected answer")]),
            Err(e) => Err(vec![problem(&crate::config::why(&e))]),
        }
    }

    fn keys(self: &Arc<Self>, chains: Vec<Chain>) -> Keys {
        let key = |chain: Chain| {
            let certificates = chain.certificates.into_iter().map(CertificateDer::from).collect();
            let key = RemoteKey {
                holder: self.clone(),
                id: chain.key,
                algorithm: chain.algorithm.into(),
                schemes: chain.schemes.into_iter().map(SignatureScheme::from).collect(),
                public_key: chain.public_key,
            };
            Arc::new(CertifiedKey::new(certificates, Arc::new(key)))
        };
        Arc::new(chains.into_iter().map(key).collect())
    }

    fn sign(&self, key: KeyId, scheme: SignatureScheme, message: &[u8]) -> io::Result<Vec<u8>> {
        let request = ToTlsmgr::Sign { key, scheme: scheme.into(), message: message.to_vec() };
        match self.ask(&request, Instant::now() + ANSWER)? {
            FromTlsmgr::Signature(signature) => Ok(signature),
            _ => Err(io::Error::other("tlsmgr does not sign with this key")),
        }
    }

    /// Asks over a connection that is there, or a new one. One that tlsmgr has closed meanwhile is
    /// replaced.
    fn ask(&self, request: &ToTlsmgr, deadline: Instant) -> io::Result<FromTlsmgr> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let (mut connection, used) = match idle {
                Some(connection) => (connection, true),
                None => (self.connect(deadline)?, false),
            };
            match connection.ask(request) {
                Ok(answer) => {
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    if idle.len() < KEEP {
                        idle.push(connection);
                    }
                    return Ok(answer);
                }
                Err(e) if !used || is_slow(&e) => return Err(e),
                Err(_) => {}
            }
        }
    }

    /// Connects to the instance that has the same configuration. Around a reload there are two.
    fn connect(&self, deadline: Instant) -> io::Result<Connection> {
        loop {
            let problem = match Connection::open(&self.socket, self.generation) {
                Ok(connection) => return Ok(connection),
                Err(e) if is_slow(&e) => return Err(e),
                Err(e) => e,
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(problem);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn problem(text: &str) -> String {
    format!("problem talking to service tlsmgr: {text}: disabling TLS support")
}

fn is_slow(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Connection {
    fn open(socket: &Path, generation: u64) -> io::Result<Self> {
        let stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
        // Also limits the time of the connection itself.
        stream.set_write_timeout(Some(ANSWER))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.connect(&socket2::SockAddr::unix(socket)?)?;
        let mut connection = Self(UnixStream::from(std::os::fd::OwnedFd::from(stream)));
        match connection.ask(&ToTlsmgr::Hello { generation })? {
            FromTlsmgr::Welcome => Ok(connection),
            _ => Err(io::Error::other("tlsmgr has another configuration")),
        }
    }

    fn ask(&mut self, request: &ToTlsmgr) -> io::Result<FromTlsmgr> {
        let mut frame = Vec::with_capacity(256);
        append_frame(&mut frame, request)?;
        self.0.write_all(&frame)?;
        let deadline = Instant::now() + ANSWER;
        let mut answer = Vec::with_capacity(1024);
        let mut room = [0; 4096];
        loop {
            match self.0.read(&mut room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(room.get(..count).unwrap_or_default()),
            }
            if let Some((answer, _)) = take_frame(&answer)? {
                return Ok(answer);
            }
            if answer.len() > ANSWER_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

/// The chains of a service, with keys that are elsewhere.
pub type Keys = Arc<Vec<Arc<CertifiedKey>>>;

/// A key that tlsmgr holds.
#[derive(Clone, Debug)]
struct RemoteKey {
    holder: Arc<KeyHolder>,
    id: KeyId,
    algorithm: SignatureAlgorithm,
    schemes: Vec<SignatureScheme>,
    public_key: Vec<u8>,
}

impl SigningKey for RemoteKey {
    /// The peer's favourite, as OpenSSL chooses.
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *offered.iter().find(|scheme| self.schemes.contains(scheme))?;
        Some(Box::new(RemoteSigner { holder: self.holder.clone(), id: self.id, scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.public_key.as_slice().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

#[derive(Debug)]
struct RemoteSigner {
    holder: Arc<KeyHolder>,
    id: KeyId,
    scheme: SignatureScheme,
}

impl Signer for RemoteSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signed = blocking(|| self.holder.sign(self.id, self.scheme, message));
        signed.map_err(|e| rustls::Error::General(format!("signature by tlsmgr: {e}")))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// Does blocking work, and lets other tasks have the thread's place meanwhile.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
