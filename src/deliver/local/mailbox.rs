//! The mailbox of a user: a file or maildir in the spool directory or at home, a command, or
//! another transport.

use std::sync::Arc;
use std::time::Duration;

use super::attributes::{Attributes, Subject};
use super::delivery::{Delivery, Retry};
use super::settings::SpoolRights;
use super::users::User;
use crate::ipc::worker::{Copy, Done, Job, Mailbox, MailboxKind, Maildir, Refusal, Work};
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;
use crate::service::worker::{Headers, open_as_parent};
use crate::sys::spawn::Rights;

/// The status of failures that have none of their own.
pub(super) const BOUNCE: Status = Status::new(5, 2, 0);

/// How long waiting for locks and writing may take.
pub(super) const TIME: Duration = Duration::from_secs(600);

/// What a mailbox delivery comes to.
pub(super) enum Plan {
    /// A worker with the user's rights does it.
    Work { work: Work, time: Duration, kind: Kind },
    /// Anything else.
    Other,
}

/// What kind of mailbox it is, for what is said afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Maildir,
    File(String),
}

/// The choice of main.cf for a user.
enum Choice {
    Transport(String),
    Command(String),
    Kind(Kind),
    /// A table cannot be asked.
    Later,
}

impl Delivery {
    /// Delivers into the mailbox; `None` if there is no such user.
    pub(super) async fn mailbox(&mut self, attributes: &Attributes) -> Option<Retry> {
        let attributes = &attributes.deeper();
        if self.seen(&format!("mailbox {}", attributes.local)) {
            return Some(false);
        }
        match self.transport_choice(attributes).await {
            Some(Choice::Transport(transport)) => {
                return Some(self.pass(attributes, &transport).await);
            }
            Some(_) => return Some(self.say(attributes, (4, 3, 0), "table lookup failure").await),
            None => {}
        }
        let user = match self.settings().users.named(&attributes.user) {
            Ok(user) => user?,
            Err(failed) => return Some(self.user_lookup_failed(attributes, &failed.0).await),
        };
        let subject = Subject::of(&user);
        Some(match self.user_choice(attributes, &user).await {
            Choice::Command(command) => self.command(attributes, &subject, &command).await,
            Choice::Kind(kind) => self.write_mailbox(attributes, &user, kind).await,
            Choice::Transport(_) | Choice::Later => {
                self.say(attributes, (4, 3, 0), "table lookup failure").await
            }
        })
    }

    /// The plan for a user who has no forward file, as far as a worker can carry it out.
    pub(super) async fn mailbox_plan(&self, attributes: &Attributes, user: &Arc<User>) -> Plan {
        let settings = self.settings();
        // What a table decides is looked up once, when the forward file is known to be absent.
        if !settings.mailbox_transport_maps.is_empty()
            || !settings.mailbox_command_maps.is_empty()
            || !settings.mailbox_transport.is_empty()
            || self.has_seen(&format!("mailbox {}", attributes.local))
        {
            return Plan::Other;
        }
        match self.user_choice(attributes, user).await {
            Choice::Kind(kind) if !self.is_parents_work(&kind) => {
                Plan::Work { work: self.mailbox_work(attributes, user, &kind), time: TIME, kind }
            }
            _ => Plan::Other,
        }
    }

    async fn transport_choice(&self, attributes: &Attributes) -> Option<Choice> {
        let settings = self.settings();
        match settings.mailbox_transport_maps.find(&attributes.user).await {
            Ok(Some(transport)) => return Some(Choice::Transport(transport)),
            Ok(None) => {}
            Err(_) => return Some(Choice::Later),
        }
        let transport = &settings.mailbox_transport;
        (!transport.is_empty()).then(|| Choice::Transport(transport.clone()))
    }

    async fn user_choice(&self, attributes: &Attributes, user: &User) -> Choice {
        let settings = self.settings();
        match settings.mailbox_command_maps.find(&attributes.user).await {
            Ok(Some(command)) => return Choice::Command(command),
            Ok(None) => {}
            Err(_) => return Choice::Later,
        }
        let (home, spool) = (&settings.home_mailbox, &settings.spool);
        let name = &attributes.user;
        if !settings.mailbox_command.is_empty() {
            Choice::Command(settings.mailbox_command.clone())
        } else if home.ends_with('/') || home.is_empty() && spool.ends_with('/') {
            Choice::Kind(Kind::Maildir)
        } else if home.is_empty() {
            Choice::Kind(Kind::File(format!("{spool}/{name}")))
        } else {
            Choice::Kind(Kind::File(format!("{}/{home}", user.home)))
        }
    }

    /// Whether only root may create the file.
    fn is_parents_work(&self, kind: &Kind) -> bool {
        matches!(kind, Kind::File(_)) && self.spool_rights() == SpoolRights::Parent
    }

    /// With which rights mailbox files are opened.
    fn spool_rights(&self) -> SpoolRights {
        let settings = self.settings();
        match settings.crew.privileged() && settings.home_mailbox.is_empty() {
            true => settings.spool_rights(),
            false => SpoolRights::User,
        }
    }

    /// The rights of a worker for this user.
    pub(super) fn user_rights(&self, user: &User) -> Rights {
        let second_gid = match self.spool_rights() {
            SpoolRights::Group(gid) if gid != user.gid => Some(gid),
            _ => None,
        };
        Rights { uid: user.uid, gid: user.gid, second_gid }
    }

