"""Tables that are not there, and types that nobody knows: where they are asked, where they are not."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from odd import *


def run(t):
    each(t, ("not asked", "smtp_generic_maps = nosuch:/x\nvirtual_mailbox_maps = hash:/nonexistent\nfallback_transport_maps = nosuch:/x", ""), ("client access", "smtpd_client_restrictions = check_client_access nosuch:/x", ""),
         ("header checks", "header_checks = regexp:/nonexistent", ""), ("type of a list", "relay_domains = nosuch:/x\nmynetworks = 127.0.0.0/8", ""),
         drop=(r"open |unsupported dictionary|is unavailable|table lookup problem|lookup failure|lookup error",))  # how often depends on how many processes there are
