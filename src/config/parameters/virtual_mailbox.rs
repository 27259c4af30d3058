//! Parameters of virtual(8).

use crate::config::parameter::kinds::{Bool, Int, Long, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Where mailboxes of local users are; with a slash at the end they are maildirs.
    mail_spool_directory: Text = "/var/spool/mail";
    /// Whether mail waits when a mailbox does not belong to its user.
    strict_mailbox_ownership: Bool = "yes";
    /// How long an address may become through virtual_alias_maps.
    virtual_alias_address_length_limit: Int = "1000", Limits::at_least(1);
    /// Domains whose addresses are all listed in virtual_alias_maps.
    virtual_alias_domains: Text = "$virtual_alias_maps";
    /// How many addresses one recipient may become.
    virtual_alias_expansion_limit: Int = "1000", Limits::at_least(1);
    /// Tables that redirect addresses to others, see virtual(5).
    virtual_alias_maps: Text = "$virtual_maps";
    /// How often a result is looked up again.
    virtual_alias_recursion_limit: Int = "1000", Limits::at_least(1);
    /// Changes the outcome of deliveries by virtual(8), see default_delivery_status_filter.
    virtual_delivery_status_filter: Text = "$default_delivery_status_filter";
    /// Tables of group IDs by recipient, for virtual(8).
    virtual_gid_maps: Text = "";
    /// The folder that all virtual mailboxes are below.
    virtual_mailbox_base: Text = "", Limits::at_least(1);
    /// Domains whose mailboxes are delivered by virtual_transport.
    virtual_mailbox_domains: Text = "$virtual_mailbox_maps";
    /// The largest mailbox or maildir file, in bytes; 0 means no limit.
    virtual_mailbox_limit: Long = "51200000";
    /// How virtual(8) locks a mailbox, in order.
    virtual_mailbox_lock: Text = "fcntl, dotlock", Limits::at_least(1);
    /// Tables of mailboxes by recipient; with a slash at the end they are maildirs.
    virtual_mailbox_maps: Text = "";
    /// The lowest user ID that virtual_uid_maps may give.
    virtual_minimum_uid: Int = "100", Limits::at_least(1);
    /// The transport for virtual_mailbox_domains.
    virtual_transport: Text = "virtual", Limits::at_least(1);
    /// Tables of user IDs by recipient, for virtual(8).
    virtual_uid_maps: Text = "";
}
