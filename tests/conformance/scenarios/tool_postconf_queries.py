"""postconf: what each kind of question says: -b, -t, -m, -l, -a, -A, -C, -d, -n, -p, -x, -h, -H, -o, -f, and where they do not go together."""


def run(t):
    t.main(myorigin="$mydomain", relayhost="[a.example]", smtpd_helo_required="yes", my_own="x", other="$my_own $relayhost", smtpd_sender_restrictions="check_sender_access hash:/etc/postfix/a,\n  reject_unknown_sender_domain, permit_mynetworks, reject_non_fqdn_sender, reject_unlisted_sender, permit")
    for c in ("-A", "-l", "-h mydomain", "-H mydomain relayhost", "-hx myorigin", "-x myorigin", "-dx myorigin", "-d myorigin nosuch", "-n nosuch relayhost", "-p my_own other", "-px other", "-f smtpd_sender_restrictions", "-hf smtpd_sender_restrictions", "-nf smtpd_sender_restrictions", "-o relayhost=b relayhost", "-o relayhost", "-o relayhost=b -o relayhost=c -h relayhost", "-o 'x y' relayhost", "-xo my_own=z other",
              "-C builtin relayhost", "-C service virtual_destination_rate_delay", "-C user my_own other", "-C all my_own", "-C nosuch x", "-C user", "-C builtin,user my_own", "-c /no/such relayhost", "-c etc relayhost", "-v relayhost 2>/dev/null", "-dn relayhost", "-dp relayhost", "-d -e relayhost=x", "-n -e relayhost=x", "-b -e relayhost=x", "-b -t", "-m -l", "-M -P", "-#", "-X", "-e", "-MX", "-F -e", "-T nosuch", "-t /no/such", "-b /no/such", "-b a b", "-e 'bad'", "-e '=x'", "-e 'a b=c'", "-# 'a=b'", "-X 'a b'"): t.sh(f"postconf {c}")
    # The order of warnings is that of a hash table.
    t.sh("postconf -n | sort -c && postconf -n | cut -d= -f1 | sort | head -40"); t.sh("postconf -- -x relayhost"); t.sh("postconf relayhost -h")
