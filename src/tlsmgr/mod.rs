//! tlsmgr(8): holds the private keys of TLS, and signs with them.
//!
//! ```text
//! key files, tls_server_sni_maps ─ prepare (root) ─ confined ─┬─ Identity  which certificates
//!                                                             ├─ Name      those for a server name
//!                                                             └─ Sign      a signature
//! ```
//!
//! It talks to smtpd, smtp and lmtp over private/tlsmgr and to nobody else. They have the
//! certificates; whoever breaks into one of them can have things signed while in there, and
//! leaves without the key.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::config::{Config, parameters as p, why};
use crate::ipc::channel::split;
use crate::ipc::tls::{Chain, FromTlsmgr, IdentityFiles, KeyId, MESSAGE_MAX, ToTlsmgr};
use crate::log::Log;
use crate::lookup::{Maps, Purpose, Tables};
use crate::service::birth::{self, Birth, Life};
use crate::service::profile::{Profile, RunAs, Threads};
use crate::tls::keys::{self, Identity};
use crate::tls::names;

/// What the process may touch.
pub const PROFILE: Profile = Profile {
    name: "tlsmgr",
    user: RunAs::MailOwner,
    writes: &[],
    executes: false,
    threads: Threads::PerProcessor,
    purpose: "holds private keys, and signs for the processes that talk to strangers",
};

/// Server names whose keys are remembered.
const NAMES_MAX: usize = 4096;

/// Everything that is held.
struct Holder {
    generation: u64,
    identities: BTreeMap<IdentityFiles, Result<Vec<Chain>, Vec<String>>>,
    keys: HashMap<KeyId, Arc<dyn SigningKey>>,
    /// What `tls_server_sni_maps` has given, by name.
    named: RwLock<HashMap<String, Named>>,
    names: Maps,
    log: Log,
}

/// The chains and keys of a server name.
struct Named {
    /// Of which they were made.
    pem: Vec<u8>,
    chains: Vec<Chain>,
    keys: Vec<(KeyId, Arc<dyn SigningKey>)>,
}

struct State {
    holder: Arc<Holder>,
    sockets: Vec<OwnedFd>,
}

/// Runs the process.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    drop(arguments);
    birth::run(&PROFILE, prepare, serve)
}

/// Reads all keys, as root.
fn prepare(birth: Birth) -> Result<State, String> {
    let mut holder = Holder {
        generation: birth.generation,
        identities: BTreeMap::new(),
        keys: HashMap::new(),
        named: RwLock::default(),
        names: sni_maps(&birth.config, &birth.log),
        log: birth.log.clone(),
    };
    for files in all_files(&birth) {
        let loaded = keys::load(&files).map(|identities| holder.keep(identities));
        holder.identities.insert(files, loaded);
    }
    warn_of_idle_parameters(&birth);
    let sockets = birth.services.into_iter().flat_map(|service| service.sockets).collect();
    Ok(State { holder: Arc::new(holder), sockets })
}

fn sni_maps(config: &Arc<Config>, log: &Log) -> Maps {
    let tables = Tables::with_log(config.clone(), log.clone());
    let text = config.text(&p::tls_server_sni_maps);
    let purpose = Purpose { files: true, ..Purpose::ADDRESSES };
    tables.maps_for(p::tls_server_sni_maps.name, &text, purpose)
}

/// The files of every line of master.cf.
fn all_files(birth: &Birth) -> Vec<IdentityFiles> {
    let mut all = Vec::new();
    for line in &birth.all_services {
        let view = match line.overrides.as_slice() {
            [] => birth.config.clone(),
            overrides => birth.config.with_overrides(overrides),
        };
        let files = match line.program.as_str() {
            "smtpd" => names::identity_files(&view, "smtpd"),
            "postscreen" => names::identity_files(&view, "postscreen"),
            "smtp" => names::identity_files(&view, "smtp"),
            "lmtp" => names::identity_files(&view, "lmtp"),
            _ => continue,
        };
        if !files.is_empty() && !all.contains(&files) {
            all.push(files);
        }
    }
    all
}

/// Says once which parameters of main.cf and master.cf are accepted and change nothing.
fn warn_of_idle_parameters(birth: &Birth) {
    let overrides = birth.all_services.iter().flat_map(|line| &line.overrides);
    let set: Vec<&str> = birth
        .config
        .names_set()
        .into_iter()
        .chain(overrides.map(|(name, _)| name.as_str()))
        .collect();
    let idle: Vec<&str> = names::IDLE.iter().copied().filter(|name| set.contains(name)).collect();
    if !idle.is_empty() {
        birth.log.warning(format_args!(
            "without effect, as this TLS library has nothing of the kind: {}",
            idle.join(", ")
        ));
    }
}

