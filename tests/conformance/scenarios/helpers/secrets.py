"""What the scenarios about TLS share: certificates, and clients that use them."""
import pathlib, socket, ssl, subprocess, time

FOLDER = pathlib.Path("/etc/postfix/tls")


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificate(t, name, kind="rsa:2048", subject=None, days="3650", ca=None, names=(), is_ca=False):
    """A certificate FOLDER/NAME.pem with its key FOLDER/NAME.key, by itself or by CA; returns both paths."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    key, pem, csr, ext = (str(FOLDER / f"{name}.{x}") for x in ("key", "pem", "csr", "ext"))
    new = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "ed25519": ["-newkey", "ed25519"]}.get(kind, ["-newkey", kind])
    openssl("req", "-new", *new, "-nodes", "-keyout", key, "-out", csr, "-subj", subject or f"/O=Example/CN={name}")
    lines = [f"basicConstraints=CA:{'TRUE' if is_ca else 'FALSE'}"]
    if names: lines.append("subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
    pathlib.Path(ext).write_text("\n".join(lines) + "\n")
    by = ["-CA", str(FOLDER / f"{ca}.pem"), "-CAkey", str(FOLDER / f"{ca}.key"), "-CAcreateserial"] if ca else ["-signkey", key]
    openssl("x509", "-req", "-in", csr, "-out", pem, "-days", days, "-extfile", ext, *by)
    pathlib.Path(key).chmod(0o600)
    return pem, key


def fingerprint(pem, digest="md5", key=False):
    """As check_ccert_access and relay_clientcerts look it up."""
    if not key:
        out = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-fingerprint", f"-{digest}"], capture_output=True, text=True).stdout
        return out.strip().split("=", 1)[1]
    out = subprocess.run(f"openssl x509 -in {pem} -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -{digest} -c", shell=True, capture_output=True, text=True).stdout
    return out.strip().split(" ")[-1].upper()


def context(certificate=None, low=None, high=None, verify=None):
    """A client that takes any server, or only one that VERIFY vouches for."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    if verify: c.load_verify_locations(verify); c.verify_mode = ssl.CERT_REQUIRED
    if certificate: c.load_cert_chain(*certificate)
    if low: c.minimum_version = low
    if high: c.maximum_version = high
    return c


def starttls(s, certificate=None, name=None, say="STARTTLS", **kw):
    """STARTTLS in a session of the machine; notes what the handshake came to, and returns the TLS socket."""
    if say and not s.cmd(say).startswith("220"): return None
    try: s.s = context(certificate, **kw).wrap_socket(s.s, server_hostname=name)
    except (ssl.SSLError, OSError) as e: s.m.note("no handshake"); return None
    s.buf = b""; return s.s
