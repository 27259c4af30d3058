"""pipe(8) macros and attributes: all names, several recipients, extensions, directory, size, null_sender, mistakes in the line."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/rec", 'n=$1; shift; { id -un; id -gn; pwd; umask; printf "arg <%s>\\n" "$@"; env | grep -E "^(PATH|HOME|USER|FRUIT|MAIL|LANG|SENDER)" | sort; } >>/var/vmail/$n; cat >/dev/null')
    rec = "argv=/usr/local/bin/rec"; all_names = "s=${sender} r=${recipient} o=${original_recipient} u=${user} e=${extension} m=${mailbox} d=${domain} n=${nexthop} ca=${client_address} ch=${client_hostname} ce=${client_helo} cp=${client_protocol} su=${sasl_username} sm=${sasl_method} ss=${sasl_sender} id=${queue_id} env=${envid}"
    lines = {"all": f"user=vmail {rec} all {all_names}", "many": f"user=vmail {rec} many -f ${{sender}} -- ${{recipient}} last", "mixed": f"user=vmail {rec} mixed ${{user}}@${{domain}} ${{recipient}}x${{nexthop}} $(sender)", "group": f"user=vmail:users directory=/tmp {rec} group",
             "small": f"user=vmail size=500 {rec} small", "unknown": f"user=vmail {rec} unknown ${{fruit}}", "nouser": f"{rec} nouser", "noargv": "user=vmail flags=R", "root": f"user=root {rec} root", "who": f"user=no-such-user {rec} who", "grp": f"user=vmail:no-such-group {rec} grp", "flag": f"flags=Z user=vmail {rec} flag",
             "attr": f"fruit=apple user=vmail {rec} attr", "owner": f"user=postfix {rec} owner", "dmany": f"flags=D user=vmail {rec} dmany", "omany": f"flags=O user=vmail {rec} omany", "dloop": f"flags=D user=vmail {rec} dloop", "nodir": f"user=vmail directory=/no/such {rec} nodir", "cond": f"user=vmail {rec} cond ${{extension?has}} ${{extension:no}} ${{sender?{{a}}:{{b}}}}"}
    for n, l in lines.items(): t.master(f"{n} unix - n n - - pipe\n  {l}")
    t.main(export_environment="TZ MAIL_CONFIG LANG FRUIT=pear", recipient_delimiter="+", relay_domains="$transport_maps", transport_maps="texthash:/etc/postfix/tr", virtual_alias_maps="inline:{orig@all.v.test=Real+Ext@all.v.test}", dloop_destination_recipient_limit="1")
    t.file("tr", "".join(f"{n}.v.test {n}:Hop.{n}\n" for n in lines)); t.start()
    s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<Some.One@client.example.org> ENVID=some+2Bid"); s.cmd("RCPT TO:<orig@all.v.test>"); s.cmd("DATA"); s.data("Subject: x\n\nx\n"); s.cmd("QUIT"); s.close()
    for n in ("many", "mixed", "dmany", "omany", "cond"): t.send("x@client.example.org", [f"a+e@{n}.v.test", f"B@{n}.v.test", f"c@{n.upper()}.v.test"])
    t.send("x@client.example.org", ["a@dloop.v.test"], body="Delivered-To: A@dloop.v.test\nSubject: x\n\nx\n")
    t.send("x@client.example.org", ["a@small.v.test"], body="Subject: x\n\n" + "x" * 900 + "\n")
    for n in ("group", "unknown", "nodir"): t.send("x@client.example.org", [f"a@{n}.v.test"])
    t.drain(); status(t, drop=(r"to=<x@",)); t.logs.clear()
    for n in ("nouser", "noargv", "root", "who", "grp", "flag", "attr", "owner"): t.send("x@client.example.org", [f"a@{n}.v.test"])
    t.drain(); t.log(r"pipe: (fatal|warning)"); t.showq()
    for n in lines: cat(t, f"/var/vmail/{n}", ".") if pathlib.Path(f"/var/vmail/{n}").exists() else None
