"""unionmap, pipemap, randmap, static and fail inside smtpd's lists: what they answer and what is logged."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))



def run(t):
    t.start()
    def go(what, table, *keys):
        t.title(what); t.main(smtpd_helo_restrictions=f"check_helo_access {table}"); t.reload(); t.logs.clear()
        for key in keys:
            s = t.smtp(); s.cmd(f"HELO {key}"); s.cmd("MAIL FROM:<a@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
        t.log("warning: |reject|error: ", drop=("postmaster",))
    t.file("one", "a.test REJECT one\n"); t.file("two", "a.test two\nb.test REJECT only\n"); t.file("three", "one REJECT piped\n"); t.file("first", "a.test one\n")
    go("unionmap", "unionmap:{texthash:/etc/postfix/one,texthash:/etc/postfix/two}", "a.test", "b.test", "c.test")
    go("pipemap", "pipemap:{texthash:/etc/postfix/first,texthash:/etc/postfix/three}", "a.test", "c.test")
    go("randmap", "randmap:{REJECT}", "a.test")
    go("static", "static:{REJECT everything here}", "a.test")
    go("fail", "fail:some", "a.test")
    go("failing union", "unionmap:{static:OK,fail:x}", "a.test")
    go("bad syntax", "unionmap:x", "a.test")
