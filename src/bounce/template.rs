//! The texts of notices: built in, or from `bounce_template_file` (bounce(5)).
//!
//! The built-in wording is an interface: users know it, and programs recognise it.

use crate::config::{Config, expand};
use crate::log::Log;

/// Which notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Could not be delivered.
    Failure,
    /// Is late.
    Delay,
    /// Was delivered (NOTIFY=SUCCESS).
    Success,
    /// What `sendmail -bv` and `-v` report.
    Verify,
}

/// One notice's wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) charset: String,
    /// Whether the text is 8-bit.
    pub(super) eight_bit: bool,
    /// `From:` of a file; the built-in one depends on header_from_format.
    pub(super) from: Option<String>,
    pub(super) subject: String,
    pub(super) postmaster_subject: Option<String>,
    pub(super) text: Vec<String>,
}

/// The wording of all notices.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    failure: Template,
    delay: Template,
    success: Template,
    verify: Template,
}

const HELP: [&str; 7] = [
    "",
    "For further assistance, please send mail to postmaster.",
    "",
    "If you do so, please include this problem report. You can",
    "delete your own text from the attached returned message.",
    "",
    "                   The mail system",
];
const HOST: &str = "This is the mail system at host $myhostname.";

fn built_in(subject: &str, postmaster_subject: Option<&str>, text: &[&str]) -> Template {
    Template {
        charset: "us-ascii".into(),
        eight_bit: false,
        from: None,
        subject: subject.into(),
        postmaster_subject: postmaster_subject.map(str::to_owned),
        text: text.iter().map(|line| (*line).to_owned()).collect(),
    }
}

impl Default for Templates {
    fn default() -> Self {
        let with_help = |text: &[&'static str]| [text, &HELP[..]].concat();
        Self {
            failure: built_in(
                "Undelivered Mail Returned to Sender",
                Some("Postmaster Copy: Undelivered Mail"),
                &with_help(&[
                    HOST,
                    "",
                    "I'm sorry to have to inform you that your message could not",
                    "be delivered to one or more recipients. It's attached below.",
                ]),
            ),
            delay: built_in(
                "Delayed Mail (still being retried)",
                Some("Postmaster Warning: Delayed Mail"),
                &with_help(&[
                    HOST,
                    "",
                    "####################################################################",
                    "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #",
                    "####################################################################",
                    "",
                    "Your message could not be delivered for more than $delay_warning_time_hours hour(s).",
                    "It will be retried until it is $maximal_queue_lifetime_days day(s) old.",
                ]),
            ),
            success: built_in(
                "Successful Mail Delivery Report",
                None,
                &[
                    HOST,
                    "",
                    "Your message was successfully delivered to the destination(s)",
                    "listed below. If the message was delivered to mailbox you will",
                    "receive no further notifications. Otherwise you may still receive",
                    "notifications of mail delivery errors from other systems.",
                    "",
                    "                   The mail system",
                ],
            ),
            verify: built_in(
                "Mail Delivery Status Report",
                None,
                &[
                    HOST,
                    "",
                    "Enclosed is the mail delivery report that you requested.",
                    "",
                    "                   The mail system",
                ],
            ),
        }
    }
}

impl Templates {
    pub(super) fn of(&self, class: Class) -> &Template {
        match class {
            Class::Failure => &self.failure,
            Class::Delay => &self.delay,
            Class::Success => &self.success,
            Class::Verify => &self.verify,
        }
    }

