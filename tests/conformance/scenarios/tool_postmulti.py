"""postmulti(1): init, create, list, enable, assign, -x."""


def run(t):
    t.file("main.cf.proto", "compatibility_level = 3.6\n#myhostname = x\nqueue_directory = /var/spool/postfix\nmail_owner = postfix\n")
    t.file("master.cf.proto", "".join(line + "\n" for line in (
        "smtp inet n - n - - smtpd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "postlog unix-dgram n - n - 1 postlogd")))
    main = "grep -E '^(multi|alternate)' /etc/postfix/main.cf | sort"

    def say(command):
        # Postfix has changed its mind about standard error without a terminal.
        t.logs.clear(); t.sh(command + (" 2>/dev/null" if ";" not in command else "")); t.log(r"postmulti")
    t.title("before init"); say("postmulti -l"); say("postmulti -e create -I postfix-a"); say("postmulti -p status")
    t.title("init"); t.sh(f"postmulti -e init; {main}; postmulti -l")
    t.title("create")
    t.sh("postmulti -e create -I postfix-a -G in; grep -v daemon_dir /etc/postfix-a/main.cf | sort; ls -ld /var/spool/postfix-a /var/lib/postfix-a | awk '{print $1,$3,$4,$9}'")
    t.sh("postmulti -a -e create -I postfix-b queue_directory=/var/spool/b/ data_directory=/var/lib/b config_directory=/etc/postfix.b/")
    t.sh(f"postmulti -g in -e create -I postfix-c -G out; postmulti -l; postmulti -R -l -g in; postmulti -l -i -; {main}")
    t.title("enable and assign")
    t.sh("postmulti -e enable -i a; postmulti -e enable -i /etc/postfix.b; postmulti -e assign -i c -I - -G -; postmulti -l; postmulti -e disable -i b; postmulti -l -i b")
    t.title("-x"); t.sh("postmulti -x sh -c 'echo $MAIL_CONFIG $config_directory $queue_directory $data_directory [$multi_instance_name] [$multi_instance_group] $multi_instance_enable'; "
                        "postmulti -R -x postconf -h queue_directory; postmulti -i a -x false")
    say("postmulti -g nobody -x true"); say("postmulti -i a -x /no/such")
