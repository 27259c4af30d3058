"""Nobody stands behind postscreen: clients that pass are told to come again, with or without the first half of a greeting."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"smtpd_service_name": "nobody"}, {"smtpd_service_name": "nobody", "postscreen_greet_banner": ""}, {"smtpd_service_name": "nobody", "postscreen_access_list": "static:permit"})
    t.start()
    talk(t, P[0], A[0], "EHLO x", title="after a teaser"); talk(t, P[0], A[1], "QUIT", title="QUIT"); heard(t)
    talk(t, P[0], A[0], title="known"); talk(t, P[1], A[0], title="no teaser"); talk(t, P[2], A[0], title="allowlisted"); heard(t)
