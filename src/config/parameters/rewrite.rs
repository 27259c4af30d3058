//! Parameters of trivial-rewrite(8) and address resolution.

use crate::config::parameter::kinds::{Bool, NBool, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Whether a recipient may begin with `-`.
    allow_min_user: Bool = "no";
    /// Whether user%domain means user@domain.
    allow_percent_hack: Bool = "yes";
    /// Whether addresses without a domain get myorigin.
    append_at_myorigin: Bool = "yes";
    /// Whether domains without a dot get mydomain.
    append_dot_mydomain: NBool = "${{$compatibility_level} <level {1} ? {yes} : {no}}";
    /// The transport for all domains that are not ours, with a next hop if wanted.
    default_transport: Text = "smtp", Limits::at_least(1);
    /// What is looked up in sender_dependent_default_transport_maps for the empty sender.
    empty_address_default_transport_maps_lookup_key: Text = "<>", Limits::at_least(1);
    /// Who gets mail that is addressed to nobody.
    empty_address_recipient: Text = "MAILER-DAEMON", Limits::at_least(1);
    /// What is looked up in sender_dependent_relayhost_maps for the empty sender.
    empty_address_relayhost_maps_lookup_key: Text = "<>", Limits::at_least(1);
    /// The transport for relay_domains.
    relay_transport: Text = "relay", Limits::at_least(1);
    /// Whether results of relocated_maps are preceded by `5.1.6 User has moved to`.
    relocated_prefix_enable: NBool = "yes";
    /// The domain for incomplete addresses in headers of strangers' mail; empty leaves them alone.
    remote_header_rewrite_domain: Text = "";
    /// Whether user names are looked at without their quotes for routing.
    resolve_dequoted_address: Bool = "yes";
    /// Whether an address that ends in `@` alone is local.
    resolve_null_domain: Bool = "no";
    /// Whether `user@1.2.3.4` means `user@[1.2.3.4]`.
    resolve_numeric_domain: Bool = "no";
    /// Tables that override default_transport by sender.
    sender_dependent_default_transport_maps: Text = "";
    /// Tables that override relayhost by sender.
    sender_dependent_relayhost_maps: Text = "";
    /// Whether "User unknown in ..." names the table that was asked.
    show_user_unknown_table_name: Bool = "yes";
    /// Whether site!user means user@site.
    swap_bangpath: Bool = "yes";
}
