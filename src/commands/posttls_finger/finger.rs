//! One look at a server, and further ones over the same TLS session.

use std::fmt::Write as _;
use std::sync::Arc;

use tokio::net::{TcpStream, UnixStream};

use super::options::Options;
use super::place::{Address, Place};
use crate::commands::chat::{Chat, Said, Show};
use crate::config::{Config, parameters as p, why};
use crate::deliver::smtp::dane;
use crate::deliver::smtp::encryption::is_fingerprint;
use crate::deliver::smtp::settings::Routing;
use crate::dns::Resolver;
use crate::log::Log;
use crate::tls::certificate::{Certificate, DigestKind};
use crate::tls::client::{Client, Matching, Records, Server, Wanted};
use crate::tls::dane::read_anchors;
use crate::tls::provider::Ciphers;
use crate::tls::words::{Level, LogLevel, Protocols};
use crate::tls::{Role, Stream};

/// What stays the same from one look to the next.
pub struct Finger {
    /// The command line.
    pub options: Options,
    /// The configuration, with what the command line changes.
    pub config: Arc<Config>,
    /// The output.
    pub log: Log,
    /// How servers are found.
    pub routing: Routing,
    /// Name service.
    pub resolver: Arc<Resolver>,
    /// TLS, with its own keys; none if it cannot be had.
    pub client: Option<Client>,
}

/// The look has come to no end; the output says why.
struct Ended;

/// What was seen.
#[derive(Default)]
struct Seen {
    /// A session that was kept has been resumed.
    resumed: bool,
    /// There is a session that could be.
    resumable: bool,
}

/// What is wanted of a TLS session.
struct Handshake {
    protocols: Protocols,
    ciphers: Ciphers,
    matching: Matching,
    server_name: Option<String>,
    /// Sessions are resumed within the same of these.
    session: String,
}

impl Handshake {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            protocols: self.protocols,
            ciphers: &self.ciphers,
            server_name: self.server_name.as_deref(),
            matching: &self.matching,
            session: &self.session,
        }
    }
}

impl Finger {
    /// Looks as often as it was asked for. An error is one of the command line.
    pub async fn run(&self) -> Result<(), String> {
        let protocols =
            Protocols::parse(&self.options.protocols).filter(|left| !left.is_empty()).ok_or_else(
                || format!("Invalid TLS protocol list \"{}\"", self.options.protocols),
            )?;
        let level = self.options.level;
        if !level.must_match() && !self.options.matches.is_empty() {
            self.log.warning(format_args!(
                "TLS level '{}' does not implement certificate matching",
                level.name()
            ));
        }
        let Some((place, stream)) = self.first().await? else { return Ok(()) };
        let anchors = self.anchors(&place)?;
        let mut stream = Some(stream);
        for pass in 1.. {
            let connected = match stream.take() {
                Some(stream) => Ok(stream),
                None => self.connect(&place).await,
            };
            let stream = match connected {
                Ok(stream) => stream,
                Err(why) => {
                    self.log.info(format_args!(
                        "Failed to establish session to {}: {why}",
                        self.options.destination
                    ));
                    break;
                }
            };
            if pass == 1 && self.options.chat {
                self.log.info(format_args!("Connected to {}", place.shown()));
            }
            let look = Look { finger: self, place: &place, protocols, anchors: &anchors, pass };
            let Ok(seen) = Box::pin(look.dialogue(stream)).await else { break };
            let Some(pause) = self.options.again.filter(|_| self.goes_on(&seen, pass)) else {
                break;
            };
            self.log.info(format_args!("Reconnecting after {} seconds", pause.as_secs()));
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// The first connection.
    async fn first(&self) -> Result<Option<(Place, Stream)>, String> {
        let mut destination = self.options.destination.as_str();
        if self.options.lmtp {
            if let Some(path) = destination.strip_prefix("unix:") {
                let host = self.config.text(&p::myhostname);
                let address = Address::Unix(path.to_owned());
                let level = match self.options.level {
                    level if level.uses_dane() => Level::Secure,
                    level => level,
                };
                let place = Place { domain: host.clone(), host, address, level, dane: None };
                return Ok(match self.connect(&place).await {
                    Ok(stream) => Some((place, stream)),
                    Err(why) => {
                        self.log.info(format_args!(
                            "Failed to establish session to {destination}: {why}"
                        ));
                        None
                    }
                });
            }
            destination = destination.strip_prefix("inet:").unwrap_or(destination);
        }
        let candidates = self.candidates(destination).await?;
        Ok(self.connect_any(&candidates).await)
    }

    /// Connects to one server.
    pub async fn connect(&self, place: &Place) -> Result<Stream, String> {
        let connecting = async {
            Ok(match &place.address {
                Address::Tcp(address, port) => {
                    let stream = TcpStream::connect((*address, *port)).await?;
                    stream.set_nodelay(true)?;
                    stream.into()
                }
                Address::Unix(path) => UnixStream::connect(path).await?.into(),
            })
        };
        let limit = self.options.connect_timeout;
        let failed = |text: String| format!("connect to {}: {text}", place.shown());
        match tokio::time::timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(|e: std::io::Error| failed(why(&e))),
            Err(_) => Err(failed("Connection timed out".into())),
        }
    }

    /// `-A`
    fn anchors(&self, place: &Place) -> Result<Records, String> {
        let mut records = Records { names_always: true, ..Records::default() };
        if place.level.uses_authorities() {
            for file in &self.options.anchors {
                records.list.extend(read_anchors(file).map_err(|problem| {
                    self.log.warning(format_args!("{problem}"));
                    format!("Failed to load trust anchor file: {file}")
                })?);
            }
        }
        Ok(records)
    }

    fn goes_on(&self, seen: &Seen, pass: u32) -> bool {
        let why = if self.options.again.is_none() {
            return false;
        } else if seen.resumed {
            "Found a previously used server.  Done reconnecting."
        } else if !seen.resumable {
            "Server declined session caching. Done reconnecting."
        } else if pass > self.options.further {
            "Maximum reconnect count reached."
        } else {
            return true;
        };
        self.log.info(format_args!("{why}"));
        false
    }
}

/// One look.
struct Look<'a> {
    finger: &'a Finger,
    place: &'a Place,
    protocols: Protocols,
    anchors: &'a Records,
    pass: u32,
}

