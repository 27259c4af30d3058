"""proxy: tables that may be read and written through proxymap(8) and those that may not: postmap, verify, smtpd."""


def run(t):
    t.file("good", "alice@v.test alice\n"); t.file("bad", "bob@v.test bob\n")
    db = "/var/lib/postfix/"
    t.main(virtual_alias_domains="v.test", virtual_alias_maps="proxy:texthash:/etc/postfix/good", relocated_maps="unionmap:{proxy:static:moved, proxy:proxy:inline:{a=b}}",
           proxy_write_maps=f"proxy:btree:{db}may $address_verify_map", address_verify_map=f"proxy:btree:{db}probes", smtpd_client_restrictions="",
           smtpd_sender_restrictions="reject_unverified_sender", unverified_sender_reject_code=550, address_verify_poll_count=3, address_verify_poll_delay="1s")
    t.start()
    t.title("listed by itself")
    s = t.smtp(); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<alice@v.test>")
    for to in ("alice@v.test", "bob@v.test"): s.cmd(f"RCPT TO:<{to}>")
    s.cmd("QUIT"); s.close(); t.log("warning: |reject", drop=("proxymap",))
    ask = lambda what: t.sh(what + " 2>&1 | sed 's/query error: .*/query error/'")
    t.title("in postmap"); t.logs.clear()
    for spec in ("proxy:texthash:/etc/postfix/good", "proxy:proxy:texthash:/etc/postfix/good", "proxy:texthash:/etc/postfix/bad", "proxy:static:moved", "proxy:static:elsewhere", "proxy:static", "proxy:", "proxy:nonsense:x"):
        ask(f"postmap -q alice@v.test {spec}")
    t.log("warning: ", sort=True)
    t.file(f"{db}may", "k v\nl w\n"); t.sh(f"chown postfix:postfix {db}may; postmap btree:{db}may; cp -p {db}may {db}may_not; cp -p {db}may.db {db}may_not.db", quiet=True)
    t.title("to be written"); t.logs.clear()
    for spec in (f"proxy:btree:{db}may", f"proxy:btree:{db}may_not", "proxy:texthash:/etc/postfix/good"):
        ask(f"postmap -q k {spec}")
        for key in ("k", "k", "K", "none"): ask(f"postmap -d {key} {spec}; echo $?")
    ask("postmap -s proxy:texthash:/etc/postfix/good")
    for name in ("may", "may_not"): ask(f"postmap -s btree:{db}{name}")
    ask(f"ls -l {db} | grep -E ' may' | awk '{{print $1, $3, $4, $9}}'")
    ask("postmap proxy:btree:/etc/postfix/good"); ask("postmap proxy:texthash:/etc/postfix/good"); ask("postalias -q alice proxy:texthash:/etc/postfix/bad")
    t.log("warning: ", sort=True)
