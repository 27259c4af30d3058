"""What the scenarios about the queue and about notices share."""
import re, subprocess
from onward import site, steady


def calm(t):
    """Queue IDs, sizes and the numbers in the names of queue files do not matter; connections are not used again."""
    steady(t)
    before = t.norm
    t.norm = lambda s: re.sub(r"-- \d+ Kbytes", "-- N Kbytes", re.sub(r"\buid=N?\d*", "uid=N", before(s)))


def mx(t, domain, name, ip):
    """A domain whose mail exchanger answers at IP, if anything does."""
    t.dns(domain, "MX", f"10 {name}"); t.dns(name, "A", ip)


def inject(t, sender, recipients, body="Subject: hi\n\nhello\n", user="alice"):
    """One message through sendmail."""
    t.sh(f"sendmail -i -f '{sender}' {recipients}", stdin=body, user=user, quiet=True)


def ids(t, sender=None):
    """Queue IDs, of one sender or of all."""
    return [q["queue_id"] for q in t.queue() if sender in (None, q["sender"])]


def say(t, command, **ids):
    """A command and what it says, its queue IDs by the names given here."""
    out = t.sh(command, quiet=True)
    for text in [f"$ {command}"] + ["  " + l for l in out.splitlines()]:
        for name, one in ids.items(): text = text.replace(one, name)
        t.note(text)


def mailq(t):
    """The listing with queue IDs, sizes and times left out, messages in a stable order."""
    p = subprocess.run("postqueue -p", shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for l in p.stdout.splitlines():
        if "warning:" in l: t.note("  " + l)
    p.stdout = "".join(l + "\n" for l in p.stdout.splitlines() if "warning:" not in l)
    blocks = [re.sub(r"(?m)^[0-9A-Za-z]+([ *!#]+) *\d+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d", r"ID\1 SIZE DATE", b.strip("\n")) for b in p.stdout.split("\n\n")]
    blocks = [re.sub(r"(?m)^(ID[!*#]*) +", r"\1 ", re.sub(r"(?m)^-- \d+ ", "-- N ", b)) for b in blocks]
    first = blocks[0].split("\n", 1) if blocks[0].startswith("-Queue") else None
    if first: blocks[0] = first[1]; t.note(first[0])
    last = [b for b in blocks if b.startswith("-- ")]
    for b in sorted(b for b in blocks if not b.startswith("-- ")) + last: t.note("\n".join("  " + l for l in b.splitlines()))