    /// All of them with the names that they have in files.
    pub(super) fn named(&self) -> [(&'static str, &Template); 4] {
        [
            ("failure", &self.failure),
            ("delay", &self.delay),
            ("success", &self.success),
            ("verify", &self.verify),
        ]
    }

    /// The built-in texts with those of `file` over them. A template with a mistake is reported
    /// and left out; a file with a mistake in its structure is an error.
    pub(super) fn read(file: &str, text: &str, log: &Log) -> Result<Self, String> {
        let mut templates = Self::default();
        let mut lines = (1_usize..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            let mut last = number;
            let at = |what: &str| format!("{file}, line {}: {what}", number + 1);
            let Some((name, value)) = line.split_once('=') else {
                return Err(at(&format!("missing '=' after attribute name: \"{line}\"")));
            };
            let (name, value) = (name.trim(), value.trim());
            let body = match value.strip_prefix("<<").map(str::trim_start) {
                None => value.to_owned(),
                Some("") => return Err(at("missing end marker after <<")),
                Some(marker) if !marker.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
                    return Err(at("malformed end marker after <<"));
                }
                Some(marker) => {
                    let mut body = Vec::new();
                    let mut ended = false;
                    for (number, line) in lines.by_ref() {
                        last = number;
                        if line == marker {
                            ended = true;
                            break;
                        }
                        body.push(line);
                    }
                    if !ended {
                        log.warning(format_args!(
                            "{}",
                            at(&format!("missing \"{marker}\" end marker"))
                        ));
                    }
                    body.join("\n")
                }
            };
            let (class, template) = match name {
                "failure_template" => ("failure", &mut templates.failure),
                "delay_template" => ("delay", &mut templates.delay),
                "success_template" => ("success", &mut templates.success),
                "verify_template" => ("verify", &mut templates.verify),
                _ => {
                    let what = format!("unknown template name: {name} -- ignoring this template");
                    // Postfix counts to the end of what it has read.
                    log.warning(format_args!("{file}, line {}: {what}", last + 1));
                    continue;
                }
            };
            match Template::parse(template, &body) {
                Ok(parsed) => *template = parsed,
                Err(what) => log.warning(format_args!(
                    "{file}: {what} in {class} template -- ignoring this template"
                )),
            }
        }
        Ok(templates)
    }
}

impl Template {
    /// Headers, an empty line, text; what is not said stays as in `base`.
    fn parse(base: &Self, body: &str) -> Result<Self, String> {
        let mut template = Self { eight_bit: false, ..base.clone() };
        let mut lines = body.split('\n').peekable();
        while let Some((label, value)) = lines.peek().and_then(|line| header(line)) {
            lines.next();
            if value.is_empty() {
                return Err(format!("empty \"{label}\" header value"));
            }
            if !value.is_ascii() {
                return Err(format!("non-ASCII \"{label}\" header value"));
            }
            let value = value.to_owned();
            match label.to_ascii_lowercase().as_str() {
                "charset" => template.charset = value,
                "from" => template.from = Some(value),
                "subject" => template.subject = value,
                "postmaster-subject" if template.postmaster_subject.is_some() => {
                    template.postmaster_subject = Some(value);
                }
                "postmaster-subject" => {
                    return Err(format!("inapplicable \"{label}\" header label"));
                }
                _ => return Err(format!("unknown \"{label}\" header label")),
            }
        }
        let text: Vec<String> =
            lines.skip_while(|line| line.trim().is_empty()).map(str::to_owned).collect();
        if text.is_empty() {
            return Err("missing message text".into());
        }
        if !text.iter().all(|line| line.is_ascii()) {
            if template.charset.eq_ignore_ascii_case("us-ascii") {
                return Err("8-bit message text with charset us-ascii".into());
            }
            template.eight_bit = true;
        }
        template.text = text;
        Ok(template)
    }

