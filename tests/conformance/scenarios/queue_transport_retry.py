"""A transport without a service: mail waits for transport_retry_time however much of it there is, other transports go on, and a service that comes with a reload takes it."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); t.main(transport_maps="texthash:/etc/postfix/tr", transport_retry_time="600s"); t.file("tr", "lost.example lost:[203.0.113.10]\nfine.example smtp:[203.0.113.10]\n"); t.sink("203.0.113.10"); t.start()
    for i in range(3): t.send("", [f"u{i}@lost.example"]); t.drain()
    t.send("", ["u@fine.example"]); t.drain(); t.log("status=", "warning: connect"); t.showq(); t.logs.clear()
    t.master("lost unix - - n - - smtp"); t.reload(); t.send("", ["late@lost.example"]); t.drain(); t.sh("postqueue -f"); t.drain(); t.log("status="); t.showq()
