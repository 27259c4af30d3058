//! Parameters of bounce(8) and delivery status notices.

use crate::config::parameter::kinds::{Int, NBool, Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    double_bounce_notice_recipient as "2bounce_notice_recipient": Text = "postmaster", Limits::at_least(1);
    bounce_notice_recipient: Text = "postmaster", Limits::at_least(1);
    bounce_size_limit: Int = "50000", Limits::at_least(1);
    bounce_template_file: Text = "";
    delay_notice_recipient: Text = "postmaster", Limits::at_least(1);
    delay_warning_time: Time = "0h";
    enable_threaded_bounces: NBool = "no";
    requiretls_redact_dsn: NBool = "yes";
}
