"""postconf -M, -F and -P: services, their columns and parameters shown, changed, commented out and removed; patterns."""


def run(t):
    t.file("master.cf", "# head\nsmtp inet n - n - - smtpd\n  -o a=1 -o { b = x y }\n# inside\n  -v\nsubmission inet n - n - - smtpd -o syslog_name=postfix/$service_name\n\npickup unix n - n 60 1 pickup\n"
           "cleanup unix n - n - 0 cleanup\nmaildrop unix - n n - - pipe flags=DRXhu user=vmail\n    argv=/usr/bin/maildrop -d ${recipient} -o x=y\n127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_client_restrictions=permit_mynetworks,reject\n  -o mynetworks=127.0.0.0/8\n")
    show = "cat /etc/postfix/master.cf"
    t.title("show")
    for c in ("-M", "-Mf", "-M smtp", "-M smtp/inet", "-M inet", "-M */unix", "-M nosuch/unix", "-F", "-F */unix/command", "-F smtp/inet", "-Fh smtp/inet/private", "-F smtp/inet/nosuch", "-P", "-P smtp/inet", "-P smtp/inet/a",
              "-Ph */inet/syslog_name", "-Px submission/inet", "-PH */inet", "-Mx submission/inet", "-o a=2 -P smtp/inet"):
        t.sh(f"postconf {c.replace('*', chr(92) + '*')} 2>/tmp/e; sort /tmp/e")
    t.title("change a service"); t.sh(f"postconf -M 'new/unix=new unix - - n - 3 pipe flags=R argv=/bin/x -o y'; postconf -Me 'pickup/unix=pickup unix n - - 30 1 pickup -v'; {show}")
    t.title("columns"); t.sh(f"postconf -F smtp/inet/maxproc=7 '\\*/unix/chroot=y' smtp/inet/command='smtpd -v -o q=r'; {show}")
    t.title("parameters"); t.sh(f"postconf -P smtp/inet/a=2 submission/inet/smtpd_tls_security_level=encrypt 'pickup/unix/x=a b { c }'; {show}; postconf -PX 127.0.0.1:10025/inet/mynetworks; postconf -P submission/inet/nosuch 2>/dev/null; {show} | tail -3")
    t.title("away"); t.sh(f"postconf -M# submission/inet; postconf -MX new/unix nosuch/unix; postconf -MX '\\*/inet'; {show}")
    t.title("refused")
    for c in ("-Me smtp=x", "-Me smtp/inet=smtp inet", "-Me 'smtp/inet=smtp tcp n - n - - smtpd'", "-Me a/b/c=d", "-Fe smtp/inet=x", "-Fe smtp/inet/nosuch=x", "-Fe pickup/unix/private=x", "-Fe pickup/unix/maxproc=many", "-Fe 'pickup/unix/*=x'", "-Fe pickup/unix/service=",
              "-Pe pickup/unix=x", "-PX pickup/unix", "-M -F", "-MX", "-M# a/b=c", "-FX pickup/unix/maxproc", "-F# pickup/unix/maxproc"):
        t.sh(f"postconf {c}")
