//! Parameters of qmgr(8), scheduling and the queue.

use crate::config::parameter::kinds::{Bool, Int, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// After how long a bounce that cannot be delivered is given up; at most maximal_queue_lifetime.
    bounce_queue_lifetime: Time = "5d", Limits::range(0, 8640000);
    /// Whether a sender who was warned of a delay hears when it is over.
    confirm_delay_cleared: Bool = "no";
    /// How many recipients of a large message earn one turn for a smaller one to go first.
    default_delivery_slot_cost: Int = "5";
    /// By how many per cent such turns may be taken before they are earned.
    default_delivery_slot_discount: Int = "50", Limits::range(0, 100);
    /// How many such turns may be taken before they are earned.
    default_delivery_slot_loan: Int = "3";
    /// How many full rounds of failures make a destination count as dead; 0 means never.
    default_destination_concurrency_failed_cohort_limit: Int = "1";
    /// How many deliveries to one destination run at a time.
    default_destination_concurrency_limit: Int = "20";
    /// By how much the concurrency shrinks after a failure.
    default_destination_concurrency_negative_feedback: Text = "1", Limits::at_least(1);
    /// By how much the concurrency grows after a success.
    default_destination_concurrency_positive_feedback: Text = "1", Limits::at_least(1);
    /// The pause between two deliveries to one destination.
    default_destination_rate_delay: Time = "0s";
    /// How many recipients one delivery has.
    default_destination_recipient_limit: Int = "50";
    /// How many recipients beyond the limit preempting messages may bring, all together.
    default_extra_recipient_limit: Int = "1000";
    /// The next hop of a content_filter that names none; empty means the recipient's domain.
    default_filter_nexthop: Text = "";
    /// How many deliveries a message must need for others to go before it.
    default_minimum_delivery_slots: Int = "3";
    /// How many recipients of one transport are in memory at a time.
    default_recipient_limit: Int = "20000";
    /// After how long more recipients of a large message are read, at the latest.
    default_recipient_refill_delay: Time = "5s", Limits::at_least(1);
    /// How many recipients are read at a time.
    default_recipient_refill_limit: Int = "100", Limits::at_least(1);
    /// The pause between two deliveries by one transport.
    default_transport_rate_delay: Time = "0s";
    /// Transports whose mail waits until sendmail -q or postqueue -f.
    defer_transports: Text = "";
    /// Whether each change of a concurrency is logged.
    destination_concurrency_feedback_debug: Bool = "no";
    /// Whether bounces of VERP mail go to the sender without a suffix.
    disable_verp_bounces: Bool = "no";
    /// How many deliveries to a new destination run at a time.
    initial_destination_concurrency: Int = "5", Limits::at_least(1);
    /// The longest pause between two attempts for a message.
    maximal_backoff_time: Time = "4000s", Limits::at_least(1);
    /// After how long mail that cannot be delivered is returned; 0 means after one attempt.
    maximal_queue_lifetime: Time = "5d", Limits::range(0, 8640000);
    /// The shortest pause between two attempts for a message, and for an unreachable destination.
    minimal_backoff_time: Time = "300s", Limits::at_least(1);
    /// How often at most a destination that clogs the queue is warned about; 0 means never.
    qmgr_clog_warn_time: Time = "300s";
    /// How long one step of qmgr(8) may take.
    qmgr_daemon_timeout: Time = "1000s", Limits::at_least(1);
    /// Without effect.
    qmgr_fudge_factor: Int = "100", Limits::range(10, 100);
    /// How long qmgr(8) waits for other processes.
    qmgr_ipc_timeout: Time = "60s", Limits::at_least(1);
    /// How many messages are under delivery at a time.
    qmgr_message_active_limit: Int = "20000", Limits::at_least(1);
    /// How many recipients are under delivery at a time.
    qmgr_message_recipient_limit: Int = "20000", Limits::at_least(1);
    /// How many recipients of each message are under delivery at least.
    qmgr_message_recipient_minimum: Int = "10", Limits::at_least(1);
    /// How often the deferred mail is looked through.
    queue_run_delay: Time = "300s", Limits::at_least(1);
    /// After how long a broken transport is tried again.
    transport_retry_time: Time = "60s", Limits::at_least(1);
    /// Whom reports about TLS can be discussed with, as they say; postfix-rs only.
    tlsrpt_contact_info: Text = "postmaster@$mydomain";
    /// By which name reports about TLS call us; postfix-rs only.
    tlsrpt_organization_name: Text = "$mydomain";
    /// Over how long a time after the end of a day reports about TLS are spread; postfix-rs only.
    tlsrpt_report_delay: Time = "4h";
    /// What time one report about TLS covers: a day of UTC, as RFC 8460 has it; postfix-rs only.
    tlsrpt_report_interval: Time = "1d", Limits::at_least(1);
    /// The sender of reports about TLS; postfix-rs only.
    tlsrpt_report_sender: Text = "postmaster@$mydomain";
}
