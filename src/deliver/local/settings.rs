//! The parameters of local(8).

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use super::biff::Biff;
use super::users::Users;
use crate::config::parameter::{Parameter, kinds};
use crate::config::{Config, Problem, parameters as p};
use crate::ipc::worker::Locking;
use crate::log::Log;
use crate::lookup::{Maps, Tables};
use crate::mail::address::Extensions;
use crate::rewrite::{Propagate, Rewrite};
use crate::service::status_filter::StatusFilter;
use crate::service::worker::{Crew, locking, size_limit};
use crate::sys::spawn::Rights;

/// What local(8) does by main.cf.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) crew: Arc<Crew>,
    pub(super) users: Users,
    pub(super) rewrite: Arc<Rewrite>,
    pub(super) aliases: Maps,
    pub(super) extensions: Extensions,
    /// `allow_mail_to_commands`, `allow_mail_to_files`
    pub(super) commands_from: Sources,
    pub(super) files_from: Sources,
    /// `prepend_delivered_header`
    pub(super) delivered_header: DeliveredHeader,
    /// `propagate_unmatched_extensions`
    pub(super) propagate: Propagate,
    pub(super) forward_path: String,
    pub(super) forward_filter: String,
    pub(super) command_filter: String,
    pub(super) directory: String,
    pub(super) directory_filter: String,
    pub(super) shell: Vec<String>,
    pub(super) time_limit: Duration,
    pub(super) mailbox_command: String,
    pub(super) mailbox_command_maps: Maps,
    pub(super) mailbox_transport: String,
    pub(super) mailbox_transport_maps: Maps,
    pub(super) fallback_transport: String,
    pub(super) fallback_transport_maps: Maps,
    pub(super) luser_relay: String,
    pub(super) home_mailbox: String,
    pub(super) spool: String,
    pub(super) locking: Locking,
    pub(super) strict_ownership: bool,
    pub(super) require_home: bool,
    /// `frozen_delivered_to`
    pub(super) frozen: bool,
    pub(super) reset_owner: bool,
    pub(super) expand_owner: bool,
    pub(super) duplicate_limit: usize,
    /// `default_privs`
    pub(super) default_rights: Rights,
    /// `local_delivery_status_filter`
    pub(super) status_filter: StatusFilter,
    /// `biff`
    pub(super) biff: Option<Biff>,
}

/// Where a destination may come from, as a set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sources {
    pub(super) alias: bool,
    pub(super) forward: bool,
    pub(super) include: bool,
}

/// Which deliveries get a `Delivered-To:` header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeliveredHeader {
    pub(super) command: bool,
    pub(super) file: bool,
    pub(super) forward: bool,
}

/// How mailboxes are written that lie in the spool directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpoolRights {
    /// As the user.
    User,
    /// As the user with this group.
    Group(u32),
    /// Only root may create files there: the parent does.
    Parent,
}

