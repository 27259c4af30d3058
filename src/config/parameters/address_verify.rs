//! Parameters of address verification, verify(8).

use crate::config::parameter::kinds::{Bool, Int, NInt, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    address_verify_cache_cleanup_interval: Time = "12h";
    address_verify_default_transport: Text = "$default_transport", Limits::at_least(1);
    address_verify_local_transport: Text = "$local_transport", Limits::at_least(1);
    address_verify_map: Text = "$default_cache_db_type:$data_directory/verify_cache";
    address_verify_negative_cache: Bool = "yes";
    address_verify_negative_expire_time: Time = "3d", Limits::at_least(1);
    address_verify_negative_refresh_time: Time = "3h", Limits::at_least(1);
    address_verify_pending_request_limit: Int = "5000", Limits::at_least(1);
    address_verify_poll_count: NInt = "${stress?{1}:{3}}", Limits::at_least(1);
    address_verify_poll_delay: Time = "3s", Limits::at_least(1);
    address_verify_positive_expire_time: Time = "31d", Limits::at_least(1);
    address_verify_positive_refresh_time: Time = "7d", Limits::at_least(1);
    address_verify_relay_transport: Text = "$relay_transport", Limits::at_least(1);
    address_verify_relayhost: Text = "$relayhost";
    address_verify_sender: Text = "$double_bounce_sender";
    address_verify_sender_dependent_default_transport_maps: Text = "$sender_dependent_default_transport_maps";
    address_verify_sender_dependent_relayhost_maps: Text = "$sender_dependent_relayhost_maps";
    address_verify_sender_ttl: Time = "0s";
    address_verify_service_name: Text = "verify", Limits::at_least(1);
    address_verify_transport_maps: Text = "$transport_maps";
    address_verify_virtual_transport: Text = "$virtual_transport", Limits::at_least(1);
    unverified_recipient_defer_code: Int = "450", Limits::range(200, 499);
    unverified_recipient_reject_code: Int = "450", Limits::range(200, 599);
    unverified_recipient_reject_reason: Text = "";
    unverified_recipient_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
    unverified_sender_defer_code: Int = "450", Limits::range(200, 499);
    unverified_sender_reject_code: Int = "450", Limits::range(200, 599);
    unverified_sender_reject_reason: Text = "";
    unverified_sender_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
}
