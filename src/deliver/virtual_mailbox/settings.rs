//! The parameters of virtual(8).

use std::sync::Arc;

use super::quota::Quotas;
use crate::config::{Config, Problem, parameters as p};
use crate::ipc::worker::Locking;
use crate::log::Log;
use crate::lookup::{Maps, Purpose, Tables};
use crate::rewrite::Rewrite;
use crate::service::status_filter::StatusFilter;
use crate::service::worker::{Crew, locking, size_limit};

/// What virtual(8) does by main.cf.
#[derive(Debug)]
pub(super) struct Settings {
    /// The workers.
    pub(super) crew: Arc<Crew>,
    /// `virtual_mailbox_base`; empty or relative if the configuration is wrong.
    pub(super) base: String,
    /// `virtual_mailbox_maps`
    pub(super) mailboxes: Maps,
    /// `virtual_uid_maps`
    pub(super) uids: Maps,
    /// `virtual_gid_maps`
    pub(super) gids: Maps,
    /// `virtual_minimum_uid`
    pub(super) minimum_uid: u32,
    /// Quotas and rules (feature `vda`).
    pub(super) quotas: Option<Quotas>,
    /// `virtual_mailbox_lock`
    pub(super) locking: Locking,
    /// `strict_mailbox_ownership`
    pub(super) strict_ownership: bool,
    /// `virtual_delivery_status_filter`
    pub(super) status_filter: StatusFilter,
    /// Knows which keys an address is looked up under.
    pub(super) rewrite: Arc<Rewrite>,
}

impl Settings {
    pub(super) fn read(
        config: &Arc<Config>,
        log: &Log,
        privileged: bool,
        total: usize,
    ) -> Result<Self, Problem> {
        let tables = Tables::with_log(config.clone(), log.clone());
        let maps = |p: &'static crate::config::parameter::Parameter<
            crate::config::parameter::kinds::Text,
        >| tables.maps_for(p.name, &config.text(p), Purpose::MAILBOXES);
        let quotas = Quotas::read(config, &tables);
        let limit = match quotas.as_ref().is_some_and(Quotas::are_on) {
            true => 0,
            false => size_limit(config, &p::virtual_mailbox_limit)?,
        };
        Ok(Self {
            crew: Crew::new(config, privileged, total, limit)?,
            base: config.value(p::virtual_mailbox_base.name),
            mailboxes: maps(&p::virtual_mailbox_maps),
            uids: maps(&p::virtual_uid_maps),
            gids: maps(&p::virtual_gid_maps),
            minimum_uid: u32::try_from(config.int(&p::virtual_minimum_uid)).unwrap_or(u32::MAX),
            quotas,
            locking: locking(config, &p::virtual_mailbox_lock)?,
            strict_ownership: config.bool(&p::strict_mailbox_ownership),
            status_filter: StatusFilter::open(
                config,
                &tables,
                p::virtual_delivery_status_filter.name,
            )?,
            rewrite: Rewrite::new(config, &tables)?,
        })
    }
}
