"""What the scenarios about smtp and lmtp share."""
import re


def steady(t):
    """Queue IDs all look alike, sizes are hidden (they depend on queue IDs), and connections are not used again (that depends on timing)."""
    before = t.norm
    t.norm = lambda s: re.sub(r"\b(size|SIZE)=\d+", r"\1=N", re.sub(r"message size \d+ exceeds", "message size N exceeds", re.sub(r"\bQ\d+\b", "Q", before(s))))
    t.main(smtp_connection_cache_on_demand="no", lmtp_connection_cache_on_demand="no")


def site(t, domain, ip, **kw):
    """A domain with one mail exchanger, mail.DOMAIN at IP, and a server there."""
    t.dns(domain, "MX", f"10 mail.{domain}"); t.dns(f"mail.{domain}", "A", ip)
    return t.sink(ip, name=f"mail.{domain}", **kw)


def servers(t, scripts, base=2500, **kw):
    """For each NAME a server with its script, and the route of NAME.example to it; returns them by name."""
    out = {}
    for i, (name, script) in enumerate(scripts.items()):
        ip = f"203.0.113.{10 + i % 10}"; port = base + i
        t.dns(f"mail.{name}.example", "A", ip)
        out[name] = t.sink(ip, port, name=f"mail.{name}.example", script=script, **kw)
    t.main(transport_maps="texthash:/etc/postfix/tr")
    t.file("tr", "".join(f"{n}.example smtp:[mail.{n}.example]:{base + i}\n" for i, n in enumerate(scripts)))
    return out


def each(t, sender, recipients, **kw):
    """One message for each recipient, then all comes to rest."""
    for to in recipients: t.send(sender, [to], **kw)
    t.drain()


def ways(t, table, program="smtp", base=2700, hosts=None, **kw):
    """For each NAME a service of its own with these settings, and a server to which mail for NAME.example goes; returns the servers by name.
    TABLE has settings as a dictionary, and with them what the server does, as for sink."""
    out, rows = {}, []
    for i, (name, entry) in enumerate(table.items()):
        settings, server = entry if isinstance(entry, tuple) else (entry, {})
        ip, port = f"203.0.113.{10 + i % 10}", base + i
        t.dns(f"mail.{name}.example", "A", ip); t.dns(f"{10 + i % 10}.113.0.203.in-addr.arpa", "PTR", f"mail.{name}.example")
        t.master(f"{name} unix - - n - - {program}\n" + "".join(f"  -o {{ {k} = {v} }}\n" for k, v in settings.items()))
        out[name] = t.sink(ip, port, name=f"mail.{name}.example", **dict(kw, **server))
        where = f"[mail.{name}.example]:{port}"
        rows.append(f"{name}.example {name}:{'inet:' if program == 'lmtp' else ''}{where}\n")
    t.file("ways", "".join(rows)); t.main(transport_maps="texthash:/etc/postfix/ways")
    return out


def said(t, servers, drop=()):
    """What the servers heard, without the content."""
    for name, server in servers.items():
        for session in server.sessions: t.note(f"{name}: " + " | ".join(re.sub(r"\bSIZE=\d+", "SIZE=N", l) for l in session if not any(re.search(p, l) for p in drop)))
