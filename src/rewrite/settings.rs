//! The parameters and tables of rewriting and resolving, read once.

use std::sync::Arc;

use super::Purpose;
use super::own::OwnAddresses;
use crate::config::parameters as p;
use crate::config::{Config, Problem};
use crate::log::Log;
use crate::lookup::match_list::{DomainList, StringList};
use crate::lookup::{Maps, Tables};

#[derive(Debug)]
pub(super) struct Settings {
    pub log: Log,
    pub main_cf: String,
    pub local: Completion,
    pub remote: Completion,
    pub append_at_myorigin: bool,
    pub append_dot_mydomain: bool,
    pub swap_bangpath: bool,
    pub percent_hack: bool,
    pub resolve_dequoted: bool,
    pub resolve_null_domain: bool,
    pub resolve_numeric_domain: bool,
    pub allow_minus_user: bool,
    pub smtputf8: bool,
    pub myhostname: String,
    pub empty_recipient: String,
    pub delimiters: String,
    pub own_addresses: OwnAddresses,
    pub mydestination: StringList,
    pub virtual_alias_domains: Option<StringList>,
    pub virtual_mailbox_domains: Option<StringList>,
    pub relay_domains: Option<DomainList>,
    pub helpful_warnings: bool,
    pub show_table_name: bool,
    pub relocated_maps: Option<Maps>,
    pub relocated_prefix: bool,
    pub null_sender_relay_key: String,
    pub null_sender_transport_key: String,
    pub delivery: Transports,
    pub probe: Transports,
}

/// What completes an address that lacks a domain, or part of one; empty: nothing.
#[derive(Debug)]
pub(super) struct Completion {
    pub origin: String,
    pub domain: String,
}

/// The transports of the address classes, for one purpose.
#[derive(Debug)]
pub(super) struct Transports {
    pub local: Named,
    pub virtual_mailbox: Named,
    pub relay: Named,
    pub default: Named,
    pub relayhost: String,
    pub sender_relayhost: Option<NamedMaps>,
    pub sender_transport: Option<NamedMaps>,
    pub transport_maps: Option<NamedMaps>,
}

/// A value and the parameter it is from.
#[derive(Debug)]
pub(super) struct Named {
    pub parameter: &'static str,
    pub value: String,
}

/// Tables and the parameter that names them.
#[derive(Debug)]
pub(super) struct NamedMaps {
    pub parameter: &'static str,
    pub maps: Maps,
}

fn maps(tables: &Tables, title: &str, text: &str) -> Result<Option<Maps>, Problem> {
    if text.trim().is_empty() { Ok(None) } else { Ok(Some(tables.maps(title, text)?)) }
}

fn strings(tables: &Tables, title: &str, text: &str) -> Result<Option<StringList>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    StringList::parse(tables, title, text).map(Some)
}

impl Settings {
    pub(super) fn read(config: &Arc<Config>, tables: &Tables) -> Result<Self, Problem> {
        let remote = config.text(&p::remote_header_rewrite_domain);
        let relay_domains = config.text(&p::relay_domains);
        Ok(Self {
            log: Log::new(&config.text(&p::syslog_name), "trivial-rewrite"),
            main_cf: config.directory.join("main.cf").display().to_string(),
            local: Completion {
                origin: config.text(&p::myorigin),
                domain: config.text(&p::mydomain),
            },
            remote: Completion { origin: remote.clone(), domain: remote },
            append_at_myorigin: config.bool(&p::append_at_myorigin),
            append_dot_mydomain: config.bool(&p::append_dot_mydomain),
            swap_bangpath: config.bool(&p::swap_bangpath),
            percent_hack: config.bool(&p::allow_percent_hack),
            resolve_dequoted: config.bool(&p::resolve_dequoted_address),
            resolve_null_domain: config.bool(&p::resolve_null_domain),
            resolve_numeric_domain: config.bool(&p::resolve_numeric_domain),
            allow_minus_user: config.bool(&p::allow_min_user),
            smtputf8: config.bool(&p::smtputf8_enable),
            myhostname: config.text(&p::myhostname),
            empty_recipient: config.text(&p::empty_address_recipient),
            delimiters: config.text(&p::recipient_delimiter),
            own_addresses: OwnAddresses::read(config),
            mydestination: StringList::parse(
                tables,
                "mydestination",
                &config.text(&p::mydestination),
            )?,
            virtual_alias_domains: strings(
                tables,
                "virtual_alias_domains",
                &config.text(&p::virtual_alias_domains),
            )?,
            virtual_mailbox_domains: strings(
                tables,
                "virtual_mailbox_domains",
                &config.text(&p::virtual_mailbox_domains),
            )?,
            relay_domains: if relay_domains.trim().is_empty() {
                None
            } else {
                Some(DomainList::parse(tables, "relay_domains", &relay_domains)?)
            },
            helpful_warnings: config.bool(&p::helpful_warnings),
            show_table_name: config.bool(&p::show_user_unknown_table_name),
            relocated_maps: maps(tables, "relocated_maps", &config.text(&p::relocated_maps))?,
            relocated_prefix: config.bool(&p::relocated_prefix_enable),
            null_sender_relay_key: config.text(&p::empty_address_relayhost_maps_lookup_key),
            null_sender_transport_key: config
                .text(&p::empty_address_default_transport_maps_lookup_key),
            delivery: Transports::delivery(config, tables)?,
            probe: Transports::probe(config, tables)?,
        })
    }

    pub(super) fn transports(&self, purpose: Purpose) -> &Transports {
        match purpose {
            Purpose::Delivery => &self.delivery,
            Purpose::Probe => &self.probe,
        }
    }
}

impl Transports {
    fn delivery(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        Ok(Self {
            local: named(config, &p::local_transport),
            virtual_mailbox: named(config, &p::virtual_transport),
            relay: named(config, &p::relay_transport),
            default: named(config, &p::default_transport),
            relayhost: config.text(&p::relayhost),
            sender_relayhost: named_maps(config, tables, &p::sender_dependent_relayhost_maps)?,
            sender_transport: named_maps(
                config,
                tables,
                &p::sender_dependent_default_transport_maps,
            )?,
            transport_maps: named_maps(config, tables, &p::transport_maps)?,
        })
    }

    fn probe(config: &Config, tables: &Tables) -> Result<Self, Problem> {
        Ok(Self {
            local: named(config, &p::address_verify_local_transport),
            virtual_mailbox: named(config, &p::address_verify_virtual_transport),
            relay: named(config, &p::address_verify_relay_transport),
            default: named(config, &p::address_verify_default_transport),
            relayhost: config.text(&p::address_verify_relayhost),
            sender_relayhost: named_maps(
                config,
                tables,
                &p::address_verify_sender_dependent_relayhost_maps,
            )?,
            sender_transport: named_maps(
                config,
                tables,
                &p::address_verify_sender_dependent_default_transport_maps,
            )?,
            transport_maps: named_maps(config, tables, &p::address_verify_transport_maps)?,
        })
    }
}

type TextParameter = crate::config::parameter::Parameter<crate::config::parameter::kinds::Text>;

fn named(config: &Config, parameter: &'static TextParameter) -> Named {
    Named { parameter: parameter.name, value: config.text(parameter) }
}

fn named_maps(
    config: &Config,
    tables: &Tables,
    parameter: &'static TextParameter,
) -> Result<Option<NamedMaps>, Problem> {
    let maps = maps(tables, parameter.name, &config.text(parameter))?;
    Ok(maps.map(|maps| NamedMaps { parameter: parameter.name, maps }))
}
