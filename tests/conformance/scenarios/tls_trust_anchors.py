"""smtp client: smtp_tls_trust_anchor_file and tafile= of policies: authorities, servers' own certificates, public keys, files that are not there."""
import pathlib, subprocess, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); host = "mail.site.example"; ca, _ = certificate(t, "root", kind="ec", subject="/CN=root", is_ca=True); other, _ = certificate(t, "other", kind="ec", subject="/CN=other", is_ca=True)
    certificate(t, "middle", kind="ec", ca="root", subject="/CN=middle", is_ca=True); leaf = certificate(t, "leaf", kind="ec", ca="middle", subject="/CN=leaf", names=[host]); lone = certificate(t, "lone", kind="ec", names=[host]); named = certificate(t, "named", kind="ec", names=["other.example"]); old = certificate(t, "old", kind="ec", names=[host], days="-1")
    d = pathlib.Path("/etc/postfix/tls"); (d / "chain").write_text((d / "leaf.pem").read_text() + (d / "middle.pem").read_text() + (d / "root.pem").read_text()); (d / "short").write_text((d / "leaf.pem").read_text() + (d / "middle.pem").read_text())
    for n in ("root", "middle", "lone", "leaf"): (d / f"{n}.pub").write_text(subprocess.run(["openssl", "x509", "-in", d / f"{n}.pem", "-noout", "-pubkey"], capture_output=True, text=True).stdout)
    (d / "both").write_text((d / "other.pem").read_text() + "some text\n" + (d / "root.pem").read_text()); (d / "nothing").write_text("nothing\n")
    ports = {"chain": (str(d / "chain"), leaf[1]), "short": (str(d / "short"), leaf[1]), "lone": lone, "named": named, "old": old}
    files = {"root.pem": "chain short lone", "middle.pem": "chain short", "leaf.pem": "chain", "other.pem": "chain", "both": "chain", "lone.pem": "lone chain", "named.pem": "named", "old.pem": "old", "root.pub": "chain short", "middle.pub": "chain", "leaf.pub": "chain", "lone.pub": "lone chain", "nothing": "lone", "nowhere": "lone"}
    t.main(smtp_tls_loglevel="1", smtp_tls_CAfile=str(d / "lone.pem"), transport_maps="texthash:/etc/postfix/tr", smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy"); t.dns(host, "A", "203.0.113.10"); lines, names = "", []
    for i, (n, cert) in enumerate(ports.items()): t.sink("203.0.113.10", 2500 + i, name=host, tls=cert)
    for file, where in files.items():
        name = file.replace(".", ""); t.master(f"{name} unix - - n - - smtp\n  -o smtp_tls_security_level=verify -o smtp_tls_policy_maps= -o smtp_tls_trust_anchor_file={d / file}")
        for n in where.split(): names.append(f"{n}-{name}.example"); lines += f"{n}-{name}.example {name}:[{host}]:{2500 + list(ports).index(n)}\n"
    for n, policy in {"one": "root.pem", "none": "other.pem"}.items(): names.append(f"{n}.example"); lines += f"{n}.example smtp:[{host}.]:2500\n".replace(".]", "]") if n == "one" else f"{n}.example smtp:[{host}]:2501\n"
    t.file("tls_policy", f"[{host}]:2500 verify tafile={d}/root.pem tafile={d}/other.pem\n[{host}]:2501 verify tafile={d}/other.pem\n"); t.file("tr", lines); t.start()
    for n in names: t.send("a@example.test", f"b@{n}")
    t.drain(); t.log("postfix/smtp: .*(status=|warning)", drop=("library", "error:", "no trust anchors"))
