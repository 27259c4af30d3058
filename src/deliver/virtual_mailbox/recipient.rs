//! One recipient: its mailbox, user ID and group ID by the tables, and the delivery.

use std::time::Duration;

use super::Agent;
use crate::ipc::delivery::{Request, To};
use crate::ipc::worker::{
    Copy, Done, Filter, Job, Limit, Mailbox, MailboxKind, Maildir, Refusal, Work,
};
use crate::log::Log;
use crate::lookup::{Maps, NO_REASON};
use crate::mail::address::fold;
use crate::mail::outcome::{Action, Outcome};
use crate::mail::status::Status;
use crate::service::worker::{Content, Headers};
use crate::sys::spawn::Rights;

/// The status of failures that have none of their own: the mailbox of a virtual recipient is the
/// business of the administrator, who will mend it.
const LATER: Status = Status::new(4, 2, 0);

/// Where a recipient's mail goes, and with whose rights.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: String,
    rights: Rights,
    limit: Option<Limit>,
    filter: Option<Filter>,
}

/// Delivers the content to one recipient.
pub(super) async fn deliver(
    agent: &Agent,
    log: &Log,
    request: &Request,
    to: &To,
    content: &Content,
) -> Outcome {
    let user = fold(&to.address);
    let place = match find(agent, log, &user).await {
        Ok(Some(place)) => place,
        Ok(None) => {
            let text = format!("unknown user: \"{user}\"");
            return Outcome::own(Status::new(5, 1, 1), text);
        }
        Err(refusal) => return refusal.into(),
    };
    let is_maildir = place.path.ends_with('/');
    let kind = if is_maildir { "maildir" } else { "mailbox" };
    if request.trace.verify || request.trace.expand_only {
        let mut outcome = Outcome::own(Status::new(2, 0, 0), format!("delivers to {kind}"));
        outcome.action = Action::Probed { deliverable: true };
        return outcome;
    }
    match write(agent, log, request, to, content, &place).await {
        Ok(remark) if remark.is_empty() => {
            Outcome::own(Status::new(2, 0, 0), format!("delivered to {kind}"))
        }
        Ok(remark) => Outcome::own(Status::new(2, 0, 0), format!("delivered to {kind} ({remark})")),
        Err(refusal) if is_maildir => {
            agent.settings.crew.maildir_refusal(log, place.rights, refusal).into()
        }
        Err(refusal) => {
            let text = format!("delivery failed to mailbox {}: {}", place.path, refusal.text);
            Refusal { text, ..refusal }.into()
        }
    }
}

async fn write(
    agent: &Agent,
    log: &Log,
    request: &Request,
    to: &To,
    content: &Content,
    place: &Place,
) -> Result<String, Refusal> {
    let settings = &agent.settings;
    let crew = &settings.crew;
    let is_maildir = place.path.ends_with('/');
    let headers = Headers {
        from_line: !is_maildir,
        return_path: true,
        original_to: &to.original,
        delivered_to: Some(&to.address),
    };
    let prefix = crew.headers(&request.sender, headers, "\n");
    let path = place.path.clone();
    let work = if is_maildir {
        let copy = Copy { prefix, ..Copy::default() };
        let hostname = crew.hostname().to_owned();
        let Place { limit, filter, .. } = place;
        let (limit, filter) = (limit.clone(), filter.clone());
        let default_status = LATER;
        Work::Maildir(Box::new(Maildir { path, copy, hostname, default_status, limit, filter }))
    } else {
        Work::Mailbox(Box::new(Mailbox {
            path,
            copy: Copy { prefix, quote_from: true, blank_line: true, ..Copy::default() },
            locking: settings.locking,
            kind: MailboxKind::Virtual {
                owner: settings.strict_ownership.then_some(place.rights.uid),
                recipient: to.address.clone(),
            },
            default_status: LATER,
            opened_by_parent: false,
            spool_group: None,
            size_limit: place.limit.as_ref().map(|limit| limit.bytes).filter(|bytes| *bytes > 0),
        }))
    };
    let identity = crew.identity(place.rights)?;
    let job = Job { unless_forward: Vec::new(), work, content: 0 };
    let time = Duration::from_secs(600);
    match crew.work(log, &identity, job, Some(content), None, time).await? {
        Done::Delivered { output } => Ok(output),
        _ => Ok(String::new()),
    }
}

