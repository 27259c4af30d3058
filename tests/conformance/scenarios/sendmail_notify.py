"""sendmail -N, -R, -V, -bv, -v with recipients of all kinds: what the submitter hears."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user", "RCPT slow": "450 4.2.0 later"})
    t.file("aliases", "team bob, bad@far.example\nowner-list carol\nlist bob, ghost\ncmd \"|exit 67\"\n"); t.main(virtual_alias_domains="v.example", virtual_alias_maps="inline:{ {x@v.example=bob@example.test u@far.example} }")
    t.start()
    for c in ("-bv team", "-bv slow@far.example", "-v bob", "-N never ghost bob", "-N success,failure team", "-N success list", "-N delay ghost", "-N failure -R hdrs -V envelope-1 ghost", "-N success -R full bob", "-N never ghost"):
        t.title(c); t.sh(f"sendmail -i {c}", stdin="Subject: hi\nMessage-ID: <1@x>\n\nhello\n", user="alice"); t.drain()
        for who in ("alice", "carol"): t.mail(who); t.sh(f"rm -f /var/mail/{who}", quiet=True)
        t.sh("postsuper -d ALL", quiet=True); t.log("status=", "notification"); t.logs.clear()
