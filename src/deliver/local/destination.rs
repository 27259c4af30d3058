//! One destination of an alias, forward file or list: a file, a command, another list, or an
//! address.

use super::attributes::{Attributes, Source, Subject};
use super::delivery::{Delivery, Retry};
use super::recipient::Step;
use super::settings::Sources;
use crate::ipc::worker::Lines;
use crate::mail::envelope::RewriteContext;
use crate::rewrite::ResolveError;

const INCLUDE: &str = ":include:";

/// After so many destinations others have their turn.
const PIECE: usize = 50;

impl Sources {
    /// Whether this source is in the set.
    pub(super) fn has(self, source: Option<Source>) -> bool {
        match source {
            Some(Source::Alias) => self.alias,
            Some(Source::Forward) => self.forward,
            Some(Source::Include) => self.include,
            None => false,
        }
    }
}

impl Delivery {
    /// Delivers to one destination in internal form.
    pub(super) fn destination<'a>(
        &'a mut self,
        attributes: &'a Attributes,
        subject: &'a Subject,
        destination: &'a str,
    ) -> Step<'a> {
        Box::pin(async move {
            if destination.starts_with('/') {
                return self.file(attributes, subject, destination).await;
            }
            if destination.starts_with('~') {
                return self.file_at_home(attributes, subject, destination).await;
            }
            if let Some(command) = destination.strip_prefix('|') {
                if !self.settings().commands_from.has(attributes.source) {
                    return self.say(attributes, (5, 7, 1), "mail to command is restricted").await;
                }
                return self.command(attributes, subject, command).await;
            }
            match destination.split_at_checked(INCLUDE.len()) {
                Some((start, path)) if start.eq_ignore_ascii_case(INCLUDE) => {
                    self.include(attributes, subject, path).await
                }
                _ => self.resolve(attributes, subject, destination).await,
            }
        })
    }

    /// Delivers line by line; the first line that fails for now is the last. Says whether to try
    /// again, and how many destinations there were.
    pub(super) async fn destinations(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        lines: Lines,
    ) -> (Retry, usize) {
        let mut count = 0;
        for line in lines.lines {
            let mut retry = false;
            for destination in line {
                count += 1;
                if count % PIECE == 0 {
                    // A long list of one user's is no reason for others to wait.
                    tokio::task::yield_now().await;
                }
                retry |= self.destination(attributes, subject, &destination).await;
            }
            if retry {
                return (true, count);
            }
        }
        let Some(error) = lines.error else { return (false, count) };
        let text = format!("error reading forwarding file: {error}");
        (self.say(attributes, (4, 3, 0), text).await, count)
    }

    /// `~/name`: a file in the home directory of whoever wrote it.
    async fn file_at_home(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        destination: &str,
    ) -> Retry {
        let wrong = "mail system configuration error";
        let Some(below) = destination.strip_prefix('~').filter(|below| below.starts_with('/'))
        else {
            self.log.warning(format_args!("bad home directory syntax for: {destination}"));
            return self.say(attributes, (5, 3, 5), wrong).await;
        };
        let Some(home) = &subject.home else {
            self.log.warning(format_args!("unknown home directory for: {destination}"));
            return self.say(attributes, (5, 3, 5), wrong).await;
        };
        let home = if home == "/" { "" } else { home };
        self.file(attributes, subject, &format!("{home}{below}")).await
    }

    /// An address: completes it and sees where its mail goes.
    pub(super) async fn resolve(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        address: &str,
    ) -> Retry {
        let mut attributes = attributes.deeper();
        let rewrite = self.settings().rewrite.clone();
        let address = rewrite.rewrite(RewriteContext::Local, address);
        let route = match rewrite.resolve(&attributes.sender, &address).await {
            Ok(route) => route,
            Err(ResolveError::Syntax) => {
                let text = format!("bad recipient address syntax: {address}");
                return self.say(&attributes, (5, 1, 3), text).await;
            }
            Err(ResolveError::Table(_) | ResolveError::NullTransport) => {
                return self.say(&attributes, (4, 3, 0), "address resolver failure").await;
            }
        };
        let mut recipient = route.recipient;
        if let Some(unmatched) = &attributes.unmatched
            && let Some(delimiter) = attributes.delimiter()
        {
            let at = recipient.rfind('@').unwrap_or(recipient.len());
            recipient.insert_str(at, &format!("{delimiter}{unmatched}"));
        }
        attributes.address = recipient;
        if route.transport == self.agent.name {
            self.recipient(attributes, subject.clone()).await
        } else {
            self.indirect(&attributes).await
        }
    }
}