impl Settings {
    pub(super) fn read(
        config: &Arc<Config>,
        log: &Log,
        privileged: bool,
        total: usize,
    ) -> Result<Self, Problem> {
        let tables = Tables::with_log(config.clone(), log.clone());
        let maps = |p: &Parameter<kinds::Text>| tables.maps(p.name, &config.text(p));
        let limit = size_limit(config, &p::mailbox_size_limit)?;
        Ok(Self {
            crew: Crew::new(config, privileged, total, limit)?,
            users: Users::default(),
            rewrite: Rewrite::new(config, &tables)?,
            aliases: maps(&p::alias_maps)?,
            extensions: Extensions {
                delimiters: config.text(&p::recipient_delimiter),
                owner_request_special: config.bool(&p::owner_request_special),
                double_bounce_sender: config.text(&p::double_bounce_sender),
            },
            commands_from: sources(config, &p::allow_mail_to_commands),
            files_from: sources(config, &p::allow_mail_to_files),
            delivered_header: delivered_header(config),
            propagate: Propagate::read(config),
            forward_path: config.raw(&p::forward_path),
            forward_filter: config.text(&p::forward_expansion_filter),
            command_filter: config.text(&p::command_expansion_filter),
            directory: config.raw(&p::command_execution_directory),
            directory_filter: config.text(&p::execution_directory_expansion_filter),
            shell: words(&config.text(&p::local_command_shell)),
            time_limit: config.time(&p::command_time_limit),
            mailbox_command: config.raw(&p::mailbox_command),
            mailbox_command_maps: maps(&p::mailbox_command_maps)?,
            mailbox_transport: config.text(&p::mailbox_transport),
            mailbox_transport_maps: maps(&p::mailbox_transport_maps)?,
            fallback_transport: config.text(&p::fallback_transport),
            fallback_transport_maps: maps(&p::fallback_transport_maps)?,
            luser_relay: config.raw(&p::luser_relay),
            home_mailbox: config.text(&p::home_mailbox),
            spool: config.text(&p::mail_spool_directory),
            locking: mailbox_locking(config, log)?,
            strict_ownership: config.bool(&p::strict_mailbox_ownership),
            require_home: config.bool(&p::require_home_directory),
            frozen: config.bool(&p::frozen_delivered_to),
            reset_owner: config.bool(&p::reset_owner_alias),
            expand_owner: config.bool(&p::expand_owner_alias),
            duplicate_limit: config.count(&p::duplicate_filter_limit),
            default_rights: default_rights(config, privileged)?,
            status_filter: StatusFilter::open(
                config,
                &tables,
                p::local_delivery_status_filter.name,
            )?,
            biff: config.bool(&p::biff).then(|| Biff::new(config)),
        })
    }

    /// How mailboxes in the spool directory are written: by its mode, as it is now.
    pub(super) fn spool_rights(&self) -> SpoolRights {
        match std::fs::metadata(&self.spool) {
            Ok(spool) if spool.mode() & 0o002 == 0 && spool.mode() & 0o020 != 0 => {
                SpoolRights::Group(spool.gid())
            }
            Ok(spool) if spool.mode() & 0o002 == 0 => SpoolRights::Parent,
            _ => SpoolRights::User,
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn mailbox_locking(config: &Config, log: &Log) -> Result<Locking, Problem> {
    let mut found = locking(config, &p::mailbox_delivery_lock)?;
    if config.bool(&p::sun_mailtool_compatibility) {
        log.warning(format_args!(
            "sun_mailtool_compatibility: deprecated parameter, use \"mailbox_delivery_lock = \
             dotlock\" instead"
        ));
        (found.flock, found.fcntl) = (false, false);
    }
    Ok(found)
}

fn sources(config: &Config, p: &Parameter<kinds::Text>) -> Sources {
    let [alias, forward, include] = config.set(p, ["alias", "forward", "include"]);
    Sources { alias, forward, include }
}

fn delivered_header(config: &Config) -> DeliveredHeader {
    let [command, file, forward] =
        config.set(&p::prepend_delivered_header, ["command", "file", "forward"]);
    DeliveredHeader { command, file, forward }
}

/// `default_privs`: whose rights commands and files of root's aliases get. Without root there is
/// only the mail system's own user.
fn default_rights(config: &Config, privileged: bool) -> Result<Rights, Problem> {
    if !privileged {
        let uid = crate::sys::spawn::own_uid();
        return Ok(Rights { uid, gid: crate::sys::spawn::groups().0, second_gid: None });
    }
    let name = config.text(&p::default_privs);
    let user = crate::sys::users::user(&name).map_err(|_| Problem {
        text: format!("unknown default_privs configuration parameter value: {name}"),
    })?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    if uid == 0 || gid == 0 {
        let text = format!("default_privs: user {name} has privileged user or group ID");
        return Err(Problem { text });
    }
    Ok(Rights { uid, gid, second_gid: None })
}
