//! Connections that wait for further mail to the same place, for a short while: what scache(8) is
//! in Postfix, within the process.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::connection::Connection;

/// A server as one master.cf line sees it: its address and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Which master.cf line.
    pub service: usize,
    /// Address or path.
    pub address: String,
    /// TCP port; zero for UNIX sockets.
    pub port: u16,
    /// The next hop, if we have logged in for it: then nobody else may use the connection.
    pub login: Option<String>,
    /// The key of its TLS policy: who asks for more does not get less.
    pub policy: String,
}

/// A next hop as one master.cf line sees it.
pub type Destination = (usize, String);

/// The connections that wait.
#[derive(Debug, Default)]
pub struct Idle {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: HashMap<Endpoint, Vec<Waiting>>,
    /// The server that the first good connection for a next hop led to.
    destinations: HashMap<Destination, Bound>,
}

#[derive(Debug)]
struct Bound {
    endpoint: Endpoint,
    best_mx: bool,
    until: Instant,
}

#[derive(Debug)]
struct Waiting {
    connection: Connection,
    until: Instant,
}

impl Idle {
    /// A connection for a next hop.
    pub fn for_destination(&self, destination: &Destination) -> Option<Connection> {
        let mut inner = self.inner.lock().ok()?;
        let bound = inner.destinations.get(destination)?;
        let (endpoint, best_mx) = (bound.endpoint.clone(), bound.best_mx);
        let mut connection = inner.take(&endpoint)?;
        connection.best_mx = best_mx;
        Some(connection)
    }

    /// A connection with a server.
    pub fn for_endpoint(&self, endpoint: &Endpoint) -> Option<Connection> {
        self.inner.lock().ok()?.take(endpoint)
    }

    /// Whether one is there for a server, whatever it was made for.
    pub fn has(&self, service: usize, address: &str, port: u16) -> bool {
        let is_there =
            |one: &Endpoint| one.port == port && one.service == service && one.address == address;
        self.inner.lock().is_ok_and(|inner| inner.waiting.keys().any(is_there))
    }

    /// Keeps a connection for `time`; under the next hop too, if one is given.
    pub fn keep(
        &self,
        connection: Connection,
        endpoint: Endpoint,
        destination: Option<Destination>,
        time: Duration,
    ) {
        let Ok(mut inner) = self.inner.lock() else { return };
        let until = Instant::now() + time;
        if let Some(destination) = destination {
            let best_mx = connection.best_mx;
            let endpoint = endpoint.clone();
            inner.destinations.insert(destination, Bound { endpoint, best_mx, until });
        }
        inner.waiting.entry(endpoint).or_default().push(Waiting { connection, until });
    }

    /// Closes what has waited long enough; returns whether anything is left.
    pub fn sweep(&self) -> bool {
        let Ok(mut inner) = self.inner.lock() else { return false };
        let now = Instant::now();
        inner.waiting.retain(|_, waiting| {
            waiting.retain(|one| one.until > now);
            !waiting.is_empty()
        });
        inner.destinations.retain(|_, bound| bound.until > now);
        !inner.waiting.is_empty()
    }
}

impl Inner {
    /// The one that has waited least: it is the most likely to be good.
    fn take(&mut self, endpoint: &Endpoint) -> Option<Connection> {
        let waiting = self.waiting.get_mut(endpoint)?;
        let now = Instant::now();
        while let Some(mut one) = waiting.pop() {
            if one.until > now && !one.connection.is_disturbed() {
                return Some(one.connection);
            }
        }
        self.waiting.remove(endpoint);
        None
    }
}
