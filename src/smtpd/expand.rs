//! `$name` in reply templates: facts of the session (`default_rbl_reply`, `smtpd_reject_footer`).

use std::borrow::Cow;

use super::dialogue::Dialogue;
use crate::config::expand::expand_once;
use crate::config::unescape;

/// Which bytes may come from outside into a reply: `smtpd_expansion_filter`.
#[derive(Clone, Debug)]
pub struct Filter(Box<[bool; 256]>);

impl Filter {
    /// Reads the parameter, with its backslash sequences.
    pub fn parse(text: &str) -> Self {
        let mut allowed = Box::new([false; 256]);
        for byte in unescape(text).bytes() {
            allowed[usize::from(byte)] = true;
        }
        Self(allowed)
    }

    fn allows(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// `value` with `_` for each byte that may not pass.
    pub(super) fn clean<'a>(&self, value: Cow<'a, str>) -> Cow<'a, str> {
        if value.bytes().all(|byte| self.allows(byte)) {
            return value;
        }
        let mut clean = String::with_capacity(value.len());
        for c in value.chars() {
            match c.is_ascii() && self.allows(c as u8) {
                true => clean.push(c),
                false => clean.extend(std::iter::repeat_n('_', c.len_utf8())),
            }
        }
        clean.into()
    }
}

/// Expands `template`; names in `own` come first.
pub fn reply_text(
    talk: &Dialogue,
    own: &[(&str, &str)],
    template: &str,
    filter: &Filter,
) -> String {
    let lookup = |name: &str| -> Option<Cow<'_, str>> {
        let value = match own.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => (*value).into(),
            None => fact(talk, name)?,
        };
        Some(filter.clean(value))
    };
    expand_once(template, &lookup).text
}

/// Expands `template` by `lookup` alone.
pub fn text<'a>(template: &str, lookup: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> String {
    expand_once(template, lookup).text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_filter_names_comes_into_a_reply() {
        let filter = Filter::parse(r"\t\40ab\\");
        assert_eq!(filter.clean("a b\t\\".into()), "a b\t\\");
        assert_eq!(filter.clean("a\r\nc\u{e9}b".into()), "a_____b");
    }
}
