//! What is known about an encrypted connection: for the log, the `Received:` header, access
//! checks, policy servers and milters.

use std::fmt::{self, Write as _};

/// An encrypted connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `TLSv1.3`
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher suite.
    pub cipher: &'static str,
    /// Secret bits of the cipher; the algorithm has as many.
    pub bits: u16,
    /// How the secret was agreed on: `X25519MLKEM768`, `ECDHE (prime256v1)`. Empty before
    /// TLS 1.3.
    pub key_exchange: &'static str,
    /// How the server proved its identity; none for a session that was resumed.
    pub server_signature: Option<Signature>,
    /// The same for the client.
    pub client_signature: Option<Signature>,
    /// An earlier session was resumed.
    pub resumed: bool,
    /// The certificate that the peer has shown, and has the key of.
    pub peer: Option<PeerCertificate>,
    /// The server name that the client asked for, where certificates depend on it.
    pub server_name: Option<String>,
}

/// How one side proved that it has the key of its certificate (TLS 1.3 only).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `RSA-PSS`, `ECDSA`, `ED25519`
    pub name: &'static str,
    /// `2048 bits` or the name of the curve; may be empty.
    pub detail: String,
    /// `SHA256`; empty where the algorithm brings its own.
    pub digest: &'static str,
}

/// A peer's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Common name of the subject; empty if there is none that can be shown.
    pub subject: String,
    /// Common name of the issuer, or its organization.
    pub issuer: String,
    /// Digest of the certificate, `AA:BB:…`.
    pub fingerprint: String,
    /// Digest of its public key.
    pub key_fingerprint: String,
    /// A certification authority that we trust vouches for it.
    pub trusted: bool,
    /// Why not, if so.
    pub trouble: Trouble,
    /// It has the name or fingerprint that the policy asks for.
    pub matched: bool,
    /// The policy asked for that: its peer is `Verified` in the log.
    pub secured: bool,
}

/// Why a certificate is not trusted, as far as TLS reports tell such reasons apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// It is.
    #[default]
    None,
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// It was issued by somebody unknown.
    Issuer,
    /// Its time is over.
    Expired,
    /// It is not what a policy lists.
    Policy,
    /// Something else.
    Other,
}

/// Which end we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer has connected to us.
    Server,
    /// We have connected.
    Client,
}

impl Facts {
    /// How much is known about the peer, as the log says it.
    pub const fn standing(&self) -> &'static str {
        match &self.peer {
            None => "Anonymous",
            Some(peer) if peer.secured && peer.trusted && peer.matched => "Verified",
            Some(peer) if peer.trusted => "Trusted",
            Some(_) => "Untrusted",
        }
    }

    /// The certificate, if a trusted authority vouches for it.
    pub fn trusted_peer(&self) -> Option<&PeerCertificate> {
        self.peer.as_ref().filter(|peer| peer.trusted)
    }

    /// The log line of a connection: `… TLS connection established from …`. `reused`: the
    /// connection has carried mail before.
    pub fn summary(&self, role: Role, peer: &str, reused: bool) -> String {
        let direction = if role == Role::Client { "to" } else { "from" };
        let what = if reused { "reused" } else { "established" };
        let mut line = format!("{} TLS connection {what} {direction} {peer}", self.standing());
        if let Some(name) = &self.server_name {
            let _ = write!(line, " to {name}");
        }
        let _ = write!(line, ": {}", self.cipher_text());
        for part in [self.key_exchange_text(), self.client_signature_text()].into_iter().flatten() {
            let _ = write!(line, " {part}");
        }
        line
    }

    /// `TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)`
    pub fn cipher_text(&self) -> String {
        let Self { protocol, cipher, bits, .. } = self;
        format!("{protocol} with cipher {cipher} ({bits}/{bits} bits)")
    }

    /// `key-exchange … server-signature …`
    pub fn key_exchange_text(&self) -> Option<String> {
        let mut text = String::new();
        if !self.key_exchange.is_empty() {
            let _ = write!(text, "key-exchange {}", self.key_exchange);
        }
        if let Some(signature) = &self.server_signature {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{gap}server-signature {signature}");
            if !signature.digest.is_empty() {
                let _ = write!(text, " server-digest {}", signature.digest);
            }
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// `client-signature …`
    pub fn client_signature_text(&self) -> Option<String> {
        let signature = self.client_signature.as_ref()?;
        let mut text = format!("client-signature {signature}");
        if !signature.digest.is_empty() {
            let _ = write!(text, " client-digest {}", signature.digest);
        }
        Some(text)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            protocol: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384",
            bits: 256,
            key_exchange: "X25519MLKEM768",
            server_signature: Some(Signature {
                name: "RSA-PSS",
                detail: "2048 bits".into(),
                digest: "SHA256",
            }),
            ..Facts::default()
        }
    }

    #[test]
    fn the_log_line() {
        let facts = facts();
        assert_eq!(
            facts.summary(Role::Server, "client.example[192.0.2.1]", false),
            "Anonymous TLS connection established from client.example[192.0.2.1]: TLSv1.3 with \
             cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519MLKEM768 \
             server-signature RSA-PSS (2048 bits) server-digest SHA256"
        );
    }

    #[test]
    fn standing_grows_with_what_is_known() {
        let mut facts = facts();
        facts.peer = Some(PeerCertificate::default());
        assert_eq!(facts.standing(), "Untrusted");
        assert!(facts.trusted_peer().is_none());
        facts.peer = Some(PeerCertificate { trusted: true, ..PeerCertificate::default() });
        assert_eq!(facts.standing(), "Trusted");
        facts.peer = Some(PeerCertificate {
            trusted: true,
            matched: true,
            secured: true,
            ..PeerCertificate::default()
        });
        assert_eq!(facts.standing(), "Verified");
    }

    #[test]
    fn ed25519_has_no_digest() {
        let signature = Signature { name: "ED25519", detail: String::new(), digest: "" };
        let facts = Facts { client_signature: Some(signature), ..Facts::default() };
        assert_eq!(facts.client_signature_text().unwrap(), "client-signature ED25519");
        assert_eq!(facts.key_exchange_text(), None);
    }
}
