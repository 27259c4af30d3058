//! What every program of Postfix reads before it does anything, and will not start without: the
//! commands, master, and each service with its own `-o`.

use super::parameter::{Entry, KindOf};
use super::parameters::lookup;
use super::{Config, Problem, expand, parameters as p};
use crate::log::Facility;
use crate::mail::hostname;

/// The parameters that every program reads and whose values can be wrong, in Postfix's order.
static ESSENTIAL: &[&dyn Entry] = &[
    &p::syslog_facility,
    &p::maillog_file_prefixes,
    &p::maillog_file_compressor,
    &p::maillog_file_rotate_suffix,
    &p::maillog_file_permissions,
    &p::postlog_service_name,
    &p::daemon_table_open_error_is_fatal,
    &p::dns_ncache_ttl_fix_enable,
    &p::smtputf8_enable,
    &p::enable_idna2003_compatibility,
    &p::respectful_logging,
    &p::requiretls_enable,
    &p::tls_required_enable,
    &p::non_bdb_migration_log_redirect,
    &p::myhostname,
    &p::mydomain,
    &p::mail_name,
    &p::syslog_name,
    &p::mail_owner,
    &p::setgid_group,
    &p::myorigin,
    &p::daemon_directory,
    &p::data_directory,
    &p::command_directory,
    &p::meta_directory,
    &p::queue_directory,
    &p::shlib_directory,
    &p::process_id_directory,
    &p::double_bounce_sender,
    &p::default_privs,
    &p::default_database_type,
    &p::default_cache_db_type,
    &p::hash_queue_names,
    &p::mynetworks_style,
    &p::default_verp_delimiters,
    &p::verp_delimiter_filter,
    &p::bounce_service_name,
    &p::cleanup_service_name,
    &p::defer_service_name,
    &p::pickup_service_name,
    &p::queue_service_name,
    &p::rewrite_service_name,
    &p::showq_service_name,
    &p::error_service_name,
    &p::flush_service_name,
    &p::address_verify_service_name,
    &p::trace_service_name,
    &p::proxymap_service_name,
    &p::proxywrite_service_name,
    &p::smtputf8_autodetect_classes,
    &p::info_log_address_format,
    &p::non_bdb_migration_level,
    &p::default_process_limit,
    &p::max_use,
    &p::dont_remove,
    &p::line_length_limit,
    &p::hash_queue_depth,
    &p::fork_attempts,
    &p::deliver_lock_attempts,
    &p::debug_peer_level,
    &p::fault_injection_code,
    &p::berkeley_db_create_buffer_size,
    &p::berkeley_db_read_buffer_size,
    &p::header_size_limit,
    &p::header_address_token_limit,
    &p::mime_nesting_limit,
    &p::mime_boundary_length_limit,
    &p::delay_logging_resolution_limit,
    &p::tcp_windowsize,
    &p::socketmap_max_reply_size,
    &p::socketmap_max_query_size,
    &p::message_size_limit,
    &p::lmdb_map_size,
    &p::application_event_drain_time,
    &p::max_idle,
    &p::ipc_timeout,
    &p::ipc_idle,
    &p::ipc_ttl,
    &p::trigger_timeout,
    &p::fork_delay,
    &p::deliver_lock_delay,
    &p::stale_lock_time,
    &p::daemon_timeout,
    &p::in_flow_delay,
    &p::disable_dns_lookups,
    &p::soft_bounce,
    &p::owner_request_special,
    &p::strict_8bitmime,
    &p::strict_7bit_headers,
    &p::strict_8bitmime_body,
    &p::strict_mime_encoding_domain,
    &p::disable_mime_input_processing,
    &p::disable_mime_output_conversion,
    &p::address_verify_negative_cache,
    &p::backwards_bounce_logfile_compatibility,
    &p::helpful_warnings,
    &p::send_cyrus_sasl_authzid,
    &p::multi_instance_enable,
    &p::enable_long_queue_ids,
    &p::strict_smtputf8,
    &p::enable_original_recipient,
];

