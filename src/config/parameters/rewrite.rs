//! Parameters of trivial-rewrite(8) and address resolution.

use crate::config::parameter::kinds::{Bool, NBool, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    allow_min_user: Bool = "no";
    allow_percent_hack: Bool = "yes";
    append_at_myorigin: Bool = "yes";
    append_dot_mydomain: NBool = "${{$compatibility_level} <level {1} ? {yes} : {no}}";
    default_transport: Text = "smtp", Limits::at_least(1);
    empty_address_default_transport_maps_lookup_key: Text = "<>", Limits::at_least(1);
    empty_address_recipient: Text = "MAILER-DAEMON", Limits::at_least(1);
    empty_address_relayhost_maps_lookup_key: Text = "<>", Limits::at_least(1);
    relay_transport: Text = "relay", Limits::at_least(1);
    relocated_prefix_enable: NBool = "yes";
    remote_header_rewrite_domain: Text = "";
    resolve_dequoted_address: Bool = "yes";
    resolve_null_domain: Bool = "no";
    resolve_numeric_domain: Bool = "no";
    sender_dependent_default_transport_maps: Text = "";
    sender_dependent_relayhost_maps: Text = "";
    show_user_unknown_table_name: Bool = "yes";
    swap_bangpath: Bool = "yes";
}
