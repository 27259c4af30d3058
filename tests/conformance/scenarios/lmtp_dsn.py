"""LMTP and delivery status: success, failure and delay for each recipient after the dot, with and without DSN and flags=X, multi-line replies, RCPT refusals of some."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); script = lambda d: {f"RCPT no@{d}": "550-5.1.1 nobody\r\n550 5.1.1 of that name", f". full@{d}": "552-5.2.2 too\r\n552 5.2.2 full", f". later@{d}": "450 4.2.0 later", f". yes@{d}": "250-2.1.5 stored\r\n250 2.1.5 <yes> well stored"}
    table = {"plain": ({}, {"script": script("plain.example")}), "final": ({}, {"script": script("final.example")}), "dsn": ({}, {"script": script("dsn.example"), "ehlo": ("PIPELINING", "DSN", "ENHANCEDSTATUSCODES")})}
    servers = onward.ways(t, table, program="lmtp", lmtp=True); m = pathlib.Path("/etc/postfix/master.cf"); m.write_text(m.read_text().replace("final unix - - n - - lmtp\n", "final unix - - n - - lmtp flags=X\n")); t.start()
    for n in table:
        s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<alice@example.test> RET=HDRS ENVID=e1")
        for u in ("yes", "no", "full", "later"): s.cmd(f"RCPT TO:<{u}@{n}.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{u}@orig.example")
        s.cmd("DATA"); s.data("Subject: x\n\nhello\n"); s.cmd("QUIT"); s.close()
    t.drain(); onward.said(t, servers); t.log("status=", "notification"); t.mail("alice", headers=("subject", "content-type")); t.showq()
