"""postmulti(1): names, folders and command lines that are refused."""


def run(t):
    t.file("main.cf.proto", "compatibility_level = 3.6\n#myhostname = x\nqueue_directory = /var/spool/postfix\nmail_owner = postfix\n")
    t.file("master.cf.proto", "".join(line + "\n" for line in (
        "smtp inet n - n - - smtpd", "pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
        "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "postlog unix-dgram n - n - 1 postlogd")))

    def say(command):
        # Postfix has changed its mind about standard error without a terminal.
        t.logs.clear(); t.sh(command + (" 2>/dev/null" if ";" not in command else "")); t.log(r"postmulti")
    # Two instances made by hand: Postfix waits seconds between changes of one main.cf.
    t.sh("for i in a c; do mkdir -p /etc/postfix-$i /var/spool/postfix-$i /var/lib/postfix-$i; chown postfix /var/lib/postfix-$i; cp /etc/postfix/main.cf /etc/postfix/master.cf /etc/postfix-$i; sed -Ei '/^(queue|data)_dir/d' /etc/postfix-$i/main.cf; "
         "printf '%s\\n' multi_instance_name=postfix-$i queue_directory=/var/spool/postfix-$i data_directory=/var/lib/postfix-$i master_service_disable=inet syslog_name=$i >> /etc/postfix-$i/main.cf; done; "
         "printf '%s\\n' multi_instance_enable=yes multi_instance_group=in >> /etc/postfix-a/main.cf")
    t.main(multi_instance_enable="yes", multi_instance_wrapper="${command_directory}/postmulti -p --", multi_instance_directories="/etc/postfix-c /etc/postfix-a")
    t.title("names")
    for words in ("-e create -I b", "-e create -I postfix-a", "-e create -I postfix-x/y", "-e create -I 'postfix-x y'", "-e create -I postfix-x -G 'a b'",
                  "-e create", "-e create config_directory=rel", "-e create config_directory=/ -I postfix-x", "-e create myhostname=/x -I postfix-x",
                  "-e create -I postfix-x queue_directory=/var/spool/postfix-a", "-e create -i nobody -I postfix-x", "-e import queue_directory=/x",
                  "-e assign -i a -I postfix-c", "-e enable -i nobody", "-e enable", "-e destroy -i -"):
        say(f"postmulti {words}")
    t.title("command lines")
    for words in ("", "-l -p", "-l x", "-p", "-x -a -g b true", "-R -p status", "-l -I x", "-e enable -I x", "-e assign -i a", "-e destroy -i a x=y", "-e what", "-I a -I b -e create"):
        say(f"postmulti {words}")
    say("MAIL_CONFIG=/etc/postfix-a postmulti -l")
