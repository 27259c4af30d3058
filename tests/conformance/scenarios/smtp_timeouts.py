"""Servers that say nothing: each stage has its own time limit."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(smtp_helo_timeout="1s", smtp_mail_timeout="1s", smtp_rcpt_timeout="1s", smtp_data_init_timeout="1s", smtp_data_done_timeout="1s")
    all = onward.servers(t, {"banner": {"CONNECT": "HANG"}, "ehlo": {"EHLO": "HANG"}, "mail": {"MAIL": "HANG"}, "rcpt": {"RCPT": "HANG"}, "data": {"DATA": "HANG"}, "dot": {".": "HANG"}})
    t.start()
    onward.each(t, "alice@example.test", [f"u@{n}.example" for n in all])
    t.log(r"postfix/smtp: ")
