//! ESMTP parameters of MAIL and RCPT: `SIZE=`, `BODY=`, `RET=`, `ENVID=`, `NOTIFY=`, `ORCPT=` …

use crate::mail::envelope::{Body, Notify, Ret};
use crate::smtpd::fault::Faults;
use crate::smtpd::keyword::Keywords;
use crate::wire::smtp_command::Word;
use crate::wire::xtext;

/// The parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MailParameters {
    /// SIZE
    pub size: u64,
    /// BODY
    pub body: Option<Body>,
    /// RET
    pub ret: Option<Ret>,
    /// ENVID, decoded.
    pub envid: Option<String>,
    /// AUTH, as given; none for `<>`.
    pub auth: Option<String>,
    /// XVERP, with its delimiters.
    pub verp: Option<String>,
    /// REQUIRETLS
    pub require_tls: bool,
}

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RcptParameters {
    /// NOTIFY
    pub notify: Notify,
    /// ORCPT as `type;decoded address`.
    pub orcpt: Option<String>,
}

/// What a session allows in parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed<'a> {
    /// EHLO keywords that were not offered.
    pub withheld: Keywords,
    /// SMTPUTF8 is known.
    pub smtputf8: bool,
    /// REQUIRETLS is known: the connection is encrypted.
    pub require_tls: bool,
    /// XVERP is known to this client.
    pub verp: bool,
    /// `default_verp_delimiters`
    pub default_verp: &'a str,
    /// `verp_delimiter_filter`
    pub verp_filter: &'a str,
}

/// A parameter that is refused: the class of the fault, and the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadParameter {
    pub class: Faults,
    pub reply: String,
    /// What the log warns of.
    pub warning: Option<String>,
}

fn bad(reply: impl Into<String>) -> BadParameter {
    BadParameter { class: Faults::PROTOCOL, reply: reply.into(), warning: None }
}

const DSN_DISABLED: &str = "501 5.7.1 DSN support is disabled";

/// The value of `text` if it is the parameter `name=`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (given, value) = text.split_once('=')?;
    given.eq_ignore_ascii_case(name).then_some(value)
}

