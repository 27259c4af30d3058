"""AUTH by smtpd.conf with saslauthd: what it is asked, what it answers, and when it is not there."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import b64, plain
from cyrus import *
from doors import *


def run(t):
    a = Saslauthd()
    cyrus(t, "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\nsaslauthd_path: /tmp/sasl/mux\n", smtpd_recipient_restrictions="permit_sasl_authenticated, reject")
    t.master("2001 inet n - n - - smtpd\n  -o smtpd_sasl_local_domain=realm.test -o smtpd_sasl_service=mail")
    t.start()
    t.title("mechanisms"); s = t.smtp(src=STRANGER, dst=ME); s.cmd("EHLO client.example.org"); s.cmd("QUIT"); s.close()
    t.title("answers")
    for u in ("joe", "jane", "joe@some.test", "bad", "why", "odd", "empty", "drop"):
        talk(t, "AUTH PLAIN " + plain(u), "MAIL FROM:<x@z.example>", "RCPT TO:<alice@example.test>")
    t.title("LOGIN"); talk(t, "AUTH LOGIN", b64("joe"), b64("secret")); talk(t, "AUTH LOGIN " + b64("joe"), b64("wrong"))
    t.title("a realm of our own"); talk(t, "AUTH PLAIN " + plain("joe"), port=2001); talk(t, "AUTH PLAIN " + plain("joe@some.test"), port=2001); talk(t, "AUTH PLAIN " + plain("bad"), port=2001)
    t.title("odd responses")
    talk(t, "AUTH PLAIN " + b64("other\0joe\0secret"), "RSET"); talk(t, "AUTH PLAIN " + b64("joe\0joe\0secret"))
    talk(t, "AUTH PLAIN " + b64("joe"), "AUTH PLAIN " + b64("\0joe"), "AUTH PLAIN " + b64("\0joe\0"), "AUTH PLAIN " + b64("\0\0secret"), "AUTH PLAIN " + b64("\0joe\0se\0cret"))
    talk(t, "AUTH PLAIN !!", "AUTH PLAIN =", "AUTH LOGIN", "", "AUTH LOGIN", b64("joe"), "", "AUTH LOGIN", "*", "AUTH CRAM-MD5", "NOOP")
    t.title("odd names")
    for words in ("\0\0secret", "\0joe\0se\0cret", "\0 joe \0secret", "\0" + "j" * 300 + "\0secret", "\0jo\u00e9\0secret", "\0@some.test\0secret", "\0joe@\0secret", "\0j@o@e\0secret"):
        talk(t, "AUTH PLAIN " + b64(words))
    for name, password in (("joe\0x", "secret"), ("joe", "sec\0ret"), ("", "secret"), ("joe", "")):
        talk(t, "AUTH LOGIN", b64(name), b64(password))
    t.title("not there"); a.stop(); talk(t, "AUTH PLAIN " + plain("joe")); a.begin(); talk(t, "AUTH PLAIN " + plain("joe"))
    a.note(t); t.log("warning|sasl_", drop=("process .* exit status", "throttling"))
