//! The bytes of one connection, plain or encrypted, over the network or a UNIX socket.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
#[derive(Debug)]
pub enum Socket {
    /// Internet.
    Tcp(TcpStream),
    /// A UNIX socket.
    Unix(UnixStream),
}

/// What carries the bytes of a session.
#[derive(Debug, Default)]
pub enum Stream {
    /// As they are.
    Plain(Socket),
    /// Encrypted.
    #[cfg(feature = "ssl")]
    Tls(Box<tokio_rustls::TlsStream<Socket>>),
    /// Nothing any more: a handshake has taken the socket and failed.
    #[default]
    Gone,
}

impl Stream {
    /// Our own address, as long as nothing is encrypted; none for UNIX sockets.
    pub fn own_address(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Plain(Socket::Tcp(stream)) => stream.local_addr().ok().map(|own| own.ip()),
            _ => None,
        }
    }
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        Self::Plain(socket)
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(Socket::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Plain(Socket::Unix(stream))
    }
}

impl Stream {
    /// Takes the socket out of a plain stream, for a handshake. What is left is [`Stream::Gone`].
    pub fn take_socket(&mut self) -> Option<Socket> {
        match std::mem::take(self) {
            Self::Plain(socket) => Some(socket),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Whether bytes are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        #[cfg(feature = "ssl")]
        return matches!(self, Self::Tls(_));
        #[cfg(not(feature = "ssl"))]
        return false;
    }

    /// The certificates that the peer has shown, DER, its own first.
    pub fn peer_certificates(&self) -> Vec<&[u8]> {
        match self {
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => {
                let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
                shown.iter().map(AsRef::as_ref).collect()
            }
            Self::Plain(_) | Self::Gone => Vec::new(),
        }
    }

    /// Reads what is there without waiting; nothing there is an error of kind `WouldBlock`. Asks
    /// the kernel, not the runtime, which may not have heard yet.
    pub fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.receive(into),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => match tls.as_mut() {
                tokio_rustls::TlsStream::Server(tls) => {
                    let (socket, session) = tls.get_mut();
                    read_session(socket, session, into)
                }
                tokio_rustls::TlsStream::Client(tls) => {
                    let (socket, session) = tls.get_mut();
                    read_session(socket, session, into)
                }
            },
            Self::Gone => Ok(0),
        }
    }

    /// Writes as far as it goes without waiting.
    pub fn write_now(&mut self, bytes: &[u8]) {
        let mut context = Context::from_waker(Waker::noop());
        // A last word: nobody can be told that it did not get through.
        let _ = Pin::new(&mut *self).poll_write(&mut context, bytes);
        let _ = Pin::new(self).poll_flush(&mut context);
    }

    /// Tells the peer that no more will come, as far as that goes without waiting.
    pub fn end_now(&mut self) {
        #[cfg(feature = "ssl")]
        if let Self::Tls(tls) = self {
            tls.get_mut().1.send_close_notify();
        }
        self.write_now(b"");
    }

    /// Whether the peer has sent something that has not been read. Asks the kernel; under TLS
    /// that may also be something other than data.
    pub fn has_input(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.has_input(),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => {
                let (socket, session) = tls.get_ref();
                // rustls wants nothing to be read while it has plaintext for us.
                !session.wants_read() || socket.has_input()
            }
            Self::Gone => false,
        }
    }
}

/// Reads from a socket without waiting.
#[cfg(feature = "ssl")]
struct Now<'a>(&'a Socket);

#[cfg(feature = "ssl")]
impl io::Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.receive(into)
    }
}

#[cfg(feature = "ssl")]
fn read_session<Side: rustls::SideData>(
    socket: &Socket,
    session: &mut rustls::ConnectionCommon<Side>,
    into: &mut [u8],
) -> io::Result<usize> {
    use std::io::Read as _;
    if session.wants_read() {
        session.read_tls(&mut Now(socket))?;
        session.process_new_packets().map_err(io::Error::other)?;
    }
    session.reader().read(into)
}

impl Socket {
    fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        use std::io::Read as _;
        match self {
            Self::Tcp(tcp) => (&*socket2::SockRef::from(tcp)).read(into),
            Self::Unix(unix) => (&*socket2::SockRef::from(unix)).read(into),
        }
    }

    fn has_input(&self) -> bool {
        let mut byte = [MaybeUninit::<u8>::uninit()];
        let peeked = match self {
            Self::Tcp(tcp) => socket2::SockRef::from(tcp).peek(&mut byte),
            Self::Unix(unix) => socket2::SockRef::from(unix).peek(&mut byte),
        };
        peeked.is_ok_and(|count| count > 0)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Unix(unix) => Pin::new(unix).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Unix(unix) => Pin::new(unix).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(context, slices),
            Self::Unix(unix) => Pin::new(unix).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Unix(unix) => Pin::new(unix).poll_shutdown(context),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(context, bytes),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            #[cfg(feature = "ssl")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reading_now_does_not_wait() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Stream::from(ours), Stream::from(theirs));
        let mut room = [0; 8];
        let nothing = ours.read_now(&mut room).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert!(!ours.has_input() && !ours.is_encrypted());
        theirs.write_now(b"abc");
        assert!(ours.has_input());
        assert_eq!(ours.read_now(&mut room).unwrap(), 3);
    }

    #[tokio::test]
    async fn a_socket_is_taken_once() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut stream = Stream::from(ours);
        assert!(stream.take_socket().is_some());
        assert!(stream.take_socket().is_none());
        assert_eq!(stream.read_now(&mut [0; 8]).unwrap(), 0);
    }
}
