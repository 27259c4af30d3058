//! Addresses as other servers see them: `smtp_generic_maps`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Config, Problem};
use crate::ipc::delivery::{Request, To};
use crate::log::Log;
use crate::lookup::{Maps, TableError, Tables};
use crate::mail::address::{self, Address, List};
use crate::mail::envelope::RewriteContext;
use crate::rewrite::{Propagate, Rewrite};

/// `smtp_generic_maps`, open.
#[derive(Debug)]
pub struct Generic {
    /// Name of the parameter.
    parameter: String,
    maps: Maps,
    rewrite: Arc<Rewrite>,
    /// `propagate_unmatched_extensions` has `generic`.
    propagate: bool,
}

/// Envelope addresses of one request as they are sent.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    sender: String,
    /// Those that changed, by index.
    recipients: HashMap<u32, String>,
}

impl Generic {
    /// Opens the tables; none if there are none.
    pub fn open(
        config: &Arc<Config>,
        tables: &Tables,
        parameter: &str,
    ) -> Result<Option<Self>, Problem> {
        let value = config.text_named(parameter);
        if value.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            parameter: parameter.to_owned(),
            maps: tables.maps(parameter, &value)?,
            rewrite: Rewrite::new(config, tables)?,
            propagate: Propagate::read(config).generic,
        }))
    }

    /// What stands in place of an address in internal form; none if it stays.
    pub async fn map(&self, log: &Log, address: &str) -> Result<Option<String>, TableError> {
        if address.is_empty() {
            return Ok(None);
        }
        let rules = self.rewrite.address_rules(address).await?;
        let Some(found) = self.maps.find_address(address, &rules).await? else { return Ok(None) };
        let mut value = found.value;
        if value.starts_with('@') {
            let local = address::split(address).0;
            let local = local.strip_suffix(found.extension.as_str()).unwrap_or(local);
            value = address::quote_822(&format!("{local}{value}")).into_owned();
        }
        let list = List::parse(value.as_bytes(), usize::MAX);
        let mut addresses = list.addresses().cloned();
        let Some(mut first) = addresses.next() else {
            log.warning(format_args!(
                "{} lookup of {address} returns non-address result \"{value}\"",
                self.parameter
            ));
            return Err(TableError { table: self.parameter.clone(), text: value, config: false });
        };
        if addresses.next().is_some() {
            log.warning(format_args!("multi-valued {} result for {address}", self.parameter));
        }
        self.rewrite.rewrite_header_address(RewriteContext::Local, &mut first);
        let mut result = String::from_utf8_lossy(&first.internal()).into_owned();
        if self.propagate {
            let end = result.rfind('@').unwrap_or(result.len());
            result.insert_str(end, &found.extension);
        }
        Ok(Some(result))
    }

    /// The same for an address in a header; true if it changed.
    pub async fn map_header(&self, log: &Log, address: &mut Address) -> Result<bool, TableError> {
        let internal = address::unquote_bytes(&address.external());
        let Ok(internal) = String::from_utf8(internal) else { return Ok(false) };
        let Some(mapped) = self.map(log, &internal).await? else { return Ok(false) };
        *address = Address::from_external(address::quote_822(&mapped).as_bytes());
        Ok(true)
    }
}

impl Mapping {
    /// Maps all envelope addresses of a request.
    pub async fn of(
        generic: Option<&Generic>,
        log: &Log,
        request: &Request,
    ) -> Result<Self, TableError> {
        let mut mapping = Self { sender: request.sender.clone(), recipients: HashMap::new() };
        let Some(generic) = generic else { return Ok(mapping) };
        if let Some(sender) = generic.map(log, &request.sender).await? {
            mapping.sender = sender;
        }
        for to in &request.recipients {
            if let Some(address) = generic.map(log, &to.address).await? {
                mapping.recipients.insert(to.index, address);
            }
        }
        Ok(mapping)
    }

    /// The envelope sender.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// A recipient.
    pub fn recipient<'a>(&'a self, to: &'a To) -> &'a str {
        self.recipients.get(&to.index).map_or(&to.address, String::as_str)
    }
}