/// Whether SMTPUTF8 is among the parameters; it must be known before the address is read.
pub(super) fn wants_smtputf8(words: &[Word<'_>], allowed: Allowed<'_>) -> bool {
    allowed.smtputf8 && words.iter().any(|word| word.text.eq_ignore_ascii_case("SMTPUTF8"))
}

/// Reads the parameters of MAIL. The `announced` size is that of an earlier MAIL that was refused:
/// in Postfix it stays until RSET.
pub(super) fn of_mail(
    words: &[Word<'_>],
    allowed: Allowed<'_>,
    announced: u64,
) -> Result<MailParameters, BadParameter> {
    let mut found = MailParameters { size: announced, ..MailParameters::default() };
    for word in words {
        let text = word.text;
        if text.eq_ignore_ascii_case("BODY=8BITMIME") {
            found.body = Some(Body::EightBitMime);
        } else if text.eq_ignore_ascii_case("BODY=7BIT") {
            found.body = Some(Body::SevenBit);
        } else if let Some(size) = value(text, "SIZE") {
            found.size = size_of(size)?;
        } else if allowed.smtputf8 && text.eq_ignore_ascii_case("SMTPUTF8") {
            // Seen before the address was read.
        } else if allowed.require_tls && text.eq_ignore_ascii_case("REQUIRETLS") {
            found.require_tls = true;
        } else if let Some(auth) = value(text, "AUTH") {
            if found.auth.is_some() {
                return Err(bad("503 5.5.4 Error: multiple AUTH= options"));
            }
            found.auth = (auth != "<>").then(|| auth.to_owned());
        } else if let Some(delimiters) = verp(text, allowed)? {
            found.verp = Some(delimiters);
        } else if let Some(ret) = value(text, "RET") {
            no_dsn(allowed)?;
            let syntax = || bad("501 5.5.4 Bad RET parameter syntax");
            if found.ret.is_some() {
                return Err(syntax());
            }
            found.ret = Some(ret_of(ret).ok_or_else(syntax)?);
        } else if let Some(envid) = value(text, "ENVID") {
            no_dsn(allowed)?;
            let printable =
                |text: &String| text.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
            let decoded = xtext::decode(envid).filter(printable).filter(|text| !text.is_empty());
            found.envid = match (decoded, &found.envid) {
                (Some(decoded), None) => Some(decoded),
                _ => return Err(bad("501 5.5.4 Bad ENVID parameter syntax")),
            };
        } else {
            return Err(bad(format!("555 5.5.4 Unsupported option: {text}")));
        }
    }
    Ok(found)
}

/// Reads the parameters of RCPT.
pub(super) fn of_rcpt(
    words: &[Word<'_>],
    allowed: Allowed<'_>,
) -> Result<RcptParameters, BadParameter> {
    let mut found = RcptParameters::default();
    for word in words {
        if let Some(notify) = value(word.text, "NOTIFY") {
            no_dsn(allowed)?;
            let syntax = |warning| BadParameter {
                warning,
                ..bad("501 5.5.4 Error: Bad NOTIFY parameter syntax")
            };
            if !found.notify.is_default() {
                return Err(syntax(None));
            }
            found.notify = notify_of(notify).map_err(syntax)?;
        } else if let Some(orcpt) = value(word.text, "ORCPT") {
            no_dsn(allowed)?;
            let given = orcpt_of(orcpt).filter(|_| found.orcpt.is_none());
            let given = given.ok_or_else(|| bad("501 5.5.4 Error: Bad ORCPT parameter syntax"))?;
            found.orcpt = Some(given);
        } else {
            return Err(bad(format!("555 5.5.4 Unsupported option: {}", word.text)));
        }
    }
    Ok(found)
}

fn no_dsn(allowed: Allowed<'_>) -> Result<(), BadParameter> {
    if allowed.withheld.has(Keywords::DSN) { Err(bad(DSN_DISABLED)) } else { Ok(()) }
}

fn size_of(text: &str) -> Result<u64, BadParameter> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("501 5.5.4 Bad message size syntax"));
    }
    let too_large = || BadParameter {
        class: Faults::POLICY,
        reply: "552 5.3.4 Message size exceeds file system imposed limit".into(),
        warning: None,
    };
    text.parse::<i64>().ok().and_then(|size| u64::try_from(size).ok()).ok_or_else(too_large)
}

fn ret_of(text: &str) -> Option<Ret> {
    if text.eq_ignore_ascii_case("FULL") {
        return Some(Ret::Full);
    }
    text.eq_ignore_ascii_case("HDRS").then_some(Ret::Headers)
}

/// NEVER alone, or any of the others. The error is what the log warns of, if anything.
fn notify_of(text: &str) -> Result<Notify, Option<String>> {
    let mut set = Notify::default();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        set = set.with(match word.to_ascii_uppercase().as_str() {
            "NEVER" => Notify::NEVER,
            "SUCCESS" => Notify::SUCCESS,
            "FAILURE" => Notify::FAILURE,
            "DELAY" => Notify::DELAY,
            _ => {
                let what = format!("unknown DSN NOTIFY command value \"{word}\" in \"{text}\"");
                return Err(Some(what));
            }
        });
    }
    let alone = !set.has(Notify::NEVER) || set == Notify::NEVER;
    if alone && !set.is_default() { Ok(set) } else { Err(None) }
}

fn orcpt_of(text: &str) -> Option<String> {
    let (kind, address) = text.split_once(';')?;
    if kind.is_empty() {
        return None;
    }
    let address = if kind.eq_ignore_ascii_case("utf-8") {
        xtext::decode_utf8(address)?
    } else {
        xtext::decode(address)?
    };
    Some(format!("{kind};{address}"))
}

