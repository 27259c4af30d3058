//! The parameters and tables of cleanup, read once.

use std::sync::Arc;

use crate::config::parameters as p;
use crate::config::{Config, Problem, split_list};
use crate::filter::{Common, Filters};
use crate::lookup::match_list::StringList;
use crate::lookup::{Maps, Tables};
use crate::mail::header::{Name, Names};
use crate::mail::mime;
use crate::rewrite::Propagate;

#[derive(Debug)]
pub(super) struct Settings {
    pub myhostname: String,
    pub long_queue_ids: bool,
    pub empty_recipient: String,
    pub remote_header_rewrite: bool,
    pub smtputf8: bool,
    pub autodetect: Autodetect,
    pub mapping: Mapping,
    pub always_bcc: String,
    pub sender_bcc: Option<Table>,
    pub recipient_bcc: Option<Table>,
    pub duplicate_limit: usize,
    pub original_recipient: bool,
    pub checks: Checks,
    pub headers: Headers,
    pub line_length_limit: usize,
    pub message_size_limit: u64,
    pub replace_stray_cr: bool,
    pub internal_checks: InternalChecks,
    pub log_addresses_quoted: LogForm,
    /// delay_logging_resolution_limit
    pub delay_decimals: u32,
    pub milters: Milters,
}

/// Milters of mail that does not come by SMTP, and what concerns all milters.
#[derive(Debug)]
pub(super) struct Milters {
    pub non_smtpd: Filters,
    pub header_checks: Option<Table>,
    pub daemon_name: String,
    pub version: String,
    /// 127.0.0.1 is not ours: all mail is from ::1.
    pub ipv6_only: bool,
}

/// A table and the parameter that names it.
#[derive(Debug)]
pub(super) struct Table {
    pub parameter: &'static str,
    pub maps: Maps,
}

/// What changes addresses.
#[derive(Debug)]
pub(super) struct Mapping {
    pub canonical: Option<Canonical>,
    pub sender_canonical: Option<Canonical>,
    pub recipient_canonical: Option<Canonical>,
    pub masquerade: Option<Masquerade>,
    pub virtual_alias: Option<Table>,
    pub propagate: Propagate,
    pub expansion_limit: usize,
    pub recursion_limit: usize,
    pub address_length_limit: usize,
}

/// canonical_maps or one of its relatives.
#[derive(Debug)]
pub(super) struct Canonical {
    pub table: Table,
    pub classes: Classes,
}

/// masquerade_domains.
#[derive(Debug)]
pub(super) struct Masquerade {
    /// Lower case; false: addresses below it stay as they are (`!domain`).
    pub domains: Vec<(String, bool)>,
    pub exceptions: Option<StringList>,
    pub classes: Classes,
}

/// Which addresses a mapping is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes {
    pub envelope_sender: bool,
    pub envelope_recipient: bool,
    pub header_sender: bool,
    pub header_recipient: bool,
}

/// header_checks, body_checks and what else refuses content.
#[derive(Debug)]
pub(super) struct Checks {
    pub header: Option<Table>,
    pub mime_header: Option<Table>,
    pub nested_header: Option<Table>,
    pub body: Option<Table>,
    pub body_limit: u64,
    pub reject_characters: Option<Box<[bool; 256]>>,
    pub strip_characters: Option<Box<[bool; 256]>>,
    pub strict_8bit_headers: bool,
    pub strict_8bit_body: bool,
    pub strict_encoding: bool,
    pub report_nesting: bool,
    pub end_of_header: EndOfHeader,
}

/// non_empty_end_of_header_action
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOfHeader {
    FixQuietly,
    AddHeader,
    Reject,
}

