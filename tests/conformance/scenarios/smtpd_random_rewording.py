"""smtpd_command_filter, smtpd_reject_footer and its maps, smtpd_noop_commands, smtpd_forbidden_commands and smtpd_discard_ehlo_keywords, mixed at random: what commands become, and what replies say."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

FILTERS = ["", "regexp:{{/^HELO (.*)/ EHLO $1}, {/^(MAIL FROM:<[^>]*>).*/ $1}}", "regexp:{{/^NOOP.*/ RSET}, {/^(RCPT TO:<alice)@.*/ $1@example.test>}, {/^FOO/ BAR}}", "regexp:{{/^(.*[^ ]) +$/ $1}, {/^rcpt to:(.*)/ RCPT TO:$1}}"]
FOOTERS = ["", "\\c. For help call 555", "call $client_address about $recipient", "\\c; at $server_name ($client_port) for $sender $helo_name", "554 5.7.1 odd"]
COMMANDS = ["NOOP", "NOOP x", "RSET", "FOO a", "HELP", "VRFY nobody", "MAIL FROM:<a@z.example> SIZE=1 FOO=BAR", "MAIL FROM:<a@z.example>  ", "rcpt to:<alice@far.example>", "RCPT TO:<nobody@example.test>", "RCPT TO:<u@far.example>", "GET / HTTP/1.1", "CONNECT x", "ETRN x", "DATA", "STARTTLS", "AUTH x", "BDAT x"]


def run(t):
    r = Chance(24); sets = []
    for _ in range(14):
        one = {"smtpd_command_filter": r.choice(FILTERS), "smtpd_reject_footer": r.choice(FOOTERS), "smtpd_noop_commands": r.choice(["", "FOO", "FOO VRFY ETRN", "RSET"]), "smtpd_forbidden_commands": r.choice(["CONNECT GET POST", "FOO", "", "regexp:{{/^GET/ x}}", "VRFY"]), "smtpd_discard_ehlo_keywords": r.choice(["", "etrn", "silent-discard, dsn, size", "starttls auth chunking"])}
        if r.maybe(.4): one["smtpd_reject_footer_maps"] = r.choice(["regexp:{{/^5/ by map}}", "regexp:{{/^4../ \\c mapped}, {/Relay/ 550 5.5.5 reworded}}", "static:always"])
        sets.append({k: v.replace("$", "$$") if k in ("smtpd_command_filter", "smtpd_reject_footer") else v for k, v in one.items()})
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0"); P = ports(t, *sets); t.start()
    for one, p in zip(sets, P):
        t.note(str(one))
        for _ in range(3): session(t, [r.choice(["HELO c.example", "EHLO c.example"]), *r.some([c for c in COMMANDS if c != "HELP"], 5, 9)], port=p, cut=3)
    without_numbers(t); t.log("smtpd: .*(reject|warning|discarding)", drop=("localhost",))
