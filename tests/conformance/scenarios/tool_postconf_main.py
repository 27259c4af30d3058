"""postconf on main.cf: -e in all forms, -X, -#, comments and continued lines kept, several entries, -h, -H, -f, -x, -o, -n, -d."""


def run(t):
    t.file("main.cf", "compatibility_level = 3.6\n# a comment\nmydestination = a,\n  b,\n# inside\n  c\n\nrelayhost=[x]:25\nown = $relayhost/${nosuch?{no}:{else}}\nowner = $own ${own:none} ${nosuch?x} $$y $(relayhost)\nrelayhost = [y]\n  \ninet_protocols = ipv4\n"
           "smtpd_client_restrictions = " + ", ".join(f"check_client_access inline:{{ {i}.example.test=OK }}" for i in range(6)) + "\nlast = 1\n")
    t.title("show")
    for c in ("-n", "-nf", "-nh relayhost own", "-nH", "-nx own owner", "-x owner", "-h mydestination nosuch", "-d relayhost mydestination own", "-n -o relayhost=z own=1 relayhost own", "-hx own", "relayhost mydestination", "-f smtpd_client_restrictions", "-c /etc/postfix -nh last", "-c /nonexistent -n"):
        t.sh(f"postconf {c} 2>/tmp/e; grep -v 'line [0-9]*: overriding' /tmp/e | sort")
    show = "cat /etc/postfix/main.cf"
    t.title("edit"); t.sh(f"postconf -e relayhost=z; {show}"); t.sh(f"postconf mydestination='new  value' brandnew=1 brandnew=2; {show}"); t.sh(f"postconf ' spaced = 3 '; {show}")
    t.title("comment out"); t.sh(f"postconf -e 'mydestination = a'; sed -i 's/^mydestination = a$/mydestination = a,\\n  b/' /etc/postfix/main.cf; postconf -# own brandnew nosuch; {show}")
    t.title("remove"); t.sh(f"postconf -X owner nosuch smtpd_client_restrictions; {show}")
    t.title("refused")
    for c in ("-e", "-e relayhost", "-e =x", "-e '#x=y'", "-e 'a b=c'", "-X relayhost=x", "-X ''", "-# '# x'", "-e \"$(printf 'a=b\\nc=d')\"", "-n -d", "-e -X a", "-n -e a=b", "-f -e a=b", "-h -H", "-x -e a=b", "-d -o a=b", "-o x -n", "-C nosuch", "-T nosuch", "-l -m", "-a -b"):
        t.sh(f"postconf {c}")
