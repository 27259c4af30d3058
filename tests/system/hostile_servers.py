#!/usr/bin/env python3
"""Next hops that mean harm: they hang up after each byte of what they say, answer garbage, without end, too early or twice, and promise extensions that
they then refuse. No message is lost or returned without a reason, none that was taken is sent again, memory is bounded, and honest servers notice
nothing."""
import os, pathlib, re, smtplib, socket, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, wait_for

MEMORY_MOST = 96 << 20  # growth of smtp's memory
EHLO = b"250-hop\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n"
HONEST = {"CONNECT": b"220 hop ESMTP\r\n", "EHLO": EHLO, "HELO": b"250 hop\r\n", "MAIL": b"250 2.1.0 Ok\r\n", "RCPT": b"250 2.1.5 Ok\r\n", "DATA": b"354 go on\r\n", ".": b"250 2.0.0 taken\r\n", "QUIT": b"221 2.0.0 Bye\r\n", "RSET": b"250 2.0.0 Ok\r\n"}


class Hop(threading.Thread):
    """Speaks SMTP as far as REPLIES go; a reply may be a function of the socket. CUT: after so many bytes the connection ends, one more each time.
    TOOK has the recipients of each message that was taken, once the whole reply to its end has been given."""

    def __init__(self, replies=(), cut=None):
        super().__init__(daemon=True)
        self.replies, self.cut, self.took, self.seen = dict(HONEST, **dict(replies)), cut, [], 0
        self.s = socket.create_server(("127.0.0.1", 0), backlog=200); self.port = self.s.getsockname()[1]; self.start()

    def run(self):
        while True:
            c, _ = self.s.accept(); threading.Thread(target=self.serve, args=(c, self.seen), daemon=True).start(); self.seen += 1

    def serve(self, c, number):
        left = [None if self.cut is None else self.cut(number)]

        def say(what):
            reply = self.replies.get(what, b"502 5.5.2 what\r\n")
            if callable(reply): reply(c); return
            if left[0] is not None:
                c.sendall(reply[:left[0]]); left[0] -= len(reply)
                if left[0] <= 0: raise EOFError
            else: c.sendall(reply)
        try:
            c.settimeout(30)
            say("CONNECT"); f = c.makefile("rb"); to = []; body = False
            for line in f:
                if body:
                    if line == b".\r\n":
                        body = False; say(".")
                        if self.replies["."][:1] == b"2": self.took.append(to)
                        to = []
                    continue
                verb = line.split(b" ")[0].strip().upper().decode("ascii", "replace")
                good = lambda what: self.replies[what][:1] == b"2"
                if verb == "RCPT" and good("RCPT") and good("MAIL"): to.append(re.search(rb"<(.*?)>", line).group(1).decode())
                say(verb)
                if verb == "DATA": body = self.replies["DATA"][:3] == b"354"
                if verb == "QUIT": break
        except (OSError, EOFError, AttributeError, TypeError): pass
        try: c.shutdown(socket.SHUT_RDWR)
        except OSError: pass
        c.close()


