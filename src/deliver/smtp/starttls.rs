//! Encrypting a connection with a server: whether it must be, may be, can be, and what follows when
//! that fails.

use super::attempt::{Attempt, Scope};
#[cfg(feature = "ssl")]
use super::connection::Broken;
use super::connection::Connection;
use super::encryption::Policy;
use super::handshake::{Refused, broke};
use super::login::Protection;
use super::reason::Reason;
#[cfg(feature = "ssl")]
use super::require_tls::Enforcement;
use super::tls_status::RequireTls;
use super::tlsrpt;
use crate::ipc::tlsrpt::ResultType;
#[cfg(feature = "ssl")]
use crate::log::Log;
use crate::mail::status::Status;
#[cfg(feature = "ssl")]
use crate::tls::client::{Matching, Records};
use crate::tls::words::Level;
#[cfg(feature = "ssl")]
use crate::tls::words::LogLevel;
use crate::wire::smtp_reply::Reply;

const STAGE: &str = "receiving the STARTTLS response";

/// After EHLO on a plain connection. True: the connection is encrypted now, and the server has to
/// be greeted again. False: it stays as it is.
pub async fn negotiate(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    policy: &Policy,
    nexthop: &str,
) -> Result<bool, Refused> {
    let settings = &attempt.settings.encryption;
    let offered = connection.features.starttls;
    if offered && settings.notes_offers && policy.level == Level::None {
        attempt.log.info(format_args!("Host offered STARTTLS: [{}]", connection.peer.host));
    }
    let able = is_able(attempt);
    if offered && able && policy.level >= Level::May {
        let before = connection.features.clone();
        connection.command(&attempt.speaker(), "STARTTLS");
        let reply = match connection.reply(&attempt.speaker(), settings.timeout).await {
            Ok(reply) => reply,
            Err(broken) => {
                broke(attempt, connection, &broken, STAGE).await;
                return Err(Refused);
            }
        };
        if reply.is(2) {
            connection.features = before.before_hello();
            encrypt(attempt, connection, policy, nexthop).await?;
            return Ok(true);
        }
        connection.features.starttls = false;
        tlsrpt::failure(attempt, connection, ResultType::StarttlsNotSupported, "");
        if must_encrypt(attempt, policy) {
            refused(attempt, connection, policy, &reply).await;
            return Err(Refused);
        }
        return Ok(in_the_clear(attempt));
    }
    if !offered && policy.level >= Level::May {
        tlsrpt::failure(attempt, connection, ResultType::StarttlsNotSupported, "");
    }
    if !must_encrypt(attempt, policy) {
        return Ok(in_the_clear(attempt));
    }
    if !offered {
        violated(attempt, policy);
        if attempt.enforcement().requires_tls() {
            let name = &connection.peer.name;
            let text = format!(
                "Sender requested REQUIRETLS, but TLS service was not offered by host {name}"
            );
            let reason = Reason::own(Status::new(5, 7, 30), text);
            attempt.fail_all(Some(connection), Scope::Lacking, reason).await;
            return Err(Refused);
        }
    }
    let (status, text) = if !offered {
        let name = &connection.peer.name;
        let text = format!("TLS is required, but was not offered by host {name}");
        (Status::new(4, 7, 4), text)
    } else {
        let text = "TLS is required, but our TLS engine is unavailable".to_owned();
        (Status::new(4, 7, 5), text)
    };
    attempt.fail_all(Some(connection), Scope::Server, Reason::own(status, text)).await;
    Err(Refused)
}

/// Whether nothing may be sent in the clear, by our policy or the sender's wish.
fn must_encrypt(attempt: &Attempt<'_>, policy: &Policy) -> bool {
    policy.level.requires_tls() || attempt.enforcement().requires_tls()
}

/// The connection stays as it is, and that is good enough.
fn in_the_clear(attempt: &mut Attempt<'_>) -> bool {
    attempt.tls.level(Level::None, true);
    attempt.tls.require_tls(RequireTls::Unknown, true);
    false
}

/// There is no STARTTLS, but it is needed.
fn violated(attempt: &mut Attempt<'_>, policy: &Policy) {
    if attempt.enforcement().requires_tls() {
        attempt.tls.require_tls(RequireTls::NoStarttls, false);
    }
    if policy.level.requires_tls() {
        attempt.tls.level(policy.level, false);
    }
}

