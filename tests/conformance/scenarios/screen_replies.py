"""What changes replies and commands on their way: footers, soft_bounce, postscreen_command_filter, keywords by address."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *
import re

DIALOGUE = ("EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>")


def run(t):
    t.file("filter", "/^HELLO (.*)/ EHLO $1\n/^empty/ RSET\n"); t.file("keywords", "203.0.113.10 dsn, size\n203.0.113.11 silent-discard, chunking, starttls\n203.0.113.12 etrn\n")
    t.file("footers", "/busy|Protocol/ \\c, own footer\n/^450/ mapped $$client_address\\nsecond line\n")
    own = {"postscreen_pipelining_enable": "yes", "postscreen_greet_banner": ""}
    P = screens(t, {**own, "postscreen_command_filter": "regexp:/etc/postfix/filter", "postscreen_discard_ehlo_keyword_address_maps": "texthash:/etc/postfix/keywords"},
                {**own, "postscreen_reject_footer": "call $server_name, not $client_address; $client_port is ${client_port?here}"}, {**own, "postscreen_reject_footer_maps": "regexp:/etc/postfix/footers", "postscreen_reject_footer": "\\c default"},
                {**own, "soft_bounce": "yes", "postscreen_access_list": "static:reject", "postscreen_denylist_action": "enforce"}, {**own, "postscreen_access_list": "static:reject", "postscreen_denylist_action": "drop", "postscreen_reject_footer": "\\c ($server_name)\\nat $$server_name"})
    t.start()
    t.title("command filter"); talk(t, P[0], A[5], "HELLO c.example", " empty x", "HELLO", "NOOP"); heard(t)
    for i in range(3): talk(t, P[0], A[i], "EHLO c.example", "BDAT 1" if i == 1 else "NOOP", title=f"keywords of {A[i]}")
    time.sleep(0.5)
    for l in sorted(t.logs):
        if "discarding" in l: t.note("log: " + re.sub(r"(?<=\])\d+", "PORT", l))
    heard(t, "warning", drop=("CONNECT", "discarding"))
    t.title("footer"); s = call(t, P[1], A[0]); greeting(s)
    for c in DIALOGUE: r = ask(s, c)
    t.note(r.replace(str(s.s.getsockname()[1]), "PORT")); ask(s, "QUIT"); s.close()
    talk(t, P[2], A[0], *DIALOGUE, "BLURB", title="footers by table"); talk(t, P[3], A[0], *DIALOGUE, "VRFY x", title="soft_bounce"); talk(t, P[4], A[0], title="several lines"); heard(t)