async fn serve(state: State, life: Life) {
    let mut listeners = JoinSet::new();
    for socket in state.sockets {
        let (holder, life) = (state.holder.clone(), life.clone());
        listeners.spawn(async move {
            if let Err(e) = listen(socket, &holder, life).await {
                holder.log.fatal(format_args!("listen: {}", why(&e)));
            }
        });
    }
    while listeners.join_next().await.is_some() {}
}

/// Serves until the system is reloaded, and then those that are connected: sessions of the old
/// configuration need its keys to their end.
async fn listen(socket: OwnedFd, holder: &Arc<Holder>, mut life: Life) -> std::io::Result<()> {
    let listener = StdListener::from(socket);
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = life.drained() => break,
            Some(_) = clients.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                clients.spawn(converse(holder.clone(), stream));
            }
            // Out of descriptors, perhaps.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    tokio::select! {
        () = async { while clients.join_next().await.is_some() {} } => {}
        () = life.stopped() => {}
    }
    Ok(())
}

async fn converse(holder: Arc<Holder>, stream: UnixStream) {
    let (mut to, mut from) = split::<FromTlsmgr, ToTlsmgr>(stream);
    while let Ok(Some(request)) = from.next().await {
        let answer = holder.answer(request).await;
        let over = answer == FromTlsmgr::OtherGeneration;
        if to.send(&answer).await.is_err() || over {
            return;
        }
    }
}

impl Holder {
    /// Keeps the keys; what everybody may know comes back.
    fn keep(&mut self, identities: Vec<Identity>) -> Vec<Chain> {
        let keep = |Identity { chain, key }| {
            self.keys.insert(chain.key, key);
            chain
        };
        identities.into_iter().map(keep).collect()
    }

    async fn answer(&self, request: ToTlsmgr) -> FromTlsmgr {
        match request {
            ToTlsmgr::Hello { generation } if generation == self.generation => FromTlsmgr::Welcome,
            ToTlsmgr::Hello { .. } => FromTlsmgr::OtherGeneration,
            ToTlsmgr::Identity(files) => self.identity(&files),
            ToTlsmgr::Name(name) => self.name(&name).await,
            ToTlsmgr::Sign { key, scheme, message } => self
                .sign(&key, scheme.into(), &message)
                .map_or(FromTlsmgr::NoSignature, FromTlsmgr::Signature),
        }
    }

    fn identity(&self, files: &IdentityFiles) -> FromTlsmgr {
        let (chains, complaints) = match self.identities.get(files) {
            Some(Ok(chains)) => (chains.clone(), Vec::new()),
            Some(Err(complaints)) => (Vec::new(), complaints.clone()),
            None => (Vec::new(), vec!["no service of master.cf has these key files".into()]),
        };
        FromTlsmgr::Identity { chains, complaints }
    }

    async fn name(&self, name: &str) -> FromTlsmgr {
        let pem = match names::find(&self.names, name).await {
            Ok(Some(pem)) => pem,
            Ok(None) => return FromTlsmgr::Name(Vec::new()),
            Err(text) => return FromTlsmgr::BadName(vec![text]),
        };
        if let Some(known) = self.named.read().unwrap_or_else(PoisonError::into_inner).get(name)
            && known.pem == pem
        {
            return FromTlsmgr::Name(known.chains.clone());
        }
        let identities = match keys::load_name(name, &pem) {
            Ok(identities) => identities,
            Err(complaints) => return FromTlsmgr::BadName(complaints),
        };
        let keys = identities.iter().map(|one| (one.chain.key, one.key.clone())).collect();
        let chains: Vec<_> = identities.into_iter().map(|one| one.chain).collect();
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= NAMES_MAX {
            named.clear();
        }
        named.insert(name.to_owned(), Named { pem, chains: chains.clone(), keys });
        FromTlsmgr::Name(chains)
    }

    fn key(&self, id: &KeyId) -> Option<Arc<dyn SigningKey>> {
        if let Some(key) = self.keys.get(id) {
            return Some(key.clone());
        }
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let mut keys = named.values().flat_map(|named| &named.keys);
        keys.find(|(known, _)| known == id).map(|(_, key)| key.clone())
    }

    fn sign(&self, key: &KeyId, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() > MESSAGE_MAX {
            return None;
        }
        self.key(key)?.choose_scheme(&[scheme])?.sign(message).ok()
    }
}
