//! The beginning of a session: the server's greeting, EHLO, and what the server offers.

use super::attempt::{Attempt, Scope};
use super::connection::{Broken, Connection, Features};
use super::encryption::Policy;
use super::extensions::{self, Announced, Discard};
use super::login;
use super::reason::Reason;
use super::require_tls::Enforcement;
use super::starttls;
use super::tls_status::RequireTls;
use crate::mail::status::Status;
use crate::wire::smtp_reply::Reply;

/// The session cannot be used; everybody concerned has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Where a session leads, and how.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// A server that bears our own name is ourselves.
    pub loops: bool,
    /// The next hop.
    pub nexthop: &'a str,
    /// Encryption.
    pub policy: &'a Policy,
}

/// Greets, encrypts, logs in.
pub async fn greet(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    way: Way<'_>,
) -> Result<(), Refused> {
    let Way { loops, nexthop, policy } = way;
    if attempt.settings.encryption.wrapper {
        Box::pin(starttls::encrypt(attempt, connection, policy, nexthop)).await?;
    }
    let banner = said(attempt, connection, "receiving the initial server greeting").await?;
    if !banner.is(2) {
        let skip = banner.is(5) && attempt.settings.greeting.skip_5xx;
        return Err(refused(attempt, connection, banner, skip).await);
    }
    workarounds(attempt, connection, &banner).await;
    read_banner(attempt, connection, &banner, loops);
    introduce(attempt, connection, loops, nexthop).await?;
    if connection.tls.is_none()
        && Box::pin(starttls::negotiate(attempt, connection, policy, nexthop)).await?
    {
        introduce(attempt, connection, loops, nexthop).await?;
    }
    let protection = starttls::protection(connection);
    login::log_in(attempt, connection, nexthop, protection).await
}

/// EHLO, and what comes of it. Once more after STARTTLS: what was said in the clear counts no more.
async fn introduce(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    loops: bool,
    nexthop: &str,
) -> Result<(), Refused> {
    if let Some(hello) = hello(attempt, connection).await? {
        offers(attempt, connection, &hello).await?;
        look_for_loop(attempt, connection, loops, nexthop).await?;
    }
    needs_smtputf8(attempt, connection).await?;
    needs_require_tls(attempt, connection).await
}

/// Reads a reply; `stage` is what a failure is blamed on.
async fn said(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    stage: &str,
) -> Result<Reply, Refused> {
    let limit = attempt.settings.limits.helo;
    match connection.reply(&attempt.speaker(), limit).await {
        Ok(reply) => Ok(reply),
        Err(broken) => {
            broke(attempt, connection, &broken, stage).await;
            Err(Refused)
        }
    }
}

/// The dialogue broke off: all recipients that are left wait, or go to the next server.
pub async fn broke(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    broken: &Broken,
    stage: &str,
) {
    let name = &connection.peer.name;
    let reason = match broken {
        Broken::Lost => {
            Reason::own(Status::new(4, 4, 2), format!("lost connection with {name} while {stage}"))
        }
        Broken::TimedOut => Reason::own(
            Status::new(4, 4, 2),
            format!("conversation with {name} timed out while {stage}"),
        ),
        Broken::Local => {
            Reason::own(Status::new(4, 3, 0), format!("local data error while talking to {name}"))
        }
    };
    connection.dead |= *broken == Broken::TimedOut;
    #[cfg(feature = "ssl")]
    if *broken != Broken::Local {
        Box::pin(starttls::after_break(attempt, connection)).await;
    }
    attempt.fail_all(Some(connection), Scope::Server, reason).await;
}

async fn refused(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    mut reply: Reply,
    temporary: bool,
) -> Refused {
    if temporary {
        reply.status = reply.status.with_class(4);
    }
    let name = &connection.peer.name;
    let text = format!("host {name} refused to talk to me: {}", reply.one_line());
    attempt.refuse_all(connection, Scope::Server, &reply, text).await;
    Refused
}

