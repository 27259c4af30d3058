//! The commands of one message: XFORWARD, MAIL, RCPT, with the parameters that the server takes.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::connection::Features;
use crate::ipc::delivery::{Request, To};
use crate::mail::address;
use crate::mail::envelope::{Body, Notify, Ret, RewriteContext};
use crate::wire::xtext;

/// Whether mail cannot be delivered without SMTPUTF8: somebody asked for it, and an address or the
/// header needs it.
pub fn requires_smtputf8(request: &Request) -> bool {
    request.smtputf8
        && (request.utf8_header
            || !request.sender.is_ascii()
            || request.recipients.iter().any(|to| !to.address.is_ascii()))
}

/// MAIL FROM for `sender`. `converts`: the content will be converted, its size is not known.
pub fn mail(
    request: &Request,
    sender: &str,
    features: &Features,
    quoted: bool,
    converts: bool,
) -> String {
    let mut command = format!("MAIL FROM:<{}>", in_command(sender, quoted));
    if features.size && !converts {
        let _ = write!(command, " SIZE={}", request.size);
    }
    if features.eight_bit_mime {
        match request.body {
            Some(Body::EightBitMime) => command.push_str(" BODY=8BITMIME"),
            Some(Body::SevenBit) => command.push_str(" BODY=7BIT"),
            None => {}
        }
    }
    if features.dsn {
        if let Some(envid) = request.envid.as_deref().filter(|envid| !envid.is_empty()) {
            let _ = write!(command, " ENVID={}", xtext::encode(envid, "+="));
        }
        match request.ret {
            Some(Ret::Full) => command.push_str(" RET=FULL"),
            Some(Ret::Headers) => command.push_str(" RET=HDRS"),
            None => {}
        }
    }
    if features.smtputf8 && request.smtputf8 {
        command.push_str(" SMTPUTF8");
    }
    command
}

/// RCPT TO for a recipient, rewritten to `recipient`.
pub fn rcpt(
    request: &Request,
    to: &To,
    recipient: &str,
    features: &Features,
    quoted: bool,
) -> String {
    let mut command = format!("RCPT TO:<{}>", in_command(recipient, quoted));
    if features.dsn {
        if let Some(original) = original_recipient(request, to) {
            let _ = write!(command, " ORCPT={original}");
        }
        if !to.notify.is_default() {
            let _ = write!(command, " NOTIFY={}", notify(to.notify));
        }
    }
    command
}

/// An address as it stands in a command: quoted where RFC 5321 needs it.
fn in_command(address: &str, quoted: bool) -> Cow<'_, str> {
    if address.is_empty() || !quoted { Cow::Borrowed(address) } else { quote_821(address) }
}

/// Quotes the local part unless it is a dot-string of RFC 5321; bytes beyond ASCII stay.
fn quote_821(address: &str) -> Cow<'_, str> {
    let (local, domain) = match address.rfind('@') {
        Some(at) => address.split_at_checked(at).unwrap_or((address, "")),
        None => (address, ""),
    };
    let special = |c: char| c == ' ' || c.is_ascii_control() || "<>()[]\\,;:@\"".contains(c);
    let dots =
        local.is_empty() || local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if !dots && !local.contains(special) {
        return Cow::Borrowed(address);
    }
    let mut quoted = String::with_capacity(address.len() + 4);
    quoted.push('"');
    for c in local.chars() {
        if matches!(c, '\r' | '\n' | '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted.push_str(domain);
    Cow::Owned(quoted)
}

/// ORCPT: what the client gave, or else the address that it gave (RFC 3461 section 4.2).
fn original_recipient(request: &Request, to: &To) -> Option<String> {
    let given = if to.dsn_orcpt.is_empty() && !to.original.is_empty() {
        let original = address::quote(&to.original);
        let kind = if request.smtputf8 && !original.is_ascii() { "utf-8" } else { "rfc822" };
        Cow::Owned(format!("{kind};{original}"))
    } else {
        Cow::Borrowed(to.dsn_orcpt.as_str())
    };
    if given.is_empty() {
        return None;
    }
    let utf8 = given.get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case("utf-8;"));
    Some(if utf8 { encode_utf8(&given) } else { xtext::encode(&given, "+=") })
}

/// utf-8-addr-xtext (RFC 6533 section 3): the command stays ASCII.
fn encode_utf8(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_graphic() && !"\\+=".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    out
}

fn notify(notify: Notify) -> String {
    let names = [
        (Notify::NEVER, "NEVER"),
        (Notify::SUCCESS, "SUCCESS"),
        (Notify::FAILURE, "FAILURE"),
        (Notify::DELAY, "DELAY"),
    ];
    let set: Vec<&str> =
        names.iter().filter(|(one, _)| notify.has(*one)).map(|(_, name)| *name).collect();
    set.join(",")
}

