//! Changes to content on its way out: `smtp_header_checks` and its relatives, and addresses in
//! headers by `smtp_generic_maps`. Only what asks for it pays for it.

use std::fmt::Write as _;
use std::sync::Arc;

use super::mapping::Generic;
use crate::config::{Config, Problem};
use crate::log::Log;
use crate::lookup::{Maps, TableError, Tables};
use crate::mail::address::List;
use crate::mail::header::{Addresses, Name, field_name, field_name_length, fold, is_field};
use crate::mail::mime::{Limits, State, Structure};
use crate::mail::queue_id::QueueId;

/// Tables that are asked about headers and lines of the body.
#[derive(Debug)]
pub struct Rewriting {
    /// `smtp_generic_maps`
    pub generic: Option<Generic>,
    header: Checks,
    mime_header: Checks,
    nested_header: Checks,
    body: Checks,
    limits: Limits,
    header_limit: usize,
}

#[derive(Debug)]
struct Checks {
    parameter: String,
    maps: Maps,
}

/// One message being rewritten.
struct Rewriter<'a> {
    rules: &'a Rewriting,
    log: &'a Log,
    queue_id: QueueId,
    structure: Structure,
    header: Vec<u8>,
    out: Vec<u8>,
}

impl Rewriting {
    /// Opens the tables of `smtp_…` or `lmtp_…`.
    pub fn open(
        config: &Arc<Config>,
        tables: &Tables,
        prefix: &str,
        limits: Limits,
        header_limit: usize,
    ) -> Result<Self, Problem> {
        let checks = |suffix: &str| {
            let parameter = format!("{prefix}_{suffix}");
            let maps = tables.maps(&parameter, &config.text_named(&parameter))?;
            Ok(Checks { parameter, maps })
        };
        Ok(Self {
            generic: Generic::open(config, tables, &format!("{prefix}_generic_maps"))?,
            header: checks("header_checks")?,
            mime_header: checks("mime_header_checks")?,
            nested_header: checks("nested_header_checks")?,
            body: checks("body_checks")?,
            limits,
            header_limit,
        })
    }

    /// Whether content can change at all.
    pub fn is_needed(&self) -> bool {
        let checks = [&self.header, &self.mime_header, &self.nested_header, &self.body];
        self.generic.is_some() || checks.iter().any(|checks| !checks.maps.is_empty())
    }

    /// The content as it is to be sent.
    pub async fn apply(
        &self,
        log: &Log,
        queue_id: QueueId,
        content: &[u8],
    ) -> Result<Vec<u8>, TableError> {
        let mut rewriter = Rewriter {
            rules: self,
            log,
            queue_id,
            structure: Structure::new(self.limits),
            header: Vec::new(),
            out: Vec::with_capacity(content.len() + 1024),
        };
        for line in content.split_inclusive(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            rewriter.line(line).await?;
        }
        rewriter.end_header().await?;
        Ok(rewriter.out)
    }
}

