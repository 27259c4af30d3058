//! The parameters of address verification.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::entry::Times;
use super::sender::ProbeSender;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::rewrite::Rewrite;
use crate::sys::users;

/// What the parameters say.
#[derive(Debug)]
pub struct Settings {
    config: Arc<Config>,
    pub(super) log: Log,
    pub(super) times: Times,
    /// address_verify_cache_cleanup_interval; zero is never.
    pub(super) cleanup_interval: Duration,
    /// address_verify_map; empty is in memory.
    pub(super) map: String,
    pub(super) map_size: u64,
    owner: String,
    data_directory: PathBuf,
    /// The error is for the log when a probe is wanted.
    pub(super) sender: Result<ProbeSender, String>,
    pub(super) rewrite: Arc<Rewrite>,
    pub(super) hostname: String,
    pub(super) mail_name: String,
}

impl Settings {
    /// Reads them; `config` is that of the verify service.
    pub fn read(config: &Arc<Config>, rewrite: &Arc<Rewrite>, log: &Log) -> Arc<Self> {
        let log = log.of_program("verify");
        Arc::new(Self {
            config: config.clone(),
            times: Times {
                positive_expire: config.time(&p::address_verify_positive_expire_time),
                positive_refresh: config.time(&p::address_verify_positive_refresh_time),
                negative_expire: config.time(&p::address_verify_negative_expire_time),
                negative_refresh: config.time(&p::address_verify_negative_refresh_time),
                negative_cache: config.bool(&p::address_verify_negative_cache),
            },
            cleanup_interval: config.time(&p::address_verify_cache_cleanup_interval),
            map: config.text(&p::address_verify_map),
            owner: config.text(&p::mail_owner),
            data_directory: config.text(&p::data_directory).into(),
            map_size: u64::try_from(config.int(&p::lmdb_map_size)).unwrap_or(0),
            sender: ProbeSender::read(config, rewrite),
            rewrite: rewrite.clone(),
            hostname: config.text(&p::myhostname),
            mail_name: config.text(&p::mail_name),
            log,
        })
    }

    /// A map in `data_directory`, if it was to be in a folder that is not the mail owner's. The
    /// error says that it is behind `proxy:` and may not be written.
    pub(super) fn redirected(&self, map: &str) -> Result<String, String> {
        crate::lookup::writable(&self.config, map, &self.log)?;
        let Ok(user) = users::user(&self.owner) else { return Ok(map.to_owned()) };
        let owner = (user.uid.into(), self.owner.as_str());
        Ok(crate::lookup::cache::redirected(map, owner, &self.data_directory, &self.log))
    }
}