/// The XFORWARD commands that tell the server about the client that brought the message.
pub fn xforward(request: &Request, features: &Features) -> [Option<String>; 2] {
    let takes = features.xforward;
    let client = &request.client;
    let known = |value: &str| !value.is_empty() && !value.eq_ignore_ascii_case("unknown");
    let ident = match client.ident.as_str() {
        "" => request.queue_id.to_string(),
        known => known.to_owned(),
    };
    let address = if client.address.contains(':') {
        format!("IPv6:{}", client.address)
    } else {
        client.address.clone()
    };
    let context = match request.rewrite_context {
        RewriteContext::Local => "LOCAL",
        RewriteContext::Remote => "REMOTE",
    };
    let first = [
        (takes.name && known(&client.name), "NAME", client.name.as_str()),
        (takes.addr && known(&client.address), "ADDR", &address),
        (takes.port && known(&client.port), "PORT", &client.port),
    ];
    let second = [
        (takes.proto && known(&client.protocol), "PROTO", client.protocol.as_str()),
        (takes.helo && !client.helo.is_empty(), "HELO", &client.helo),
        // Mail that no client brought has no name of its own in a client's log.
        (takes.ident && !client.address.is_empty(), "IDENT", &ident),
        (takes.source, "SOURCE", context),
    ];
    [command(&first), command(&second)]
}

fn command(attributes: &[(bool, &str, &str)]) -> Option<String> {
    let mut command = String::from("XFORWARD");
    for (_, name, value) in attributes.iter().filter(|(wanted, ..)| *wanted) {
        let _ = write!(command, " {name}={}", xtext::encode(value, ""));
    }
    (command.len() > "XFORWARD".len()).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::delivery_line::tests::{a_recipient, a_request};

    #[test]
    fn mail_parameters() {
        let mut request = a_request();
        request.body = Some(Body::EightBitMime);
        request.envid = Some("a=b".into());
        request.ret = Some(Ret::Headers);
        let nothing = Features::default();
        assert_eq!(mail(&request, "s@x", &nothing, true, false), "MAIL FROM:<s@x>");
        let all = Features { size: true, eight_bit_mime: true, dsn: true, ..nothing };
        assert_eq!(
            mail(&request, "s@x", &all, true, false),
            "MAIL FROM:<s@x> SIZE=300 BODY=8BITMIME ENVID=a+3Db RET=HDRS"
        );
        assert_eq!(mail(&request, "", &all, true, true).find("SIZE"), None);
    }

    #[test]
    fn recipient_parameters() {
        let request = a_request();
        let mut to = a_recipient("u@x");
        let plain = Features::default();
        let dsn = Features { dsn: true, ..Features::default() };
        assert_eq!(rcpt(&request, &to, "u@x", &dsn, true), "RCPT TO:<u@x>");
        to.original = "o@x".into();
        to.notify = Notify::SUCCESS.with(Notify::DELAY);
        assert_eq!(rcpt(&request, &to, "u@x", &plain, true), "RCPT TO:<u@x>");
        assert_eq!(
            rcpt(&request, &to, "u@x", &dsn, true),
            "RCPT TO:<u@x> ORCPT=rfc822;o@x NOTIFY=SUCCESS,DELAY"
        );
    }

    #[test]
    fn quoting() {
        assert_eq!(quote_821("a.b@x"), "a.b@x");
        assert_eq!(quote_821("a b@x"), "\"a b\"@x");
        assert_eq!(quote_821("a\"b@x"), "\"a\\\"b\"@x");
        assert_eq!(quote_821(".a@x"), "\".a\"@x");
        assert_eq!(quote_821("ü@x"), "ü@x");
        assert_eq!(quote_821("a@b@x"), "\"a@b\"@x");
    }

    #[test]
    fn forwarding_names_the_client() {
        let mut request = a_request();
        request.client.name = "unknown".into();
        request.client.address = "192.0.2.1".into();
        let mut features = Features::default();
        features.xforward.name = true;
        features.xforward.addr = true;
        let [first, second] = xforward(&request, &features);
        assert_eq!(first.as_deref(), Some("XFORWARD ADDR=192.0.2.1"));
        assert_eq!(second, None);
    }

    #[test]
    fn audit_2026_06_08_plus_in_orcpt() {
        let dsn = Features { dsn: true, ..Features::default() };
        let mut to = a_recipient("u@x");
        to.original = "o+e=x@x".into();
        let said = rcpt(&a_request(), &to, "u@x", &dsn, true);
        assert_eq!(said, "RCPT TO:<u@x> ORCPT=rfc822;o+2Be+3Dx@x");
    }
}
