"""The cache of address verification: kept over restarts and shown by postmap, refreshed, expired, not at all, cleaned up; entries that are none; senders that change; probes by other routes; too many probes."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward, re, time


def ask(t, what, *recipients, sender="s@example.org", reload=True, **kw):
    t.title(what)
    if kw: t.main(**kw)
    if reload: t.reload()
    t.logs.clear(); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd(f"MAIL FROM:<{sender}>")
    for r in recipients: t.note(f"RCPT {r} " + s.cmd(f"RCPT TO:<{r}>", show="-").strip())
    s.cmd("QUIT"); s.close(); t.drain(); t.log("postfix.verify|deliverable|fatal|error:|queue active")


def run(t):
    onward.steady(t); old = t.norm; t.norm = lambda s: re.sub(r":\d{9,}:|:Q:", ":T:", re.sub(r"(double-bounce|probe)[0-9B-Z]+@", r"\1STAMP@", old(s)))
    t.main(relay_domains="$transport_maps", smtpd_recipient_restrictions="reject_unverified_recipient, permit", address_verify_poll_count="2", address_verify_poll_delay="1s", address_verify_map="lmdb:/var/lib/postfix/vc", unverified_recipient_reject_code="550")
    srv = onward.servers(t, {"ok": {}, "no": {"RCPT": "550 5.1.1 no such user"}, "later": {"RCPT": "450 4.2.0 greylisted"}})
    t.start()
    show = lambda: (time.sleep(2.2), t.sh("postmap -s lmdb:/var/lib/postfix/vc", sort=True))
    ask(t, "first", "a@ok.example", "a@no.example", "A@later.example"); show()
    t.title("restart"); t.stop(); t.sh("postfix start", quiet=True); time.sleep(2)
    ask(t, "again", "a@ok.example", "a@no.example", "A@later.example", reload=False)
    ask(t, "refresh", "a@ok.example", "a@no.example", address_verify_positive_refresh_time="1s", address_verify_negative_refresh_time="1s")
    ask(t, "expired", "a@ok.example", "a@no.example", address_verify_positive_expire_time="1s", address_verify_negative_expire_time="1s")
    ask(t, "no negative cache", "b@ok.example", "b@no.example", "b@no.example", address_verify_negative_cache="no", address_verify_positive_expire_time="31d", address_verify_negative_expire_time="3d", address_verify_positive_refresh_time="7d", address_verify_negative_refresh_time="3h"); show()
    t.main(address_verify_negative_cache="yes")
    t.stop(); t.sh("printf 'x@ok.example 0:1:zz:bad\\ny@ok.example 0:0:0:zero\\n' | postmap -i lmdb:/var/lib/postfix/vc; chown postfix /var/lib/postfix/vc.lmdb", quiet=True); t.sh("postfix start", quiet=True); time.sleep(1)
    ask(t, "bad entries", "a@ok.example", "x@ok.example", reload=False)
    ask(t, "sender", "c@ok.example", address_verify_sender="probe@foo.example.test")
    ask(t, "sender that changes", "d@ok.example", address_verify_sender_ttl="1000")
    ask(t, "null sender", "e@ok.example", address_verify_sender="<>", address_verify_sender_ttl="0")
    ask(t, "routes of their own", "g@ok.example", "g@z.example", "alice@example.test", address_verify_sender="double-bounce", address_verify_transport_maps="", address_verify_relayhost="[mail.no.example]:2501", address_verify_local_transport="error:5.1.1 not here")
    ask(t, "folder of root", "i@ok.example", address_verify_transport_maps="$transport_maps", address_verify_map="lmdb:/etc/postfix/vc"); t.sh("ls /etc/postfix/vc* /var/lib/postfix/vc*")
