//! Host names by the system's own rules: getaddrinfo(3) and getnameinfo(3), with the hosts file
//! and whatever else nsswitch.conf names. Both block: call them off the event loop.

use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why there is no answer, with the system's words for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct NetdbError {
    /// The case.
    pub kind: NetdbErrorKind,
    /// gai_strerror(3), or that of errno.
    pub text: String,
}

/// The cases that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetdbErrorKind {
    /// EAI_NONAME: there is no such name.
    NotFound,
    /// EAI_NODATA: the name is there, without an address.
    NoData,
    /// EAI_AGAIN: try again later.
    TryAgain,
    /// EAI_SYSTEM, EAI_MEMORY: this machine has a problem; temporary.
    System,
    /// Anything else.
    Other,
}

impl NetdbError {
    fn from_code(code: i32) -> Self {
        let kind = match code {
            libc::EAI_NONAME => NetdbErrorKind::NotFound,
            libc::EAI_NODATA => NetdbErrorKind::NoData,
            libc::EAI_AGAIN => NetdbErrorKind::TryAgain,
            libc::EAI_SYSTEM | libc::EAI_MEMORY => NetdbErrorKind::System,
            _ => NetdbErrorKind::Other,
        };
        if code == libc::EAI_SYSTEM {
            let text = std::io::Error::last_os_error().to_string();
            return Self { kind, text };
        }
        // SAFETY: gai_strerror returns a pointer to a constant, null-terminated text for every
        // number.
        let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        Self { kind, text: text.to_string_lossy().into_owned() }
    }
}

/// The addresses of a host in the system's order, of the wanted families.
pub fn addresses(host: &str, v4: bool, v6: bool) -> Result<Vec<IpAddr>, NetdbError> {
    let Ok(host) = CString::new(host) else {
        return Err(NetdbError::from_code(libc::EAI_NONAME));
    };
    // SAFETY: addrinfo is plain data for which all zeros means "no hints".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = match (v4, v6) {
        (true, false) => libc::AF_INET,
        (false, true) => libc::AF_INET6,
        _ => libc::AF_UNSPEC,
    };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: host is null-terminated, hints and list live through the call; a service name is
    // not given.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if code != 0 {
        return Err(NetdbError::from_code(code));
    }
    let mut found = Vec::new();
    let mut next = list;
    while !next.is_null() {
        // SAFETY: next is an entry of the list that getaddrinfo made, not freed yet.
        let entry = unsafe { &*next };
        // SAFETY: ai_addr points to ai_addrlen bytes of the entry's family, or is null.
        if let Some(address) = unsafe { address_of(entry.ai_addr, entry.ai_addrlen) } {
            found.push(address);
        }
        next = entry.ai_next;
    }
    // SAFETY: list came from getaddrinfo and is freed once; nothing points into it any more.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

/// # Safety
///
/// `address` is null or points to `length` bytes of a socket address.
unsafe fn address_of(address: *const libc::sockaddr, length: libc::socklen_t) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    let length = length as usize;
    // SAFETY: every socket address begins with its family.
    let family = i32::from(unsafe { (*address).sa_family });
    if family == libc::AF_INET && length >= size_of::<libc::sockaddr_in>() {
        // SAFETY: family and length say that this is a sockaddr_in; it may be unaligned.
        let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
        return Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))));
    }
    if family == libc::AF_INET6 && length >= size_of::<libc::sockaddr_in6>() {
        // SAFETY: as above, for sockaddr_in6.
        let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
        return Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)));
    }
    None
}

/// The name of an address; an error if it has none.
pub fn name(address: IpAddr) -> Result<String, NetdbError> {
    let socket = socket2::SockAddr::from(SocketAddr::new(address, 0));
    let mut host = [0_u8; 1025];
    // SAFETY: socket is a valid socket address of that length; host is written up to its length
    // with a terminating null; no service is asked for.
    let code = unsafe {
        libc::getnameinfo(
            socket.as_ptr().cast(),
            socket.len(),
            host.as_mut_ptr().cast(),
            host.len() as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if code != 0 {
        return Err(NetdbError::from_code(code));
    }
    let name = CStr::from_bytes_until_nul(&host).ok().and_then(|name| name.to_str().ok());
    name.map(str::to_owned).ok_or_else(|| NetdbError::from_code(libc::EAI_NONAME))
}

/// The TCP port of a service name by the services database.
pub fn tcp_port(service: &str) -> Option<u16> {
    port(service, libc::SOCK_STREAM)
}

/// The UDP port of a service name by the services database.
pub fn udp_port(service: &str) -> Option<u16> {
    port(service, libc::SOCK_DGRAM)
}

fn port(service: &str, kind: libc::c_int) -> Option<u16> {
    let service = CString::new(service).ok()?;
    // SAFETY: addrinfo is plain data for which all zeros means "no hints".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_INET;
    hints.ai_socktype = kind;
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: as in `addresses`; the service is null-terminated, a host is not given.
    let code = unsafe { libc::getaddrinfo(std::ptr::null(), service.as_ptr(), &hints, &mut list) };
    if code != 0 || list.is_null() {
        return None;
    }
    // SAFETY: the list has at least one entry, asked for as AF_INET, whose address is a
    // sockaddr_in; it is read before the list is freed.
    let port = unsafe {
        let address = (*list).ai_addr;
        let port = (!address.is_null())
            .then(|| u16::from_be(address.cast::<libc::sockaddr_in>().read_unaligned().sin_port));
        libc::freeaddrinfo(list);
        port
    };
    port.filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_hosts_need_no_network() {
        assert_eq!(addresses("192.0.2.7", true, true), Ok(vec!["192.0.2.7".parse().unwrap()]));
        assert_eq!(addresses("::1", false, true), Ok(vec!["::1".parse().unwrap()]));
        assert!(addresses("with\0nul", true, true).is_err());
    }

    #[test]
    fn unknown_services_have_no_port() {
        assert_eq!(tcp_port("no-such-service-here"), None);
    }
}
