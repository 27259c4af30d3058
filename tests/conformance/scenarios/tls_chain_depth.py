"""smtp client: how many issuers may stand between a server and the authority that is trusted, and when certificates are too old or too young."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); host = "mail.site.example"; ca, _ = certificate(t, "root", kind="ec", subject="/CN=root", is_ca=True); chain, above, sites = "", "root", []
    for issuers in range(5):  # the server's certificate, and so many authorities below the root
        pem, key = certificate(t, f"leaf{issuers}", kind="ec", ca=above, subject=f"/CN=leaf {issuers}", names=[host])
        path = pathlib.Path(f"/etc/postfix/tls/chain{issuers}"); path.write_text(pathlib.Path(pem).read_text() + chain); sites.append((str(path), key))
        middle, _ = certificate(t, f"middle{issuers}", kind="ec", ca=above, subject=f"/CN=middle {issuers}", is_ca=True); chain = pathlib.Path(middle).read_text() + chain; above = f"middle{issuers}"
    t.main(smtp_tls_security_level="verify", smtp_tls_CAfile=ca, smtp_tls_loglevel="1", transport_maps="texthash:/etc/postfix/tr"); t.dns(host, "A", "203.0.113.10"); lines = ""
    for depth in (0, 1, 2): t.master(f"depth{depth} unix - - n - - smtp\n  -o smtp_tls_scert_verifydepth={depth}")
    for issuers, cert in enumerate(sites):
        t.sink("203.0.113.10", 2500 + issuers, name=host, tls=cert)
        for depth in (0, 1, 2): lines += f"issuers{issuers}depth{depth}.example depth{depth}:[{host}]:{2500 + issuers}\n"
    t.file("tr", lines); t.start()
    for l in lines.splitlines(): t.send("a@example.test", f"b@{l.split()[0]}")
    t.drain(); t.log("status=|verification failed", drop=("library",))
