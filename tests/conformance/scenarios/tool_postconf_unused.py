"""postconf's warnings: parameters that nothing uses, in main.cf and in master.cf, overrides that do not work, values of odd forms."""


def run(t):
    t.main(mydestinaton="x", mine="y", other="$mine", unused="$other", used="b", relayhost="$used", class_a="reject", smtpd_restriction_classes="class_a class_b", virtual_alias_maps="ldap:myldap, mysql:my, pcre:/x", myldap_server_host="h", myldap_nosuch="i", my_hosts="$ref", ref="r", relay_destination_concurrency_limit="3", relay_nosuch="3", fallback_transport="ext:", ext_time_limit="5")
    t.master("x unix - - n - - smtp\n  -o nosuch=1 -o relayhost=$deep -o {deep = { a b }}\n  -o smtp_helo_name=${other}\ny unix - n n - - pipe user=alice argv=/bin/true ${recipient} $nosuch2"); t.file("bad", "a = b\n")
    for c in ("-n", "-nx", "-P", "-px relayhost", "-M x", "-Px"): t.sh(f"postconf {c} >/dev/null", sort=True)
    t.sh("postconf -h relayhost other", sort=True); t.sh("cd /etc/postfix; printf 'a\\nb c\\n= d\\n e\\n' >> main.cf; postconf -n > /dev/null", sort=True); t.sh("cd /etc/postfix; sed -i '/^a$/,$d' main.cf; printf 'loop1 = $loop2\\nloop2 = $loop1\\nbrace = ${unclosed\\nparen = $(x)\\nempty = ${}\\ncond = ${loop3?{a}:{b}}${mine?c}${loop3:d}${mine == y ? {e} : {f}}\\n' >> main.cf; for p in loop1 brace paren empty cond; do postconf -xh $p; done", sort=True)
    t.sh("cd /etc/postfix; printf 'x' >> main.cf; postconf -h mine; printf '\\n\\tmore\\n' >> main.cf; postconf -h mine; true")
