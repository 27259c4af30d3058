//! Parameters of Milter (mail filter) clients.

use crate::config::parameter::kinds::{Text, Time};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// How long a milter may take for an SMTP command.
    milter_command_timeout: Time = "30s", Limits::at_least(1);
    /// Macros that a milter gets with the connection.
    milter_connect_macros: Text = "j {daemon_name} {daemon_addr} v _";
    /// How long connecting to a milter may take.
    milter_connect_timeout: Time = "30s", Limits::at_least(1);
    /// How long a milter may take for a message's content.
    milter_content_timeout: Time = "300s", Limits::at_least(1);
    /// Macros that a milter gets with DATA.
    milter_data_macros: Text = "i";
    /// What happens when a milter is away or makes mistakes: `accept`, `reject`, `tempfail`, `quarantine` or `shutdown`.
    milter_default_action: Text = "shutdown", Limits::at_least(1);
    /// Macros that a milter gets at the end of a message.
    milter_end_of_data_macros: Text = "i";
    /// Macros that a milter gets at the end of the headers.
    milter_end_of_header_macros: Text = "i";
    /// Tables of patterns for headers that milters add.
    milter_header_checks: Text = "";
    /// Macros that a milter gets with HELO or EHLO.
    milter_helo_macros: Text = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}";
    /// The value of the macro `{daemon_name}`.
    milter_macro_daemon_name: Text = "$myhostname", Limits::at_least(1);
    /// Macros with values of your own, as name=value.
    milter_macro_defaults: Text = "";
    /// The value of the macro `{v}`.
    milter_macro_v: Text = "$mail_name $mail_version", Limits::at_least(1);
    /// Macros that a milter gets with MAIL FROM.
    milter_mail_macros: Text = "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}";
    /// The version of the milter protocol, and extensions of it.
    milter_protocol: Text = "6", Limits::at_least(1);
    /// Macros that a milter gets with RCPT TO.
    milter_rcpt_macros: Text = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}";
    /// Macros that a milter gets with an unknown command.
    milter_unknown_command_macros: Text = "";
}