/// The server offers STARTTLS, and does not want it after all.
async fn refused(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    policy: &Policy,
    reply: &Reply,
) {
    violated(attempt, policy);
    let name = &connection.peer.name;
    let said = reply.one_line();
    if attempt.enforcement().requires_tls() {
        let text =
            format!("Sender requested REQUIRETLS, but host {name} refused to start TLS: {said}");
        let reason = Reason::own(Status::new(5, 7, 10), text);
        attempt.fail_all(Some(connection), Scope::Lacking, reason).await;
        return;
    }
    let text = format!("TLS is required, but host {name} refused to start TLS: {said}");
    attempt.refuse_all(connection, Scope::Server, reply, text).await;
}

/// How well the connection is protected.
pub fn protection(connection: &Connection) -> Protection {
    match &connection.tls {
        None => Protection::None,
        Some(tls) if tls.peer.as_ref().is_some_and(|peer| peer.matched) => Protection::Verified,
        Some(_) => Protection::Encrypted,
    }
}

#[cfg(feature = "ssl")]
fn is_able(attempt: &Attempt<'_>) -> bool {
    let client = attempt.settings.encryption.client.as_ref();
    client.is_some_and(crate::tls::client::Client::is_ready)
}

#[cfg(not(feature = "ssl"))]
fn is_able(_: &Attempt<'_>) -> bool {
    false
}

/// Without the feature a connection can only be refused.
#[cfg(not(feature = "ssl"))]
pub async fn encrypt(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    _: &Policy,
    _: &str,
) -> Result<(), Refused> {
    let text = "TLS is required, but our TLS engine is unavailable".to_owned();
    let reason = Reason::own(Status::new(4, 7, 5), text);
    attempt.fail_all(Some(connection), Scope::Server, reason).await;
    Err(Refused)
}

/// The handshake, and whether the server is who it should be.
#[cfg(feature = "ssl")]
pub async fn encrypt(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    policy: &Policy,
    nexthop: &str,
) -> Result<(), Refused> {
    use crate::tls::client::{Server, Wanted};
    let settings = &attempt.settings.encryption;
    if !policy.reuse {
        connection.do_not_keep();
    }
    let peer = connection.peer.clone();
    let level = match settings.log_level(&peer.host, &peer.address).await {
        // Whoever asks for proof wants to know why there is none.
        Ok(level) => LogLevel { untrusted: level.untrusted || policy.level.must_match(), ..level },
        Err(_) => {
            broke(attempt, connection, &Broken::Local, STAGE).await;
            return Err(Refused);
        }
    };
    let (matching, must_match) = proof(attempt, &peer.name_port, policy);
    let session = format!("{nexthop}&{}&{}&{}", peer.name_port, connection.helo, policy.key());
    let wanted = Wanted {
        protocols: policy.protocols,
        ciphers: &settings.ciphers(policy),
        server_name: policy.server_name.as_deref(),
        matching: &matching,
        session: &session,
    };
    let server = Server { text: &peer.name_port, log: attempt.log, level };
    let done = match (settings.client.as_ref(), connection.take_plain()) {
        (Some(client), Some(socket)) => client.connect(socket, &wanted, server).await.ok(),
        _ => None,
    };
    let Some((stream, facts)) = done else {
        let result = ResultType::ValidationFailure;
        tlsrpt::failure(attempt, connection, result, "tls-handshake-failure");
        return Err(failed(attempt, connection, policy, nexthop).await);
    };
    connection.resume(stream);
    if level.summary {
        let line = facts.summary(crate::tls::Role::Client, &peer.name_port, false);
        attempt.log.info(format_args!("{line}"));
    }
    let matched = facts.peer.as_ref().is_some_and(|peer| peer.matched);
    let resumed = facts.resumed;
    connection.tls = Some(std::sync::Arc::new(facts));
    let reached = reached(policy.level, &matching, must_match);
    let enforced = attempt.enforcement() == Enforcement::Enforce;
    if (must_match || enforced) && !matched {
        attempt.tls.level_named(reached, !must_match);
        tlsrpt::unverified(attempt, connection);
        unverified(attempt, connection).await;
        return Err(Refused);
    }
    attempt.tls.level_named(reached, true);
    tlsrpt::success(attempt, connection, resumed);
    Ok(())
}

/// The name of the level that a handshake has come to: TLSA records that cannot be used ask for
/// nothing.
#[cfg(feature = "ssl")]
fn reached(level: Level, matching: &Matching, must_match: bool) -> &'static str {
    match matching {
        _ if !level.uses_dane() => level.name(),
        Matching::Records(records) if records.half => "half-dane",
        _ if must_match => Level::Dane.name(),
        _ => Level::Encrypt.name(),
    }
}

