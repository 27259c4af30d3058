"""smtp_helo_name, smtp_always_send_ehlo, smtp_never_send_ehlo, smtp_skip_5xx_greeting, smtp_discard_ehlo_keywords, smtp_skip_quit_response."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    variants = {"name": "smtp_helo_name=other.example.test", "always": "smtp_always_send_ehlo=yes", "never": "smtp_never_send_ehlo=yes", "final": "smtp_skip_5xx_greeting=no",
                "discard": "smtp_discard_ehlo_keywords=size,8bitmime,pipelining", "silent": "smtp_discard_ehlo_keywords=size,silent-discard", "polite": "smtp_skip_quit_response=no", "soft": "soft_bounce=yes"}
    scripts = {"always": {"CONNECT": "220 mail.always.example"}, "final": {"CONNECT": "554 5.7.1 go away"}, "soft": {"RCPT": "550 5.1.1 unknown"}}
    t.main(transport_maps="texthash:/etc/postfix/tr")
    sinks = {}
    for i, (n, o) in enumerate(variants.items()):
        t.master(f"{n} unix - - n - - smtp\n  -o {o}")
        sinks[n] = t.sink(f"203.0.113.{10 + i}", 2600 + i, name=f"mail.{n}.example", script=scripts.get(n))
    t.file("tr", "".join(f"{n}.example {n}:[203.0.113.{10 + i}]:{2600 + i}\n" for i, n in enumerate(variants)))
    t.start()
    onward.each(t, "alice@example.test", [f"u@{n}.example" for n in variants])
    t.log(r"postfix/(smtp|name|always|never|final|discard|silent|polite|soft)?/?smtp: |status=")
    for n in variants: sinks[n].note(messages=False)
