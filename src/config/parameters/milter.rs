//! Parameters of Milter (mail filter) clients.

use crate::config::parameter::kinds::{Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    milter_command_timeout: Time = "30s", Limits::at_least(1);
    milter_connect_macros: Text = "j {daemon_name} {daemon_addr} v _";
    milter_connect_timeout: Time = "30s", Limits::at_least(1);
    milter_content_timeout: Time = "300s", Limits::at_least(1);
    milter_data_macros: Text = "i";
    milter_default_action: Text = "shutdown", Limits::at_least(1);
    milter_end_of_data_macros: Text = "i";
    milter_end_of_header_macros: Text = "i";
    milter_header_checks: Text = "";
    milter_helo_macros: Text = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}";
    milter_macro_daemon_name: Text = "$myhostname", Limits::at_least(1);
    milter_macro_defaults: Text = "";
    milter_macro_v: Text = "$mail_name $mail_version", Limits::at_least(1);
    milter_mail_macros: Text = "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}";
    milter_protocol: Text = "6", Limits::at_least(1);
    milter_rcpt_macros: Text = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}";
    milter_unknown_command_macros: Text = "";
}
