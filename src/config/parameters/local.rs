//! Parameters of local(8).

use crate::config::parameter::kinds::{Bool, Int, Long, Raw, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// From where mail to `|command` is allowed: alias, forward, include.
    allow_mail_to_commands: Text = "alias, forward";
    /// From where mail to `/file` is allowed: alias, forward, include.
    allow_mail_to_files: Text = "alias, forward";
    /// Whether users who asked for it are told about new mail at once.
    biff: Bool = "yes";
    /// The folder in which local(8) runs commands of users.
    command_execution_directory: Raw = "";
    /// Characters that may be put into the arguments of mailbox_command; others become `_`.
    command_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    /// Characters that may be put into command_execution_directory; others become `_`.
    execution_directory_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    /// Whether the envelope sender becomes what `owner-name` stands for, rather than that name itself.
    expand_owner_alias: Bool = "no";
    /// Where local(8) hands mail for names that are not in the UNIX password database.
    fallback_transport: Text = "";
    /// As fallback_transport, by recipient.
    fallback_transport_maps: Text = "";
    /// Characters that may be put into forward_path; others become `_`.
    forward_expansion_filter: Text = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", Limits::at_least(1);
    /// Where local(8) looks for a user's .forward file; the first one found counts.
    forward_path: Raw = "$home/.forward${recipient_delimiter}${extension}, $home/.forward";
    /// Whether Delivered-To is settled once per message, before aliases are expanded.
    frozen_delivered_to: Bool = "yes";
    /// A mailbox below the user's home; with a slash at the end it is a maildir.
    home_mailbox: Text = "";
    /// A shell for commands of users in place of /bin/sh.
    local_command_shell: Text = "";
    /// Changes the outcome of deliveries by local(8), see default_delivery_status_filter.
    local_delivery_status_filter: Text = "$default_delivery_status_filter";
    /// How many deliveries to one local recipient run at a time.
    local_destination_concurrency_limit: Int = "2";
    /// How many recipients one local delivery has.
    local_destination_recipient_limit: Int = "1";
    /// Clients whose headers are completed with our domain.
    local_header_rewrite_clients: Text = "permit_inet_interfaces";
    /// Which sender addresses a login may use with sendmail(1) and postdrop(1).
    local_login_sender_maps: Text = "static:*";
    /// All valid local names; empty accepts every one.
    local_recipient_maps: Text = "proxy:unix:passwd.byname $alias_maps";
    /// The transport for mydestination and for our own addresses.
    local_transport: Text = "local:$myhostname", Limits::at_least(1);
    /// Who gets mail for local names that do not exist; local_recipient_maps must then be empty.
    luser_relay: Raw = "";
    /// A command that local(8) runs to deliver to a user.
    mailbox_command: Raw = "";
    /// As mailbox_command, by user.
    mailbox_command_maps: Text = "";
    /// How local(8) locks a mailbox, in order.
    mailbox_delivery_lock: Text = "flock, dotlock", Limits::at_least(1);
    /// The largest mailbox or maildir file, in bytes; 0 means no limit.
    mailbox_size_limit: Long = "51200000";
    /// Where local(8) hands mail for all users after aliases and .forward.
    mailbox_transport: Text = "";
    /// As mailbox_transport, by recipient.
    mailbox_transport_maps: Text = "";
    /// For which deliveries local(8) adds Delivered-To.
    prepend_delivered_header: Text = "command, file, forward";
    /// Whether mail waits while the home of a user is missing.
    require_home_directory: Bool = "no";
    /// Whether local(8) forgets the owner-alias when an alias without one follows.
    reset_owner_alias: Bool = "no";
    /// Without effect; use mailbox_delivery_lock.
    sun_mailtool_compatibility: Bool = "no";
}
