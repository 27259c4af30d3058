"""SMTPUTF8: addresses and domains beyond ASCII with and without the parameter, strict_smtputf8, smtputf8_enable = no, broken UTF-8."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    strict, off = ports(t, {"strict_smtputf8": "yes"}, {"smtputf8_enable": "no"}); t.start()
    for p in (25, strict, off):
        t.title(f"port {p}")
        talk(t, "MAIL FROM:<j\u00f6rg@b.example>", "RSET", "MAIL FROM:<j\u00f6rg@b.example> SMTPUTF8", "RCPT TO:<alice@example.test>", "RCPT TO:<\u00fcser@example.test>", "RSET", "MAIL FROM:<a@b\u00fccher.example>", "RSET", "MAIL FROM:<a@b\u00fccher.example> SMTPUTF8", "RSET",
             "MAIL FROM:<a@b.example>", "RCPT TO:<x@b\u00fccher.example>", "RCPT TO:<\u00fcser@example.test>", "VRFY \u00fcser", "VRFY \u00fcser SMTPUTF8", b"MAIL FROM:<\xff@b.example>\r\n", b"NOOP \xc3\x28\r\n", port=p)
    t.note(mail(t, "Subject: gr\u00fc\u00dfe\n\nx\n", args=" SMTPUTF8")); t.note(mail(t, "Subject: plain\n\nx\n", frm="j\u00f6rg@b.example", args=" SMTPUTF8"))
    t.drain(); t.mail("alice"); t.log("reject|warning|disconnect", drop=("localhost",))
