//! The canonical name of a host, as `hostname --fqdn` finds it: what getaddrinfo(3) says for the
//! flag AI_CANONNAME, by the hosts file or DNS. It blocks.

use std::ffi::{CStr, CString};

/// The canonical name; none if the host is not known.
pub fn canonical_name(host: &str) -> Option<String> {
    let host = CString::new(host).ok()?;
    // SAFETY: addrinfo is plain data for which all zeros means "no hints".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = libc::AI_CANONNAME;
    let mut list: *mut libc::addrinfo = std::ptr::null_mut();
    // SAFETY: host is null-terminated, hints and list live through the call; a service name is
    // not given.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut list) };
    if code != 0 || list.is_null() {
        return None;
    }
    // SAFETY: getaddrinfo succeeded, so list points to its first entry, which is the one that has
    // the canonical name.
    let name = unsafe { (*list).ai_canonname };
    let name = if name.is_null() {
        None
    } else {
        // SAFETY: ai_canonname is a null-terminated text of the list.
        let text = unsafe { CStr::from_ptr(name) };
        Some(text.to_string_lossy().into_owned())
    };
    // SAFETY: list came from getaddrinfo and is freed once; the name has been copied.
    unsafe { libc::freeaddrinfo(list) };
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_its_own_name() {
        assert_eq!(canonical_name("127.0.0.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(canonical_name("no such host"), None);
        assert_eq!(canonical_name("a\0b"), None);
    }
}
