//! Parameters of cleanup(8).

use crate::config::parameter::kinds::{Bool, Int, Text};
use crate::config::parameter::{Limits, Parameter, parameters};

parameters! {
    /// Whether From, To, Date and Message-ID are added to mail from everywhere, not only from local clients.
    always_add_missing_headers: Bool = "no";
    /// An address that gets a copy of every message.
    always_bcc: Text = "";
    /// Tables of patterns that are applied to each line of a body, see header_checks(5).
    body_checks: Text = "";
    /// How many bytes of each body part body_checks looks at.
    body_checks_size_limit: Int = "51200";
    /// Which addresses canonical_maps rewrites.
    canonical_classes: Text = "envelope_sender, envelope_recipient, header_sender, header_recipient", Limits::at_least(1);
    /// Whether a CR or LF by itself in a message becomes a space.
    cleanup_replace_stray_cr_lf: Bool = "yes";
    /// Whether a message is known to be 8-bit by its Content-Transfer-Encoding headers.
    detect_8bit_encoding_header: Bool = "yes";
    /// Whether 8-bit mail becomes quoted-printable as it comes in.
    force_mime_input_conversion: Bool = "no";
    /// The character set in which sendmail(1) encodes a full name that is not ASCII.
    full_name_encoding_charset: Text = "utf-8", Limits::at_least(1);
    /// Tables of patterns that are applied to primary headers, see header_checks(5).
    header_checks: Text = "";
    /// How many Received headers a message may have before it is taken for a loop.
    hopcount_limit: Int = "50", Limits::at_least(1);
    /// Which addresses masquerade_domains applies to.
    masquerade_classes: Text = "envelope_sender, header_sender, header_recipient";
    /// Domains below which the names of hosts are cut off: host.example.com becomes example.com.
    masquerade_domains: Text = "";
    /// User names that are never masqueraded.
    masquerade_exceptions: Text = "";
    /// Characters whose presence in a message refuses it, with C escapes.
    message_reject_characters: Text = "";
    /// Characters that are removed from messages, with C escapes.
    message_strip_characters: Text = "";
    /// Tables of patterns for the MIME headers of parts.
    mime_header_checks: Text = "$header_checks";
    /// Tables of patterns for the headers of attached messages.
    nested_header_checks: Text = "$header_checks";
    /// What happens to a body that begins without an empty line: `fix_quietly`, `add_header` or `reject`.
    non_empty_end_of_header_action: Text = "fix_quietly", Limits::at_least(1);
    /// Milters for mail that does not come through smtpd(8).
    non_smtpd_milters: Text = "";
    /// How many named attributes a message may carry.
    queue_file_attribute_count_limit: Int = "100", Limits::at_least(1);
    /// Tables that give a recipient's address a blind copy.
    recipient_bcc_maps: Text = "";
    /// Which addresses recipient_canonical_maps rewrites.
    recipient_canonical_classes: Text = "envelope_recipient, header_recipient", Limits::at_least(1);
    /// Tables that give a sender's mail a blind copy.
    sender_bcc_maps: Text = "";
    /// Which addresses sender_canonical_maps rewrites.
    sender_canonical_classes: Text = "envelope_sender, header_sender", Limits::at_least(1);
    /// The header that is added when a message names no recipient; empty adds none.
    undisclosed_recipients_header: Text = "";
}