/// XVERP and XVERP=xy; none if it is not that.
fn verp(text: &str, allowed: Allowed<'_>) -> Result<Option<String>, BadParameter> {
    if !allowed.verp {
        return Ok(None);
    }
    let Some((name, rest)) = text.split_at_checked(5) else { return Ok(None) };
    if !name.eq_ignore_ascii_case("XVERP") {
        return Ok(None);
    }
    if rest.is_empty() {
        return Ok(Some(allowed.default_verp.to_owned()));
    }
    let Some(delimiters) = rest.strip_prefix('=') else { return Ok(None) };
    let fits = delimiters.len() == 2 && delimiters.chars().all(|c| allowed.verp_filter.contains(c));
    if fits {
        return Ok(Some(delimiters.to_owned()));
    }
    let filter = allowed.verp_filter;
    Err(bad(format!("501 5.5.4 Error: XVERP needs two characters from {filter}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::smtp_command::words;

    const ALLOWED: Allowed<'_> = Allowed {
        withheld: Keywords::NONE,
        smtputf8: true,
        require_tls: true,
        verp: true,
        default_verp: "+=",
        verp_filter: "-=+",
    };

    fn mail(text: &str) -> Result<MailParameters, String> {
        of_mail(&words(text), ALLOWED, 0).map_err(|bad| bad.reply)
    }

    fn rcpt(text: &str) -> Result<RcptParameters, String> {
        of_rcpt(&words(text), ALLOWED).map_err(|bad| bad.reply)
    }

    #[test]
    fn mail_parameters() {
        let found = mail("SIZE=10 body=8bitmime RET=hdrs ENVID=a+2Bb SMTPUTF8 AUTH=<>").unwrap();
        assert_eq!(found.size, 10);
        assert_eq!(found.body, Some(Body::EightBitMime));
        assert_eq!(found.ret, Some(Ret::Headers));
        assert_eq!(found.envid.as_deref(), Some("a+b"));
        assert_eq!(found.auth, None);
        for (text, reply) in [
            ("SIZE=x", "501 5.5.4 Bad message size syntax"),
            ("SIZE=", "501 5.5.4 Bad message size syntax"),
            (
                "SIZE=99999999999999999999",
                "552 5.3.4 Message size exceeds file system imposed limit",
            ),
            ("RET=FULL RET=FULL", "501 5.5.4 Bad RET parameter syntax"),
            ("RET=x", "501 5.5.4 Bad RET parameter syntax"),
            ("ENVID=a+0Ab", "501 5.5.4 Bad ENVID parameter syntax"),
            ("BODY=BINARYMIME", "555 5.5.4 Unsupported option: BODY=BINARYMIME"),
            ("XVERP=ab", "501 5.5.4 Error: XVERP needs two characters from -=+"),
        ] {
            assert_eq!(mail(text).unwrap_err(), reply);
        }
        assert!(mail("requiretls").unwrap().require_tls);
        let plain = Allowed { require_tls: false, ..ALLOWED };
        let refused = of_mail(&words("REQUIRETLS"), plain, 0).unwrap_err();
        assert_eq!(refused.reply, "555 5.5.4 Unsupported option: REQUIRETLS");
        assert_eq!(mail("XVERP").unwrap().verp.as_deref(), Some("+="));
    }

    #[test]
    fn rcpt_parameters() {
        let found = rcpt("NOTIFY=success,Failure ORCPT=rfc822;a+40b").unwrap();
        assert_eq!(found.notify, Notify::SUCCESS.with(Notify::FAILURE));
        assert_eq!(found.orcpt.as_deref(), Some("rfc822;a@b"));
        assert!(rcpt("NOTIFY=NEVER,SUCCESS").is_err());
        assert!(rcpt("NOTIFY=").is_err());
        assert!(rcpt("ORCPT=a@b").is_err());
        assert!(rcpt("ORCPT=;a@b").is_err());
        assert!(rcpt("SIZE=1").is_err());
    }
}
