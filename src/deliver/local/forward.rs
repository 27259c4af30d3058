//! Forward files (`forward_path`): found, checked and read by a worker with the user's rights.
//!
//! In the usual case there is none, and the mail goes into the mailbox: then the worker, which
//! is there already, does that in the same job.

use std::sync::Arc;
use std::time::Duration;

use super::attributes::{Attributes, Source, Subject};
use super::delivery::{Delivery, Retry};
use super::expand::{Expanded, expand};
use super::mailbox::Plan;
use super::users::User;
use crate::config::split_list;
use crate::ipc::worker::{Done, ForwardFile, Work};
use crate::mail::envelope::Notify;
use crate::mail::outcome::Success;

/// How long looking for forward files and reading one may take.
const TIME: Duration = Duration::from_secs(60);

/// A place where a forward file may be.
struct Place {
    path: String,
    /// Its name has the extension in it.
    extension_used: bool,
}

impl Delivery {
    /// Delivers by the user's forward file, or, if there is none, into the mailbox; `None` if
    /// there is no such user, or the mailbox is not for a worker.
    pub(super) async fn forward(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
    ) -> Option<Retry> {
        let mut inner = attributes.deeper();
        if self.settings().forward_path.is_empty() {
            return None;
        }
        let user = match self.settings().users.named(&attributes.user) {
            Ok(user) => user?,
            Err(failed) => return Some(self.user_lookup_failed(attributes, &failed.0).await),
        };
        if !self.settings().frozen {
            inner.delivered = Some(inner.address.clone());
        }
        let _ = subject;
        let subject = Subject::of(&user);
        inner.source = Some(Source::Forward);
        inner.owner = Some(inner.user.clone());
        let places = self.places(&inner, &subject);
        if places.is_empty() {
            return None;
        }
        let found = match self.look(attributes, &user, &places).await {
            Looked::Found(found) => found,
            Looked::Nothing => return None,
            Looked::Delivered(retry) => return Some(retry),
        };
        let place = places.get(found.index)?;
        if place.extension_used || !self.settings().propagate.forward {
            inner.unmatched = None;
        }
        self.obey(inner, &subject, found, &place.path).await
    }

    /// The paths of forward_path for this recipient, in order.
    fn places(&self, attributes: &Attributes, subject: &Subject) -> Vec<Place> {
        let settings = self.settings();
        let delimiters = &settings.extensions.delimiters;
        let filter = Some(settings.forward_filter.as_str());
        split_list(&settings.forward_path)
            .into_iter()
            .filter_map(|pattern| {
                let Expanded { text, warnings, failed, undefined, extension_used } =
                    expand(pattern, attributes, subject, delimiters, filter);
                for warning in warnings {
                    self.log.warning(format_args!("{warning}"));
                }
                (!failed && !undefined).then_some(Place { path: text, extension_used })
            })
            .collect()
    }

    /// Has a worker look for the files, and deliver into the mailbox if there are none and that
    /// is what comes next.
    async fn look(
        &mut self,
        attributes: &Attributes,
        user: &Arc<User>,
        places: &[Place],
    ) -> Looked {
        let paths: Vec<String> = places.iter().map(|place| place.path.clone()).collect();
        let plan = match self.is_trace() {
            true => Plan::Other,
            false => self.mailbox_plan(attributes, user).await,
        };
        let (work, time) = match &plan {
            Plan::Work { work, time, .. } => (work.clone(), *time),
            Plan::Other => (Work::Nothing, TIME),
        };
        let rights = self.user_rights(user);
        match (self.work(rights, paths, work, time).await, plan) {
            (Ok(Done::Forward(found)), _) => Looked::Found(found),
            (result, Plan::Work { kind, .. }) => {
                self.seen(&format!("mailbox {}", attributes.local));
                Looked::Delivered(self.mailbox_done(attributes, user, &kind, result).await)
            }
            (Ok(_), Plan::Other) => Looked::Nothing,
            (Err(refusal), Plan::Other) => {
                Looked::Delivered(self.report(attributes, refusal.into()).await)
            }
        }
    }

    /// Delivers to what a forward file says; `None` if it says nothing and the mailbox is next.
    async fn obey(
        &mut self,
        mut attributes: Attributes,
        subject: &Subject,
        found: ForwardFile,
        path: &str,
    ) -> Option<Retry> {
        if self.request.trace.verify {
            return Some(self.would(&attributes, format!("forward via file: {path}")).await);
        }
        if self.seen(&format!("forward {path}")) {
            // It has led here: the user's own address in the user's own forward file.
            return self.has_seen(&format!("forward-done {path}")).then_some(false);
        }
        attributes.expanded_from = Some(attributes.local.clone());
        let lines = found.lines?;
        let before = attributes.clone();
        attributes.without_success();
        let (retry, count) = self.destinations(&attributes, subject, lines).await;
        // What could not be read is read again later: the mailbox would get the mail each time.
        if count == 0 && !retry {
            return None;
        }
        self.seen(&format!("forward-done {path}"));
        if !retry && before.notify.has(Notify::SUCCESS) {
            self.expanded(&before, Success::Expanded);
        }
        Some(retry)
    }
}

/// What came of looking for forward files.
enum Looked {
    Found(ForwardFile),
    Nothing,
    /// The mailbox delivery was made, or failed; this is what came of it.
    Delivered(Retry),
}
