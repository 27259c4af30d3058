//! The command line of posttls-finger(1).

use std::ffi::OsString;
use std::time::Duration;

use crate::commands::getopt::Options as Words;
use crate::tls::words::{Level, LogLevel};

/// Letters, with a colon after those that take a value.
const KNOWN: &str = "A:Cd:fF:g:H:k:K:l:L:m:M:p:P:r:s:wxXa:ch:o:RSt:T:v";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Parameters of the configuration with the values that the command line gives them.
    pub parameters: Vec<(String, String)>,
    /// The dialogue is shown; `-c` shows only what concerns TLS.
    pub chat: bool,
    /// `-C`: the server's certificates are printed.
    pub certificates: bool,
    /// `-A`: files of authorities.
    pub anchors: Vec<String>,
    /// `-l`
    pub level: Level,
    /// `-L`
    pub log: LogLevel,
    /// `-p`
    pub protocols: String,
    /// `-g`
    pub grade: String,
    /// `-s`: the server name that is sent.
    pub server_name: String,
    /// `-M`: what TLSA records are worth where MX records are not signed.
    pub insecure_mx: Level,
    /// `-f`: TLSA records are looked up also where the host is not signed.
    pub force: bool,
    /// `-R`: SRV records instead of MX records.
    pub services: bool,
    /// `-S`: LMTP.
    pub lmtp: bool,
    /// `-w`: TLS from the first byte.
    pub wrapper: bool,
    /// `-t`: seconds for a connection and the greeting.
    pub connect_timeout: Duration,
    /// `-T`: seconds for a command.
    pub command_timeout: Duration,
    /// `-r`: the pause before the next connection, which may resume the TLS session.
    pub again: Option<Duration>,
    /// `-m`: how many further connections at most.
    pub further: u32,
    /// `-v`
    pub verbose: u32,
    /// `-x` and `-X`, which do nothing here: why.
    pub ignored: Vec<&'static str>,
    /// The domain or host.
    pub destination: String,
    /// Names or fingerprints that certificates must have.
    pub matches: Vec<String>,
}

/// A command line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// How the command is to be used.
    Usage,
    /// This is wrong.
    Fatal(String),
}

/// What stands after `usage: posttls-finger `.
pub const USAGE: &str = "[-acCfRSvwx] [-t conn_tmout] [-T cmd_tmout] [-L logopts] \\\n\t\
    [-h host_lookup] [-l level] [-d mdalg] [-g grade] [-p protocols] \\\n\t\
    [-A tafile] [-F CAfile.pem] [-P CApath/] [-s servername] \\\n\t\
    [ [-H chainfiles] | [-k certfile [-K keyfile]] ] \\\n\t\
    [-m count] [-r delay] [-o name=value] destination [match ...]";

impl Options {
    /// Reads the arguments after the command's name.
    pub fn parse(arguments: Vec<OsString>) -> Result<Self, Bad> {
        let words = Words::read(arguments, KNOWN).map_err(|_| Bad::Usage)?;
        let mut rest = words.rest.into_iter();
        let mut options = Self::usual(rest.next().ok_or(Bad::Usage)?, rest.collect());
        let mut files = Files::default();
        for (letter, value) in words.options {
            options.option(letter, value.unwrap_or_default(), &mut files)?;
        }
        if !files.chains.is_empty() && !files.certificate.is_empty() {
            return Err(Bad::Fatal(
                "When the '-H' option is used, neither the '-k', nor the '-K' options may be used"
                    .into(),
            ));
        }
        if options.wrapper && options.level == Level::None {
            return Err(Bad::Fatal("SSL wrapper mode requires that TLS not be disabled".into()));
        }
        options.finish(files);
        Ok(options)
    }

    fn usual(destination: String, matches: Vec<String>) -> Self {
        Self {
            parameters: Vec::new(),
            chat: true,
            certificates: false,
            anchors: Vec::new(),
            level: Level::Dane,
            log: LogLevel { summary: true, match_of_names: true, ..LogLevel::default() },
            protocols: ">=TLSv1".into(),
            grade: "medium".into(),
            server_name: String::new(),
            insecure_mx: Level::Dane,
            force: false,
            services: false,
            lmtp: false,
            wrapper: false,
            connect_timeout: Duration::from_secs(30),
            command_timeout: Duration::from_secs(30),
            again: None,
            further: 5,
            verbose: 0,
            ignored: Vec::new(),
            destination,
            matches,
        }
    }

