"""Several services with settings of their own: -o in every spelling, each with its lists, limits and banner; local_header_rewrite_clients."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(submission_banner="hello submitter", remote_header_rewrite_domain="domain.invalid")
    t.master("2001 inet n - n - - smtpd\n  -o smtpd_banner=$submission_banner -o smtpd_helo_required=yes\n2002 inet n - n - - smtpd\n  -o { smtpd_banner = in braces, with spaces }\n  -o smtpd_relay_restrictions=reject\n2003 inet n - n - - smtpd\n  -o syslog_name=postfix/third -o message_size_limit=100\n"
             "2004 inet n - n - - smtpd\n  -o content_filter=discard:filtered\n2005 inet n - n - - smtpd\n  -o local_header_rewrite_clients=static:all\n[127.0.0.1]:2006 inet n - n - - smtpd -v\n")
    t.start()
    for p in (2001, 2002, 2003):
        t.title(f"port {p}"); s = t.smtp(src=STRANGER, dst=ME, port=p); s.cmd("MAIL FROM:<a@b.example>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("EHLO x"); s.cmd("QUIT"); s.close()
    for p in (25, 2003, 2004, 2005): t.note(f"{p}: " + mail(t, "From: somebody\nSubject: by " + str(p) + "\n\n" + "x\n" * 40, port=p, frm="plain"))
    t.drain(); t.mail("alice", headers=("from", "subject"))
    t.log("third|reject|warning|disconnect|relay=filtered", drop=("localhost",))
