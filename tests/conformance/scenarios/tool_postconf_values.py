"""postconf -x: how values are expanded: conditions, comparisons, quotes, loops, and names that are not there."""


def run(t):
    values = {
        "a": "1", "empty": "", "b": "$a${a}$(a)", "c": "${a?yes}${empty?no}${nosuch?no}", "d": "${a:no}${empty:yes}${nosuch:yes}", "e": "${a?{x y}:{z}}${empty?{x}:{ z }}", "f": "$$a $${a}", "g": "${b?$a}", "h": "${a?{${empty?{1}:{2}}}:{3}}",
        "i": "${{$a}=={1}?{eq}:{ne}} ${{$a}!={1}?{ne}} ${{5}<{10}?{less}:{more}} ${{5}<={5}?{le}} ${{abc}<{abd}?{lt}} ${{2}>{10}?{gt}:{not}} ${{x}>={x}?{ge}}", "j": "${{3.10} >=level {3.9} ? {yes} : {no}} ${{3.6} <level {3.5}?{a}:{b}} ${{$compatibility_level} ==level {3.6} ? {same} : {other}}",
        "k": "{ $a } {$b}", "m": "${a?{$b}:{$c}} tail", "n": "$a.$b-$c_d", "o": "${myhostname}", "q": "$mydestination", "loop1": "x$loop2", "loop2": "y$loop1", "self": "$self",
        "bad1": "${a", "bad2": "$(a", "bad3": "${}", "bad4": "${a?{x}", "bad5": "${a?{x}:y}", "bad6": "${{1}=={1}}", "bad7": "$", "bad8": "${a b}", "bad9": "${{1}~{1}?{x}}",
    }
    good = {name: value for name, value in values.items() if not name.startswith(("loop", "self", "bad"))}
    main = "compatibility_level = 3.6\nmyhostname = mail.example.test\n"
    t.file("main.cf", main + "".join(f"{name} = {value}\n" for name, value in good.items()))
    t.sh("postconf -hx " + " ".join(good) + " 2>/tmp/e; sort /tmp/e"); t.sh("postconf -h " + " ".join(good) + " 2>/dev/null")
    for name in values:
        if name not in good:
            t.file("main.cf", main + "a = 1\n" + "".join(f"{other} = {values[other]}\n" for other in ({"loop1", "loop2"} if name.startswith("loop") else {name})))
            t.sh(f"postconf -hx {name} 2>/tmp/e; sort /tmp/e")
    t.file("main.cf", main); t.sh("postconf -hx -o 'myhostname=$mydomain' -o mydomain=d.test myhostname mydestination myorigin; postconf -o x='${nosuch?' -xh x; postconf -o novalue -h x; postconf -o '=x' -h x; postconf -o 'my host=x' -h x")