/// Looks the recipient up; `None` if there is no such mailbox.
async fn find(agent: &Agent, log: &Log, user: &str) -> Result<Option<Place>, Refusal> {
    let settings = &agent.settings;
    let wrong = || Refusal::new(Status::new(4, 3, 5), "mail system configuration error");
    if !settings.base.starts_with('/') {
        log.fatal(format_args!(
            "do not specify relative pathname: virtual_mailbox_base = {}",
            settings.base
        ));
        return Err(Refusal::new(Status::new(4, 3, 0), "unknown mail transport error"));
    }
    let rules = settings.rewrite.address_rules(user).await.map_err(|_| wrong())?;
    let mailbox = match settings.mailboxes.find_address(user, &rules).await {
        Ok(Some(found)) => found.value,
        Ok(None) => return Ok(None),
        Err(_) => {
            let title = settings.mailboxes.title();
            log.warning(format_args!("table {title}: lookup {user}: {NO_REASON}"));
            return Err(wrong());
        }
    };
    let path = format!("{}/{mailbox}", settings.base);
    if below_base_goes_up(&path, &settings.base) {
        let title = settings.mailboxes.title();
        log.warning(format_args!("recipient {user}: bad mailbox path {mailbox} in {title}"));
        return Err(wrong());
    }
    let id = async |what: &'static str, maps: &Maps, minimum: u32| {
        let title = maps.title();
        // A table that fails has said so; here it has no answer.
        let Ok(Some(found)) = maps.find_address(user, &rules).await else {
            log.warning(format_args!("recipient {user}: not found in {title}"));
            return Err(wrong());
        };
        number(&found.value).filter(|id| *id >= minimum).ok_or_else(|| {
            log.warning(format_args!("recipient {user}: bad {what} {} in {title}", found.value));
            wrong()
        })
    };
    let uid = id("uid", &settings.uids, settings.minimum_uid).await?;
    let gid = id("gid", &settings.gids, 1).await?;
    let rights = Rights { uid, gid, second_gid: None };
    let mut place = Place { path, rights, limit: None, filter: None };
    if let Some(quotas) = &settings.quotas {
        place.limit = quotas.limit(log, user, &rules).await?;
        if place.path.ends_with('/') {
            place.filter = quotas.filter(log, user, &rules, &place.path).await?;
            place.path += &quotas.suffix;
        }
    }
    Ok(Some(place))
}

/// Whether a path goes up again somewhere below the base.
fn below_base_goes_up(path: &str, base: &str) -> bool {
    let below = path.strip_prefix(base).unwrap_or(path);
    below.contains("/../") || below.ends_with("/..")
}

/// A user or group ID; the largest number means "nobody" to the system calls.
fn number(text: &str) -> Option<u32> {
    let digits = text.trim_start();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    digits.parse().ok().filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert!(below_base_goes_up("/var/vmail/../etc/x", "/var/vmail"));
        assert!(below_base_goes_up("/var/vmail/a/../../x", "/var/vmail"));
        assert!(below_base_goes_up("/var/vmail/a/..", "/var/vmail"));
        assert!(!below_base_goes_up("/var/vmail/a..b/", "/var/vmail"));
        assert!(!below_base_goes_up("/a/../b/x", "/a/../b"));
    }

    #[test]
    fn ids() {
        assert_eq!(number("5000"), Some(5000));
        assert_eq!(number("4294967295"), None);
        assert_eq!(number("99999999999"), None);
        assert_eq!(number("12x"), None);
        assert_eq!(number("-1"), None);
    }
}
