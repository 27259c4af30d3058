//! Parameters of virtual(8).

use crate::config::parameter::kinds::{Bool, Int, Long, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    mail_spool_directory: Text = "/var/spool/mail";
    strict_mailbox_ownership: Bool = "yes";
    virtual_alias_address_length_limit: Int = "1000", Limits::at_least(1);
    virtual_alias_domains: Text = "$virtual_alias_maps";
    virtual_alias_expansion_limit: Int = "1000", Limits::at_least(1);
    virtual_alias_maps: Text = "$virtual_maps";
    virtual_alias_recursion_limit: Int = "1000", Limits::at_least(1);
    virtual_delivery_status_filter: Text = "$default_delivery_status_filter";
    virtual_gid_maps: Text = "";
    virtual_mailbox_base: Text = "", Limits::at_least(1);
    virtual_mailbox_domains: Text = "$virtual_mailbox_maps";
    virtual_mailbox_limit: Long = "51200000";
    virtual_mailbox_lock: Text = "fcntl, dotlock", Limits::at_least(1);
    virtual_mailbox_maps: Text = "";
    virtual_minimum_uid: Int = "100", Limits::at_least(1);
    virtual_transport: Text = "virtual", Limits::at_least(1);
    virtual_uid_maps: Text = "";
}
