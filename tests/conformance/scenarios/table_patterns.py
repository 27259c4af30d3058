"""regexp:, pcre:, cidr: and the tables without a file: rules, substitutions, nesting, every wrong line, inline rules."""

RULES = r"""/^(a+)(b)?/ $1-${2}-$(1)$$
!/x/ neg
if /y/
/z/ zz
endif
/unclosed
/a/q bad
/a/
!/a/ $1
/a/ $1
/(a/ x
/a/ $x
/a/ $0
/a/ ${1
/a/ $
endif
if /q/ extra
foo
ENDIF x
if !/a/
 /indented/ x
/a/i ci
/(a)(b)/ $3
|pipe| v
#c
/cont/ a
  b
12 z
if
endif
/\/x/ slash
/a$/ end $
"""
NETWORKS = """1.2.3.0/24 a
!1.0.0.0/8 b
if 10.0.0.0/8
10.1.0.0/16 c
endif
endif
1.2.3.4/24 host
1.2.3/24 x
1.2.3.4/x y
1.2.3.4/33 z
[::1] six
[2001:db8::]/32 db
[2001:db8::/33] db
[::1 q
[::1]x q
foo bar
1.2.3.4
if
endif x
IF 6.0.0.0/8
0.0.0.0/0 all
"""
INLINE = ("inline:{a=b}", "inline:{ a = b , c=d }", "inline:{ {a = b c} }", "inline:{}", "inline:x", "inline:{a}", "inline:{{a}=b}", "inline:{{a=b} x}", "inline:{A=b}", "inline:{a=b}x",
          "unionmap:{static:a,static:b}", "unionmap:{inline:{a=1},inline:{b=2}}", "unionmap:{}", "unionmap:{x}", "pipemap:{inline:{a=b},inline:{b=c}}", "pipemap:{inline:{a=b},fail:x}",
          "randmap:{x}", "randmap:{}", "cidr:{{1.2.3.0/24 x}}", "regexp:{{/a/ b}}", "regexp:{{/a/ b", "regexp:{/a/ b}", "pcre:{{/a/ b} {/b/ c}}", "static:{ x y }", "static:{x", "static:{x}y",
          "unix:passwd.byname", "unix:nonsense", "environ:x", "internal:x")


def run(t):
    t.file("/w/r", RULES); t.file("/w/n", NETWORKS)
    for kind in ("regexp", "pcre"):
        t.title(kind); t.sh(f"postmap -q nothing {kind}:/w/r")
        t.sh(f"for q in aab AAB b x xy xyz xa xb cont pipe /x end; do echo \"$q: $(postmap -q $q {kind}:/w/r 2>/dev/null)\"; done")
    t.title("cidr"); t.sh("postmap -q nothing cidr:/w/n")
    t.sh("for q in 1.2.3.9 2.2.2.2 10.1.1.1 10.2.2.2 ::1 2001:db8::5 2001:0db8:0::5 6.1.1.1 9.9.9.9 1.2.3; do echo \"$q: $(postmap -q $q cidr:/w/n 2>/dev/null)\"; done")
    t.title("without a file")
    for spec in INLINE: t.sh(f"postmap -q a '{spec}'")
    t.title("parts of a message"); t.file("/w/any", "/./ [x]\n")
    message = 'From: a\nTo: b\n c\nSubject : s\nContent-Type: multipart/mixed; boundary="q"\n\nbody1\n--q\nContent-Type: text/plain\n\npart one\n--q\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner body\n--q--\nend\n'
    for o in ("-h", "-b", "-hb", "-hm", "-bm", "-hbm", "-m"): t.sh(f"postmap {o} -q - regexp:/w/any", stdin=message)
