"""postmap(1): every way to make, ask, change and list a table, odd source lines, wrong command lines; exit codes, warnings."""

SOURCE = """A@b c d\x20
# comment
root: me
foo
"q q" v
bad" z
\\ e f
k\tv1
 v2

#c
 v3
d 1
D 2
"""


def run(t):
    t.sh("mkdir /w", quiet=True); t.file("/w/t", SOURCE); t.file("/w/blank", " x\na b\n"); t.file("/w/crlf", "a b\r\nc\r\n"); t.file("/w/latin", b"a\xff b\nc d\n")
    def say(command, **kw): t.sh("cd /w; " + command, **kw)
    for kind in ("hash", "btree", "lmdb"):
        t.title(kind)
        say(f"postmap {kind}:t")
        say(f"""for q in a@b A@B root: foo '"q q"' k d D; do postmap -q "$q" {kind}:t || echo $? for $q; done""")
        say(f"printf 'k\\nx\\n\\nroot:\\n' | postmap -q - {kind}:t")
        say(f"postmap -s {kind}:t", sort=kind == "hash")
        say(f"postmap -d A@B {kind}:t; echo $?; postmap -d A@B {kind}:t; echo $?; printf 'k\\nd\\n' | postmap -d - {kind}:t; echo $?; postmap -s {kind}:t | sort")
        say(f"printf 'x y\\nX z\\nno\\n' | postmap -i {kind}:t; echo $?; printf 'X q\\n' | postmap -ir {kind}:t; postmap -q x {kind}:t")
        for o in ("-r", "-w", "-f", "-n", "-N"): say(f"postmap {o} {kind}:t 2>/dev/null; postmap {o} -q d {kind}:t; postmap {o} -q D {kind}:t")
        say(f"postmap {kind}:none; postmap -q a {kind}:none; postmap -s {kind}:none")
        say(f"postmap {kind}:blank {kind}:crlf {kind}:latin; postmap -q a {kind}:crlf | od -c | head -1; postmap -q c {kind}:latin")
        suffix = {"lmdb": "lmdb"}.get(kind, "db")
        say(f"chmod 640 t; rm -f t.{suffix}; postmap {kind}:t 2>/dev/null; stat -c %a t.{suffix}; rm t.{suffix}; postmap -p {kind}:t 2>/dev/null; stat -c %a t.{suffix}; chmod 644 t")
        say(f"chown bob t; rm -f t.{suffix}; chmod 777 .; postmap {kind}:t 2>/dev/null; stat -c %U t.{suffix}; rm t.{suffix}; postmap -o {kind}:t 2>/dev/null; stat -c %U t.{suffix}; chown root t; chmod 755 .; rm -f t.{suffix}")
    t.title("an older database"); say("postmap btree:t 2>/dev/null; touch -d '1 hour ago' t.db; touch -d '30 minutes ago' t; postmap -q k btree:t")
    t.title("files as values"); t.file("/w/f", "one\n"); t.file("/w/g", "two"); t.file("/w/files", "a /w/f\nb /w/f, /w/g\nc /w/none\n")
    say("postmap -F btree:files; postmap -q a btree:files; postmap -Fq b btree:files; postmap -Fs btree:files; postmap -Fq a inline:{a=/w/f}; postmap -Fq a inline:{a=/w/none}; postmap -Fq a static:/w/g")
    t.title("wrong")
    for c in ("", "-x", "-q", "-q a", "-s", "-d a", "-b x", "-h -q x y", "-c /no/such -q a static:b", "-q a foo", "-q a :x", "-q a static:", "-s static:x", "-s regexp:t", "-d a static:x", "-d a unix:passwd.byname", "fail:t", "-q a fail:t"): say(f"postmap {c}")
