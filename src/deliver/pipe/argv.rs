//! `${recipient}` and its relatives in the command of a pipe(8) line. An argument that names
//! something of the recipient comes once for each of them.

use std::borrow::Cow;

use super::attributes::Flags;
use crate::config::expand::{expand_once, insides};
use crate::ipc::delivery::{Request, To};
use crate::log::Log;
use crate::mail::address::{Extensions, fold, quote_822};

/// Names that have one value for the message.
const OF_MESSAGE: &[&str] = &[
    "nexthop",
    "sender",
    "size",
    "client_address",
    "client_hostname",
    "client_port",
    "client_protocol",
    "client_helo",
    "sasl_method",
    "sasl_username",
    "sasl_sender",
    "queue_id",
    "envid",
];

/// Names that have a value for each recipient.
const OF_RECIPIENT: &[&str] =
    &["recipient", "original_recipient", "user", "extension", "mailbox", "domain"];

/// What the names are expanded with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Macros<'a> {
    pub(super) request: &'a Request,
    /// The sender as commands see it: `null_sender=` for the null sender.
    pub(super) sender: &'a str,
    pub(super) flags: &'a Flags,
    pub(super) extensions: &'a Extensions,
}

/// An argument that cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadArgument {
    /// There is no such name.
    #[error("unknown macro name: \"{0}\"")]
    Unknown(String),
    /// An unclosed or empty reference.
    #[error("{0}")]
    Syntax(String),
}

impl Macros<'_> {
    /// The command with its arguments; the error says what is wrong with it.
    pub(super) fn expand(&self, argv: &[String], log: &Log) -> Result<Vec<String>, BadArgument> {
        let mut expanded = Vec::with_capacity(argv.len() + self.request.recipients.len());
        for argument in argv {
            if !argument.contains('$') {
                expanded.push(argument.clone());
                continue;
            }
            if of_recipient(argument)? {
                for to in &self.request.recipients {
                    expanded.push(self.one(argument, Some(to), log));
                }
            } else {
                expanded.push(self.one(argument, None, log));
            }
        }
        Ok(expanded)
    }

    fn one(&self, argument: &str, to: Option<&To>, log: &Log) -> String {
        let found = expand_once(argument, &|name| {
            self.of_message(name).or_else(|| self.of_recipient(name, to?, log))
        });
        for warning in found.warnings {
            log.warning(format_args!("{warning}"));
        }
        found.text
    }

    fn of_message(&self, name: &str) -> Option<Cow<'_, str>> {
        let Request { client, sasl, queue_id, envid, nexthop, size, .. } = self.request;
        Some(match name {
            "nexthop" if self.flags.fold_domain => fold(nexthop),
            "nexthop" => nexthop.as_str().into(),
            "sender" if self.flags.quote => quote_822(self.sender),
            "sender" => self.sender.into(),
            "size" => size.to_string().into(),
            "client_address" => client.address.as_str().into(),
            "client_hostname" => client.name.as_str().into(),
            "client_port" => client.port.as_str().into(),
            "client_protocol" => client.protocol.as_str().into(),
            "client_helo" => client.helo.as_str().into(),
            "sasl_method" => sasl.method.as_str().into(),
            "sasl_username" => sasl.username.as_str().into(),
            "sasl_sender" => sasl.sender.as_str().into(),
            "queue_id" => queue_id.to_string().into(),
            "envid" => envid.as_deref().unwrap_or_default().into(),
            _ => return None,
        })
    }

    fn of_recipient<'t>(&self, name: &str, to: &'t To, log: &Log) -> Option<Cow<'t, str>> {
        let whole = |address: &'t str| match self.flags.quote {
            true => self.folded(&quote_822(address)),
            false => self.folded(address),
        };
        match name {
            "recipient" => return Some(whole(&to.address).into()),
            "original_recipient" => return Some(whole(&to.original).into()),
            _ => {}
        }
        let folded = self.folded(&to.address);
        let (local, domain) = folded.rsplit_once('@').unwrap_or_else(|| {
            log.warning(format_args!("no @ in recipient address: {}", to.address));
            (&folded, "")
        });
        let (user, extension) = match self.extensions.delimiters.as_str() {
            "" => (local, None),
            _ => self.extensions.split(local),
        };
        let value = match name {
            "mailbox" => local,
            "domain" => domain,
            "user" => user,
            "extension" => extension.unwrap_or_default(),
            _ => return None,
        };
        Some(value.to_owned().into())
    }

    /// The address in lower case, as the flags `h` and `u` say.
    fn folded(&self, address: &str) -> String {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let at = address.get(local.len()..address.len() - domain.len()).unwrap_or_default();
        let local = if self.flags.fold_local { fold(local) } else { local.into() };
        let domain = if self.flags.fold_domain { fold(domain) } else { domain.into() };
        format!("{local}{at}{domain}")
    }
}

