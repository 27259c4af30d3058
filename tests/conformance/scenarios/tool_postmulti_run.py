"""postmulti(1): postfix(1) on all instances, deport, destroy, import."""


def run(t):
    t.file("main.cf.proto", "compatibility_level = 3.6\n#myhostname = x\nqueue_directory = /var/spool/postfix\nmail_owner = postfix\n")
    t.file("master.cf.proto", "".join(line + "\n" for line in (
        "smtp inet n - n - - smtpd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "postlog unix-dgram n - n - 1 postlogd")))
    main = "grep -E '^(multi|alternate)' /etc/postfix/main.cf | sort"

    def say(command):
        # Postfix has changed its mind about standard error without a terminal.
        t.logs.clear(); t.sh(command + (" 2>/dev/null" if ";" not in command else "")); t.log(r"postmulti")
    # Two instances made by hand: Postfix waits seconds between changes of one main.cf.
    t.sh("for i in a c; do mkdir -p /etc/postfix-$i /var/spool/postfix-$i /var/lib/postfix-$i; chown postfix /var/lib/postfix-$i; cp /etc/postfix/main.cf /etc/postfix/master.cf /etc/postfix-$i; sed -Ei '/^(queue|data)_dir/d' /etc/postfix-$i/main.cf; "
         "printf '%s\\n' multi_instance_name=postfix-$i queue_directory=/var/spool/postfix-$i data_directory=/var/lib/postfix-$i master_service_disable=inet syslog_name=$i >> /etc/postfix-$i/main.cf; done; "
         "printf '%s\\n' multi_instance_enable=yes multi_instance_group=in >> /etc/postfix-a/main.cf")
    t.main(multi_instance_enable="yes", multi_instance_wrapper="${command_directory}/postmulti -p --", multi_instance_directories="/etc/postfix-c /etc/postfix-a")
    t.title("postfix"); t.sh("postfix start; for i in postfix postfix-a postfix-c; do test -e /var/spool/$i/pid/master.pid && echo $i has run; done")
    t.sh("postmulti -p status; postfix -c /etc/postfix-a status; postmulti -i a -p stop; postfix status; postfix stop; postfix start-fg")
    t.title("away"); say("postmulti -e deport -i a"); t.sh("postmulti -e disable -i a; postmulti -e deport -i a; postmulti -e destroy -i /etc/postfix-c")
    t.sh(f"postmulti -l; {main}; ls -d /etc/postfix-a; ls -d /etc/postfix-c /var/spool/postfix-c /var/lib/postfix-c; postmulti -e import -I postfix-z config_directory=/etc/postfix-a; postmulti -l; {main}")
