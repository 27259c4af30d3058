//! Quotas and rules of virtual mailboxes, as the VDA patch has them (feature `vda`): which limit
//! holds for a recipient, by table or by default.

use crate::config::{Config, parameters as p};
use crate::ipc::worker::{Filter, Limit, Refusal};
use crate::log::Log;
use crate::lookup::{AddressRules, Maps, NO_REASON, Purpose, Tables};
use crate::mail::status::Status;

/// What main.cf says about quotas and rules.
#[derive(Debug)]
pub(super) struct Quotas {
    limits: Maps,
    messages: Maps,
    /// `virtual_mailbox_limit`
    default: u64,
    /// `message_size_limit`, unless quotas may be smaller; zero is no limit.
    smallest: u64,
    /// What holds for all recipients.
    common: Limit,
    /// `virtual_maildir_suffix`, with a slash at its end.
    pub(super) suffix: String,
    /// Whether there are quotas at all.
    on: bool,
    filters: Option<Maps>,
}

impl Quotas {
    /// Reads the parameters; nothing if the program was built without the feature, or none of them
    /// is used.
    pub(super) fn read(config: &Config, tables: &Tables) -> Option<Self> {
        if !cfg!(feature = "vda") {
            return None;
        }
        let maps = |p: &'static crate::config::parameter::Parameter<
            crate::config::parameter::kinds::Text,
        >| tables.maps_for(p.name, &config.text(p), Purpose::MAILBOXES);
        let limits = maps(&p::virtual_mailbox_limit_maps);
        let inbox_only = config.bool(&p::virtual_mailbox_limit_inbox);
        let extended = config.bool(&p::virtual_maildir_extended);
        let may_be_small = config.bool(&p::virtual_mailbox_limit_override);
        let suffix = config.text(&p::virtual_maildir_suffix);
        // With the patch virtual_mailbox_limit holds for maildirs too, as soon as it is said.
        let is_said = config.literal(p::virtual_mailbox_limit.name).is_some();
        let on = !limits.is_empty() || inbox_only || extended || may_be_small || is_said;
        let filters = config.bool(&p::virtual_maildir_filter);
        if !on && suffix.is_empty() && !filters {
            return None;
        }
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        let trash_counts = config.bool(&p::virtual_trash_count);
        let common = Limit {
            bytes: 0,
            inbox_only,
            extended,
            creates_file: config.bool(&p::virtual_create_maildirsize),
            trash: (!trash_counts).then(|| config.text(&p::virtual_trash_name)),
            bounces: config.bool(&p::virtual_overquota_bounce),
            message: config.text(&p::virtual_maildir_limit_message),
        };
        Some(Self {
            limits,
            messages: maps(&p::virtual_maildir_limit_message_maps),
            default: number(config.int(&p::virtual_mailbox_limit)),
            smallest: if may_be_small { 0 } else { number(config.int(&p::message_size_limit)) },
            common,
            suffix: if suffix.is_empty() || suffix.ends_with('/') { suffix } else { suffix + "/" },
            on,
            filters: filters.then(|| maps(&p::virtual_maildir_filter_maps)),
        })
    }

    /// Whether the size of mailboxes is a matter of the recipient rather than of the process.
    pub(super) fn are_on(&self) -> bool {
        self.on
    }

    /// The limit for a recipient.
    pub(super) async fn limit(
        &self,
        log: &Log,
        user: &str,
        rules: &AddressRules,
    ) -> Result<Option<Limit>, Refusal> {
        if !self.on {
            return Ok(None);
        }
        let mut limit = self.common.clone();
        limit.bytes = match find(log, &self.limits, user, rules).await? {
            None => self.default,
            Some(text) => self.bytes(log, user, &text),
        };
        if let Some(message) = find(log, &self.messages, user, rules).await? {
            limit.message = message;
        }
        Ok(Some(limit))
    }

