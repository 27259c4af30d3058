"""Replies that nobody should send: no digits, too many digits, garbage between lines, very long lines, control characters, success where failure was meant."""
import pathlib, re, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    before = t.norm; t.norm = lambda line: re.sub(r"(x{300}|line 9 y).*", r"\1 and so on", before(line))  # where a line is cut depends on its queue ID
    all = onward.servers(t, {"garbage": {"MAIL": "what?\r\n250 2.1.0 Ok"}, "digits": {"RCPT": "2500 Ok\r\n250 2.1.5 Ok"}, "long": {"RCPT": "550 5.1.1 " + "x" * 3000}, "many": {"RCPT": "".join(f"550-5.1.1 line {i} " + "y" * 80 + "\r\n" for i in range(40)) + "550 5.1.1 end"},
                             "control": {"RCPT": "550 5.1.1 a\tb\x07c"}, "data250": {"DATA": "250 2.0.0 Ok"}, "rcpt354": {"RCPT": "354 go"}, "dot354": {".": "354 more"}, "dot250": {".": "250 4.7.1 strange"}, "codes": {"RCPT": "550 5.1 short"}, "codes2": {"RCPT": "450 5.7.1 mixed"},
                             "empty": {".": "250"}, "lines": {".": "250-2.0.0 first\r\n250 2.0.0 second"}, "r555": {"MAIL": "555 5.5.4 unsupported"}})
    t.start()
    onward.each(t, "", [f"u@{n}.example" for n in all])
    t.log(r"postfix/smtp: ")
    for n in ("garbage", "data250", "r555"): all[n].note(messages=False)
