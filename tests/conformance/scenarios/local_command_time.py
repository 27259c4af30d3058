"""A command that hangs is killed with all that it started, and one that closes its input or output early is not misjudged."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", """hang "|echo begun; sleep 60 & sleep 60"
early "|exec 0<&-; exit 0"
silent "|exec >&- 2>&-; cat >/dev/null"
busy "|while :; do :; done"
""")
    services(t, "local", {"std": dict(alias_maps="texthash:/etc/postfix/aliases", command_time_limit="2s"), "big": dict(alias_maps="texthash:/etc/postfix/aliases")})
    t.start()
    each(t, "x@client.example.org", "hang@std.v.test", "early@std.v.test", "silent@std.v.test", "busy@std.v.test")
    each(t, "x@client.example.org", "early@big.v.test", "silent@big.v.test", body="Subject: big\n\n" + ("x" * 60 + "\n") * 5000)
    status(t, drop=(r"to=<x@",)); t.sh("ps -eo args | grep -c '[s]leep 60'")