def system(hops, **more):
    routes = "".join(f"{{{name}.test=smtp:[127.0.0.1]:{hop.port}}}, " for name, hop in hops.items())
    seconds = {f"smtp_{stage}_timeout": "3s" for stage in ("connect", "helo", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset")}
    return System(dict(transport_maps="inline:{" + routes.rstrip(", ") + "}", default_destination_concurrency_failed_cohort_limit="0", minimal_backoff_time="1h", maximal_backoff_time="1h", queue_run_delay="1h",
                       smtp_connection_cache_on_demand="no", **seconds) | more)


def send(system, recipients, body=b"Subject: x\r\n\r\nhello\r\n", **options):
    with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
        client.ehlo()
        for to in recipients:
            for code, reply in (client.docmd("MAIL", f"FROM:<user1@box.test>{options.get('mail', '')}"), client.docmd("RCPT", f"TO:<{to}>{options.get('rcpt', '')}"), client.data(body)):
                assert code in (250, 354), reply


def fates(system, recipients):
    """What the log says about each, in the end: a list of (status, text)."""
    def read():
        found = {to: [] for to in recipients}
        for to, status, text in re.findall(r"smtp\[\d+\]: \w+: to=<(.*?)>.* status=(\w+) \((.*)\)$", system.log(), re.M):
            if to in found: found[to].append((status, text))
        return found
    wait_for(lambda: all(read().values()), "an end for all", system)
    return read()


def memory(system):
    total = 0
    for pid in system.processes():
        try:
            if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"smtp"):
                total += sum(int(l.split()[1]) << 10 for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith("RssAnon"))
        except OSError: pass
    return total


def hangs_up_after_each_byte():
    whole = sum(len(HONEST[k]) for k in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."))
    hop = Hop(cut=lambda number: number if number < whole else None)
    with system({"cut": hop}) as s:
        names = [f"u{n}@cut.test" for n in range(whole + 3)]
        send(s, names); found = fates(s, names)
        taken = [to for message in hop.took for to in message]
        for to in names:
            assert len(found[to]) == 1, (to, found[to])
            status, text = found[to][0]
            assert status == "sent" if to in taken else status == "deferred", (to, found[to])
            assert status == "sent" or re.search(r"lost connection with|Connection refused", text), (to, text)
        assert 3 <= len(taken) <= 5, taken
        hop.cut = None; s.command("postqueue", "-f"); s.drain()
        taken = [to for message in hop.took for to in message]
        assert sorted(taken) == sorted(names), "each was taken once"


def endless(text):
    def reply(c):
        while True: c.sendall(text * 200)
    return reply


REFUSED = [f"u@{n}.test" for n in ("zero", "word", "mixed", "sizes", "twice", "yes", "huge", "eager")]  # as if the reply were a refusal for good, which is what Postfix makes of it


def answers_garbage():
    garbage = {
        "nul": {"CONNECT": b"\0\0\0\r\n"}, "noise": {"EHLO": bytes(range(256)) * 4 + b"\r\n", "HELO": b"\xff\xfe\r\n"}, "long": {"EHLO": b"250 " + b"x" * 300_000 + b"\r\n"}, "zero": {"MAIL": b"000 what\r\n"},
        "huge": {"RCPT": b"99999 what\r\n"}, "word": {"DATA": b"OK\r\n"}, "mixed": {"MAIL": b"250-a\r\n550 b\r\n"}, "open": {"CONNECT": endless(b"220-more\r\n")}, "lines": {"EHLO": endless(b"250-more\r\n")}, "line": {"MAIL": endless(b"2")},
        "keywords": {"EHLO": b"250-hop\r\n" + b"".join(b"250-X%d y\r\n" % n for n in range(20_000)) + b"250 SIZE\r\n"}, "sizes": {"EHLO": b"250-hop\r\n250-SIZE 99999999999999999999999\r\n250 SIZE -1\r\n"}, "eager": {"CONNECT": HONEST["CONNECT"] + EHLO + HONEST["MAIL"]},
        "twice": {"MAIL": b"250 Ok\r\n550 5.7.1 or not\r\n"}, "yes": {".": b"354 more\r\n"}, "multi": {".": b"250-2.0.0 a\r\n250 2.0.0 taken\r\n"}, "bare": {"RCPT": b"250 Ok\n"}, "enhanced": {"RCPT": b"250 5.1.1 not really\r\n"}, "good": {},
    }
    hops = {name: Hop(replies) for name, replies in garbage.items()}
    with system(hops) as s:
        send(s, ["first@good.test"]); fates(s, ["first@good.test"]); before = memory(s)
        names = [f"u@{name}.test" for name in hops]
        send(s, names); found = fates(s, names); grown = memory(s) - before
        assert grown < MEMORY_MOST, f"smtp grew by {grown >> 20} MiB"
        for to in names:
            took = sum(to in message for message in hops[to[2:-5]].took)
            statuses = [status for status, _ in found[to]]
            assert len(statuses) == 1 and took <= 1, (to, found[to])
            assert statuses == ["sent"] or to not in ("u@good.test", "u@multi.test", "u@keywords.test"), found[to]
            assert statuses != ["sent"] or took == 1, (to, "was never taken")
            assert statuses != ["bounced"] or to in REFUSED, (to, found[to])
        send(s, ["last@good.test"]); assert fates(s, ["last@good.test"])["last@good.test"][0][0] == "sent"
        assert "panic" not in s.log()


def promises_and_refuses():
    offers = b"250-hop\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-STARTTLS\r\n250-CHUNKING\r\n250-AUTH PLAIN LOGIN\r\n250 REQUIRETLS\r\n"
    ways = {
        "mail5": ({"EHLO": offers, "MAIL": b"555 5.5.4 SIZE? never heard of it\r\n"}, "bounced"), "mail4": ({"EHLO": offers, "MAIL": b"451 4.3.0 no extensions today\r\n"}, "deferred"),
        "rcpt5": ({"EHLO": offers, "RCPT": b"555 5.5.4 NOTIFY? no\r\n"}, "bounced"), "starttls": ({"EHLO": offers, "STARTTLS": b"454 4.7.0 no TLS\r\n"}, "sent"), "notls": ({"EHLO": offers, "STARTTLS": b"220 2.0.0 go\r\nnot a handshake\r\n"}, None),
        "data5": ({"EHLO": offers, "DATA": b"554 5.5.1 no pipelining\r\n"}, "bounced"), "data250": ({"EHLO": offers, "DATA": b"250 2.0.0 as if\r\n"}, "bounced"), "ehlo5": ({"EHLO": b"502 5.5.1 no EHLO\r\n"}, "sent"), "nothing": ({"EHLO": b"250 hop\r\n"}, "sent"),
        "forgets": ({"EHLO": offers, "RSET": b"502 5.5.1 what\r\n"}, "sent"), "dot5": ({"EHLO": offers, ".": b"552 5.3.4 larger than I said\r\n"}, "bounced"),
    }
    hops = {name: Hop(replies) for name, (replies, _) in ways.items()}
    with system(hops, smtp_tls_security_level="may", virtual_mailbox_domains="box.test") as s:
        names = [f"u@{name}.test" for name in hops]
        send(s, names, mail=" BODY=8BITMIME SIZE=50 RET=HDRS ENVID=x", rcpt=" NOTIFY=FAILURE,DELAY", body="Subject: x\r\n\r\n\u00e9\r\n".encode())
        found = fates(s, names)
        for name, (_, expected) in ways.items():
            status, text = found[f"u@{name}.test"][-1]
            took = sum(f"u@{name}.test" in message for message in hops[name].took)
            assert expected in (None, status), (name, found[f"u@{name}.test"])
            assert (status == "sent") == (took == 1), (name, status, took)
        returned = sum(expected == "bounced" for _, expected in ways.values())
        wait_for(lambda: len(s.maildir("user1")) == returned, "notices about what was refused", s)
        assert "panic" not in s.log()


main(hangs_up_after_each_byte, answers_garbage, promises_and_refuses)