/// A banner of stars is that of a firewall that breaks SMTP in known ways.
async fn workarounds(attempt: &mut Attempt<'_>, connection: &mut Connection, banner: &Reply) {
    if banner.text.bytes().any(|b| !b"20 *\t\n".contains(&b)) {
        return;
    }
    let greeting = &attempt.settings.greeting;
    // A failing table changes nothing.
    let listed = greeting.pix_maps.find(&connection.peer.address).await.ok().flatten();
    let words = listed.as_deref().unwrap_or(&greeting.pix_workarounds);
    let has = |word: &str| {
        super::destination::sites(words).any(|listed| listed.eq_ignore_ascii_case(word))
    };
    if words.trim().is_empty() {
        return;
    }
    let age = crate::service::agent::now().since(attempt.request.arrival);
    let delay = has("delay_dotcrlf") && age >= greeting.pix_threshold.as_secs_f64();
    let no_esmtp = has("disable_esmtp");
    let enabled = [(no_esmtp, "disable_esmtp"), (delay, "delay_dotcrlf")];
    let names: Vec<&str> = enabled.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    attempt.log.info(format_args!(
        "{}: enabling PIX workarounds: {} for {}",
        attempt.request.queue_id,
        names.join(" "),
        connection.peer.name_port
    ));
    connection.features.pix_delay = delay;
    connection.features.pix_no_esmtp = no_esmtp;
}

fn read_banner(attempt: &Attempt<'_>, connection: &mut Connection, banner: &Reply, loops: bool) {
    let greeting = &attempt.settings.greeting;
    let text = banner.text.get(3..).unwrap_or_default().trim_start_matches(['-', ' ']);
    let mut words = text.split([' ', '\t', '\n']).filter(|word| !word.is_empty()).peekable();
    if let Some(name) = words.peek()
        && name.eq_ignore_ascii_case(&greeting.myhostname)
        && loops
    {
        attempt.log.warning(format_args!(
            "host {} greeted me with my own hostname {}",
            connection.peer.name_port, greeting.myhostname
        ));
    }
    let announced = words.any(|word| word.eq_ignore_ascii_case("ESMTP"));
    let features = &mut connection.features;
    features.esmtp = if attempt.settings.lmtp {
        true
    } else if greeting.never_ehlo || features.pix_no_esmtp {
        false
    } else {
        announced || greeting.always_ehlo
    };
}

/// EHLO, then HELO if need be; or LHLO. The reply if it lists extensions.
async fn hello(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
) -> Result<Option<Reply>, Refused> {
    let name = &attempt.settings.greeting.helo_name;
    if attempt.settings.lmtp {
        connection.command(&attempt.speaker(), &format!("LHLO {name}"));
        let reply = said(attempt, connection, "performing the LHLO handshake").await?;
        if reply.is(2) {
            return Ok(Some(reply));
        }
        return Err(refused(attempt, connection, reply, false).await);
    }
    if connection.features.esmtp {
        connection.command(&attempt.speaker(), &format!("EHLO {name}"));
        let reply = said(attempt, connection, "performing the EHLO handshake").await?;
        if reply.is(2) {
            return Ok(Some(reply));
        }
        if reply.code == 421 {
            return Err(refused(attempt, connection, reply, false).await);
        }
        connection.features.esmtp = false;
    }
    connection.command(&attempt.speaker(), &format!("HELO {name}"));
    let reply = said(attempt, connection, "performing the HELO handshake").await?;
    if reply.is(2) { Ok(None) } else { Err(refused(attempt, connection, reply, false).await) }
}