/// Whether an argument names something of the recipient. Only plain names count: no conditions.
fn of_recipient(argument: &str) -> Result<bool, BadArgument> {
    let mut found = false;
    for name in insides(argument).map_err(BadArgument::Syntax)? {
        if OF_RECIPIENT.contains(&name) {
            found = true;
        } else if !OF_MESSAGE.contains(&name) {
            return Err(BadArgument::Unknown(name.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::delivery_line::tests::{a_recipient, a_request};

    fn expanded(
        flags: Flags,
        addresses: &[&str],
        argv: &[&str],
    ) -> Result<Vec<String>, BadArgument> {
        let mut request = a_request();
        request.recipients = addresses.iter().map(|address| a_recipient(address)).collect();
        request.nexthop = "Next.Hop".into();
        let extensions = Extensions { delimiters: "+".into(), ..Extensions::default() };
        let macros = Macros {
            request: &request,
            sender: "Some One@example.org",
            flags: &flags,
            extensions: &extensions,
        };
        let argv: Vec<_> = argv.iter().map(|&argument| argument.to_owned()).collect();
        macros.expand(&argv, &Log::new("postfix", "pipe"))
    }

    #[test]
    fn one_argument_for_each_recipient() {
        let argv = ["/bin/x", "-r${recipient}", "$user", "${extension}", "$domain", "$mailbox"];
        let found = expanded(Flags::default(), &["A+b@C.d", "e@F"], &argv).unwrap();
        assert_eq!(
            found,
            ["/bin/x", "-rA+b@C.d", "-re@F", "A", "e", "b", "", "C.d", "F", "A+b", "e"]
        );
    }

    #[test]
    fn folding_and_quoting() {
        let argv = ["$recipient", "$user", "$sender", "$nexthop"];
        let flags = Flags { fold_domain: true, quote: true, ..Flags::default() };
        let found = expanded(flags, &["A b@C.D"], &argv).unwrap();
        assert_eq!(found, ["\"A b\"@c.d", "A b", "\"Some One\"@example.org", "next.hop"]);
        let flags = Flags { fold_local: true, ..Flags::default() };
        let found = expanded(flags, &["A b@C.D"], &argv).unwrap();
        assert_eq!(found, ["a b@C.D", "a b", "Some One@example.org", "Next.Hop"]);
    }

    #[test]
    fn unknown_names() {
        let error = |argument| expanded(Flags::default(), &["a@b"], &[argument]).unwrap_err();
        assert_eq!(error("$fruit").to_string(), "unknown macro name: \"fruit\"");
        assert_eq!(error("${user?x}").to_string(), "unknown macro name: \"user?x\"");
        assert_eq!(error("a${user").to_string(), "truncated macro reference: \"a${user\"");
        assert_eq!(error("$$$-").to_string(), "empty macro name: \"$$$-\"");
    }

    #[test]
    fn audit_2026_07_17_an_empty_user_keeps_its_argument() {
        let argv = ["/bin/x", "-u", "$user", "$extension", "end"];
        let found = expanded(Flags::default(), &["@c.d"], &argv).unwrap();
        assert_eq!(found, ["/bin/x", "-u", "", "", "end"]);
    }
}
