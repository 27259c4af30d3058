//! Parameters of local(8).

use crate::config::parameter::kinds::{Bool, Int, Long, Raw, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    allow_mail_to_commands: Text = "alias, forward";
    allow_mail_to_files: Text = "alias, forward";
    biff: Bool = "yes";
    command_execution_directory: Raw = "";
    command_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    execution_directory_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    expand_owner_alias: Bool = "no";
    fallback_transport: Text = "";
    fallback_transport_maps: Text = "";
    forward_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    forward_path: Raw = "$home/.forward${recipient_delimiter}${extension}, $home/.forward";
    frozen_delivered_to: Bool = "yes";
    home_mailbox: Text = "";
    local_command_shell: Text = "";
    local_delivery_status_filter: Text = "$default_delivery_status_filter";
    local_destination_concurrency_limit: Int = "2";
    local_destination_recipient_limit: Int = "1";
    local_header_rewrite_clients: Text = "permit_inet_interfaces";
    local_login_sender_maps: Text = "static:*";
    local_recipient_maps: Text = "proxy:unix:passwd.byname $alias_maps";
    local_transport: Text = "local:$myhostname", Limits::at_least(1);
    luser_relay: Raw = "";
    mailbox_command: Raw = "";
    mailbox_command_maps: Text = "";
    mailbox_delivery_lock: Text = "flock, dotlock", Limits::at_least(1);
    mailbox_size_limit: Long = "51200000";
    mailbox_transport: Text = "";
    mailbox_transport_maps: Text = "";
    prepend_delivered_header: Text = "command, file, forward";
    require_home_directory: Bool = "no";
    reset_owner_alias: Bool = "no";
    sun_mailtool_compatibility: Bool = "no";
}