/// The server's certificate is not what it should be.
#[cfg(feature = "ssl")]
async fn unverified(attempt: &mut Attempt<'_>, connection: &mut Connection) {
    let enforced = attempt.enforcement() == Enforcement::Enforce;
    attempt.tls.require_tls(RequireTls::NoMatch, !enforced);
    if !enforced {
        let text = "Server certificate not verified".to_owned();
        let reason = Reason::own(Status::new(4, 7, 5), text);
        attempt.fail_all(Some(connection), Scope::Server, reason).await;
        return;
    }
    let peer = connection.tls.as_ref().and_then(|tls| tls.peer.as_ref());
    let what = if peer.is_some_and(|peer| peer.trusted) { "matching" } else { "trusted" };
    let text = format!(
        "Sender requested REQUIRETLS, but no {what} server certificate was found. The last \
         attempted server was {}",
        connection.peer.name
    );
    let reason = Reason::own(Status::new(5, 7, 10), text);
    attempt.fail_all(Some(connection), Scope::Lacking, reason).await;
}

/// How the server is to prove itself, and whether there is no mail for it if it does not.
#[cfg(feature = "ssl")]
fn proof(attempt: &Attempt<'_>, peer: &str, policy: &Policy) -> (Matching, bool) {
    let mut names = policy.matching.clone();
    if policy.level.uses_authorities() {
        names.retain(|name| is_pattern(attempt.log, peer, name));
        if names.is_empty() {
            attempt.log.warning(format_args!("{peer}: could not configure peer name checks"));
        }
    }
    match policy.level {
        Level::None | Level::May | Level::Encrypt => (Matching::Nobody, false),
        Level::Fingerprint => {
            let client = attempt.settings.encryption.client.as_ref();
            let listed = super::dane::fingerprints(attempt.log, client, peer, names);
            (Matching::Fingerprints(listed), true)
        }
        Level::Verify | Level::Secure if policy.trust_anchors.is_empty() => {
            (Matching::Names(names), true)
        }
        Level::Verify | Level::Secure => {
            let list = policy.anchors.0.clone();
            (Matching::Records(Records { list, names, names_always: true, half: false }), true)
        }
        Level::Dane | Level::DaneOnly => {
            let client = attempt.settings.encryption.client.as_ref();
            let dane = policy.dane.as_ref();
            super::dane::matching(attempt.log, client, peer, policy.level, dane)
        }
    }
}

#[cfg(feature = "ssl")]
fn is_pattern(log: &Log, peer: &str, name: &str) -> bool {
    if name == "." {
        log.warning(format_args!("{peer}: ignoring invalid match name: \".\""));
    }
    name != "."
}

/// The handshake has failed: nothing more can be said on this connection.
#[cfg(feature = "ssl")]
async fn failed(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    policy: &Policy,
    nexthop: &str,
) -> Refused {
    connection.dead = true;
    connection.output.clear();
    if policy.level == Level::May && may_go_plain(attempt, connection, nexthop).await {
        retry_in_the_clear(attempt, connection);
    }
    let scope = if policy.level == Level::May { Scope::Message } else { Scope::Server };
    let text = "Cannot start TLS: handshake failure".to_owned();
    attempt.fail_all(Some(connection), scope, Reason::own(Status::new(4, 7, 5), text)).await;
    connection.do_not_keep();
    Refused
}

/// A session with a server that need not have been encrypted has broken off: mail that has waited
/// for a while is tried again without, unless we would log in there.
pub async fn after_break(attempt: &mut Attempt<'_>, connection: &mut Connection) {
    let optional = connection.level == Level::May && connection.tls.is_some();
    let nexthop = connection.nexthop.clone();
    if optional && may_go_plain(attempt, connection, &nexthop).await {
        retry_in_the_clear(attempt, connection);
    }
}

fn retry_in_the_clear(attempt: &mut Attempt<'_>, connection: &mut Connection) {
    connection.retry_plain = true;
    attempt.final_server = false;
}

async fn may_go_plain(attempt: &Attempt<'_>, connection: &Connection, nexthop: &str) -> bool {
    let request = attempt.request;
    let waited = request.activated.since(request.arrival);
    if attempt.enforcement().requires_tls() {
        return false;
    }
    let probe = request.trace.verify || request.trace.expand_only;
    if !probe && waited < attempt.settings.encryption.patience.as_secs_f64() {
        return false;
    }
    match &attempt.settings.login {
        None => true,
        Some(login) => {
            let host = &connection.peer.host;
            matches!(login.credentials(&request.sender, host, nexthop).await, Ok(None))
        }
    }
}