    fn bytes(&self, log: &Log, user: &str, text: &str) -> u64 {
        let title = self.limits.title();
        let fallback = "falling back to virtual_mailbox_limit";
        match text.trim().parse::<i64>().map(u64::try_from) {
            Ok(Ok(bytes)) if bytes != 0 && bytes < self.smallest => {
                log.warning(format_args!(
                    "recipient {user} - virtual maildir limit is smaller than message_size_limit in \
                     {title} - {fallback}"
                ));
                self.default
            }
            Ok(Ok(bytes)) => bytes,
            // A negative one means: as all others.
            Ok(Err(_)) => self.default,
            Err(_) => {
                log.warning(format_args!(
                    "recipient {user}: bad limit {text} in {title} - {fallback}"
                ));
                self.default
            }
        }
    }

    /// The rules of a recipient whose maildir is `mailbox`.
    pub(super) async fn filter(
        &self,
        log: &Log,
        user: &str,
        rules: &AddressRules,
        mailbox: &str,
    ) -> Result<Option<Filter>, Refusal> {
        let Some(maps) = &self.filters else { return Ok(None) };
        let file = format!("{mailbox}maildirfilter");
        let found = find(log, maps, user, rules).await?;
        if found.is_none() && !maps.is_empty() {
            return Ok(None);
        }
        let rules = found.map(|text| lines(&text));
        Ok(Some(Filter { file, rules, folders: self.common.extended }))
    }
}

/// A database that has all rules in one line, `# Mtime /^…/ ACTION /^…/ ACTION`, means one a line.
fn lines(text: &str) -> String {
    let text = text.replace('\r', "");
    if text.starts_with("# M") { text.replace(" /^", "\n/^") } else { text }
}

async fn find(
    log: &Log,
    maps: &Maps,
    user: &str,
    rules: &AddressRules,
) -> Result<Option<String>, Refusal> {
    if maps.is_empty() {
        return Ok(None);
    }
    match maps.find_address(user, rules).await {
        Ok(found) => Ok(found.map(|found| found.value)),
        Err(_) => {
            log.warning(format_args!("table {}: lookup {user}: {NO_REASON}", maps.title()));
            Err(Refusal::new(Status::new(4, 3, 5), "mail system configuration error"))
        }
    }
}

#[cfg(test)]
#[cfg(feature = "vda")]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn limit(settings: &str, user: &str) -> Option<Limit> {
        let main_cf = settings.to_owned();
        let config = Config::parse(&Sources { main_cf, ..Sources::default() }).unwrap();
        let tables = Tables::new(config.clone());
        let quotas = Quotas::read(&config, &tables)?;
        let rules = AddressRules {
            delimiters: String::new(),
            local_part_alone: false,
            at_domain: true,
            domain_and_parents: false,
        };
        let log = Log::new("postfix", "virtual");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(quotas.limit(&log, user, &rules)).unwrap()
    }

    #[test]
    fn which_limit_holds() {
        assert_eq!(limit("", "a@x"), None);
        assert_eq!(
            limit("virtual_mailbox_limit = 2000000000\n", "a@x").unwrap().bytes,
            2_000_000_000
        );
        let maps = "virtual_mailbox_limit_maps = inline:{{a@x=20000000}, {b@x=0}, {c@x=5}, {d@x=-1}, {e@x=1M}}\n";
        let bytes = |user: &str| limit(maps, user).unwrap().bytes;
        assert_eq!(bytes("a@x"), 20_000_000);
        assert_eq!(bytes("b@x"), 0);
        for user in ["c@x", "d@x", "e@x", "f@x"] {
            assert_eq!(bytes(user), 51_200_000, "{user}");
        }
        let small = format!("{maps}virtual_mailbox_limit_override = yes\n");
        assert_eq!(limit(&small, "c@x").unwrap().bytes, 5);
    }

    #[test]
    fn rules_in_one_line() {
        assert_eq!(
            lines("# M12 /^a/ DISCARD /^b c/ REJECT x\r"),
            "# M12\n/^a/ DISCARD\n/^b c/ REJECT x"
        );
        assert_eq!(lines("/a /^x/ y"), "/a /^x/ y");
    }
}
