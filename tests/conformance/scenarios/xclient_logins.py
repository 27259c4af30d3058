"""XCLIENT LOGIN alone, beside other attributes, before and behind mistakes, once more, and taken back: who is logged in then."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_authorized_xclient_hosts=STRANGER, smtpd_hard_error_limit="1000", smtpd_sasl_auth_enable="no"); t.start()
    m = ("MAIL FROM:<a@z.example>", "RCPT TO:<u@far.example>", "RCPT TO:<alice@example.test>")
    for c in (["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", *m], ["EHLO a", "XCLIENT LOGIN=joe", *m], ["EHLO a", "XCLIENT LOGIN=joe NAME=x", "EHLO b", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "XCLIENT NAME=y", "EHLO c", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "XCLIENT NAME=y", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "XCLIENT FOO=y", *m],
              ["EHLO a", "XCLIENT LOGIN=joe FOO=x", *m], ["EHLO a", "XCLIENT FOO=x LOGIN=joe", *m], ["EHLO a", "XCLIENT LOGIN=", "EHLO b", *m], ["EHLO a", "XCLIENT LOGIN=[UNAVAILABLE]", "EHLO b", *m], ["EHLO a", "XCLIENT LOGIN=joe LOGIN=jane", "EHLO b", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "XCLIENT LOGIN=[UNAVAILABLE]", "EHLO b", *m], ["XCLIENT LOGIN=joe", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", *m, "RSET", *m], ["EHLO a", "XCLIENT LOGIN=joe ADDR=bad", *m],
              ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "XCLIENT LOGIN=bad=x", *m], ["EHLO a", "XCLIENT LOGIN=joe", "EHLO b", "EHLO c", *m], ["EHLO a", "XCLIENT LOGIN=joe", "HELO b", *m]):
        t.title(str(c[:-3])); t.logs.clear(); talk(t, *c, helo=None); t.log("client=|warning", drop=("localhost",))