impl Rewriter<'_> {
    async fn line(&mut self, line: &[u8]) -> Result<(), TableError> {
        if self.structure.state == State::Body {
            self.structure.body_line(line);
            return self.body_line(line).await;
        }
        if !self.header.is_empty() {
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if self.header.len() < self.rules.header_limit {
                    self.header.push(b'\n');
                    self.header.extend_from_slice(line);
                }
                return Ok(());
            }
            self.end_header().await?;
        }
        if let Some(length) = field_name_length(line) {
            let (name, rest) = line.split_at(length);
            self.header.extend_from_slice(name);
            self.header.extend_from_slice(rest.trim_ascii_start());
            return Ok(());
        }
        let garbage = !line.is_empty();
        if garbage && self.structure.state == State::Primary {
            self.put(b"");
        }
        self.structure.end_of_headers(garbage);
        if garbage {
            self.structure.body_line(line);
        }
        self.body_line(line).await
    }

    fn put(&mut self, line: &[u8]) {
        self.out.extend_from_slice(line);
        self.out.push(b'\n');
    }

    async fn body_line(&mut self, line: &[u8]) -> Result<(), TableError> {
        let rules = self.rules;
        if rules.body.maps.is_empty() {
            self.put(line);
        } else if let Some(line) = self.check(&rules.body, false, line.to_vec()).await? {
            self.put(&line);
        }
        Ok(())
    }

    /// A header is complete.
    async fn end_header(&mut self) -> Result<(), TableError> {
        if self.header.is_empty() {
            return Ok(());
        }
        let field = std::mem::take(&mut self.header);
        let name = Name::parse(field_name(&field));
        let value = field.get(field_name(&field).len() + 1..).unwrap_or_default();
        match name {
            Some(Name::ContentType) => {
                self.structure.set_content_type(value);
            }
            Some(Name::ContentTransferEncoding) => self.structure.set_encoding(value),
            _ => {}
        }
        let primary = self.structure.state == State::Primary;
        let rules = self.rules;
        let checks = match self.structure.state {
            _ if name.is_some_and(Name::is_mime) => &rules.mime_header,
            State::Primary => &rules.header,
            State::Multipart => &rules.mime_header,
            State::Nested | State::Body => &rules.nested_header,
        };
        let Some(field) = self.check(checks, true, field).await? else { return Ok(()) };
        let field = match &rules.generic {
            Some(generic) if primary => self.map_addresses(generic, field).await?,
            _ => field,
        };
        self.put(&field);
        Ok(())
    }

    /// Replaces the addresses of a header that has any.
    async fn map_addresses(
        &self,
        generic: &Generic,
        field: Vec<u8>,
    ) -> Result<Vec<u8>, TableError> {
        let name = field_name(&field);
        let known = Name::parse(name);
        if known.is_none_or(|known| known.addresses() == Addresses::None) {
            return Ok(field);
        }
        let value = field.get(name.len() + 1..).unwrap_or_default();
        let mut list = List::parse(value, usize::MAX);
        let mut changed = false;
        for address in list.addresses_mut() {
            changed |= generic.map_header(self.log, address).await?;
        }
        if !changed {
            return Ok(field);
        }
        let mut text = [name, b": "].concat();
        list.push_header(&mut text);
        fold(&mut text);
        let mut folded = Vec::with_capacity(text.len() + 16);
        for (index, line) in text.split(|b| *b == b'\n').enumerate() {
            if index > 0 {
                folded.push(b'\n');
                if !matches!(line.first(), Some(b' ' | b'\t')) {
                    folded.push(b'\t');
                }
            }
            folded.extend_from_slice(line);
        }
        Ok(folded)
    }

    /// Asks a table, and does what it says; none if the text is to go.
    async fn check(
        &mut self,
        checks: &Checks,
        header: bool,
        text: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, TableError> {
        if checks.maps.is_empty() {
            return Ok(Some(text));
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        let Some(action) = checks.maps.find(&shown).await? else { return Ok(Some(text)) };
        let (word, argument) = match action.find([' ', '\t']) {
            Some(end) => {
                let (word, rest) = action.split_at(end);
                (word, rest.trim_start())
            }
            None => (action.as_str(), ""),
        };
        let place = if header { "header" } else { "body" };
        let Checks { parameter, .. } = checks;
        let log = self.log;
        let usable = |word: &str| {
            if argument.is_empty() {
                log.warning(format_args!("{word} action without text in {parameter} map"));
            } else if header && !is_field(argument.as_bytes()) {
                log.warning(format_args!(
                    "bad {word} header text \"{argument}\" in {parameter} map -- \
                     need \"headername: headervalue\""
                ));
            } else {
                return true;
            }
            false
        };
        match word.to_ascii_uppercase().as_str() {
            "WARN" => self.note("warning", place, &shown, argument),
            "INFO" => self.note("info", place, &shown, argument),
            "REPLACE" if usable("REPLACE") => {
                self.note("replace", place, &shown, argument);
                return Ok(Some(argument.as_bytes().to_vec()));
            }
            "PREPEND" if usable("PREPEND") => {
                self.note("prepend", place, &shown, argument);
                self.put(argument.as_bytes());
            }
            "STRIP" => {
                self.note("strip", place, &shown, argument);
                return Ok(None);
            }
            "IGNORE" => return Ok(None),
            "REPLACE" | "PREPEND" | "DUNNO" | "OK" => {}
            _ => log.warning(format_args!("unsupported command in {parameter} map: {action}")),
        }
        Ok(Some(text))
    }

    fn note(&self, action: &str, place: &str, content: &str, text: &str) {
        let content: String = content.chars().take(200).collect();
        let mut line = format!("{}: {action}: {place} {content}", self.queue_id);
        if !text.is_empty() {
            let _ = write!(line, ": {text}");
        }
        self.log.info(format_args!("{line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    async fn rewritten(main_cf: &str, content: &str) -> String {
        let sources = Sources {
            directory: "/etc/postfix".into(),
            main_cf: format!("compatibility_level = 3.6\nmyhostname = h.example\n{main_cf}"),
            master_cf: String::new(),
        };
        let config = Config::parse(&sources).unwrap();
        let tables = Tables::new(config.clone());
        let limits = Limits { nesting: 10, boundary_length: 100 };
        let rewriting = Rewriting::open(&config, &tables, "smtp", limits, 10_000).unwrap();
        assert!(rewriting.is_needed());
        let log = Log::new("postfix", "smtp");
        let out = rewriting.apply(&log, QueueId::NONE, content.as_bytes()).await.unwrap();
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn generic_addresses_in_headers() {
        let main_cf = "smtp_generic_maps = inline:{{ him@local.test = his@public.example }}";
        let content = "From: Him <him@local.test>\nTo: her@local.test\nSubject: him@local.test\n\n\
                       him@local.test\n";
        assert_eq!(
            rewritten(main_cf, content).await,
            "From: Him <his@public.example>\nTo: her@local.test\nSubject: him@local.test\n\n\
             him@local.test\n"
        );
    }

    #[tokio::test]
    async fn checks_change_headers_and_bodies() {
        let main_cf = "smtp_header_checks = pcre:{{/^X-Gone:/ IGNORE}, \
                       {/^X-Old:/ REPLACE X-New: 2}, {/^Subject:/ PREPEND X-Before: 3}}\n\
                       smtp_body_checks = pcre:{{/^secret/ REPLACE ******}, {/^gone/ STRIP}}";
        let content = "X-Gone: 1\nX-Old: 1\nSubject: x\n\nsecret\ngone\nrest\n";
        assert_eq!(
            rewritten(main_cf, content).await,
            "X-New: 2\nX-Before: 3\nSubject: x\n\n******\nrest\n"
        );
    }
}