/// Limits and rules of message headers.
#[derive(Debug)]
pub(super) struct Headers {
    pub size_limit: usize,
    pub token_limit: usize,
    pub hopcount_limit: u32,
    pub drop_known: Names,
    pub drop_other: Vec<Vec<u8>>,
    pub always_add: bool,
    pub undisclosed: String,
    pub detect_8bit: bool,
    pub disable_mime: bool,
    pub mime: mime::Limits,
    pub obsolete_from: bool,
    pub name_charset: String,
    /// `tls_required_enable`
    pub tls_required: bool,
    /// `requiretls_enable`, and `requiretls_esmtp_header`: the header says what MAIL said.
    pub require_tls_header: bool,
}

/// smtputf8_autodetect_classes, for the origins there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Autodetect {
    pub network: bool,
    pub local: bool,
    pub qmqp: bool,
    pub forwarded: bool,
    pub internal: bool,
    pub probe: bool,
}

/// internal_mail_filter_classes, where cleanup can tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InternalChecks {
    pub any: bool,
}

/// info_log_address_format
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogForm {
    External,
    Internal,
}

fn table(
    config: &Config,
    tables: &Tables,
    parameter: &'static TextParameter,
) -> Result<Option<Table>, Problem> {
    let text = config.text(parameter);
    if text.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some(Table { parameter: parameter.name, maps: tables.maps(parameter.name, &text)? }))
}

type TextParameter = crate::config::parameter::Parameter<crate::config::parameter::kinds::Text>;

impl Classes {
    fn read(config: &Config, parameter: &TextParameter) -> Self {
        let known = ["envelope_sender", "envelope_recipient", "header_sender", "header_recipient"];
        let [envelope_sender, envelope_recipient, header_sender, header_recipient] =
            config.set(parameter, known);
        Self { envelope_sender, envelope_recipient, header_sender, header_recipient }
    }

    /// Of `sender_canonical_classes`: there are no others.
    fn of_senders(config: &Config) -> Self {
        let [envelope_sender, header_sender] =
            config.set(&p::sender_canonical_classes, ["envelope_sender", "header_sender"]);
        Self { envelope_sender, header_sender, ..Self::default() }
    }

    /// Of `recipient_canonical_classes`.
    fn of_recipients(config: &Config) -> Self {
        let [envelope_recipient, header_recipient] =
            config.set(&p::recipient_canonical_classes, ["envelope_recipient", "header_recipient"]);
        Self { envelope_recipient, header_recipient, ..Self::default() }
    }
}

impl Canonical {
    fn read(
        config: &Config,
        tables: &Tables,
        maps: &'static TextParameter,
        classes: Classes,
    ) -> Result<Option<Self>, Problem> {
        let table = table(config, tables, maps)?;
        Ok(table.map(|table| Self { table, classes }))
    }
}

impl Masquerade {
    fn read(config: &Config, tables: &Tables) -> Result<Option<Self>, Problem> {
        let text = config.text(&p::masquerade_domains);
        let domains: Vec<_> = split_list(&text)
            .into_iter()
            .map(|word| {
                let domain = word.trim_start_matches('!');
                let keep = (word.len() - domain.len()) % 2 == 1;
                (crate::mail::address::fold(domain).into_owned(), !keep)
            })
            .filter(|(domain, _)| !domain.is_empty())
            .collect();
        if domains.is_empty() {
            return Ok(None);
        }
        let exceptions = config.text(&p::masquerade_exceptions);
        let exceptions = if exceptions.trim().is_empty() {
            None
        } else {
            Some(StringList::parse(tables, "masquerade_exceptions", &exceptions)?)
        };
        Ok(Some(Self {
            domains,
            exceptions,
            classes: Classes::read(config, &p::masquerade_classes),
        }))
    }
}

