"""sendmail: all options, alone and where they do not go together, as users give them; newaliases and mailq."""
import re
def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"\b(?=[0-9A-F]*[0-9])[0-9A-F]{7,12}\b|\bQ\d+\b", "Q", re.sub(r"\bsize=\d+", "size=N", old(s)))
    t.start()
    M="printf 'Subject: x\\nTo: bob\\nBcc: alice@example.test\\n\\nhello\\n.\\nrest\\n' | "
    def go(cmd, user="alice"):
        t.logs.clear(); t.sh(cmd, user=user); t.drain(timeout=6); t.log("sendmail|postdrop|pickup|postqueue|postalias|to=|from=<")
    for c in ("sendmail -bv bob nosuch x@z.example", "sendmail -v bob", "sendmail -bv -v bob", "sendmail -bv -t", "sendmail -bv -N success bob", "sendmail -bv -R hdrs bob"): go(M + c)
    for c in ("sendmail bob", "sendmail -i bob", "sendmail -oi bob", "sendmail -f '' bob", "sendmail -f '<>' bob", "sendmail -r x@y.example bob", "sendmail -fx@y.example -F 'A \"B\" C' bob", "sendmail -t -i", "sendmail -t -i carol@example.test", "sendmail -N never -R full -V env123 bob", "sendmail -N bad -R bad -V 'x' bob", "sendmail -XV+= -f s@x.example bob", "sendmail -XV bob", "sendmail -XVab bob", "sendmail -V+= bob", "sendmail -XZ bob", "sendmail -B8BITMIME bob", "sendmail -B x bob", "sendmail -n bob", "sendmail -G bob", "sendmail -Am -Ac -bm -C /etc/postfix -d1 -e m -h 5 -L tag -m -o7 -o8 -oem -om -p x -U -x bob", "sendmail -O SMTPUTF8=yes -O DeliveryMode=b bob", "sendmail -O SMTPUTF8=x bob", "sendmail -O REQUIRETLS=yes bob", "sendmail -bz bob", "sendmail -Z bob", "sendmail -f", "sendmail", "sendmail -t -bp", "sendmail -- -x", "sendmail -f 'a@b, c@d' bob", "sendmail -C /nonexistent bob", "sendmail -bh", "sendmail -bH", "sendmail -qR", "sendmail -q -t", "sendmail -bd x", "sendmail -bp x", "sendmail -oA", "sendmail bob,alice 'carol (x)' '<bob@example.test>'", "sendmail ''"): go(M + c)
    t.file("al2", "a: b\n")
    for c in ("newaliases", "sendmail -bi", "sendmail -I", "newaliases x", "sendmail -oAhash:/etc/postfix/al2 -bi; ls /etc/postfix/al2*", "sendmail -bi -v -v 2>&1 | head -3", "newaliases -bp", "mailq", "mailq -q", "sendmail -bp"): go(c, user="root")
    go("newaliases")
