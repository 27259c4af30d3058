//! Descriptors that change hands: sent over UNIX sockets, inherited at start, limits.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Sends one descriptor, with one byte for it to travel on.
pub fn send(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [descriptor.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::empty(), None)?;
    Ok(())
}

/// Receives what [`send`] sent; the descriptor is closed on exec.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut iov = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut iov, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = part
            && let Some(fd) = fds.first()
        {
            // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
            return Ok(unsafe { OwnedFd::from_raw_fd(*fd) });
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "no descriptor came along"))
}

/// Takes over standard input as a descriptor of its own and puts /dev/null in its place: that is
/// where a new process finds the socket to master.
pub fn take_stdin() -> io::Result<OwnedFd> {
    let taken = io::stdin().as_fd_owned()?;
    let null = std::fs::File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(taken)
}

trait Duplicate {
    fn as_fd_owned(&self) -> io::Result<OwnedFd>;
}

impl Duplicate for io::Stdin {
    fn as_fd_owned(&self) -> io::Result<OwnedFd> {
        use std::os::fd::AsFd as _;
        self.as_fd().try_clone_to_owned()
    }
}

/// What programs of others expect as the limit of open descriptors: some close all that there may
/// be, one by one.
const USUAL_LIMIT: u64 = 1024;

/// Brings the limit of open descriptors back to what is usual. Only system calls: it may be called
/// between fork and exec.
pub fn lower_limit() -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(USUAL_LIMIT), hard)?;
    Ok(())
}

/// Raises the limit of open descriptors to what the system allows; returns it.
pub fn raise_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 256 };
    let wanted = hard.min(1 << 20);
    if soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        return wanted;
    }
    soft
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_travels() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut passed_peer, passed) = UnixStream::pair().unwrap();
        send(here.as_fd(), passed.as_fd()).unwrap();
        drop(passed);
        let mut received = UnixStream::from(receive(there.as_fd()).unwrap());
        received.write_all(b"x").unwrap();
        let mut byte = [0];
        passed_peer.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }
}
