//! Parameters of address verification, verify(8).

use crate::config::parameter::kinds::{Bool, Int, NInt, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// How often expired results are removed from the verification cache; 0 means never.
    address_verify_cache_cleanup_interval: Time = "12h";
    /// Overrides default_transport for verification probes.
    address_verify_default_transport: Text = "$default_transport", Limits::at_least(1);
    /// Overrides local_transport for verification probes.
    address_verify_local_transport: Text = "$local_transport", Limits::at_least(1);
    /// The table that keeps verification results across restarts; empty keeps them in memory.
    address_verify_map: Text = "$default_cache_db_type:$data_directory/verify_cache";
    /// Whether failed probes are remembered as well.
    address_verify_negative_cache: Bool = "yes";
    /// After how long a failed result is forgotten.
    address_verify_negative_expire_time: Time = "3d", Limits::at_least(1);
    /// After how long a failed result is probed anew.
    address_verify_negative_refresh_time: Time = "3h", Limits::at_least(1);
    /// How many probes may wait at a time.
    address_verify_pending_request_limit: Int = "5000", Limits::at_least(1);
    /// How often smtpd(8) asks for the result of a probe before it gives up for now.
    address_verify_poll_count: NInt = "${stress?{1}:{3}}", Limits::at_least(1);
    /// How long smtpd(8) waits between two questions for a result.
    address_verify_poll_delay: Time = "3s", Limits::at_least(1);
    /// After how long a good result is forgotten.
    address_verify_positive_expire_time: Time = "31d", Limits::at_least(1);
    /// After how long a good result is probed anew.
    address_verify_positive_refresh_time: Time = "7d", Limits::at_least(1);
    /// Overrides relay_transport for verification probes.
    address_verify_relay_transport: Text = "$relay_transport", Limits::at_least(1);
    /// Overrides relayhost for verification probes.
    address_verify_relayhost: Text = "$relayhost";
    /// The sender of verification probes; empty or `<>` is the null sender.
    address_verify_sender: Text = "$double_bounce_sender";
    /// Overrides sender_dependent_default_transport_maps for verification probes.
    address_verify_sender_dependent_default_transport_maps: Text = "$sender_dependent_default_transport_maps";
    /// Overrides sender_dependent_relayhost_maps for verification probes.
    address_verify_sender_dependent_relayhost_maps: Text = "$sender_dependent_relayhost_maps";
    /// How often the probe's sender address changes; 0 keeps one address.
    address_verify_sender_ttl: Time = "0s";
    /// The name of the verify(8) service in master.cf.
    address_verify_service_name: Text = "verify", Limits::at_least(1);
    /// Overrides transport_maps for verification probes.
    address_verify_transport_maps: Text = "$transport_maps";
    /// Overrides virtual_transport for verification probes.
    address_verify_virtual_transport: Text = "$virtual_transport", Limits::at_least(1);
    /// The reply code while a recipient's probe has no result yet.
    unverified_recipient_defer_code: Int = "450", Limits::range(200, 499);
    /// The reply code for a recipient whose probe failed, under reject_unverified_recipient.
    unverified_recipient_reject_code: Int = "450", Limits::range(200, 599);
    /// Text that replaces the probe's own reason in replies about recipients.
    unverified_recipient_reject_reason: Text = "";
    /// What reject_unverified_recipient does when a probe fails for now.
    unverified_recipient_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
    /// The reply code while a sender's probe has no result yet.
    unverified_sender_defer_code: Int = "450", Limits::range(200, 499);
    /// The reply code for a sender whose probe failed, under reject_unverified_sender.
    unverified_sender_reject_code: Int = "450", Limits::range(200, 599);
    /// Text that replaces the probe's own reason in replies about senders.
    unverified_sender_reject_reason: Text = "";
    /// What reject_unverified_sender does when a probe fails for now.
    unverified_sender_tempfail_action: Text = "$reject_tempfail_action", Limits::at_least(1);
}