    fn option(&mut self, letter: char, value: String, files: &mut Files) -> Result<(), Bad> {
        let bad = |value: &str| Bad::Fatal(format!("bad '-{letter}' option value: {value}"));
        let number = |value: &str| value.parse::<u32>().map_err(|_| bad(value));
        let seconds = |value: &str| number(value).map(|n| Duration::from_secs(n.into()));
        match letter {
            'a' if !["any", "ipv4", "ipv6"].contains(&value.as_str()) => return Err(bad(&value)),
            'a' => self.set("smtp_address_preference", value),
            'A' => self.anchors.push(value),
            'c' => self.chat = false,
            'C' => self.certificates = true,
            'd' => self.set("smtp_tls_fingerprint_digest", value),
            'f' => self.force = true,
            'F' => self.set("smtp_tls_CAfile", value),
            'g' => self.grade = value,
            'h' => self.set("smtp_host_lookup", value),
            'H' if files.chains.is_empty() => files.chains = value,
            'H' => files.chains = format!("{}, {value}", files.chains),
            'k' => files.certificate = value,
            'K' => files.key = value,
            'l' => {
                self.level = Level::parse(&value)
                    .ok_or_else(|| Bad::Fatal(format!("Invalid TLS level \"{value}\"")))?;
            }
            'L' => self.log = LogLevel::parse(&value).ok_or_else(|| bad(&value))?,
            'm' => self.further = number(&value)?,
            'M' => match Level::parse(&value) {
                Some(level @ (Level::May | Level::Encrypt | Level::Dane)) => {
                    self.insecure_mx = level;
                }
                _ => return Err(bad(&value)),
            },
            'o' => {
                let (name, value) = value.split_once('=').ok_or(Bad::Usage)?;
                self.set(name.trim(), value.trim().to_owned());
            }
            'p' => self.protocols = value,
            'P' => self.set("smtp_tls_CApath", value),
            'r' => self.again = Some(seconds(&value)?).filter(|pause| !pause.is_zero()),
            'R' => self.services = true,
            's' => self.server_name = value,
            'S' => self.lmtp = true,
            't' => self.connect_timeout = seconds(&value)?,
            'T' => self.command_timeout = seconds(&value)?,
            'v' => self.verbose += 1,
            'w' => self.wrapper = true,
            'x' => self.ignored.push("-x: raw public keys are not spoken here"),
            'X' => self.ignored.push("-X: there is no tlsproxy(8) here"),
            _ => return Err(Bad::Usage),
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: String) {
        self.parameters.push((name.to_owned(), value));
    }

    /// What main.cf says about smtp(8) does not count here, except for what `-o` may change.
    fn finish(&mut self, files: Files) {
        let Files { chains, mut certificate, mut key } = files;
        if certificate.is_empty() {
            certificate.clone_from(&key);
        } else if key.is_empty() {
            key.clone_from(&certificate);
        }
        let cache = if self.again.is_some() { "internal" } else { "" };
        let time = self.command_timeout.as_secs().max(1);
        let mut usual: Vec<(String, String)> = [
            ("smtp_address_preference", "any"),
            ("smtp_host_lookup", "dns"),
            ("smtp_tls_CAfile", ""),
            ("smtp_tls_CApath", ""),
            ("smtp_tls_chain_files", &chains),
            ("smtp_tls_cert_file", &certificate),
            ("smtp_tls_key_file", &key),
            ("smtp_tls_eccert_file", ""),
            ("smtp_tls_eckey_file", ""),
            ("smtp_tls_session_cache_database", cache),
            ("smtp_tls_scert_verifydepth", "9"),
            ("smtp_starttls_timeout", &format!("{time}s")),
            ("smtp_dns_support_level", "dnssec"),
            ("smtp_dns_resolver_options", ""),
            ("smtp_tls_dane_insecure_mx_policy", self.insecure_mx.name()),
            ("smtp_mx_address_limit", "0"),
            ("smtp_randomize_addresses", "yes"),
            ("ignore_mx_lookup_error", "no"),
            ("allow_srv_lookup_fallback", "no"),
            ("ignore_srv_lookup_error", "no"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        usual.append(&mut self.parameters);
        self.parameters = usual;
    }
}

/// Our own certificates.
#[derive(Default)]
struct Files {
    chains: String,
    certificate: String,
    key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Bad> {
        Options::parse(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn command_lines() {
        let options = parse("-cC -l secure -L 2 -t5 -r 3 -k own.pem [mx.example]:587 a b").unwrap();
        assert!(!options.chat && options.certificates && options.log.verbose);
        assert_eq!((options.level, options.connect_timeout.as_secs()), (Level::Secure, 5));
        assert_eq!(options.again, Some(Duration::from_secs(3)));
        assert_eq!((options.destination.as_str(), options.matches.len()), ("[mx.example]:587", 2));
        let last = |name: &str| {
            let found = options.parameters.iter().rev().find(|(one, _)| one == name);
            found.unwrap().1.clone()
        };
        assert_eq!(
            (last("smtp_tls_key_file"), last("smtp_host_lookup")),
            ("own.pem".into(), "dns".into())
        );
        let own = parse("-o smtp_host_lookup=native -o myhostname=x x").unwrap();
        assert_eq!(own.parameters.last().unwrap().0, "myhostname");
    }

    #[test]
    fn mistakes() {
        for (line, text) in [
            ("-l x d", "Invalid TLS level \"x\""),
            ("-M verify d", "bad '-M' option value: verify"),
            ("-a 4 d", "bad '-a' option value: 4"),
            ("-t soon d", "bad '-t' option value: soon"),
            ("-L loud d", "bad '-L' option value: loud"),
            ("-wl none d", "SSL wrapper mode requires that TLS not be disabled"),
        ] {
            assert_eq!(parse(line), Err(Bad::Fatal(text.into())), "{line}");
        }
        assert!(matches!(parse("-H a -k b d"), Err(Bad::Fatal(_))));
        for line in ["-c", "-Z d", "-o x d", "-l"] {
            assert_eq!(parse(line), Err(Bad::Usage), "{line}");
        }
    }
}
