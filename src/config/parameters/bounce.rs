//! Parameters of bounce(8) and delivery status notices.

use crate::config::parameter::kinds::{Int, NBool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Who gets notices that could not be returned to the sender (notify_classes: 2bounce).
    double_bounce_notice_recipient as "2bounce_notice_recipient": Text = "postmaster", Limits::at_least(1);
    /// Who gets copies of bounces (notify_classes: bounce).
    bounce_notice_recipient: Text = "postmaster", Limits::at_least(1);
    /// How much of the original message a bounce carries, in bytes; beyond it only the headers.
    bounce_size_limit: Int = "50000", Limits::at_least(1);
    /// A file with texts for bounces in place of the built-in ones, see bounce(5).
    bounce_template_file: Text = "";
    /// Who gets copies of delay warnings (notify_classes: delay).
    delay_notice_recipient: Text = "postmaster", Limits::at_least(1);
    /// After how long the sender is warned that mail is late; 0 means never.
    delay_warning_time: Time = "0h";
    /// Whether notices refer to the original message, so that mail programs show them together.
    enable_threaded_bounces: NBool = "no";
    /// Whether a notice about REQUIRETLS mail leaves out the original's content.
    requiretls_redact_dsn: NBool = "yes";
}
