"""smtpd_tls_protocols and smtpd_tls_mandatory_protocols in every spelling, for clients of TLS 1.2 and 1.3; lists that leave nothing and lists that nobody understands."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *

V = ssl.TLSVersion


def run(t):
    pem, key = certificate(t, "foo.example.test", kind="ec"); t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_security_level="may", smtpd_tls_loglevel="1", smtpd_hard_error_limit="1000")
    lists = ["", ">=TLSv1.2", "TLSv1.2", "TLSv1.3", "!TLSv1.3", "!SSLv2 !SSLv3 !TLSv1, !TLSv1.1", ">=TLSv1.2, <=TLSv1.2", "<=TLSv1.2", "TLSv1.2 : TLSv1.3", ">=tlsv1.3", ">=0303", "!TLSv1.2", "SSLv3, TLSv1.3", "nonsense", "!nonsense", "TLSv1.3 !TLSv1.2", "TLSv1.2 TLSv1.2", "TLSv1.2, nonsense"]
    P = ports(t, *[{"smtpd_tls_protocols": l} for l in lists], *[{"smtpd_tls_security_level": "encrypt", "smtpd_tls_mandatory_protocols": l, "smtpd_tls_protocols": "TLSv1.3"} for l in lists]); t.start()
    for l, p in zip(lists * 2, P):
        t.title(f"{p} {l!r}")
        for low, high in ((None, V.TLSv1_2), (V.TLSv1_3, None)):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); got = ask(s, "EHLO client.example.org"); out = ["offered" if "STARTTLS" in got else "not offered"]
            if "STARTTLS" in got: out.append("TLS" if starttls(s, low=low, high=high) else "none")
            out.append(ask(s, "MAIL FROM:<a@z.example>")); ask(s, "QUIT"); s.close(); t.note(" ".join(out))
    t.log("Invalid TLS|disabling")
