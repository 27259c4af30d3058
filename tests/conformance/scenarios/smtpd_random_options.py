"""Options of MAIL and RCPT in random number, order, case and form: what is taken, what is refused, and what the next hop is told."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import *

MAIL = ["SIZE=100", "SIZE=0", "SIZE=", "SIZE", "SIZE=-1", "SIZE=1000000000000000000000", "size=5", "BODY=8BITMIME", "body=7bit", "BODY=BINARYMIME", "BODY=", "BODY", "RET=FULL", "RET=HDRS", "ret=hdrs", "RET=X", "RET=", "ENVID=abc", "ENVID=a+2Bb", "ENVID=a+2b", "ENVID=+", "ENVID=", "ENVID=a=b", "ENVID=" + "x" * 101, "ENVID=a+20b", "AUTH=<>", "AUTH=x+40y", "AUTH=", "SMTPUTF8", "SMTPUTF8=x", "smtputf8", "FOO", "FOO=BAR", "NOTIFY=NEVER", "XVERP", "XVERP=+=", "XVERP=x", "<x>", "=x", "HOLDFOR=5", "MT-PRIORITY=3", "REQUIRETLS", "BY=1;N"]
RCPT = ["NOTIFY=NEVER", "NOTIFY=SUCCESS", "NOTIFY=SUCCESS,FAILURE,DELAY", "notify=delay", "NOTIFY=NEVER,DELAY", "NOTIFY=", "NOTIFY=X", "NOTIFY=SUCCESS,", "NOTIFY", "ORCPT=rfc822;a@b", "ORCPT=RFC822;a+40b", "ORCPT=utf-8;\\x{FC}@b", "ORCPT=utf-8;ü@b", "ORCPT=x", "ORCPT=;x", "ORCPT=rfc822;", "ORCPT=rfc822;a+ZZ", "ORCPT=rfc822;a+0Ab", "ORCPT=unitext;a@b", "ORCPT=rfc822;" + "y" * 300, "ORCPT", "SIZE=1", "FOO=BAR", "SMTPUTF8"]


def run(t):
    hop = catch(t, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_authorized_verp_clients="203.0.113.11"); hop.ehlo = ("8BITMIME", "DSN", "SMTPUTF8"); t.start(); r = Chance(9)
    for i in range(110):
        words = [r.choice(MAIL) for _ in range(r.choice([1, 1, 2, 3]))]; again = [r.choice(RCPT) for _ in range(r.choice([1, 1, 2]))]
        session(t, ["EHLO c.example", "MAIL FROM:<a@z.example> " + " ".join(words), "MAIL FROM:<b@z.example>", "RCPT TO:<r@example.test> " + " ".join(again), "RCPT TO:<q@example.test>", "RCPT TO:<p@example.test> NOTIFY=FAILURE", *(["DATA"] if r.maybe(.6) else [])], src="203.0.113.11" if r.maybe(.3) else STRANGER, cut=3)
    t.drain(40); t.note("\n".join(sorted("; ".join(l for l in m.decode("utf-8", "replace").replace("\r\n", "\n").split("\n") if l[:5] in ("MAIL ", "RCPT ")) for m in hop.messages))); without_numbers(t); t.log("smtpd: .*(reject|warning)|cleanup: .*warning", drop=("localhost", "spurious"))
