"""Changes on the way out: smtp_generic_maps in envelope and headers, smtp_header_checks and relatives, smtp_delivery_status_filter, smtp_reply_filter, flags D and O with several recipients."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    services = {"generic": "smtp_generic_maps=texthash:/etc/postfix/generic", "checks": "smtp_header_checks=regexp:/etc/postfix/head\n  -o smtp_mime_header_checks=regexp:/etc/postfix/mime\n  -o smtp_nested_header_checks=regexp:/etc/postfix/nested\n  -o smtp_body_checks=regexp:/etc/postfix/body",
                "status": "smtp_delivery_status_filter=regexp:/etc/postfix/status", "reply": "smtp_reply_filter=regexp:/etc/postfix/reply"}
    t.file("generic", "alice@example.test alice@public.example\n@example.test everybody@public.example\nu@generic.example changed\nbob @bobs.example\n")
    t.file("head", "/^Subject: (.*)/ REPLACE Subject: [$1]\n/^X-Gone/ IGNORE\n/^X-Strip/ STRIP says why\n/^X-Warn/ WARN look\n/^X-Info/ INFO look\n/^X-Pre/ PREPEND X-Before: 1\n/^X-Bad/ REPLACE no header\n/^X-Odd/ REJECT no\n")
    t.file("mime", "/^Content-Type: text\\/html/ REPLACE Content-Type: text/plain\n"); t.file("nested", "/^X-Inner/ IGNORE\n"); t.file("body", "/secret/ REPLACE ******\n/^gone/ IGNORE\n")
    t.file("status", "/^5\\.1\\.1 (.*)/ 4.1.1 softened: $1\n/^2(.*)/ 2$1 (really)\n/^4\\.2\\.0/ 2.0.0 nonsense\n"); t.file("reply", "/^250 2.0.0 (.*)/ 250 2.7.0 so $1\n/^450/ 550 5.9.9 harder\n")
    t.main(transport_maps="texthash:/etc/postfix/tr"); rows = []; sinks = {}
    for i, (n, o) in enumerate(services.items()):
        t.master(f"{n} unix - - n - - smtp\n  -o {o}"); sinks[n] = t.sink(f"203.0.113.{10 + i}", 2900, name=n, script={"status": {"RCPT no@status.example": "550 5.1.1 nobody", "RCPT later@status.example": "450 4.2.0 later"}, "reply": {"RCPT later@reply.example": "450 4.2.0 later"}}.get(n))
        rows.append(f"{n}.example {n}:[203.0.113.{10 + i}]:2900\n")
    t.master("deliveredto unix - - n - - smtp flags=D"); rows.append("d.example deliveredto:[203.0.113.10]:2900\n")
    t.file("tr", "".join(rows)); t.start()
    t.send("alice@example.test", ["u@generic.example", "Else@example.com@generic.example".replace("@example.com", "")], body="From: Alice <alice@example.test>, root@example.test\nTo: u@generic.example,\n  other@elsewhere.example\nCc: bob@example.test\nReply-To: (x) <dave+ext@example.test>\nSubject: alice@example.test\n\nalice@example.test\n")
    t.send("bob@example.test", ["carol@generic.example"])
    t.send("alice@example.test", ["u@checks.example"], body="Subject: hello\nX-Gone: 1\nX-Strip: 2\nX-Warn: 3\nX-Info: 4\nX-Pre: 5\nX-Bad: 6\nX-Odd: 7\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\nsecret\ngone\nkept\n--b\nContent-Type: message/rfc822\n\nX-Inner: 1\nSubject: inner\n\nsecret again\n--b--\n")
    for to in ("yes@status.example", "no@status.example", "later@status.example", "yes@reply.example", "later@reply.example"): t.send("", [to])
    t.send("", ["a@d.example", "b@d.example"]); t.send("", ["loop@d.example"], body="Delivered-To: Loop@d.example\nSubject: x\n\n.\n"); t.drain()
    t.log(r"postfix/(\w+/)?smtp: ")
    for n in ("generic", "checks", "reply"): sinks[n].note(headers=("from", "to", "cc", "reply-to", "subject", "x-before", "x-gone", "x-strip", "x-pre", "x-bad", "x-odd", "delivered-to", "mail from", "rcpt to"))
    t.showq()
