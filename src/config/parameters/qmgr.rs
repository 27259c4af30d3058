//! Parameters of qmgr(8), scheduling and the queue.

use crate::config::parameter::kinds::{Bool, Int, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    bounce_queue_lifetime: Time = "5d", Limits::range(0, 8640000);
    confirm_delay_cleared: Bool = "no";
    default_delivery_slot_cost: Int = "5";
    default_delivery_slot_discount: Int = "50", Limits::range(0, 100);
    default_delivery_slot_loan: Int = "3";
    default_destination_concurrency_failed_cohort_limit: Int = "1";
    default_destination_concurrency_limit: Int = "20";
    default_destination_concurrency_negative_feedback: Text = "1", Limits::at_least(1);
    default_destination_concurrency_positive_feedback: Text = "1", Limits::at_least(1);
    default_destination_rate_delay: Time = "0s";
    default_destination_recipient_limit: Int = "50";
    default_extra_recipient_limit: Int = "1000";
    default_filter_nexthop: Text = "";
    default_minimum_delivery_slots: Int = "3";
    default_recipient_limit: Int = "20000";
    default_recipient_refill_delay: Time = "5s", Limits::at_least(1);
    default_recipient_refill_limit: Int = "100", Limits::at_least(1);
    default_transport_rate_delay: Time = "0s";
    defer_transports: Text = "";
    destination_concurrency_feedback_debug: Bool = "no";
    disable_verp_bounces: Bool = "no";
    initial_destination_concurrency: Int = "5", Limits::at_least(1);
    maximal_backoff_time: Time = "4000s", Limits::at_least(1);
    maximal_queue_lifetime: Time = "5d", Limits::range(0, 8640000);
    minimal_backoff_time: Time = "300s", Limits::at_least(1);
    qmgr_clog_warn_time: Time = "300s";
    qmgr_daemon_timeout: Time = "1000s", Limits::at_least(1);
    qmgr_fudge_factor: Int = "100", Limits::range(10, 100);
    qmgr_ipc_timeout: Time = "60s", Limits::at_least(1);
    qmgr_message_active_limit: Int = "20000", Limits::at_least(1);
    qmgr_message_recipient_limit: Int = "20000", Limits::at_least(1);
    qmgr_message_recipient_minimum: Int = "10", Limits::at_least(1);
    queue_run_delay: Time = "300s", Limits::at_least(1);
    transport_retry_time: Time = "60s", Limits::at_least(1);
}
