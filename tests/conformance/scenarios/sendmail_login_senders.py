"""local_login_sender_maps: which senders each user of sendmail may name, with wildcards, the null sender and users that are in no table."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t)
    t.main(local_login_sender_maps="texthash:/etc/postfix/senders", empty_address_local_login_sender_maps_lookup_key="<>"); t.file("senders", "alice alice@example.test, al@example.test\nbob *\ncarol @example.test, <>\n"); t.start()
    for user in ("alice", "bob", "carol", "dave"):
        for sender in ("alice@example.test", "carol@example.test", "x@elsewhere.example", "alice", "<>"):
            t.sh(f"sendmail -i -f '{sender}' bob@example.test", stdin=f"Subject: from {user}\n\nx\n", user=user)
    t.sh("sendmail -i -f any@elsewhere.example bob@example.test", stdin="Subject: from root\n\nx\n"); time.sleep(1.5); t.log("pickup: .*from=<|warning")
