//! Clients that another program hands over at a `pass` service of master.cf: first the descriptor of the
//! connection, with SCM_RIGHTS, then a list of Postfix's attributes that says between which addresses it
//! goes. An empty list leaves that to the socket. Postfix's own postscreen speaks so to its smtpd.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::accept::Client;
use crate::sys::descriptors;
use crate::tls::{Socket, Stream};
use crate::wire::attr::{self, Item};

/// How long the other program may take for each half, as in Postfix.
const PATIENCE: Duration = Duration::from_secs(100);

/// Longest list of attributes that is read, in bytes.
const LIST_MAX: usize = 4096;

type Addresses = (SocketAddr, SocketAddr);

/// Receives the connection that is handed over by `client`. The error is for the log; whoever waits at
/// the other end of the connection sees it closed.
pub async fn receive(client: Client) -> Result<Client, String> {
    let Stream::Plain(Socket::Unix(mut giver)) = client.stream else {
        return Err("cannot receive file descriptor: not a UNIX socket".into());
    };
    let descriptor = match timeout(PATIENCE, descriptor(&giver)).await {
        Ok(Ok(descriptor)) => descriptor,
        Ok(Err(e)) => return Err(format!("cannot receive file descriptor: {e}")),
        Err(_) => return Err("timeout receiving file descriptor".into()),
    };
    let said = match timeout(PATIENCE, addresses(&mut giver)).await {
        Ok(Ok(said)) => said,
        Ok(Err(e)) => return Err(format!("cannot receive connection attributes: {e}")),
        Err(_) => return Err("timeout receiving connection attributes".into()),
    };
    let (stream, own) =
        connection(descriptor).map_err(|e| format!("cannot use the file descriptor: {e}"))?;
    let addresses = said.or(own);
    Ok(Client { stream, addresses, screened: said.is_some(), replay: None })
}

async fn descriptor(giver: &UnixStream) -> io::Result<OwnedFd> {
    loop {
        giver.readable().await?;
        match giver.try_io(Interest::READABLE, || descriptors::receive(giver.as_fd())) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

/// Client and server address, if the list has them.
async fn addresses(giver: &mut UnixStream) -> io::Result<Option<Addresses>> {
    let mut list = Vec::new();
    loop {
        if let Some(found) = parse(&list)? {
            return Ok(found);
        }
        if list.len() >= LIST_MAX {
            return Err(invalid("they are too long"));
        }
        if giver.read_buf(&mut list).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What a list says; none if it has no end yet.
fn parse(mut list: &[u8]) -> io::Result<Option<Option<Addresses>>> {
    let names = ["client_address", "client_port", "server_address", "server_port"];
    let mut values: [Option<String>; 4] = Default::default();
    while let Some((item, used)) = attr::take(list).map_err(|e| invalid(&e.to_string()))? {
        list = list.get(used..).unwrap_or_default();
        let Item::Attribute(name, value) = item else {
            let [client, client_port, server, server_port] = values;
            if client.is_none() {
                return Ok(Some(None));
            }
            let address = |address: Option<String>, port: Option<String>| {
                let ip: IpAddr = address?.parse().ok()?;
                Some(SocketAddr::new(ip.to_canonical(), port?.parse().ok()?))
            };
            return address(client, client_port)
                .zip(address(server, server_port))
                .map(|found| Some(Some(found)))
                .ok_or_else(|| invalid("an address or port is missing or malformed"));
        };
        if let Some(place) = names.iter().position(|known| *known == name)
            && let Some(slot) = values.get_mut(place)
        {
            *slot = Some(value);
        }
    }
    Ok(None)
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// The connection, and the addresses that its socket knows.
fn connection(descriptor: OwnedFd) -> io::Result<(Stream, Option<Addresses>)> {
    let socket = socket2::Socket::from(descriptor);
    socket.set_nonblocking(true)?;
    let local = socket.local_addr()?;
    if local.is_unix() {
        return Ok((UnixStream::from_std(socket.into())?.into(), None));
    }
    let own = socket.peer_addr()?.as_socket().zip(local.as_socket());
    socket.set_tcp_nodelay(true)?;
    Ok((TcpStream::from_std(socket.into())?.into(), own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        let list = b"client_address\x00192.0.2.9\0client_port\x001234\0server_address\0::1\0server_port\x0025\0\0";
        let found = parse(list).unwrap().unwrap().unwrap();
        assert_eq!(found, ("192.0.2.9:1234".parse().unwrap(), "[::1]:25".parse().unwrap()));
        assert!(parse(b"").unwrap().is_none());
        assert!(parse(b"client_address\x00192.0.2.9\0").unwrap().is_none());
        assert_eq!(parse(b"\0").unwrap(), Some(None));
        assert!(parse(b"client_address\0x\0\0").is_err());
        assert!(parse(b"client_address\x00192.0.2.9\0\0").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