/// Takes note of the extensions.
async fn offers(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    hello: &Reply,
) -> Result<(), Refused> {
    let greeting = &attempt.settings.greeting;
    let words = match greeting.discard_maps.find(&connection.peer.address).await {
        Ok(words) => words,
        Err(_) => {
            let parameter = if attempt.settings.lmtp {
                "lmtp_discard_lhlo_keyword_address_maps"
            } else {
                "smtp_discard_ehlo_keyword_address_maps"
            };
            attempt.log.warning(format_args!(
                "{}: {parameter} map lookup error for {}",
                attempt.request.queue_id, connection.peer.address
            ));
            let stage = "performing the EHLO handshake";
            broke(attempt, connection, &Broken::Local, stage).await;
            return Err(Refused);
        }
    };
    let discard = Discard::parse(words.as_deref().unwrap_or(&greeting.discard));
    if let Some(names) = discard.to_log() {
        attempt.log.info(format_args!("discarding EHLO keywords: {names}"));
    }
    let before = std::mem::take(&mut connection.features);
    let Announced { features: offered, helo, bad_size, mechanisms } =
        extensions::read(hello, &discard);
    connection.helo = helo;
    connection.features = Features {
        esmtp: before.esmtp,
        pix_delay: before.pix_delay,
        pix_no_esmtp: before.pix_no_esmtp,
        ..offered
    };
    if let Some(word) = bad_size {
        attempt.log.warning(format_args!(
            "bad EHLO SIZE limit \"{word}\" from {}",
            connection.peer.name_port
        ));
    }
    match &attempt.settings.login {
        Some(settings) => login::offered(settings, attempt, connection, &mechanisms).await,
        None => Ok(()),
    }
}

/// A server that answers with our own name is ourselves.
async fn look_for_loop(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
    loops: bool,
    nexthop: &str,
) -> Result<(), Refused> {
    let own = &attempt.settings.greeting.myhostname;
    if !loops || !connection.helo.eq_ignore_ascii_case(own) {
        return Ok(());
    }
    attempt.log.warning(format_args!(
        "host {} replied to HELO/EHLO with my own hostname {own}",
        connection.peer.name_port
    ));
    let class = if connection.best_mx { 5 } else { 4 };
    let text = format!("mail for {nexthop} loops back to myself");
    let reason = Reason::own(Status::new(class, 4, 6), text);
    attempt.fail_all(Some(connection), Scope::Server, reason).await;
    Err(Refused)
}

/// Mail with REQUIRETLS needs a server that promises to pass that on.
async fn needs_require_tls(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
) -> Result<(), Refused> {
    let enforcement = attempt.enforcement();
    if enforcement == Enforcement::Disable || connection.tls.is_none() {
        return Ok(());
    }
    if connection.features.require_tls {
        let matched = starttls::protection(connection) == login::Protection::Verified;
        let met = if matched { RequireTls::Met } else { RequireTls::NoMatch };
        attempt.tls.require_tls(met, true);
        return Ok(());
    }
    let name = connection.peer.name.clone();
    attempt.tls.require_tls(RequireTls::Unknown, enforcement < Enforcement::Enforce);
    if enforcement < Enforcement::Enforce {
        attempt.log.info(format_args!(
            "{}: Sender requested REQUIRETLS, but REQUIRETLS support was not offered by host {name}",
            attempt.request.queue_id
        ));
        return Ok(());
    }
    let text = format!(
        "Sender requested REQUIRETLS, but no server was found that supports REQUIRETLS. The last \
         attempted server was {name}"
    );
    let reason = Reason::own(Status::new(5, 7, 30), text);
    attempt.fail_all(Some(connection), Scope::Lacking, reason).await;
    Err(Refused)
}

/// Mail that cannot be said without SMTPUTF8 needs a server that takes it.
async fn needs_smtputf8(
    attempt: &mut Attempt<'_>,
    connection: &mut Connection,
) -> Result<(), Refused> {
    let name = connection.peer.name.clone();
    if !connection.features.smtputf8 && super::envelope::requires_smtputf8(attempt.request) {
        let text = format!(
            "message requires SMTPUTF8, but no server was found that supports SMTPUTF8. \
             The last attempted server was {name}"
        );
        let reason = Reason::own(Status::new(5, 6, 7), text);
        attempt.fail_all(Some(connection), Scope::Lacking, reason).await;
        return Err(Refused);
    }
    if connection.features.smtputf8 && !connection.features.eight_bit_mime {
        attempt.log.info(format_args!("host {name} offers SMTPUTF8 support, but not 8BITMIME"));
        connection.features.eight_bit_mime = true;
    }
    Ok(())
}
