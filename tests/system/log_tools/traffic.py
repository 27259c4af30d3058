"""The traffic of a day, for programs that read the log: mail that is taken, refused, bounced, deferred; logins, TLS, lost clients, warnings."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "conformance/scenarios/helpers"))
from doors import *
from auth import Auth, plain, b64
from filters import Milter, add
from secrets import certificate, context

MAILLOG = "/var/log/maillog"


def run(t):
    pem, key = certificate(t, "server")
    names(t)
    configure(t, pem, key)
    Milter("127.0.0.1:9951", {"rcpt milter@z.example": ("r", b""), "mail quarantine@z.example": ("c", b""), "eom": lambda: [add("X-Milter", "1"), ("c", b"")]})
    t.sink("203.0.113.12", name="mail.far.example"); t.sink("203.0.113.13", name="mail.no.example", script={"RCPT": "550 5.1.1 no such user"}); t.sink("203.0.113.14", name="mail.later.example", script={"RCPT": "450 4.2.0 greylisted", "MAIL": "250 ok"}); t.sink("203.0.113.15", name="mail.lost.example", script={"DATA": "DROP"}); t.sink("203.0.113.16", name="mail.tls.example", tls=(pem, key))
    P = ports(t, {"syslog_name": "postfix/submission", "smtpd_sasl_auth_enable": "yes", "smtpd_tls_security_level": "encrypt", "smtpd_client_restrictions": "permit_sasl_authenticated, reject"}, {"smtpd_timeout": "1s"}, {"smtpd_client_connection_rate_limit": "1"}, {"smtpd_sasl_auth_enable": "yes"}, {"smtpd_hard_error_limit": "2"}, {"smtpd_milters": "inet:127.0.0.1:9951"}, {"smtpd_tls_wrappermode": "yes", "syslog_name": "postfix/smtps"})
    t.start(); Auth()
    submission, impatient, rated, sasl, strict, milter, wrapper = P
    taken(t); refused(t); clients(t, impatient, rated, strict); logins(t, sasl, submission); tls(t, wrapper)
    mail(t, "Subject: m\n\nx\n", port=milter); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<milter@z.example>", port=milter)
    t.drain(timeout=15); queue(t)
    t.sh("postfix reload", quiet=True); time.sleep(1.5); mail(t, "Subject: after reload\n\nx\n"); t.drain(); t.sh("postfix stop", quiet=True); time.sleep(0.5)
    for line in pathlib.Path(MAILLOG).read_text(errors="replace").splitlines(): t.out.write("LOG " + line + "\n")


def names(t):
    for i, n in ((12, "far"), (13, "no"), (14, "later"), (15, "lost"), (16, "tls"), (17, "dead")):
        t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); t.dns(f"mail.{n}.example", "A", f"203.0.113.{i}")
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", STRANGER); t.dns("11.113.0.203.in-addr.arpa", "PTR", "liar.example"); t.dns("liar.example", "A", "192.0.2.77"); t.dns("10.113.0.203.list.example", "A", "127.0.0.2"); t.dns("10.113.0.203.list.example", "TXT", '"see https://list.example"'); t.dns("z.example", "A", "192.0.2.50"); t.dns("client.example.org", "A", STRANGER)
    t.dns("sf.example", "MX", "SERVFAIL"); t.dns("sf.example", "A", "SERVFAIL")


def configure(t, pem, key):
    # smtp_log_tls_feature_status: readers from before Postfix 3.11 do not see deliveries whose line has tls=.
    t.file("acc", "rej@z.example REJECT not welcome\nhold@z.example HOLD look\ndisc@z.example DISCARD away\nfilt@z.example FILTER discard:\nred@z.example REDIRECT bob@example.test\nprep@z.example PREPEND X-P: 1\nwarn@z.example WARN hm\nbcc@z.example BCC carol@example.test\ndef@z.example DEFER later\ndip@z.example DEFER_IF_PERMIT maybe\nc521@z.example 521 5.7.1 bye\nbad@z.example nonsense\n")
    t.file("h.re", "/^X-Rej:/ REJECT header\n/^X-Warn:/ WARN header\n/^X-Hold:/ HOLD header\n/^X-Disc:/ DISCARD header\n/^X-Red:/ REDIRECT carol@example.test\n/^X-Rep:/ REPLACE X-New: 1\n/^X-Filt:/ FILTER discard:\n/^X-Info:/ INFO header\n"); t.file("b.re", "/^bad body/ REJECT body\n/^warn body/ WARN body\n")
    t.file("aliases", "list alice, bob, u@far.example\nprog |exit 75\npostmaster carol\n")
    t.main(maillog_file=MAILLOG, smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_security_level="may", smtpd_tls_loglevel="1", smtp_tls_security_level="may", smtp_tls_loglevel="1", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth", smtpd_error_sleep_time="0", message_size_limit="20000", header_checks="regexp:/etc/postfix/h.re", body_checks="regexp:/etc/postfix/b.re",
           smtpd_sender_restrictions="check_sender_access texthash:/etc/postfix/acc, reject_non_fqdn_sender, reject_unknown_sender_domain", smtpd_helo_restrictions="reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname", smtpd_client_restrictions="permit_mynetworks, reject_rbl_client list.example", smtpd_recipient_restrictions="reject_non_fqdn_recipient, reject_unknown_recipient_domain, warn_if_reject reject_unknown_helo_hostname", smtpd_data_restrictions="reject_unauth_pipelining",
           smtpd_relay_restrictions="permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination", smtp_connection_cache_on_demand="no", anvil_status_update_time="600s", smtpd_client_event_limit_exceptions="", smtp_log_tls_feature_status="no", notify_classes="", smtpd_forbid_unauth_pipelining="no", virtual_alias_maps="inline:{va@example.test=alice}", mail_spool_directory="/var/mail")


def taken(t):
    for to in ("alice@example.test", ["alice@example.test", "bob@example.test"], "va@example.test", "list@example.test", "prog@example.test"): mail(t, "Subject: in\nMessage-Id: <in@z.example>\n\nx\n", to=to)
    for to in ("u@far.example", ["u@no.example", "u@far.example"], "u@later.example", "u@lost.example", "u@dead.example", "u@absent.invalid", "u@tls.example", "u@sf.example"): mail(t, "Subject: out\n\nx\n", to=to, frm="alice@example.test", src=ME)
    mail(t, "Subject: null\n\nx\n", frm=""); t.sendmail("-i -f alice bob", stdin="Subject: local\n\nx\n"); t.sendmail("-i -f alice nobody-here", stdin="Subject: unknown\n\nx\n", user="alice")
    s = t.smtp(src=STRANGER, dst=ME, quiet=True)
    for c in ("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", b"BDAT 12 LAST\r\nSubject: b\r\n", "QUIT"): ask(s, c)
    s.close()


def refused(t):
    for f in ("rej", "hold", "disc", "filt", "red", "prep", "warn", "bcc", "def", "dip", "bad", "c521"): mail(t, f"Subject: {f}\n\nx\n", frm=f"{f}@z.example")
    for h in ("Rej", "Warn", "Hold", "Disc", "Red", "Rep", "Filt", "Info"): mail(t, f"Subject: {h}\nX-{h}: y\n\nx\n")
    for b in ("bad body", "warn body"): mail(t, f"Subject: b\n\n{b}\n")
    talk(t, "MAIL FROM:<a@z>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<a@absent.invalid>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<a@sf.example>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<a@z.example>", "RCPT TO:<x@relay.example>", "RCPT TO:<no-one@example.test>", "RCPT TO:<alice>", "RCPT TO:<u@absent.invalid>", "MAIL FROM:<a@z.example> SIZE=999999999", "RSET", "MAIL FROM:<a@z.example> SIZE=999999999", "MAIL FROM:<a b@z.example>", "VRFY no-one", "FOO")
    for helo in ("EHLO a..b", "EHLO short", "HELO gone.invalid"): talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", helo=helo)
    talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", src="203.0.113.10"); talk(t, "ETRN x.example", "STARTTLS now", "GET / HTTP/1.0")


def clients(t, impatient, rated, strict):
    def session(*commands, port=25, src=STRANGER, cut=b""):
        s = t.smtp(src=src, dst=ME, port=port, quiet=True)
        for c in commands: ask(s, c)
        if cut: s.s.sendall(cut)
        time.sleep(0.1); s.close()
    session(); session("EHLO client.example.org"); session("EHLO client.example.org", "MAIL FROM:<a@z.example>"); session("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA", cut=b"Subject: cut\r\n\r\nx\r\n"); session("EHLO client.example.org", "NOOP", "FOO"); session("HELO x.client.example.org", src="203.0.113.11")
    for commands in ((), ("EHLO client.example.org",), ("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA")):
        s = t.smtp(src=STRANGER, dst=ME, port=impatient, quiet=True)
        for c in commands: ask(s, c)
        ask(s, b""); s.close()
    for _ in range(3):
        s = t.smtp(src="203.0.113.18", dst=ME, port=rated, quiet=True, greet=False); ask(s, b""); ask(s, "QUIT"); s.close()
    talk(t, "FOO", "BAR", "BAZ", port=strict)
    s = t.smtp(src="203.0.113.19", dst=ME, quiet=True); s.s.sendall(b"HELO x.example.org\r\nMAIL FROM:<a@z.example>\r\nRCPT TO:<alice@example.test>\r\n"); ask(s, b"", 3); ask(s, "QUIT"); s.close()


def logins(t, sasl, submission):
    talk(t, "AUTH PLAIN " + plain("bad"), "AUTH LOGIN", b64("bad"), b64("wrong"), "AUTH PLAIN " + plain("why"), "AUTH PLAIN " + plain("temp"), "AUTH CRAM-SHA1", "AUTH PLAIN !!!", port=sasl)
    talk(t, "AUTH PLAIN " + plain("joe"), "MAIL FROM:<joe@z.example> AUTH=<>", "RCPT TO:<u@far.example>", "DATA", ("Subject: login\n\nx\n",), port=sasl)
    s = t.smtp(src=STRANGER, dst=ME, port=sasl, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "AUTH LOGIN"); s.close(); time.sleep(0.1)
    s = t.smtp(src=STRANGER, dst=ME, port=submission, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "MAIL FROM:<a@z.example>"); ask(s, "STARTTLS"); s.s = context().wrap_socket(s.s); s.buf = b""
    for c in ("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<u@far.example>", "RSET", "AUTH PLAIN " + plain("ann"), "MAIL FROM:<ann@z.example>", "RCPT TO:<u@far.example>", "DATA"): ask(s, c)
    ask(s, b"Subject: submitted\r\n\r\nx\r\n.\r\n"); ask(s, "QUIT"); s.close()


def tls(t, wrapper):
    for version in (None, "1.2"):
        import ssl
        s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "STARTTLS"); s.s = context(high=ssl.TLSVersion.TLSv1_2 if version else None).wrap_socket(s.s); s.buf = b""; ask(s, "EHLO client.example.org"); ask(s, "QUIT"); s.close()
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "STARTTLS"); s.s.sendall(b"this is no handshake at all\r\n"); time.sleep(0.2); s.close()
    s = t.smtp(src=STRANGER, dst=ME, port=wrapper, quiet=True, greet=False); s.s.sendall(b"EHLO x\r\n"); time.sleep(0.2); s.close()
    s = t.smtp(src=STRANGER, dst=ME, port=wrapper, quiet=True, greet=False, tls=True); s.line(); ask(s, "EHLO client.example.org"); ask(s, "QUIT"); s.close()


def queue(t):
    ids = {q["sender"]: q["queue_id"] for q in t.queue()}
    if "hold@z.example" in ids: t.sh(f"postsuper -H {ids['hold@z.example']}", quiet=True)
    deferred = [q["queue_id"] for q in t.queue() if q["queue_name"] == "deferred" and any("later" in r["address"] for r in q["recipients"])]
    for i in deferred[:1]: t.sh(f"postsuper -h {i}; postsuper -H {i}", quiet=True)
    t.sh("postqueue -f", quiet=True); time.sleep(1); t.drain(timeout=10)
    t.sh("postsuper -d ALL deferred", quiet=True); t.drain(timeout=10)