impl Config {
    /// What every program of Postfix checks before it does anything, in its order and words.
    /// Users and groups count only where the system runs as root.
    pub fn check_essentials(&self, privileged: bool) -> Result<(), Problem> {
        let fresh = self.with_overrides(&[]);
        fresh.check_first()?;
        fresh.read_essentials();
        if let Some(problem) = fresh.problems().into_iter().next() {
            return Err(problem);
        }
        if privileged {
            fresh.check_owners()?;
        }
        fresh.check_contradictions()
    }

    /// Whether the values of all documented parameters in main.cf can be expanded: `postfix start`
    /// needs that. With names of the administrator's own it is seen when something refers to them.
    pub fn check_expansions(&self) -> Result<(), Problem> {
        let fresh = self.with_overrides(&[]);
        let documented = |name: &str| lookup(name).is_some_and(|entry| entry.kind() != KindOf::Raw);
        for name in fresh.settings().keys().filter(|name| documented(name)) {
            drop(fresh.value(name));
            if let Some(found) = fresh.problems().into_iter().next() {
                let place = fresh.place(name).map(|place| format!("{place}: ")).unwrap_or_default();
                return Err(problem(format!("{place}{}", found.text)));
            }
        }
        Ok(())
    }

    /// Whether `inet_interfaces` names what is there. Names may have to be looked up: programs that
    /// only pass mail on leave that to the daemons.
    pub fn check_interfaces(&self) -> Result<(), Problem> {
        self.own_interfaces().map(drop)
    }

    /// Reads what every program reads, so that what is wrong with it is among
    /// [`Config::problems`].
    pub fn read_essentials(&self) {
        for entry in ESSENTIAL {
            match entry.kind() {
                KindOf::Text | KindOf::Raw => drop(self.text_named(entry.name())),
                KindOf::Bool | KindOf::NBool => {
                    self.bool_named(entry.name());
                }
                KindOf::Int | KindOf::NInt | KindOf::Long => {
                    self.int_named(entry.name());
                }
                KindOf::Time => {
                    self.time_named(entry.name());
                }
            }
        }
        self.protocols();
    }

