"""postconf -C, -p, and the warnings about names that nothing reads: in main.cf, master.cf, tables and restriction classes."""


def run(t):
    t.file("extra.cf", "hosts = localhost\nuser = me\nquery = SELECT 1\n")
    t.file("main.cf", "compatibility_level = 3.6\nmyhostname = mail.example.test\nunused = 1\nused = $myhostname\nmore = $used\nsmtpd_restriction_classes = mine, other\nmine = permit\nother = reject\nsmtpd_client_restrictions = mine\n"
           "virtual_alias_maps = ldap:ours, mysql:/etc/postfix/extra.cf\nours_server_host = x\nours_nosuch = y\nfoo_destination_concurrency_limit = 3\ntransport_maps = texthash:/etc/postfix/$more\nsmtp_destination_rate_delay = 1s\nlocal_delivery_slot_cost=4\n"
           "mua_client_restrictions = permit\nnever_used_in_master = $own\n")
    t.master("foo unix - - n - - smtp -o smtp_helo_name=$myhostname -o unknown_name=1\nbar inet n - n - - smtpd -o smtpd_client_restrictions=$mua_client_restrictions -o mua_own=2")
    for c in ("-n", "-C user", "-C service", "-nC service", "-C builtin -h unused", "-C user,service -n", "-C all -n", "-n -C builtin", "-p", "-M foo/unix", "-P", "-Px foo/unix", "-d -C user", "-C user mine", "-h mine unused", "unused nosuchname", "-x more"):
        t.sh(f"postconf {c} 2>/tmp/e >/tmp/out; sort /tmp/e; head -40 /tmp/out | grep -v 'smtp_\\|lmtp_\\|relay_\\|retry_\\|error_\\|virtual_\\|local_\\|discard_' | sort | head -25")