    /// The text with `$name` replaced.
    pub(super) fn expanded(&self, config: &Config, times: &[(&str, u64)]) -> Vec<String> {
        self.text
            .iter()
            .map(|line| {
                let line = if line.contains('$') { with_times(line, times) } else { line.clone() };
                if line.contains('$') { config.expand(&line) } else { line }
            })
            .collect()
    }
}

/// The texts as a file has them (`postconf -t`); `standard_from` is header_from_format = standard.
pub(super) fn dump(templates: &Templates, standard_from: bool) -> String {
    let from = if standard_from {
        "Mail Delivery System <MAILER-DAEMON>"
    } else {
        "MAILER-DAEMON (Mail Delivery System)"
    };
    let texts = templates.named().map(|(class, template)| {
        let postmaster = template.postmaster_subject.as_ref();
        format!(
            "{class}_template = <<EOF\nCharset: {}\nFrom: {}\nSubject: {}\n{}\n{}\nEOF\n",
            template.charset,
            template.from.as_deref().unwrap_or(from),
            template.subject,
            postmaster.map(|s| format!("Postmaster-Subject: {s}\n")).unwrap_or_default(),
            template.text.join("\n"),
        )
    });
    texts.join("\n")
}

/// The texts with all names replaced (`postconf -b`); the error is what Postfix ends with.
pub(super) fn expand_all(
    templates: &Templates,
    origin: &str,
    config: &Config,
    times: &[(&str, u64)],
) -> Result<String, String> {
    let mut out = String::new();
    for (at, (class, template)) in templates.named().into_iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        out.push_str(&format!("expanded_{class}_text = <<EOF\n"));
        for line in &template.text {
            let found = expand::expand(&with_times(line, times), &|name| config.unexpanded(name));
            let wrong = match (found.failed, found.undefined) {
                (true, _) => "bad $name syntax",
                (_, true) => "undefined $name",
                _ => {
                    out.push_str(&found.text);
                    out.push('\n');
                    continue;
                }
            };
            return Err(format!("{origin}: {wrong} in {class} template: {line}"));
        }
        out.push_str("EOF\n");
    }
    Ok(out)
}

/// `Label: value`
fn header(line: &str) -> Option<(&str, &str)> {
    let (label, value) = line.split_once(':')?;
    let sound = !label.is_empty() && label.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some((label, value.trim()))
}

const UNITS: [(&str, u64); 5] =
    [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400), ("weeks", 604_800)];

/// Replaces `$delay_warning_time_hours` and its relatives.
fn with_times(line: &str, times: &[(&str, u64)]) -> String {
    let mut line = line.to_owned();
    for (name, seconds) in times {
        for (unit, divisor) in UNITS {
            let value = (seconds / divisor).to_string();
            for form in [
                format!("${name}_{unit}"),
                format!("${{{name}_{unit}}}"),
                format!("$({name}_{unit})"),
            ] {
                if line.contains(&form) {
                    line = line.replace(&form, &value);
                }
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        Log::new("postfix", "bounce")
    }

    #[test]
    fn a_file_replaces_what_it_names() {
        let text = "# comment\nfailure_template = <<EOF\nCharset: utf-8\nSubject: Nope\n\nLine ä\n$myhostname\nEOF\n";
        let templates = Templates::read("f", text, &log()).unwrap();
        let failure = templates.of(Class::Failure);
        assert_eq!(failure.subject, "Nope");
        assert_eq!(failure.text, ["Line ä", "$myhostname"]);
        assert!(failure.eight_bit);
        assert_eq!(
            failure.postmaster_subject.as_deref(),
            Some("Postmaster Copy: Undelivered Mail")
        );
        assert_eq!(templates.of(Class::Delay), Templates::default().of(Class::Delay));
    }

    #[test]
    fn a_bad_template_is_left_out() {
        let text = "success_template = <<EOF\nPostmaster-Subject: x\n\ntext\nEOF\n";
        let templates = Templates::read("f", text, &log()).unwrap();
        assert_eq!(templates.of(Class::Success), Templates::default().of(Class::Success));
        assert!(Templates::read("f", "failure_template = <<\n", &log()).is_err());
    }

    #[test]
    fn times_are_given_in_units() {
        let line =
            with_times("more than $delay_warning_time_hours h", &[("delay_warning_time", 7200)]);
        assert_eq!(line, "more than 2 h");
    }
}