    fn check_first(&self) -> Result<(), Problem> {
        let level = self.text(&p::compatibility_level);
        if expand::compatibility_level(&level).is_none() {
            return Err(problem(format!("malformed compatibility level syntax: \"{level}\"")));
        }
        let facility = self.text(&p::syslog_facility);
        if Facility::from_name(&facility).is_none() {
            return Err(self.refuse("syslog_facility", &format!("unrecognized value: {facility}")));
        }
        self.protocols();
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(problem);
        }
        for (name, value) in
            [("myhostname", self.text(&p::myhostname)), ("mydomain", self.text(&p::mydomain))]
        {
            if !hostname::is_valid(&value) {
                return Err(self.refuse(name, &format!("bad parameter value: {value}")));
            }
        }
        Ok(())
    }

    fn check_contradictions(&self) -> Result<(), Problem> {
        let (host, relay) = (self.text(&p::myhostname), self.text(&p::relayhost));
        if host.eq_ignore_ascii_case(&relay) {
            return Err(problem(format!(
                "myhostname and relayhost parameter settings must not be identical: {host}"
            )));
        }
        let origin = self.text(&p::myorigin);
        if origin.contains([',', ' ', '\t', '\r', '\n']) {
            return Err(problem(format!(
                "myorigin parameter setting must not contain multiple values: {origin}"
            )));
        }
        Ok(())
    }

    fn refuse(&self, name: &str, why: &str) -> Problem {
        let file = self.directory.join("main.cf");
        problem(format!("file {}: parameter {name}: {why}", file.display()))
    }

    /// `default_privs`, `mail_owner` and `setgid_group` exist, have no rights of root, and share
    /// nothing.
    fn check_owners(&self) -> Result<(), Problem> {
        let default = self.user("default_privs", &self.text(&p::default_privs))?;
        let owner = self.user("mail_owner", &self.text(&p::mail_owner))?;
        if let Ok(Some(first)) = nix::unistd::User::from_uid(owner.uid)
            && first.name != owner.name
        {
            return Err(self.refuse(
                "mail_owner",
                &format!(
                    "user {} has the same user ID {} as user {}",
                    owner.name, owner.uid, first.name
                ),
            ));
        }
        let group_name = self.text(&p::setgid_group);
        let Ok(Some(group)) = nix::unistd::Group::from_name(&group_name) else {
            return Err(self.refuse("setgid_group", &format!("unknown group name: {group_name}")));
        };
        if group.gid.as_raw() == 0 {
            let why = format!("group {group_name} has privileged group ID");
            return Err(self.refuse("setgid_group", &why));
        }
        if let Ok(Some(first)) = nix::unistd::Group::from_gid(group.gid)
            && first.name != group.name
        {
            return Err(self.refuse(
                "setgid_group",
                &format!(
                    "group {group_name} has the same group ID {} as group {}",
                    group.gid, first.name
                ),
            ));
        }
        self.check_overlap(&default, &owner, &group)
    }

    /// A user that is not root.
    fn user(&self, parameter: &str, name: &str) -> Result<nix::unistd::User, Problem> {
        let Ok(Some(user)) = nix::unistd::User::from_name(name) else {
            return Err(self.refuse(parameter, &format!("unknown user name value: {name}")));
        };
        if user.uid.is_root() {
            return Err(self.refuse(parameter, &format!("user {name} has privileged user ID")));
        }
        if user.gid.as_raw() == 0 {
            return Err(self.refuse(parameter, &format!("user {name} has privileged group ID")));
        }
        Ok(user)
    }

    fn check_overlap(
        &self,
        default: &nix::unistd::User,
        owner: &nix::unistd::User,
        group: &nix::unistd::Group,
    ) -> Result<(), Problem> {
        let file = self.directory.join("main.cf");
        let refuse = |why: String| Err(problem(format!("file {}: {why}", file.display())));
        if default.name == owner.name {
            return refuse(format!(
                "parameters default_privs and mail_owner specify the same user {}",
                owner.name
            ));
        }
        let users = format!(
            "parameters default_privs and mail_owner: users {} and {} have the same",
            default.name, owner.name
        );
        if default.uid == owner.uid {
            return refuse(format!("{users} user ID: {}", owner.uid));
        }
        if default.gid == owner.gid {
            return refuse(format!("{users} group ID: {}", owner.gid));
        }
        for (parameter, user) in [("default_privs", default), ("mail_owner", owner)] {
            if user.gid == group.gid {
                return refuse(format!(
                    "parameters {parameter} and setgid_group: user {} and group {} have the same \
                     group ID: {}",
                    user.name, group.name, group.gid
                ));
            }
        }
        Ok(())
    }
}

fn problem(text: String) -> Problem {
    Problem { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn essentials() {
        let refuse = |main_cf: &str| {
            let sources = Sources { main_cf: main_cf.into(), ..Sources::default() };
            Config::parse(&sources).unwrap().check_essentials(false).unwrap_err().text
        };
        assert_eq!(
            refuse("myhostname = -x\n"),
            "file main.cf: parameter myhostname: bad parameter value: -x"
        );
        assert_eq!(
            refuse("myhostname = a.b\nrelayhost = A.b\n"),
            "myhostname and relayhost parameter settings must not be identical: a.b"
        );
        assert_eq!(
            refuse("soft_bounce = perhaps\n"),
            "bad boolean configuration: soft_bounce = perhaps"
        );
        assert_eq!(
            refuse("syslog_facility = nosuch\n"),
            "file main.cf: parameter syslog_facility: unrecognized value: nosuch"
        );
        assert_eq!(
            refuse("inet_protocols = ipv9\n"),
            "unknown inet_protocols value \"ipv9\" in \"ipv9\""
        );
    }

    #[test]
    fn expansions() {
        let check = |main_cf: &str| {
            let sources = Sources { main_cf: main_cf.into(), ..Sources::default() };
            Config::parse(&sources).unwrap().check_expansions().map_err(|problem| problem.text)
        };
        assert_eq!(check("mine = ${\nsmtpd_banner = $$x\n"), Ok(()));
        let error = Err("main.cf, line 2: dictionary mail_dict: macro processing error".to_owned());
        assert_eq!(check("mail_name = x\nsmtpd_banner = ${mine?{x}\n"), error);
        assert_eq!(check("mine = ${\nsmtpd_banner = $mine\n"), error);
    }
}