impl Look<'_> {
    async fn dialogue(&self, stream: Stream) -> Result<Seen, Ended> {
        let Finger { options, log, .. } = self.finger;
        let show = |said: Said<'_>| match said {
            Said::Ours(text) => log.info(format_args!("> {text}")),
            Said::Theirs(text) => log.info(format_args!("< {text}")),
        };
        let mut chat = Chat::new(stream, options.chat.then_some(&show as &Show<'_>));
        let mut encrypted = None;
        if options.wrapper {
            encrypted = Some(self.encrypt(&mut chat, "").await?);
            self.greeting(&mut chat).await?;
            self.after(&mut chat).await?;
        } else {
            self.greeting(&mut chat).await?;
            let (helo, starttls) = self.hello(&mut chat).await?;
            if starttls && options.level > Level::None && self.finger.client.is_some() {
                self.starttls(&mut chat).await?;
                encrypted = Some(self.encrypt(&mut chat, &helo).await?);
                self.after(&mut chat).await?;
            }
        }
        if let Err(broken) = chat.ask("QUIT", true, options.command_timeout).await {
            log.warning(format_args!("{broken} while sending QUIT command"));
        }
        chat.end();
        let Some((handshake, resumed)) = encrypted else { return Ok(Seen::default()) };
        // Tickets have come by now, if any come at all.
        let client = self.finger.client.as_ref();
        let resumable = client.is_some_and(|client| client.has_session(&handshake.wanted()));
        Ok(Seen { resumed, resumable })
    }

    /// The handshake; true if it has resumed an earlier session.
    async fn encrypt(&self, chat: &mut Chat<'_>, helo: &str) -> Result<(Handshake, bool), Ended> {
        let Finger { options, log, client, .. } = self.finger;
        let client = client.as_ref().ok_or(Ended)?;
        let handshake = self.handshake(client, helo);
        let text = self.place.shown();
        // Later looks are about whether sessions are resumed.
        let level = match self.pass {
            1 => options.log,
            _ => LogLevel { summary: true, cache: true, ..LogLevel::default() },
        };
        let server = Server { text: &text, log, level };
        let socket = chat.take_socket().ok_or(Ended)?;
        let wanted = handshake.wanted();
        let connecting = client.connect(socket, &wanted, server);
        let (stream, facts) = Box::pin(connecting).await.map_err(|_| Ended)?;
        if level.summary {
            log.info(format_args!("{}", facts.summary(Role::Client, &text, false)));
        }
        chat.resume(stream);
        Ok((handshake, facts.resumed))
    }

    fn handshake(&self, client: &Client, helo: &str) -> Handshake {
        let Finger { options, log, config, .. } = self.finger;
        let place = self.place;
        let fill = |usual: &[&str]| -> Vec<String> {
            let usual = usual.iter().map(|one| (*one).to_owned());
            let own = options.matches.clone();
            let patterns: Vec<String> = if own.is_empty() { usual.collect() } else { own };
            patterns.iter().map(|one| name(one, place)).collect()
        };
        let matching = match place.level {
            Level::None | Level::May | Level::Encrypt => Matching::Nobody,
            Level::Fingerprint => {
                let mut listed = options.matches.clone();
                listed.retain(|text| is_fingerprint(log, text));
                Matching::Fingerprints(dane::fingerprints(
                    log,
                    Some(client),
                    &place.shown(),
                    listed,
                ))
            }
            Level::Dane | Level::DaneOnly => {
                dane::matching(log, Some(client), &place.shown(), place.level, place.dane.as_ref())
                    .0
            }
            level => {
                let usual: &[&str] = if level == Level::Verify {
                    &["hostname"]
                } else {
                    &["nexthop", "dot-nexthop"]
                };
                match self.anchors.list.is_empty() {
                    true => Matching::Names(fill(usual)),
                    false => {
                        Matching::Records(Records { names: fill(usual), ..self.anchors.clone() })
                    }
                }
            }
        };
        let server_name = match (&place.dane, options.server_name.as_str()) {
            (Some(dane), _) => Some(dane.base.clone()),
            (None, "") => None,
            (None, "hostname") => Some(place.host.clone()),
            (None, "nexthop") => Some(place.domain.clone()),
            (None, other) => Some(other.to_owned()),
        };
        let high = options.grade.eq_ignore_ascii_case("high");
        let list = if high { &p::tls_high_cipherlist } else { &p::tls_medium_cipherlist };
        let ciphers = Ciphers {
            list: config.text(list),
            exclude: String::new(),
            groups: config.text(&p::tls_eecdh_auto_curves),
        };
        let session = format!("{}&{helo}", place.shown());
        Handshake { protocols: self.protocols, ciphers, matching, server_name, session }
    }

    async fn greeting(&self, chat: &mut Chat<'_>) -> Result<(), Ended> {
        let log = &self.finger.log;
        match chat.hear(self.finger.options.connect_timeout).await {
            Ok(reply) if reply.code / 100 == 2 => Ok(()),
            Ok(reply) => {
                log.info(format_args!("SMTP service not available: {} {}", reply.code, reply.text));
                Err(Ended)
            }
            Err(broken) => {
                log.info(format_args!("{broken} while reading server greeting"));
                Err(Ended)
            }
        }
    }

    async fn hello(&self, chat: &mut Chat<'_>) -> Result<(String, bool), Ended> {
        let Finger { options, log, config, .. } = self.finger;
        let verb = if options.lmtp { "LHLO" } else { "EHLO" };
        let text = format!("{verb} {}", config.text(&p::myhostname));
        match chat.ask(&text, self.pass == 1, options.command_timeout).await {
            Ok(reply) if reply.code / 100 == 2 => Ok(reply.offers()),
            Ok(reply) => {
                log.info(format_args!("{verb} rejected: {} {}", reply.code, reply.text));
                Err(Ended)
            }
            Err(broken) => {
                log.info(format_args!("{broken} while sending {verb}"));
                Err(Ended)
            }
        }
    }

    async fn starttls(&self, chat: &mut Chat<'_>) -> Result<(), Ended> {
        let Finger { options, log, .. } = self.finger;
        match chat.ask("STARTTLS", self.pass == 1, options.command_timeout).await {
            Ok(reply) if reply.code / 100 == 2 => Ok(()),
            Ok(reply) => {
                log.info(format_args!("STARTTLS rejected: {} {}", reply.code, reply.text));
                Err(Ended)
            }
            Err(broken) => {
                log.fatal(format_args!("{broken} while sending STARTTLS"));
                Err(Ended)
            }
        }
    }

    /// Over the encrypted connection, the first time.
    async fn after(&self, chat: &mut Chat<'_>) -> Result<(), Ended> {
        if self.pass > 1 {
            return Ok(());
        }
        self.hello(chat).await?;
        let shown = chat.stream().peer_certificates();
        if shown.is_empty() {
            self.finger.log.info(format_args!("Server is anonymous"));
        } else if self.finger.options.certificates {
            print(&shown, &self.finger.config);
        }
        Ok(())
    }
}

