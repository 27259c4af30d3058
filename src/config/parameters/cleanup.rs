//! Parameters of cleanup(8).

use crate::config::parameter::kinds::{Bool, Int, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    always_add_missing_headers: Bool = "no";
    always_bcc: Text = "";
    body_checks: Text = "";
    body_checks_size_limit: Int = "51200";
    canonical_classes: Text = "envelope_sender, envelope_recipient, header_sender, header_recipient", Limits::at_least(1);
    cleanup_replace_stray_cr_lf: Bool = "yes";
    detect_8bit_encoding_header: Bool = "yes";
    force_mime_input_conversion: Bool = "no";
    full_name_encoding_charset: Text = "utf-8", Limits::at_least(1);
    header_checks: Text = "";
    hopcount_limit: Int = "50", Limits::at_least(1);
    masquerade_classes: Text = "envelope_sender, header_sender, header_recipient";
    masquerade_domains: Text = "";
    masquerade_exceptions: Text = "";
    message_reject_characters: Text = "";
    message_strip_characters: Text = "";
    mime_header_checks: Text = "$header_checks";
    nested_header_checks: Text = "$header_checks";
    non_empty_end_of_header_action: Text = "fix_quietly", Limits::at_least(1);
    non_smtpd_milters: Text = "";
    queue_file_attribute_count_limit: Int = "100", Limits::at_least(1);
    recipient_bcc_maps: Text = "";
    recipient_canonical_classes: Text = "envelope_recipient, header_recipient", Limits::at_least(1);
    sender_bcc_maps: Text = "";
    sender_canonical_classes: Text = "envelope_sender, header_sender", Limits::at_least(1);
    undisclosed_recipients_header: Text = "";
}
