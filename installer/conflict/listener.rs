//! Who serves port 25? /proc/net/tcp says on which addresses, and the descriptors of the processes
//! say who holds the socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::processes::is_ours;
use super::{Evidence, catalogue};

/// A socket that listens on port 25.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address.
    pub address: IpAddr,
    /// The process that holds it, if that can be seen, and its name.
    pub process: Option<(u32, String)>,
    /// Whether that is postfix-rs.
    pub ours: bool,
}

/// Whoever listens on port 25, postfix-rs included.
pub fn port_25() -> Vec<Listener> {
    let text =
        |name: &str| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let mut sockets = sockets(&text("tcp"), 25);
    sockets.extend(self::sockets(&text("tcp6"), 25));
    if sockets.is_empty() {
        return Vec::new();
    }
    let holders = holders(&sockets.iter().map(|(_, inode)| *inode).collect::<Vec<_>>());
    sockets
        .into_iter()
        .map(|(address, inode)| {
            let pid = holders.iter().find(|(held, _)| *held == inode).map(|(_, pid)| *pid);
            let program = pid.and_then(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok());
            let process = pid.map(|pid| (pid, name(pid)));
            Listener { address, process, ours: is_ours(program.as_deref()) }
        })
        .collect()
}

/// Listeners that are not ours.
pub(super) fn find() -> Vec<(String, Evidence)> {
    let others = port_25().into_iter().filter(|listener| !listener.ours);
    others
        .map(|listener| {
            let (pid, name) = listener.process.unzip();
            let known = name.as_deref().and_then(|name| match name {
                "master" => catalogue::by_name("postfix"),
                name => catalogue::by_program(name),
            });
            let title = known.map(|agent| agent.name.to_owned()).or_else(|| name.clone());
            let address = listener.address.to_string();
            (title.unwrap_or_else(|| "port 25".into()), Evidence::Listener { address, pid, name })
        })
        .collect()
}

/// Address and inode of the sockets of /proc/net/tcp or tcp6 that listen on that port.
fn sockets(table: &str, port: u16) -> Vec<(IpAddr, u64)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, at) = fields.get(1)?.split_once(':')?;
            let listens = *fields.get(3)? == "0A";
            let wanted = listens && u16::from_str_radix(at, 16).ok()? == port;
            let inode = fields.get(9)?.parse().ok()?;
            wanted.then(|| Some((parse_address(address)?, inode))).flatten()
        })
        .collect()
}

/// Words of 32 bits in the machine's byte order, in hexadecimal.
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for place in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(place..place + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

/// Which processes hold the sockets with these inodes, as far as we may look.
fn holders(inodes: &[u64]) -> Vec<(u64, u32)> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<(u64, u32)> = Vec::new();
    for pid in pids {
        let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for descriptor in descriptors.flatten() {
            if let Ok(target) = std::fs::read_link(descriptor.path())
                && let Some(inode) = socket_inode(&target).filter(|inode| inodes.contains(inode))
                && !found.iter().any(|(held, _)| *held == inode)
            {
                found.push((inode, pid));
            }
        }
    }
    found
}

fn socket_inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn name(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        \x20  0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0 100 0 0 10 0\n\
        \x20  1: 0100007F:0019 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1235 1 0 100 0 0 10 0\n\
        \x20  2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1236 1 0 100 0 0 10 0\n";
    const TCP6: &str =
        "head\n   0: 00000000000000000000000001000000:0019 0:0 0A 0:0 0:0 0 0 0 77 1\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn tables() {
        assert_eq!(sockets(TCP, 25), [("127.0.0.1".parse().unwrap(), 1234)]);
        assert_eq!(sockets(TCP6, 25), [("::1".parse().unwrap(), 77)]);
        assert_eq!(sockets("garbage\n\n x y z\n 0: zz:0019 a 0A b c d e f g h\n", 25), []);
    }

    #[test]
    fn a_socket_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let found = sockets(&text, port);
        let [(address, inode)] = found.as_slice() else { panic!("{found:?}") };
        assert!(address.is_loopback());
        assert_eq!(holders(&[*inode]), [(*inode, std::process::id())]);
    }
}
