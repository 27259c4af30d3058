"""postalias(1) and newaliases: every form of an alias line, wrong lines, queries, lists, and what the alias database is for."""

SOURCE = """root: a
Postmaster: root
list: :include:/x/y
p: "|/bin/cat -x"
f: /dev/null, "/a b"
novalue:
: v
nocolon
a, b: c
root: again
cont: a,
 b,
# comment
  c
com(ment): d (note)
esc: a\\ b, \\c
tr: x,
tr2: x,,y
lit: a@[1.2.3.4]
ang: <a@b>, Foo Bar <x@y>
grp: a: b;
file:/etc/x
pipe:|cmd
q: "a\\"b"
a.b: c
"""


def run(t):
    t.file("/w/t", SOURCE)
    def say(command, **kw): t.sh("cd /w; " + command, **kw)
    for kind in ("hash", "btree", "lmdb"):
        t.title(kind); say(f"postalias {kind}:t; postalias -s {kind}:t | grep -v YP_ | sort")
        say(f"for q in root ROOT postmaster list nobody @; do postalias -q $q {kind}:t || echo $? for $q; done; printf 'root\\nlist\\nnone\\n' | postalias -q - {kind}:t")
        say(f"printf 'new: x\\nroot: y\\n' | postalias -i {kind}:t; postalias -q new {kind}:t; postalias -q root {kind}:t; postalias -d root {kind}:t; echo $?; postalias -q root {kind}:t")
    t.title("newaliases")
    t.file("al", "team: alice, bob\n"); t.main(alias_database="hash:/etc/postfix/al", alias_maps="hash:/etc/postfix/al")
    t.start(); t.logs.clear()
    t.send("s@example.test", "team"); t.drain(); t.log("local.*(warning|error|to=<)"); t.sh("postsuper -d ALL", quiet=True)
    t.logs.clear(); t.sh("newaliases"); t.sh("postalias -q team hash:/etc/postfix/al"); t.sh("postfix reload", quiet=True)
    t.send("s@example.test", "team"); t.drain(); t.log("local.*(warning|error|to=<)")
