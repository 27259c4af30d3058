"""Limits on headers and MIME: header_size_limit, header_address_token_limit, mime_nesting_limit, mime_boundary_length_limit, disable_mime_input_processing, disable_mime_output_conversion."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


def run(t):
    t.file("h.re", "/^X-/ INFO header\n/^Content-Type:/ INFO type\n")
    hop = catch(t, header_checks="regexp:/etc/postfix/h.re", header_size_limit="300", header_address_token_limit="40", mime_nesting_limit="3", mime_boundary_length_limit="20"); t.start()
    deep = lambda n: "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(n)) + "X-Deep: x\n\ntext\n"
    cases = {"long header": "X-Long: " + "x" * 500 + "\nX-After: y\n\nt\n", "folded": "X-Fold: a\n" + "".join(f" line {i} " + "y" * 40 + "\n" for i in range(12)) + "X-After: y\n\nt\n", "many addresses": "To: " + ", ".join(f"user{i}@z.example" for i in range(40)) + "\nX-After: y\n\nt\n",
             "nested 2": deep(2), "nested 3": deep(3), "nested 5": deep(5), "long boundary": "Content-Type: multipart/mixed; boundary=\"" + "b" * 40 + "\"\n\n--" + "b" * 40 + "\nX-Part: one\n\nt\n--" + "b" * 20 + "\nX-Part: short\n\nt\n", "8 bit": "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ncaf\u00e9\n", "digest": "Content-Type: multipart/digest; boundary=d\n\n--d\n\nX-In: digest\n\nt\n--d--\n"}
    def go(title, **kw):
        t.title(title)
        if kw: t.main(**kw); t.reload()
        for k, c in cases.items(): t.note(f"{k}: " + mail(t, f"Subject: {k}\n{c}", frm="f@z.example", to="r@example.test").split(" queued")[0])
        t.drain()
        for m in sorted(hop.messages, key=lambda m: m.split(b"Subject: ")[1]): text = m.decode("utf-8", "replace").replace("\r\n", "\n").split("Subject: ")[1]; t.note("| " + text.replace("\n", "|")[:700])
        hop.messages.clear(); hop.sessions.clear(); once(t, "cleanup.*(info:|warning|reject)"); t.logs.clear()
    go("limits"); go("no processing", disable_mime_input_processing="yes"); go("no conversion", disable_mime_input_processing="no", disable_mime_output_conversion="yes")
