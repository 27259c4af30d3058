//! `:include:/file/name`: a list in a file, read with the rights of whoever named it, or of the
//! file's owner if root named it.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::attributes::{Attributes, Source, Subject};
use super::delivery::{DEPTH, Delivery, Retry};
use crate::ipc::worker::{Done, Lines, Refusal, Work};
use crate::mail::status::Status;
use crate::sys::spawn::{Rights, error_text};

/// How long reading a list may take.
const TIME: Duration = Duration::from_secs(60);

/// Longest list that root owns, in bytes.
const LIST_MAX: u64 = 16 << 20;

impl Delivery {
    /// Delivers to what the file lists.
    pub(super) async fn include(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        path: &str,
    ) -> Retry {
        let mut attributes = attributes.deeper();
        let mut subject = subject.clone();
        if attributes.depth > DEPTH {
            self.log.warning(format_args!(":include: nesting limit exceeded for {path}"));
            return self.say(&attributes, (5, 4, 6), ":include: nesting limit exceeded").await;
        }
        if self.seen(&format!("include {} {path}", subject.uid)) {
            return false;
        }
        attributes.expanded_from = Some(attributes.local.clone());
        if !path.starts_with('/') {
            self.log.warning(format_args!(":include:{path} uses a relative path"));
            return self.say(&attributes, (5, 3, 5), "mail system configuration error").await;
        }
        attributes.source = Some(Source::Include);
        let lines = match self.read_list(&mut subject, path).await {
            Ok(lines) => lines,
            Err(refusal) => return self.report(&attributes, refusal.into()).await,
        };
        // Local recipients of a list are forwarded: each has its own state in the queue then.
        let address = attributes.address.clone();
        attributes.owner.get_or_insert(address);
        if !self.settings().propagate.include {
            attributes.unmatched = None;
        }
        self.destinations(&attributes, &subject, lines).await.0
    }

    /// Reads the list. If root named it and another user owns it, that user is the subject from
    /// here on: or the owner of the file could act with the rights of the default user.
    async fn read_list(&mut self, subject: &mut Subject, path: &str) -> Result<Lines, Refusal> {
        if subject.uid == 0 {
            self.become_owner(subject, path)?;
        }
        let work = if subject.uid == 0 {
            Work::Parse(self.read_as_root(path)?)
        } else {
            Work::Include(path.to_owned())
        };
        let rights = match subject.uid {
            0 => self.settings().default_rights,
            uid => Rights { uid, gid: subject.gid, second_gid: None },
        };
        match self.work(rights, Vec::new(), work, TIME).await? {
            Done::Lines(lines) => Ok(lines),
            _ => Err(Refusal::new(Status::new(4, 3, 0), "system resource problem")),
        }
    }

    /// The file's owner becomes the subject, unless it is root.
    fn become_owner(&self, subject: &mut Subject, path: &str) -> Result<(), Refusal> {
        let found = std::fs::metadata(path).map_err(|e| {
            let reason = error_text(&e);
            self.refuse_list(&format!("unable to lookup :include: file {path}: {reason}"))
        })?;
        if !found.is_file() {
            return Err(self.refuse_list(&format!(":include: file {path} is not a regular file")));
        }
        if found.mode() & 0o002 != 0 {
            return Err(self.refuse_list(&format!(":include: file {path} is world writable")));
        }
        let uid = found.uid();
        if uid == 0 {
            return Ok(());
        }
        let failed = match self.settings().users.numbered(uid) {
            Ok(Some(user)) => {
                *subject = Subject::of(&user);
                return Ok(());
            }
            Ok(None) => format!("cannot find username for uid {uid}"),
            Err(failed) => format!("cannot find username for uid {uid}: {}", failed.0),
        };
        self.log.warning(format_args!("{failed}"));
        self.log.warning(format_args!("{path}: cannot find :include: file owner username"));
        Err(Refusal::new(Status::new(4, 3, 5), "mail system configuration error"))
    }

    /// The bytes of a list of root; a worker parses them.
    fn read_as_root(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        use std::io::Read as _;
        let read = || {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path)?;
            if file.metadata()?.uid() != 0 {
                // Replaced since it was looked at.
                return Err(std::io::Error::from_raw_os_error(libc::EPERM));
            }
            file.take(LIST_MAX).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|e| {
            self.refuse_list(&format!("cannot open include file {path}: {}", error_text(&e)))
        })
    }

    fn refuse_list(&self, warning: &str) -> Refusal {
        self.log.warning(format_args!("{warning}"));
        Refusal::new(Status::new(5, 3, 5), "mail system configuration error")
    }
}
