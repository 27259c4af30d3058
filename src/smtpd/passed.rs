//! A client that postscreen hands to smtpd, in the same connection.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::tls::{Facts, Stream};

/// The client.
#[derive(Debug)]
pub struct Passed {
    /// Its connection; nothing has been taken from it that smtpd should see.
    pub stream: Stream,
    /// Where it has connected from, as its proxy says.
    pub remote: SocketAddr,
    /// Where it has connected to.
    pub local: SocketAddr,
    /// The dialogue with the built-in engine, if there was one.
    pub replay: Option<Box<Replay>>,
}

/// A dialogue that smtpd goes on with.
#[derive(Debug)]
pub struct Replay {
    /// The connection is encrypted like this.
    pub tls: Option<Arc<Facts>>,
    /// The commands that count: HELO or EHLO, MAIL, and RCPT, which has no reply yet.
    pub commands: Vec<Vec<u8>>,
    /// What has come behind them.
    pub rest: Vec<u8>,
}