    fn mailbox_work(&self, attributes: &Attributes, user: &User, kind: &Kind) -> Work {
        let settings = self.settings();
        let path = match kind {
            Kind::File(path) => path.clone(),
            Kind::Maildir if settings.home_mailbox.is_empty() => {
                format!("{}{}/", settings.spool, attributes.user)
            }
            Kind::Maildir => format!("{}/{}", user.home, settings.home_mailbox),
        };
        match kind {
            Kind::Maildir => self.maildir_work(attributes, path),
            Kind::File(_) => {
                let owner = settings.strict_ownership.then_some(user.uid);
                let spool_group = match self.spool_rights() {
                    SpoolRights::Group(gid) => Some(gid),
                    _ => None,
                };
                Work::Mailbox(Box::new(Mailbox {
                    opened_by_parent: self.is_parents_work(kind),
                    spool_group,
                    ..self.file_work(attributes, path, MailboxKind::User { owner }, true)
                }))
            }
        }
    }

    /// Work on a maildir, whosoever it is.
    pub(super) fn maildir_work(&self, attributes: &Attributes, path: String) -> Work {
        let settings = self.settings();
        let prefix = self.headers(attributes, false, settings.delivered_header.file, true);
        let copy = Copy { prefix, ..Copy::default() };
        let hostname = settings.crew.hostname().to_owned();
        Work::Maildir(Box::new(Maildir {
            path,
            copy,
            hostname,
            default_status: BOUNCE,
            limit: None,
            filter: None,
        }))
    }

    /// Work on a file that mail is appended to.
    pub(super) fn file_work(
        &self,
        attributes: &Attributes,
        path: String,
        kind: MailboxKind,
        is_mailbox: bool,
    ) -> Mailbox {
        let settings = self.settings();
        let prefix = self.headers(attributes, true, settings.delivered_header.file, is_mailbox);
        Mailbox {
            path,
            copy: Copy { prefix, quote_from: true, blank_line: true, ..Copy::default() },
            locking: settings.locking,
            kind,
            default_status: BOUNCE,
            opened_by_parent: false,
            spool_group: None,
            size_limit: None,
        }
    }

    /// The headers of a copy. With `frozen_delivered_to = no`, mailboxes and maildirs show the
    /// address that was looked up last.
    pub(super) fn headers(
        &self,
        attributes: &Attributes,
        from_line: bool,
        delivered_header: bool,
        is_mailbox: bool,
    ) -> Vec<u8> {
        let settings = self.settings();
        let delivered = match is_mailbox && !settings.frozen {
            true => &attributes.address,
            false => attributes.delivered(),
        };
        let headers = Headers {
            from_line,
            return_path: true,
            original_to: &attributes.original,
            delivered_to: delivered_header.then_some(delivered),
        };
        settings.crew.headers(&attributes.sender, headers, "\n")
    }

    async fn write_mailbox(
        &mut self,
        attributes: &Attributes,
        user: &Arc<User>,
        kind: Kind,
    ) -> Retry {
        if self.is_trace() {
            let what = match kind {
                Kind::Maildir => "maildir",
                Kind::File(_) => "mailbox",
            };
            return self.would(attributes, format!("delivers to {what}")).await;
        }
        let work = self.mailbox_work(attributes, user, &kind);
        let result = match &work {
            Work::Mailbox(mailbox) if mailbox.opened_by_parent => {
                self.through_parent(user, mailbox).await
            }
            _ => self.work(self.user_rights(user), Vec::new(), work, TIME).await,
        };
        self.mailbox_done(attributes, user, &kind, result).await
    }

    /// Opens the mailbox with root's rights, and has the user write into it.
    async fn through_parent(&self, user: &User, mailbox: &Mailbox) -> Result<Done, Refusal> {
        let crew = &self.settings().crew;
        let identity = crew.identity(self.user_rights(user))?;
        let (warnings, opened) = open_as_parent(mailbox.clone(), (user.uid, user.gid)).await;
        for warning in warnings {
            self.log.warning(format_args!("{warning}"));
        }
        let opened = opened?;
        let work = Work::Mailbox(Box::new(mailbox.clone()));
        let job = Job { unless_forward: Vec::new(), work, content: 0 };
        let content = Some(&self.content);
        crew.work(&self.log, &identity, job, content, Some(&opened), TIME).await
    }

    /// Reports what came of a mailbox delivery.
    pub(super) async fn mailbox_done(
        &mut self,
        attributes: &Attributes,
        user: &Arc<User>,
        kind: &Kind,
        result: Result<Done, Refusal>,
    ) -> Retry {
        let appended = match result {
            Ok(Done::Appended { at }) => Some(at),
            _ => None,
        };
        let outcome = match (result, kind) {
            (Ok(_), Kind::Maildir) => Outcome::own(Status::new(2, 0, 0), "delivered to maildir"),
            (Ok(_), Kind::File(_)) => Outcome::own(Status::new(2, 0, 0), "delivered to mailbox"),
            (Err(refusal), Kind::Maildir) => {
                let rights = self.user_rights(user);
                self.settings().crew.maildir_refusal(&self.log, rights, refusal).into()
            }
            (Err(refusal), Kind::File(path)) => {
                let name = &attributes.user;
                let text =
                    format!("cannot update mailbox {path} for user {name}. {}", refusal.text);
                Refusal { text, ..refusal }.into()
            }
        };
        let retry = self.report(attributes, outcome).await;
        if let (Some(biff), Some(at)) = (&self.settings().biff, appended) {
            biff.notify(&self.log, &attributes.user, at);
        }
        retry
    }
}
