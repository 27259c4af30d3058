"""ESMTP parameters of MAIL and RCPT: SIZE, BODY, RET, ENVID, NOTIFY, ORCPT, AUTH, SMTPUTF8, unknown ones; with DSN switched off."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

MAIL = ["SIZE=1000", "SIZE=", "SIZE=x", "SIZE=-1", "SIZE=99999999999999999999", "SIZE=10240000", "SIZE=10240001", "size=5 SIZE=6", "BODY=7BIT", "BODY=8BITMIME", "BODY=BINARYMIME", "BODY=", "BODY", "RET=FULL", "RET=hdrs", "RET=x", "RET=",
        "RET=FULL RET=FULL", "ENVID=abc", "ENVID=a+2Bb", "ENVID=a+0Ab", "ENVID=a+2", "ENVID=a+ZZ", "ENVID=", "ENVID=a ENVID=b", "AUTH=<>", "AUTH=a@b", "AUTH=a AUTH=b", "SMTPUTF8", "SMTPUTF8=x", "FOO", "FOO=bar", "XVERP", "XVERP=+=", "NOTIFY=NEVER", "MT-PRIORITY=3"]
RCPT = ["NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE,DELAY", "NOTIFY=never,success", "NOTIFY=", "NOTIFY=x", "NOTIFY=SUCCESS,", "NOTIFY=SUCCESS NOTIFY=DELAY", "ORCPT=rfc822;a@b", "ORCPT=rfc822;a+40b", "ORCPT=a@b", "ORCPT=;a@b", "ORCPT=rfc822;", "ORCPT=rfc822;a+4",
        "ORCPT=utf-8;a\\x{E9}@b", "ORCPT=utf-8;a\\x{zz}@b", "ORCPT=rfc822;a ORCPT=rfc822;b", "SIZE=3", "FOO"]


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    nodsn, small, unlimited = ports(t, {"smtpd_discard_ehlo_keywords": "dsn, smtputf8"}, {"message_size_limit": "2000"}, {"message_size_limit": "0"}); t.start()
    t.title("MAIL"); talk(t, *[f"MAIL FROM:<a@b.example> {p}" for p in MAIL], after="RSET")
    t.title("RCPT"); talk(t, "MAIL FROM:<a@b.example>", *[f"RCPT TO:<alice@example.test> {p}" for p in RCPT])
    t.title("without DSN and SMTPUTF8"); talk(t, *[f"MAIL FROM:<a@b.example> {p}" for p in ("RET=FULL", "ENVID=a", "SMTPUTF8")], "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test> NOTIFY=NEVER", "RCPT TO:<alice@example.test> ORCPT=rfc822;a", port=nodsn)
    t.title("size limit 2000"); talk(t, "MAIL FROM:<a@b.example> SIZE=2000", "RSET", "MAIL FROM:<a@b.example> SIZE=2001", port=small)
    t.title("no size limit"); talk(t, "EHLO client.example.org", "MAIL FROM:<a@b.example> SIZE=99999999999", port=unlimited)
    t.log("reject|discarding|warning|disconnect", drop=("localhost",))
