//! A policy as `smtp_tls_policy_maps` has it: a level and attributes.

use super::super::external::External;
use crate::config::split_list;
use crate::log::Log;
use crate::mail::hostname;
use crate::tls::words::Level;

/// What a policy table says about a destination; what it does not say is main.cf's.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) level: Option<Level>,
    pub(super) grade: Option<String>,
    pub(super) protocols: Option<String>,
    pub(super) exclude: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) matching: Vec<String>,
    pub(super) trust_anchors: Vec<String>,
    pub(super) reuse: Option<bool>,
    pub(super) external: External,
}

impl Listed {
    /// Parses the value of a policy table: a level and attributes.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words = split_list(text);
        let Some((level, attributes)) = words.split_first() else {
            return Err("invalid empty policy".into());
        };
        let level =
            Level::parse(level).ok_or_else(|| format!("invalid security level \"{level}\""))?;
        let mut listed = Self { level: Some(level), ..Self::default() };
        if level == Level::None {
            return Ok(listed);
        }
        for attribute in attributes {
            let inside = attribute.strip_prefix('{').and_then(|a| a.strip_suffix('}'));
            let malformed = || {
                format!(
                    "malformed attribute/value pair \"{attribute}\": missing '=' after attribute name"
                )
            };
            let (name, value) =
                inside.unwrap_or(attribute).split_once('=').ok_or_else(malformed)?;
            listed.attribute(name.trim(), value.trim(), level)?;
        }
        if listed.external.lacks_type() {
            return Err("built-in policy has unexpected attribute policy_ttl, policy_domain, \
                        policy_string, mx_host_pattern or policy_failure"
                .into());
        }
        Ok(listed)
    }

    fn attribute(&mut self, name: &str, value: &str, level: Level) -> Result<(), String> {
        let once = |place: &mut Option<String>| match place {
            Some(_) => Err(format!("attribute \"{name}\" is specified multiple times")),
            None => {
                *place = Some(value.to_owned());
                Ok(())
            }
        };
        let not_empty = || match value {
            "" => Err(format!("attribute \"{name}\" has empty value")),
            _ => Ok(()),
        };
        let invalid =
            || format!("attribute \"{name}\" invalid at security level \"{}\"", level.name());
        match name.to_ascii_lowercase().as_str() {
            "ciphers" => not_empty().and_then(|()| once(&mut self.grade)),
            "protocols" => once(&mut self.protocols),
            "exclude" => once(&mut self.exclude),
            "servername" if !hostname::is_valid(value) => {
                Err(format!("\"{name}={value}\" specifies an invalid hostname"))
            }
            "servername" => once(&mut self.server_name),
            "match" => {
                not_empty()?;
                let separator = match level {
                    Level::Fingerprint => '|',
                    Level::Verify | Level::Secure => ':',
                    _ => return Err(invalid()),
                };
                let words = value.split(separator).filter(|word| !word.is_empty());
                self.matching.extend(words.map(str::to_owned));
                Ok(())
            }
            "tafile" if !level.uses_authorities() => Err(invalid()),
            "tafile" => {
                not_empty()?;
                self.trust_anchors.push(value.to_owned());
                Ok(())
            }
            "connection_reuse" => {
                self.reuse = Some(yes_or_no(name, value)?);
                Ok(())
            }
            // Raw public keys are not spoken: what may be refused need not be offered.
            "enable_rpk" => yes_or_no(name, value).map(drop),
            "policy_type" => once(&mut self.external.kind),
            "policy_failure" => once(&mut self.external.failure),
            "mx_host_pattern" => {
                self.external.exchangers.push(value.to_owned());
                Ok(())
            }
            "policy_ttl" if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) => {
                Err(format!("attribute \"{name}\" has a malformed value: \"{value}\""))
            }
            "policy_ttl" => {
                self.external.any_other = true;
                Ok(())
            }
            "policy_domain" => {
                self.external.any_other = true;
                once(&mut self.external.domain)
            }
            "policy_string" => {
                self.external.any_other = true;
                self.external.lines.push(value.to_owned());
                Ok(())
            }
            _ => Err(format!("invalid attribute name: \"{name}\"")),
        }
    }

    /// Attributes say nothing where TLS is off.
    pub(super) fn warn(&self, log: &Log, place: &str, text: &str) {
        if self.level == Some(Level::None) {
            for attribute in split_list(text).get(1..).unwrap_or_default() {
                log.warning(format_args!(
                    "{place}: ignoring attribute \"{attribute}\" with TLS disabled"
                ));
            }
        }
    }
}

fn yes_or_no(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("attribute \"{name}\" has bad value: \"{value}\"")),
    }
}
