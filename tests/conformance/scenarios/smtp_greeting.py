"""How a session begins: banners of several lines, refusals, EHLO that is not understood, servers that hang up, own name in the banner."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    all = onward.servers(t, {
        "plain": {"CONNECT": "220 mail.plain.example"}, "lines": {"CONNECT": "220-mail.lines.example ESMTP\r\n220-no spam\r\n220 please"},
        "old": {"EHLO": "500 5.5.1 what", "HELO": "250 mail.old.example"}, "helo5": {"EHLO": "502 no", "HELO": "554 5.7.1 never"},
        "helo4": {"EHLO": "502 no", "HELO": "450 4.7.1 later"}, "ehlo421": {"EHLO": "421 4.3.2 closing"}, "ehlo450": {"EHLO": "450 4.3.2 not yet"},
        "g450": {"CONNECT": "450 4.3.2 busy"}, "g550": {"CONNECT": "550 5.7.1 go away"}, "g354": {"CONNECT": "354 hello"}, "gdrop": {"CONNECT": "DROP"}, "edrop": {"EHLO": "DROP"},
        "hdrop": {"EHLO": "500 no", "HELO": "DROP"}, "mine": {"CONNECT": "220 foo.example.test ESMTP"}, "stars": {"CONNECT": "220 ****************"}})
    t.start()
    onward.each(t, "alice@example.test", [f"u@{n}.example" for n in all])
    t.log(r"postfix/smtp: ")
    for n in ("plain", "lines", "old", "ehlo450", "mine", "stars"): all[n].note(messages=False)
    t.showq()
