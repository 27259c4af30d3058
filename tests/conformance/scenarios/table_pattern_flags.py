"""pcre: and regexp: flags, IF and ENDIF inside each other, negated rules, cidr: with IF; in postmap and header_checks."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))

NEEDS = ('pcre',)



def run(t):
    say = lambda kind, rules, *keys: (t.file("/w/r", rules), t.sh("for q in " + " ".join(f"'{k}'" for k in keys) + f"; do echo \"$q: $(postmap -q \"$q\" {kind}:/w/r 2>&1)\"; done"))
    for kind in ("pcre", "regexp"):
        t.title(f"{kind}: case"); say(kind, "/abc/i off\n/DEF/ on\n", "abc", "ABC", "def", "DEF")
        t.title(f"{kind}: nested"); say(kind, "if /^a/\nif !/b/\n/c/ a-not-b-c\nendif\n/b/ a-b\n!/d/ a-not-d\nendif\n/./ rest\n", "ac", "abc", "ad", "ae", "x")
        t.title(f"{kind}: parts"); say(kind, "/^(.)(.*)@(.*)$/ ${1}-$2-$(3)-$$\n", "user@example.test", "x@y", "@y")
    t.title("pcre: flags")
    say("pcre", "/a b/x extended\n", "ab", "a b"); say("pcre", "/^two$/m lines\n", "one\ntwo"); say("pcre", "/a.b/s dot\n", "a\nb"); say("pcre", "/b/A anchored\n", "ab", "b"); say("pcre", "/a$/E end\n", "a", "ab")
    say("pcre", "/(a+)(a*)/U $1-$2\n", "aaa"); say("pcre", "/\\j/X extra\n", "j"); say("pcre", "/a/iU two\n", "A"); say("pcre", "/a/k unknown\n", "a"); say("pcre", "/(?<n>a)\\k<n>/ named\n", "aa", "a")
    t.title("regexp: flags"); say("regexp", "/a|b+/x basic\n", "a", "a|b+"); say("regexp", "/^two$/m lines\n", "one\ntwo")
    t.title("cidr"); say("cidr", "if 10.0.0.0/8\n10.1.0.0/16 inner\n!10.2.0.0/16 not-two\nendif\n!192.0.2.0/24 outside\n2001:db8::/32 six\n", "10.1.2.3", "10.2.2.3", "10.3.0.1", "192.0.2.1", "2001:db8::1", "text")
    t.title("header_checks"); t.file("checks", "if /^Subject:/\n/secret/i REJECT not this\n!/ok/ WARN odd\nendif\n/^X-(.+): (.*)$/ REPLACE X-New-$1: $2\n"); t.main(header_checks="pcre:/etc/postfix/checks"); t.start()
    for subject in ("a SECRET", "fine ok", "other"): t.send("a@example.test", "alice@example.test", f"Subject: {subject}\nX-One: two\n\nx\n")
    t.drain(); t.log("warning: header|reject:|expansion|dropped|replace"); t.mail("alice", headers=("subject", "x-new-one"))