impl Mapping {
    fn read(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        Ok(Self {
            canonical: Canonical::read(
                config,
                tables,
                &p::canonical_maps,
                Classes::read(config, &p::canonical_classes),
            )?,
            sender_canonical: Canonical::read(
                config,
                tables,
                &p::sender_canonical_maps,
                Classes::of_senders(config),
            )?,
            recipient_canonical: Canonical::read(
                config,
                tables,
                &p::recipient_canonical_maps,
                Classes::of_recipients(config),
            )?,
            masquerade: Masquerade::read(config, tables)?,
            virtual_alias: table(config, tables, &p::virtual_alias_maps)?,
            propagate: Propagate::read(config),
            expansion_limit: config.count(&p::virtual_alias_expansion_limit),
            recursion_limit: config.count(&p::virtual_alias_recursion_limit),
            address_length_limit: config.count(&p::virtual_alias_address_length_limit),
        })
    }
}

/// A set of characters written with the backslashes of C.
fn character_set(text: &str) -> Option<Box<[bool; 256]>> {
    if text.is_empty() {
        return None;
    }
    let mut set = Box::new([false; 256]);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'\\' { escaped(&mut bytes) } else { byte };
        if let Some(place) = set.get_mut(usize::from(byte)) {
            *place = true;
        }
    }
    Some(set)
}

