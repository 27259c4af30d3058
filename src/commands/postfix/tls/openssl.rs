//! openssl(1): makes keys, certificates and requests, and takes public keys out of both.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use sha2::Digest as _;

use super::Outcome;
use crate::config::{Config, parameters as p, why};

/// The kinds of keys that servers use side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rsa,
    Ecdsa,
}

impl Algorithm {
    pub(super) const ALL: [Self; 2] = [Self::Rsa, Self::Ecdsa];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ecdsa => "ecdsa",
        }
    }

    /// What files of such keys begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Rsa => "",
            Self::Ecdsa => "ec",
        }
    }

    pub(super) fn key_parameter(self) -> &'static str {
        match self {
            Self::Rsa => "smtpd_tls_key_file",
            Self::Ecdsa => "smtpd_tls_eckey_file",
        }
    }

    pub(super) fn certificate_parameter(self) -> &'static str {
        match self {
            Self::Rsa => "smtpd_tls_cert_file",
            Self::Ecdsa => "smtpd_tls_eccert_file",
        }
    }
}

/// A public key as certificates have it: SubjectPublicKeyInfo, DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey(Vec<u8>);

/// Object identifiers as they stand in it: rsaEncryption and id-ecPublicKey (RFC 3279).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

impl PublicKey {
    /// From what openssl(1) prints.
    fn from_pem(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let inside = text.split_once("-----BEGIN PUBLIC KEY-----")?.1;
        let inside = inside.split_once("-----END PUBLIC KEY-----")?.0;
        let packed: String = inside.split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(packed).ok().map(Self)
    }

