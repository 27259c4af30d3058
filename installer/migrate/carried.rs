//! What the configuration of a small mail system means, whatever it was written in.

use std::fmt;

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all, or as it happens.
    #[default]
    None,
    /// STARTTLS
    StartTls,
    /// From the first byte, on port 465.
    Wrapper,
}

/// A mail server that takes the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name or address.
    pub name: String,
    /// Its port; none is 25.
    pub port: Option<u16>,
}

impl fmt::Display for Host {
    /// As relayhost has it: no MX look-up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Host {
    /// `name`, `name:port`, `[address]:port`.
    pub fn parse(text: &str) -> Self {
        let inside = |text: &str| text.trim_matches(['[', ']']).to_owned();
        match text.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
            // An IPv6 address has colons of its own.
            Some((name, Ok(port))) if name.starts_with('[') || !name.contains(':') => {
                Self { name: inside(name), port: Some(port) }
            }
            _ => Self { name: inside(text), port: None },
        }
    }
}

/// Where mail goes, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The server.
    pub host: Host,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Login name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
}

impl Account {
    /// Login name and password, if both are known.
    pub fn credentials(&self) -> Option<String> {
        Some(format!("{}:{}", self.user.as_ref()?, self.password.as_ref()?))
    }
}

/// What is carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Where mail goes: the first, then those that are tried when it is away.
    pub accounts: Vec<Account>,
    /// Accounts for senders of their own: sender and account.
    pub by_sender: Vec<(String, Account)>,
    /// The domain that completes addresses.
    pub origin: Option<String>,
    /// What the machine calls itself.
    pub hostname: Option<String>,
    /// Whose mail goes to whom: `root` and its like.
    pub recipients: Vec<(String, String)>,
    /// Everybody on this machine gets mail there.
    pub everybody: Option<String>,
    /// Senders that are rewritten: local name and address.
    pub senders: Vec<(String, String)>,
    /// Every sender is rewritten to this address.
    pub all_from: Option<String>,
    /// Certificates of authorities that a server must have.
    pub ca_file: Option<String>,
    /// Whether the server's certificate must be good.
    pub verify: bool,
    /// Our own certificate and key.
    pub certificate: Option<(String, String)>,
    /// What could not be carried over, and what to do about it.
    pub left: Vec<String>,
}
