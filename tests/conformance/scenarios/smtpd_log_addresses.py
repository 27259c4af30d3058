"""info_log_address_format: addresses with blanks, quotes and no domain in each log line, in external and internal form."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import without_numbers


def run(t):
    hop = catch(t, header_checks="regexp:{{/^Subject: bad/ REJECT no}}", smtpd_hard_error_limit="1000"); t.start(); without_numbers(t)
    for form in ("external", "internal"):
        t.title(form); t.main(info_log_address_format=form); t.reload(); t.logs.clear()
        for frm in ("a@z.example", '"a b"@z.example', '"a\\"b"@z.example', '"a@b"@z.example', '""@z.example', "", '"a..b"@z.example'):
            mail(t, "Subject: good\n\nx\n", frm=frm, to=['"r s"@example.test', "r@example.test", '"x\\\\y"@y.example'])
            mail(t, "Subject: bad\n\nx\n", frm=frm, to='"r s"@example.test'); mail(t, "Subject: x\n\nx\n", frm=frm, to=['"q z"@example.test', '"no where"@[1.2.3'])
        t.drain(); t.log("from=<|to=<", drop=("relay=local",))
