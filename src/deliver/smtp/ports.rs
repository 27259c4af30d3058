//! TCP ports by number, by `known_tcp_ports`, or by the services database.

use std::collections::HashMap;

/// `known_tcp_ports`: names with a port that the system need not know.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    known: HashMap<String, String>,
}

/// A service without a port, in the words of the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum NoPort {
    #[error("bad network port: {0} for destination: {1}")]
    Number(String, String),
    #[error("unknown service: {0}/tcp")]
    Name(String),
}

impl Ports {
    /// Parses `lmtp=24, smtps=submissions=465`: all names before the last `=` have that port.
    pub fn parse(text: &str) -> Self {
        let mut known = HashMap::new();
        for entry in text.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty()) {
            if let Some((names, port)) = entry.rsplit_once('=') {
                known.extend(names.split('=').map(|name| (name.to_owned(), port.to_owned())));
            }
        }
        Self { known }
    }

    /// The port of `service`, for mail to `destination`.
    pub fn port(&self, service: &str, destination: &str) -> Result<u16, NoPort> {
        let service = self.known.get(service).map_or(service, String::as_str);
        if service.bytes().all(|b| b.is_ascii_digit()) {
            return match service.parse() {
                Ok(0) | Err(_) => Err(NoPort::Number(service.into(), destination.into())),
                Ok(port) => Ok(port),
            };
        }
        crate::sys::netdb::tcp_port(service).ok_or_else(|| NoPort::Name(service.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let ports = Ports::parse("lmtp=24, smtp=25 smtps=submissions=465");
        assert_eq!(ports.port("lmtp", ""), Ok(24));
        assert_eq!(ports.port("submissions", ""), Ok(465));
        assert_eq!(ports.port("2525", ""), Ok(2525));
        assert!(ports.port("0", "x").is_err());
        assert!(ports.port("70000", "x").is_err());
        assert!(ports.port("no-such-service-at-all", "x").is_err());
    }
}
