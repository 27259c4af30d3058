"""A value that does not fit in one service: that service is silent and master throttles it, the others work."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from odd import *


def run(t):
    each(t, ("number", "", option("-o smtpd_recipient_limit=many")), ("range", "", option("-o smtpd_recipient_limit=0")), ("time", "", option("-o smtpd_timeout=soon")), ("what all programs read", "", option("-o soft_bounce=perhaps")),
         ("nothing protects the relay", "", option("-o smtpd_recipient_restrictions=permit_mynetworks -o smtpd_relay_restrictions=")), ("class without definition", "", option("-o smtpd_restriction_classes=nodef")))
