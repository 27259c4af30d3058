"""Helpers for the scenarios about local, virtual and pipe."""
import grp, os, pathlib, pwd, re, stat

SHORT = ("x-original-to", "delivered-to", "return-path", "subject")


def plain(t):
    """All queue IDs become Q, and what depends on their length, on time or on process IDs becomes N: several messages move at once."""
    old = t.norm

    def norm(text):
        text = re.sub(r"\bQ\d+\b", "Q", old(text))
        text = re.sub(r"\b(size|SIZE)=\d+", r"\1=N", text)
        return re.sub(r"\b(\d{9,}|Q)\.(P\d+|V\w+)\.", "FILE.", text)
    t.norm = norm
    t.main(smtp_connection_cache_on_demand="no", mail_spool_directory="/var/mail")


def each(t, sender, *recipients, body="Subject: to {a}\n\nhello\n", timeout=20):
    """One message to each recipient, in one session; then all comes to rest."""
    s = t.smtp(quiet=True); s.cmd("EHLO client.example.org")
    for a in recipients:
        full = a if "@" in a else f"{a}@example.test"
        s.cmd(f"MAIL FROM:<{sender}>")
        if s.cmd(f"RCPT TO:<{full}>").startswith("2") and s.cmd("DATA").startswith("354"): s.data(body.replace("{a}", a))
        else: s.cmd("RSET")
    s.cmd("QUIT"); s.close(); t.drain(timeout=timeout)


def services(t, program, table, nexthop=""):
    """Several settings of one agent: the service NAME, with its own settings, delivers for the domain NAME.v.test."""
    t.file("services", "".join(f"{n}.v.test {n}:{nexthop}\n" for n in table))
    t.main(transport_maps="texthash:/etc/postfix/services", local_recipient_maps="")
    names = ", ".join(f"{n}.v.test" for n in table)
    if program == "local": t.main(mydestination=f"$myhostname, localhost.$mydomain, localhost, $mydomain, {names}")
    if program == "virtual": t.main(virtual_mailbox_domains=names)
    for n, settings in table.items():
        t.master(f"{n} unix - n n - - {program}\n" + "".join(f"  -o {{ {k} = {v} }}\n" for k, v in settings.items()))


def script(t, path, text, mode=0o755):
    p = pathlib.Path(path); p.parent.mkdir(parents=True, exist_ok=True); p.write_text("#!/bin/sh\n" + text + "\n"); os.chmod(p, mode)


def home(t, user, name, text, mode=0o644, owner=None):
    """A file in a user's home."""
    p = pathlib.Path(f"/home/{user}") / name; p.parent.mkdir(parents=True, exist_ok=True)
    p.write_text(text); os.chmod(p, mode); u = pwd.getpwnam(owner or user); os.chown(p, u.pw_uid, u.pw_gid)


def cat(t, path, keep=r"^(?!Message-Id|Date|Received|\s)"):
    """A file, without what differs from run to run."""
    try: text = pathlib.Path(path).read_text(errors="replace")
    except OSError as e: t.note(f"{path}: {e.strerror}"); return
    t.note(f"{path}:")
    for l in text.splitlines():
        if re.search(keep, l): t.note("  | " + l)


def tree(t, top):
    """Type, mode, owner and group of what lies below a folder."""
    p = pathlib.Path(top); rows = []
    for q in [p] + sorted(p.rglob("*")) if p.exists() else []:
        s = q.lstat(); u = pwd.getpwuid(s.st_uid).pw_name; g = grp.getgrgid(s.st_gid).gr_name
        rows.append(f"{stat.filemode(s.st_mode)} {u}:{g} " + re.sub(r"\d{9,}\.\w+\.[\w.]+", "MESSAGE", str(q)))
    for r in sorted(rows) or [f"{top}: nothing"]: t.note(r)


def status(t, *more, **kw):
    t.log(r"status=", r"warning: (?!.*(deprecated|overriding))", *more, **kw)


def heads(t, *users, headers=SHORT):
    """Of the mail of users only some headers: notices are long, and the subject of other scenarios."""
    for who in users:
        rows = []
        for f in [pathlib.Path(f"/var/mail/{who}"), *sorted(pathlib.Path(f"/home/{who}").glob("*/new/*"))]:
            if not f.is_file(): continue
            for m in re.split(r"(?m)^From (?=\S+  \w{3} \w{3} )", f.read_text(errors="replace")):
                keep = [l for l in m.split("\n\n")[0].split("\n") if l.split(":")[0].lower() in headers]
                if keep: rows.append("; ".join(keep))
        t.note(f"mail of {who}: {len(rows)}"); t.note("\n".join(f"  | {r}" for r in sorted(rows))) if rows else None
