"""Fast flush: ETRN, postqueue -s and sendmail -qR for sites that are kept track of and for others, bad names, deferred mail that goes out then, and what is refused."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward, re, time


def run(t):
    onward.steady(t)
    t.main(relay_domains="relay.example, .dot.example, sub.example", fast_flush_domains="$relay_domains", transport_maps="texthash:/etc/postfix/tr", smtp_connect_timeout="5s", minimal_backoff_time="300s", parent_domain_matches_subdomains="")
    srv = t.sink("203.0.113.10", 2600, name="mail.relay.example", script={"RCPT": "450 4.2.0 later"})
    t.file("tr", "".join(f"{d} smtp:[203.0.113.10]:2600\n" for d in ("relay.example", "a.dot.example", "sub.example", "x.sub.example", "other.example")))
    t.start()
    for to in (["u@relay.example"], ["u@RELAY.example", "v@other.example"], ["u@a.dot.example"], ["u@x.sub.example"], ["u@other.example"]): t.send("s@example.org", to)
    t.drain(); t.showq(); t.logs.clear()
    srv.script.clear()
    s = t.smtp(); s.cmd("ETRN relay.example"); s.cmd("HELO client.example.org")
    for c in ("ETRN", "ETRN relay.example x", "ETRN other.example", "ETRN #relay.example", "ETRN @relay.example", "ETRN bad_name.example", "ETRN -x.example", "ETRN " + "x" * 70 + ".example", "ETRN [203.0.113.10]", "ETRN [1.2.3]", "ETRN <relay.example>", "ETRN nosuch.dot.example", "ETRN x.sub.example"): s.cmd(c)
    s.cmd("MAIL FROM:<a@b.example>"); s.cmd("ETRN relay.example"); s.cmd("RSET")
    t.drain(); s.cmd("ETRN Relay.Example"); time.sleep(1); t.drain(); s.cmd("ETRN relay.example"); s.cmd("QUIT"); s.close()
    t.log("smtpd|smtp: |flush|qmgr.*(active|warning)|error|fatal"); t.showq(); t.logs.clear()
    t.sh("postqueue -s a.dot.example"); time.sleep(1); t.drain(); t.showq()
    t.sh("postqueue -s other.example; postqueue -s; postqueue -s ''; postqueue -s bad_name; postqueue -s [203.0.113.10]; postqueue -s '[1.2'; sendmail -qRother.example; sendmail -qRa.dot.example; sendmail -qS x; sendmail -qI x; sendmail -q 10m; sendmail -q5m; echo $?")
    t.main(smtpd_etrn_restrictions="permit_mynetworks, reject", mynetworks="10.0.0.0/8"); t.reload()
    s = t.smtp(quiet=True); s.cmd("HELO x"); t.note(s.cmd("ETRN relay.example")); s.cmd("QUIT"); s.close()
    t.main(fast_flush_domains=""); t.reload(); t.sh("postqueue -s relay.example")
    s = t.smtp(quiet=True, src="127.0.0.1"); s.cmd("HELO x"); t.note(s.cmd("ETRN relay.example")); s.cmd("QUIT"); s.close()
    t.log("etrn|ETRN|reject|error|fatal")
    t.main(fast_flush_domains="relay.example"); t.stop(); t.sh("postqueue -s relay.example; sendmail -qRrelay.example", user="alice")
