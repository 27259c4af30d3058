//! Parameters of quotas for virtual mailboxes (feature `vda`).

use crate::config::parameter::kinds::{Bool, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Whether virtual(8) makes the file maildirsize in a maildir that has none.
    virtual_create_maildirsize: Bool = "yes";
    /// Whether only the inbox of a maildir counts for its quota, not its folders.
    virtual_mailbox_limit_inbox: Bool = "no";
    /// Tables of quotas by recipient, in bytes: 0 is no limit, others have virtual_mailbox_limit.
    virtual_mailbox_limit_maps: Text = "";
    /// Whether a quota may be smaller than message_size_limit.
    virtual_mailbox_limit_override: Bool = "no";
    /// Whether virtual(8) keeps the file maildirsize and puts `,S=size` into file names, as in Maildir++.
    virtual_maildir_extended: Bool = "no";
    /// Whether the file maildirfilter of a maildir decides what becomes of a message.
    virtual_maildir_filter: Bool = "no";
    /// Tables of the text of such a file, by recipient; they take its place.
    virtual_maildir_filter_maps: Text = "";
    /// What the sender hears when a maildir is full.
    virtual_maildir_limit_message: Text = "Sorry, the user's maildir has overdrawn his diskspace quota, please try again later.", Limits::at_least(1);
    /// As virtual_maildir_limit_message, by recipient.
    virtual_maildir_limit_message_maps: Text = "";
    /// What stands behind the path of each maildir, such as `Maildir/`.
    virtual_maildir_suffix: Text = "";
    /// Whether mail for a full maildir is returned at once.
    virtual_overquota_bounce: Bool = "no";
    /// Whether the trash counts for the quota.
    virtual_trash_count: Bool = "no";
    /// The folder that is the trash.
    virtual_trash_name: Text = ".Trash", Limits::at_least(1);
}
