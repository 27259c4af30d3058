//! `nis:` tables, see ypmatch(1). ypbind(8) on this host knows the server, ypserv(8) there has the
//! map. Both are asked in datagrams, so nothing blocks, and no library of the system has a part
//! in it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

use super::lines::show;
use super::outage::Limited;
use super::server::{Reply, Server};
use super::table::{Failure, Purpose};
use crate::log::Log;
use crate::wire::yp::{self, Program, YpError};

/// Until a question is asked again, and how often it is.
const PATIENCE: Duration = Duration::from_secs(3);
const TRIES: usize = 3;
/// After that, ypbind is asked again: it may know of a better server.
const BINDING: Duration = Duration::from_secs(300);
/// Questions of one table at a time.
const QUESTIONS: usize = 16;
/// For one of the places of [`QUESTIONS`].
const LIMIT: Duration = Duration::from_secs(60);
const PORTMAPPER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 111);

/// Keys and values end in NUL, as in [`super::indexed`].
const WITH_NUL: u8 = 1;
/// They do not.
const WITHOUT_NUL: u8 = 2;

/// A map of a NIS domain.
#[derive(Debug)]
pub struct Nis {
    domain: Vec<u8>,
    map: String,
    binding: Mutex<Option<(SocketAddr, Instant)>>,
    places: Semaphore,
    /// Which forms of keys are tried; what an answer shows is remembered.
    forms: AtomicU8,
    outage: Limited,
}

/// Why there is no answer, in Postfix's words.
#[derive(Debug)]
enum Trouble {
    Said(YpError),
    Portmapper,
    Ypbind,
    Ypserv,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Said(error) => write!(f, "{error}"),
            Self::Portmapper => f.write_str("can't communicate with portmapper"),
            Self::Ypbind => f.write_str("can't communicate with ypbind"),
            Self::Ypserv => f.write_str("can't communicate with ypserv"),
        }
    }
}

impl Nis {
    /// The map of that name in the domain of this host. Without a domain all look-ups say that
    /// nothing is there, as in Postfix.
    pub fn open(
        map: &str,
        purpose: Purpose,
        report: &mut super::lines::Report<'_>,
    ) -> Result<Self, String> {
        if map.len() > yp::MAP_MAX {
            return Err(format!("nis:{map}: the name of the map is too long"));
        }
        let name = nix::sys::utsname::uname();
        let domain = name.map(|name| name.domainname().to_os_string()).unwrap_or_default();
        let mut domain = std::os::unix::ffi::OsStringExt::into_vec(domain);
        if domain.is_empty()
            || domain.eq_ignore_ascii_case(b"(none)")
            || domain.len() > yp::DOMAIN_MAX
        {
            domain.clear();
            report("dict_nis_init: NIS domain name not set - NIS lookups disabled".to_owned());
        }
        let forms = match purpose.trailing_nul {
            Some(true) => WITH_NUL,
            Some(false) => WITHOUT_NUL,
            None => WITH_NUL | WITHOUT_NUL,
        };
        Ok(Self {
            domain,
            map: map.to_owned(),
            binding: Mutex::default(),
            places: Semaphore::new(QUESTIONS),
            forms: AtomicU8::new(forms),
            outage: Limited::default(),
        })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        // A longer key is in no map.
        if self.domain.is_empty() || key.is_empty() || key.len() >= yp::RECORD_MAX {
            return Ok(None);
        }
        let waiting = tokio::time::timeout(LIMIT, self.places.acquire());
        let asked = match waiting.await {
            Ok(Ok(_place)) => self.forms_of(key).await,
            _ => Err(Trouble::Ypserv),
        };
        asked.inspect(|_| self.outage.is_over()).map_err(|trouble| {
            let (key, domain, map) = (show(key), show(&self.domain), &self.map);
            let text = format!("lookup {key}, NIS domain {domain}, map {map}: {trouble}");
            if self.outage.begins() {
                log.warning(format_args!("{text}"));
            }
            Failure { text, config: false }
        })
    }

