//! `$name` in reply templates: facts of the session (`default_rbl_reply`, `smtpd_reject_footer`).

use std::borrow::Cow;

use super::dialogue::Dialogue;
use crate::config::expand::expand_once;

/// Expands `template`; names in `own` come first.
pub fn reply_text(talk: &Dialogue, own: &[(&str, &str)], template: &str) -> String {
    let lookup = |name: &str| -> Option<Cow<'_, str>> {
        match own.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Some((*value).into()),
            None => fact(talk, name),
        }
    };
    expand_once(template, &lookup).text
}

/// A fact of the session by its name.
fn fact<'a>(talk: &'a Dialogue, name: &str) -> Option<Cow<'a, str>> {
    let peer = &talk.peer;
    Some(match name {
        "server_name" => talk.server_name.as_ref().into(),
        "client" => peer.text.as_str().into(),
        "client_port" => peer.port.as_str().into(),
        "client_address" => peer.address.as_str().into(),
        "client_name" => peer.name.as_str().into(),
        "reverse_client_name" => peer.reverse_name.as_str().into(),
        "helo_name" => talk.helo.as_deref().unwrap_or_default().into(),
        "localtime" => jiff::Zoned::now().strftime("%b %d %H:%M:%S").to_string().into(),
        _ => {
            let (address, part) = match name.strip_prefix("sender") {
                Some(part) => (&talk.sender, part),
                None => (&talk.recipient, name.strip_prefix("recipient")?),
            };
            address_part(address.as_deref(), part)?.to_owned().into()
        }
    })
}

/// `sender`, `sender_name`, `sender_domain`; nothing known is empty, the null sender is `<>`.
fn address_part<'a>(address: Option<&'a str>, part: &str) -> Option<&'a str> {
    let Some(address) = address else { return Some("") };
    let split = address.rsplit_once('@');
    Some(match part {
        "" if address.is_empty() => "<>",
        "" => address,
        "_name" if address.is_empty() => "<>",
        "_name" => split.map_or(address, |(name, _)| name),
        "_domain" => split.map_or("", |(_, domain)| domain),
        _ => return None,
    })
}
