//! What is known about a delivery on its way through aliases and forward files. Each step works
//! on a copy of its own, so that nothing has to be undone.

use super::users::User;
use crate::mail::envelope::Notify;
use crate::sys::spawn::Rights;

/// What a destination was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// alias_maps
    Alias,
    /// A forward file.
    Forward,
    /// An `:include:` file.
    Include,
}

/// The delivery.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    /// How deep it is nested.
    pub(super) depth: u32,
    /// The recipient, and what the envelope says about it.
    pub(super) address: String,
    pub(super) original: String,
    pub(super) dsn_orcpt: String,
    pub(super) notify: Notify,
    /// Envelope sender: that of the message, or an `owner-` alias.
    pub(super) sender: String,
    /// Local part and domain of the recipient in lower case.
    pub(super) local: String,
    pub(super) domain: Option<String>,
    /// The local part without extension, and the extension.
    pub(super) user: String,
    pub(super) extension: Option<String>,
    /// The extension that is to go on to what the recipient expands to.
    pub(super) unmatched: Option<String>,
    /// Who answers for the expansion: an `owner-` alias or the owner of a forward file. Other
    /// recipients are then forwarded, not delivered.
    pub(super) owner: Option<String>,
    /// The address for `Delivered-To:`.
    pub(super) delivered: Option<String>,
    /// What the recipient was found in, and under which name.
    pub(super) source: Option<Source>,
    pub(super) expanded_from: Option<String>,
}

impl Attributes {
    /// The same, one level deeper.
    pub(super) fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    /// The delimiter between user and extension.
    pub(super) fn delimiter(&self) -> Option<char> {
        self.local.get(self.user.len()..).and_then(|rest| rest.chars().next())
    }

    /// The address that `Delivered-To:` shows.
    pub(super) fn delivered(&self) -> &str {
        self.delivered.as_deref().unwrap_or(&self.address)
    }

    /// NOTIFY for what a recipient expands to: SUCCESS has been reported then.
    pub(super) fn without_success(&mut self) {
        let Notify(set) = self.notify;
        self.notify = match set & !Notify::SUCCESS.0 {
            0 if set != 0 => Notify::NEVER,
            rest => Notify(rest),
        };
    }
}

/// Whose rights hold for commands and files; nobody's in particular at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: Option<String>,
    pub(super) shell: Option<String>,
}

impl Subject {
    /// This user.
    pub(super) fn of(user: &User) -> Self {
        Self {
            uid: user.uid,
            gid: user.gid,
            home: Some(user.home.clone()),
            shell: Some(user.shell.clone()),
        }
    }

    /// User and group, where nobody and root become `default`.
    pub(super) fn rights(&self, default: Rights) -> Rights {
        Rights {
            uid: if self.uid == 0 { default.uid } else { self.uid },
            gid: if self.gid == 0 { default.gid } else { self.gid },
            second_gid: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_reported_once() {
        let mut attributes = Attributes {
            depth: 0,
            address: String::new(),
            original: String::new(),
            dsn_orcpt: String::new(),
            notify: Notify::SUCCESS,
            sender: String::new(),
            local: "user+ext".into(),
            domain: None,
            user: "user".into(),
            extension: Some("ext".into()),
            unmatched: None,
            owner: None,
            delivered: None,
            source: None,
            expanded_from: None,
        };
        assert_eq!(attributes.delimiter(), Some('+'));
        attributes.without_success();
        assert_eq!(attributes.notify, Notify::NEVER);
        attributes.notify = Notify::SUCCESS.with(Notify::FAILURE);
        attributes.without_success();
        assert_eq!(attributes.notify, Notify::FAILURE);
        attributes.notify = Notify::default();
        attributes.without_success();
        assert!(attributes.notify.is_default());
    }

    #[test]
    fn root_never_delivers() {
        let default = Rights { uid: 65534, gid: 65533, second_gid: None };
        assert_eq!(Subject::default().rights(default), default);
        let user = Subject { uid: 1000, gid: 0, ..Subject::default() };
        assert_eq!(user.rights(default), Rights { uid: 1000, ..default });
    }
}
