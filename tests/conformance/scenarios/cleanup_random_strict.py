"""Messages with random parts where what is malformed is refused: nesting, boundaries and size limits that are small."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import parts


def run(t):
    parts.through(t, 5, strict_mime_encoding_domain="yes", strict_8bitmime_body="yes", strict_7bit_headers="yes", mime_nesting_limit="2",
                  mime_boundary_length_limit="2", body_checks_size_limit="120", enable_original_recipient="no", undisclosed_recipients_header="To: nobody:;")