fn escaped(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> u8 {
    match bytes.next() {
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 11,
        Some(digit @ b'0'..=b'7') => {
            let mut value = u32::from(digit - b'0');
            for _ in 0..2 {
                match bytes.next_if(|b| (b'0'..=b'7').contains(b)) {
                    Some(next) => value = value * 8 + u32::from(next - b'0'),
                    None => break,
                }
            }
            u8::try_from(value & 0xff).unwrap_or_default()
        }
        Some(other) => other,
        None => b'\\',
    }
}

impl Checks {
    fn read(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        let header = table(config, tables, &p::header_checks)?;
        let mime_header = table(config, tables, &p::mime_header_checks)?;
        let nested_header = table(config, tables, &p::nested_header_checks)?;
        let strict = config.bool(&p::strict_8bitmime);
        let strict_8bit_headers = strict || config.bool(&p::strict_7bit_headers);
        let strict_8bit_body = strict || config.bool(&p::strict_8bitmime_body);
        let strict_encoding = config.bool(&p::strict_mime_encoding_domain);
        Ok(Self {
            report_nesting: strict_8bit_headers
                || strict_8bit_body
                || strict_encoding
                || header.is_some()
                || mime_header.is_some()
                || nested_header.is_some(),
            header,
            mime_header,
            nested_header,
            body: table(config, tables, &p::body_checks)?,
            body_limit: u64::try_from(config.int(&p::body_checks_size_limit)).unwrap_or_default(),
            reject_characters: character_set(&config.text(&p::message_reject_characters)),
            strip_characters: character_set(&config.text(&p::message_strip_characters)),
            strict_8bit_headers,
            strict_8bit_body,
            strict_encoding,
            end_of_header: match config.text(&p::non_empty_end_of_header_action).as_str() {
                "reject" => EndOfHeader::Reject,
                "add_header" => EndOfHeader::AddHeader,
                _ => EndOfHeader::FixQuietly,
            },
        })
    }

    /// Whether body lines must be looked at one by one.
    pub(super) fn look_at_body(&self) -> bool {
        self.body.is_some()
            || self.reject_characters.is_some()
            || self.strip_characters.is_some()
            || self.strict_8bit_body
    }
}

impl Headers {
    fn read(config: &Config) -> Self {
        let mut drop_known = Names::default();
        let mut drop_other = Vec::new();
        for word in split_list(&config.text(&p::message_drop_headers)) {
            match Name::parse(word.as_bytes()) {
                Some(name) => drop_known.insert(name),
                None => drop_other.push(word.to_ascii_lowercase().into_bytes()),
            }
        }
        Self {
            size_limit: config.count(&p::header_size_limit),
            token_limit: config.count(&p::header_address_token_limit),
            hopcount_limit: u32::try_from(config.int(&p::hopcount_limit)).unwrap_or(u32::MAX),
            drop_known,
            drop_other,
            always_add: config.bool(&p::always_add_missing_headers),
            undisclosed: config.text(&p::undisclosed_recipients_header),
            detect_8bit: config.bool(&p::detect_8bit_encoding_header),
            disable_mime: config.bool(&p::disable_mime_input_processing),
            mime: mime::Limits {
                nesting: config.count(&p::mime_nesting_limit),
                boundary_length: config.count(&p::mime_boundary_length_limit),
            },
            obsolete_from: config.text(&p::header_from_format) == "obsolete",
            name_charset: config.text(&p::full_name_encoding_charset),
            tls_required: config.bool(&p::tls_required_enable),
            require_tls_header: config.bool(&p::requiretls_enable)
                && config.bool(&p::requiretls_esmtp_header),
        }
    }
}

impl Milters {
    fn read(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        let common = Common::read(config).map_err(|bad| Problem { text: bad.0 })?;
        let list = config.text(&p::non_smtpd_milters);
        let protocols = config.text(&p::inet_protocols);
        let has = |wanted: &str| split_list(&protocols).iter().any(|w| *w == wanted || *w == "all");
        Ok(Self {
            non_smtpd: Filters::parse(&common, &list).map_err(|bad| Problem { text: bad.0 })?,
            header_checks: table(config, tables, &p::milter_header_checks)?,
            daemon_name: config.text(&p::milter_macro_daemon_name),
            version: config.text(&p::milter_macro_v),
            ipv6_only: has("ipv6") && !has("ipv4"),
        })
    }
}

impl Autodetect {
    fn read(config: &Config) -> Self {
        let known = ["sendmail", "smtpd", "forward", "bounce", "notify", "verify", "all", "qmqpd"];
        let [local, network, forwarded, bounce, notify, verify, all, qmqp] =
            config.set(&p::smtputf8_autodetect_classes, known);
        Self {
            network: network || all,
            local: local || all,
            qmqp: qmqp || all,
            forwarded: forwarded || all,
            internal: bounce || notify || all,
            probe: verify || all,
        }
    }
}

impl Settings {
    pub(super) fn read(config: &Arc<Config>, tables: &Tables) -> Result<Self, Problem> {
        Ok(Self {
            myhostname: config.text(&p::myhostname),
            long_queue_ids: config.bool(&p::enable_long_queue_ids),
            empty_recipient: config.text(&p::empty_address_recipient),
            remote_header_rewrite: !config.text(&p::remote_header_rewrite_domain).is_empty(),
            smtputf8: config.bool(&p::smtputf8_enable),
            autodetect: Autodetect::read(config),
            mapping: Mapping::read(config, tables)?,
            always_bcc: config.text(&p::always_bcc),
            sender_bcc: table(config, tables, &p::sender_bcc_maps)?,
            recipient_bcc: table(config, tables, &p::recipient_bcc_maps)?,
            duplicate_limit: config.count(&p::duplicate_filter_limit),
            original_recipient: config.bool(&p::enable_original_recipient),
            checks: Checks::read(config, tables)?,
            headers: Headers::read(config),
            line_length_limit: config.count(&p::line_length_limit).max(1),
            message_size_limit: u64::try_from(config.int(&p::message_size_limit))
                .unwrap_or_default(),
            replace_stray_cr: config.bool(&p::cleanup_replace_stray_cr_lf),
            internal_checks: InternalChecks {
                any: !config.text(&p::internal_mail_filter_classes).trim().is_empty(),
            },
            delay_decimals: u32::try_from(config.int(&p::delay_logging_resolution_limit))
                .unwrap_or(2),
            log_addresses_quoted: match config.text(&p::info_log_address_format).as_str() {
                "internal" => LogForm::Internal,
                _ => LogForm::External,
            },
            milters: Milters::read(config, tables)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_sets() {
        let set = character_set("\\0a\\177\\n").unwrap();
        let members: Vec<usize> = (0..256).filter(|i| set[*i]).collect();
        assert_eq!(members, [0, 10, 97, 127]);
        assert!(character_set("").is_none());
    }
}