    /// Asks for the key in the forms that maps have.
    async fn forms_of(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        let forms = self.forms.load(Ordering::Relaxed);
        if forms & WITH_NUL != 0
            && let Some(mut value) = self.ask(&[key, b"\0"].concat()).await?
        {
            self.forms.store(WITH_NUL, Ordering::Relaxed);
            value.truncate(memchr::memchr(0, &value).unwrap_or(value.len()));
            return Ok(Some(value));
        }
        if forms & WITHOUT_NUL != 0
            && let Some(mut value) = self.ask(key).await?
        {
            self.forms.store(WITHOUT_NUL, Ordering::Relaxed);
            value.truncate(memchr::memchr(0, &value).unwrap_or(value.len()));
            return Ok(Some(value));
        }
        Ok(None)
    }

    /// Asks the server; one that does not answer any more is looked for again, once.
    async fn ask(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        let (server, is_known) = match self.bound() {
            Some(server) => (server, true),
            None => (self.bind().await?, false),
        };
        match self.ask_server(server, key).await {
            Err(Trouble::Ypserv) if is_known => {
                let server = self.bind().await?;
                self.ask_server(server, key).await
            }
            other => other,
        }
    }

    async fn ask_server(&self, server: SocketAddr, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        let question = |id| yp::ask_value(id, &self.domain, self.map.as_bytes(), key);
        let answer = talk(server, question, yp::value).await;
        if answer.is_none() {
            *self.binding.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        answer.ok_or(Trouble::Ypserv)?.map_err(Trouble::Said)
    }

    /// The server, as long as what is known of it is not old.
    fn bound(&self) -> Option<SocketAddr> {
        let binding = *self.binding.lock().unwrap_or_else(PoisonError::into_inner);
        binding.filter(|(_, since)| since.elapsed() < BINDING).map(|(server, _)| server)
    }

    /// Asks ypbind for the server.
    async fn bind(&self) -> Result<SocketAddr, Trouble> {
        let port = talk(PORTMAPPER, |id| yp::ask_port(id, Program::Ypbind), yp::port).await;
        let port = port.ok_or(Trouble::Portmapper)?.map_err(|_| Trouble::Portmapper)?;
        let ypbind = (Ipv4Addr::LOCALHOST, port.ok_or(Trouble::Ypbind)?).into();
        let server = talk(ypbind, |id| yp::ask_server(id, &self.domain), yp::server).await;
        let server = server.ok_or(Trouble::Ypbind)?.map_err(Trouble::Said)?.into();
        let binding = Some((server, Instant::now()));
        *self.binding.lock().unwrap_or_else(PoisonError::into_inner) = binding;
        Ok(server)
    }
}

/// Asks until there is an answer; none if nobody answers.
async fn talk<T>(
    server: SocketAddr,
    question: impl Fn(u32) -> Vec<u8>,
    answer: impl Fn(&[u8], u32) -> Result<T, YpError>,
) -> Option<Result<T, YpError>> {
    /// Numbers of questions; where they begin does not matter, as each has a socket of its own.
    static IDS: AtomicU32 = AtomicU32::new(1);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.ok()?;
    socket.connect(server).await.ok()?;
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    let message = question(id);
    let mut bytes = [0; 4096];
    for _ in 0..TRIES {
        socket.send(&message).await.ok()?;
        let listening = async {
            loop {
                let length = socket.recv(&mut bytes).await?;
                match answer(bytes.get(..length).unwrap_or_default(), id) {
                    Err(YpError::Other) => {}
                    answer => return Ok::<_, std::io::Error>(answer),
                }
            }
        };
        match tokio::time::timeout(PATIENCE, listening).await {
            Ok(Ok(answer)) => return Some(answer),
            // Nobody listens there.
            Ok(Err(_)) => return None,
            Err(_) => {}
        }
    }
    None
}

impl Server for Nis {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        super::client::reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
