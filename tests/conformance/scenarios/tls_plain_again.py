"""smtp client: at the level may, mail that has waited goes in the clear after a handshake has failed; with a password, or at a higher level, it does not."""
import pathlib, subprocess, sys, time; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); cert = certificate(t, "own", kind="ec"); lines, seen, names = "", {}, ("may", "password", "encrypt", "fingerprint")
    t.main(smtp_tls_loglevel="1", smtp_tls_security_level="may", smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy", transport_maps="texthash:/etc/postfix/tr", minimal_backoff_time="2s", smtp_sasl_password_maps="texthash:/etc/postfix/passwords")
    t.master("sasl unix - - n - - smtp\n  -o smtp_sasl_auth_enable=yes -o smtp_sasl_security_options=noanonymous")
    for i, n in enumerate(names):  # a server with a version of TLS that nobody speaks any more
        s = t.sink(f"203.0.113.{10 + i}", 2500 + i, name=f"mail.{n}.example", tls=cert, auth={"u": "p"} if n == "password" else None); s.tls.maximum_version = s.tls.minimum_version = ssl.TLSVersion.TLSv1_2; s.tls.set_ciphers("DHE-RSA-AES128-SHA256:@SECLEVEL=0"); seen[n] = s
        t.dns(f"mail.{n}.example", "A", f"203.0.113.{10 + i}"); lines += f"{n}.example {'sasl' if n == 'password' else 'smtp'}:[mail.{n}.example]:{2500 + i}\n"
    t.file("tr", lines); t.file("passwords", "[mail.password.example]:2501 u:p\n"); t.file("tls_policy", "[mail.encrypt.example]:2502 encrypt\n[mail.fingerprint.example]:2503 fingerprint match=" + ":".join(["00"] * 16) + "\n"); t.start()
    for n in names: t.send("a@example.test", f"b@{n}.example")
    t.drain(); time.sleep(2.6); t.sh("postqueue -f", quiet=True); time.sleep(1.0); t.drain()
    for n, s in seen.items(): t.note(f"{n}: {[[x.split(' ')[0] for x in y if x != '(dropped)'] for y in s.sessions]}")
    t.log("status=|Cannot start TLS", drop=("library",)); t.queue and t.showq()