    /// Its kind.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let has = |wanted: &[u8]| self.0.windows(wanted.len()).take(16).any(|part| part == wanted);
        if has(RSA) {
            return Some(Algorithm::Rsa);
        }
        has(EC).then_some(Algorithm::Ecdsa)
    }

    /// SHA2-256 of it, in hexadecimal: TLSA records `3 1 1`.
    pub(super) fn digest(&self) -> String {
        sha2::Sha256::digest(&self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The program.
#[derive(Debug)]
pub(super) struct OpenSsl {
    path: String,
}

/// Keys with a passphrase are of no use to a server: instead of asking for it, this one is tried.
const NO_PASSPHRASE: &[&str] = &["-passin", "pass:"];

impl OpenSsl {
    pub(super) fn of(config: &Config) -> Self {
        Self { path: config.text(&p::openssl_path) }
    }

    /// What it prints.
    fn run(&self, words: &[&str], input: &str) -> Outcome<Vec<u8>> {
        let failed = |e: &std::io::Error| {
            let path = &self.path;
            format!("No working openssl(1) command found with 'openssl_path = {path}': {}", why(e))
        };
        let mut child = Command::new(&self.path)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may know enough before it has read all.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|e| failed(&e))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or_default();
        Err(format!("{} {}: {said} ({})", self.path, words.join(" "), output.status))
    }

    /// The public half of a private key.
    pub(super) fn public_key(&self, key: &Path) -> Outcome<PublicKey> {
        let file = key.display().to_string();
        let words = [&["pkey", "-in", &file, "-pubout"], NO_PASSPHRASE].concat();
        let made = self.run(&words, "").ok().and_then(|pem| PublicKey::from_pem(&pem));
        made.ok_or_else(|| format!("no private key found in file: {file}"))
    }

    /// The key that a certificate is about: the first one of the file.
    pub(super) fn certified_key(&self, certificate: &Path) -> Outcome<PublicKey> {
        let file = certificate.display().to_string();
        let made = self.run(&["x509", "-pubkey", "-noout", "-in", &file], "").ok();
        let made = made.and_then(|pem| PublicKey::from_pem(&pem));
        made.ok_or_else(|| "error computing certificate public key digest".to_owned())
    }

    /// Writes a new private key into a file of its own.
    pub(super) fn create_key(&self, algorithm: Algorithm, bits: &str, file: &Path) -> Outcome<()> {
        let words = match algorithm {
            Algorithm::Rsa => vec!["genrsa", bits],
            Algorithm::Ecdsa => {
                vec!["ecparam", "-param_enc", "named_curve", "-genkey", "-noout", "-name", bits]
            }
        };
        let kind = algorithm.word();
        let pem = self
            .run(&words, "")
            .map_err(|why| format!("error generating new {kind} {bits} private key: {why}"))?;
        secret(file, &pem)
    }

    /// Copies a private key, without its passphrase.
    pub(super) fn copy_key(&self, from: &Path, algorithm: Algorithm, to: &Path) -> Outcome<()> {
        let found = self.public_key(from)?.algorithm();
        if found != Some(algorithm) {
            let found = found.map_or("unknown", Algorithm::word);
            let wanted = algorithm.word();
            let from = from.display();
            return Err(format!("Key algorithm '{found}' of '{from}' is not '{wanted}'"));
        }
        let file = from.display().to_string();
        secret(to, &self.run(&[&["pkey", "-in", &file], NO_PASSPHRASE].concat(), "")?)
    }

    /// Writes a certificate that the key signs itself, for a hundred years: only its key counts.
    pub(super) fn self_signed(&self, key: &Path, names: &[String], to: &Path) -> Outcome<()> {
        let common = common_name(names);
        let (key, to) = (key.display().to_string(), to.display().to_string());
        let words = [
            "req",
            "-x509",
            "-config",
            "/proc/self/fd/0",
            "-new",
            "-key",
            &key,
            "-subj",
            &common,
            "-days",
            "36525",
            "-out",
            &to,
        ];
        let input =
            request_configuration("x509_extensions", "basicConstraints = CA:false\n", names)?;
        self.run(&words, &input)
            .map(drop)
            .map_err(|why| format!("error generating self-signed SSL certificate: {why}"))
    }

    /// A certificate signing request, as PEM.
    pub(super) fn request(&self, key: &Path, names: &[String]) -> Outcome<String> {
        let key = key.display().to_string();
        let words = ["req", "-config", "/proc/self/fd/0", "-new", "-key", &key, "-subj", "/"];
        let input = request_configuration("req_extensions", "", names)?;
        self.run(&words, &input).map(|pem| String::from_utf8_lossy(&pem).into_owned())
    }
}

fn common_name(names: &[String]) -> String {
    format!("/CN={}", names.first().map_or("", String::as_str))
}

/// What openssl-req(1) reads: the names of the server.
fn request_configuration(section: &str, more: &str, names: &[String]) -> Outcome<String> {
    let mut text = format!(
        "default_md = sha256\n{section} = v3\nprompt = yes\ndistinguished_name = dn\n[dn]\n[v3]\n\
         {more}subjectKeyIdentifier = hash\nextendedKeyUsage = serverAuth, clientAuth\n\
         subjectAltName = @alts\n[alts]\n"
    );
    for (number, name) in names.iter().enumerate() {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("'{name}' is no host name"));
        }
        text.push_str(&format!("DNS.{} = {name}\n", number + 1));
    }
    Ok(text)
}

/// A new file that only its owner may read.
fn secret(file: &Path, bytes: &[u8]) -> Outcome<()> {
    let mut options = std::fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|e| format!("{}: {}", file.display(), why(&e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys() {
        // What "openssl pkey -pubout" said about a key that was made for this test.
        let pem = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYADQ51HLHp9StVDnELyWcF+qd/2z\n8J4KYyO0CQupiTEEOtyunoodD+IAa1Fvp08aw75kEOK/yFHZ+GWNLN2hlw==\n-----END PUBLIC KEY-----\n";
        let key = PublicKey::from_pem(pem).unwrap();
        assert_eq!(key.algorithm(), Some(Algorithm::Ecdsa));
        assert_eq!(key.digest().len(), 64);
        assert_eq!(PublicKey::from_pem(b"none"), None);
        assert_eq!(PublicKey(RSA.to_vec()).algorithm(), Some(Algorithm::Rsa));
        assert_eq!(PublicKey(Vec::new()).algorithm(), None);
    }

    #[test]
    fn names_cannot_say_more() {
        let names = |name: &str| request_configuration("x", "", &[name.to_owned()]);
        assert!(names("mail.example.com").unwrap().ends_with("[alts]\nDNS.1 = mail.example.com\n"));
        assert!(names("a\nbasicConstraints = CA:true").is_err());
        assert!(names("").is_err());
    }
}
