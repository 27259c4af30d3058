"""AUTH with the users of a sasldb, which saslpasswd2 has made: mechanisms, realms, and names that are not in it."""
import hashlib, hmac, pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import b64, plain
from cyrus import *
from doors import *
import base64


def cram(t, user, password):
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org")
    r = ask(s, "AUTH CRAM-MD5"); challenge = base64.b64decode(r[4:])
    t.note(f"AUTH CRAM-MD5 as {user} -> {r[:3]} {challenge[:1].decode()}...{challenge[-1:].decode()}")
    t.note(ask(s, b64(f"{user} {hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()}"))); ask(s, "QUIT"); s.close()


def run(t):
    for user, realm, password in (("joe", "foo.example.test", "secret"), ("jane", "some.test", "pass word")):
        t.sh(f"printf %s '{password}' | saslpasswd2 -p -c -f /etc/postfix/sasldb2 -u {realm} {user}", quiet=True)
    t.sh("chmod 644 /etc/postfix/sasldb2", quiet=True)
    cyrus(t, "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: /etc/postfix/sasldb2\nmech_list: PLAIN LOGIN CRAM-MD5\n", smtpd_recipient_restrictions="permit_sasl_authenticated, reject")
    t.start()
    t.title("mechanisms")
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); t.note(ask(s, "EHLO client.example.org")); ask(s, "QUIT"); s.close()
    t.title("clear text")
    for u, p in (("joe", "secret"), ("joe", "wrong"), ("nobody", "secret"), ("jane", "pass word"), ("jane@some.test", "pass word"), ("joe@some.test", "secret")):
        talk(t, "AUTH PLAIN " + plain(u, p), "MAIL FROM:<x@z.example>", "RCPT TO:<alice@example.test>")
    talk(t, "AUTH LOGIN", b64("joe"), b64("secret")); talk(t, "AUTH LOGIN", b64("nobody"), b64("secret"))
    t.title("CRAM-MD5"); cram(t, "joe", "secret"); cram(t, "joe", "wrong"); cram(t, "nobody", "secret"); cram(t, "jane@some.test", "pass word")
    for words in ("joe", "joe ", "joe x", " 00112233445566778899aabbccddeeff", "joe 00112233445566778899aabbccddeef"):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "AUTH CRAM-MD5"); t.note(f"{words} -> {ask(s, b64(words))}"); ask(s, "QUIT"); s.close()
    talk(t, "AUTH CRAM-MD5 " + b64("joe x"), "NOOP")
    t.log("warning|sasl_", drop=("process .* exit status", "throttling"))
