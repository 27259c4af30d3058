"""postmap and postalias: options alone and together that the other scenarios do not show: -h, -b, -m, -u, -v, -c, several tables, standard input."""
MAIL = "From: a@b.example\nSubject: x\n folded\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=q\n\npreamble\n--q\nContent-Type: text/plain\n\nbody a\n--q\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody b\n--q--\n"


def run(t):
    t.sh("mkdir /w", quiet=True); t.file("/w/t", "a 1\nb 2\nA@B.example 3\n"); t.file("/w/re", "/^Subject: (.*)/ REJECT $1\n/^Content-Type/i WARN type\n/body/ HOLD\n/^a$/ ONE\n"); t.file("/w/m", MAIL)
    def say(c, **kw): t.sh("cd /w; " + c, **kw)
    for o in ("-h", "-b", "-hm", "-bm", "-hb", "-m", "-hbm", "-hq -", "-bmq -", "-hmq -", "-hbmq - -v 2>/dev/null"): say(f"postmap {o} {'' if 'q' in o else '-q -'} regexp:re < m")
    for c in ("-q a static:1 inline:{a=2}", "-q c static:1 inline:{a=2}", "-q c inline:{a=2} inline:{c=3}", "-q - inline:{a=2} < t", "-q '' inline:{a=2}", "-s inline:{a=2}", "-u -q A@B.example hash:t", "-N -q a hash:t", "-n -q a hash:t", "-c /no/such t", "-c /etc/postfix -q a inline:{a=2}", "-v -q a inline:{a=2} 2>/dev/null", "-r -i hash:t < t", "-i hash:new < t", "-ri hash:t hash:u < t", "-w -i hash:t < t", "-d a inline:{a=2}", "-o hash:t", "-p hash:t", "-f -q A hash:t", "-q a hash:t:x", "-q a nosuch:t", "hash:", ":", "-q a texthash:t", "-q b texthash:t", "-bF -q - regexp:re", "-F -h -q - regexp:re", "-F hash:t", "-q 1.2.3.4 cidr:{{1.2.3.0/24 net}}", "pipemap:{inline:{a=b},inline:{b=c}}", "-q a 'pipemap:{inline:{a=b},inline:{b=c}}'", "-q a 'unionmap:{inline:{a=b},static:c}'", "-q a 'randmap:{z}'", "-q root unix:passwd.byname", "-q nosuch unix:passwd.byname", "-q a environ:", "-q PATHX environ:"): say(f"postmap {c}")
    t.file("/w/al", "A: b\n: c\nd\ne: |\"/bin/x y\", /w/f, :include:/w/l\nf:\ng: h,\n i\nA: c\n")
    for c in ("hash:al", "-w hash:al", "-f hash:al", "-n hash:al", "-N hash:al", "-q a hash:al", "-q A hash:al", "-fq A hash:al", "-d a hash:al", "-d a hash:al", "-i hash:al < al", "-ri hash:al < al", "-o hash:al", "-p hash:al", "-u hash:al", "-v hash:al 2>/dev/null", "-F hash:al", "-c /no/such al", "", "-x", "hash:nosuch", "btree:al", "-q e btree:al", "-q @x btree:al", "-q - btree:al < t"): say(f"postalias {c}", sort=c.startswith("-s"))
    say("chmod 600 t; postmap -q a hash:t; postmap -q a texthash:t", user="alice")