/// One of a list of names that a certificate must have.
fn name(pattern: &str, place: &Place) -> String {
    match pattern {
        "hostname" => place.host.clone(),
        "nexthop" => place.domain.clone(),
        "dot-nexthop" => format!(".{}", place.domain),
        _ => pattern.to_owned(),
    }
}

/// `-C`: each certificate with what smtp(8) shows of it, and as PEM.
fn print(chain: &[&[u8]], config: &Config) {
    use base64::Engine as _;
    let kind = DigestKind::parse(&config.text(&p::smtp_tls_fingerprint_digest));
    let mut text = "\n---\nCertificate chain\n".to_owned();
    for (place, der) in chain.iter().enumerate() {
        let parsed = Certificate::parse(der).unwrap_or_default();
        let _ = writeln!(text, "{place:2} subject: {}", parsed.subject_line);
        let _ = writeln!(text, "    issuer: {}", parsed.issuer_line);
        if let Some(kind) = kind {
            let _ = writeln!(text, "   cert digest={}", kind.fingerprint(der));
            let _ = writeln!(text, "   pkey digest={}", kind.fingerprint(&parsed.public_key));
        }
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = base64::engine::general_purpose::STANDARD.encode(der);
        for line in encoded.as_bytes().chunks(PEM_LINE) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    use std::io::Write as _;
    // Whoever reads it may have had enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;
