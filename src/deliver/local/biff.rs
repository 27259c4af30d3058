//! `biff`: a packet to the comsat service of this machine says that there is new mail, and where in
//! the mailbox it begins; whoever has asked for it with biff(1) sees its first lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::config::Config;
use crate::log::Log;
use crate::sys::netdb;

/// The name of comsat's port in the services database.
const SERVICE: &str = "biff";

/// The way to comsat.
#[derive(Debug)]
pub(super) struct Biff {
    host: IpAddr,
}

impl Biff {
    pub(super) fn new(config: &Config) -> Self {
        let host = match config.protocols().v4 {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        };
        Self { host }
    }

    /// Tells of mail for `user` that begins at `place` in the mailbox. Whether anybody listens
    /// does not matter.
    pub(super) fn notify(&self, log: &Log, user: &str, place: u64) {
        let Some(port) = netdb::udp_port(SERVICE) else {
            log.warning(format_args!(
                "lookup failed for host 'localhost' or service '{SERVICE}': Servname not supported \
                 for ai_socktype"
            ));
            return;
        };
        let message = format!("{user}@{place}\0");
        let sent = UdpSocket::bind((self.host, 0))
            .and_then(|socket| socket.send_to(message.as_bytes(), (self.host, port)));
        if let Err(e) = sent {
            log.warning(format_args!("biff_notify: {}", crate::config::why(&e)));
        }
    }
}
