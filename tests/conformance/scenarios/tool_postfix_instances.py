"""postfix(1) with multi_instance_directories: no wrapper, postfix-wrapper, a program of one's own, -c and MAIL_CONFIG; commands as paths."""


def run(t):
    def say(command):
        t.logs.clear(); t.sh(command); t.log(r"(postfix-script|postfix)(\[|:)", drop=("reload -- version", "running: PID"))
    t.sh("mkdir -p /etc/postfix.two /var/spool/two /var/lib/two; cp /etc/postfix/main.cf /etc/postfix/master.cf /etc/postfix.two; chown postfix /var/lib/two; "
         "postconf -c /etc/postfix.two -e queue_directory=/var/spool/two data_directory=/var/lib/two syslog_name=two master_service_disable=inet multi_instance_name=postfix-two")
    t.main(multi_instance_directories="/etc/postfix.two"); t.title("no wrapper"); say("postfix status"); say("postfix -c /etc/postfix status"); say("MAIL_CONFIG=/etc/postfix.two postfix status")
    t.main(multi_instance_wrapper="$daemon_directory/postfix-wrapper"); t.title("the wrapper; neither is enabled"); say("postfix start"); say("postfix status")
    t.main(multi_instance_enable="yes"); t.sh("postconf -c /etc/postfix.two -e multi_instance_enable=yes"); t.title("enabled")
    for c in ("start", "status >/dev/null", "flush", "stop", "stop"): say(f"postfix {c}")
    t.file("mine", "#!/bin/sh\necho \"$@\"; echo $MAIL_CONFIG $command_directory $config_directory $queue_directory $data_directory $mail_owner $setgid_group\nexit 3\n"); t.sh("chmod 755 /etc/postfix/mine")
    t.main(multi_instance_wrapper="/etc/postfix/mine -x $mail_owner"); t.title("a program"); say("postfix check now"); t.main(multi_instance_wrapper="/no/such"); say("postfix check")
    t.title("paths"); t.sh("postfix -c /etc/postfix.two /bin/sh -c 'echo $queue_directory $data_directory $MAIL_CONFIG; pwd'; postfix -c /etc/postfix -- status")
